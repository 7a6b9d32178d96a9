package history

import (
	"context"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// fold folds events in, one after the other. With an error the place says how far it came.
func (r *Recorder) fold(ctx context.Context, events []event.Event) error {
	if err := r.room(ctx); err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		if e.Class() == event.Sample {
			if err := r.foldOne(ctx, e); err != nil {
				return err
			}
		}
		r.place = e.ID
	}
	if r.since >= writeAfter {
		_ = r.write(ctx) // what can't be written is tried again
	}
	return nil
}

// room writes and lets go of blocks where there are too many in memory, and returns an error where that does not help.
func (r *Recorder) room(ctx context.Context) error {
	if r.blocks <= r.most {
		return nil
	}
	err := r.write(ctx)
	r.letGo()
	r.letGo() // what was touched too
	if r.blocks <= r.most {
		return nil
	}
	return err
}

func (r *Recorder) foldOne(ctx context.Context, e *event.Event) error {
	v, any := measured(e)
	now, ms := r.now(), e.Time.UnixMilli()
	ahead := now.Add(Late).UnixMilli()
	if !any || ms < 0 || ms > ahead {
		return nil
	}
	k := id{e.Server, e.Type}
	s := r.series[k]
	if s != nil && s.newest > ahead { // our clock was ahead when it was folded in: it would keep all others out until then
		r.mu.Lock()
		s.newest = ms
		r.mu.Unlock()
	}
	if s != nil && ms < s.newest-Late.Milliseconds() || ms < now.Add(-r.keep[len(r.keep)-1]).UnixMilli() {
		return nil
	}
	if s == nil {
		r.mu.Lock()
		s = r.add(k)
		r.mu.Unlock()
		if s == nil {
			return nil
		}
	}
	for n := range levels {
		if ms < now.Add(-r.keep[n]).UnixMilli() {
			continue
		}
		l := &levels[n]
		where := at{n, floor(ms, l.span())}
		b, err := r.block(ctx, k, s, where)
		if err != nil {
			return err
		}
		r.mu.Lock()
		b.add(uint8(ms%l.span()/l.bucket), &v, e.ID)
		r.mu.Unlock()
	}
	r.mu.Lock()
	s.last, s.newest, s.dirty = e.ID, max(s.newest, ms), true
	r.mu.Unlock()
	r.since++
	return nil
}

// block returns a block to fold into, from the shelf where it may be there.
func (r *Recorder) block(ctx context.Context, k id, s *series, where at) (*block, error) {
	if b := s.blocks[where]; b != nil {
		return b, nil
	}
	b := &block{fields: s.fields}
	if where.start <= s.newest {
		key := where.key(k.name())
		got, err := r.log.GetBlocks(ctx, []journal.BlockKey{key})
		if err != nil {
			return nil, err
		}
		if got[0] != nil {
			if old, err := decodeBlock(got[0], key, s.fields); err == nil {
				b = old
			} else {
				r.sayDamaged(key.Drawer+" "+key.Name, err)
			}
		}
	}
	r.mu.Lock()
	s.blocks[where] = b
	r.mu.Unlock()
	r.blocks++
	return b, nil
}

// add makes a series, or returns nil where there are as many as are kept. Where all are taken, one that is not of the catalogue makes room
// for one that is: anybody may invent metrics, a hundred for each server he likes, and is not to take the charts of cards and pages from servers that come
// later. The caller holds both locks.
func (r *Recorder) add(k id) *series {
	_, known := fields[k.typ]
	full := len(r.series) >= MaxSeries
	if full || !known && r.types[k.server] >= MaxTypes {
		if !r.full {
			r.full = true
			r.logger.Warn("There are more metrics than history is kept of. Those that came last have none, but that metrics of the catalogue take the places of others.", "metrics", len(r.series), "server", k.server, "type", k.typ,
				"most of all servers", MaxSeries, "most of one server", MaxTypes)
		}
		if !known || full && !r.displace() {
			return nil
		}
	}
	s := &series{fields: len(Fields(k.typ)), blocks: make(map[at]*block), counted: !known}
	if s.counted {
		r.types[k.server]++
	}
	r.series[k] = s
	return s
}

// displace forgets a metric that is not of the catalogue: of the server that has most of them the one longest without a sample. It returns false
// where there is none. All who share a record choose the same. The caller holds both locks.
func (r *Recorder) displace() bool {
	server, most := "", 0
	for name, n := range r.types {
		if n > most || n == most && name < server {
			server, most = name, n
		}
	}
	var k id
	var oldest *series
	for of, s := range r.series {
		if s.counted && of.server == server && (oldest == nil || s.newest < oldest.newest || s.newest == oldest.newest && of.typ < k.typ) {
			k, oldest = of, s
		}
	}
	if oldest == nil {
		return false
	}
	r.remove(k, oldest)
	return true
}

// remove forgets a metric; its head goes when something is written. The caller holds both locks.
func (r *Recorder) remove(k id, s *series) {
	delete(r.series, k)
	r.gone[k] = true
	r.blocks -= len(s.blocks)
	if s.counted {
		if r.types[k.server]--; r.types[k.server] == 0 {
			delete(r.types, k.server)
		}
	}
}

package model

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// Bounds of a Keeper.
const (
	keptLines = 200     // the newest, of all servers
	keptTypes = 50_000  // of all servers together
	keptBytes = 4 << 20 // of a text
	keptLong  = 1 << 20 // of all events longer than MaxData, in memory
)

// Keeper holds the current picture as the stream would begin with it: the newest event of each server and type, and the
// newest lines. Of samples and lines longer than MaxData it holds none, and of other events that long so many in whole as are
// keptLong; of those beyond that, that they were. What it writes Load reads, in another life of the page. The zero Keeper is empty.
type Keeper struct {
	newest map[keptKey]*event.Event
	long   int           // bytes of what newest holds that is longer than MaxData
	lines  []event.Event // a ring
	next   int           // in lines
	place  event.ID
	whole  bool
	sync   event.Sync
	rev    uint64
}

type keptKey struct{ server, typ string }

// Rev rises whenever there is something new to keep.
func (k *Keeper) Rev() uint64 { return k.rev }

// Update takes note of what came. It keeps nothing of the batch's memory.
func (k *Keeper) Update(b feed.Batch) {
	for _, e := range b.Events {
		switch {
		case e.Class() == event.Control:
			k.control(e)
		case e.Class() == event.State: // however long it is, or an older one of its server would be taken for its last word
			k.put(e)
		case len(e.Data) > MaxData:
		case e.Class() == event.Line:
			k.line(e)
		default:
			k.put(e)
		}
	}
	if len(b.Events) > 0 {
		k.rev++
	}
	if !b.Place.IsZero() {
		k.place = b.Place
	}
}

func (k *Keeper) control(e event.Event) {
	switch e.Type {
	case event.StreamSync.Name():
		p, _ := event.StreamSync.Decode(e.Data)
		k.sync = p
		if p.Mode != event.SyncResumed {
			rev := k.rev
			*k = Keeper{sync: p, rev: rev}
		}
	case event.StreamReset.Name():
		*k = Keeper{sync: k.sync, rev: k.rev}
	case event.StreamHeartbeat.Name():
		k.whole = true
	}
}

func (k *Keeper) line(e event.Event) {
	if len(k.lines) < keptLines {
		k.lines = append(k.lines, event.Event{})
		k.next = len(k.lines) - 1
	}
	old := &k.lines[k.next]
	e.Data = append(old.Data[:0], e.Data...)
	*old = e
	k.next = (k.next + 1) % keptLines
}

func (k *Keeper) put(e event.Event) {
	key := keptKey{e.Server, e.Type}
	old := k.newest[key]
	if old == nil {
		if len(k.newest) >= keptTypes {
			return
		}
		if k.newest == nil {
			k.newest = make(map[keptKey]*event.Event)
		}
		old = new(event.Event)
		k.newest[key] = old
	}
	if cap(old.Data) > MaxData {
		k.long -= cap(old.Data)
		old.Data = nil
	}
	if len(e.Data) > MaxData && k.long+len(e.Data) > keptLong {
		e.Data = bare(e)
	}
	e.Data = append(old.Data[:0], e.Data...)
	if cap(e.Data) > MaxData {
		k.long += cap(e.Data)
	}
	*old = e
}

// bare returns the data of an event of which no more is kept than that it was.
func bare(e event.Event) []byte {
	b, _ := json.Marshal(struct {
		Time   string `json:"timestamp"`
		Server string `json:"serverId"`
	}{e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), e.Server})
	return b
}

// AppendStream appends the picture as a stream's beginning, made at that time by the server's clock; nothing, and false, while
// there is no whole picture.
func (k *Keeper) AppendStream(b []byte, at time.Time) ([]byte, bool) {
	if !k.whole {
		return b, false
	}
	all := make([]*event.Event, 0, len(k.lines)+len(k.newest))
	for i := range k.lines {
		all = append(all, &k.lines[i])
	}
	for _, e := range k.newest {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *event.Event) int { return a.ID.Compare(b.ID) })
	at = at.UTC().Truncate(time.Millisecond)
	sync := k.sync
	sync.Mode, sync.After, sync.Reason, sync.Place, sync.ServerTime = event.SyncFresh, event.ID{}, "", k.place, at
	out, err := event.StreamSync.AppendFrame(b, event.ID{}, sync)
	if err != nil {
		return b, false
	}
	size := 0
	for i := len(all); i > 0; i-- { // the newest, if not all
		if size += len(all[i-1].Data); size > keptBytes {
			all = all[i:]
			break
		}
	}
	for _, e := range all {
		out = event.AppendFrame(out, *e)
	}
	out, err = event.StreamHeartbeat.AppendFrame(out, k.place, event.Heartbeat{ServerTime: at, Place: k.place})
	return out, err == nil
}

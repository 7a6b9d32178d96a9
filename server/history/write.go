package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// keepWriting writes what changed once a minute until ctx ends, unless another instance does.
func (r *Recorder) keepWriting(ctx context.Context) {
	tick := time.NewTicker(writeEvery - rand.N(writeEvery/10)) // so that instances do not go in step
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		r.working.Lock()
		if r.loaded {
			err := r.writeUnlessOthers(ctx)
			if err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
				r.failed(err)
			}
		}
		r.working.Unlock()
	}
}

// writeUnlessOthers writes, unless another instance has since this one last looked, and tidies up.
func (r *Recorder) writeUnlessOthers(ctx context.Context) error {
	if r.blocks > 0 || r.since > 0 {
		before := r.mark
		mark, err := r.log.Mark(ctx)
		if err != nil {
			return err
		}
		if mark != before && before.Epoch == mark.Epoch {
			r.written(mark)
			r.failing = false
		} else if err := r.write(ctx); err != nil {
			return err
		}
		r.letGo()
	}
	return r.tidy(ctx)
}

// write puts on the shelf what is newer here than there, and the place it is made up to with the last of it.
func (r *Recorder) write(ctx context.Context) error {
	made := r.place
	r.since = 0 // where it fails, it is not tried again with every batch
	var part []journal.Block
	size, any := 0, false
	put := func(b journal.Block) error {
		any = true
		if size += len(b.Name) + len(b.Value); size > r.part && len(part) > 0 {
			if err := r.log.PutBlocks(ctx, made, false, part); err != nil {
				return err
			}
			part, size = part[:0], len(b.Name)+len(b.Value)
		}
		part = append(part, b)
		return nil
	}
	err := func() error {
		for k := range r.gone {
			if r.series[k] == nil { // it has not come back
				if err := put(journal.Block{BlockKey: journal.BlockKey{Drawer: heads, Name: k.name()}}); err != nil {
					return err
				}
			}
		}
		for k, s := range r.series { // nobody changes it: working is held
			for where, b := range s.blocks {
				if b.dirty {
					key := where.key(k.name())
					if err := put(journal.Block{BlockKey: key, Value: b.encode(key)}); err != nil {
						return err
					}
				}
			}
		}
		// The heads go last: until the mark moves, what they say is read again.
		for k, s := range r.series {
			if s.dirty {
				key := journal.BlockKey{Drawer: heads, Name: k.name()}
				if err := put(journal.Block{BlockKey: key, Value: s.encode(key)}); err != nil {
					return err
				}
			}
		}
		if !any {
			return nil
		}
		return r.log.PutBlocks(ctx, made, true, part)
	}()
	if errors.Is(err, journal.ErrBehind) {
		// Another instance was faster. Or this record has begun anew, which following it will tell.
		mark, merr := r.log.Mark(ctx)
		if merr != nil {
			return merr
		}
		if mark.Epoch != made.Epoch {
			return nil
		}
		made, err = mark, nil
	}
	if err != nil {
		return err
	}
	r.failing = false
	clear(r.gone)
	r.written(made)
	return nil
}

// written takes note that all up to the mark is on the shelf, and nothing after it: a Redis that was put back has less than was written.
func (r *Recorder) written(mark event.ID) {
	r.mark = mark
	note := func(dirty *bool, last event.ID) {
		if last.Epoch == mark.Epoch {
			*dirty = last.Seq > mark.Seq
		}
	}
	for _, s := range r.series { // nobody else looks at what is dirty
		note(&s.dirty, s.last)
		for _, b := range s.blocks {
			note(&b.dirty, b.last)
		}
	}
}

// letGo lets go of blocks that are on the shelf and have not been touched since it was called last.
func (r *Recorder) letGo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.series {
		for where, b := range s.blocks {
			if !b.dirty && !b.touched {
				delete(s.blocks, where)
				r.blocks--
			}
			b.touched = false
		}
	}
}

// tidy rids the shelf of what is too old, now and then.
func (r *Recorder) tidy(ctx context.Context) error {
	now := r.now()
	if now.Sub(r.tidied) < tidyEvery {
		return nil
	}
	for n := range levels {
		l := &levels[n]
		if oldest := now.Add(-r.keep[n]).UnixMilli(); oldest > 0 {
			if err := r.log.DropDrawers(ctx, drawer(n, 0), drawer(n, floor(oldest, l.span()))); err != nil {
				return err
			}
		}
	}
	r.tidied = now
	r.drop(now.Add(-r.keep[len(r.keep)-1]).UnixMilli())
	return nil
}

// drop forgets metrics of which nothing is left. Their heads go when something is written.
func (r *Recorder) drop(oldest int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, s := range r.series {
		if s.newest < oldest && !s.dirty && len(s.blocks) == 0 {
			r.remove(k, s)
			r.full = false
		}
	}
}

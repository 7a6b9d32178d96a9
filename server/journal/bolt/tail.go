package bolt

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// recent holds the newest events in memory. Events in the list are never changed or moved to another place in it, so
// slices of it are handed out; a longer or shorter list may be a new one.
type recent struct {
	head atomic.Uint64 // newest place that readers may see

	mu     sync.Mutex // guards what follows
	events []event.Event
	bytes  int           // of events
	max    int           // bytes
	first  uint64        // place of events[0], or of the next event when there is none; the places have no holes
	grown  chan struct{} // closed at the next add
}

// eventOverhead is what an event takes in memory besides its Data.
const eventOverhead = 128

func (r *recent) init(head uint64, limit int) {
	r.head.Store(head)
	r.first, r.max = head+1, limit
	r.grown = make(chan struct{})
}

// add shows committed events to the readers.
func (r *recent) add(events []event.Event) {
	if len(events) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	for i := range events {
		r.bytes += len(events[i].Data) + eventOverhead
	}
	if r.bytes > r.max {
		r.shorten()
	}
	r.head.Store(events[len(events)-1].ID.Seq)
	close(r.grown)
	r.grown = make(chan struct{})
}

// shorten forgets the older half, and copies the newer so that the memory of the older can go.
func (r *recent) shorten() {
	n := 0
	for keep := r.bytes; n < len(r.events)-1 && keep > r.max/2; n++ {
		keep -= len(r.events[n].Data) + eventOverhead
	}
	r.drop(n)
}

func (r *recent) drop(n int) {
	for i := range r.events[:n] {
		r.bytes -= len(r.events[i].Data) + eventOverhead
	}
	r.first += uint64(n)
	rest := r.events[n:]
	r.events = append(make([]event.Event, 0, 2*len(rest)), rest...)
}

// forget drops all events up to a place: some of them are trimmed, the others are read from the file.
func (r *recent) forget(to uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to >= r.first {
		r.drop(min(int(to-r.first)+1, len(r.events)))
	}
}

// after returns all events after a place, or a channel that is closed when there are some. Behind reports that the
// next one is no longer in memory.
func (r *recent) after(seq uint64) (events []event.Event, grown <-chan struct{}, behind bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq+1 < r.first {
		return nil, nil, true
	}
	if n := seq + 1 - r.first; n < uint64(len(r.events)) {
		return slices.Clip(r.events[n:]), nil, false
	}
	return nil, r.grown, false
}

// Tail implements journal.Log.
func (l *Log) Tail(ctx context.Context, after event.ID, fn func([]event.Event) error) error {
	if err := l.alive(ctx); err != nil {
		return err
	}
	if err := l.reachable(after, l.recent.head.Load()); err != nil {
		return err
	}
	for {
		if err := l.alive(ctx); err != nil {
			return err
		}
		events, grown, behind := l.recent.after(after.Seq)
		if behind {
			head := l.recent.head.Load()
			page, err := l.page(ctx, journal.Query{After: after, AcrossTrimmed: true}, head, head)
			if err != nil {
				return err
			}
			events, after = page.Events, page.Next
		} else if len(events) > 0 {
			after = events[len(events)-1].ID
		}
		if len(events) > 0 {
			if err := fn(events); err != nil {
				return err
			}
			continue
		}
		if behind {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-l.closing:
		}
	}
}

package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// ring holds the newest events in memory, for all Tails that keep up; the follower fills it. Events in the list are never changed
// or moved to another place in it, so slices of it are handed out; a longer or shorter list may be a new one.
type ring struct {
	mu     sync.Mutex // guards all
	life   uint64     // rises when the list is begun anew: places known before must be looked up
	epoch  uint32
	from   uint64 // every event after this place, up to to, is in the list, or trimmed
	to     uint64
	events []event.Event
	bytes  int // of events
	max    int // bytes
	grown  chan struct{}
}

// eventOverhead is what an event takes in memory besides its Data.
const eventOverhead = 160

func (r *ring) init(epoch uint32, head uint64, limit int) {
	r.epoch, r.from, r.to, r.max = epoch, head, head, limit
	r.grown = make(chan struct{})
}

// at returns where the list ends.
func (r *ring) at() (epoch uint32, to uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch, r.to
}

// add appends events, up to a place up to which there are no others.
func (r *ring) add(events []event.Event, to uint64) {
	if to <= r.to {
		return // only the follower changes it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	for i := range events {
		r.bytes += len(events[i].Data) + eventOverhead
	}
	r.to = to
	if r.bytes > r.max {
		n := 0
		for keep := r.bytes; n < len(r.events)-1 && keep > r.max/2; n++ {
			keep -= len(r.events[n].Data) + eventOverhead
		}
		r.drop(n)
	}
	r.ring()
}

func (r *ring) ring() {
	close(r.grown)
	r.grown = make(chan struct{})
}

// drop forgets the first n, and copies the others so that their memory can go.
func (r *ring) drop(n int) {
	if n == 0 {
		return
	}
	for i := range r.events[:n] {
		r.bytes -= len(r.events[i].Data) + eventOverhead
	}
	r.from = r.events[n-1].ID.Seq
	rest := r.events[n:]
	r.events = append(make([]event.Event, 0, 2*len(rest)), rest...)
}

// forget drops all events up to a place: some of them are trimmed, the others are read from Redis.
func (r *ring) forget(to uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to <= r.from {
		return
	}
	n, _ := slices.BinarySearchFunc(r.events, to+1, bySeq)
	r.drop(n)
	r.from = min(to, r.to)
}

// restart begins the list anew after a place: what was in it may not be what Redis holds.
func (r *ring) restart(epoch uint32, head uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life++
	r.epoch, r.from, r.to = epoch, head, head
	r.events, r.bytes = nil, 0
	r.ring()
}

func bySeq(e event.Event, seq uint64) int {
	switch {
	case e.ID.Seq < seq:
		return -1
	case e.ID.Seq > seq:
		return 1
	}
	return 0
}

// after returns the events after a place that was looked up in that life of the list, or a channel that is closed when there may be some.
// Behind reports that Redis has to be asked; ahead, that the list does not reach the place yet.
func (r *ring) after(life uint64, place event.ID) (events []event.Event, grown <-chan struct{}, behind, ahead bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if life != r.life || place.Seq < r.from {
		return nil, nil, true, false
	}
	if place.Seq > r.to || !place.IsZero() && place.Epoch != r.epoch {
		return nil, r.grown, false, true
	}
	if n, _ := slices.BinarySearchFunc(r.events, place.Seq+1, bySeq); n < len(r.events) {
		return slices.Clip(r.events[n:]), nil, false, false
	}
	return nil, r.grown, false, false
}

func (r *ring) now() (life uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life
}

// Tail implements journal.Log. While Redis is away it waits; when it is back it goes on from where it was, or returns a
// *GoneError when Redis has lost that place.
func (l *Log) Tail(ctx context.Context, after event.ID, fn func([]event.Event) error) error {
	looked, life := false, uint64(0)
	for {
		if err := l.alive(ctx); err != nil {
			return err
		}
		var events []event.Event
		var grown <-chan struct{}
		behind, ahead := !looked, false // a place that was given is looked up once, and from then on when the list begins anew
		if looked {
			events, grown, behind, ahead = l.ring.after(life, after)
		}
		switch {
		case behind:
			life = l.ring.now() // before the look, or what happens meanwhile would be overlooked
			page, err := l.page(ctx, journal.Query{After: after, AcrossTrimmed: true})
			if errors.Is(err, journal.ErrUnavailable) {
				continue // that took its time
			}
			if err != nil {
				return err
			}
			looked, events, after = true, page.Events, page.Next
		case len(events) > 0:
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
		if ahead {
			// The follower is about to come here, unless Redis was put back meanwhile: then it never will.
			looked = l.waitFor(ctx, grown)
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-l.closing:
		}
	}
}

// waitFor waits for the channel and reports false when it took too long.
func (l *Log) waitFor(ctx context.Context, c <-chan struct{}) bool {
	t := time.NewTimer(followFor)
	defer t.Stop()
	select {
	case <-c:
	case <-ctx.Done():
	case <-l.closing:
	case <-t.C:
		return false
	}
	return true
}

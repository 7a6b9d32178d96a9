package hub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Mode says how a stream starts, in the words of stream:sync.
type Mode string

const (
	Fresh   Mode = "fresh"   // with the picture
	Resumed Mode = "resumed" // with exactly what came after the place the client gave
	Reset   Mode = "reset"   // with the picture, since the place the client gave means nothing here
)

// Start says how a cursor starts.
type Start struct {
	Mode   Mode
	Place  event.ID           // where the cursor has caught up: what it hands out after this place is live; zero in an empty log
	After  event.ID           // the place asked for; zero when fresh
	Reason journal.GoneReason // for Reset: journal.GoneEpoch or journal.GoneAhead
}

// Subscribe returns a cursor over what the filter passes. With a zero place it hands out the present picture and then
// everything after it; with a place, exactly what comes after that place; with a place of another life of the log, or one
// that is ahead of it, the same as with a zero place, and Start says so. Close the cursor when done with it.
//
// It does no I/O, except that it asks the log for its newest place when the one given is newer than the hub has seen: a
// publisher may know a place sooner than the hub does. It returns ErrNotReady, ErrClosed, or an error of the log.
func (h *Hub) Subscribe(ctx context.Context, f event.Filter, after event.ID) (*Cursor, error) {
	return h.SubscribeEvery(ctx, f, 0, after)
}

// SubscribeEvery is Subscribe for a reader to whom, of the samples of one server and type, one in so long a time is enough. Lines and
// samples wait until that time is over; then of the samples that wait the newest are handed out. State does not wait, and
// takes with it what came before, so that all is in order. The newest always arrives, and Place does not rise above what still
// waits. Of what is read from the record, as after a resume, the newest sample of each such time, by the samples' own clock, is
// handed out. Zero is Subscribe; all who ask for the same share their bytes.
func (h *Hub) SubscribeEvery(ctx context.Context, f event.Filter, every time.Duration, after event.ID) (*Cursor, error) {
	return h.Open(ctx, Subscription{Filter: f, Every: every, After: after})
}

// Subscription says what a reader wants of [Hub.Open].
type Subscription struct {
	Filter event.Filter
	Every  time.Duration // see SubscribeEvery
	After  event.ID      // see Subscribe
	// Restricted says that the filter is narrowed to what the reader may see: nothing that the cursor says tells of other events. See
	// "Who may not see everything" at the top of this package.
	Restricted bool
	// See is what a restricted reader may see altogether, of which Filter is a part: he may come with the place of any event that passes
	// it, such as that of a wider picture. Zero: Filter.
	See event.Filter
}

// Open is SubscribeEvery for any reader. For one who is restricted it reads the record where he comes with a place that is newer than
// what the hub knows to pass.
func (h *Hub) Open(ctx context.Context, s Subscription) (*Cursor, error) {
	l, fd, err := h.feedFor(s.Filter, max(s.Every, 0))
	if err != nil {
		return nil, err
	}
	c := &Cursor{hub: h, life: l, feed: fd, veiled: s.Restricted}
	mode, why := Resumed, journal.GoneReason("")
	switch after := s.After; {
	case after.IsZero():
		mode = Fresh
	case after.Epoch != l.epoch:
		mode, why = Reset, journal.GoneEpoch
	case s.Restricted && after.Seq > fd.passed.Load():
		see := s.See
		if see.IsZero() {
			see = s.Filter
		}
		known, err := h.known(ctx, after, see)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("hub: subscribe: %w", err)
		}
		if !known {
			mode, why = Reset, journal.GoneAhead
		}
	case after.Seq > l.place.Load():
		b, err := h.log.Bounds(ctx)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("hub: subscribe: %w", err)
		}
		if after.Epoch != b.Epoch || after.Seq > b.Head.Seq {
			mode, why = Reset, journal.GoneAhead
		}
	}
	c.after = s.After
	c.begun, c.why = uint8(slices.Index(modes[:], mode)), uint8(slices.Index(whys[:], why))
	if mode == Resumed {
		c.at, c.seen = s.After.Seq, s.After.Seq
		c.goal = max(fd.complete(l), c.at)
		c.mode = behind
		c.join()
		c.from = c.goal
		if c.veiled {
			c.from = max(fd.passed.Load(), c.at)
		}
		return c, nil
	}
	snap := h.snapshot(l, fd)
	c.goal, c.from = snap.place, snap.place
	if c.veiled {
		c.from = lastSeq(snap.body.buf)
	}
	c.at = snap.place
	c.mode, c.source, c.then = inPicture, &snap.body, snap.then
	c.settle()
	return c, nil
}

// known reports whether the record holds an event at the place, and it passes.
func (h *Hub) known(ctx context.Context, place event.ID, f event.Filter) (bool, error) {
	if place.Seq == math.MaxUint64 {
		return false, nil
	}
	q := journal.Query{Before: event.ID{Epoch: place.Epoch, Seq: place.Seq + 1}, Filter: f, Limit: 1, AcrossTrimmed: true}
	if place.Seq > 1 {
		q.After = event.ID{Epoch: place.Epoch, Seq: place.Seq - 1}
	}
	page, err := h.log.Read(ctx, q)
	if errors.Is(err, journal.ErrGone) {
		return false, nil
	}
	return len(page.Events) > 0 && page.Events[0].ID == place, err
}

// feedFor returns the feed of the filter, made if need be, with one reference more.
func (h *Hub) feedFor(f event.Filter, every time.Duration) (*life, *feed, error) {
	key := f.Key()
	if every > 0 {
		key += "\n" + every.String()
	}
	h.mu.Lock()
	l, fd, err := h.feed(key)
	h.mu.Unlock()
	if fd != nil || err != nil {
		return l, fd, err
	}
	h.gather.Lock()
	defer h.gather.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if l, fd, err = h.feed(key); fd != nil || err != nil {
		return l, fd, err
	}
	// What came before is in the picture, but for what that has forgotten or never saw. So a reader who comes back to a filter under
	// which nothing passed for long has nothing to search.
	last := l.place.Load()
	upto := last
	if !f.IsZero() {
		last = l.picture.passed(f)
		upto = max(last, l.picture.forgot, l.hole)
	}
	fd = newFeed(f, upto, last)
	fd.key = key
	if fd.every = every; every > 0 {
		fd.pacing = newPacing(max(every, h.o.Window), true)
	} else if h.o.Window > 0 {
		fd.pacing = newPacing(h.o.Window, false)
	}
	fd.refs = 1
	l.feeds[key] = fd
	if named := f.Exact(); named != nil {
		for _, server := range named {
			l.named[server] = append(l.named[server], fd)
		}
	} else {
		l.wide = append(l.wide, fd)
	}
	return l, fd, nil
}

// feed returns the feed, with one reference more, nil if there is none. h.mu is held.
func (h *Hub) feed(key string) (*life, *feed, error) {
	l := h.life
	switch {
	case h.closed:
		return nil, nil, ErrClosed
	case l == nil:
		return nil, nil, ErrNotReady
	}
	fd := l.feeds[key]
	if fd != nil {
		if fd.refs++; fd.rests != nil {
			l.resting.Remove(fd.rests)
			fd.rests = nil
		}
	}
	return l, fd, nil
}

// maxResting is how many feeds without cursors are kept beside as many as have some. Each costs work for every event, so one reader who
// comes with another filter each time must not be able to pile them up.
const maxResting = 256

// release gives back a reference. A feed that loses its last one stays for those who come back, unless too many do.
func (h *Hub) release(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.refs--; f.refs > 0 {
		return
	}
	f.idle = time.Now()
	l := h.life
	if l == nil || l.feeds[f.key] != f { // of a life that is over
		return
	}
	f.rests = l.resting.PushBack(f)
	for l.resting.Len() > maxResting && 2*l.resting.Len() > len(l.feeds) {
		l.forget(l.resting.Front().Value.(*feed))
	}
}

// forget takes out a feed that has no cursor. Hub.mu is held.
func (l *life) forget(f *feed) {
	l.resting.Remove(f.rests)
	f.rests = nil
	delete(l.feeds, f.key)
	named := f.filter.Exact()
	for _, server := range named {
		l.named[server] = without(l.named[server], f)
		if len(l.named[server]) == 0 {
			delete(l.named, server)
		}
	}
	if named == nil {
		l.wide = without(l.wide, f)
	}
}

// sweep forgets feeds that have had no cursor for Linger, where they have not had to make room before, and trims those that keep more than their share, until ctx ends.
func (h *Hub) sweep(ctx context.Context) {
	tick := time.NewTicker(max(h.o.Linger/2, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			h.sweepOnce(now)
		}
	}
}

func (h *Hub) sweepOnce(now time.Time) {
	h.pages.sweep(now.Add(-h.o.Linger / 2))
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.life
	if l == nil {
		return
	}
	limit := h.feedLimit(l)
	for _, f := range l.feeds {
		if f.refs > 0 || now.Sub(f.idle) < h.o.Linger {
			f.evict(limit)
			continue
		}
		l.forget(f)
	}
}

// without removes f, and does not keep the order: an event goes to each of its feeds, first or last.
func without(feeds []*feed, f *feed) []*feed {
	i := slices.Index(feeds, f)
	last := len(feeds) - 1
	feeds[i], feeds[last] = feeds[last], nil
	return feeds[:last]
}

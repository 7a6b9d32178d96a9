package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// open subscribes as one who may not see everything.
func open(t testing.TB, h *Hub, f event.Filter, after event.ID) *reader {
	t.Helper()
	c, err := h.Open(t.Context(), Subscription{Filter: f, After: after, Restricted: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &reader{Cursor: c, t: t}
}

// readTo reads until the cursor has caught up with the place, of which it must not tell, and shows every place it names to check.
func (r *reader) readTo(p event.ID, limit int, check func(what string, id event.ID)) {
	r.t.Helper()
	for r.complete() < p.Seq {
		b, err := r.TryNext(limit)
		gap, trimmed := errors.AsType[*GapError](err)
		switch {
		case len(b) > 0:
			r.take(b)
		case errors.Is(err, ErrBehind):
			if err := r.CatchUp(r.t.Context()); err != nil {
				if gap, trimmed = errors.AsType[*GapError](err); !trimmed {
					r.t.Fatal(err)
				}
			}
		case err != nil:
			r.t.Fatal(err)
		default:
			waitPlace(r.hub, r.life, p)
		}
		if trimmed {
			check("gap from", gap.From)
			check("gap to", gap.To)
		}
		check("place", r.Place())
	}
}

// Whatever a restricted reader does, in memory, from the record, compressed, thinned or across what was trimmed, no place is named but of an
// event he may see or the one he came with, and he gets the record all the same.
func TestNoPlaceOfWhatIsHidden(t *testing.T) {
	mine := filter(t, "a", "server,logs,metrics")
	for _, row := range []struct {
		name string
		gzip bool
		thin bool
		o    Options
	}{
		{"memory", false, false, Options{ChunkBytes: 800}},
		{"memory, compressed", true, false, Options{ChunkBytes: 800}},
		{"record", false, false, Options{ChunkBytes: 300, FeedBytes: 600, PageEvents: 5}},
		{"record, compressed", true, false, Options{ChunkBytes: 300, FeedBytes: 600, PageEvents: 5}},
		{"thinned", false, true, Options{ChunkBytes: 300, FeedBytes: 600, PageEvents: 5}},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := newMemLog()
			r := rand.New(rand.NewPCG(1, 2))
			h := start(t, log, row.o)
			live := open(t, h, mine, event.ID{})
			if row.gzip {
				live.Deflate()
			}
			var head event.ID
			for i := range 400 {
				server := "b"
				if r.IntN(5) == 0 {
					server = "a"
				}
				head = put(t, log, ev(server, []string{"server:online", "logs:app", "metrics:cpu"}[r.IntN(3)], i))
			}
			visible := make(map[event.ID]bool)
			for _, e := range log.All(mine, 0) {
				visible[e.ID] = true
			}
			checker := func(came event.ID) func(string, event.ID) {
				return func(what string, id event.ID) {
					t.Helper()
					if id.Seq > 0 && id != came && !visible[id] {
						t.Fatalf("%s: %s is not the place of an event that passes", what, id)
					}
				}
			}
			if !row.gzip {
				live.readTo(head, 500, checker(event.ID{}))
				live.want(log.All(mine, 0))
			}
			log.Trim(event.Line, 50)
			for after := uint64(0); after <= head.Seq; after++ {
				came := event.ID{}
				if after > 0 {
					came = place(after)
				}
				check := checker(came)
				c := open(t, h, mine, came)
				if row.gzip {
					c.Deflate()
				}
				check("sync", c.Start().Place)
				var told event.ID
				if row.thin {
					left, err := c.Thin(t.Context())
					if gap, ok := errors.AsType[*GapError](err); ok {
						check("gap from", gap.From)
						check("gap to", gap.To)
					} else if err != nil {
						t.Fatal(err)
					}
					check("left out from", left.From)
					check("left out to", left.To)
					told = left.To
				}
				if !row.gzip {
					c.readTo(head, 300, check)
					if c.Place().Compare(told) < 0 {
						t.Fatalf("at %s, and it was told what was left out up to %s", c.Place(), told)
					}
					if c.Start().Mode == Resumed && !row.thin {
						c.got = slices.DeleteFunc(c.got, func(e event.Event) bool { return e.Class() == event.Line && e.ID.Seq <= 50 }) // memory may have them still
						c.want(log.All(mine, after))
					}
				} else {
					var b Batch
					for c.complete() < head.Seq {
						switch err := c.Fill(&b, 300); {
						case errors.Is(err, ErrBehind):
							if err := c.CatchUp(t.Context()); err != nil {
								if _, trimmed := errors.AsType[*GapError](err); !trimmed {
									t.Fatal(err)
								}
							}
						case err != nil:
							t.Fatal(err)
						}
						if b.Size > 1 {
							c.Return(&b, 1+r.IntN(b.Size))
						}
						check("place", c.Place())
					}
				}
				c.Close()
				check("place at the end", c.Place())
			}
		})
	}
}

// Two logs that hold the same of what a reader may see, and in which nothing or much else has happened since, are the same to him,
// with whatever place he comes.
func TestHiddenEventsChangeNothing(t *testing.T) {
	mine := filter(t, "a", "")
	type seen struct {
		start  Start
		place  event.ID
		events string
	}
	var worlds [2]*Hub
	var logs [2]*memLog
	for i := range worlds {
		logs[i] = newMemLog()
		for n := range 20 {
			put(t, logs[i], ev("b", "logs:app", n))
		}
		put(t, logs[i], ev("a", "server:online", 1), ev("b", "logs:app", 0), ev("a", "logs:app", 2), ev("a", "metrics:cpu", 3)) // 21, 23, 24
		if i == 1 {
			for n := range 300 {
				put(t, logs[i], ev("b", "metrics:cpu", n), ev("c", "x:y", n))
			}
		}
		worlds[i] = start(t, logs[i], Options{})
	}
	look := func(h *Hub, after event.ID) (s seen) {
		r := open(t, h, mine, after)
		s.start = r.Start()
		r.readTo(r.life.id(r.life.place.Load()), 1000, func(string, event.ID) {})
		s.place = r.Place()
		for _, e := range r.got {
			s.events += e.ID.String() + " "
		}
		return s
	}
	for _, seq := range []uint64{0, 1, 20, 21, 22, 23, 24, 25, 26, 100, 623, 624, 625, 626, 100_000, 1<<64 - 1} {
		after := event.ID{}
		if seq > 0 {
			after = place(seq)
		}
		if quiet, busy := look(worlds[0], after), look(worlds[1], after); quiet != busy {
			t.Errorf("after %s: where little happened %+v, where much did %+v", after, quiet, busy)
		}
	}
	if got := look(worlds[1], place(24)); got.start.Mode != Resumed || got.events != "" || got.place != place(24) {
		t.Errorf("got %+v, want to resume at 24 with nothing missed", got)
	}
	if got := look(worlds[1], place(25)); got.start.Mode != Reset || got.start.Place != place(24) {
		t.Errorf("got %+v, want a reset: nothing that he may see is at 25", got)
	}
	// Live, too: he is not woken, and his place does not move.
	r := open(t, worlds[1], mine, place(24))
	if b, err := r.TryNext(1000); b != nil || err != nil {
		t.Fatalf("got %q, %v", b, err)
	}
	rung := atomic.Int32{}
	stop := r.Feed().Watch(func() { rung.Add(1) })
	defer stop()
	wake := r.Wake()
	head := put(t, logs[1], ev("b", "server:online", 1), ev("a2", "server:online", 1))
	waitPlace(worlds[1], r.life, head)
	select {
	case <-wake:
		t.Error("woken for what he may not see")
	default:
	}
	if r.Place() != place(24) || rung.Load() != 0 {
		t.Errorf("at %s after %d rings, want %s and none", r.Place(), rung.Load(), place(24))
	}
	mineToo := put(t, logs[1], ev("a", "server:idle", 1))
	<-wake
	r.readTo(mineToo, 1000, func(string, event.ID) {})
	if r.Place() != mineToo || rung.Load() == 0 {
		t.Errorf("at %s after %d rings, want %s and some", r.Place(), rung.Load(), mineToo)
	}
}

// A publisher may know the place of his own event before the hub does: that is no place ahead of the log.
func TestRestrictedAheadOfTheHub(t *testing.T) {
	inner := newMemLog()
	log := &heldTail{memLog: inner, let: make(chan struct{})}
	put(t, log, ev("a", "server:online", 0))
	h := start(t, log, Options{})
	own := put(t, log, ev("a", "server:idle", 1))
	other := put(t, log, ev("b", "server:idle", 1))
	if got := open(t, h, filter(t, "a", ""), own).Start(); got.Mode != Resumed || got.Place != own {
		t.Errorf("got %+v, want to resume at %s", got, own)
	}
	if got := open(t, h, filter(t, "a", ""), other).Start(); got.Mode != Reset {
		t.Errorf("got %+v, want a reset", got)
	}
	r := open(t, h, filter(t, "a", ""), own)
	close(log.let)
	next := put(t, log, ev("a", "server:busy", 2))
	r.readTo(next, 1000, func(string, event.ID) {})
	r.want(inner.All(filter(t, "a", ""), own.Seq))
}

// He may come with the place of anything that he may see, such as that of a picture of more than he reads now.
func TestRestrictedComesFromAWiderPicture(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "server:online", 0), ev("a", "logs:app", 1), ev("b", "logs:app", 2))
	h := start(t, log, Options{})
	for after, want := range map[uint64]Mode{1: Resumed, 2: Resumed, 3: Reset, 4: Reset} {
		c, err := h.Open(t.Context(), Subscription{Filter: filter(t, "a", "server"), See: filter(t, "a", ""), After: place(after), Restricted: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Start().Mode; got != want {
			t.Errorf("after %d: got %s, want %s", after, got, want)
		}
		c.Close()
	}
}

// Who comes back to a quiet filter in a busy log costs no reading of the record, whether his feed still lives or not.
func TestQuietReadersResumeWithoutTheRecord(t *testing.T) {
	log := newMemLog()
	last := put(t, log, ev("a", "server:online", 0))
	for i := range 1000 {
		put(t, log, ev("b", "logs:app", i))
	}
	h := start(t, log, Options{PageEvents: 10})
	reads := atomic.Int32{}
	log.Reading = func() { reads.Add(1) }
	for i := range 3 {
		r := open(t, h, filter(t, "a", ""), last)
		head := put(t, log, ev("b", "logs:app", i))
		r.readTo(head, 1000, func(string, event.ID) {})
		if i == 1 {
			last = put(t, log, ev("a", "logs:app", i))
			r.readTo(last, 1000, func(string, event.ID) {})
		}
		if r.Place() != last || !r.CaughtUp() {
			t.Errorf("at %s, caught up %t, want %s", r.Place(), r.CaughtUp(), last)
		}
		r.Close()
	}
	if n := reads.Load(); n != 0 {
		t.Errorf("%d reads of the record, want none", n)
	}
}

// What the picture has forgotten, or never saw, a feed does not take for nothing: it is read, or told as missing.
func TestWhatThePictureDoesNotKnowIsNotSkipped(t *testing.T) {
	t.Run("forgotten server", func(t *testing.T) {
		log := newMemLog()
		put(t, log, ev("a", "logs:app", 0), ev("a", "logs:app", 1), ev("b", "logs:app", 2), ev("c", "logs:app", 3))
		h := start(t, log, Options{MaxServers: 1})
		r := open(t, h, filter(t, "a", ""), place(1))
		r.readTo(place(4), 1000, func(string, event.ID) {})
		r.want(log.All(filter(t, "a", ""), 1))
	})
	t.Run("forgotten types", func(t *testing.T) {
		log := newMemLog()
		for i := range event.MaxUnknown + 20 {
			put(t, log, ev("a", fmt.Sprint("own:t", i), i))
		}
		h := start(t, log, Options{})
		f := filter(t, "a", "own:t3,own:t4")
		r := open(t, h, f, place(4))
		r.readTo(place(event.MaxUnknown+20), 1000, func(string, event.ID) {})
		r.want(log.All(f, 4))
	})
	t.Run("trimmed before the start", func(t *testing.T) {
		log := newMemLog()
		put(t, log, ev("a", "server:online", 0), ev("a", "logs:app", 1), ev("b", "logs:app", 2), ev("b", "x:y", 3))
		log.Trim(event.Line, 3)
		h := start(t, log, Options{})
		r := open(t, h, filter(t, "a", ""), place(1))
		var gap *GapError
		if err := r.CatchUp(t.Context()); !errors.As(err, &gap) || gap.From != place(1) || !gap.To.IsZero() {
			t.Errorf("got %v, want a gap after %s", err, place(1))
		}
	})
}

// The filter that nothing passes works like any other.
func TestNothingPasses(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "server:online", 0), ev("b", "logs:app", 1))
	h := start(t, log, Options{})
	for _, after := range []event.ID{{}, place(1), place(2), place(9)} {
		r := open(t, h, event.None(), after)
		head := put(t, log, ev("a", "logs:app", 1))
		waitPlace(h, r.life, head)
		b, err := r.TryNext(1000)
		if b != nil || err != nil || !r.CaughtUp() || !r.Start().Place.IsZero() || r.Place().Seq != 0 {
			t.Errorf("after %s: got %q, %v, %+v at %s; want nothing at no place", after, b, err, r.Start(), r.Place())
		}
	}
}

// Two compressed readers who stand at different places with nothing between them share their blocks.
func TestCompressedReadersMeet(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "server:online", 0))
	for i := range 10 {
		put(t, log, ev("b", "x:y", i))
	}
	h := start(t, log, Options{})
	f := filter(t, "a", "")
	first, second := open(t, h, f, event.ID{}), open(t, h, f, place(1))
	var b Batch
	for _, r := range []*reader{first, second} {
		r.Deflate()
		if err := r.Fill(&b, 1000); err != nil {
			t.Fatal(err)
		}
		if b.Size > 0 { // the picture
			if err := r.Fill(&b, 1000); err != nil || b.Size > 0 {
				t.Fatal(b.Size, err)
			}
		}
	}
	id := put(t, log, ev("a", "server:idle", 1))
	waitPlace(h, first.life, id)
	for i, r := range []*reader{first, second} {
		got := false
		for began := time.Now(); !got && time.Since(began) < 10*time.Second; runtime.Gosched() {
			if err := r.Fill(&b, 1000); err != nil {
				t.Fatal(err)
			}
			got = b.Size > 0
		}
		if !got || !b.Zipped || r.Place() != id {
			t.Errorf("reader %d: got %d bytes, zipped %t, at %s; want the shared block of %s", i, b.Size, b.Zipped, r.Place(), id)
		}
	}
}

// A feed that lived through a hole in the log takes nobody past it in silence.
func TestNobodyJoinsPastAHole(t *testing.T) {
	inner := newMemLog()
	log := &heldTail{memLog: inner, let: make(chan struct{})}
	put(t, log, ev("a", "server:online", 0))
	h := start(t, log, Options{FeedBytes: 1}) // it keeps the newest chunk alone
	f := filter(t, "a", "")
	first := subscribe(t, h, f, place(1)) // the feed lives
	put(t, log, ev("a", "logs:app", 1), ev("a", "logs:app", 2))
	inner.Trim(event.Line, 3)
	close(log.let)
	last := put(t, log, ev("a", "server:idle", 3))
	waitPlace(h, first.life, last)
	r := subscribe(t, h, f, place(1))
	err := r.next(1000)
	if gap, ok := errors.AsType[*GapError](err); !ok || gap.To != place(3) {
		t.Fatalf("got %v, want a gap up to %s", err, place(3))
	}
	r.until(last)
	r.want(inner.All(f, 1))
}

package hub

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// counting makes log count its reads from now on.
func counting(log *memLog) *int {
	n := new(int)
	log.Reading = func() { *n++ }
	return n
}

func TestFreshGetsThePictureThenWhatFollows(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "metrics:cpu", 1), ev("a", "metrics:cpu", 2), ev("b", "server:online", 3))
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	if got, want := r.Start(), (Start{Mode: Fresh, Place: place(3)}); got != want {
		t.Errorf("starts %+v, want %+v", got, want)
	}
	if !r.Place().IsZero() || r.CaughtUp() {
		t.Errorf("before the picture is out: place %s, caught up %v", r.Place(), r.CaughtUp())
	}
	if err := r.next(1); err != nil { // one frame
		t.Fatal(err)
	}
	if !r.Place().IsZero() || r.CaughtUp() {
		t.Errorf("in mid-picture: place %s, caught up %v", r.Place(), r.CaughtUp())
	}
	if err := r.next(1 << 20); err != nil {
		t.Fatal(err)
	}
	if r.Place() != place(3) || !r.CaughtUp() {
		t.Errorf("after the picture: place %s, want %s; caught up %v", r.Place(), place(3), r.CaughtUp())
	}
	r.until(put(t, log, ev("c", "logs:app", 4), ev("a", "metrics:cpu", 5)))
	r.want(log.All(event.Filter{}, 1))
}

func TestEmptyLog(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	if got, want := r.Start(), (Start{Mode: Fresh}); got != want {
		t.Errorf("starts %+v, want %+v", got, want)
	}
	if r.Place() != place(0) || !r.CaughtUp() {
		t.Errorf("got place %s, caught up %v; want %s, caught up", r.Place(), r.CaughtUp(), place(0))
	}
	put(t, log, ev("a", "server:online", 1))
	if err := r.next(1 << 20); err != nil {
		t.Fatal(err)
	}
	r.want(log.All(event.Filter{}, 0))
	if r.Place() != place(1) {
		t.Errorf("got place %s, want %s", r.Place(), place(1))
	}

	// Who was there when it was empty has all that came since to get, and not a picture of it.
	put(t, log, ev("a", "server:online", 2))
	back := subscribe(t, h, event.Filter{}, place(0))
	if got := back.Start(); got.Mode != Resumed || got.After != place(0) {
		t.Errorf("starts %+v after %s, want it resumed", got, place(0))
	}
	back.until(place(2))
	back.want(log.All(event.Filter{}, 0))
}

func TestWhereAReaderResumes(t *testing.T) {
	const newest = 400
	for _, row := range []struct {
		name   string
		after  uint64
		limit  int // of each helping
		reads  bool
		before func(h *Hub) // makes the feed, if it is to be there from the start
	}{
		{name: "at the head", after: newest, limit: 1 << 20},
		{name: "from the feed's memory", after: newest - 20, limit: 1 << 20},
		{name: "from the feed's memory, one frame at a time", after: newest - 20, limit: 1},
		{name: "from the record", after: 3, limit: 1 << 20, reads: true},
		{name: "from the record, little at a time", after: 3, limit: 700, reads: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := newMemLog()
			put(t, log, ev("a", "server:online", 0))
			h := start(t, log, Options{ChunkBytes: 1000, FeedBytes: 8000, PageEvents: 16})
			f := filter(t, "a*,b", "logs:*")
			first := subscribe(t, h, f, event.ID{}) // so that there is a feed
			for i := 1; i < newest; i++ {
				put(t, log, ev([]string{"a", "b", "c"}[i%3], "logs:app", i))
			}
			first.until(place(newest))
			first.want(log.All(f, 0))

			h.pages.sweep(time.Now().Add(time.Hour)) // the first may have read some
			reads := counting(log)
			r := subscribe(t, h, f, place(row.after))
			if got, want := r.Start(), (Start{Mode: Resumed, After: place(row.after), Place: place(newest)}); got != want {
				t.Errorf("starts %+v, want %+v", got, want)
			}
			for !r.CaughtUp() {
				if err := r.next(row.limit); err != nil {
					t.Fatal(err)
				}
			}
			r.until(put(t, log, ev("b", "logs:error", 0)))
			r.want(log.All(f, row.after))
			if (*reads > 0) != row.reads {
				t.Errorf("read the record %d times, want some: %v", *reads, row.reads)
			}
		})
	}
}

func TestResumeOnANewFeedReadsTheRecord(t *testing.T) {
	log := newMemLog()
	for i := range 100 {
		put(t, log, ev("a", "logs:app", i))
	}
	h := start(t, log, Options{PageEvents: 7})
	r := subscribe(t, h, filter(t, "a", ""), place(40))
	r.until(put(t, log, ev("a", "logs:app", 100)))
	r.want(log.All(event.Filter{}, 40))
}

func TestPlacesThatMeanNothingHere(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "server:online", 0))
	h := start(t, log, Options{})
	for _, row := range []struct {
		after event.ID
		want  journal.GoneReason
	}{
		{event.ID{Epoch: 8, Seq: 1}, journal.GoneEpoch},
		{place(2), journal.GoneAhead},
	} {
		r := subscribe(t, h, event.Filter{}, row.after)
		if got, want := r.Start(), (Start{Mode: Reset, Place: place(1), After: row.after, Reason: row.want}); got != want {
			t.Errorf("%s: starts %+v, want %+v", row.after, got, want)
		}
		if err := r.next(1 << 20); err != nil {
			t.Fatal(err)
		}
		r.want(log.All(event.Filter{}, 0)) // the picture
	}
}

// A publisher who streams from the place it was just given may be sooner than the hub.
func TestAPlaceTheHubHasNotSeenYet(t *testing.T) {
	inner := newMemLog()
	log := &heldTail{memLog: inner, let: make(chan struct{})}
	h := start(t, log, Options{})
	f := filter(t, "a", "")
	subscribe(t, h, f, event.ID{})
	mine := put(t, log, ev("a", "server:starting", 0), ev("a", "server:online", 1), ev("a", "logs:app", 2))
	r := subscribe(t, h, f, mine)
	if got, want := r.Start(), (Start{Mode: Resumed, After: mine, Place: mine}); got != want {
		t.Errorf("starts %+v, want %+v", got, want)
	}
	if r.Place() != mine || !r.CaughtUp() {
		t.Errorf("place %s, caught up %v; want %s, true", r.Place(), r.CaughtUp(), mine)
	}
	close(log.let)
	put(t, log, ev("a", "logs:app", 3))
	if err := r.next(1 << 20); err != nil {
		t.Fatal(err)
	}
	r.want(inner.All(f, mine.Seq))
}

// heldTail is a log whose Tail sees nothing until let is closed.
type heldTail struct {
	*memLog
	let chan struct{}
}

func (l *heldTail) Tail(ctx context.Context, after event.ID, fn func([]event.Event) error) error {
	select {
	case <-l.let:
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.memLog.Tail(ctx, after, fn)
}

func TestAnEventLargerThanAChunk(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{ChunkBytes: 500, FeedBytes: 4000})
	slow := subscribe(t, h, event.Filter{}, event.ID{})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	for i := range 40 {
		e := ev("a", "logs:app", i)
		if i%5 == 0 {
			e.Data = fmt.Appendf(nil, `{"timestamp":"2026-05-01T12:00:00.000Z","serverId":"a","message":%q}`, strings.Repeat("x", 100+i*300))
		}
		r.until(put(t, log, e))
		if i == 3 {
			slow.until(place(2))
		}
	}
	r.want(log.All(event.Filter{}, 0))
	slow.until(place(40))
	slow.want(log.All(event.Filter{}, 0))
}

func TestNextCoalescesUpToItsLimit(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{ChunkBytes: 1000})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	for i := range 50 {
		put(t, log, ev("a", "logs:app", i))
	}
	waitPlace(h, r.life, place(50))
	for _, limit := range []int{0, 1, 300, 2500, 1 << 20} {
		b, err := r.Next(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		had, total := len(r.got), 0
		for _, s := range b {
			total += len(s)
		}
		r.take(b)
		switch n := len(r.got) - had; {
		case limit < 300 && n != 1:
			t.Errorf("limit %d: got %d events, want one", limit, n)
		case limit >= 300 && total > limit:
			t.Errorf("limit %d: got %d bytes", limit, total)
		case limit == 2500 && total < 2000:
			t.Errorf("limit %d: got only %d bytes of what is at hand", limit, total)
		}
	}
	r.want(log.All(event.Filter{}, 0)) // the last helping was all the rest
}

// A reader that stops reading holds the chunk it stands in, and nothing of what came after it.
func TestASlowCursorPinsOneChunk(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{ChunkBytes: 1000, FeedBytes: 4000})
	slow := subscribe(t, h, event.Filter{}, event.ID{})
	slow.until(put(t, log, ev("a", "logs:app", 0)))

	var chunks []weak.Pointer[chunk]
	seen := map[*chunk]bool{}
	for i := 1; i < 300; i++ {
		waitPlace(h, slow.life, put(t, log, ev("a", "logs:app", i)))
		h.mu.Lock()
		for _, c := range slow.feed.chunks {
			if !seen[c] {
				seen[c] = true
				chunks = append(chunks, weak.Make(c))
			}
		}
		h.mu.Unlock()
	}
	clear(seen)
	runtime.GC()
	alive := 0
	for _, p := range chunks {
		if p.Value() != nil {
			alive++
		}
	}
	h.mu.Lock()
	kept := len(slow.feed.chunks)
	h.mu.Unlock()
	if kept > 7 || alive > kept+1 {
		t.Errorf("%d of %d chunks are alive and %d kept; want at most one more than kept, and few kept", alive, len(chunks), kept)
	}
	slow.until(place(300))
	slow.want(log.All(event.Filter{}, 0))
}

func TestClose(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	r.until(put(t, log, ev("a", "server:starting", 0)))
	r.Close()
	r.Close()
	put(t, log, ev("a", "server:online", 0))
	if got := r.Place(); got != place(1) {
		t.Errorf("place after Close: got %s, want %s", got, place(1))
	}
	early := subscribe(t, h, event.Filter{}, event.ID{})
	early.Close()
	if got := early.Place(); !got.IsZero() {
		t.Errorf("place of one closed before it had its picture: got %s, want none", got)
	}
	if err := r.next(1); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if refs := r.feed.refs; refs != 0 {
		t.Errorf("the feed counts %d cursors, want none", refs)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	put(t, log, ev("a", "server:online", 0))
	if err := r.next(1); err != nil {
		t.Fatal(err)
	}
	r.want(log.All(event.Filter{}, 0))
}

// An error of the log ends one Next, not the stream.
func TestAnErrorWhileCatchingUpCanBeTriedAgain(t *testing.T) {
	log := newMemLog()
	for i := range 10 {
		put(t, log, ev("a", "logs:app", i))
	}
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, place(2))
	broken := errors.New("broken")
	log.ReadErr = broken
	if err := r.next(1); !errors.Is(err, broken) {
		t.Errorf("got %v, want the log's error", err)
	}
	log.ReadErr = nil
	for !r.CaughtUp() {
		if err := r.next(1 << 20); err != nil {
			t.Fatal(err)
		}
	}
	r.want(log.All(event.Filter{}, 2))
}

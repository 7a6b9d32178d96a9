package hub

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestBeforeAndAfterRun(t *testing.T) {
	log := newMemLog()
	h := New(log, Options{})
	if _, err := h.Subscribe(t.Context(), event.Filter{}, event.ID{}); !errors.Is(err, ErrNotReady) {
		t.Errorf("before Run: got %v, want ErrNotReady", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	<-h.Ready()
	if err := h.Run(ctx); err == nil {
		t.Error("a second Run: got no error")
	}
	r := subscribe(t, h, event.Filter{}, event.ID{})
	last := put(t, log, ev("a", "server:online", 0), ev("a", "logs:app", 1))
	waitPlace(h, r.life, last)
	behind := subscribe(t, h, filter(t, "b", ""), place(1))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: got %v, want the context's error", err)
	}
	if err := r.next(1 << 20); err != nil {
		t.Errorf("what was published: got %v", err)
	}
	r.want(log.All(event.Filter{}, 0))
	for range 2 {
		if err := r.next(1); !errors.Is(err, ErrClosed) {
			t.Errorf("after Run: got %v, want ErrClosed", err)
		}
	}
	if err := behind.next(1); !errors.Is(err, ErrClosed) {
		t.Errorf("one that was to catch up, after Run: got %v, want ErrClosed", err)
	}
	if _, err := h.Subscribe(t.Context(), event.Filter{}, event.ID{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe after Run: got %v, want ErrClosed", err)
	}
}

func TestRunReturnsWhatTheLogSays(t *testing.T) {
	broken := errors.New("broken")
	t.Run("while it tails", func(t *testing.T) {
		log := newMemLog()
		h := New(log, Options{})
		done := make(chan error)
		go func() { done <- h.Run(t.Context()) }()
		<-h.Ready()
		r := subscribe(t, h, event.Filter{}, event.ID{})
		waiting := make(chan error)
		go func() { _, err := r.Next(context.Background(), 1); waiting <- err }()
		log.Change(func() { log.Fail = broken })
		if err := <-done; !errors.Is(err, broken) {
			t.Errorf("got %v, want the log's error", err)
		}
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("a cursor that waits: got %v, want ErrClosed", err)
		}
	})
	t.Run("while it reads", func(t *testing.T) {
		log := newMemLog()
		log.ReadErr = broken
		if err := New(log, Options{}).Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("got %v, want the log's error", err)
		}
	})
	t.Run("when it can't be tailed at all", func(t *testing.T) {
		log := newMemLog()
		log.Fail = &journal.GoneError{Reason: journal.GoneEpoch}
		if err := New(log, Options{}).Run(t.Context()); !errors.Is(err, journal.ErrGone) {
			t.Errorf("got %v, want the log's error, not an endless loop", err)
		}
	})
}

func TestTheLogBeginsAnew(t *testing.T) {
	for _, row := range []struct {
		name   string
		anew   func(*memLog)
		reason journal.GoneReason
	}{
		{"in another epoch", func(m *memLog) { m.Epoch, m.Head, m.Events = 8, 0, nil }, journal.GoneEpoch},
		{"from an older copy", func(m *memLog) { m.Head, m.Events = 2, m.Events[:2] }, journal.GoneAhead},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := newMemLog()
			last := put(t, log, ev("a", "server:starting", 0), ev("a", "server:online", 1), ev("a", "logs:app", 2), ev("a", "x:y", 3))
			h := start(t, log, Options{})
			r := subscribe(t, h, event.Filter{}, event.ID{})
			r.until(last)
			log.Change(func() { row.anew(log) })
			if err := r.next(1); !errors.Is(err, ErrReset) {
				t.Fatalf("got %v, want ErrReset", err)
			}
			c, err := h.Subscribe(t.Context(), event.Filter{}, r.Place())
			for errors.Is(err, ErrNotReady) { // until the new picture is made
				c, err = h.Subscribe(t.Context(), event.Filter{}, r.Place())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if s := c.Start(); s.Mode != Reset || s.Reason != row.reason {
				t.Errorf("starts %+v, want a reset for %s", s, row.reason)
			}
			again := &reader{Cursor: c, t: t}
			again.until(put(t, log, ev("b", "server:online", 4)))
			again.want(log.All(event.Filter{}, 0))
		})
	}
}

// The servers of the picture are known, also those of the one before a record began anew, and those that were pushed out are not.
func TestKnows(t *testing.T) {
	log := newMemLog()
	knows := func(h *Hub, want string) {
		t.Helper()
		got := ""
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			if h.Knows(name) {
				got += name
			}
		}
		if got != want {
			t.Errorf("knows %q, want %q", got, want)
		}
	}
	put(t, log, ev("a", "server:online", 0), ev("b", "server:online", 0))
	knows(New(log, Options{}), "")
	h := start(t, log, Options{MaxServers: 3})
	knows(h, "ab")
	r := subscribe(t, h, event.Filter{}, event.ID{})
	r.until(put(t, log, ev("a", "logs:app", 1), ev("c", "logs:app", 1), ev("d", "logs:app", 1)))
	knows(h, "acd")
	for i, want := range []string{"acde", "e"} { // of the second life, and of the third
		log.Change(func() { log.Epoch, log.Head, log.Events = log.Epoch+1, 0, nil })
		if err := r.next(1); !errors.Is(err, ErrReset) {
			t.Fatalf("got %v, want ErrReset", err)
		}
		if i == 0 {
			knows(h, "acd")
		}
		for ready, changed := h.Turned(); !ready; ready, changed = h.Turned() {
			<-changed
		}
		r = subscribe(t, h, event.Filter{}, event.ID{})
		r.until(put(t, log, ev("e", "server:online", 2)))
		knows(h, want)
	}
}

// One that reads the record may notice before the hub does.
func TestTheLogBeginsAnewUnderOneWhoCatchesUp(t *testing.T) {
	log := newMemLog()
	for i := range 10 {
		put(t, log, ev("a", "logs:app", i))
	}
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, place(5))
	log.Mu.Lock() // and tell nobody
	log.Epoch, log.Head, log.Events = 8, 0, nil
	log.Mu.Unlock()
	if err := r.next(1); !errors.Is(err, ErrReset) {
		t.Errorf("got %v, want ErrReset", err)
	}
}

// One reader who comes with another filter each time leaves few feeds behind, and none of those that others read or have just left.
func TestFeedsWithoutCursorsDoNotPileUp(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{Linger: time.Hour})
	feeds := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		if n, m := len(h.life.feeds), len(h.life.wide)+len(h.life.named); n != m {
			t.Errorf("%d feeds, but %d routes", n, m)
		}
		return len(h.life.feeds)
	}
	reads := subscribe(t, h, filter(t, "a*", ""), event.ID{})
	for i := range 10 * maxResting {
		servers := fmt.Sprintf("b%d*", i)
		if i%2 == 0 {
			servers = fmt.Sprintf("b%d", i)
		}
		c, err := h.Subscribe(t.Context(), filter(t, servers, ""), event.ID{})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if n := feeds(); n != maxResting+1 {
		t.Errorf("%d feeds are kept, want the one that is read and %d", n, maxResting)
	}
	last := subscribe(t, h, filter(t, fmt.Sprintf("b%d*", 10*maxResting-1), ""), event.ID{})
	newest := put(t, log, ev("a1", "server:online", 0), ev(fmt.Sprintf("b%dx", 10*maxResting-1), "server:online", 1))
	reads.until(newest)
	last.until(newest)
	reads.want(log.All(filter(t, "a*", ""), 0))
	last.want(log.All(filter(t, "b*", ""), 0))
	if n := feeds(); n != maxResting+1 {
		t.Errorf("%d feeds after one is read again, want %d", n, maxResting+1)
	}
}

func TestFeedsWithoutCursorsLingerAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		h := start(t, log, Options{Linger: time.Minute})
		feeds := func() (n int) {
			h.mu.Lock()
			defer h.mu.Unlock()
			routes := len(h.life.wide)
			for _, named := range h.life.named {
				routes += len(named)
			}
			if routes < len(h.life.feeds) {
				t.Errorf("%d feeds, but %d routes", len(h.life.feeds), routes)
			}
			return len(h.life.feeds)
		}
		named, wide := filter(t, "a,b", ""), filter(t, "a*", "")
		one, two := subscribe(t, h, named, event.ID{}), subscribe(t, h, wide, event.ID{})
		other := subscribe(t, h, filter(t, "a", ""), event.ID{})
		put(t, log, ev("a", "server:online", 0))
		synctest.Wait()
		kept := one.feed
		one.Close()
		two.Close()

		time.Sleep(59 * time.Second)
		synctest.Wait()
		if n := feeds(); n != 3 {
			t.Errorf("before it lingered long enough: %d feeds, want 3", n)
		}
		again := subscribe(t, h, named, place(1))
		if again.feed != kept {
			t.Error("who comes back within the time gets another feed")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := feeds(); n != 2 {
			t.Errorf("after: %d feeds, want the two that are read", n)
		}
		again.Close()
		other.Close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := feeds(); n != 0 || len(h.life.named) != 0 || len(h.life.wide) != 0 {
			t.Errorf("at the end: %d feeds, routes %v %v; want none", n, h.life.named, h.life.wide)
		}
	})
}

// An event finds the feeds of its server by name, and no other feed is looked at.
func TestEventsFindTheirFeedsByServer(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	var readers []*reader
	for i := range 1000 {
		readers = append(readers, subscribe(t, h, filter(t, fmt.Sprint("s", i), ""), event.ID{}))
	}
	both := subscribe(t, h, filter(t, "s1,s2", "server:*"), event.ID{})
	if len(h.life.wide) != 0 || len(h.life.named) != 1000 || len(h.life.named["s3"]) != 1 || len(h.life.named["s2"]) != 2 {
		t.Errorf("%d feeds are looked at for every event, want none; %d servers have their own, want 1000", len(h.life.wide), len(h.life.named))
	}
	var last event.ID
	for i := range 2000 {
		last = put(t, log, ev(fmt.Sprint("s", i%1000), []string{"server:online", "logs:app"}[i/1000], i))
	}
	for i, r := range readers {
		r.until(last)
		r.want(log.All(filter(t, fmt.Sprint("s", i), ""), 0))
	}
	both.until(last)
	both.want(log.All(filter(t, "s1,s2", "server:*"), 0))
}

func TestFeedsShareTheMemory(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{FeedBytes: 1 << 20, Memory: 40_000, ChunkBytes: 1000})
	var readers []*reader
	for i := range 10 {
		readers = append(readers, subscribe(t, h, filter(t, "", fmt.Sprintf("logs:*,x:t%d", i)), event.ID{}))
	}
	for i := range 500 {
		put(t, log, ev("a", "logs:app", i))
	}
	held := 0
	for _, r := range readers {
		waitPlace(h, r.life, place(500))
		h.mu.Lock()
		held += r.feed.held
		h.mu.Unlock()
	}
	if held > 40_000+10*1000 {
		t.Errorf("feeds hold %d bytes, want at most 40,000 and a chunk each", held)
	}
	readers[3].until(place(500))
	readers[3].want(log.All(event.Filter{}, 0))
}

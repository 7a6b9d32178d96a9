package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

var testTypes = []string{"server:online", "metrics:cpu", "logs:app", "logs:error", "x:y", "deployment:started"}

// publish appends n events from several publishers at once, of random servers and types, and returns the newest place.
func publish(t testing.TB, log journal.Log, publishers, n int) event.ID {
	t.Helper()
	var wg sync.WaitGroup
	var newest atomic.Uint64
	for p := range publishers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(p), 1))
			for i := 0; i < n/publishers; {
				var batch []event.Event
				for range min(1+r.IntN(5), n/publishers-i) {
					batch = append(batch, ev(fmt.Sprint("s", r.IntN(6)), testTypes[r.IntN(len(testTypes))], i))
					i++
				}
				rec, err := log.Append(context.Background(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				for {
					old, last := newest.Load(), rec[len(rec)-1].ID.Seq
					if last <= old || newest.CompareAndSwap(old, last) {
						break
					}
				}
				if r.IntN(4) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	return event.ID{Epoch: epochOf(t, log), Seq: newest.Load()}
}

func epochOf(t testing.TB, log journal.Log) uint32 {
	b, err := log.Bounds(context.Background())
	if err != nil {
		t.Error(err)
	}
	return b.Epoch
}

var testFilters = [][2]string{
	{"", ""}, {"s1", ""}, {"s1,s2", "logs:*"}, {"s*", "metrics"}, {"", "server:*,x:*"}, {"s3", "deployment:started"}, {"nobody", ""},
}

// Every reader ends with exactly the record, filtered, once and in order, whatever it does: reads in helpings of any
// size, stops for a while, leaves at any place and comes back there, while everybody publishes and feeds hold next to nothing.
func TestEveryReaderGetsTheWholeRecord(t *testing.T) {
	for _, row := range []struct {
		name    string
		events  int
		readers int
		o       Options
		open    func(t *testing.T) journal.Log
	}{
		{"little memory", 6000, 40, Options{ChunkBytes: 300, FeedBytes: 600, PageEvents: 5},
			func(*testing.T) journal.Log { return newMemLog() }},
		{"in small batches", 3000, 20, Options{ChunkBytes: 2000, FeedBytes: 6000, PageEvents: 50, Readers: 1},
			func(*testing.T) journal.Log { l := newMemLog(); l.Batch = 3; return l }},
		{"in windows", 6000, 20, Options{ChunkBytes: 2000, FeedBytes: 6000, PageEvents: 50, Window: time.Millisecond},
			func(*testing.T) journal.Log { return newMemLog() }},
		{"on bolt", 1500, 20, Options{ChunkBytes: 1000, FeedBytes: 4000, PageEvents: 20}, func(t *testing.T) journal.Log {
			l, err := bolt.Open(t.TempDir(), bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return l
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := row.open(t)
			first := put(t, log, ev("s1", "server:starting", 0))
			h := start(t, log, row.o)
			var readers sync.WaitGroup
			var newest atomic.Uint64 // zero while they publish
			results := make([]*reader, row.readers)
			for i := range results {
				f := filter(t, testFilters[i%len(testFilters)][0], testFilters[i%len(testFilters)][1])
				results[i] = &reader{t: t}
				readers.Go(func() { results[i].wander(h, f, first, &newest, rand.New(rand.NewPCG(uint64(i), 3))) })
			}
			newest.Store(publish(t, log, 8, row.events).Seq)
			put(t, log, lastWords()...) // wakes whoever waits
			readers.Wait()
			for i, r := range results {
				f := filter(t, testFilters[i%len(testFilters)][0], testFilters[i%len(testFilters)][1])
				want := record(t, log, f, first)
				for len(r.got) > 0 && r.got[len(r.got)-1].ID.Seq > newest.Load() {
					r.got = r.got[:len(r.got)-1]
				}
				for len(want) > 0 && want[len(want)-1].ID.Seq > newest.Load() {
					want = want[:len(want)-1]
				}
				r.want(want)
			}
		})
	}
}

// lastWords has an event for every filter of the tests but the one that nothing passes.
func lastWords() (out []event.Event) {
	for _, s := range []string{"s1", "s2", "s3"} {
		for _, typ := range testTypes {
			out = append(out, ev(s, typ, -1))
		}
	}
	return out
}

func record(t testing.TB, log journal.Log, f event.Filter, after event.ID) (out []event.Event) {
	t.Helper()
	q := journal.Query{After: after, Filter: f}
	for {
		page, err := log.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Events...)
		if q.After = page.Next; !page.More {
			return out
		}
	}
}

// wander reads from a place until the newest, in any manner.
func (r *reader) wander(h *Hub, f event.Filter, from event.ID, newest *atomic.Uint64, rnd *rand.Rand) {
	for {
		c, err := h.Subscribe(context.Background(), f, from)
		if err != nil {
			r.t.Error(err)
			return
		}
		r.Cursor = c
		for stay := rnd.IntN(60); stay > 0; stay-- {
			if n := newest.Load(); n > 0 && c.Place().Seq >= n {
				c.Close()
				return
			}
			b, err := c.TryNext(1 + rnd.IntN(3000))
			switch {
			case errors.Is(err, ErrBehind):
				if err := c.CatchUp(context.Background()); err != nil {
					r.t.Errorf("catch up: %v", err)
					return
				}
			case err != nil:
				r.t.Errorf("TryNext: %v", err)
				return
			case len(b) == 0 && f.Servers() != "nobody":
				<-c.Wake()
			}
			r.take(b)
			if last := len(r.got) - 1; last >= 0 && c.Place().Seq < r.got[last].ID.Seq {
				r.t.Errorf("place %s is before %s, which was handed out", c.Place(), r.got[last].ID)
				return
			}
			for range rnd.IntN(20) {
				runtime.Gosched()
			}
		}
		if from = c.Place(); rnd.IntN(2) == 0 && len(r.got) > 0 && len(r.got) > rnd.IntN(10) {
			from = r.got[len(r.got)-1].ID // a client without heartbeats
		}
		c.Close()
	}
}

// A place is a promise: all that passes up to it was handed out before, and it never goes back.
func TestPlaceIsExactWhileOthersPublish(t *testing.T) {
	o := Options{ChunkBytes: 1000, FeedBytes: 5000, PageEvents: 20}
	t.Run("at once", func(t *testing.T) { testPlaceIsExact(t, o) })
	o.Window = 100 * time.Microsecond
	t.Run("in windows", func(t *testing.T) { testPlaceIsExact(t, o) })
}

func testPlaceIsExact(t *testing.T, o Options) {
	log := newMemLog()
	put(t, log, ev("s1", "server:starting", 0))
	h := start(t, log, o)
	type said struct{ place, last uint64 }
	var readers sync.WaitGroup
	var newest atomic.Uint64
	all := make([][]said, len(testFilters))
	for i, f := range testFilters {
		f := filter(t, f[0], f[1])
		r := subscribe(t, h, f, place(1))
		readers.Go(func() {
			var last said
			rnd := rand.New(rand.NewPCG(uint64(i), 9))
			for n := uint64(0); n == 0 || last.place < n; n = newest.Load() {
				p := r.Place().Seq
				if p < last.place {
					t.Errorf("filter %s: place went from %d back to %d", f.Key(), last.place, p)
					return
				}
				if last.place = p; len(r.got) > 0 {
					last.last = r.got[len(r.got)-1].ID.Seq
				}
				all[i] = append(all[i], last)
				b, err := r.TryNext(1 + rnd.IntN(2000))
				if errors.Is(err, ErrBehind) {
					err = r.CatchUp(context.Background())
				}
				if err != nil {
					t.Error(err)
					return
				}
				if r.take(b); b == nil {
					runtime.Gosched()
				}
			}
		})
	}
	newest.Store(publish(t, log, 8, 8000).Seq)
	readers.Wait()
	for i, f := range testFilters {
		events := log.All(filter(t, f[0], f[1]), 1)
		next, distinct := 0, 0
		for j, s := range all[i] {
			for next < len(events) && events[next].ID.Seq <= s.place {
				next++
			}
			if next > 0 && events[next-1].ID.Seq > s.last {
				t.Fatalf("filter %v: said place %d when %d was the last handed out, but %s passes", f, s.place, s.last, events[next-1].ID)
			}
			if j > 0 && s.place != all[i][j-1].place {
				distinct++
			}
		}
		if distinct < 5 {
			t.Errorf("filter %v: saw only %d places", f, distinct)
		}
	}
}

// The same at the closest range: where every event passes, the place is that of the last event handed out, neither more nor
// less, however the loop and the reader interleave. Publishing goes on without pause, in batches of seven and chunks of two events.
func TestPlaceIsTheLastHandedOut(t *testing.T) {
	h := start(t, newMemLog(), Options{ChunkBytes: 600, FeedBytes: 1 << 30, Memory: 1 << 30})
	r := subscribe(t, h, event.Filter{}, event.ID{})
	const n = 200_000
	var stopped atomic.Bool
	var publisher sync.WaitGroup
	publisher.Go(func() {
		batch := make([]event.Event, 7)
		e := ev("a", "metrics:cpu", 0)
		for seq := uint64(1); seq <= n && !stopped.Load(); {
			for i := range batch {
				e.ID = place(seq)
				batch[i] = e
				seq++
			}
			if err := h.apply(r.life, batch); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for last := uint64(0); last < n; {
		bufs, err := r.TryNext(1 << 20)
		if err != nil {
			t.Error(err)
			break
		}
		for _, b := range bufs {
			if first := seqOf(b); first != last+1 {
				t.Errorf("after %d comes %d", last, first)
				last = n
				break
			}
			last = lastSeq(b)
		}
		if got := r.Place().Seq; last < n && got != last {
			t.Errorf("place %d when %d was the last handed out", got, last)
			break
		}
	}
	stopped.Store(true)
	publisher.Wait()
}

// One goroutine drives a thousand cursors, woken by one channel, and misses nothing.
func TestAWorkerDrivesManyCursors(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	readers := make([]*reader, 1000)
	for i := range readers {
		readers[i] = subscribe(t, h, event.Filter{}, event.ID{})
	}
	if readers[0].Wake() != readers[999].Wake() {
		t.Error("two cursors of one feed wait for different channels")
	}
	const n = 200
	done := make(chan struct{})
	go func() {
		defer close(done)
		for readers[0].Place().Seq < n {
			<-readers[0].Wake()
			for _, r := range readers {
				b, err := r.TryNext(1 << 20)
				if err != nil {
					t.Error(err)
				}
				r.take(b)
			}
		}
	}()
	for i := range n {
		put(t, log, ev("a", "logs:app", i))
		if i%10 == 0 {
			runtime.Gosched()
		}
	}
	<-done
	for _, r := range readers {
		r.until(place(n))
		r.want(log.All(event.Filter{}, 0))
	}
}

// No wake-up is lost: readers who do nothing but wait for the next event see each of many, published one at a time.
func TestNoWakeUpIsLost(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	const readers, n = 20, 2000
	var seen, all sync.WaitGroup
	for range readers {
		r := subscribe(t, h, event.Filter{}, event.ID{})
		all.Go(func() {
			for len(r.got) < n {
				had := len(r.got)
				if err := r.next(1); err != nil {
					t.Error(err)
				}
				for range len(r.got) - had {
					seen.Done()
				}
			}
		})
	}
	for i := range n {
		seen.Add(readers)
		put(t, log, ev("a", "logs:app", i))
		seen.Wait()
	}
	all.Wait()
}

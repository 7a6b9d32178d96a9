package hub

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

const ms = time.Millisecond

func every(t testing.TB, h *Hub, f event.Filter, d time.Duration, after event.ID) *reader {
	t.Helper()
	c, err := h.SubscribeEvery(t.Context(), f, d, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &reader{Cursor: c, t: t}
}

// drain takes all that is at hand when everybody has come to rest, and returns the places of it.
func (r *reader) drain() string {
	r.t.Helper()
	synctest.Wait()
	before := len(r.got)
	for {
		b, err := r.TryNext(1 << 20)
		switch {
		case errors.Is(err, ErrBehind):
			if err := r.CatchUp(r.t.Context()); err != nil {
				r.t.Fatal(err)
			}
			continue
		case err != nil:
			r.t.Fatal(err)
		}
		if len(b) == 0 {
			return seqs(r.got[before:])
		}
		if r.own.Zipped {
			b = [][]byte{unzip(r.t, b)}
		}
		r.take(b)
	}
}

// unzip unpacks blocks of deflate.
func unzip(t testing.TB, blocks [][]byte) []byte {
	t.Helper()
	last := []byte{1, 0, 0, 0xff, 0xff} // an empty block that says it is the last
	b, err := io.ReadAll(flate.NewReader(bytes.NewReader(slices.Concat(append(slices.Clone(blocks), last)...))))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seqs(events []event.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprint(e.ID.Seq))
	}
	return strings.Join(out, " ")
}

// What a feed shows when. Each step publishes after a while, and then looks at what came; places count from 1.
func TestPaced(t *testing.T) {
	type step struct {
		wait  time.Duration
		types string // of the events published together; "": none
		got   string // places handed out
		place uint64 // and what the stream vouches for
	}
	for _, row := range []struct {
		name   string
		window time.Duration
		every  time.Duration
		steps  []step
	}{
		{"at once", 0, 0, []step{{0, "cpu", "1", 1}, {ms, "cpu log", "2 3", 3}, {0, "", "", 3}}},
		{"a window: the first goes out, what follows waits", 10 * ms, 0, []step{
			{5 * ms, "cpu log", "1 2", 2}, {ms, "cpu", "", 2}, {ms, "log", "", 2}, {3 * ms, "", "3 4", 4},
			{ms, "cpu", "", 4}, {9 * ms, "", "5", 5}, {20 * ms, "log", "6", 6},
		}},
		{"state does not wait, and takes with it what came before", 10 * ms, 0, []step{
			{5 * ms, "cpu", "1", 1}, {ms, "cpu", "", 1}, {ms, "lamp", "2 3", 3}, {ms, "cpu lamp log", "4 5 6", 6}, {ms, "own", "7", 7},
		}},
		{"few: the first, then the newest of each interval", 0, time.Second, []step{
			{0, "cpu", "1", 1}, {100 * ms, "cpu", "", 1}, {100 * ms, "cpu", "", 2}, {100 * ms, "cpu mem", "", 3}, {700 * ms, "", "4 5", 5},
			{400 * ms, "mem", "", 5}, {599 * ms, "", "", 5}, {ms, "", "6", 6}, {3 * time.Second, "cpu", "7", 7},
		}},
		{"few: also of those that come together", 0, time.Second, []step{{0, "cpu cpu mem cpu", "3 4", 4}}},
		{"few: lines wait, and none is left out", 0, time.Second, []step{
			{0, "log", "1", 1}, {100 * ms, "log cpu", "", 1}, {100 * ms, "cpu log", "", 1}, {800 * ms, "", "2 4 5", 5},
		}},
		{"few: state does not wait, and takes with it what came before", 0, time.Second, []step{
			{0, "cpu", "1", 1}, {100 * ms, "cpu log cpu", "", 2}, {100 * ms, "lamp", "3 4 5", 5}, {900 * ms, "cpu", "", 5}, {100 * ms, "", "6", 6},
		}},
		{"few, and a window that is longer", time.Second, 100 * ms, []step{{0, "cpu", "1", 1}, {500 * ms, "cpu", "", 1}, {500 * ms, "", "2", 2}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newMemLog()
				h := start(t, log, Options{Window: row.window})
				r := every(t, h, event.Filter{}, row.every, event.ID{})
				for i, s := range row.steps {
					time.Sleep(s.wait)
					var events []event.Event
					for _, typ := range strings.Fields(s.types) {
						typ = map[string]string{"cpu": "metrics:cpu", "mem": "metrics:memory", "log": "logs:app", "lamp": "server:online", "own": "own:type"}[typ]
						events = append(events, ev("a", typ, 0))
					}
					if len(events) > 0 {
						put(t, log, events...)
					}
					if got := r.drain(); got != s.got || r.Place().Seq != s.place {
						t.Fatalf("step %d: got %q, complete up to %d; want %q, %d", i, got, r.Place().Seq, s.got, s.place)
					}
				}
			})
		})
	}
}

// Who asks for few samples gets every state and line once, in order, and the newest samples; from wherever he resumes.
func TestEveryIsExact(t *testing.T) {
	types := slices.Concat(slices.Repeat([]string{"metrics:cpu", "metrics:memory", "metrics:cpu", "logs:app"}, 15), []string{"server:online", "own:type"})
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 7))
				log := newMemLog()
				h := start(t, log, Options{ChunkBytes: 4096, FeedBytes: 16 << 10, PageEvents: 50, Window: []time.Duration{0, 20 * ms}[seed%2]})
				f := filter(t, "", []string{"", "metrics,logs", "metrics,server"}[rnd.IntN(3)])
				r := every(t, h, f, 300*ms, event.ID{})
				var got []event.Event // over all its lives
				var newcomers []*reader
				for range 600 {
					var batch []event.Event
					for range 1 + rnd.IntN(5) {
						e := ev(fmt.Sprint("s", rnd.IntN(3)), types[rnd.IntN(len(types))], rnd.IntN(400))
						e.Time = time.Now()
						batch = append(batch, e)
					}
					put(t, log, batch...)
					time.Sleep(time.Duration(rnd.IntN(40)) * ms)
					switch rnd.IntN(20) {
					case 0, 1, 2, 3, 4, 5:
						r.drain()
					case 6: // comes back where the stream was complete, or with the last event it has
						r.drain()
						after := r.Place()
						if n := len(r.got); n > 0 && rnd.IntN(2) == 0 {
							after = r.got[n-1].ID
						}
						got = append(got, r.got...)
						r.Close()
						if rnd.IntN(2) == 0 {
							time.Sleep(time.Duration(rnd.IntN(3000)) * ms)
						}
						r = every(t, h, f, 300*ms, after)
						if seed > 3 {
							r.Deflate()
						}
						if r.Start().Mode != Resumed {
							t.Fatalf("start %+v", r.Start())
						}
					case 7: // a newcomer joins in the middle
						d := []time.Duration{0, 300 * ms}[rnd.IntN(2)]
						n := every(t, h, f, d, event.ID{})
						newcomers = append(newcomers, n)
						if rnd.IntN(2) == 0 {
							n.drain()
						}
					case 8: // it is slow; then lines may be left out too
						if seed < 4 {
							break
						}
						if _, err := r.Thin(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				time.Sleep(time.Second)
				r.drain()
				got = append(got, r.got...)
				if head := place(log.Head); r.Place() != head {
					t.Errorf("complete up to %s at rest, want %s", r.Place(), head)
				}
				checkSparse(t, log.All(f, 0), got, seed < 4)
				for _, n := range newcomers {
					n.drain()
					checkOrder(t, n.got)
				}
			})
		})
	}
}

func checkOrder(t *testing.T, got []event.Event) {
	t.Helper()
	for i := range got[1:] {
		if got[i].ID.Compare(got[i+1].ID) >= 0 {
			t.Fatalf("%s came after %s", got[i+1].ID, got[i].ID)
		}
	}
}

// checkSparse compares what was handed out with all that passes. Lines says that every line has to be there.
func checkSparse(t *testing.T, all, got []event.Event, lines bool) {
	t.Helper()
	checkOrder(t, got)
	have := make(map[event.ID]bool)
	for _, e := range got {
		have[e.ID] = true
	}
	newest := make(map[sampleKey]event.ID)
	samples := 0
	for _, e := range all {
		if e.Class() == event.Sample {
			newest[sampleKey{e.Server, e.Type}] = e.ID
			samples++
		} else if (lines || e.Class() == event.State) && !have[e.ID] {
			t.Fatalf("%s %s is missing", e.ID, e.Type)
		}
	}
	for key, id := range newest {
		if !have[id] {
			t.Errorf("the newest %s of %s, %s, is missing", key.typ, key.server, id)
		}
	}
	few := 0
	for _, e := range got {
		if e.Class() == event.Sample {
			few++
		}
	}
	if samples > 0 && few*3 > samples*2 {
		t.Errorf("%d of %d samples came, want far fewer", few, samples)
	}
}

func TestTheEndShowsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		h := New(log, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		<-h.Ready()
		r := every(t, h, event.Filter{}, time.Minute, event.ID{})
		put(t, log, ev("a", "metrics:cpu", 0))
		if got := r.drain(); got != "1" {
			t.Fatalf("got %q, want the first", got)
		}
		put(t, log, ev("a", "metrics:cpu", 0), ev("a", "logs:app", 0), ev("a", "metrics:cpu", 0))
		if got := r.drain(); got != "" {
			t.Fatalf("got %q, want nothing yet", got)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		b, err := r.TryNext(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		r.take(b)
		if got := seqs(r.got); got != "1 3 4" || r.Place() != place(4) {
			t.Errorf("got %q, complete up to %s; want what waited too", got, r.Place())
		}
		if _, err := r.TryNext(1); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	})
}

// A hole in the log that the hub did not see coming, while samples wait: the reader gets them from the record.
func TestAHoleWhileSamplesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		h := start(t, log, Options{})
		r := every(t, h, event.Filter{}, time.Minute, event.ID{})
		put(t, log, ev("a", "metrics:cpu", 0))
		r.drain()
		put(t, log, ev("a", "metrics:cpu", 0), ev("a", "logs:app", 0))
		if got := r.drain(); got != "" {
			t.Fatalf("got %q, want nothing yet", got)
		}
		log.Change(func() { log.Head += 3 })
		put(t, log, ev("a", "metrics:memory", 0))
		if got := r.drain(); got != "2 3 7" {
			t.Errorf("got %q, want all that the record has", got)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if n := r.feed.pacing.order.Len(); n > 0 {
			t.Errorf("%d frames still wait, to be shown out of order", n)
		}
	})
}

// However much waits, it is bounded: beyond that the interval ends early.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		h := start(t, log, Options{Memory: 64 << 10, ChunkBytes: 4096})
		r := every(t, h, event.Filter{}, time.Minute, event.ID{})
		put(t, log, ev("a", "logs:app", 0))
		r.drain()
		var batch []event.Event
		for range 3000 {
			batch = append(batch, ev("a", "logs:app", 400))
		}
		put(t, log, batch...)
		r.drain()
		if n := len(r.got); n < 2500 || n == len(batch)+1 {
			t.Errorf("got %d lines of %d within the minute, want most", n, len(batch))
		}
		time.Sleep(2 * time.Minute)
		r.drain()
		r.want(log.All(event.Filter{}, 0))
	})
}

func TestAlikeShareBytes(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	a, b := every(t, h, event.Filter{}, time.Second, event.ID{}), every(t, h, event.Filter{}, time.Second, event.ID{})
	c, d := every(t, h, event.Filter{}, 2*time.Second, event.ID{}), subscribe(t, h, event.Filter{}, event.ID{})
	if a.Feed() != b.Feed() || a.Feed() == c.Feed() || a.Feed() == d.Feed() {
		t.Error("those who ask for the same have to share a feed, and no others")
	}
}

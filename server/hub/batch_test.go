package hub

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// inflate unpacks whole blocks.
func inflate(t testing.TB, b []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(flate.NewReader(bytes.NewReader(b)))
	if !errors.Is(err, io.ErrUnexpectedEOF) { // there is no last block
		t.Fatalf("inflate: got %v after %d bytes", err, len(out))
	}
	return out
}

// taken takes the first n bytes of a batch and the rest of what was cut, which together are whole frames or blocks.
func (r *reader) taken(b *Batch, n int) {
	all := bytes.Join(b.Bufs, nil)
	zipped := b.Zipped
	rest := r.Return(b, n)
	p := append(all[:min(n, len(all)):min(n, len(all))], rest...)
	if zipped && len(p) > 0 {
		p = inflate(r.t, p)
	}
	if len(p) > 0 {
		r.take([][]byte{p})
	}
}

// However much of each batch is taken and returned, the reader ends with the record: plain and compressed, while others publish and feeds
// hold next to nothing, or all.
func TestWhatIsReturnedComesAgain(t *testing.T) {
	for _, row := range []struct {
		name string
		gzip bool
		o    Options
	}{
		{"little memory", false, Options{ChunkBytes: 1000, FeedBytes: 3000, PageEvents: 7}},
		{"all in memory", false, Options{ChunkBytes: 1000}},
		{"little memory, compressed", true, Options{ChunkBytes: 1000, FeedBytes: 3000, PageEvents: 7}},
		{"all in memory, compressed", true, Options{ChunkBytes: 1000}},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := newMemLog()
			for i := range 50 {
				put(t, log, ev(fmt.Sprint("s", i%4), "server:online", i))
			}
			h := start(t, log, row.o)
			var readers sync.WaitGroup
			var newest atomic.Uint64
			all := make([]*reader, 24)
			var sawZipped atomic.Int64
			for i := range all {
				from := event.ID{}
				if i%3 > 0 {
					from = place(uint64(1 + i))
				}
				f := filter(t, testFilters[i%4][0], testFilters[i%4][1])
				r := subscribe(t, h, f, from)
				if row.gzip {
					r.Deflate()
				}
				all[i] = r
				rnd := rand.New(rand.NewPCG(uint64(i), 7))
				readers.Go(func() {
					var b Batch
					for n := uint64(0); n == 0 || r.Place().Seq < n; n = newest.Load() {
						err := r.Fill(&b, 1+rnd.IntN(6000))
						switch {
						case errors.Is(err, ErrBehind):
							err = r.CatchUp(context.Background())
						case err == nil && b.Size > 0:
							if b.Zipped {
								sawZipped.Add(1)
							}
							for range rnd.IntN(30) { // the feed goes on, and evicts
								runtime.Gosched()
							}
							n := b.Size
							if rnd.IntN(2) == 0 {
								n = rnd.IntN(b.Size + 1)
							}
							r.taken(&b, n)
						case err == nil:
							runtime.Gosched()
						}
						if err != nil {
							t.Error(err)
							return
						}
						if got := r.Place(); len(r.got) > 0 && r.mode != inPicture && got.Seq < r.got[len(r.got)-1].ID.Seq {
							t.Errorf("place %s is before %s, which was handed out", got, r.got[len(r.got)-1].ID)
							return
						}
					}
				})
			}
			newest.Store(publish(t, log, 4, 4000).Seq)
			readers.Wait()
			for i, r := range all {
				f := filter(t, testFilters[i%4][0], testFilters[i%4][1])
				from := r.Start().After.Seq
				if i%3 == 0 {
					from = r.Start().Place.Seq
					for len(r.got) > 0 && r.got[0].ID.Seq <= from {
						r.got = r.got[1:] // the picture
					}
				}
				r.want(log.All(f, from))
			}
			if (sawZipped.Load() > 0) != row.gzip {
				t.Errorf("%d batches were compressed", sawZipped.Load())
			}
		})
	}
}

// Live, all compressed subscribers of a feed get the same bytes, made once; and when the last of them has gone nothing is kept.
func TestCompressedOnce(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	readers := make([]*reader, 50)
	for i := range readers {
		readers[i] = subscribe(t, h, event.Filter{}, event.ID{})
		readers[i].Deflate()
	}
	first := readers[0]
	for i := range 20 {
		last := put(t, log, ev("a", "logs:app", i), ev("b", "metrics:cpu", i))
		waitPlace(h, first.life, last)
		var shared *byte
		for j, r := range readers {
			if i < j%5 {
				continue // it comes in later, and gets the older blocks with the newest
			}
			var b Batch
			if err := r.Fill(&b, 1<<20); err != nil || !b.Zipped {
				t.Fatalf("reader %d: got %v, zipped %v with %d bytes; want blocks", j, err, b.Zipped, b.Size)
			}
			newest := &b.Bufs[len(b.Bufs)-1][0]
			if shared == nil {
				shared = newest
			}
			if newest != shared {
				t.Errorf("reader %d has bytes of its own", j)
			}
			if b.Plain <= b.Size {
				t.Logf("%d plain bytes became %d", b.Plain, b.Size)
			}
			r.taken(&b, b.Size)
		}
	}
	for _, r := range readers {
		r.want(log.All(event.Filter{}, 0))
		r.Close()
	}
	z := &first.feed.zip
	if z.users != 0 || z.blocks != nil || z.from.chunk != nil {
		t.Errorf("%d users and %d blocks are left", z.users, len(z.blocks))
	}
}

// One who watches a feed is told of what was written to it, of the end of the log's life, and of nothing else.
func TestWatch(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{})
	mine, other := subscribe(t, h, filter(t, "a", ""), event.ID{}), subscribe(t, h, filter(t, "b", ""), event.ID{})
	if same := subscribe(t, h, filter(t, "a", ""), event.ID{}); same.Feed() != mine.Feed() || mine.Feed() == other.Feed() {
		t.Error("feeds are not told apart by their filters")
	}
	rung := make(chan struct{}, 1000)
	var others atomic.Int64
	stop := mine.Feed().Watch(func() { rung <- struct{}{} })
	other.Feed().Watch(func() { others.Add(1) })
	for i := range 10 {
		put(t, log, ev("a", "logs:app", i))
		<-rung
		if b, err := mine.TryNext(1 << 20); err != nil || b == nil {
			t.Fatalf("rung for nothing: %v", err)
		}
	}
	if n := others.Load(); n != 0 {
		t.Errorf("the other feed was rung for %d times", n)
	}
	log.Change(func() { log.Epoch, log.Head, log.Events = 8, 0, nil })
	<-rung
	if _, err := mine.TryNext(1); !errors.Is(err, ErrReset) {
		t.Errorf("got %v, want ErrReset", err)
	}
	stop()
	if mine.feed.bells.Load() != nil {
		t.Error("a bell is left")
	}
}

// A crowd that missed the same stretch costs the record one reading of it, wherever each of them begins.
func TestResumersShareTheRecord(t *testing.T) {
	log := newMemLog()
	for i := range 2000 {
		put(t, log, ev(fmt.Sprint("s", i%3), "logs:app", i))
	}
	h := start(t, log, Options{PageEvents: 100})
	var reads atomic.Int64
	log.Reading = func() { reads.Add(1) }
	var wg sync.WaitGroup
	back := make([]*reader, 100)
	for i := range back {
		back[i] = subscribe(t, h, event.Filter{}, place(uint64(1+i%10)))
		wg.Go(func() {
			for !back[i].CaughtUp() {
				if err := back[i].next(1 << 20); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for i, r := range back {
		r.want(log.All(event.Filter{}, uint64(1+i%10)))
	}
	if n := reads.Load(); n > 10*20 { // ten chains of pages, at the very most
		t.Errorf("%d pages were read, want far fewer than %d", n, len(back)*20)
	}
}

// What must not be left out is kept, the rest is counted, and what follows has no seam.
func TestThin(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{ChunkBytes: 1000, FeedBytes: 4000, PageEvents: 10})
	slow := subscribe(t, h, event.Filter{}, event.ID{})
	var states []event.ID
	newest := map[string]event.ID{}
	for i := range 500 {
		put(t, log, ev("a", "logs:app", i), ev("b", "logs:error", i))
		server := fmt.Sprint("s", i%3)
		newest[server] = put(t, log, ev(server, "metrics:cpu", i))
		if i%10 == 0 {
			states = append(states, put(t, log, ev("c", "deployment:building", i)))
		}
	}
	last := place(1550)
	waitPlace(h, slow.life, last)
	skipped, err := slow.Thin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if skipped.Count != 1000+500-3 || skipped.From != (event.ID{}) || skipped.To != last || fmt.Sprint(skipped.Classes) != "[sample line]" {
		t.Errorf("got %+v, want 1497 up to %s", skipped, last)
	}
	slow.until(last)
	if len(slow.got) != len(states)+3 {
		t.Errorf("got %d events, want %d states and 3 samples", len(slow.got), len(states))
	}
	at := uint64(0)
	for _, e := range slow.got {
		if e.ID.Seq <= at {
			t.Errorf("%s comes after %d", e.ID, at)
		}
		at = e.ID.Seq
		if e.Class() == event.Sample && newest[e.Server] != e.ID {
			t.Errorf("got %s of %s, want the newest, %s", e.ID, e.Server, newest[e.Server])
		}
		if e.Class() == event.State {
			if len(states) == 0 || states[0] != e.ID {
				t.Fatalf("got state %s, want %v", e.ID, states)
			}
			states = states[1:]
		}
	}
	slow.got = nil
	slow.until(put(t, log, ev("a", "logs:app", 0)))
	slow.want(log.All(event.Filter{}, last.Seq))
}

// A batch that is not all there is says so: one who is only told of what is new asks again.
func TestABatchSaysThatThereIsMore(t *testing.T) {
	for _, gzip := range []bool{false, true} {
		log := newMemLog()
		h := start(t, log, Options{FeedBytes: 8 << 20})
		r := subscribe(t, h, event.Filter{}, event.ID{})
		if gzip {
			r.Deflate()
		}
		var b Batch
		if err := r.Fill(&b, 1); err != nil || b.Size > 0 { // it is live
			t.Fatal(b.Size, err)
		}
		var events []event.Event
		for i := range 20_000 {
			events = append(events, ev("a", "logs:app", i))
		}
		last := put(t, log, events...)
		waitPlace(h, r.life, last)
		for b.More = true; b.More; {
			if err := r.Fill(&b, 64<<10); err != nil {
				t.Fatal(err)
			}
			r.taken(&b, b.Size)
		}
		if r.Place() != last {
			t.Errorf("compressed %v: says it is done at %s, want %s", gzip, r.Place(), last)
		}
		r.want(log.All(event.Filter{}, 0))
	}
}

package hub

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// While a thousand who come back wait for the record, which does not move at all, what is live goes on; and few read at once.
func TestResumersDoNotStallTheLive(t *testing.T) {
	log := newMemLog()
	for i := range 50 {
		put(t, log, ev("a", "logs:app", i))
	}
	h := start(t, log, Options{Readers: 3})
	live := subscribe(t, h, event.Filter{}, event.ID{})

	let := make(chan struct{})
	var reading, most atomic.Int32
	entered := make(chan struct{}, 2000)
	log.Reading = func() {
		n := reading.Add(1)
		defer reading.Add(-1)
		for {
			if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		entered <- struct{}{}
		<-let
	}
	back := make([]*reader, 1000)
	var wg sync.WaitGroup
	for i := range back {
		back[i] = subscribe(t, h, event.Filter{}, place(uint64(1+i%40)))
		wg.Go(func() {
			for !back[i].CaughtUp() {
				if err := back[i].next(1 << 20); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		<-entered // as many as may are reading now
	}
	for i := range 100 {
		live.until(put(t, log, ev("a", "logs:app", i)))
	}
	live.want(log.All(event.Filter{}, 0))
	close(let)
	wg.Wait()
	for i, r := range back {
		r.until(place(150))
		r.want(log.All(event.Filter{}, uint64(1+i%40)))
	}
	if n := most.Load(); n != 3 {
		t.Errorf("%d read the record at once, want 3", n)
	}
}

// A thousand newcomers cost one reading of the picture as long as nothing happens, and it goes when they have it.
func TestNewcomersShareThePicture(t *testing.T) {
	log := newMemLog()
	for i := range 1000 {
		put(t, log, ev(fmt.Sprint("s", i), "server:online", i))
	}
	h := start(t, log, Options{})
	one, two := subscribe(t, h, event.Filter{}, event.ID{}), subscribe(t, h, event.Filter{}, event.ID{})
	if one.source != two.source {
		t.Error("two newcomers have a picture each")
	}
	last := put(t, log, ev("s1", "server:idle", 0))
	waitPlace(h, one.life, last)
	three := subscribe(t, h, event.Filter{}, event.ID{})
	if three.Start().Place != last {
		t.Errorf("a newcomer gets a picture of %s, want the present one of %s", three.Start().Place, last)
	}
	for _, r := range []*reader{one, two, three} {
		r.until(last)
		r.want(log.All(event.Filter{}, 0))
	}
	runtime.GC()
	if one.feed.snap.newest.Value() != nil {
		t.Error("the picture is kept though everybody has it")
	}
}

// Newcomers who come while events flow have no seam between the picture and what follows.
func TestNewcomersWhileEventsFlow(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{ChunkBytes: 2000})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				f := testFilters[n%(len(testFilters)-1)]
				r := &reader{t: t}
				c, err := h.Subscribe(context.Background(), filter(t, f[0], f[1]), event.ID{})
				if err != nil {
					t.Error(err)
					return
				}
				r.Cursor = c
				for !c.CaughtUp() {
					b, _ := c.TryNext(1000)
					r.take(b)
				}
				from := c.Start().Place.Seq
				for range 20 {
					b, _ := c.TryNext(1000)
					r.take(b)
				}
				end := c.Place().Seq
				want := log.All(c.feed.filter, from)
				i := 0
				for i < len(want) && want[i].ID.Seq <= end {
					i++
				}
				for len(r.got) > 0 && r.got[0].ID.Seq <= from {
					r.got = r.got[1:] // the picture
				}
				c.Close()
				r.want(want[:min(max(i, len(r.got)), len(want))])
			}
		})
	}
	publish(t, log, 4, 4000)
	close(stop)
	wg.Wait()
}

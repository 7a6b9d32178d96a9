package journaltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var tailTests = []test{
	{"FromTheOldest", func(b *bench) {
		b.open()
		all := b.mixed(30)
		b.same("tail", b.tail(event.ID{}, 30), all)
	}},
	{"FromTheMiddle", func(b *bench) {
		b.open()
		all := b.mixed(30)
		for _, i := range []int{0, 1, 13, 28} {
			b.same("tail", b.tail(all[i].ID, 29-i), all[i+1:])
		}
	}},
	{"FromTheOldestAfterReopening", func(b *bench) {
		b.open()
		all := b.mixed(3000)
		b.open()
		all = append(all, b.mixed(10)...)
		b.same("tail", b.tail(event.ID{}, len(all)), all)
		b.same("tail", b.tail(all[1234].ID, len(all)-1235), all[1235:])
	}},
	{"FromTheHead", func(b *bench) {
		b.open()
		f := b.follow(b.append(b.make(stateType, "a"))[0].ID, nil)
		want := b.append(b.many(3, stateType, "a")...)
		b.same("tail", f.wait(b, 3), want)
		want = append(want, b.append(b.make(stateType, "a"))...)
		b.same("tail", f.wait(b, 4), want)
		f.stop(b)
	}},
	{"OfAnEmptyRecord", func(b *bench) {
		b.open()
		f := b.follow(event.ID{}, nil)
		want := b.append(b.many(3, sampleType, "a")...)
		b.same("tail", f.wait(b, 3), want)
		f.stop(b)
	}},
	{"NoSeamUnderLoad", func(b *bench) {
		b.open()
		early := b.mixed(500)
		var wg sync.WaitGroup
		const each = 60
		for range publishers {
			events := b.many(each, sampleType, "load")
			wg.Go(func() {
				for _, e := range events {
					if _, err := b.log.Append(b.Context(), []event.Event{e}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		// Tails that begin at different places while it goes on, with readers of different speeds.
		total := len(early) + publishers*each
		var tails []*follower
		for i := range 8 {
			var after event.ID
			if i > 0 {
				after = early[i*60].ID
			}
			slow := i%2 == 1
			tails = append(tails, b.follow(after, func(batch []event.Event) {
				if slow { // by as much as a commit takes
					b.log.Append(b.Context(), nil)
					b.log.Bounds(b.Context())
				}
			}))
		}
		wg.Wait()
		all := b.all(journal.Query{})
		if len(all) != total {
			b.Fatalf("got %d events, want %d", len(all), total)
		}
		for i, f := range tails {
			want := all
			if i > 0 {
				want = all[i*60+1:]
			}
			b.same("tail", f.wait(b, len(want)), want)
			f.stop(b)
		}
	}},
	{"ASlowTailHoldsNobodyUp", func(b *bench) {
		b.open()
		first := b.append(b.make(stateType, "a"))
		stuck, release := make(chan struct{}), make(chan struct{})
		once := sync.OnceFunc(func() { close(stuck); <-release })
		slow := b.follow(event.ID{}, func([]event.Event) { once() })
		<-stuck
		quick := b.follow(event.ID{}, nil)
		all := append(first, b.mixed(2000)...)
		b.same("quick tail", quick.wait(b, len(all)), all)
		b.holds(all)
		close(release)
		b.same("slow tail", slow.wait(b, len(all)), all)
		slow.stop(b)
		quick.stop(b)
	}},
	{"BatchesStayAsTheyWere", func(b *bench) {
		b.open()
		f := b.follow(event.ID{}, nil)
		all := b.mixed(200)
		f.wait(b, 200)
		f.stop(b)
		b.mixed(200)
		b.same("batches kept", slices.Concat(f.batches...), all)
	}},
	{"EndsWithTheErrorOfItsReader", func(b *bench) {
		b.open()
		b.mixed(3)
		enough := errors.New("enough")
		calls := 0
		err := b.log.Tail(b.Context(), event.ID{}, func([]event.Event) error { calls++; return enough })
		if !errors.Is(err, enough) || calls != 1 {
			b.Errorf("got %v after %d calls, want the reader's error after one", err, calls)
		}
	}},
	{"EndsWithItsContext", func(b *bench) {
		b.open()
		all := b.mixed(3)
		ctx, cancel := context.WithTimeout(b.Context(), time.Millisecond)
		defer cancel()
		if err := b.log.Tail(ctx, all[2].ID, nothing); !errors.Is(err, context.DeadlineExceeded) {
			b.Errorf("got %v, want context.DeadlineExceeded", err)
		}
	}},
}

func nothing([]event.Event) error { return nil }

// tail returns the first n events that a Tail delivers.
func (b *bench) tail(after event.ID, n int) []event.Event {
	b.Helper()
	f := b.follow(after, nil)
	got := f.wait(b, n)
	f.stop(b)
	return got
}

// follower runs a Tail and keeps what it delivers.
type follower struct {
	cancel context.CancelFunc
	ended  chan error

	mu      sync.Mutex // guards what follows
	batches [][]event.Event
	count   int
	grown   chan struct{}
}

// follow starts a Tail that calls also, unless nil, with each batch.
func (b *bench) follow(after event.ID, also func([]event.Event)) *follower {
	ctx, cancel := context.WithCancel(b.Context())
	f := &follower{cancel: cancel, ended: make(chan error, 1), grown: make(chan struct{})}
	log := b.log
	go func() {
		f.ended <- log.Tail(ctx, after, func(batch []event.Event) error {
			if len(batch) == 0 {
				b.Error("Tail delivered a batch of nothing")
			}
			if also != nil {
				also(batch)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.batches = append(f.batches, batch)
			f.count += len(batch)
			close(f.grown)
			f.grown = make(chan struct{})
			return nil
		})
	}()
	return f
}

// wait returns all that was delivered, at least n events.
func (f *follower) wait(b *bench, n int) []event.Event {
	b.Helper()
	for {
		f.mu.Lock()
		got, count, grown := f.batches, f.count, f.grown
		f.mu.Unlock()
		if count >= n {
			return slices.Concat(got...)
		}
		select {
		case <-grown:
		case err := <-f.ended:
			b.Fatalf("Tail ended after %d of %d events: %v", count, n, err)
		}
	}
}

// until returns all that was delivered, up to that place at least.
func (f *follower) until(b *bench, place event.ID) []event.Event {
	b.Helper()
	for n := 1; ; n++ {
		if got := f.wait(b, n); !slices.ContainsFunc(got, func(e event.Event) bool { return e.ID.Seq >= place.Seq }) {
			n = len(got)
		} else {
			return got
		}
	}
}

func (f *follower) stop(b *bench) {
	b.Helper()
	f.cancel()
	if err := <-f.ended; !errors.Is(err, context.Canceled) {
		b.Errorf("Tail ended with %v, want context.Canceled", err)
	}
}

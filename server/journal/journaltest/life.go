package journaltest

import (
	"errors"
	"sync"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var lifeTests = []test{
	{"ReopeningGoesOn", func(b *bench) {
		b.open()
		all := b.mixed(10)
		before := b.bounds()
		for range 3 {
			b.open()
			if got := b.bounds(); got != before {
				b.Fatalf("got bounds %+v after reopening, want %+v", got, before)
			}
			b.holds(all)
			all = append(all, b.mixed(5)...)
			if got, want := all[len(all)-1].ID, (event.ID{Epoch: before.Epoch, Seq: uint64(len(all))}); got != want {
				b.Fatalf("newest place is %s, want %s", got, want)
			}
			before = b.bounds()
		}
	}},
	{"ReopeningAnEmptyRecordKeepsItsEpoch", func(b *bench) {
		b.open()
		before := b.bounds()
		b.open()
		if got := b.bounds(); got != before {
			b.Errorf("got bounds %+v, want %+v", got, before)
		}
	}},
	{"AnotherRecordIsAnotherEpoch", func(b *bench) {
		b.open()
		first := b.bounds().Epoch
		other := newBench(b.T, b.newStore)
		other.open()
		if second := other.bounds().Epoch; second == first {
			b.Errorf("two records have the epoch %x", first)
		}
	}},
	{"AfterClose", func(b *bench) {
		b.open()
		b.mixed(3)
		tail := b.follow(event.ID{}, nil)
		tail.wait(b, 3)
		b.ok(b.log.Close())
		if err := <-tail.ended; !errors.Is(err, journal.ErrClosed) {
			b.Errorf("a Tail under way: got %v, want ErrClosed", err)
		}
		b.ok(b.log.Close())
		_, err := b.log.Append(b.Context(), b.many(1, stateType, "a"))
		b.closed("Append", err)
		_, err = b.log.Append(b.Context(), nil)
		b.closed("Append of nothing", err)
		_, err = b.log.Read(b.Context(), journal.Query{})
		b.closed("Read", err)
		_, err = b.log.Bounds(b.Context())
		b.closed("Bounds", err)
		_, err = b.log.At(b.Context(), b.now())
		b.closed("At", err)
		b.closed("Tail", b.log.Tail(b.Context(), event.ID{}, nothing))
		b.closed("Trim", b.log.Trim(b.Context()))
	}},
	{"CloseWhileOthersPublish", func(b *bench) {
		b.open()
		var mu sync.Mutex
		acknowledged := make(map[event.ID]string)
		var wg, begun sync.WaitGroup
		begun.Add(publishers)
		log := b.log
		for range publishers {
			events := b.many(1000, sampleType, "a")
			wg.Go(func() {
				for i, e := range events {
					receipts, err := log.Append(b.Context(), []event.Event{e})
					if i == 0 {
						begun.Done()
					}
					if errors.Is(err, journal.ErrClosed) {
						return
					}
					if err != nil {
						b.Error(err)
						return
					}
					mu.Lock()
					acknowledged[receipts[0].ID] = string(e.Data)
					mu.Unlock()
				}
			})
		}
		begun.Wait()
		b.ok(log.Close())
		wg.Wait()
		b.open()
		all := b.all(journal.Query{})
		for _, e := range all {
			if acknowledged[e.ID] != string(e.Data) {
				b.Fatalf("%s holds %s, its publisher was told %q", e.ID, e.Data, acknowledged[e.ID])
			}
		}
		if len(all) != len(acknowledged) {
			b.Errorf("got %d events, %d were acknowledged", len(all), len(acknowledged))
		}
	}},
	{"CloseFromWithinATail", func(b *bench) {
		b.open()
		b.mixed(3)
		err := b.log.Tail(b.Context(), event.ID{}, func([]event.Event) error { return b.log.Close() })
		b.closed("Tail", err)
	}},
}

func (b *bench) closed(what string, err error) {
	b.Helper()
	if !errors.Is(err, journal.ErrClosed) {
		b.Errorf("%s: got %v, want ErrClosed", what, err)
	}
}

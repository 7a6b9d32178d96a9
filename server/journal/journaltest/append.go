package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

const publishers = 64

var appendTests = []test{
	{"PlacesRiseByOne", func(b *bench) {
		b.open()
		events := b.append(b.many(3, sampleType, "a")...)
		events = append(events, b.append(b.make(stateType, "b"))...)
		for i, e := range events {
			if want := (event.ID{Epoch: events[0].ID.Epoch, Seq: uint64(i + 1)}); e.ID != want {
				b.Errorf("event %d got place %s, want %s", i, e.ID, want)
			}
		}
		bounds := b.bounds()
		if bounds.Epoch == 0 || bounds.Epoch != events[0].ID.Epoch || bounds.Oldest != events[0].ID || bounds.Head != events[3].ID || bounds.Bytes <= 0 {
			b.Errorf("got bounds %+v for places %s to %s", bounds, events[0].ID, events[3].ID)
		}
	}},
	{"NothingOfNothing", func(b *bench) {
		receipts, err := b.open().Append(b.Context(), nil)
		if len(receipts) != 0 || err != nil {
			b.Errorf("got %v, %v, want no receipts and no error", receipts, err)
		}
	}},
	{"EveryFieldComesBack", func(b *bench) {
		b.open()
		events := []event.Event{
			{Type: stateType, Server: "web-1", Time: b.now(), Key: "deploy 7/α", Data: []byte(`{"id":"x","timestamp":"t","serverId":"web-1","name":"żółw"}`)},
			{Type: "category.of:no-one_knows", Server: "ein Server", Time: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Data: []byte(`{}`)},
			{Type: lineType, Server: "z", Time: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), Data: slices.Repeat([]byte("x"), event.MaxData)},
			{Type: sampleType, Server: "z", Time: time.Date(1969, 7, 20, 20, 17, 40, 1e6, time.UTC), Data: []byte(`{"value":1}`)},
			{ID: event.ID{Epoch: 1, Seq: 9}, Type: sampleType, Server: "z", Time: b.now(), Data: []byte(`{}`)},
		}
		events = b.append(events...)
		b.holds(events)
		b.same("tail", b.tail(event.ID{}, len(events)), events)
		b.open()
		b.holds(events)
		b.same("tail of the record opened again", b.tail(event.ID{}, len(events)), events)
	}},
	{"TimesAreInMillisecondsUTC", func(b *bench) {
		b.open()
		e := b.make(stateType, "a")
		e.Time = time.Date(2026, 5, 1, 10, 0, 0, 123_456_789, time.FixedZone("east", 7200))
		b.append(e)
		want := time.Date(2026, 5, 1, 8, 0, 0, 123e6, time.UTC)
		for what, got := range map[string][]event.Event{"read": b.all(journal.Query{}), "tail": b.tail(event.ID{}, 1)} {
			if got[0].Time != want {
				b.Errorf("%s: got time %v, want %v", what, got[0].Time, want)
			}
		}
	}},
	{"AllOrNone", func(b *bench) {
		b.open()
		if _, err := b.log.Append(b.Context(), []event.Event{b.make(stateType, "a"), b.make("stream:sync", "a"), b.make(stateType, "a")}); err == nil {
			b.Fatal("a control event was recorded")
		}
		b.holds(nil)
		if head := b.bounds().Head; !head.IsZero() {
			b.Errorf("head is %s in a record that never held anything", head)
		}
	}},
	{"ManyPublishers", func(b *bench) {
		b.open()
		const appends = 30
		var byPublisher [publishers][]event.Event
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for n := range appends {
					var events []event.Event
					for i := range 1 + n%3 {
						events = append(events, event.Event{
							Type:   [...]string{stateType, sampleType, lineType}[(n+i)%3],
							Server: fmt.Sprint("server-", p), Time: b.now(), Data: fmt.Appendf(nil, `{"n":"%d.%d"}`, n, i),
						})
					}
					receipts, err := b.log.Append(b.Context(), events)
					if err != nil {
						b.Error(err)
						return
					}
					for i, r := range receipts {
						events[i].ID = r.ID
					}
					byPublisher[p] = append(byPublisher[p], events...)
				}
			})
		}
		wg.Wait()
		var want []event.Event
		for _, events := range byPublisher {
			if !slices.IsSortedFunc(events, byPlace) {
				b.Error("the places of one publisher do not rise")
			}
			want = append(want, events...)
		}
		slices.SortFunc(want, byPlace)
		b.holds(want)
		if head := b.bounds().Head.Seq; head != uint64(len(want)) {
			b.Errorf("newest place is %d after %d events", head, len(want))
		}
		b.open()
		b.holds(want)
	}},
	{"CancelledBefore", func(b *bench) {
		b.open()
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		if _, err := b.log.Append(ctx, b.many(1, stateType, "a")); !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, want context.Canceled", err)
		}
		b.holds(nil)
	}},
	{"CancelledMeanwhile", func(b *bench) {
		b.open()
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		var done atomic.Int64
		var recorded, refused sync.Map
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for n := 0; ; n++ {
					e := event.Event{Type: stateType, Server: fmt.Sprint(p, "-", n), Time: b.now(), Data: []byte(`{}`)}
					_, err := b.log.Append(ctx, []event.Event{e})
					switch {
					case errors.Is(err, context.Canceled):
						refused.Store(e.Server, true)
						return
					case err != nil:
						b.Error(err)
						return
					}
					recorded.Store(e.Server, true)
					if done.Add(1) == 10*publishers {
						cancel()
					}
				}
			})
		}
		wg.Wait()
		b.append(b.make(lineType, "a")) // whatever was under way is behind us
		for _, e := range b.all(journal.Query{Filter: b.filter("", stateType)}) {
			if _, ok := refused.Load(e.Server); ok {
				b.Errorf("event %s is recorded and its Append said that it is not", e.Server)
			}
			recorded.Delete(e.Server)
		}
		recorded.Range(func(server, _ any) bool {
			b.Errorf("event %s is not recorded and its Append said that it is", server)
			return true
		})
	}},
	{"DataIsNotCopiedLate", func(b *bench) {
		b.open()
		list := b.many(2, stateType, "a")
		want := b.append(list...)
		clear(list) // the list is the caller's again; only the Data is shared
		b.holds(want)
		b.same("tail", b.tail(event.ID{}, 2), want)
	}},
}

func byPlace(a, b event.Event) int { return a.ID.Compare(b.ID) }

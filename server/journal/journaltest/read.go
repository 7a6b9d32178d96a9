package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var readTests = []test{
	{"EmptyRecord", func(b *bench) {
		b.open()
		page := b.page(journal.Query{})
		if len(page.Events) != 0 || !page.Next.IsZero() || page.More || !page.Trimmed.IsZero() {
			b.Errorf("got page %+v of an empty record", page)
		}
		bounds := b.bounds()
		if bounds.Epoch == 0 || !bounds.Oldest.IsZero() || !bounds.Head.IsZero() || bounds.Bytes != 0 {
			b.Errorf("got bounds %+v of an empty record", bounds)
		}
	}},
	{"AfterAndBefore", func(b *bench) {
		b.open()
		all := b.mixed(20)
		for after := -1; after < len(all); after++ {
			for before := 0; before <= len(all); before++ {
				q := journal.Query{}
				if after >= 0 {
					q.After = all[after].ID
				}
				if before < len(all) {
					q.Before = all[before].ID
				}
				page := b.page(q)
				b.same(fmt.Sprintf("after %d before %d", after, before), page.Events, all[min(after+1, before):before])
				if page.More {
					b.Errorf("after %d before %d: there is no more", after, before)
				}
			}
		}
	}},
	{"NothingIsBeforeTheFirstPlace", func(b *bench) {
		b.open()
		epoch := b.bounds().Epoch
		for range 2 { // of an empty record too
			for _, seq := range []uint64{0, 1} {
				page := b.page(journal.Query{Before: event.ID{Epoch: epoch, Seq: seq}})
				if len(page.Events) != 0 || page.More || !page.Next.IsZero() || !page.Trimmed.IsZero() {
					b.Errorf("before %d: got page %+v, want nothing", seq, page)
				}
			}
			b.mixed(10)
		}
		after := event.ID{Epoch: epoch, Seq: 3}
		if page := b.page(journal.Query{After: after, Before: event.ID{Epoch: epoch}}); len(page.Events) != 0 || page.More || page.Next != after {
			b.Errorf("after %s: got page %+v, want nothing", after, page)
		}
	}},
	{"Pages", func(b *bench) {
		b.open()
		all := b.mixed(25)
		var got []event.Event
		q := journal.Query{Limit: 10}
		for _, want := range []int{10, 10, 5} {
			page := b.page(q)
			got = append(got, page.Events...)
			if len(page.Events) != want || page.More != (want == 10) {
				b.Errorf("got page of %d, more %t; want %d, %t", len(page.Events), page.More, want, want == 10)
			}
			if page.Next != all[len(got)-1].ID {
				b.Errorf("next is %s, want %s", page.Next, all[len(got)-1].ID)
			}
			q.After = page.Next
		}
		b.same("pages", got, all)
		page := b.page(q)
		if len(page.Events) != 0 || page.More || page.Next != q.After {
			b.Errorf("got page %+v after the newest event", page)
		}
		next := b.append(b.make(lineType, "a"))
		b.same("what was recorded since", b.page(q).Events, next)
	}},
	{"APageThatEndsWithTheRecordHasNoMore", func(b *bench) {
		b.open()
		b.mixed(10)
		if page := b.page(journal.Query{Limit: 10}); len(page.Events) != 10 || page.More {
			b.Errorf("got %d events, more %t; want 10 and no more", len(page.Events), page.More)
		}
	}},
	{"Limits", func(b *bench) {
		b.open()
		for range 11 {
			b.append(b.many(1000, sampleType, "a")...)
		}
		for _, row := range []struct{ limit, want int }{
			{0, journal.DefaultLimit}, {-1, journal.DefaultLimit}, {1, 1}, {journal.MaxLimit + 1, journal.MaxLimit},
		} {
			if page := b.page(journal.Query{Limit: row.limit}); len(page.Events) != row.want || !page.More {
				b.Errorf("limit %d: got %d events, more %t; want %d and more", row.limit, len(page.Events), page.More, row.want)
			}
		}
	}},
	{"PageBytes", func(b *bench) {
		b.open()
		var all []event.Event
		for range 50 {
			e := b.make(lineType, "a")
			e.Data = fmt.Appendf(nil, `{"n":%d,"pad":%q}`, b.made, bytes.Repeat([]byte("x"), 200<<10))
			all = append(all, b.append(e)...)
		}
		q, got := journal.Query{}, []event.Event(nil)
		for more := true; more; {
			page := b.page(q)
			size := 0
			for _, e := range page.Events {
				size += len(e.Data)
			}
			if size > journal.MaxPageBytes || size == 0 {
				b.Errorf("page of %d events has %d bytes", len(page.Events), size)
			}
			got = append(got, page.Events...)
			q.After, more = page.Next, page.More
		}
		b.same("pages", got, all)
	}},
	{"Filters", func(b *bench) {
		b.open()
		all := b.mixed(60)
		for _, row := range [][2]string{
			{"", ""}, {"a", ""}, {"b*", ""}, {"a,c", ""}, {"nobody", ""},
			{"", "server:*"}, {"", "metrics"}, {"", "metrics:cpu,logs:app"}, {"", "s*:online"}, {"", "*"}, {"", "m*:*"},
			{"a", "logs:*"}, {"", "other:thing"}, {"", "nothing:known"}, {"/", "/"}, // the last is event.None
		} {
			f := b.filter(row[0], row[1])
			var want []event.Event
			for _, e := range all {
				if f.Match(e.Server, e.Type) {
					want = append(want, e)
				}
			}
			b.same(f.Key(), b.all(journal.Query{Filter: f}), want)
			b.same(f.Key()+" in small pages", b.all(journal.Query{Filter: f, Limit: 2}), want)
			page := b.page(journal.Query{Filter: f})
			if head := b.bounds().Head; page.Next != head || page.More {
				b.Errorf("%s: next is %s, more %t; want the head %s and no more", f.Key(), page.Next, page.More, head)
			}
		}
	}},
	{"RareEventInALongRecord", func(b *bench) {
		b.open()
		for range 30 {
			b.append(b.many(1000, sampleType, "busy")...)
		}
		want := b.append(b.make(sampleType, "rare"))
		b.append(b.many(1000, sampleType, "busy")...)
		b.same("rare", b.all(journal.Query{Filter: b.filter("rare", "")}), want)
	}},
	{"AnotherEpoch", func(b *bench) {
		b.open()
		place := b.append(b.make(stateType, "a"))[0].ID
		place.Epoch ^= 1
		for _, q := range []journal.Query{{After: place}, {Before: place}, {After: place, AcrossTrimmed: true}} {
			_, err := b.log.Read(b.Context(), q)
			gone := b.gone(err, journal.GoneEpoch)
			if gone.Place != place || gone.Head != b.bounds().Head {
				b.Errorf("got %+v, want the place %s and the head", gone, place)
			}
		}
		b.gone(b.log.Tail(b.Context(), place, nothing), journal.GoneEpoch)
	}},
	{"AheadOfTheRecord", func(b *bench) {
		b.open()
		head := b.append(b.make(stateType, "a"))[0].ID
		ahead := head
		ahead.Seq++
		for _, across := range []bool{false, true} {
			_, err := b.log.Read(b.Context(), journal.Query{After: ahead, AcrossTrimmed: across})
			gone := b.gone(err, journal.GoneAhead)
			if gone.Place != ahead || gone.Head != head {
				b.Errorf("got %+v, want place %s and head %s", gone, ahead, head)
			}
		}
		b.gone(b.log.Tail(b.Context(), ahead, nothing), journal.GoneAhead)
		if page := b.page(journal.Query{Before: ahead}); len(page.Events) != 1 {
			b.Errorf("got %d events before a place to come, want all", len(page.Events))
		}
	}},
	{"AheadOfAnEmptyRecord", func(b *bench) {
		b.open()
		place := event.ID{Epoch: b.bounds().Epoch, Seq: 1}
		_, err := b.log.Read(b.Context(), journal.Query{After: place})
		b.gone(err, journal.GoneAhead)
	}},
	{"Cancelled", func(b *bench) {
		b.open()
		b.mixed(3)
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		if _, err := b.log.Read(ctx, journal.Query{}); !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, want context.Canceled", err)
		}
		if _, err := b.log.Bounds(ctx); !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, want context.Canceled", err)
		}
		if _, err := b.log.At(ctx, b.now()); !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, want context.Canceled", err)
		}
	}},
}

// mixed records n events of all classes and several servers, in batches of different sizes.
func (b *bench) mixed(n int) (all []event.Event) {
	b.Helper()
	types := [...]string{stateType, sampleType, lineType, sampleType, "other:thing", otherState, "metrics:memory", sampleType}
	servers := [...]string{"a", "b1", "b2", "a", "c"}
	for len(all) < n {
		var batch []event.Event
		for range min(n-len(all), 1+len(all)%4) {
			batch = append(batch, b.make(types[b.made%len(types)], servers[b.made%len(servers)]))
		}
		all = append(all, b.append(batch...)...)
	}
	return all
}

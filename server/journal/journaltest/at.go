package journaltest

import (
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// recorded is an event with when it was.
type recorded struct {
	id event.ID
	at time.Time
}

var atTests = []test{
	{"EmptyRecord", func(b *bench) {
		b.open()
		for _, t := range []time.Time{b.now().Add(-time.Hour), b.now(), b.now().Add(time.Hour)} {
			if got := b.at(t); got != (event.ID{}) {
				b.Errorf("got %q of a record that never held anything", got)
			}
		}
	}},
	{"EveryTime", func(b *bench) {
		b.open()
		all := b.spread(60, 250*time.Millisecond)
		b.atAll(all)
		if before := b.at(all[0].at); before != (event.ID{Epoch: all[0].id.Epoch}) {
			b.Errorf("got %+v before all, want the epoch and 0", before)
		}
		if got := b.at(all[0].at.AddDate(-3000, 0, 0)); got.Seq != 0 || got.Epoch == 0 {
			b.Errorf("got %+v long before all, want the epoch and 0", got)
		}
		if got, head := b.at(all[0].at.AddDate(3000, 0, 0)), b.bounds().Head; got != head {
			b.Errorf("got %s long after all, want the head %s", got, head)
		}
		b.open()
		b.atAll(all)
	}},
	{"AllAtOnce", func(b *bench) {
		b.open()
		for range 30 {
			b.mixed(100)
		}
		if got := b.at(b.now()); got != (event.ID{Epoch: b.bounds().Epoch}) {
			b.Errorf("got %+v, want the epoch and 0", got)
		}
		if got, head := b.at(b.now().Add(time.Millisecond)), b.bounds().Head; got != head {
			b.Errorf("got %s, want the head %s", got, head)
		}
	}},
	{"WhatEventsSayDoesNotCount", func(b *bench) {
		b.open()
		all := b.spread(40, time.Minute)
		middle := b.now()
		for _, off := range []time.Duration{-30 * 24 * time.Hour, 30 * 24 * time.Hour} {
			batch := b.many(500, stateType, "backfilled")
			for i := range batch {
				batch[i].Time = b.now().Add(off + time.Duration(i)*time.Second)
			}
			for _, e := range b.append(batch...) {
				all = append(all, recorded{e.ID, middle})
			}
		}
		b.pass(time.Minute)
		b.atAll(append(all, b.spread(40, time.Minute)...))
	}},
	{"AcrossWhatWasTrimmed", func(b *bench) {
		b.retention = journal.Retention{State: journal.Limit{Age: 3 * time.Hour}, Sample: journal.Limit{Age: time.Hour}, Line: journal.Limit{Age: 2 * time.Hour}}
		b.open()
		all := b.spread(80, time.Minute)
		for range 12 { // until nothing is left but the latest states
			b.pass(20 * time.Minute)
			b.trim()
			held := b.all(journal.Query{AcrossTrimmed: true})
			b.atAll(slices.DeleteFunc(slices.Clone(all), func(r recorded) bool {
				return !slices.ContainsFunc(held, func(e event.Event) bool { return e.ID == r.id })
			}))
		}
		if n := len(b.all(journal.Query{AcrossTrimmed: true})); n == 0 || n > 12 {
			b.Errorf("%d events are left, want the latest states alone", n)
		}
	}},
	{"NothingLeft", func(b *bench) {
		b.retention.Sample.Age = time.Minute
		b.open()
		first := b.append(b.many(100, sampleType, "a")...)
		b.pass(time.Hour)
		b.trim()
		b.holds(nil)
		for _, t := range []time.Time{b.now().Add(-2 * time.Hour), b.now()} {
			if got := b.at(t); got != first[99].ID {
				b.Errorf("got %s, want the head", got)
			}
		}
	}},
	{"AClockThatWasPutBack", func(b *bench) {
		const back = 10 * time.Second
		b.open()
		var all []recorded
		for range 8 {
			all = append(all, b.spread(50, time.Second)...)
			b.pass(-back)
		}
		for t := all[0].at.Add(-2 * back); t.Before(b.now().Add(3 * back)); t = t.Add(500 * time.Millisecond) {
			place := b.at(t)
			for _, r := range all {
				if after := r.id.Seq > place.Seq; after && r.at.Before(t.Add(-back)) || !after && !r.at.Before(t.Add(back)) {
					b.Fatalf("at %s: got %s, and %s was recorded %s later", t, place, r.id, r.at.Sub(t))
				}
			}
		}
	}},
	{"AClockThatWasWrongLongAgo", func(b *bench) {
		const year = 365 * 24 * time.Hour
		b.open()
		b.spread(50, time.Second)
		b.pass(-year)
		b.spread(50, time.Second)
		b.pass(2 * year)
		b.spread(400, time.Second) // half of all
		b.pass(-year)
		late := b.spread(250, time.Second)
		for i := 150; i < len(late); i++ {
			if got := b.at(late[i].at); got != late[i-1].id {
				b.Fatalf("at %s: got %s, want %s", late[i].at, got, late[i-1].id)
			}
		}
	}},
}

// spread records n events of all classes, one in each stretch of that length.
func (b *bench) spread(n int, every time.Duration) (all []recorded) {
	b.Helper()
	for range n {
		all = append(all, recorded{b.mixed(1)[0].ID, b.now()})
		b.pass(every)
	}
	return all
}

func (b *bench) at(t time.Time) event.ID {
	b.Helper()
	place, err := b.log.At(b.Context(), t)
	b.ok(err)
	return place
}

// atAll asks for the time of each event that is held, and for those between. They were recorded in the order of time.
func (b *bench) atAll(held []recorded) {
	b.Helper()
	if len(held) == 0 {
		b.Fatal("nothing is held")
	}
	head := b.bounds().Head
	for i := range held {
		for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
			t := held[i].at.Add(off)
			want, later := event.ID{Epoch: head.Epoch}, false
			for _, r := range held {
				if later = !r.at.Before(t); later {
					break
				}
				want = r.id
			}
			if !later {
				want = head
			}
			if got := b.at(t); got != want {
				b.Fatalf("at %s: got %+v, want %+v", t, got, want)
			}
		}
	}
}

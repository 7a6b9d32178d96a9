package journaltest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var retentionTests = []test{
	{"ByAge", func(b *bench) {
		b.retention.Sample.Age = time.Hour
		b.open()
		b.append(b.many(10, sampleType, "a")...)
		b.pass(59 * time.Minute)
		kept := b.append(b.many(10, sampleType, "a")...)
		b.pass(2 * time.Minute)
		b.trim()
		b.holds(kept)
		if bounds := b.bounds(); bounds.Oldest != kept[0].ID || bounds.Head != kept[9].ID {
			b.Errorf("got bounds %+v, want %s to %s", bounds, kept[0].ID, kept[9].ID)
		}
		b.open()
		b.holds(kept)
	}},
	{"AgeCountsFromRecordingNotFromTheEventsTime", func(b *bench) {
		b.retention.Line.Age = time.Hour
		b.open()
		past, future := b.make(lineType, "a"), b.make(lineType, "a")
		past.Time, future.Time = b.now().Add(-1000*time.Hour), b.now().Add(1000*time.Hour)
		all := b.append(past, future, b.make(lineType, "a"))
		b.trim()
		b.holds(all)
		b.pass(61 * time.Minute)
		b.trim()
		b.holds(nil)
	}},
	{"EachClassByItself", func(b *bench) {
		b.retention = journal.Retention{State: journal.Limit{Age: 3 * time.Hour}, Sample: journal.Limit{Age: time.Hour}, Line: journal.Limit{Age: 2 * time.Hour}}
		b.open()
		all := b.append(b.make(sampleType, "a"), b.make(stateType, "a"), b.make(lineType, "a"), b.make(sampleType, "a"), b.make(stateType, "a"))
		for _, want := range [][]int{{1, 2, 4}, {1, 4}, {4}} {
			b.pass(time.Hour + time.Millisecond)
			b.trim()
			var left []event.Event
			for _, i := range want {
				left = append(left, all[i])
			}
			b.holds(left)
		}
	}},
	{"ByBytes", func(b *bench) {
		const limit = 200_000
		b.retention.Sample.Bytes = limit
		b.open()
		lines := b.append(b.many(100, lineType, "a")...)
		var all []event.Event
		pad := bytes.Repeat([]byte("x"), 1000)
		for range 20 {
			batch := b.many(50, sampleType, "a")
			for i := range batch {
				batch[i].Data = fmt.Appendf(nil, `{"n":%d,"pad":%q}`, b.made, pad)
			}
			all = append(all, b.append(batch...)...)
		}
		b.trim()
		left := b.all(journal.Query{Filter: b.filter("", "metrics:*"), AcrossTrimmed: true})
		b.same("what is left", left, all[len(all)-len(left):])
		if size := len(left) * len(pad); size > limit || size < limit/2 {
			b.Errorf("%d bytes of payload are left of a class that may have %d", size, limit)
		}
		if got := b.bounds().Bytes; got > limit+100_000 {
			b.Errorf("record counts %d bytes, with a limit of %d and a hundred short lines", got, limit)
		}
		b.same("another class", b.all(journal.Query{Filter: b.filter("", "logs:*"), AcrossTrimmed: true}), lines)
		before := b.bounds()
		b.open()
		b.trim()
		if got := b.bounds(); got != before {
			b.Errorf("got bounds %+v after reopening, want %+v", got, before)
		}
	}},
	{"NoBoundKeepsAll", func(b *bench) {
		b.open()
		all := b.mixed(100)
		b.pass(100 * 365 * 24 * time.Hour)
		b.trim()
		b.holds(all)
	}},
	{"TheLatestStatesStay", func(b *bench) {
		b.retention = journal.Retention{State: journal.Limit{Age: time.Hour}, Sample: journal.Limit{Age: time.Hour}}
		b.open()
		all := b.append(
			b.make(stateType, "a"), b.make(stateType, "b"), b.make(otherState, "a"), b.make(sampleType, "a"),
			b.make(stateType, "a"), b.make("unknown:thing", "c"), b.make(stateType, "b"), b.make("unknown:thing", "c"))
		want := []event.Event{all[2], all[4], all[6], all[7]}
		b.pass(2 * time.Hour)
		b.trim()
		b.holds(want)
		b.same("tail", b.tail(event.ID{}, len(want)), want)
		if bounds := b.bounds(); bounds.Oldest != want[0].ID || bounds.Bytes <= 0 {
			b.Errorf("got bounds %+v, want oldest %s", bounds, want[0].ID)
		}
		b.open()
		b.trim()
		b.holds(want)

		// A newer one takes the place of a kept one, and nothing else goes.
		newer := b.append(b.make(stateType, "a"), b.make(stateType, "a"))
		b.trim()
		b.holds([]event.Event{all[2], all[6], all[7], newer[0], newer[1]})
		b.pass(2 * time.Hour)
		b.open()
		b.trim()
		b.holds([]event.Event{all[2], all[6], all[7], newer[1]})
	}},
	{"TheLatestStatesStayHoweverManyBytes", func(b *bench) {
		b.retention.State.Bytes = 1
		b.open()
		var want []event.Event
		for i := range 50 {
			b.append(b.many(3, stateType, fmt.Sprint("s", i))...)
			want = append(want, b.append(b.make(stateType, fmt.Sprint("s", i)))...)
		}
		b.trim()
		b.holds(want)
	}},
	{"OfTypesThatNobodyDeclaredTheNewestStay", func(b *bench) {
		b.retention.State.Age = time.Hour
		b.open()
		strange := func(i int) string { return fmt.Sprint("x:t", i) }
		aged := func() {
			b.pass(2 * time.Hour)
			b.trim()
		}
		before := b.append(b.make(stateType, "a"), b.make(strange(0), "b"), b.make(strange(0), "a.b"))
		var strays []event.Event
		for i := range event.MaxUnknown + 30 {
			strays = append(strays, b.append(b.make(strange(i), "a"))...)
		}
		holds := func() {
			b.Helper()
			b.holds(slices.Concat(before, strays))
		}
		b.trim()
		holds() // retention has time for them all
		aged()
		gone := strays[29]
		strays = strays[30:]
		holds()
		page := b.page(journal.Query{After: before[0].ID, AcrossTrimmed: true})
		b.trimmed(page.Trimmed, journal.Trimmed{From: before[0].ID, To: gone.ID, Classes: []event.Class{event.State}})
		size := b.bounds().Bytes
		b.open()
		b.trim()
		holds()
		if got := b.bounds().Bytes; got != size {
			b.Errorf("%d bytes are held after reopening, were %d", got, size)
		}

		// A newer one of the same type takes the place of one that stays, and no other goes for it.
		next := b.append(b.make(strays[10].Type, "a"))
		strays = append(slices.Delete(strays, 10, 11), next...)
		b.trim()
		holds()
		aged()
		holds()
		b.open()
		// Others go for others, the oldest first, and one that went may come again.
		strays = append(strays[3:], b.append(b.make(gone.Type, "a"), b.make(stateType, "a"), b.make("x:new", "a"), b.make("x:newer", "a"))...)
		before = before[1:]
		aged()
		holds()
		b.append(b.make(gone.Type, "a"), b.make(gone.Type, "a"))
		strays = slices.DeleteFunc(strays, func(e event.Event) bool { return e.Type == gone.Type })
		strays = append(strays, b.append(b.make(gone.Type, "a"))...)
		aged()
		b.open()
		holds()
		if got, most := b.bounds().Bytes, size+size/10; got > most {
			b.Errorf("%d bytes are counted, want about %d", got, size)
		}
	}},
	{"OfTypesThatNobodyDeclaredTheNewestStayHoweverManyBytes", func(b *bench) {
		b.retention.State.Bytes = 1
		b.open()
		known := b.append(b.make(stateType, "a"))
		var all []event.Event
		for i := range 3000 { // more than are trimmed at a time
			all = append(all, b.make(fmt.Sprint("x:t", i), "a"))
		}
		all = b.append(all...)
		b.trim()
		b.holds(append(known, all[len(all)-event.MaxUnknown:]...))
	}},
	{"TrimmedIsGone", func(b *bench) {
		b.retention = journal.Retention{Sample: journal.Limit{Age: time.Hour}, Line: journal.Limit{Age: 2 * time.Hour}}
		b.open()
		all := b.append(
			b.make(stateType, "a"), b.make(sampleType, "a"), b.make(lineType, "a"), b.make(sampleType, "a"), // 0 to 3
			b.make(lineType, "a"), b.make(stateType, "a"), b.make(sampleType, "a")) // 4 to 6
		b.pass(90 * time.Minute)
		late := b.append(b.make(sampleType, "a"), b.make(lineType, "a"))
		b.trim() // samples 1, 3 and 6 are gone
		left := []event.Event{all[0], all[2], all[4], all[5], late[0], late[1]}
		samples := []event.Class{event.Sample}

		want := journal.Trimmed{From: all[0].ID, To: all[6].ID, Classes: samples}
		_, err := b.log.Read(b.Context(), journal.Query{After: all[0].ID})
		gone := b.gone(err, journal.GoneTrimmed)
		b.trimmed(gone.Trimmed, want)
		if gone.Place != all[0].ID || gone.Head != late[1].ID {
			b.Errorf("got place %s and head %s, want %s and %s", gone.Place, gone.Head, all[0].ID, late[1].ID)
		}
		page := b.page(journal.Query{After: all[0].ID, AcrossTrimmed: true})
		b.trimmed(page.Trimmed, want)
		b.same("what is left", page.Events, left[1:])

		page = b.page(journal.Query{After: all[0].ID, AcrossTrimmed: true, Limit: 1})
		b.trimmed(page.Trimmed, want)

		// Up to where it was trimmed, and no further.
		_, err = b.log.Read(b.Context(), journal.Query{After: all[5].ID})
		b.gone(err, journal.GoneTrimmed)
		b.same("after the trimmed stretch", b.all(journal.Query{After: all[6].ID}), late)
		// Only what was asked for counts.
		page = b.page(journal.Query{After: all[0].ID, Before: all[2].ID, AcrossTrimmed: true})
		b.trimmed(page.Trimmed, journal.Trimmed{From: all[0].ID, To: all[1].ID, Classes: samples})
		states := b.filter("", "server:*,logs:*")
		b.same("other classes", b.all(journal.Query{After: all[0].ID, Filter: states}), []event.Event{all[2], all[4], all[5], late[1]})
		// From the oldest held nothing is missing.
		page = b.page(journal.Query{})
		b.trimmed(page.Trimmed, journal.Trimmed{})
		b.same("from the oldest", page.Events, left)
		// A Tail passes over it.
		b.same("tail", b.tail(all[0].ID, len(left)-1), left[1:])

		b.pass(31 * time.Minute)
		b.trim() // lines 2 and 4 as well
		_, err = b.log.Read(b.Context(), journal.Query{After: all[0].ID})
		b.trimmed(b.gone(err, journal.GoneTrimmed).Trimmed,
			journal.Trimmed{From: all[0].ID, To: all[6].ID, Classes: []event.Class{event.Sample, event.Line}})
		b.open()
		_, err = b.log.Read(b.Context(), journal.Query{After: all[0].ID})
		b.trimmed(b.gone(err, journal.GoneTrimmed).Trimmed,
			journal.Trimmed{From: all[0].ID, To: all[6].ID, Classes: []event.Class{event.Sample, event.Line}})
	}},
	{"AStateThatStaysIsNotMissed", func(b *bench) {
		b.retention.State.Age = time.Hour
		b.open()
		all := b.append(b.make(stateType, "a"), b.make(otherState, "a"), b.make(stateType, "b"))
		b.pass(2 * time.Hour)
		b.trim()
		b.same("after the first", b.all(journal.Query{After: all[0].ID}), all[1:])
	}},
	{"AStateThatWasSupersededIsMissed", func(b *bench) {
		b.retention.State.Age = time.Hour
		b.open()
		all := b.append(b.make(lineType, "a"), b.make(stateType, "a"), b.make(lineType, "a"))
		b.pass(2 * time.Hour)
		b.trim()
		b.holds(all)
		newer := b.append(b.make(stateType, "a"))
		b.trim()
		b.holds([]event.Event{all[0], all[2], newer[0]})
		_, err := b.log.Read(b.Context(), journal.Query{After: all[0].ID})
		b.trimmed(b.gone(err, journal.GoneTrimmed).Trimmed,
			journal.Trimmed{From: all[0].ID, To: all[1].ID, Classes: []event.Class{event.State}})
	}},
	{"PlacesAreNotUsedAgain", func(b *bench) {
		b.retention = journal.Retention{Sample: journal.Limit{Age: time.Minute}}
		b.open()
		all := b.append(b.many(5000, sampleType, "a")...)
		b.pass(time.Hour)
		b.trim()
		b.holds(nil)
		head := all[len(all)-1].ID
		if bounds := b.bounds(); !bounds.Oldest.IsZero() || bounds.Head != head || bounds.Bytes != 0 {
			b.Errorf("got bounds %+v, want nothing held and head %s", bounds, head)
		}
		if page := b.page(journal.Query{}); page.Next != head {
			b.Errorf("next is %s in an emptied record, want %s", page.Next, head)
		}
		b.open()
		b.trim()
		if bounds := b.bounds(); bounds.Head != head {
			b.Errorf("head is %s after reopening, want %s", bounds.Head, head)
		}
		next := b.append(b.make(sampleType, "a"))
		if want := (event.ID{Epoch: head.Epoch, Seq: head.Seq + 1}); next[0].ID != want {
			b.Errorf("next event got %s, want %s", next[0].ID, want)
		}
	}},
	{"WhileOthersReadAndWrite", func(b *bench) {
		b.retention = journal.Retention{Sample: journal.Limit{Age: time.Minute}, State: journal.Limit{Age: time.Minute}}
		b.open()
		f := b.follow(event.ID{}, nil)
		var want []event.Event
		for i := range 40 {
			want = append(want, b.append(b.many(100, sampleType, "a")...)...)
			want = append(want, b.append(b.make(stateType, fmt.Sprint("s", i%5)))...)
			b.pass(30 * time.Second)
			b.trim()
		}
		// The Tail may have been behind what was trimmed, yet what it saw is in order and ends with all that is held.
		held := b.all(journal.Query{AcrossTrimmed: true})
		got := f.until(b, want[len(want)-1].ID)
		f.stop(b)
		if !slices.IsSortedFunc(got, byPlace) {
			b.Error("the Tail was not in order")
		}
		newest := held[slices.IndexFunc(held, func(e event.Event) bool { return e.Type == sampleType }):]
		b.same("end of the tail", got[len(got)-len(newest):], newest)
	}},
}

func (b *bench) trimmed(got, want journal.Trimmed) {
	b.Helper()
	if got.From != want.From || got.To != want.To || !slices.Equal(got.Classes, want.Classes) {
		b.Errorf("got trimmed %v, want %v", got, want)
	}
}

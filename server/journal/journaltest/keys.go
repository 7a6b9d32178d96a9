package journaltest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var keyTests = []test{
	{"RepeatHasTheFirstPlace", func(b *bench) {
		b.open()
		first := b.keyed("k", stateType, "a")
		want := b.append(first)
		again := b.keyed("k", stateType, "a") // what it says otherwise is not compared
		b.repeated(want[0].ID, again)
		b.holds(want)
	}},
	{"WithinOneAppend", func(b *bench) {
		b.open()
		events := []event.Event{b.keyed("k", stateType, "a"), b.make(stateType, "a"), b.keyed("k", stateType, "a"), b.keyed("l", stateType, "a")}
		receipts, err := b.log.Append(b.Context(), events)
		b.ok(err)
		if receipts[2].ID != receipts[0].ID || !receipts[2].Repeated || receipts[0].Repeated || receipts[1].Repeated || receipts[3].Repeated {
			b.Errorf("got receipts %v, want the third to repeat the first", receipts)
		}
		if got := b.all(journal.Query{}); len(got) != 3 {
			b.Errorf("got %d events, want 3", len(got))
		}
		if b.bounds().Head.Seq != 3 {
			b.Errorf("newest place is %s, want the third", b.bounds().Head)
		}
	}},
	{"AllRepeated", func(b *bench) {
		b.open()
		want := b.append(b.keyed("k", stateType, "a"), b.keyed("l", stateType, "a"))
		b.repeated(want[1].ID, b.keyed("l", stateType, "a"))
		b.repeated(want[0].ID, b.keyed("k", stateType, "a"))
		b.holds(want)
	}},
	{"AnotherServerOrTypeIsAnotherEvent", func(b *bench) {
		b.open()
		b.holds(b.append(
			b.keyed("k", stateType, "a"), b.keyed("k", stateType, "b"), b.keyed("k", otherState, "a"), b.keyed("k2", stateType, "a"),
			b.keyed("", stateType, "a"), b.keyed("", stateType, "a"),
			b.keyed("a", stateType, "k"), b.keyed("a", "xy:z", "s"), b.keyed("a", "y:z", "sx"), b.keyed("a", "y:z", "s"), b.keyed("za", "y:z", "s"), b.keyed("a", "y:zz", "s"),
		))
	}},
	{"SurvivesReopening", func(b *bench) {
		b.open()
		want := b.append(b.keyed("k", stateType, "a"))
		b.open()
		b.repeated(want[0].ID, b.keyed("k", stateType, "a"))
		b.holds(want)
	}},
	{"ExpiresWithTheWindow", func(b *bench) {
		b.retention.DedupWindow = time.Hour
		b.open()
		want := b.append(b.keyed("k", stateType, "a"))
		for range 4 {
			b.pass(15*time.Minute - time.Millisecond)
			b.append(b.keyed("", stateType, "b"), b.keyed(b.now().String(), stateType, "b"))
			b.trim()
			b.repeated(want[0].ID, b.keyed("k", stateType, "a"))
		}
		b.pass(time.Minute)
		again := b.append(b.keyed("k", stateType, "a"))
		b.repeated(again[0].ID, b.keyed("k", stateType, "a"))
		b.pass(time.Hour)
		b.trim()
		b.append(b.keyed("k", stateType, "a"))
	}},
	{"ARepeatDoesNotProlongTheWindow", func(b *bench) {
		b.retention.DedupWindow = time.Hour
		b.open()
		want := b.append(b.keyed("k", stateType, "a"))
		b.pass(50 * time.Minute)
		b.repeated(want[0].ID, b.keyed("k", stateType, "a"))
		b.pass(11 * time.Minute)
		b.append(b.keyed("k", stateType, "a"))
	}},
	{"OutlivesTheEvent", func(b *bench) {
		b.retention.Sample.Age = time.Minute
		b.open()
		want := b.append(b.keyed("k", sampleType, "a"))
		b.pass(time.Hour)
		b.trim()
		b.holds(nil)
		b.repeated(want[0].ID, b.keyed("k", sampleType, "a"))
		b.holds(nil)
	}},
	{"ManyAtOnce", func(b *bench) {
		b.open()
		events := b.many(publishers, stateType, "a")
		var first atomic.Int64
		var places sync.Map
		var wg sync.WaitGroup
		for _, e := range events {
			e.Key = "k"
			wg.Go(func() {
				r, err := b.log.Append(b.Context(), []event.Event{e})
				if err != nil {
					b.Error(err)
					return
				}
				if !r[0].Repeated {
					first.Add(1)
				}
				places.Store(r[0].ID, true)
			})
		}
		wg.Wait()
		n := 0
		places.Range(func(_, _ any) bool { n++; return true })
		if n != 1 || first.Load() != 1 || len(b.all(journal.Query{})) != 1 {
			b.Errorf("one key at once from %d publishers: %d places, %d firsts, %d events; want one of each",
				publishers, n, first.Load(), len(b.all(journal.Query{})))
		}
	}},
}

func (b *bench) keyed(key, typ, server string) event.Event {
	e := b.make(typ, server)
	e.Key = key
	return e
}

// repeated fails the test unless e is known already, under that place.
func (b *bench) repeated(want event.ID, e event.Event) {
	b.Helper()
	receipts, err := b.log.Append(b.Context(), []event.Event{e})
	b.ok(err)
	if got := receipts[0]; got.ID != want || !got.Repeated {
		b.Fatalf("got receipt %v for key %q, want a repeat of %s", got, e.Key, want)
	}
}

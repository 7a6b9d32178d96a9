// Package journaltest is what every engine of journal.Log must pass: the contract of package journal, as tests. An
// engine's own test file is a call of [TestLog] and what only that engine can break. [Memory] is a record for the tests of
// what stands on one.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Options are what a test asks of an engine when it opens a record.
type Options struct {
	Retention journal.Retention // as it is: the zero one keeps everything, with the default dedup window
	Now       func() time.Time  // the time by which events age and keys expire; never nil
}

// Log is a record under test. Engines trim by themselves now and then; here it must also be done when asked.
type Log interface {
	journal.Log
	// Trim applies the retention and returns when nothing is left to trim.
	Trim(context.Context) error
}

// Store is where one record is kept. Each call opens that record as it was left; the one before has been closed. It
// fails the test when it can't.
type Store func(t testing.TB, o Options) Log

// TestLog checks an engine. NewStore makes an empty store for each test, and cleans it up with t.Cleanup.
func TestLog(t *testing.T, newStore func(t *testing.T) Store) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Append", appendTests},
		{"Keys", keyTests},
		{"Read", readTests},
		{"At", atTests},
		{"Retention", retentionTests},
		{"Tail", tailTests},
		{"Life", lifeTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					test.run(newBench(t, newStore))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*bench)
}

// bench is one test's store with its clock, and the log that is open.
type bench struct {
	*testing.T
	newStore  func(t *testing.T) Store
	store     Store
	clock     atomic.Int64 // milliseconds since 1970
	retention journal.Retention
	log       Log
	made      int // events made so far
}

func newBench(t *testing.T, newStore func(t *testing.T) Store) *bench {
	b := &bench{T: t, newStore: newStore, store: newStore(t)}
	b.clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	t.Cleanup(func() {
		if b.log != nil {
			b.log.Close()
		}
	})
	return b
}

func (b *bench) now() time.Time { return time.UnixMilli(b.clock.Load()).UTC() }

func (b *bench) pass(d time.Duration) { b.clock.Add(d.Milliseconds()) }

// open opens the record, again if need be.
func (b *bench) open() Log {
	b.Helper()
	if b.log != nil {
		b.ok(b.log.Close())
	}
	b.log = b.store(b.T, Options{Retention: b.retention, Now: b.now})
	return b.log
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// make makes an event unlike all others of the test.
func (b *bench) make(typ, server string) event.Event {
	b.made++
	return event.Event{
		Type:   typ,
		Server: server,
		Time:   b.now(),
		Data:   fmt.Appendf(nil, `{"timestamp":%q,"serverId":%q,"n":%d}`, b.now().Format(time.RFC3339Nano), server, b.made),
	}
}

// many makes n events of a type, of one server.
func (b *bench) many(n int, typ, server string) []event.Event {
	out := make([]event.Event, n)
	for i := range out {
		out[i] = b.make(typ, server)
	}
	return out
}

// append records events and returns them with their places, which must be new and rising.
func (b *bench) append(events ...event.Event) []event.Event {
	b.Helper()
	receipts, err := b.log.Append(b.Context(), events)
	b.ok(err)
	if len(receipts) != len(events) {
		b.Fatalf("got %d receipts for %d events", len(receipts), len(events))
	}
	out := make([]event.Event, len(events))
	for i, r := range receipts {
		if r.Repeated || r.ID.IsZero() || i > 0 && r.ID.Compare(receipts[i-1].ID) <= 0 {
			b.Fatalf("got receipts %v, want new and rising places", receipts)
		}
		out[i] = events[i]
		out[i].ID = r.ID
	}
	return out
}

// all reads everything the query asks for, page by page, and checks what holds for any page.
func (b *bench) all(q journal.Query) []event.Event {
	b.Helper()
	var out []event.Event
	for {
		page := b.page(q)
		out = append(out, page.Events...)
		if !page.More {
			return out
		}
		if page.Next == q.After {
			b.Fatalf("page after %s has more to come and does not move on", q.After)
		}
		q.After, q.AcrossTrimmed = page.Next, true
	}
}

// page reads one page and checks what holds for any.
func (b *bench) page(q journal.Query) journal.Page {
	b.Helper()
	page, err := b.log.Read(b.Context(), q)
	b.ok(err)
	last := q.After
	for _, e := range page.Events {
		if !last.IsZero() && e.ID.Compare(last) <= 0 {
			b.Fatalf("place %s follows %s", e.ID, last)
		}
		if !q.Filter.Match(e.Server, e.Type) {
			b.Fatalf("%s of %s does not pass the filter %s", e.Type, e.Server, q.Filter.Key())
		}
		last = e.ID
	}
	if !last.IsZero() && page.Next.Compare(last) < 0 {
		b.Fatalf("Next is %s, before the last event at %s", page.Next, last)
	}
	return page
}

// same fails the test unless the events are the same ones, in all their fields.
func (b *bench) same(what string, got, want []event.Event) {
	b.Helper()
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.ID != w.ID || g.Type != w.Type || g.Server != w.Server || g.Key != w.Key || !g.Time.Equal(w.Time) || string(g.Data) != string(w.Data) {
			b.Fatalf("%s: event %d:\n got %v %s\nwant %v %s", what, i, g, g.Data, w, w.Data)
		}
	}
	if len(got) != len(want) {
		b.Fatalf("%s: got %d events, want %d", what, len(got), len(want))
	}
}

// holds fails the test unless the record holds just these events.
func (b *bench) holds(want []event.Event) {
	b.Helper()
	b.same("record", b.all(journal.Query{AcrossTrimmed: true}), want)
}

func (b *bench) bounds() journal.Bounds {
	b.Helper()
	bounds, err := b.log.Bounds(b.Context())
	b.ok(err)
	return bounds
}

func (b *bench) trim() {
	b.Helper()
	b.ok(b.log.Trim(b.Context()))
}

// gone fails the test unless err is a *GoneError of that reason, which it returns.
func (b *bench) gone(err error, reason journal.GoneReason) *journal.GoneError {
	b.Helper()
	gone, ok := errors.AsType[*journal.GoneError](err)
	if !ok || !errors.Is(err, journal.ErrGone) || gone.Reason != reason {
		b.Fatalf("got error %v, want a GoneError with reason %q", err, reason)
	}
	return gone
}

func (b *bench) filter(servers, types string) event.Filter {
	b.Helper()
	f, err := event.ParseFilter(servers, types)
	b.ok(err)
	return f
}

// Types of each class.
const (
	stateType  = "server:online"
	otherState = "server:idle"
	sampleType = "metrics:cpu"
	lineType   = "logs:app"
)

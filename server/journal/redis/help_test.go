package redis_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/shared/event"
)

// names gives each record of the tests a name of its own.
var names counter

type counter struct{ n atomic.Int64 }

func (c *counter) next() string { return fmt.Sprint("test-", c.n.Add(1)) }

// keepAll is a retention that lets nothing go.
var keepAll = journal.Retention{DedupWindow: time.Hour}

// say makes an event of a type whose data is the text.
func say(typ, text string) event.Event {
	return event.Event{Type: typ, Server: "s", Time: time.UnixMilli(1_772_000_000_000), Data: []byte(text)}
}

// keyed is say with the text as the publisher's id as well.
func keyed(typ, text string) event.Event {
	e := say(typ, text)
	e.Key = text
	return e
}

// put records one event and returns its place.
func put(t testing.TB, l *redis.Log, e event.Event) event.ID {
	t.Helper()
	receipts, err := l.Append(t.Context(), []event.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	return receipts[0].ID
}

// all returns everything recorded after a place.
func all(t testing.TB, l journal.Log, after event.ID) (out []event.Event) {
	t.Helper()
	for q := (journal.Query{After: after, Limit: journal.MaxLimit}); ; q.AcrossTrimmed = true {
		page, err := l.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Events...)
		if q.After = page.Next; !page.More {
			return out
		}
	}
}

// lines are events as "place data", to compare.
func lines(events []event.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.ID.String() + " " + string(e.Data)
	}
	return out
}

func same(t testing.TB, what string, got, want []event.Event) {
	t.Helper()
	g, w := lines(got), lines(want)
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s: event %d: got %s, want %s", what, i, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Fatalf("%s: got %d events, want %d", what, len(g), len(w))
	}
}

// follower runs a Tail and keeps what it delivers.
type follower struct {
	cancel context.CancelFunc
	ended  chan error

	mu     sync.Mutex // guards what follows
	events []event.Event
	grown  chan struct{}
}

func follow(t testing.TB, l journal.Log, after event.ID) *follower {
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{cancel: cancel, ended: make(chan error, 1), grown: make(chan struct{})}
	go func() {
		f.ended <- l.Tail(ctx, after, func(batch []event.Event) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, batch...)
			close(f.grown)
			f.grown = make(chan struct{})
			return nil
		})
	}()
	t.Cleanup(cancel)
	return f
}

// until returns all that was delivered, with that place at the end.
func (f *follower) until(t testing.TB, place event.ID) []event.Event {
	t.Helper()
	for {
		f.mu.Lock()
		got, grown := slices.Clone(f.events), f.grown
		f.mu.Unlock()
		if n := len(got); n > 0 && got[n-1].ID == place {
			return got
		}
		select {
		case <-grown:
		case err := <-f.ended:
			t.Fatalf("Tail ended after %d events: %v", len(got), err)
		}
	}
}

// gone waits for the end of the Tail, which must be a *GoneError of that reason.
func (f *follower) gone(t testing.TB, reason journal.GoneReason) {
	t.Helper()
	checkGone(t, <-f.ended, reason)
}

func checkGone(t testing.TB, err error, reason journal.GoneReason) {
	t.Helper()
	gone, ok := errors.AsType[*journal.GoneError](err)
	if !ok || gone.Reason != reason {
		t.Fatalf("got %v, want a GoneError with reason %q", err, reason)
	}
}

// whenAway waits until Redis is away, or back.
func whenAway(t testing.TB, l *redis.Log, want bool) journal.Away {
	t.Helper()
	for {
		away, changed := l.Away()
		if away.IsZero() != want {
			return away
		}
		<-changed
	}
}

// copyDir makes the folder to what the other one is.
func copyDir(t testing.TB, to, from string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

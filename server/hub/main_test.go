package hub

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a hub over the log until the test ends, and waits until it is ready.
func start(t testing.TB, log journal.Log, o Options) *Hub {
	t.Helper()
	h := New(log, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v, want the context's error", err)
		}
	})
	<-h.Ready()
	return h
}

func filter(t testing.TB, servers, types string) event.Filter {
	t.Helper()
	f, err := event.ParseFilter(servers, types)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(t testing.TB, log journal.Log, events ...event.Event) event.ID {
	t.Helper()
	r, err := log.Append(context.Background(), events)
	if err != nil {
		t.Fatal(err)
	}
	return r[len(r)-1].ID
}

func place(seq uint64) event.ID { return event.ID{Epoch: 7, Seq: seq} }

// A reader is a cursor and what it was handed.
type reader struct {
	*Cursor
	t   testing.TB
	dec sse.Decoder
	got []event.Event
}

func subscribe(t testing.TB, h *Hub, f event.Filter, after event.ID) *reader {
	t.Helper()
	c, err := h.Subscribe(t.Context(), f, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &reader{Cursor: c, t: t}
}

// take decodes what was handed out. Each slice has to hold whole frames.
func (r *reader) take(bufs [][]byte) {
	r.t.Helper()
	for _, b := range bufs {
		if len(b) == 0 || !slices.Equal(b[len(b)-2:], frameEnd) {
			r.t.Fatalf("got a slice that ends in mid-frame: %.300q", b)
		}
		err := r.dec.Push(b, func(f sse.Frame) bool {
			e, err := event.Parse(f)
			if err != nil {
				r.t.Fatal(err)
			}
			e.Data = slices.Clone(e.Data)
			r.got = append(r.got, e)
			return true
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// next takes one helping.
func (r *reader) next(limit int) error {
	r.t.Helper()
	b, err := r.Next(r.t.Context(), limit)
	if err == nil {
		r.take(b)
	}
	return err
}

// until reads until the stream is complete up to the place.
func (r *reader) until(p event.ID) {
	r.t.Helper()
	for r.Place().Seq < p.Seq {
		b, err := r.TryNext(1 << 20)
		switch {
		case len(b) > 0:
			r.take(b)
		case errors.Is(err, ErrBehind):
			if err := r.CatchUp(r.t.Context()); err != nil {
				r.t.Fatal(err)
			}
		case err != nil:
			r.t.Fatal(err)
		case r.Place().Seq < p.Seq:
			// The place rises for events that don't pass too, and no wake-up tells of it.
			waitPlace(r.hub, r.life, p)
		}
	}
}

// waitPlace waits until the hub has handed out all up to the place.
func waitPlace(h *Hub, l *life, p event.ID) {
	for l.place.Load() < p.Seq && l.over.Load() == nil {
		runtime.Gosched()
	}
}

// want compares what was handed out with a list of events of the record.
func (r *reader) want(want []event.Event) {
	r.t.Helper()
	for i := range max(len(want), len(r.got)) {
		switch {
		case i >= len(want):
			r.t.Fatalf("got %d events, want %d; first too many is %s %s", len(r.got), len(want), r.got[i].ID, r.got[i].Type)
		case i >= len(r.got):
			r.t.Fatalf("got %d events, want %d; first missing is %s %s", len(r.got), len(want), want[i].ID, want[i].Type)
		case r.got[i].ID != want[i].ID || r.got[i].Type != want[i].Type || r.got[i].Server != want[i].Server:
			r.t.Fatalf("event %d: got %s %s of %s, want %s %s of %s", i, r.got[i].ID, r.got[i].Type, r.got[i].Server,
				want[i].ID, want[i].Type, want[i].Server)
		}
	}
}

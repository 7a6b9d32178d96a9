package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// A flood is a feed.Source with a log of many events, and a network that brings them late, early and again, cuts its
// connections, and begins the next where it is asked to. It makes what it sends as it goes, so that what grows in a test of a
// million events is not the test.
type flood struct {
	total  uint64
	window int // how late an event is at most
	random *rand.Rand
	opened int
	sent   uint64 // events, repeats included
	late   uint64 // of those, sent after one that belongs behind it
}

func (f *flood) Open(_ context.Context, r feed.Request) (*feed.Response, error) {
	f.opened++
	b := &floodBody{flood: f, left: 20_000 + f.random.IntN(60_000)}
	mode, place := event.SyncFresh, event.ID{}
	if r.LastEventID != "" {
		after := id(r.LastEventID)
		b.next = after.Seq + 1
		mode, place = event.SyncResumed, after
	} else {
		b.next, place = 1, event.ID{Epoch: 10, Seq: 1}
		b.buf = append(b.buf, syncAs(mode, place.String())...)
		b.buf = f.append(b.buf, 1)
		b.next = 2
	}
	if r.LastEventID != "" {
		b.buf = append(b.buf, syncAs(mode, place.String())...)
	}
	b.buf = append(b.buf, beatAt(place.String())...) // live from here: from now on nothing is left out
	return &feed.Response{Status: 200, ContentType: sse.ContentType, Body: b}, nil
}

func (f *flood) append(b []byte, seq uint64) []byte {
	f.sent++
	return fmt.Appendf(b, "id: a.%d\nevent: logs:app\ndata: {\"serverId\":\"web-1\",\"level\":\"info\",\"message\":\"line %d\"}\n\n", seq, seq)
}

// floodBody is one connection.
type floodBody struct {
	*flood
	next  uint64 // what it sends next, before it is shuffled
	left  int    // events until it is cut
	buf   []byte
	early []uint64
}

func (b *floodBody) Read(p []byte) (int, error) {
	for len(b.buf) < 4096 {
		if b.left <= 0 || b.next > b.total {
			if len(b.buf) > 0 {
				break
			}
			return 0, io.ErrUnexpectedEOF
		}
		b.some()
	}
	n := copy(p[:min(len(p), 1+b.random.IntN(len(p)))], b.buf)
	b.buf = append(b.buf[:0], b.buf[n:]...)
	return n, nil
}

// some sends a handful of events in any order, and some of them, or of those before, again; and at times a heartbeat.
func (b *floodBody) some() {
	b.early = b.early[:0]
	for n := 1 + b.random.IntN(b.window); n > 0 && b.next <= b.total; n-- {
		b.early = append(b.early, b.next)
		if b.random.IntN(10) == 0 {
			b.early = append(b.early, b.next)
		}
		b.next++
	}
	top := b.next - 1
	for range len(b.early) / 20 {
		b.early = append(b.early, 1+b.random.Uint64N(top)) // anything that ever was
	}
	b.random.Shuffle(len(b.early), func(i, j int) { b.early[i], b.early[j] = b.early[j], b.early[i] })
	highest := uint64(0)
	for _, seq := range b.early {
		if seq < highest {
			b.late++
		}
		highest = max(highest, seq)
		b.buf = b.append(b.buf, seq)
		b.left--
	}
	if b.random.IntN(10) == 0 || b.next > b.total {
		b.buf = append(b.buf, beatAt(event.ID{Epoch: 10, Seq: top}.String())...)
	}
}

func (b *floodBody) Close() error { return nil }

// A million events, late, early and repeated, over dozens of connections: each is given out once, in order, and the memory that takes does
// not depend on how many there were.
func TestAMillionEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the waits between connections take no time
		million(t)
	})
}

func million(t *testing.T) {
	total := uint64(1_000_000)
	if testing.Short() || runtime.GOARCH == "wasm" {
		total = 100_000
	}
	f := &flood{total: total, window: 100, random: rand.New(rand.NewPCG(1, 2))}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var next uint64 = 1
	var last feed.Batch
	wrong := 0
	var heap []uint64
	c := &feed.Client{Source: f, Window: 512}
	c.Handle = func(b feed.Batch) {
		for _, e := range b.Events {
			switch {
			case e.Class() == event.Control:
				if e.Type == event.StreamGap.Name() {
					t.Errorf("%s, and nothing is missing", e.Data)
				}
				continue
			case e.ID.Seq != next:
				if wrong++; wrong < 5 {
					t.Errorf("%v where a.%d belongs", e.ID, next)
				}
				next = e.ID.Seq
			}
			if want := fmt.Sprintf(`"message":"line %d"`, e.ID.Seq); e.ID.Seq%1000 == 0 && !bytes.Contains(e.Data, []byte(want)) {
				t.Errorf("%v says %s", e.ID, e.Data)
			}
			if next++; next%(total/10) == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				heap = append(heap, m.HeapAlloc)
			}
		}
		b.Events = nil
		last = b
		if next > total {
			cancel()
		}
	}
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	a := last.Account
	if next != total+1 || a.Received != total || wrong > 0 {
		t.Errorf("given out up to %d, %d in all, %d of them in the wrong place; want %d", next-1, a.Received, wrong, total)
	}
	if a.Repeated < f.sent-total-uint64(2*f.window) || a.Repeated > f.sent-total {
		t.Errorf("%d were sent and %d repeated, want %d, but for what was not read at the end", f.sent, a.Repeated, f.sent-total)
	}
	if a.Reordered == 0 || a.Reordered > f.late {
		t.Errorf("%d put in order, and %d came late", a.Reordered, f.late)
	}
	if a.Reconnects != f.opened-1 || f.opened < 2 {
		t.Errorf("%d reconnects, %d connections", a.Reconnects, f.opened)
	}
	if a.Gaps != 0 || a.Skipped != 0 || a.Resets != 0 || a.Bad != 0 {
		t.Errorf("nothing is missing, and the account says %v", a)
	}
	if grown := int64(slices.Max(heap)) - int64(heap[0]); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes from a tenth of the way on: %d", grown, heap)
	}
	t.Logf("%v; %d connections; heap %d to %d bytes", a, f.opened, slices.Min(heap), slices.Max(heap))
}

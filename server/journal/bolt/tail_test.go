package bolt

import (
	"testing"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

func numbered(from, n, size int) []event.Event {
	out := make([]event.Event, n)
	for i := range out {
		out[i] = event.Event{ID: event.ID{Epoch: 1, Seq: uint64(from + i)}, Data: make([]byte, size)}
	}
	return out
}

func TestRecentIsBounded(t *testing.T) {
	const limit = 100_000
	var r recent
	r.init(0, limit)
	for seq := 1; seq < 20_000; seq += 7 {
		r.add(numbered(seq, 7, seq%100))
		if r.bytes > limit || cap(r.events) > 4*limit/eventOverhead {
			t.Fatalf("at %d: %d bytes and room for %d events, with a limit of %d bytes", seq, r.bytes, cap(r.events), limit)
		}
		size := 0
		for i, e := range r.events {
			if e.ID.Seq != r.first+uint64(i) {
				t.Fatalf("event %d has place %d, want %d", i, e.ID.Seq, r.first+uint64(i))
			}
			size += len(e.Data) + eventOverhead
		}
		if size != r.bytes {
			t.Fatalf("at %d: counted %d bytes, held are %d", seq, r.bytes, size)
		}
		if r.bytes < limit/3 && r.first > 1 {
			t.Fatalf("at %d: only %d of %d bytes are held", seq, r.bytes, limit)
		}
	}
	r.add(numbered(int(r.head.Load())+1, 1, 10*limit)) // alone more than the limit
	if len(r.events) != 1 {
		t.Errorf("%d events, want the newest alone", len(r.events))
	}
}

func TestRecentForgets(t *testing.T) {
	for _, row := range []struct {
		to     uint64
		first  uint64
		behind bool // of who is at 14
	}{
		{5, 11, false}, {10, 11, false}, {11, 12, false}, {15, 16, true}, {19, 20, true}, {20, 21, true}, {1000, 21, true},
	} {
		var r recent
		r.init(10, 1<<20)
		r.add(numbered(11, 10, 5))
		r.forget(row.to)
		if _, _, behind := r.after(14); r.first != row.first || behind != row.behind || r.bytes != len(r.events)*(5+eventOverhead) {
			t.Errorf("to %d: first %d, behind %t, %d bytes for %d events", row.to, r.first, behind, r.bytes, len(r.events))
		}
		if r.head.Load() != 20 {
			t.Errorf("to %d: head is %d, want 20", row.to, r.head.Load())
		}
	}
}

// bbolt shows a transaction to its readers before the last fsync; we do not.
func TestNothingIsSeenBeforeItIsDurable(t *testing.T) {
	l := openLog(t, t.TempDir())
	if _, err := l.Append(t.Context(), []event.Event{line(1)}); err != nil {
		t.Fatal(err)
	}
	written, durable := make(chan struct{}), make(chan struct{})
	failNext(l, func(tx *bbolt.Tx) error {
		err := tx.Commit()
		close(written)
		<-durable
		return err
	})
	appended := make(chan error, 1)
	go func() {
		_, err := l.Append(t.Context(), []event.Event{line(2)})
		appended <- err
	}()
	<-written
	page, err := l.Read(t.Context(), journal.Query{})
	if err != nil || len(page.Events) != 1 || page.More || page.Next.Seq != 1 {
		t.Errorf("before the fsync: got page %+v, %v, want the first event and no more", page, err)
	}
	if bounds, err := l.Bounds(t.Context()); err != nil || bounds.Head.Seq != 1 {
		t.Errorf("before the fsync: got bounds %+v, %v, want head 1", bounds, err)
	}
	close(durable)
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
	if got := count(t, l); got != 2 {
		t.Errorf("got %d events, want 2", got)
	}
}

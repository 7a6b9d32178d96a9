package hub

import (
	"fmt"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// What a sieve keeps is what must not be left out, in order, and it holds little more than that however long the backlog is.
func TestSieve(t *testing.T) {
	s := sieve{newest: make(map[sampleKey]int)}
	const n = 10_000
	var want []uint64
	for i := uint64(1); i <= n; i++ {
		e := event.Event{ID: event.ID{Epoch: 1, Seq: i}, Server: fmt.Sprint("s", i%3), Data: []byte(`{"a":1}`)}
		switch {
		case i%1000 == 0:
			e.Type = "server:online"
			want = append(want, i)
		case i%7 == 0:
			e.Type = "logs:app"
		default:
			e.Type = fmt.Sprint("metrics:m", i%2)
		}
		s.add(e)
		if len(s.kept) > 200 {
			t.Fatalf("after %d events: holds %d", i, len(s.kept))
		}
	}
	newest := make(map[string]uint64) // by server and type, counted the plain way
	samples, lines := int64(0), int64(0)
	for i := uint64(1); i <= n; i++ {
		switch {
		case i%1000 == 0:
		case i%7 == 0:
			lines++
		default:
			newest[fmt.Sprint(i%3, i%2)] = i
			samples++
		}
	}
	keep := make(map[uint64]bool)
	for _, i := range want {
		keep[i] = true
	}
	for _, i := range newest {
		keep[i] = true
	}
	last, bytes := uint64(0), 0
	for _, e := range s.kept {
		if e.ID.IsZero() {
			continue
		}
		if !keep[e.ID.Seq] || e.ID.Seq <= last {
			t.Errorf("kept %s %s after %d", e.ID, e.Type, last)
		}
		delete(keep, e.ID.Seq)
		last = e.ID.Seq
		bytes += len(e.Data)
	}
	if len(keep) > 0 {
		t.Errorf("left out %v", keep)
	}
	if got, want := s.left, [...]int64{event.State: 0, event.Sample: samples - 6, event.Line: lines}; got != want {
		t.Errorf("left out: got %v, want %v", got, want)
	}
	if s.bytes != bytes {
		t.Errorf("bytes: got %d, want %d", s.bytes, bytes)
	}
}

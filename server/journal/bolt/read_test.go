package bolt

import (
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A page ends after so many records whether any passed or not, so that no reader keeps a transaction open for long.
func TestPageLooksAtSoMuch(t *testing.T) {
	l := openLog(t, t.TempDir())
	batch := make([]event.Event, maxScan)
	for i := range batch {
		batch[i] = event.Event{Type: "metrics:cpu", Server: "busy", Data: []byte("{}")}
	}
	for range 2 {
		if _, err := l.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	f, err := event.ParseFilter("nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	q := journal.Query{Filter: f}
	for _, want := range []struct {
		next uint64
		more bool
	}{{maxScan, true}, {2 * maxScan, false}} {
		page, err := l.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) != 0 || page.Next.Seq != want.next || page.More != want.more {
			t.Errorf("got %d events, next %s, more %t; want none, %d, %t", len(page.Events), page.Next, page.More, want.next, want.more)
		}
		q.After = page.Next
	}
	// Classes that can't pass are not looked at.
	if f, err = event.ParseFilter("", "server:*"); err != nil {
		t.Fatal(err)
	}
	page, err := l.Read(t.Context(), journal.Query{Filter: f})
	if err != nil || page.Next.Seq != 2*maxScan || page.More {
		t.Errorf("got next %s, more %t, %v; want the head in one page", page.Next, page.More, err)
	}
}

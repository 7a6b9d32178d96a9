package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// strange makes n states of one server whose types nobody declared, from the i-th on.
func strange(i, n int) (out []event.Event) {
	for ; n > 0; i, n = i+1, n-1 {
		out = append(out, event.Event{Type: fmt.Sprint("x:t", i), Server: "a", Time: time.UnixMilli(int64(i)), Data: []byte("{}")})
	}
	return out
}

// types returns those of all events that are held, in order.
func types(t *testing.T, l *Log) (out []string) {
	t.Helper()
	page, err := l.Read(t.Context(), journal.Query{Limit: journal.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		out = append(out, e.Type)
	}
	return out
}

// A file of a telltale that kept the latest state of any type is brought within the bound, in as many steps as it takes.
func TestStraysOfAnOlderFile(t *testing.T) {
	const n = maxTrim + 500
	dir := t.TempDir()
	l, err := Open(dir, Options{Retention: journal.Retention{DedupWindow: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), append([]event.Event{{Type: "server:online", Server: "a", Data: []byte("{}")}}, strange(0, n)...)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { // as that one did when all of them had aged
		err := tx.Bucket(classBuckets[event.State]).ForEach(func(k, v []byte) error {
			return tx.Bucket(keptBucket).Put(bytes.Clone(k), bytes.Clone(v))
		})
		return errors.Join(err, tx.DeleteBucket(classBuckets[event.State]))
	})
	if err == nil {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(classBuckets[event.State])
			return err
		})
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}

	l, err = Open(dir, Options{Retention: journal.Retention{State: journal.Limit{Age: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := append([]event.Event{{Type: "server:online"}}, strange(n-event.MaxUnknown, event.MaxUnknown)...)
	check := func() {
		t.Helper()
		got := types(t, l)
		if len(got) != len(want) {
			t.Fatalf("%d states are held, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i].Type {
				t.Fatalf("state %d: got %s, want %s", i, got[i], want[i].Type)
			}
		}
	}
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
	size := l.bytes.Load()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if len(l.latest) != len(want) || len(l.strays["a"]) != event.MaxUnknown {
		t.Errorf("%d latest states and %d strays are in memory, want %d and %d", len(l.latest), len(l.strays["a"]), len(want), event.MaxUnknown)
	}
	if l, err = Open(dir, Options{Retention: journal.Retention{State: journal.Limit{Age: time.Hour}}}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	check()
	if got := l.bytes.Load(); got != size {
		t.Errorf("the file holds %d bytes, and was counted with %d", got, size)
	}
}

// A trim or commit that fails changes nothing of what is known of strays; the next one does it all.
func TestFailedCommitsOfStrays(t *testing.T) {
	var now atomic.Int64
	l, err := Open(t.TempDir(), Options{Retention: journal.Retention{State: journal.Limit{Age: time.Hour}}, Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Trim(t.Context()); err != nil { // so that none is under way
		t.Fatal(err)
	}
	for range 2 {
		if _, err := l.Append(t.Context(), strange(0, event.MaxUnknown+5)); err != nil {
			t.Fatal(err)
		}
		now.Add(2 * time.Hour.Milliseconds())
		failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
		if err := l.Trim(t.Context()); !errors.Is(err, errDisk) {
			t.Fatalf("got %v, want the disk's error", err)
		}
		if n := len(types(t, l)); n < event.MaxUnknown+5 {
			t.Errorf("%d states are held after a trim that failed", n)
		}
		if err := l.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := types(t, l); len(got) != event.MaxUnknown || got[0] != "x:t5" {
			t.Errorf("%d states are held from %s on, want the newest %d", len(got), got[0], event.MaxUnknown)
		}
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if _, err := l.Append(t.Context(), strange(20, 10)); !errors.Is(err, errDisk) {
		t.Fatalf("got %v, want the disk's error", err)
	}
	if _, err := l.Append(t.Context(), strange(1000, event.MaxUnknown-1)); err != nil {
		t.Fatal(err)
	}
	now.Add(2 * time.Hour.Milliseconds())
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := types(t, l); len(got) != event.MaxUnknown || got[0] != fmt.Sprint("x:t", event.MaxUnknown+4) {
		t.Errorf("%d states are held from %s on, want %d", len(got), got[0], event.MaxUnknown)
	}
}

package bolt

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

func openLog(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func line(n int) event.Event {
	return event.Event{Type: "logs:app", Server: "s", Time: time.UnixMilli(int64(n)), Key: fmt.Sprint("k", n), Data: fmt.Appendf(nil, "%4000d", n)}
}

func count(t *testing.T, l *Log) int {
	t.Helper()
	page, err := l.Read(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Events)
}

// failNext makes the next commit go wrong.
func failNext(l *Log, how func(*bbolt.Tx) error) {
	var once sync.Once
	l.commitTx = func(tx *bbolt.Tx) (err error) {
		failed := false
		once.Do(func() { failed, err = true, how(tx) })
		if failed {
			return err
		}
		return tx.Commit()
	}
}

var errDisk = errors.New("no space")

func TestFailedCommitChangesNothing(t *testing.T) {
	l := openLog(t, t.TempDir())
	if _, err := l.Append(t.Context(), []event.Event{line(1)}); err != nil {
		t.Fatal(err)
	}
	before, err := l.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if _, err := l.Append(t.Context(), []event.Event{line(2), line(3)}); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the disk's error", err)
	}
	if after, err := l.Bounds(t.Context()); after != before || err != nil {
		t.Errorf("got bounds %+v, %v, want %+v", after, err, before)
	}
	receipts, err := l.Append(t.Context(), []event.Event{line(2)})
	if err != nil || receipts[0].Repeated || receipts[0].ID.Seq != 2 {
		t.Errorf("again: got %v, %v, want the second place", receipts, err)
	}
	if got := count(t, l); got != 2 {
		t.Errorf("got %d events, want 2", got)
	}
}

// The header is on its way to the disk and the fsync after it fails: whether it is there, only the next start can tell.
func TestUnconfirmedCommitEndsWriting(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	if _, err := l.Append(t.Context(), []event.Event{line(1)}); err != nil {
		t.Fatal(err)
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Commit()) })
	for range 2 {
		if _, err := l.Append(t.Context(), []event.Event{line(2)}); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the disk's error", err)
		}
	}
	if got := count(t, l); got != 1 {
		t.Errorf("readers see %d events, want the one that was acknowledged", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	receipts, err := l.Append(t.Context(), []event.Event{line(2)})
	if err != nil || !receipts[0].Repeated {
		t.Errorf("after a new start: got %v, %v, want a repeat", receipts, err)
	}
	if got := count(t, l); got != 2 {
		t.Errorf("got %d events, want 2", got)
	}
}

func TestPanicInCommitIsAnError(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	failNext(l, func(*bbolt.Tx) error { panic("page 7: not a leaf") })
	for range 2 {
		if _, err := l.Append(t.Context(), []event.Event{line(1)}); !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, want ErrDamaged", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := count(t, openLog(t, dir)); got != 0 {
		t.Errorf("got %d events, want none", got)
	}
}

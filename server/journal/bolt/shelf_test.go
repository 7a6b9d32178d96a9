package bolt

import (
	"context"
	"errors"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// block makes one in the drawer "d".
func block(name, value string) []journal.Block {
	return []journal.Block{{BlockKey: journal.BlockKey{Drawer: "d", Name: name}, Value: []byte(value)}}
}

// Blocks that were not written are nowhere, nor is their mark; and events go on.
func TestFailedBlocksChangeNothing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	receipts, err := l.Append(t.Context(), []event.Event{line(1), line(2)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.PutBlocks(t.Context(), receipts[0].ID, true, block("a", "1")); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		got, err := l.Drawer(t.Context(), "d")
		mark, merr := l.Mark(t.Context())
		if err := errors.Join(err, merr); err != nil || len(got) != 1 || string(got["a"]) != "1" || mark != receipts[0].ID {
			t.Errorf("%s: got %q up to %s, %v, want the block before", when, got, mark, err)
		}
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if err := l.PutBlocks(t.Context(), receipts[1].ID, true, block("a", "2")); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the disk's error", err)
	}
	check("after a failure")
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if err := l.DropDrawers(t.Context(), "a", "z"); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the disk's error", err)
	}
	check("after another")
	if _, err := l.Append(t.Context(), []event.Event{line(3)}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	check("after a new start")
}

// A PutBlocks that is given up before the committer takes it has not happened.
func TestWithdrawnBlocks(t *testing.T) {
	l := openLog(t, t.TempDir())
	receipts, err := l.Append(t.Context(), []event.Event{line(1)})
	if err != nil {
		t.Fatal(err)
	}
	busy, release := make(chan struct{}), make(chan struct{})
	failNext(l, func(tx *bbolt.Tx) error {
		close(busy)
		<-release
		return tx.Commit()
	})
	first := make(chan error, 1)
	go func() { first <- l.PutBlocks(context.Background(), receipts[0].ID, false, block("a", "1")) }()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- l.PutBlocks(ctx, receipts[0].ID, false, block("b", "2")) }()
	for waits := 0; waits == 0; {
		l.errands.mu.Lock()
		waits = len(l.errands.waiting)
		l.errands.mu.Unlock()
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := l.PutBlocks(t.Context(), receipts[0].ID, false, block("c", "3")); err != nil {
		t.Error(err)
	}
	if got, err := l.Drawer(t.Context(), "d"); err != nil || len(got) != 2 || got["b"] != nil {
		t.Errorf("got %q, %v, want a and c", got, err)
	}
}

// A damaged mark is none: one that is too high would have every block refused, and events left out.
func TestDamagedMark(t *testing.T) {
	l := openLog(t, t.TempDir())
	receipts, err := l.Append(t.Context(), []event.Event{line(1), line(2)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.PutBlocks(t.Context(), receipts[0].ID, true, block("a", "1")); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(encodeMark(1)) {
		err := l.db.Update(func(tx *bbolt.Tx) error {
			v := encodeMark(receipts[0].ID.Seq)
			v[bit/8] ^= 1 << (bit % 8)
			return tx.Bucket(metaBucket).Put(markKey, v)
		})
		if err != nil {
			t.Fatal(err)
		}
		if mark, err := l.Mark(t.Context()); err != nil || mark.Seq != 0 {
			t.Errorf("bit %d: got the mark %s, %v, want none", bit, mark, err)
		}
	}
	if err := l.PutBlocks(t.Context(), receipts[0].ID, true, block("a", "1")); err != nil {
		t.Error(err)
	}
	if mark, err := l.Mark(t.Context()); err != nil || mark != receipts[0].ID {
		t.Errorf("got the mark %s, %v, want %s", mark, err, receipts[0].ID)
	}
}

package bolt

import (
	"context"
	"errors"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/shared/event"
)

// current returns the notes as a watcher is told of them now.
func current(t *testing.T, l *Log) (now map[string][]byte) {
	t.Helper()
	told := errors.New("told")
	err := l.WatchNotes(t.Context(), "", func(notes map[string][]byte) error {
		now = notes
		return told
	})
	if !errors.Is(err, told) {
		t.Fatal(err)
	}
	return now
}

// A note that was not written is nowhere, also not in memory, and events go on.
func TestFailedNoteChangesNothing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	if err := l.PutNote(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if err := l.PutNote(t.Context(), "a", []byte("2")); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the disk's error", err)
	}
	if got := current(t, l); string(got["a"]) != "1" {
		t.Errorf("got %q, want the note before", got["a"])
	}
	failNext(l, func(tx *bbolt.Tx) error { return errors.Join(errDisk, tx.Rollback()) })
	if err := l.PutNote(t.Context(), "a", nil); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the disk's error", err)
	}
	if _, err := l.Append(t.Context(), []event.Event{line(1)}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	if got := current(t, l); len(got) != 1 || string(got["a"]) != "1" || count(t, l) != 1 {
		t.Errorf("after a new start: got %q and %d events, want the note before and one event", got, count(t, l))
	}
}

// A PutNote that is given up before the committer takes it has not happened.
func TestWithdrawnNote(t *testing.T) {
	l := openLog(t, t.TempDir())
	busy, release := make(chan struct{}), make(chan struct{})
	failNext(l, func(tx *bbolt.Tx) error {
		close(busy)
		<-release
		return tx.Commit()
	})
	first := make(chan error, 1)
	go func() { first <- l.PutNote(context.Background(), "a", []byte("1")) }()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- l.PutNote(ctx, "b", []byte("2")) }()
	for waits := 0; waits == 0; {
		l.notes.mu.Lock()
		waits = len(l.notes.waiting)
		l.notes.mu.Unlock()
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := l.PutNote(t.Context(), "c", []byte("3")); err != nil {
		t.Error(err)
	}
	if got := current(t, l); len(got) != 2 || got["b"] != nil {
		t.Errorf("got %q, want a and c", got)
	}
}

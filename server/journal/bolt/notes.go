package bolt

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
)

// notesBucket is made with the first note: records of a time without notes lack it.
var notesBucket = []byte("notes")

var _ journal.Notes = (*Log)(nil)

// notes are all notes of the record, in memory, as they are durable; they are few and small. The committer changes them.
type notes struct {
	mu      sync.Mutex
	values  map[string][]byte // values are never changed
	changed chan struct{}     // closed at the next change
	waiting []*noteChange     // for the committer
	ended   bool              // the committer takes no more
}

// noteChange is one PutNote that waits for its commit.
type noteChange struct {
	name  string
	value []byte // nil: it goes
	state atomic.Uint32
	err   error         // valid after done
	done  chan struct{} // closed when it is durable, or never will be
}

// PutNote implements journal.Notes. Those who wait together share one commit.
func (l *Log) PutNote(ctx context.Context, name string, value []byte) error {
	if err := l.alive(ctx); err != nil {
		return fmt.Errorf("journal: note: %w", err)
	}
	if err := journal.CheckNote(name, value); err != nil {
		return fmt.Errorf("journal: note: %w", err)
	}
	c := &noteChange{name: name, value: bytes.Clone(value), done: make(chan struct{})}
	if !l.notes.put(c) {
		return fmt.Errorf("journal: note: %w", journal.ErrClosed)
	}
	l.queue.rouse()
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(waiting, withdrawn) {
			return fmt.Errorf("journal: note: %w", ctx.Err())
		}
		<-c.done
	}
	if c.err != nil {
		return fmt.Errorf("journal: note: %w", c.err)
	}
	return nil
}

// WatchNotes implements journal.Notes. Notes change as soon as they are durable, so watchers learn of it at once.
func (l *Log) WatchNotes(ctx context.Context, prefix string, fn func(map[string][]byte) error) error {
	var told map[string][]byte
	for first := true; ; first = false {
		if err := l.alive(ctx); err != nil {
			return err
		}
		now, changed := l.notes.below(prefix)
		if first || !maps.EqualFunc(now, told, bytes.Equal) {
			told = maps.Clone(now) // fn may do with its own what it likes
			if err := fn(now); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-l.closing:
		}
	}
}

func (n *notes) put(c *noteChange) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ended {
		n.waiting = append(n.waiting, c)
	}
	return !n.ended
}

// below returns the notes whose names begin with prefix, by the rest of their names, and what is closed when there are others.
func (n *notes) below(prefix string) (map[string][]byte, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make(map[string][]byte)
	for name, value := range n.values {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			out[rest] = value
		}
	}
	return out, n.changed
}

// take returns the changes that wait and have not withdrawn.
func (n *notes) take() (group []*noteChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.waiting {
		if c.state.CompareAndSwap(waiting, taken) {
			group = append(group, c)
		}
	}
	n.waiting = nil
	return group
}

// apply shows changes that are durable.
func (n *notes) apply(group []*noteChange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range group {
		if c.value == nil {
			delete(n.values, c.name)
		} else {
			n.values[c.name] = c.value
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// turnAway answers all who wait and come later with ErrClosed.
func (n *notes) turnAway() {
	n.mu.Lock()
	n.ended = true
	n.mu.Unlock()
	for _, c := range n.take() {
		c.err = journal.ErrClosed
		close(c.done)
	}
}

// load reads the notes of the file.
func (n *notes) load(tx *bbolt.Tx) error {
	n.values, n.changed = make(map[string][]byte), make(chan struct{})
	b := tx.Bucket(notesBucket)
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		n.values[string(k)] = append([]byte{}, v...)
		return nil
	})
}

// commitNotes writes the changes that wait in one transaction, shows them and answers those who asked. It reports whether there
// were any. It is the committer's.
func (l *Log) commitNotes() bool {
	group := l.notes.take()
	if len(group) == 0 {
		return false
	}
	err := l.update(func(tx *bbolt.Tx) (bool, error) {
		b, err := tx.CreateBucketIfNotExists(notesBucket)
		if err != nil {
			return false, err
		}
		for _, c := range group {
			if c.value == nil {
				err = b.Delete([]byte(c.name))
			} else {
				err = b.Put([]byte(c.name), c.value)
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err == nil {
		l.notes.apply(group)
	}
	for _, c := range group {
		c.err = err
		close(c.done)
	}
	return true
}

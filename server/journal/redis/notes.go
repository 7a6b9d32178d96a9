package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

const (
	// readNotesEvery is how often notes are read again while somebody watches, whatever Redis said of changes.
	readNotesEvery = 4 * time.Second
	// markFor is how long the mark of a note that was taken away stays: an instance that was away longer may bring it back.
	markFor = 24 * time.Hour
)

// notes are all notes of the record as they were last read, marks of those that were taken away included, by name. They are
// kept here so that a Redis that was emptied or put back gets them from who still knows them: a revocation must not be
// forgotten with the cache it was kept in.
type notes struct {
	mu       sync.Mutex // guards what follows
	values   map[string]string
	known    bool // they were read at all
	changed  chan struct{}
	watchers int
	seen     uint64        // newest change that Redis told of
	wake     chan struct{} // holds a token when they should be read again
}

func (n *notes) init() {
	n.changed, n.wake = make(chan struct{}), make(chan struct{}, 1)
}

func (n *notes) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// see is told what Redis says is the newest change. Lower than before is news too.
func (n *notes) see(change uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if change != n.seen {
		n.seen = change
		n.rouse()
	}
}

// below returns the notes whose names begin with prefix, by the rest of their names, and what is closed when there may be
// others. There are none to tell of before they were read.
func (n *notes) below(prefix string) (out map[string][]byte, known bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out = make(map[string][]byte)
	for name, v := range n.values {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if _, kind, value := splitNote(v); kind == '+' {
				out[rest] = []byte(value)
			}
		}
	}
	return out, n.known, n.changed
}

// splitNote reads "number:+value" and "number:-time".
func splitNote(v string) (number uint64, kind byte, value string) {
	text, rest, _ := strings.Cut(v, ":")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || rest == "" {
		return 0, 0, ""
	}
	return number, rest[0], rest[1:]
}

// PutNote implements journal.Notes.
func (l *Log) PutNote(ctx context.Context, name string, value []byte) error {
	if err := journal.CheckNote(name, value); err != nil {
		return fmt.Errorf("journal: note: %w", err)
	}
	args := []any{l.freshEpoch(), "put", name}
	if value != nil {
		args = append(args, bytes.Clone(value))
	}
	line := line{log: l}
	defer line.hangUp(nil)
	open := false
	err := l.ask(ctx, func(ctx context.Context) error {
		_, err := line.call(ctx, noteScript, args) // twice comes to the same as once
		if err == nil {
			open = true
			err = line.replicated(ctx)
		}
		open = open || err != nil && !unsent(err) && !refused(err)
		return err
	})
	if errors.Is(err, journal.ErrUnavailable) && open {
		err = fmt.Errorf("%w: %w", journal.ErrUnsettled, plainUnavailable(err))
	}
	if err != nil {
		return fmt.Errorf("journal: note: %w", err)
	}
	l.notes.rouse()
	return nil
}

// plainUnavailable says the same without being an ErrUnavailable, which says that nothing was recorded.
func plainUnavailable(err error) error { return errors.New(err.Error()) }

// WatchNotes implements journal.Notes.
func (l *Log) WatchNotes(ctx context.Context, prefix string, fn func(map[string][]byte) error) error {
	l.notes.mu.Lock()
	l.notes.watchers++
	l.notes.mu.Unlock()
	l.notes.rouse()
	defer func() {
		l.notes.mu.Lock()
		defer l.notes.mu.Unlock()
		l.notes.watchers--
	}()
	var told map[string][]byte
	for first := true; ; {
		if err := l.alive(ctx); err != nil {
			return err
		}
		now, known, changed := l.notes.below(prefix)
		if known && (first || !maps.EqualFunc(now, told, bytes.Equal)) {
			first, told = false, maps.Clone(now) // fn may do with its own what it likes
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

// keepNotes reads the notes while somebody watches, until Close.
func (l *Log) keepNotes() {
	tick := time.NewTicker(readNotesEvery)
	defer tick.Stop()
	said := "" // of the last error
	for {
		select {
		case <-l.notes.wake:
		case <-tick.C:
		case <-l.closing:
			return
		}
		l.notes.mu.Lock()
		wanted := l.notes.watchers > 0 || l.notes.known
		l.notes.mu.Unlock()
		if !wanted {
			continue
		}
		said = l.complain(l.readNotes(), said, "The notes could not be read, it will be tried again.")
	}
}

// readNotes reads all notes, gives back to Redis what it has lost of them, and tells the watchers.
func (l *Log) readNotes() error {
	var got map[string]string
	err := l.ask(context.Background(), func(ctx context.Context) (err error) {
		got, err = l.client.HGetAll(ctx, l.keys[keyNotes]).Result()
		return err
	})
	if err != nil {
		return err
	}
	old := strconv.FormatInt(time.Now().Add(-markFor).UnixMilli()+l.skew.Load(), 10)
	merge := []any{l.freshEpoch(), "merge"}
	l.notes.mu.Lock()
	for name, v := range l.notes.values {
		mine, kind, when := splitNote(v)
		theirs, _, _ := splitNote(got[name])
		if mine <= theirs || kind == '-' && (len(when) < len(old) || when < old) {
			continue
		}
		merge = append(merge, name, v)
		got[name] = v
	}
	for name, v := range got {
		if _, kind, when := splitNote(v); kind == '-' && len(when) <= len(old) && when < old {
			merge = append(merge, name, "")
			delete(got, name)
		}
	}
	l.notes.mu.Unlock()
	if len(merge) > 2 {
		err := l.ask(context.Background(), func(ctx context.Context) error {
			return noteScript.Run(ctx, l.client, l.keys, merge...).Err()
		})
		if err != nil {
			return err
		}
	}
	l.notes.mu.Lock()
	defer l.notes.mu.Unlock()
	if l.notes.known && maps.Equal(got, l.notes.values) {
		return nil
	}
	l.notes.values, l.notes.known = got, true
	close(l.notes.changed)
	l.notes.changed = make(chan struct{})
	return nil
}

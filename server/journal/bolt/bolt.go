// Package bolt keeps the record in one file on this machine, through bbolt.
//
// # One goroutine writes
//
// All changes go through one committer: it takes all Appends that wait, up to a bound, writes them in one transaction with
// two fsyncs, then shows them to the readers and answers the publishers. Meanwhile the next ones gather. So the cost of an
// fsync is shared by all who wait for it, and a lone publisher waits for no timer. Trimming runs on the same goroutine, in
// small transactions between the commits.
//
// # What readers see
//
// Readers use bbolt's read transactions, a page each, and look no further than the head, which moves only after the fsync:
// bbolt itself would show a transaction a moment earlier. Tails that keep up are served from the newest events in memory,
// which are never changed or moved once there, so that no reader ever holds up the committer.
//
// # The file
//
// Buckets: "meta" (format, epoch, sequence, how far each class is trimmed), one for each class keyed by big-endian
// sequence number, "kept" (states that outlived retention, being the latest of their type and server; of types that are not in the
// catalogue the newest event.MaxUnknown of each server), "seen" (the publishers' ids of the dedup window), "notes" and "shelf". The file does not shrink: room that retention frees is used again.
package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Options of Open. The zero value is good for a laptop.
type Options struct {
	// Retention bounds the record. The zero Retention is journal.DefaultRetention; one that sets only its DedupWindow
	// keeps everything.
	Retention journal.Retention

	// Logger is told what no caller can be: that trimming failed, that the file had to be mended. nil: nobody is.
	Logger *slog.Logger

	// Now is the time by which events age and publishers' ids expire; nil is time.Now.
	Now func() time.Time

	// TailBytes bounds the newest events kept in memory for Tails that keep up; 0 is 8 MiB.
	TailBytes int
}

// Log is a journal.Log in one file.
type Log struct {
	db        *bbolt.DB
	path      string
	epoch     uint32
	retention journal.Retention
	now       func() time.Time
	logger    *slog.Logger

	queue   queue
	recent  recent
	notes   notes
	errands errands
	bytes   atomic.Int64 // of all events held
	count   *journal.Counters
	closing chan struct{} // closed when Close is called
	stopped chan struct{} // closed when the committer has ended
	once    sync.Once
	closed  error // of Close, valid after once

	// What follows belongs to the committer.
	size   sizes
	latest map[topic]latest
	strays map[string][]stray // by server, in the order of their places
	crowd  bool               // the file may hold more strays of a server than stay: an older telltale kept them all
	broken error              // why nothing can be written any more; nil while all is well

	commitTx func(*bbolt.Tx) error // tx.Commit; tests make it fail
}

var _ journal.Log = (*Log)(nil)

// topic is what has one latest state.
type topic struct{ server, typ string }

// latest is the newest state of a topic.
type latest struct {
	seq  uint64
	kept bool // in the bucket "kept": retention has passed it
}

// sizes are the bytes held, as retention counts them.
type sizes struct {
	class [len(event.Classes)]int64
	kept  int64
}

func (s sizes) total() int64 {
	n := s.kept
	for _, c := range s.class {
		n += c
	}
	return n
}

// FileName is the record's name in its folder.
const FileName = "journal.db"

// Open opens the record in dir, and makes both when they are not there. A record that another process has open is an
// ErrInUse, one that can't be relied on an ErrDamaged; both name the file and say what to do.
//
// It reads the whole file once, since bbolt trusts its pages and would bring the process down on a damaged one: about a
// second for a gigabyte that the system has in its cache.
func Open(dir string, o Options) (*Log, error) {
	l := &Log{
		path:      filepath.Join(dir, FileName),
		retention: o.Retention,
		now:       o.Now,
		logger:    o.Logger,
		closing:   make(chan struct{}),
		stopped:   make(chan struct{}),
		latest:    make(map[topic]latest),
		strays:    make(map[string][]stray),
		commitTx:  (*bbolt.Tx).Commit,
		count:     journal.NewCounters(maxGroupEvents),
	}
	if l.retention == (journal.Retention{}) {
		l.retention = journal.DefaultRetention
	}
	l.retention.DedupWindow = cmp.Or(l.retention.DedupWindow, journal.DefaultRetention.DedupWindow)
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	seq, err := l.open(dir)
	if err != nil {
		return nil, err
	}
	l.bytes.Store(l.size.total())
	l.queue.wake = make(chan struct{}, 1)
	l.recent.init(seq, cmp.Or(o.TailBytes, 8<<20))
	go l.run()
	return l, nil
}

// Path returns the name of the file.
func (l *Log) Path() string { return l.path }

// Close implements journal.Log. It does not wait for a Tail whose fn is running; that one ends when fn returns.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		<-l.stopped
		// With a transaction that could not even be rolled back bbolt would wait for ever; the system closes the file.
		if !errors.Is(l.broken, errStuck) {
			l.closed = l.guard(l.db.Close)
		}
	})
	return l.closed
}

// Bounds implements journal.Log.
func (l *Log) Bounds(ctx context.Context) (journal.Bounds, error) {
	if err := l.alive(ctx); err != nil {
		return journal.Bounds{}, fmt.Errorf("journal: bounds: %w", err)
	}
	b := journal.Bounds{Epoch: l.epoch, Bytes: l.bytes.Load()}
	head := l.recent.head.Load()
	err := l.view(func(tx *bbolt.Tx) error {
		first := uint64(math.MaxUint64)
		for _, name := range recordBuckets {
			if k, _ := tx.Bucket(name).Cursor().First(); k != nil {
				first = min(first, seqOf(k))
			}
		}
		if first <= head {
			b.Oldest = l.id(first)
		}
		return nil
	})
	if err != nil {
		return journal.Bounds{}, fmt.Errorf("journal: bounds: %w", err)
	}
	b.Head = l.id(head)
	return b, nil
}

// id returns the place of a sequence number, the zero ID for 0.
func (l *Log) id(seq uint64) event.ID {
	if seq == 0 {
		return event.ID{}
	}
	return event.ID{Epoch: l.epoch, Seq: seq}
}

// alive returns why a call should not begin.
func (l *Log) alive(ctx context.Context) error {
	select {
	case <-l.closing:
		return journal.ErrClosed
	default:
		return ctx.Err()
	}
}

// view runs fn in a read transaction. A damaged page is an error, not the end of the process.
func (l *Log) view(fn func(*bbolt.Tx) error) error {
	err := l.guard(func() error { return l.db.View(fn) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return journal.ErrClosed
	}
	return err
}

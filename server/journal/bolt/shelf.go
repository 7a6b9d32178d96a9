package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// shelfBucket is made with the first block: records of a time without a shelf lack it. Its keys are drawer, a zero byte and name, so that a
// drawer lies together and drawers of rising names one after the other. The mark lies in "meta" under markKey: a sequence
// number without the epoch, as the file has one epoch at a time, and with a new one keeps the places it had; and the
// number's CRC-32C.
var (
	shelfBucket = []byte("shelf")
	markKey     = []byte("mark")
)

var _ journal.Shelf = (*Log)(nil)

// maxDrop bounds the blocks that one transaction takes out, for publishers wait while it does.
const maxDrop = 2000

// errands are changes beside the events that wait for the committer, each in a transaction of its own.
type errands struct {
	mu      sync.Mutex
	waiting []*errand
	ended   bool // the committer takes no more
}

// errand is one change that waits for its transaction.
type errand struct {
	change func(*bbolt.Tx) (write bool, err error)
	state  atomic.Uint32
	err    error         // valid after done
	done   chan struct{} // closed when it is durable, or never will be
}

// run has the committer make a change. When ctx ends before it has begun, nothing is changed.
func (l *Log) runErrand(ctx context.Context, change func(*bbolt.Tx) (bool, error)) error {
	if err := l.alive(ctx); err != nil {
		return err
	}
	e := &errand{change: change, done: make(chan struct{})}
	if !l.errands.put(e) {
		return journal.ErrClosed
	}
	l.queue.rouse()
	select {
	case <-e.done:
	case <-ctx.Done():
		if e.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
		<-e.done
	}
	return e.err
}

func (q *errands) put(e *errand) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended {
		q.waiting = append(q.waiting, e)
	}
	return !q.ended
}

// take returns the next errand that has not withdrawn, nil for none.
func (q *errands) take() *errand {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		e := q.waiting[0]
		q.waiting[0], q.waiting = nil, q.waiting[1:]
		if e.state.CompareAndSwap(waiting, taken) {
			return e
		}
	}
	q.waiting = nil
	return nil
}

// turnAway answers all who wait and come later with ErrClosed.
func (q *errands) turnAway() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	for e := q.take(); e != nil; e = q.take() {
		e.err = journal.ErrClosed
		close(e.done)
	}
}

// doErrand does one errand that waits. It reports whether there was any. It is the committer's.
func (l *Log) doErrand() bool {
	e := l.errands.take()
	if e == nil {
		return false
	}
	e.err = l.update(e.change)
	close(e.done)
	return true
}

// Mark implements journal.Shelf.
func (l *Log) Mark(ctx context.Context) (mark event.ID, err error) {
	if err = l.alive(ctx); err == nil {
		err = l.view(func(tx *bbolt.Tx) error {
			mark = l.id(markOf(tx))
			return nil
		})
	}
	if err != nil {
		return event.ID{}, fmt.Errorf("journal: mark: %w", err)
	}
	return mark, nil
}

// markOf returns the mark; zero when there is none, or a damaged one: then all is made again from the events, and a block
// takes nothing that it has. A mark believed while damaged would leave events out, or refuse all blocks for good.
func markOf(tx *bbolt.Tx) uint64 {
	v := tx.Bucket(metaBucket).Get(markKey)
	if len(v) != 8+4 || crc32.Checksum(v[:8], castagnoli) != binary.BigEndian.Uint32(v[8:]) {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func encodeMark(seq uint64) []byte {
	b := seqKey(seq)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// PutBlocks implements journal.Shelf.
func (l *Log) PutBlocks(ctx context.Context, made event.ID, last bool, blocks []journal.Block) error {
	if err := journal.CheckBlocks(blocks); err != nil {
		return fmt.Errorf("journal: blocks: %w", err)
	}
	err := l.runErrand(ctx, func(tx *bbolt.Tx) (bool, error) {
		p, err := readPlaces(tx)
		if err != nil {
			return false, err
		}
		if made.Epoch != l.epoch || made.Seq <= markOf(tx) || made.Seq > p.seq {
			return false, journal.ErrBehind
		}
		b, err := tx.CreateBucketIfNotExists(shelfBucket)
		if err != nil {
			return false, err
		}
		for i := range blocks {
			if blocks[i].Value == nil {
				err = b.Delete(blockKey(blocks[i].BlockKey))
			} else {
				err = b.Put(blockKey(blocks[i].BlockKey), blocks[i].Value)
			}
			if err != nil {
				return false, err
			}
		}
		if last {
			err = tx.Bucket(metaBucket).Put(markKey, encodeMark(made.Seq))
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("journal: blocks: %w", err)
	}
	return nil
}

func blockKey(k journal.BlockKey) []byte {
	b := make([]byte, 0, len(k.Drawer)+1+len(k.Name))
	b = append(b, k.Drawer...)
	b = append(b, 0)
	return append(b, k.Name...)
}

// GetBlocks implements journal.Shelf. All are of one moment.
func (l *Log) GetBlocks(ctx context.Context, keys []journal.BlockKey) ([][]byte, error) {
	var out [][]byte
	err := l.alive(ctx)
	if err == nil {
		err = l.view(func(tx *bbolt.Tx) error {
			out = make([][]byte, len(keys))
			b := tx.Bucket(shelfBucket)
			if b == nil {
				return nil
			}
			for i, k := range keys {
				out[i] = bytes.Clone(b.Get(blockKey(k)))
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("journal: blocks: %w", err)
	}
	return out, nil
}

// Drawer implements journal.Shelf.
func (l *Log) Drawer(ctx context.Context, drawer string) (map[string][]byte, error) {
	var out map[string][]byte
	err := l.alive(ctx)
	if err == nil {
		err = l.view(func(tx *bbolt.Tx) error {
			out = make(map[string][]byte)
			b := tx.Bucket(shelfBucket)
			if b == nil {
				return nil
			}
			prefix := append([]byte(drawer), 0)
			c := b.Cursor()
			for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
				out[string(k[len(prefix):])] = bytes.Clone(v)
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("journal: drawer: %w", err)
	}
	return out, nil
}

// DropDrawers implements journal.Shelf.
func (l *Log) DropDrawers(ctx context.Context, from, before string) error {
	first, end := append([]byte(from), 0), append([]byte(before), 0)
	for more := true; more; {
		err := l.runErrand(ctx, func(tx *bbolt.Tx) (bool, error) {
			more = false
			b := tx.Bucket(shelfBucket)
			if b == nil {
				return false, nil
			}
			c := b.Cursor()
			n := 0
			for k, _ := c.Seek(first); k != nil && bytes.Compare(k, end) < 0; k, _ = c.Seek(first) {
				if n == maxDrop {
					more = true
					break
				}
				if err := c.Delete(); err != nil {
					return false, err
				}
				n++
			}
			return n > 0, nil
		})
		if err != nil {
			return fmt.Errorf("journal: drawers: %w", err)
		}
	}
	return nil
}

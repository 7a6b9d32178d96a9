package bolt

import (
	"context"
	"fmt"
	"math"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// maxScan bounds the records one page looks at, whether they pass or not: bbolt can't use a page of the file again while
// a reader might see it, nor grow its map of the file while anybody reads.
const maxScan = 20_000

// Read implements journal.Log.
func (l *Log) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	if err := l.alive(ctx); err != nil {
		return journal.Page{}, fmt.Errorf("journal: read: %w", err)
	}
	head := l.recent.head.Load()
	if err := l.reachable(q.After, head); err != nil {
		return journal.Page{}, err
	}
	end := head
	if !q.Before.IsZero() {
		if q.Before.Epoch != l.epoch {
			return journal.Page{}, &journal.GoneError{Reason: journal.GoneEpoch, Place: q.Before, Head: l.id(head)}
		}
		end = min(end, max(q.Before.Seq, 1)-1)
	}
	return l.page(ctx, q, head, end)
}

// reachable returns a *GoneError for a place that was never given in this life of the log.
func (l *Log) reachable(after event.ID, head uint64) error {
	switch {
	case after.IsZero():
		return nil
	case after.Epoch != l.epoch:
		return &journal.GoneError{Reason: journal.GoneEpoch, Place: after, Head: l.id(head)}
	case after.Seq > head:
		return &journal.GoneError{Reason: journal.GoneAhead, Place: after, Head: l.id(head)}
	}
	return nil
}

// page reads the events after q.After up to and including end.
func (l *Log) page(ctx context.Context, q journal.Query, head, end uint64) (journal.Page, error) {
	classes := journal.Classes(q.Filter)
	limit := q.Limit
	if limit <= 0 {
		limit = journal.DefaultLimit
	}
	limit = min(limit, journal.MaxLimit)

	var page journal.Page
	err := l.view(func(tx *bbolt.Tx) error {
		page = journal.Page{} // of an attempt before this one
		p, err := readPlaces(tx)
		if err != nil {
			return err
		}
		if !q.After.IsZero() {
			page.Trimmed = l.trimmed(p, q.After, end, classes)
		}
		if !page.Trimmed.IsZero() && !q.AcrossTrimmed {
			return &journal.GoneError{Reason: journal.GoneTrimmed, Place: q.After, Trimmed: page.Trimmed, Head: l.id(head)}
		}
		next := q.After.Seq
		s := newScan(tx, classes, next)
		names := make(map[string]string)
		for n, size := 0, 0; s.seq <= end; n++ {
			if n == maxScan || len(page.Events) == limit {
				page.More = true
				break
			}
			if n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			var r record
			if err := r.parse(s.key, s.value); err != nil {
				return l.damaged(s.seq, err)
			}
			if q.Filter.IsZero() || q.Filter.Match(name(names, r.server), name(names, r.typ)) {
				if size += len(s.value); size > journal.MaxPageBytes && len(page.Events) > 0 {
					page.More = true
					break
				}
				page.Events = append(page.Events, r.event(l.id(s.seq), names))
			}
			next = s.seq
			s.advance()
		}
		if !page.More {
			next = max(next, end)
		}
		if page.Next = l.id(next); next == q.After.Seq {
			page.Next = q.After
		}
		return nil
	})
	if _, gone := err.(*journal.GoneError); gone {
		return journal.Page{}, err
	}
	if err != nil {
		return journal.Page{}, fmt.Errorf("journal: read: %w", err)
	}
	return page, nil
}

// damaged is the error of a record that can't be read.
func (l *Log) damaged(seq uint64, err error) error {
	return fmt.Errorf("%s is %w (place %d: %w): %s", l.path, ErrDamaged, seq, err, advice)
}

// trimmed returns what is missing of the classes after the place, up to and including end.
func (l *Log) trimmed(p places, after event.ID, end uint64, classes []event.Class) (t journal.Trimmed) {
	to := uint64(0)
	for _, class := range classes {
		if n := min(p.trimmed[class], end); n > after.Seq {
			t.Classes = append(t.Classes, class)
			to = max(to, n)
		}
	}
	if to > 0 {
		t.From, t.To = after, l.id(to)
	}
	return t
}

// scan walks the records of some classes in the order of their places. Use seq and value until seq passes the end.
type scan struct {
	seq     uint64 // of the present record; MaxUint64 after the last
	key     []byte // this and value are valid until the transaction ends
	value   []byte
	heads   [len(recordBuckets)]scanHead
	n       int // heads in use
	current int
}

type scanHead struct {
	cursor *bbolt.Cursor
	seq    uint64
	key    []byte
	value  []byte
}

func newScan(tx *bbolt.Tx, classes []event.Class, after uint64) *scan {
	s := &scan{}
	open := func(name []byte) {
		h := &s.heads[s.n]
		s.n++
		h.cursor = tx.Bucket(name).Cursor()
		h.set(h.cursor.Seek(seqKey(after + 1)))
	}
	for _, class := range classes {
		open(classBuckets[class])
		if class == event.State {
			open(keptBucket)
		}
	}
	s.pick()
	return s
}

func (h *scanHead) set(k, v []byte) {
	h.seq, h.key, h.value = math.MaxUint64, k, v
	if k != nil {
		h.seq = seqOf(k)
	}
}

func (s *scan) advance() {
	h := &s.heads[s.current]
	h.set(h.cursor.Next())
	s.pick()
}

func (s *scan) pick() {
	s.seq, s.key, s.value = math.MaxUint64, nil, nil
	for i := range s.heads[:s.n] {
		if h := &s.heads[i]; h.seq < s.seq {
			s.seq, s.key, s.value, s.current = h.seq, h.key, h.value, i
		}
	}
}

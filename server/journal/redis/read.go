package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of one page and of one look at Redis, which does nothing else meanwhile.
const (
	maxScan  = 20_000 // records of one page, whether they pass or not
	minLook  = 64     // records of each class in a look, while it is not known how large they are
	maxLook  = 2000
	lookSize = 2 << 20 // bytes of each class in a look, by what they had so far
)

// Read implements journal.Log.
func (l *Log) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	page, err := l.page(ctx, q)
	if _, gone := err.(*journal.GoneError); gone {
		return journal.Page{}, err
	}
	if err != nil {
		return journal.Page{}, fmt.Errorf("journal: read: %w", err)
	}
	return page, nil
}

// page reads one page: as many looks at Redis as it takes to fill it.
func (l *Log) page(ctx context.Context, q journal.Query) (page journal.Page, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = journal.DefaultLimit
	}
	limit = min(limit, journal.MaxLimit)
	sp := span{after: q.After.Seq, before: q.Before.Seq, classes: journal.Classes(q.Filter)}
	if !q.Before.IsZero() {
		sp.before = max(sp.before, 1) // no place comes before the first
	}
	names := make(map[string]string)
	size, scanned := 0, 0
	at := q.After // up to here the page is complete
	var epoch uint32
	for {
		sp.count = l.lookCount(limit-len(page.Events), !q.Filter.IsZero(), scanned)
		s, err := l.lookSurely(ctx, sp)
		if err != nil {
			return page, err
		}
		if epoch != 0 && s.epoch != epoch && q.After.IsZero() {
			return l.page(ctx, q) // it began anew between two looks
		}
		epoch = s.epoch
		if err := s.check(at); err != nil {
			return page, place(err, q.After)
		}
		if !q.Before.IsZero() && q.Before.Epoch != s.epoch {
			return page, &journal.GoneError{Reason: journal.GoneEpoch, Place: q.Before, Head: s.id(s.head)}
		}
		end := s.head
		if sp.before > 0 {
			end = min(end, sp.before-1)
		}
		if !q.After.IsZero() {
			page.Trimmed = s.missing(q.After, end, sp.classes)
		}
		if !page.Trimmed.IsZero() && !q.AcrossTrimmed {
			return page, &journal.GoneError{Reason: journal.GoneTrimmed, Place: q.After, Trimmed: page.Trimmed, Head: s.id(s.head)}
		}
		full := false
		for _, e := range s.entries {
			if scanned == maxScan || len(page.Events) == limit {
				full = true
				break
			}
			var r record
			if err := r.parse(e.record); err != nil {
				return page, fmt.Errorf("%s: place %d: %w", l.where, e.seq, err)
			}
			if q.Filter.IsZero() || q.Filter.Match(name(names, r.server), name(names, r.typ)) {
				if size += len(e.record); size > journal.MaxPageBytes && len(page.Events) > 0 {
					full = true
					break
				}
				page.Events = append(page.Events, r.event(s.id(e.seq), names))
			}
			scanned++
			at = s.id(e.seq)
		}
		switch {
		case full:
			page.More = true
		case s.complete:
			if end > at.Seq {
				at = s.id(end)
			}
		default:
			at = s.id(max(at.Seq, s.through))
			if scanned < maxScan && len(page.Events) < limit {
				sp.after = at.Seq
				continue
			}
			page.More = true
		}
		page.Next = at
		return page, nil
	}
}

// place puts what was asked for into a *GoneError about a page's later look.
func place(err error, after event.ID) error {
	if gone, ok := errors.AsType[*journal.GoneError](err); ok && !after.IsZero() {
		gone.Place = after
	}
	return err
}

// lookSurely looks until there is an answer, and begins a record where there is none.
func (l *Log) lookSurely(ctx context.Context, sp span) (s snapshot, err error) {
	err = l.ask(ctx, func(ctx context.Context) error {
		if s, err = l.look(ctx, l.readers, sp); err != nil || s.epoch != 0 {
			return err
		}
		if err := l.ensure(ctx); err != nil {
			return err
		}
		s, err = l.look(ctx, l.readers, sp)
		return err
	})
	if err == nil && s.epoch == 0 {
		return s, fmt.Errorf("%w: %s: it was emptied just now", journal.ErrUnavailable, l.where)
	}
	l.measure(s.entries)
	return s, err
}

// measure learns how large records are.
func (l *Log) measure(entries []entry) {
	if len(entries) == 0 {
		return
	}
	n := 0
	for _, e := range entries {
		n += len(e.record) + 64
	}
	l.size.Store(int64(n / len(entries)))
}

// lookCount returns how many records of each class to look at when so many events are wanted.
func (l *Log) lookCount(want int, filtered bool, scanned int) int {
	n := max(want+1, minLook)
	if filtered {
		n = max(n, min(2*scanned, maxLook))
	}
	fit := max(lookSize/int(max(l.size.Load(), 1)), minLook/4)
	return min(n, fit, maxLook)
}

// missing returns what is missing of the classes after the place, up to and including end.
func (s *snapshot) missing(after event.ID, end uint64, classes []event.Class) (t journal.Trimmed) {
	to := uint64(0)
	for _, class := range classes {
		if n := min(s.trimmed[class], end); n > after.Seq {
			t.Classes = append(t.Classes, class)
			to = max(to, n)
		}
	}
	if to > 0 {
		t.From, t.To = after, s.id(to)
	}
	return t
}

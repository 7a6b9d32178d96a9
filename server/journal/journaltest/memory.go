package journaltest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Memory is a journal.Log in memory, for tests of what stands on one. It also does what no test could ask of a file: it begins anew, is
// put back to an older copy, trims at a word, fails, and lets reads wait. It checks nothing that it is given.
//
// Its fields may be set before it is used, within Change, and with Mu held: then who follows is not told.
type Memory struct {
	Epoch   uint32
	Head    uint64 // the newest place ever given
	Events  []event.Event
	Trimmed [3]uint64 // by class
	Fail    error     // of every Tail, once set
	ReadErr error     // of every Read
	Reading func()    // called at the start of each Read, without the lock
	Batch   int       // most events of one batch of Tail; 0: all

	Mu      sync.Mutex    // guards all else
	changed chan struct{} // closed at each change
	closed  bool
}

// NewMemory returns an empty one of epoch 7.
func NewMemory() *Memory { return &Memory{Epoch: 7, changed: make(chan struct{})} }

// Change calls f with the lock held, and wakes who follows.
func (m *Memory) Change(f func()) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *Memory) Append(_ context.Context, events []event.Event) (out []journal.Receipt, err error) {
	m.Change(func() {
		if m.closed {
			err = journal.ErrClosed
			return
		}
		for _, e := range events {
			m.Head++
			e.ID = event.ID{Epoch: m.Epoch, Seq: m.Head}
			m.Events = append(m.Events, e)
			out = append(out, journal.Receipt{ID: e.ID})
		}
	})
	return out, err
}

func (m *Memory) check(place event.ID) error {
	gone := func(r journal.GoneReason) error {
		return &journal.GoneError{Reason: r, Place: place, Head: event.ID{Epoch: m.Epoch, Seq: m.Head}}
	}
	switch {
	case m.closed:
		return journal.ErrClosed
	case place.IsZero():
		return nil
	case place.Epoch != m.Epoch:
		return gone(journal.GoneEpoch)
	case place.Seq > m.Head:
		return gone(journal.GoneAhead)
	}
	return nil
}

func (m *Memory) from(after event.ID) []event.Event {
	i, _ := slices.BinarySearchFunc(m.Events, after.Seq+1, func(e event.Event, seq uint64) int {
		return int(int64(e.ID.Seq) - int64(seq))
	})
	return m.Events[i:]
}

func (m *Memory) Read(ctx context.Context, q journal.Query) (page journal.Page, err error) {
	if m.Reading != nil {
		m.Reading()
	}
	if err := cmp.Or(m.ReadErr, ctx.Err()); err != nil {
		return page, err
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.check(q.After); err != nil {
		return page, err
	}
	if !q.After.IsZero() {
		for class, to := range m.Trimmed {
			if to > q.After.Seq && slices.Contains(journal.Classes(q.Filter), event.Class(class)) {
				page.Trimmed.From = q.After
				page.Trimmed.To = event.ID{Epoch: m.Epoch, Seq: max(to, page.Trimmed.To.Seq)}
				page.Trimmed.Classes = append(page.Trimmed.Classes, event.Class(class))
			}
		}
	}
	page.Next = q.After
	if q.Limit <= 0 {
		q.Limit = journal.DefaultLimit
	}
	for _, e := range m.from(q.After) {
		if len(page.Events) == q.Limit {
			page.More = true
			return page, nil
		}
		page.Next = e.ID
		if q.Filter.Match(e.Server, e.Type) {
			page.Events = append(page.Events, e)
		}
	}
	if m.Head > 0 {
		page.Next = event.ID{Epoch: m.Epoch, Seq: m.Head}
	}
	return page, nil
}

func (m *Memory) Tail(ctx context.Context, after event.ID, fn func([]event.Event) error) error {
	for {
		m.Mu.Lock()
		err, batch, changed := m.check(after), []event.Event(nil), m.changed
		if err == nil {
			err = m.Fail
		}
		if err == nil {
			batch = slices.Clone(m.from(after))
			if m.Batch > 0 {
				batch = batch[:min(m.Batch, len(batch))]
			}
		}
		m.Mu.Unlock()
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := fn(batch); err != nil {
				return err
			}
			after = batch[len(batch)-1].ID
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// At takes the events' own times for those of recording: Memory knows no others.
func (m *Memory) At(ctx context.Context, t time.Time) (event.ID, error) {
	if err := ctx.Err(); err != nil {
		return event.ID{}, err
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if err := m.check(event.ID{}); err != nil || m.Head == 0 {
		return event.ID{}, err
	}
	place := event.ID{Epoch: m.Epoch}
	for _, e := range m.Events {
		if !e.Time.Before(t) {
			return place, nil
		}
		place = e.ID
	}
	place.Seq = m.Head
	return place, nil
}

func (m *Memory) Bounds(context.Context) (journal.Bounds, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	b := journal.Bounds{Epoch: m.Epoch}
	if m.Head > 0 {
		b.Head = event.ID{Epoch: m.Epoch, Seq: m.Head}
	}
	return b, nil
}

func (m *Memory) Close() error {
	m.Change(func() { m.closed = true })
	return nil
}

// Trim takes the events of a class up to and including seq out of the record.
func (m *Memory) Trim(class event.Class, seq uint64) {
	m.Change(func() {
		m.Trimmed[class] = seq
		m.Events = slices.DeleteFunc(slices.Clone(m.Events), func(e event.Event) bool {
			return e.Class() == class && e.ID.Seq <= seq
		})
	})
}

// All returns what is recorded after a place and passes.
func (m *Memory) All(f event.Filter, after uint64) (out []event.Event) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	for _, e := range m.from(event.ID{Seq: after}) {
		if f.Match(e.Server, e.Type) {
			out = append(out, e)
		}
	}
	return out
}

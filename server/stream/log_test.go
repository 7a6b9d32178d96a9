package stream_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// memLog is a journal.Log in memory that can begin anew, trim at a word, and let reads wait.
type memLog struct {
	mu      sync.Mutex
	epoch   uint32
	head    uint64
	events  []event.Event
	trimmed [3]uint64     // by class
	changed chan struct{} // closed at each change
	reading func()        // called at the start of each Read, without the lock
}

func newMemLog() *memLog { return &memLog{epoch: 7, changed: make(chan struct{})} }

func (m *memLog) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memLog) Append(_ context.Context, events []event.Event) (out []journal.Receipt, err error) {
	m.change(func() {
		for _, e := range events {
			m.head++
			e.ID = event.ID{Epoch: m.epoch, Seq: m.head}
			m.events = append(m.events, e)
			out = append(out, journal.Receipt{ID: e.ID})
		}
	})
	return out, nil
}

func (m *memLog) check(place event.ID) error {
	gone := func(r journal.GoneReason) error {
		return &journal.GoneError{Reason: r, Place: place, Head: event.ID{Epoch: m.epoch, Seq: m.head}}
	}
	switch {
	case place.IsZero():
		return nil
	case place.Epoch != m.epoch:
		return gone(journal.GoneEpoch)
	case place.Seq > m.head:
		return gone(journal.GoneAhead)
	}
	return nil
}

func (m *memLog) from(after event.ID) []event.Event {
	i, _ := slices.BinarySearchFunc(m.events, after.Seq+1, func(e event.Event, seq uint64) int {
		return int(int64(e.ID.Seq) - int64(seq))
	})
	return m.events[i:]
}

func (m *memLog) Read(ctx context.Context, q journal.Query) (page journal.Page, err error) {
	if m.reading != nil {
		m.reading()
	}
	if err := ctx.Err(); err != nil {
		return page, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(q.After); err != nil {
		return page, err
	}
	if !q.After.IsZero() {
		for class, to := range m.trimmed {
			if to > q.After.Seq && slices.Contains(journal.Classes(q.Filter), event.Class(class)) {
				page.Trimmed.From = q.After
				page.Trimmed.To = event.ID{Epoch: m.epoch, Seq: max(to, page.Trimmed.To.Seq)}
				page.Trimmed.Classes = append(page.Trimmed.Classes, event.Class(class))
			}
		}
	}
	page.Next = q.After
	for _, e := range m.from(q.After) {
		if len(page.Events) == max(q.Limit, 1) {
			page.More = true
			return page, nil
		}
		page.Next = e.ID
		if q.Filter.Match(e.Server, e.Type) {
			page.Events = append(page.Events, e)
		}
	}
	if m.head > 0 {
		page.Next = event.ID{Epoch: m.epoch, Seq: m.head}
	}
	return page, nil
}

func (m *memLog) Tail(ctx context.Context, after event.ID, fn func([]event.Event) error) error {
	for {
		m.mu.Lock()
		err, batch, changed := m.check(after), []event.Event(nil), m.changed
		if err == nil {
			batch = slices.Clone(m.from(after))
		}
		m.mu.Unlock()
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

func (m *memLog) Bounds(context.Context) (journal.Bounds, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := journal.Bounds{Epoch: m.epoch}
	if m.head > 0 {
		b.Head = event.ID{Epoch: m.epoch, Seq: m.head}
	}
	return b, nil
}

func (m *memLog) Close() error { return nil }

// trim takes the events of a class up to and including seq out of the record.
func (m *memLog) trim(class event.Class, seq uint64) {
	m.change(func() {
		m.trimmed[class] = seq
		m.events = slices.DeleteFunc(slices.Clone(m.events), func(e event.Event) bool {
			return e.Class() == class && e.ID.Seq <= seq
		})
	})
}

// all returns the places of what is recorded after a place, passes, and is wanted.
func (m *memLog) all(f event.Filter, after uint64) (out []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.from(event.ID{Seq: after}) {
		if f.Match(e.Server, e.Type) {
			out = append(out, e.ID.Seq)
		}
	}
	return out
}

func (m *memLog) put(events ...event.Event) event.ID {
	r, _ := m.Append(context.Background(), events)
	return r[len(r)-1].ID
}

// ev makes an event whose data says n and is some size bytes long, of which few can be compressed away.
func ev(t testing.TB, server, typ string, n, size int) event.Event {
	noise := make([]byte, max(0, size-80)*3/4)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(noise)
	d := event.Draft{Type: typ, Data: fmt.Appendf(nil, `{"message":"%s","level":"info","n":%d}`, base64.StdEncoding.EncodeToString(noise), n)}
	e, err := d.Event(server, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

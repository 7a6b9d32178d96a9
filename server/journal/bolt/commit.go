package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Append implements journal.Log.
func (l *Log) Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error) {
	if err := l.alive(ctx); err != nil {
		return nil, fmt.Errorf("journal: append: %w", err)
	}
	if len(events) == 0 {
		return nil, nil
	}
	w, err := l.prepare(events)
	if err != nil {
		return nil, fmt.Errorf("journal: append: %w", err)
	}
	if !l.queue.put(w, nil) {
		return nil, fmt.Errorf("journal: append: %w", journal.ErrClosed)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(waiting, withdrawn) {
			return nil, fmt.Errorf("journal: append: %w", ctx.Err())
		}
		<-w.done
	}
	if w.err != nil {
		return nil, fmt.Errorf("journal: append: %w", w.err)
	}
	return w.receipts, nil
}

// prepare does all of the work that does not need the place, on the publisher's goroutine.
func (l *Log) prepare(events []event.Event) (*waiter, error) {
	room, keyed := 0, false
	for i := range events {
		e := &events[i]
		if e.Class() == event.Control || e.Class() >= event.Class(len(classBuckets)) {
			return nil, fmt.Errorf("event %d: %q is not a type that is recorded", i, e.Type)
		}
		room += recordRoom(e)
		keyed = keyed || e.Key != ""
	}
	w := &waiter{events: events, records: make([][]byte, len(events)), done: make(chan struct{})}
	if keyed {
		w.keys = make([]seenKey, len(events))
	}
	at := l.now()
	buf := make([]byte, 0, room)
	for i := range events {
		start := len(buf)
		buf = appendRecord(buf, &events[i], at)
		w.records[i] = buf[start:len(buf):len(buf)]
		if events[i].Key != "" {
			w.keys[i] = keyOf(&events[i])
		}
	}
	w.size = len(buf)
	return w, nil
}

// run is the committer. It ends when Close is called, after the commit under way, and then turns away all who wait.
func (l *Log) run() {
	defer close(l.stopped)
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	trimming := true // what has aged while nobody was here
	failing := false // the last attempt to trim
	var trimmers []chan error
	for {
		select {
		case <-l.closing:
			l.turnAway(trimmers)
			l.notes.turnAway()
			l.errands.turnAway()
			return
		default:
		}
		group, wishes := l.queue.take()
		if len(group) > 0 {
			l.commit(group)
			l.queue.gather(len(group))
		}
		noted := l.commitNotes()
		ran := l.doErrand()
		trimmers = append(trimmers, wishes...)
		if trimming = trimming || len(wishes) > 0 || l.overfull(); trimming {
			more, err := l.trimStep()
			if !more {
				if err != nil && !failing { // once, not with every commit until there is room again
					l.logger.Error("The record could not be trimmed, it will be tried again.", "err", err)
				}
				failing = err != nil
				for _, c := range trimmers {
					c <- err
				}
				trimming, trimmers = false, nil
			}
		}
		if len(group) > 0 || noted || ran || trimming {
			continue
		}
		select {
		case <-l.queue.wake:
		case <-tick.C:
			trimming = true
		case <-l.closing:
		}
	}
}

// commit records the group in one transaction, shows it to the readers and answers the publishers.
func (l *Log) commit(group []*waiter) {
	c := change{size: l.size}
	begun := time.Now()
	err := l.update(func(tx *bbolt.Tx) (bool, error) { return l.record(tx, group, &c) })
	given := 0
	for _, w := range group {
		given += len(w.events)
	}
	l.count.Committed(given, len(c.events), time.Since(begun), err)
	if err == nil {
		l.apply(&c)
	}
	for _, w := range group {
		w.err = err
		close(w.done)
	}
}

// change is what a transaction changes of what the committer knows, to be applied once it is durable.
type change struct {
	size    sizes
	latest  []newest // without a place where it was taken out
	strays  map[string][]stray
	events  []event.Event
	trimmed uint64 // newest place taken out
}

type newest struct {
	topic
	latest
}

func (l *Log) apply(c *change) {
	l.size = c.size
	l.bytes.Store(c.size.total())
	for _, n := range c.latest {
		if n.seq == 0 {
			delete(l.latest, n.topic)
			continue
		}
		l.latest[n.topic] = n.latest
	}
	for server, list := range c.strays {
		l.strays[server] = list
		if len(list) == 0 {
			delete(l.strays, server)
		}
	}
	l.recent.forget(c.trimmed)
	l.recent.add(c.events)
}

// record writes the group's events; it reports whether there was anything to write.
func (l *Log) record(tx *bbolt.Tx, group []*waiter, c *change) (bool, error) {
	p, err := readPlaces(tx)
	if err != nil {
		return false, err
	}
	seen := openSeen(tx, l.retention.DedupWindow, l.now())
	var buckets [len(classBuckets)]*bbolt.Bucket
	for i, name := range classBuckets {
		buckets[i] = tx.Bucket(name)
		buckets[i].FillPercent = 1 // keys only rise: a full page stays as it is
	}
	total := 0
	for _, w := range group {
		total += len(w.events)
	}
	c.events = make([]event.Event, 0, total)
	receipts := make([]journal.Receipt, total)
	superseded := make(map[topic]bool)
	for _, w := range group {
		w.receipts, receipts = slices.Clip(receipts[:len(w.events)]), receipts[len(w.events):]
		for i := range w.events {
			keyed := w.keys != nil && w.keys[i] != seenKey{}
			if keyed {
				if seq, ok := seen.find(w.keys[i]); ok {
					w.receipts[i] = journal.Receipt{ID: l.id(seq), Repeated: true}
					continue
				}
			}
			p.seq++
			e := w.events[i]
			e.ID, e.Time = l.id(p.seq), time.UnixMilli(e.Time.UnixMilli()).UTC()
			class := e.Class()
			k := seqKey(p.seq)
			seal(w.records[i], k)
			if err := buckets[class].Put(k, w.records[i]); err != nil {
				return false, err
			}
			if keyed {
				if err := seen.add(w.keys[i], p.seq); err != nil {
					return false, err
				}
			}
			if class == event.State {
				t := topic{e.Server, e.Type}
				if old := l.latest[t]; old.kept && !superseded[t] {
					if err := l.dropKept(tx, old.seq, &p, c); err != nil {
						return false, err
					}
					l.isNoStray(t, old.seq, c)
					superseded[t] = true
				}
				c.latest = append(c.latest, newest{t, latest{seq: p.seq}})
			}
			c.size.class[class] += cost(w.records[i])
			c.events = append(c.events, e)
			w.receipts[i] = journal.Receipt{ID: e.ID}
		}
	}
	if len(c.events) == 0 {
		return false, nil
	}
	return true, tx.Bucket(metaBucket).Put(placesKey, p.encode())
}

// errStuck marks a broken log whose last transaction still holds bbolt's locks.
var errStuck = errors.New("it will not close")

// update runs fn in a write transaction and commits it when fn says so. With an error nothing has changed, and the next
// update may well succeed, such as when the disk was full; unless the file is beyond trust, when all later ones fail.
func (l *Log) update(fn func(*bbolt.Tx) (bool, error)) error {
	if l.broken != nil {
		return l.broken
	}
	var tx *bbolt.Tx
	err := l.guard(func() (err error) {
		tx, err = l.db.Begin(true)
		return err
	})
	if err != nil {
		return l.distrust(err)
	}
	id, write := tx.ID(), false
	err = l.guard(func() (err error) {
		if write, err = fn(tx); err != nil || !write {
			return errors.Join(err, tx.Rollback())
		}
		return l.commitTx(tx)
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrDamaged) {
		if tx.DB() != nil && l.guard(tx.Rollback) != nil {
			err = errors.Join(err, errStuck)
		}
		return l.distrust(err)
	}
	if write && l.visible(id) {
		return l.distrust(fmt.Errorf("%s: the disk did not confirm a write, start telltale again to go on from what is on it: %w", l.path, err))
	}
	return fmt.Errorf("%s: %w", l.path, err)
}

// distrust gives up writing: what memory says and what the file holds may differ now.
func (l *Log) distrust(err error) error {
	l.broken = err
	l.logger.Error("The record can't be written any more.", "err", err)
	return err
}

// visible reports whether a transaction that failed is in the file all the same: its header was written, and only the
// fsync after it failed. The system forgets what it could not write, so another fsync would prove nothing.
func (l *Log) visible(txid int) bool {
	id := txid
	err := l.view(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	return err != nil || id >= txid
}

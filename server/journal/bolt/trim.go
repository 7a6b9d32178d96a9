package bolt

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// trimEvery is how often ages are looked at; bytes are after each commit.
const trimEvery = time.Minute

// maxTrim bounds the events one transaction takes out, for publishers wait while it does.
const maxTrim = 2000

// Trim applies the retention now instead of within the minute, and returns when nothing is left to trim.
func (l *Log) Trim(ctx context.Context) error {
	if err := l.alive(ctx); err != nil {
		return fmt.Errorf("journal: trim: %w", err)
	}
	done := make(chan error, 1)
	if !l.queue.put(nil, done) {
		return fmt.Errorf("journal: trim: %w", journal.ErrClosed)
	}
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("journal: trim: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("journal: trim: %w", ctx.Err())
	}
}

// overfull reports whether a class holds more bytes than it may.
func (l *Log) overfull() bool {
	for _, class := range event.Classes {
		if limit := l.retention.For(class).Bytes; limit > 0 && l.size.class[class] > limit {
			return true
		}
	}
	return false
}

// trimStep takes out some of what is too old or too much; more reports that there may be more of it.
func (l *Log) trimStep() (more bool, err error) {
	c, crowd := change{size: l.size}, false
	err = l.update(func(tx *bbolt.Tx) (bool, error) {
		p, err := readPlaces(tx)
		if err != nil {
			return false, err
		}
		room := maxTrim
		if l.crowd {
			if room, err = l.thinStrays(tx, room, &p, &c); err != nil {
				return false, err
			}
			crowd = room == 0
		}
		for _, class := range event.Classes {
			if room, err = l.trimClass(tx, class, room, &p, &c); err != nil {
				return false, err
			}
		}
		if more, err = openSeen(tx, l.retention.DedupWindow, l.now()).expire(); err != nil {
			return false, err
		}
		more = more || room == 0
		if room == maxTrim {
			return more, nil
		}
		return true, tx.Bucket(metaBucket).Put(placesKey, p.encode())
	})
	if err != nil {
		return false, err
	}
	l.apply(&c)
	l.crowd = crowd
	return more, nil
}

// trimClass takes out, or keeps apart, up to room of the oldest events of a class. It returns the room that is left.
func (l *Log) trimClass(tx *bbolt.Tx, class event.Class, room int, p *places, c *change) (int, error) {
	limit := l.retention.For(class)
	target := limit.Bytes
	if c.size.class[class] > limit.Bytes {
		target -= limit.Bytes / 16 // some more at once, so that a full record is not trimmed at each commit
	}
	now := l.now().UnixMilli()
	b := tx.Bucket(classBuckets[class])
	cur := b.Cursor()
	for k, v := cur.First(); k != nil && room > 0; k, v = cur.First() {
		var r record
		if err := r.parse(k, v); err != nil {
			return room, fmt.Errorf("place %d: %w", seqOf(k), err)
		}
		old := limit.Age > 0 && now-r.at > limit.Age.Milliseconds()
		much := limit.Bytes > 0 && c.size.class[class] > target
		if !old && !much {
			break
		}
		seq := seqOf(k)
		c.size.class[class] -= cost(v)
		t := topic{string(r.server), string(r.typ)}
		if class == event.State && l.latest[t].seq == seq {
			if err := tx.Bucket(keptBucket).Put(seqKey(seq), bytes.Clone(v)); err != nil {
				return room, err
			}
			c.size.kept += cost(v)
			c.latest = append(c.latest, newest{t, latest{seq: seq, kept: true}})
			if err := l.isStray(tx, t, seq, p, c); err != nil {
				return room, err
			}
		} else {
			p.trimmed[class] = max(p.trimmed[class], seq)
			c.trimmed = max(c.trimmed, seq)
		}
		if err := cur.Delete(); err != nil {
			return room, err
		}
		room--
	}
	return room, nil
}

// dropKept takes out a kept state that is no longer the latest, or one too many.
func (l *Log) dropKept(tx *bbolt.Tx, seq uint64, p *places, c *change) error {
	b := tx.Bucket(keptBucket)
	k := seqKey(seq)
	c.size.kept -= cost(b.Get(k))
	p.trimmed[event.State] = max(p.trimmed[event.State], seq)
	c.trimmed = max(c.trimmed, seq)
	return b.Delete(k)
}

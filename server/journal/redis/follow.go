package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/shared/event"
)

// followFor is how long the follower waits for something new before it looks again all the same: so long may it take to notice that
// Redis was emptied, or stands still.
const followFor = time.Second

// masterEvery is how often Redis is asked whether it is a master, where it did not say of itself that this changes.
const masterEvery = 5 * time.Second

// follow reads what is recorded, by whichever instance, once for all Tails of this Log, until Close. It is also who finds out
// that Redis is away, or can't be read, and that it is back: as a master, for what a replica has may be old.
func (l *Log) follow() {
	wait := backoff{most: time.Second}
	nudge, deaf := "0", ""
	var unheard error  // why XREAD was refused the last time: to be said unless nothing can be read at all
	var sure time.Time // when it was a master
	names := make(map[string]string)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for l.alive(ctx) == nil {
		err := l.catchUp(ctx, names)
		if _, why := l.reach.get(); err == nil && (why != nil || time.Since(sure) > masterEvery) {
			if err = l.master(ctx); err == nil {
				sure = time.Now()
			}
		}
		if err == nil {
			wait.reset()
			l.reach.readable(l)
			if kind := kindOf(unheard); kind != deaf {
				deaf = kind
				if unheard != nil {
					l.logger.Error("Redis does not say when there is something new, and is asked once a second.", "redis", l.where, "err", unheard)
				}
			}
			nudge, err = l.nudged(ctx, nudge)
			unheard = nil
			switch {
			case goredis.HasErrorPrefix(err, "UNBLOCKED"):
				sure, err = time.Time{}, nil
			case denied(err): // it can perhaps be read all the same, only not at once
				unheard, err = err, nil
				l.pause(ctx, followFor)
			}
		}
		if err != nil {
			unheard = nil
			l.reach.unreadable(l, err)
			l.pause(ctx, wait.delay())
		}
	}
}

// catchUp reads on to the newest event.
func (l *Log) catchUp(ctx context.Context, names map[string]string) error {
	for l.alive(ctx) == nil {
		epoch, to := l.ring.at()
		try, cancel := context.WithTimeout(ctx, l.timeout)
		s, err := l.look(try, l.client, span{after: to, classes: event.Classes[:], count: l.lookCount(maxLook, false, 0)})
		if err == nil && s.epoch == 0 {
			err = l.ensure(try)
			cancel()
			if err != nil {
				return err
			}
			continue
		}
		cancel()
		if err != nil {
			return err
		}
		l.saw(&s)
		// The end of the list is a place like any other: where Redis never gave it, it was emptied or put back.
		if s.epoch != epoch || s.check(event.ID{Epoch: epoch, Seq: to}) != nil && to > 0 {
			l.logger.Warn("Redis has lost some of the record. Who has seen it is told, and begins anew.",
				"redis", l.where, "seen", event.ID{Epoch: epoch, Seq: to}, "newest", s.id(s.head))
			l.ring.restart(s.epoch, s.head)
			return nil
		}
		l.measure(s.entries)
		events := make([]event.Event, 0, len(s.entries))
		for _, e := range s.entries {
			var r record
			if err := r.parse(e.record); err != nil {
				l.logger.Error("The record holds what this telltale can't read, it is passed over.", "redis", l.where, "place", s.id(e.seq), "err", err)
				continue
			}
			events = append(events, r.event(s.id(e.seq), names))
		}
		l.ring.add(events, s.through)
		l.ring.forget(min(max(s.trimmed[0], s.trimmed[1], s.trimmed[2]), s.through))
		if s.complete {
			return nil
		}
	}
	return nil
}

// saw takes note of what any snapshot says.
func (l *Log) saw(s *snapshot) {
	l.bytes.Store(s.bytes())
	l.notes.see(s.noted)
	for i, limit := range l.limits() {
		if limit > 0 && int64(s.size[i]) > limit {
			l.wantTrim()
		}
	}
}

// nudged waits until there may be something new, but not for long. It reads no more than one entry of each stream: only a
// snapshot shows a batch that went to several of them as a whole.
func (l *Log) nudged(ctx context.Context, last string) (string, error) {
	_, to := l.ring.at()
	after := strconv.FormatUint(to, 10) + "-0"
	try, cancel := context.WithTimeout(ctx, followFor+l.timeout)
	defer cancel()
	streams, err := l.client.XRead(try, &goredis.XReadArgs{
		Streams: []string{l.keys[keyState], l.keys[keySample], l.keys[keyLine], l.keys[keyNudge], after, after, after, last},
		Count:   1, Block: followFor,
	}).Result()
	if errors.Is(err, goredis.Nil) {
		return last, nil
	}
	for _, s := range streams {
		if s.Stream == l.keys[keyNudge] && len(s.Messages) > 0 {
			last = s.Messages[len(s.Messages)-1].ID
		}
	}
	return last, err
}

package redis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// reach is whether the record can be reached, as the last who tried found it.
type reach struct {
	mu      sync.Mutex // guards all
	away    journal.Away
	unread  bool          // it is the follower that can't read; that something can be recorded ends nothing then
	said    []string      // the kinds of errors that were logged since it began
	changed chan struct{} // closed when away begins or ends
}

func (r *reach) get() (<-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed, r.away.Err
}

// lost is told by who records that an attempt failed for want of a Redis.
func (r *reach) lost(l *Log, err error) { r.leave(l, err, false) }

// unreadable is told by the follower why it can't read, whatever that is: who can't know what is new must not seem to be live.
func (r *reach) unreadable(l *Log, err error) {
	if l.alive(context.Background()) == nil {
		r.leave(l, err, true)
	}
}

func (r *reach) leave(l *Log, err error, unread bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err = plain(err)
	began := r.away.IsZero()
	if began {
		r.away.Since = time.Now()
		close(r.changed)
		r.changed = make(chan struct{})
	}
	r.unread = r.unread || unread
	r.away.Err = err
	kind := kindOf(err)
	switch known := slices.Contains(r.said, kind); {
	case !passes(err) && !known:
		l.logger.Error("The record can't be read. Readers are told that nothing new can reach them until it can be.", "redis", l.where, "err", err)
	case began:
		l.logger.Error("Redis is away. Nothing is recorded until it is back.", "redis", l.where, "err", err)
	case known || kind == "":
		return
	}
	r.said = append(r.said, kind)
}

// kindOf is the first word of an error of Redis, which names what is the matter; of all others it is "".
func kindOf(err error) string {
	if !refused(err) {
		return ""
	}
	word, _, _ := strings.Cut(err.Error(), " ")
	return word
}

// back is told by who records that an attempt succeeded.
func (r *reach) back(l *Log) { r.come(l, false) }

// readable is told by the follower that it has read all there is.
func (r *reach) readable(l *Log) { r.come(l, true) }

func (r *reach) come(l *Log, read bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away.IsZero() || r.unread && !read {
		return
	}
	l.logger.Info("Redis is back.", "redis", l.where, "away", time.Since(r.away.Since).Round(time.Millisecond))
	r.away, r.unread, r.said = journal.Away{}, false, nil
	close(r.changed)
	r.changed = make(chan struct{})
}

// Away implements journal.Remote.
func (l *Log) Away() (journal.Away, <-chan struct{}) {
	l.reach.mu.Lock()
	defer l.reach.mu.Unlock()
	return l.reach.away, l.reach.changed
}

// complain logs what is tried again by itself, once for each reason: not that Redis is away, or refuses everybody, which is said
// elsewhere. It returns what to give it the next time.
func (l *Log) complain(err error, said, message string) string {
	if err == nil || errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrUnavailable) && !denied(err) {
		return ""
	}
	if _, why := l.reach.get(); why != nil {
		return said
	}
	text := err.Error()
	if text != said {
		l.logger.Error(message, "err", err)
	}
	return text
}

// errReplica says that Redis can be read, and does not record.
var errReplica = errors.New("it is a replica now, which takes nothing and may be behind")

// master returns an errReplica where Redis is one. A Redis that does not tell is not doubted.
func (l *Log) master(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	node, err := l.node(ctx)
	if err != nil {
		return err
	}
	info, err := node.Info(ctx, "replication").Result()
	if denied(err) {
		return nil
	}
	if err == nil && strings.Contains(info, "role:slave") {
		err = errReplica
	}
	return err
}

package redis

import (
	"context"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// reach is whether Redis can be reached, as the last who tried found it.
type reach struct {
	mu      sync.Mutex // guards all
	away    journal.Away
	changed chan struct{} // closed when away begins or ends
}

func (r *reach) get() (<-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed, r.away.Err
}

// lost notes that an attempt failed, if it failed for want of a Redis.
func (r *reach) lost(l *Log, err error) {
	if !away(err) {
		if l.alive(context.Background()) == nil {
			l.logger.Error("Redis refuses.", "redis", l.where, "err", err)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err = plain(err)
	if r.away.IsZero() {
		r.away.Since = time.Now()
		close(r.changed)
		r.changed = make(chan struct{})
		l.logger.Error("Redis is away. Nothing is recorded until it is back.", "redis", l.where, "err", err)
	}
	r.away.Err = err
}

// back notes that an attempt succeeded.
func (r *reach) back(l *Log) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away.IsZero() {
		return
	}
	l.logger.Info("Redis is back.", "redis", l.where, "away", time.Since(r.away.Since).Round(time.Millisecond))
	r.away = journal.Away{}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Away implements journal.Remote.
func (l *Log) Away() (journal.Away, <-chan struct{}) {
	l.reach.mu.Lock()
	defer l.reach.mu.Unlock()
	return l.reach.away, l.reach.changed
}

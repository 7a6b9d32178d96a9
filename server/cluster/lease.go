package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/limit"
)

var (
	//go:embed acquire.lua
	acquireSource string
	//go:embed renew.lua
	renewSource string

	acquireScript = goredis.NewScript(acquireSource)
	renewScript   = goredis.NewScript(renewSource)
)

const (
	// askTime bounds what somebody waits for who opens a stream; nobody is kept from one by a Redis that is slow.
	askTime = time.Second
	// renewTime bounds one call that renews leases: nobody waits for it.
	renewTime = 2 * time.Second
	// atOnce bounds how many leases one call renews or gives back: Redis does nothing else meanwhile.
	atOnce = 500
	// remembered is how long it is known that a lease was given back: longer than a renewal takes that began before.
	remembered = time.Minute
	// maxReleased bounds what is kept of leases that can't be given back at present; they run out anyway.
	maxReleased = 100_000
)

// Leases are limit.Leases in Redis. Make them with NewLeases; Run gives leases back.
type Leases struct {
	redis  goredis.UniversalClient
	prefix string
	remote journal.Remote // nil: never away
	clock  clock
	ttl    atomic.Int64 // nanoseconds; the longest that any was taken for

	inOrder sync.Mutex // held while leases are renewed or given back: no renewal takes back what was given back

	mu       sync.Mutex // guards what follows
	released []returned
	gone     map[limit.Lease]time.Time // given back since
	doubt    time.Time                 // until then Redis may do what was given up
	wake     chan struct{}             // holds a token when there are some to give back
}

// returned is a lease to be given back.
type returned struct {
	limit.Lease
	since time.Time
	due   time.Time // not before; zero: at once
}

var _ limit.Leases = (*Leases)(nil)

// NewLeases returns leases under keys that begin with the prefix. The client stays the caller's. Remote says when Redis is known to be away: then nobody waits for it.
func NewLeases(client goredis.UniversalClient, prefix string, remote journal.Remote) *Leases {
	return &Leases{redis: client, prefix: prefix, remote: remote, gone: make(map[limit.Lease]time.Time), wake: make(chan struct{}, 1)}
}

func (s *Leases) key(user string) string { return s.prefix + "streams:" + user }

// away returns an error while Redis is known to be away.
func (s *Leases) away() error { return awayNow(s.remote) }

func awayNow(remote journal.Remote) error {
	if remote == nil {
		return nil
	}
	if a, _ := remote.Away(); !a.IsZero() {
		return fmt.Errorf("%w: since %s", journal.ErrUnavailable, a.Since.Format(time.TimeOnly))
	}
	return nil
}

// Acquire implements limit.Leases.
func (s *Leases) Acquire(ctx context.Context, l limit.Lease, most int, ttl time.Duration) (bool, error) {
	if err := s.away(); err != nil {
		return false, fmt.Errorf("cluster: lease: %w", err)
	}
	n, err := s.run(ctx, askTime, acquireScript, []string{s.key(l.User)}, ttl, func(until int64) []any {
		return []any{l.ID, most, ttl.Milliseconds(), until}
	})
	if err != nil {
		return false, fmt.Errorf("cluster: lease: %w", err)
	}
	return n == 1, nil
}

// Renew implements limit.Leases.
func (s *Leases) Renew(ctx context.Context, leases []limit.Lease, ttl time.Duration) (err error) {
	for part := range slices.Chunk(leases, atOnce) { // one that fails keeps none of the others from being renewed
		if err = errors.Join(err, s.away(), ctx.Err()); s.away() == nil && ctx.Err() == nil {
			err = errors.Join(err, s.renew(ctx, part, ttl))
		}
	}
	if err != nil {
		return fmt.Errorf("cluster: renew leases: %w", err)
	}
	return nil
}

func (s *Leases) renew(ctx context.Context, leases []limit.Lease, ttl time.Duration) error {
	s.inOrder.Lock()
	defer s.inOrder.Unlock()
	keys, ids := make([]string, 0, len(leases)), make([]any, 0, len(leases))
	s.mu.Lock()
	for _, l := range leases {
		if _, gone := s.gone[l]; !gone {
			keys = append(keys, s.key(l.User))
			ids = append(ids, l.ID)
		}
	}
	s.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	_, err := s.run(ctx, renewTime, renewScript, keys, ttl, func(until int64) []any {
		return append([]any{ttl.Milliseconds(), until}, ids...)
	})
	return err
}

// held returns the leases of a user that have not run out, at most so many.
func (s *Leases) held(ctx context.Context, user string, most int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	now, err := s.clock.theirs(ctx, s.redis, time.Now())
	if err != nil {
		return nil, err
	}
	return s.redis.ZRangeByScore(ctx, s.key(user), &goredis.ZRangeBy{Min: "(" + strconv.FormatInt(now, 10), Max: "+inf", Count: int64(most)}).Result()
}

// run runs a script within a time; see clock.run. It returns the script's first number.
func (s *Leases) run(ctx context.Context, within time.Duration, script *goredis.Script, keys []string, ttl time.Duration, args func(until int64) []any) (int64, error) {
	if n := int64(ttl); n > s.ttl.Load() {
		s.ttl.Store(n)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	n, _, err := s.clock.run(ctx, s.redis, script, keys, args)
	if _, said := errors.AsType[goredis.Error](err); err != nil && !said && !errors.Is(err, errClock) { // it may be on its way yet
		deadline, _ := ctx.Deadline()
		s.mu.Lock()
		s.doubt = later(s.doubt, deadline.Add(clockError))
		s.mu.Unlock()
	}
	return n, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Release implements limit.Leases. Run gives it back.
func (s *Leases) Release(l limit.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.gone[l] = now
	if len(s.released) < maxReleased {
		s.released = append(s.released, returned{Lease: l, since: now})
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run gives leases back until ctx ends, then what is left, for a second at most, and returns ctx's error. What Redis does not take is tried again until the
// lease has run out anyway.
func (s *Leases) Run(ctx context.Context) error {
	sweep := time.NewTicker(remembered / 2)
	defer sweep.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-s.wake:
		case <-again.C:
		case now := <-sweep.C:
			s.forget(now.Add(-remembered))
			continue
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
			defer cancel()
			_ = s.giveBack(last) // what can't be given back runs out
			return ctx.Err()
		}
		if next := s.giveBack(context.WithoutCancel(ctx)); next > 0 {
			again.Reset(next)
		}
	}
}

// giveBack gives back what is due. It returns when to come again; zero: nothing is left.
func (s *Leases) giveBack(ctx context.Context) (next time.Duration) {
	for {
		part := s.due(time.Now())
		if len(part) == 0 {
			return s.next(time.Now())
		}
		if errors.Join(s.away(), ctx.Err()) != nil || s.remove(ctx, part) != nil {
			s.keep(part, time.Time{})
			return askTime
		}
		// What was given up before may have taken them again, or do so until then.
		s.mu.Lock()
		doubt := s.doubt
		s.mu.Unlock()
		if time.Now().Before(doubt) {
			s.keep(part, doubt)
		}
	}
}

// due takes some of what is to be given back by now. What has run out meanwhile is not.
func (s *Leases) due(now time.Time) (part []returned) {
	ttl := time.Duration(s.ttl.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.released[:0]
	for _, l := range s.released {
		switch {
		case now.Sub(l.since) > ttl+renewTime:
		case len(part) < atOnce && !now.Before(l.due):
			part = append(part, l)
		default:
			left = append(left, l)
		}
	}
	clear(s.released[len(left):])
	if s.released = left; len(left) == 0 {
		s.released = nil
	}
	return part
}

// keep puts back what is to be given back later.
func (s *Leases) keep(part []returned, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range part {
		l.due = due
		s.released = append(s.released, l)
	}
}

// next returns how long nothing is due; zero: nothing is left.
func (s *Leases) next(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.released) == 0 {
		return 0
	}
	first := s.released[0].due
	for _, l := range s.released {
		if l.due.Before(first) {
			first = l.due
		}
	}
	return max(first.Sub(now), time.Millisecond)
}

func (s *Leases) remove(ctx context.Context, leases []returned) error {
	s.inOrder.Lock()
	defer s.inOrder.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := s.redis.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, l := range leases {
			p.ZRem(ctx, s.key(l.User), l.ID)
		}
		return nil
	})
	return err
}

// forget drops what was given back before then.
func (s *Leases) forget(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l, at := range s.gone {
		if at.Before(before) {
			delete(s.gone, l)
		}
	}
}

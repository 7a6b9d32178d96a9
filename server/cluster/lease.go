package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"
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

	inOrder sync.Mutex // held while leases are renewed or given back: no renewal takes back what was given back

	mu       sync.Mutex // guards what follows
	released []limit.Lease
	gone     map[limit.Lease]time.Time // given back since
	wake     chan struct{}             // holds a token when there are some to give back
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
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	n, err := acquireScript.Run(ctx, s.redis, []string{s.key(l.User)}, l.ID, most, ttl.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("cluster: lease: %w", err)
	}
	return n == 1, nil
}

// Renew implements limit.Leases.
func (s *Leases) Renew(ctx context.Context, leases []limit.Lease, ttl time.Duration) error {
	if err := s.away(); err != nil {
		return fmt.Errorf("cluster: renew leases: %w", err)
	}
	for part := range slices.Chunk(leases, atOnce) {
		if err := s.renew(ctx, part, ttl); err != nil {
			return fmt.Errorf("cluster: renew leases: %w", err)
		}
	}
	return nil
}

func (s *Leases) renew(ctx context.Context, leases []limit.Lease, ttl time.Duration) error {
	s.inOrder.Lock()
	defer s.inOrder.Unlock()
	keys, args := make([]string, 0, len(leases)), []any{ttl.Milliseconds()}
	s.mu.Lock()
	for _, l := range leases {
		if _, gone := s.gone[l]; !gone {
			keys = append(keys, s.key(l.User))
			args = append(args, l.ID)
		}
	}
	s.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	return renewScript.Run(ctx, s.redis, keys, args...).Err()
}

// Release implements limit.Leases. Run gives it back.
func (s *Leases) Release(l limit.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[l] = time.Now()
	if len(s.released) < maxReleased {
		s.released = append(s.released, l)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run gives leases back until ctx ends, then what is left, for a second at most, and returns ctx's error.
func (s *Leases) Run(ctx context.Context) error {
	sweep := time.NewTicker(remembered / 2)
	defer sweep.Stop()
	for {
		select {
		case <-s.wake:
			_ = s.giveBack(context.WithoutCancel(ctx)) // what can't be given back runs out
		case now := <-sweep.C:
			s.forget(now.Add(-remembered))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
			defer cancel()
			_ = s.giveBack(last)
			return ctx.Err()
		}
	}
}

func (s *Leases) giveBack(ctx context.Context) error {
	for {
		s.mu.Lock()
		n := min(len(s.released), atOnce)
		part := s.released[:n:n]
		if s.released = s.released[n:]; n == 0 {
			s.released = nil
		}
		s.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := errors.Join(s.away(), ctx.Err()); err != nil {
			return err
		}
		if err := s.remove(ctx, part); err != nil {
			return err
		}
	}
}

func (s *Leases) remove(ctx context.Context, leases []limit.Lease) error {
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

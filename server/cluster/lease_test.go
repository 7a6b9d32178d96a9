package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/server/limit"
)

// Three instances that open and end streams of one user as fast as they can never have more than he may have between them, and leave nothing.
func TestNeverMoreThanTheLimitOverInstances(t *testing.T) {
	const most = 10
	server := redistest.Start(t)
	var open atomic.Int32
	var admitted, refused atomic.Int64
	var instances, users sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		leases := NewLeases(client(t, server), prefix, nil)
		r := limit.New(limit.Limits{User: most}, leases, nil)
		instances.Go(func() { _ = leases.Run(ctx) })
		for range 6 {
			users.Go(func() {
				for range 100 {
					p, err := r.Admit(ctx, limit.Owner{User: "ada"})
					if err != nil {
						if _, over := errors.AsType[*limit.Over](err); !over {
							t.Error(err)
						}
						refused.Add(1)
						continue
					}
					admitted.Add(1)
					if n := open.Add(1); n > most {
						t.Errorf("%d streams of one user, %d are allowed", n, most)
					}
					open.Add(-1)
					p.Release()
				}
			})
		}
	}
	users.Wait()
	cancel()
	instances.Wait()
	if admitted.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d admitted, %d refused: nobody met", admitted.Load(), refused.Load())
	}
	if left := server.Do("KEYS", "*"); left != "" {
		t.Errorf("left over: %s", left)
	}
}

// What an instance that died had is free when it has run out, not before; what lives is renewed.
func TestLeasesHeal(t *testing.T) {
	server := redistest.Start(t)
	a, b := NewLeases(client(t, server), prefix, nil), NewLeases(client(t, server), prefix, nil)
	const ttl = 600 * time.Millisecond
	take := func(s *Leases, id string, most int) bool {
		t.Helper()
		ok, err := s.Acquire(t.Context(), limit.Lease{User: "ada", ID: id}, most, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !take(a, "dead", 2) || !take(b, "alive", 2) || take(b, "more", 2) || !take(b, "alive", 2) {
		t.Fatal("want two leases, and one that is taken again to count once")
	}
	began := time.Now()
	until(t, "the lease of the dead one to run out", func() bool {
		if err := b.Renew(t.Context(), []limit.Lease{{User: "ada", ID: "alive"}}, ttl); err != nil {
			t.Fatal(err)
		}
		return take(b, "new", 2)
	})
	if time.Since(began) < ttl/2 {
		t.Errorf("it ran out after %v, want %v", time.Since(began), ttl)
	}
	if take(b, "more", 2) {
		t.Error("the one that was renewed has run out")
	}
	// A Redis that lost its memory gets all of them again.
	server.Do("FLUSHALL")
	if err := b.Renew(t.Context(), []limit.Lease{{User: "ada", ID: "alive"}, {User: "ada", ID: "new"}}, ttl); err != nil {
		t.Fatal(err)
	}
	if take(a, "more", 2) {
		t.Error("leases were not taken again")
	}
}

// A renewal that began before a lease was given back does not take it again.
func TestRenewalDoesNotRaiseTheDead(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	l := limit.Lease{User: "ada", ID: "one"}
	if ok, err := s.Acquire(t.Context(), l, 1, time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s.Release(l)
	if next := s.giveBack(t.Context()); next != 0 {
		t.Fatalf("something is left, to be given back in %v", next)
	}
	if err := s.Renew(t.Context(), []limit.Lease{l}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if left := server.Do("KEYS", "*"); left != "" {
		t.Errorf("left over: %s", left)
	}
	s.forget(time.Now())
	if len(s.gone) > 0 {
		t.Errorf("%d are remembered for ever", len(s.gone))
	}
}

type awayAlways struct{}

func (awayAlways) Away() (journal.Away, <-chan struct{}) {
	return journal.Away{Since: time.Now(), Err: errors.New("gone")}, nil
}

// Where Redis is away nobody waits for it, and each instance counts its own.
func TestLeasesWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	c := client(t, server)
	server.Pause()
	s := NewLeases(c, prefix, awayAlways{})
	r := limit.New(limit.Limits{User: 2}, s, nil)
	began := time.Now()
	for range 2 {
		if _, err := r.Admit(t.Context(), limit.Owner{User: "ada"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Admit(t.Context(), limit.Owner{User: "ada"}); err == nil {
		t.Error("a third stream was admitted")
	}
	if err := s.Renew(t.Context(), []limit.Lease{{User: "ada", ID: "x"}}, time.Minute); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if time.Since(began) > askTime {
		t.Errorf("somebody waited: %v", time.Since(began))
	}
}

func TestManyLeasesAreRenewedInBatches(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	var all []limit.Lease
	for i := range 3*atOnce + 1 {
		all = append(all, limit.Lease{User: fmt.Sprint("u", i%700), ID: fmt.Sprint("s", i)})
	}
	if err := s.Renew(t.Context(), all, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := server.Do("DBSIZE"); got != "700" {
		t.Errorf("got %s users, want 700", got)
	}
	for _, l := range all {
		s.Release(l)
	}
	if next := s.giveBack(t.Context()); next != 0 {
		t.Fatalf("something is left, to be given back in %v", next)
	}
	if left := server.Do("DBSIZE"); left != "0" {
		t.Errorf("%s users left", left)
	}
}

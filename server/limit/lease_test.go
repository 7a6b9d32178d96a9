package limit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// shared counts leases for several registries, as a server beside them would; they run out.
type shared struct {
	mu    sync.Mutex
	until map[Lease]time.Time
	err   error
}

func (s *shared) Acquire(ctx context.Context, l Lease, most int, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.err, ctx.Err()); err != nil {
		return false, err
	}
	n := 0
	for o, until := range s.until {
		if o.User == l.User && o != l && time.Now().Before(until) {
			n++
		}
	}
	if n >= most {
		return false, nil
	}
	s.until[l] = time.Now().Add(ttl)
	return true, nil
}

func (s *shared) Renew(_ context.Context, leases []Lease, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		for _, l := range leases {
			s.until[l] = time.Now().Add(ttl)
		}
	}
	return s.err
}

func (s *shared) Release(l Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, l)
}

func (s *shared) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.until)
}

func (s *shared) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Several instances count a user's streams together; what one of them leaves behind when it dies runs out, and what lives is renewed.
func TestLeasesCountForAllInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &shared{until: make(map[Lease]time.Time)}
		a, b := New(Limits{User: 2}, leases, nil), New(Limits{User: 2}, leases, nil)
		ctx, cancel := context.WithCancel(t.Context())
		dying, kill := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = a.Run(ctx) })
		running.Go(func() { _ = b.Run(dying) })
		ada := Owner{User: "ada"}
		one := admit(t, a, ada)
		admit(t, b, ada)
		if got := over(t, a, ada); got != event.LimitUser {
			t.Errorf("got %q, want the third refused by an instance that has one", got)
		}
		if s := a.Stats(); s.Open != 1 || s.Admitted != 1 || s.Refused["user"] != 1 {
			t.Errorf("got %+v", s)
		}
		time.Sleep(10 * leaseTime) // of the bubble's clock
		if got := over(t, a, ada); got != event.LimitUser {
			t.Errorf("got %q: the leases were not renewed", got)
		}
		kill()
		time.Sleep(2 * leaseTime)
		if got := over(t, a, ada); got != "" {
			t.Errorf("got %q: the lease of one that died never ran out", got)
		}
		synctest.Wait() // a renewal of this moment would take it again
		one.Release()
		if n := leases.count(); n != 1 {
			t.Errorf("%d leases left, want that of the dead one", n)
		}
		cancel()
		running.Wait()
	})
}

// Where nobody can be asked, each instance goes on by what it has itself; who has gone meanwhile is told so.
func TestLeasesThatCannotBeAsked(t *testing.T) {
	leases := &shared{until: make(map[Lease]time.Time), err: errors.New("gone")}
	r := New(Limits{User: 1}, leases, nil)
	p := admit(t, r, Owner{User: "ada"})
	if got := over(t, r, Owner{User: "ada"}); got != event.LimitUser {
		t.Errorf("got %q, want its own count to hold", got)
	}
	p.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Admit(ctx, Owner{User: "ada"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := r.Stats(); s.Open != 0 || s.LeaseErrors != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &shared{until: make(map[Lease]time.Time)}
		r := New(Limits{User: 1}, leases, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		p := admit(t, r, Owner{User: "ada"})
		leases.fail(errors.New("gone"))
		time.Sleep(leaseTime)
		leases.fail(nil)
		time.Sleep(leaseTime)
		if got := over(t, New(Limits{User: 1}, leases, nil), Owner{User: "ada"}); got != event.LimitUser {
			t.Errorf("got %q: a lease was not taken again", got)
		}
		if r.Stats().LeaseErrors == 0 {
			t.Error("nobody counted the failures")
		}
		p.Release()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// slow is a shared whose Acquire takes a while.
type slow struct {
	*shared
	takes time.Duration
}

func (s *slow) Acquire(ctx context.Context, l Lease, most int, ttl time.Duration) (bool, error) {
	time.Sleep(s.takes)
	return s.shared.Acquire(ctx, l, most, ttl)
}

// A lease that is still asked for is not renewed: that would take it, whoever has how many.
func TestNoRenewalBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &slow{shared: &shared{until: make(map[Lease]time.Time)}}
		a, b := New(Limits{User: 1}, leases, nil), New(Limits{User: 1}, leases, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = a.Run(ctx) })
		running.Go(func() { _ = b.Run(ctx) })
		one := admit(t, a, Owner{User: "ada"})
		leases.takes = leaseTime / 2 // longer than the time between renewals
		if got := over(t, b, Owner{User: "ada"}); got != event.LimitUser {
			t.Errorf("got %q, want the second refused", got)
		}
		if n := leases.count(); n != 1 {
			t.Errorf("%d leases, want that of the first", n)
		}
		one.Release()
		cancel()
		running.Wait()
	})
}

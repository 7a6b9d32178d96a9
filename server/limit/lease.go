package limit

import (
	"context"
	"time"
)

// Lease names one stream of one user.
type Lease struct{ User, ID string }

// Leases count the streams of users where several instances serve them. All methods may be called at once from any number of
// goroutines. A registry without Leases counts its own.
type Leases interface {
	// Acquire takes a lease unless the user has max already, of whichever instance, and reports whether it did. A lease that was
	// taken before is taken again and counts once. It lasts for ttl unless it is renewed. An error means that nobody knows.
	Acquire(ctx context.Context, l Lease, max int, ttl time.Duration) (ok bool, err error)
	// Renew makes leases last for ttl from now, and takes those again that have run out: their streams are open.
	Renew(ctx context.Context, leases []Lease, ttl time.Duration) error
	// Release gives a lease back, soon. It does not wait; what can't be given back runs out.
	Release(l Lease)
}

// Run renews leases until ctx ends, and returns its error. Without Leases there is nothing to do.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(leaseTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		leases := r.held()
		if len(leases) == 0 {
			continue
		}
		renewing, cancel := context.WithTimeout(ctx, leaseTime/3)
		err := r.leases.Renew(renewing, leases, leaseTime)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.leaseFailed(err)
		} else if err == nil {
			r.mu.Lock()
			r.alone = false
			r.mu.Unlock()
		}
	}
}

// held returns the leases of all streams, but of those that are still asked for.
func (r *Registry) held() (out []Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if p.leased {
			out = append(out, Lease{p.user.name, p.ID()})
		}
	}
	return out
}

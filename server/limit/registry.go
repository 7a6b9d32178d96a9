package limit

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Limits bound streams that are open at once. Zero means no bound.
type Limits struct {
	User    int // of one user
	Address int // from one address; of IPv6 from one /64
	All     int // of this instance
}

const (
	// retryAfter is when who finds no place comes again: often enough to be of use as a poller, seldom enough that a poller costs less
	// than a stream.
	retryAfter = 5 * time.Second
	// leaseTime is how long a lease lasts that nobody renews: what an instance that died had is free again after it.
	leaseTime = 15 * time.Second
)

// Registry knows the open streams. Make one with New.
type Registry struct {
	limits Limits
	leases Leases
	log    *slog.Logger

	mu        sync.Mutex // guards what follows
	places    []*Place
	polls     int
	users     map[string]*holder
	addresses map[netip.Prefix]*holder
	count     counts
	alone     bool // leases could not be asked when they were last needed
}

// A holder is a user or an address with at least one stream or poll, or somebody who asks for one.
type holder struct {
	name    string
	streams int
	polls   int
	places  []*Place // of a user
	last    *reader  // what the newest of its streams said of itself
}

// A reader is what a stream said of itself; streams that say the same share it.
type reader struct {
	r             *Registry
	user          *holder // nil: nobody
	address       *holder // nil: none
	addr          netip.Addr
	agent, filter string
}

// New returns a registry. Leases count the streams of users; nil counts those of this registry alone. A nil logger logs nothing.
func New(l Limits, leases Leases, log *slog.Logger) *Registry {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Registry{limits: l, leases: leases, log: log, users: make(map[string]*holder), addresses: make(map[netip.Prefix]*holder),
		count: counts{refused: make(map[string]int64), refusedPolls: make(map[string]int64)}}
}

// Limits returns the bounds.
func (r *Registry) Limits() Limits { return r.limits }

// Place is the right to have one stream open. It is a slog.LogValuer: the stream's id, user and address.
type Place struct {
	*reader
	right    any
	id       uint64
	since    int64 // Unix, nanoseconds
	at, mine int32 // where in r.places and user.places

	// Guarded by r.mu.
	stream Ender          // nil until Opened
	end    *event.Closing // what it was told to end with
	free   bool           // released
	leased bool           // a lease of it was taken, or may have been: it is renewed, and given back
}

// Admit takes a place for a stream, or returns an *Over. Release it when the stream has ended, or was not opened after all. The limits are
// asked in the order address, all, user, and the first that is reached is told: what one can mend oneself is told only
// where it would help.
//
// With leases that count for several instances it waits for their answer, at most until ctx ends, whose error it then returns; where they
// can't be asked, the count of this instance stands in.
func (r *Registry) Admit(ctx context.Context, o Owner) (*Place, error) {
	p := &Place{right: o.Right, id: newID(), since: time.Now().UnixNano()}
	self := reader{r: r, addr: o.Addr.Unmap(), agent: clean(o.Agent), filter: o.Filter}
	r.mu.Lock()
	if over := r.over(o, false); over != nil {
		r.count.refused[over.Which]++
		r.mu.Unlock()
		return nil, over
	}
	self.user, self.address = r.hold(o)
	p.reader = self.user.share(self.address.share(&self))
	if u := p.user; u != nil {
		u.streams++
		p.mine = int32(len(u.places))
		u.places = append(u.places, p)
	}
	if p.address != nil {
		p.address.streams++
	}
	p.at = int32(len(r.places))
	r.places = append(r.places, p)
	r.count.admitted++
	asks := p.user != nil && r.leases != nil && r.limits.User > 0
	r.mu.Unlock()
	if !asks {
		return p, nil
	}
	ok, err := r.leases.Acquire(ctx, Lease{User: o.User, ID: p.ID()}, r.limits.User, leaseTime)
	r.mu.Lock()
	// Not before the answer: a renewal meanwhile would take the lease, whoever has how many.
	if p.leased = err != nil || ok; !p.leased {
		r.count.admitted--
		r.count.refused[event.LimitUser]++
	}
	r.mu.Unlock()
	switch {
	case err == nil && ok:
		return p, nil
	case err == nil:
		p.Release()
		return nil, &Over{Which: event.LimitUser, Limit: r.limits.User, RetryAfter: retryAfter}
	case ctx.Err() != nil:
		p.Release() // the lease may have been taken all the same
		return nil, fmt.Errorf("limit: admit: %w", ctx.Err())
	}
	r.leaseFailed(err)
	return p, nil
}

// leaseFailed counts that leases can't be asked, and says so once.
func (r *Registry) leaseFailed(err error) {
	r.mu.Lock()
	r.count.leaseErrors++
	said := r.alone
	r.alone = true
	r.mu.Unlock()
	if !said {
		r.log.Warn("streams of users are counted by this instance alone until leases can be had again", "error", err)
	}
}

// over says which limit one more stream, or poll, would exceed. r.mu is held.
func (r *Registry) over(o Owner, poll bool) *Over {
	count := func(h *holder) int {
		switch {
		case h == nil:
			return 0
		case poll:
			return h.polls
		}
		return h.streams
	}
	all := len(r.places)
	if poll {
		all = r.polls
	}
	which, limit := "", 0
	switch l := r.limits; {
	case l.Address > 0 && o.Addr.IsValid() && count(r.addresses[PrefixOf(o.Addr)]) >= l.Address:
		which, limit = event.LimitAddress, l.Address
	case l.All > 0 && all >= l.All:
		which, limit = event.LimitAll, l.All
	case l.User > 0 && o.User != "" && count(r.users[o.User]) >= l.User:
		which, limit = event.LimitUser, l.User
	default:
		return nil
	}
	return &Over{Which: which, Limit: limit, RetryAfter: retryAfter}
}

// hold returns the owner's holders, made if need be. r.mu is held, and the caller counts something in each.
func (r *Registry) hold(o Owner) (user, address *holder) {
	if o.User != "" {
		if user = r.users[o.User]; user == nil {
			user = &holder{name: strings.Clone(o.User)}
			r.users[user.name] = user
		}
	}
	if o.Addr.IsValid() {
		prefix := PrefixOf(o.Addr)
		if address = r.addresses[prefix]; address == nil {
			address = new(holder)
			r.addresses[prefix] = address
		}
	}
	return user, address
}

// letGo forgets holders that hold nothing. r.mu is held.
func (r *Registry) letGo(user, address *holder, addr netip.Addr) {
	if user != nil && user.streams == 0 && user.polls == 0 {
		delete(r.users, user.name)
	}
	if address != nil && address.streams == 0 && address.polls == 0 {
		delete(r.addresses, PrefixOf(addr))
	}
}

// share returns the reader, or one that is the same and kept already.
func (h *holder) share(self *reader) *reader {
	if h == nil {
		return self
	}
	if h.last == nil || *h.last != *self {
		h.last = self
	}
	return h.last
}

// ID names the stream in lists and log lines. It says nothing of other streams, and is not secret: to end a stream takes its user, too.
func (p *Place) ID() string { return strconv.FormatUint(p.id, 36) }

// LogValue is what log lines say of the stream.
func (p *Place) LogValue() slog.Value {
	user := ""
	if p.user != nil {
		user = p.user.name
	}
	return slog.GroupValue(slog.String("stream", p.ID()), slog.String("user", user), slog.String("address", addrText(p.addr)))
}

// Opened tells how to end the stream. One that was to be ended before is ended now.
func (p *Place) Opened(e Ender) {
	p.r.mu.Lock()
	p.stream = e
	end := p.end
	p.r.mu.Unlock()
	if end != nil {
		e.End(*end)
	}
}

// Release gives the place back; a second Release does nothing. It does no I/O in the caller's time.
func (p *Place) Release() {
	r := p.r
	r.mu.Lock()
	if p.free {
		r.mu.Unlock()
		return
	}
	p.free = true
	last := r.places[len(r.places)-1]
	r.places[p.at], last.at = last, p.at
	r.places[len(r.places)-1] = nil
	r.places = r.places[:len(r.places)-1]
	if u := p.user; u != nil {
		u.streams--
		last := u.places[len(u.places)-1]
		u.places[p.mine], last.mine = last, p.mine
		u.places[len(u.places)-1] = nil
		u.places = u.places[:len(u.places)-1]
	}
	if p.address != nil {
		p.address.streams--
	}
	r.letGo(p.user, p.address, p.addr)
	p.stream = nil
	leased := p.leased
	r.mu.Unlock()
	if leased {
		r.leases.Release(Lease{User: p.user.name, ID: p.ID()})
	}
}

// Poll takes the right to answer once one who found no place. Call done when the answer is out, which may be after the request's handler
// has returned: see stream.Request.Ended. It returns an *Over when too many
// such answers are under way.
func (r *Registry) Poll(o Owner) (done func(), over *Over) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if over = r.over(o, true); over != nil {
		r.count.refusedPolls[over.Which]++
		return nil, over
	}
	user, address := r.hold(o)
	add := func(n int) {
		r.polls += n
		if user != nil {
			user.polls += n
		}
		if address != nil {
			address.polls += n
		}
	}
	add(1)
	r.count.polls++
	addr := o.Addr
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		add(-1)
		r.letGo(user, address, addr)
	}), nil
}

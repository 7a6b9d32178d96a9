package limit

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// An Ender ends one stream. *stream.Handle is one.
type Ender interface {
	End(event.Closing)
	Detached() bool
}

// Session is one open stream, for lists.
type Session struct {
	ID       string
	User     string
	Addr     netip.Addr
	Agent    string
	Since    time.Time
	Filter   string
	Detached bool // served without a goroutine; for who runs the server
}

// List returns the open streams of a user, the oldest first. The empty name is those of nobody in particular.
func (r *Registry) List(user string) []Session {
	r.mu.Lock()
	places := r.places
	if user != "" {
		places = nil
		if u := r.users[user]; u != nil {
			places = u.places
		}
	}
	out := sessions(places, user, false)
	r.mu.Unlock()
	return inOrder(out)
}

// All returns at most so many of the open streams, of all users, the oldest first.
func (r *Registry) All(most int) []Session {
	r.mu.Lock()
	out := sessions(r.places, "", true)
	r.mu.Unlock()
	out = inOrder(out)
	return out[:min(len(out), most)]
}

// sessions returns those of a user, or all. Registry.mu is held.
func sessions(places []*Place, user string, all bool) (out []Session) {
	for _, p := range places {
		if all || p.name() == user {
			out = append(out, Session{ID: p.ID(), User: p.name(), Addr: p.addr, Agent: p.agent, Since: time.Unix(0, p.since),
				Filter: p.filter, Detached: p.stream != nil && p.stream.Detached()})
		}
	}
	return out
}

func inOrder(list []Session) []Session {
	slices.SortFunc(list, func(a, b Session) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

func (p *Place) name() string {
	if p.user == nil {
		return ""
	}
	return p.user.name
}

// End ends the user's stream with that id, and reports whether there was one. Of another user's stream it says the same as of none.
func (r *Registry) End(user, id string, closing event.Closing) bool {
	n, err := strconv.ParseUint(id, 36, 64)
	if err != nil {
		return false
	}
	return r.endWhere(func(p *Place) (event.Closing, bool) { return closing, p.id == n && p.name() == user }) > 0
}

// EndAny is End, whosesoever the stream is.
func (r *Registry) EndAny(id string, closing event.Closing) bool {
	n, err := strconv.ParseUint(id, 36, 64)
	if err != nil {
		return false
	}
	return r.endWhere(func(p *Place) (event.Closing, bool) { return closing, p.id == n }) > 0
}

// EndWhere ends all streams for which the test returns true, with what it returns, and returns how many. Each is asked about once.
func (r *Registry) EndWhere(test func(Owner) (event.Closing, bool)) int {
	return r.endWhere(func(p *Place) (event.Closing, bool) {
		return test(Owner{User: p.name(), Addr: p.addr, Agent: p.agent, Filter: p.filter, Right: p.right})
	})
}

// EndSome ends at most so many streams, each with what closing returns, and returns how many: by chance, but of two the older one, so that
// in the end the oldest have gone. Those that are ending already, or are not open yet, are not chosen.
func (r *Registry) EndSome(n int, closing func() event.Closing) (ended int) {
	var chosen []*Place
	r.mu.Lock()
	taken := make(map[*Place]bool)
	for range 4 * n { // places that can't be chosen are few, and it need not be exact
		if len(chosen) == n || len(r.places) == 0 {
			break
		}
		p, other := r.places[rand.IntN(len(r.places))], r.places[rand.IntN(len(r.places))]
		if other.since < p.since && !taken[other] {
			p = other
		}
		if !taken[p] && p.end == nil && p.stream != nil {
			taken[p] = true
			chosen = append(chosen, p)
		}
	}
	if len(chosen) < n && len(r.places) <= 4*n { // almost all of them
		for _, p := range r.places {
			if len(chosen) < n && !taken[p] && p.end == nil && p.stream != nil {
				taken[p] = true
				chosen = append(chosen, p)
			}
		}
	}
	r.mu.Unlock()
	for _, p := range chosen {
		if r.end(p, closing()) {
			ended++
		}
	}
	return ended
}

// end ends one stream, and reports whether it was not ending before.
func (r *Registry) end(p *Place, closing event.Closing) bool {
	r.mu.Lock()
	if p.free || p.end != nil {
		r.mu.Unlock()
		return false
	}
	p.end = &closing
	e := p.stream
	r.count.ended++
	r.mu.Unlock()
	if e != nil {
		e.End(closing)
	}
	return true
}

func (r *Registry) endWhere(test func(*Place) (event.Closing, bool)) (n int) {
	r.mu.Lock()
	places := slices.Clone(r.places)
	r.mu.Unlock()
	for _, p := range places {
		if closing, ok := test(p); ok && r.end(p, closing) {
			n++
		}
	}
	return n
}

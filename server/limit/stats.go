package limit

import (
	"cmp"
	"slices"
)

// topUsers bounds how many users Stats names.
const topUsers = 20

// Stats are for metrics: what there is now, and counts since the start.
type Stats struct {
	Open, Polling    int // streams; answers to who found no place, under way
	Users, Addresses int // with at least one of either
	Admitted, Polls  int64
	Refused          map[string]int64 // found no place, by event.LimitUser and its like
	RefusedPolls     map[string]int64 // and could not be answered as a poller either
	Ended            int64            // by End and EndWhere
	LeaseErrors      int64
	Top              []UserCount // users with most streams open, at most twenty
}

// UserCount is how many streams a user has open.
type UserCount struct {
	User string
	Open int
}

type counts struct {
	admitted, polls, ended, leaseErrors int64
	refused, refusedPolls               map[string]int64
}

// Stats returns what there is at one moment.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		Open: len(r.places), Polling: r.polls, Users: len(r.users), Addresses: len(r.addresses), Admitted: r.count.admitted, Polls: r.count.polls,
		Refused: clone(r.count.refused), RefusedPolls: clone(r.count.refusedPolls), Ended: r.count.ended, LeaseErrors: r.count.leaseErrors,
	}
	for _, u := range r.users {
		if u.streams > 0 {
			s.Top = append(s.Top, UserCount{u.name, u.streams})
		}
	}
	slices.SortFunc(s.Top, func(a, b UserCount) int { return cmp.Or(cmp.Compare(b.Open, a.Open), cmp.Compare(a.User, b.User)) })
	s.Top = slices.Clip(s.Top[:min(len(s.Top), topUsers)])
	return s
}

func clone(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

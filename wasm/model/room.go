package model

import (
	"cmp"
	"slices"
	"time"
)

// silentFor is for how long a server has said nothing that gives way to another when there is no room for both, and that is silent where
// nobody knows how often it speaks: longer than most servers that are measured stay silent.
const silentFor = 5 * time.Minute

// server returns the server with that id, new if need be, or nil when there is no room for it at that time.
func (m *Model) server(id string, heard time.Time) *Server {
	if s, ok := m.servers[id]; ok {
		return s
	}
	room := MaxServers
	if m.replaying { // who is silent is known only when all has come
		room = 2 * MaxServers
	}
	if len(m.sorted) >= room {
		first := slices.MinFunc(m.sorted, m.givesWay(heard))
		if !silent(first, heard) {
			m.miss(id)
			return nil
		}
		m.giveUp(first)
	}
	m.born++
	s := newServer(id)
	s.born = m.born
	m.servers[id] = s
	m.sorted = append(slices.Clip(m.sorted), s) // a new array: a view may hold the old slice
	m.dirty = true
	m.Shape++
	delete(m.absent, id)
	m.Forgotten = uint64(len(m.absent))
	return s
}

// makeRoom gives up what is too much once all is known at that time.
func (m *Model) makeRoom(now time.Time) {
	if over := len(m.sorted) - MaxServers; over > 0 {
		for _, s := range slices.SortedFunc(slices.Values(m.sorted), m.givesWay(now))[:over] {
			m.giveUp(s)
		}
	}
}

func silent(s *Server, now time.Time) bool { return now.Sub(s.Seen) >= silentFor }

// givesWay is the order in which servers give way to others: those that are silent and well, then those that are silent and in
// trouble, of both the one silent for longest first; and of the rest the one that came last.
func (m *Model) givesWay(now time.Time) func(a, b *Server) int {
	rank := func(s *Server) int {
		switch {
		case !silent(s, now):
			return 2
		case s.Status.State.Trouble():
			return 1
		}
		return 0
	}
	return func(a, b *Server) int {
		of := rank(a)
		if c := cmp.Compare(of, rank(b)); c != 0 {
			return c
		}
		if of == 2 {
			return cmp.Compare(b.born, a.born)
		}
		return a.Seen.Compare(b.Seen)
	}
}

func (m *Model) giveUp(s *Server) {
	delete(m.servers, s.ID)
	m.sorted = slices.DeleteFunc(m.sorted, func(o *Server) bool { return o == s })
	m.Shape++
	m.miss(s.ID)
}

// miss notes that a server was heard that is not here.
func (m *Model) miss(id string) {
	if len(m.absent) >= MaxAbsent {
		return
	}
	if m.absent == nil {
		m.absent = make(map[string]struct{})
	}
	m.absent[id] = struct{}{}
	if n := uint64(len(m.absent)); n != m.Forgotten {
		m.Forgotten = n
		m.Shape++
	}
}

package model

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// Servers returns all servers, trouble first: by state, then the newest change of state first, then by id. The slice is
// the Model's: do not change it, and copy it to keep it beyond the next Update.
func (m *Model) Servers() []*Server {
	if m.dirty {
		m.dirty = false
		slices.SortFunc(m.sorted, func(a, b *Server) int {
			return cmp.Or(
				cmp.Compare(a.Status.State, b.Status.State),
				b.Status.Since.Compare(a.Status.Since),
				strings.Compare(a.ID, b.ID),
			)
		})
	}
	return m.sorted
}

// Counts returns how many servers are in each state.
func (m *Model) Counts() (n [NumStates]int) {
	for _, s := range m.sorted {
		n[s.Status.State]++
	}
	return n
}

// agedFloor keeps a server that is heard every second from flickering when one beat comes late.
const agedFloor = 5 * time.Second

// PictureFresh is for how long a prerendered picture passes for the present, while the link that will take over is being
// made.
const PictureFresh = time.Minute

// Aged reports whether what is shown of s is the past, at the local time now: while the link is not fresh all servers
// are, and so they are while its server can't reach its record; while it is live, those that are alive by their own last word, and that
// send metrics and were not heard for two of their intervals, or for minutes where none is known. A picture of just now, which the page
// began with, is held to those minutes.
func (m *Model) Aged(s *Server, now time.Time) bool {
	p := m.Link.Phase
	begins := p == feed.Idle || p == feed.Connecting
	if !p.Fresh() && (!begins || m.Link.Picture.IsZero() || now.Sub(m.Link.Picture).Abs() > PictureFresh) {
		return true
	}
	if !m.Link.Away.IsZero() {
		return true
	}
	if p != feed.Live && !begins || !s.Status.State.Alive() {
		return false
	}
	patience := s.patience()
	if begins && patience > 0 {
		patience = max(patience, silentFor)
	}
	return patience > 0 && m.Now(now).Sub(s.Seen) > patience
}

// Types returns what was seen of each event type, by name. The pointers are the Model's.
func (m *Model) Types() []*TypeStat {
	all := make([]*TypeStat, 0, len(m.types))
	for _, t := range m.types {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *TypeStat) int { return strings.Compare(a.Type, b.Type) })
	return all
}

// Type returns what was seen of one type, or nil.
func (m *Model) Type(name string) *TypeStat { return m.types[name] }

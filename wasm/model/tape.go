package model

import (
	"cmp"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of a Tape.
const (
	TapeEvents = 500
	TapeBytes  = 1 << 20 // of their JSON; one event is kept however long it is, and one that was read from the record
)

// Tape is the newest events as they came, those of a filter, for as long as somebody looks: otherwise nothing is taped, and it
// costs nothing. What the stream says of itself is on it too.
type Tape struct {
	// Rev rises with each change of what is on the tape.
	Rev uint64
	// Passed counts the events that came in and passed the filter since Watch was first called; of the oldest, no more is known.
	Passed uint64
	// Lost is the place of a wish for one event that is not recorded any more.
	Lost event.ID

	on    bool
	look  TapeFilter
	list  []*Raw
	read  *Raw // what was read from the record last; while it is the first of the list, the others go before it does
	bytes int
	n     uint64
}

// Raw is an event as it came. It is never changed: whoever has one may keep it.
type Raw struct {
	N      uint64 // counts the events on the tape, in its order: no two have the same
	Type   string
	Server string
	Place  event.ID // of what the stream says of itself: up to where it has been sent
	Time   time.Time
	Data   []byte // the JSON object
	Before bool   // it came before anybody looked: it is the newest of its type, or was read from the record
}

// Wire returns how many bytes the event takes in a stream.
func (r *Raw) Wire() int {
	n := len("event: \ndata: \n\n") + len(r.Type) + len(r.Data)
	if !r.Place.IsZero() {
		n += len("id: \n") + len(r.Place.String())
	}
	return n
}

// TapeFilter chooses events.
type TapeFilter struct {
	Filter event.Filter
	Find   *Finder // nil: nothing is searched for; it is looked for in the type and in the JSON
}

// Watch has events taped that pass the filter, from now on: and begins with those that are known from before, which are the newest
// of each type. What is on the tape and passes stays. Only a filter made anew is another one.
func (m *Model) Watch(f TapeFilter) {
	t := &m.Tape
	if t.on && t.look.Find == f.Find && t.look.Filter.Key() == f.Filter.Key() {
		return
	}
	t.on, t.look = true, f
	known := t.list
	t.list, t.bytes = nil, 0
	for _, s := range m.types {
		if len(s.Newest.Data) > 0 {
			known = append(known, &Raw{Type: s.Type, Server: s.Newest.Server, Place: s.Newest.Place, Time: s.Newest.Time, Data: slices.Clone(s.Newest.Data), Before: true})
		}
	}
	for _, e := range m.Recent {
		if len(e.Data) > 0 {
			known = append(known, &Raw{Type: e.Type, Server: e.Server, Place: e.Place, Time: e.Time, Data: e.Data, Before: true})
		}
	}
	// What came while somebody looked has a number, and stands after what was known before.
	slices.SortStableFunc(known, func(a, b *Raw) int {
		if a.Before != b.Before {
			if a.Before {
				return -1
			}
			return 1
		}
		if !a.Before {
			return cmp.Compare(a.N, b.N)
		}
		return a.Place.Compare(b.Place)
	})
	seen := make(map[event.ID]bool, len(known))
	for _, r := range slices.Backward(known) { // of one that is both, what has come
		if !seen[r.Place] && t.passes(r.Server, r.Type, r.Data) {
			t.list = append(t.list, r)
		}
		seen[r.Place] = seen[r.Place] || event.ClassOf(r.Type) != event.Control
	}
	slices.Reverse(t.list)
	for _, r := range t.list {
		if r.N == 0 {
			t.n++
			r.N = t.n
		}
		t.bytes += len(r.Data)
	}
	t.bound()
	t.Rev++
}

// Unwatch ends it, and forgets what is on the tape.
func (m *Model) Unwatch() {
	n, rev := m.Tape.n, m.Tape.Rev+1
	m.Tape = Tape{n: n, Rev: rev}
}

// Events returns what is on the tape, oldest first. It is good until the next change, and must not be changed.
func (t *Tape) Events() []*Raw { return t.list }

// Find returns the event with the place, or nil. What the stream says of itself has none of its own.
func (t *Tape) Find(place event.ID) *Raw {
	i := slices.IndexFunc(t.list, func(r *Raw) bool { return r.Place == place && event.ClassOf(r.Type) != event.Control })
	if i < 0 {
		return nil
	}
	return t.list[i]
}

func (t *Tape) passes(server, typ string, data []byte) bool {
	return t.look.Filter.Match(server, typ) && (t.look.Find == nil || t.look.Find.Find(data) || t.look.Find.Find([]byte(typ)))
}

// push tapes an event that has come.
func (t *Tape) push(e event.Event, at time.Time) {
	if !t.on || !t.passes(e.Server, e.Type, e.Data) {
		return
	}
	if !e.Time.IsZero() {
		at = e.Time
	}
	t.n++
	t.Passed++
	t.Rev++
	t.list = append(t.list, &Raw{N: t.n, Type: e.Type, Server: e.Server, Place: e.ID, Time: at, Data: slices.Clone(e.Data)})
	t.bytes += len(e.Data)
	t.bound()
}

// bound lets the oldest go, but not what somebody has just asked for.
func (t *Tape) bound() {
	stays := 0
	if len(t.list) > 0 && t.list[0] == t.read {
		stays = 1
	}
	drop := 0
	for n := len(t.list); n-drop > TapeEvents || n-drop > 1+stays && t.bytes > TapeBytes; drop++ {
		t.bytes -= len(t.list[stays+drop].Data)
		t.list[stays+drop] = nil
	}
	if stays > 0 {
		t.list[drop] = t.read
	}
	t.list = t.list[drop:]
}

// ReadEvent puts an event that was read from the record on the tape, before all others; or takes note that it is not recorded.
func (m *Model) ReadEvent(place event.ID, events []event.Event) {
	t := &m.Tape
	m.Rev++
	t.Rev++
	i := slices.IndexFunc(events, func(e event.Event) bool { return e.ID == place })
	if i < 0 {
		t.Lost = place
		return
	}
	if !t.on || t.Find(place) != nil {
		return
	}
	e := events[i]
	t.n++
	t.read = &Raw{N: t.n, Type: e.Type, Server: e.Server, Place: e.ID, Time: e.Time, Data: slices.Clone(e.Data), Before: true}
	t.list = slices.Insert(t.list, 0, t.read)
	t.bytes += len(e.Data)
	t.bound()
}

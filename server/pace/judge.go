package pace

import (
	"slices"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// judge goes through the events in order and returns what is to be recorded now: those that pass, and what was held that
// goes before one of them. At has for each event where it stands in out, or -1 when it is held.
func (c *call) judge(events []event.Event) (out []event.Event, at []int) {
	out = make([]event.Event, 0, len(events))
	at = make([]int, len(events))
	for i := range events {
		e := &events[i]
		passes := true
		if t := c.turn(e); t != nil && t.slot != nil {
			if t.key.lamp() {
				out, passes = c.debounce(&t.next, e, out)
			} else {
				passes = c.throttle(&t.next, e)
			}
		}
		at[i] = -1
		c.stats.Accepted++
		if passes {
			at[i] = len(out)
			out = append(out, *e)
			continue
		}
		c.stats.Held++
	}
	return out, at
}

func (c *call) turn(e *event.Event) *turn {
	k, ok := c.o.keyOf(e)
	if !ok {
		return nil
	}
	i, _ := slices.BinarySearchFunc(c.turns, k, func(t turn, k key) int { return compareKeys(t.key, k) })
	return &c.turns[i]
}

// throttle reports whether a sample passes; else it is held, or superseded already.
func (c *call) throttle(s *state, e *event.Event) bool {
	gap := e.Time.Sub(s.last)
	if s.last.IsZero() || gap.Abs() >= c.o.Throttle || !c.mayHold(s, e) {
		s.last = e.Time
		if s.held != nil && !s.held.Time.After(e.Time) {
			c.drop(s)
			c.stats.Superseded++
		}
		return true
	}
	switch {
	case gap < 0, s.held != nil && s.held.Time.After(e.Time):
		c.stats.Superseded++ // late: a newer one is recorded, or held
	default:
		due := c.now.Add(c.o.Throttle - gap)
		if s.held != nil {
			c.stats.Superseded++
			if s.due.Before(due) { // whatever the publisher's clock says, none is held longer than Throttle
				due = s.due
			}
		}
		c.hold(s, e, due)
	}
	return false
}

// debounce reports whether an event of a lamp passes; else it is held. What was held and has to go before it is appended to out.
func (c *call) debounce(s *state, e *event.Event, out []event.Event) ([]event.Event, bool) {
	change := e.Type != s.typ
	recent := 0
	for _, t := range s.changes {
		if e.Time.Sub(t).Abs() < c.o.Debounce {
			recent++
		}
	}
	var passes bool
	switch {
	case !c.mayHold(s, e):
		passes = true
	case s.held == nil:
		passes = !change || recent < c.o.Changes
	default: // what is held was the last word of an older story, if by its own time the lamp has been calm since
		passes = e.Time.Sub(s.last) >= c.o.Debounce
	}
	if change {
		s.last, s.typ = e.Time, e.Type
		s.changes = append(slices.Clone(s.changes[max(0, len(s.changes)+1-c.o.Changes):]), e.Time)
	}
	if passes {
		if s.held != nil {
			out = append(out, c.release(s))
		}
		return out, true
	}
	switch {
	case s.held == nil:
		s.since, s.due = c.now, c.now.Add(c.o.Debounce)
	case change:
		c.stats.Flapped++
		s.due = c.now.Add(c.o.Debounce)
	default: // the same state again: it is as calm as before
		c.stats.Flapped++
	}
	due := s.due
	if longest := s.since.Add(c.o.Longest); longest.Before(due) {
		due = longest
	}
	c.hold(s, e, due)
	return out, false
}

// mayHold reports whether an event may be held at all.
func (c *call) mayHold(s *state, e *event.Event) bool {
	next := state{held: e}
	return !c.pass && e.Key == "" && next.size()-s.size() <= c.room
}

func (c *call) hold(s *state, e *event.Event, due time.Time) {
	held := *e
	c.room += s.size()
	s.held, s.due = &held, due
	s.n++
	c.room -= s.size()
}

// drop forgets what is held.
func (c *call) drop(s *state) {
	c.room += s.size()
	s.held, s.n = nil, 0
}

// release returns what is held, as it is to be recorded, and holds it no more.
func (c *call) release(s *state) event.Event {
	e := *s.held
	if lamps[e.Type] {
		e.Data = withFlapped(e.Data, s.n)
	} else {
		s.last = e.Time
	}
	c.drop(s)
	c.stats.Released++
	return e
}

// releaseAll releases what is held by all turns.
func (c *call) releaseAll() []event.Event {
	out := make([]event.Event, 0, len(c.turns))
	for i := range c.turns {
		s := &c.turns[i].next
		calm := s.due.Before(s.since.Add(c.o.Longest))
		out = append(out, c.release(s))
		if calm {
			s.changes = nil // the next changes are a new story
		}
	}
	return out
}

// withFlapped returns the data with one member more, the last, which wins over one that the payload may have. Data that is
// as long as data may be stays as it is.
func withFlapped(data []byte, n int) []byte {
	b := make([]byte, 0, len(data)+32)
	b = append(b, data[:len(data)-1]...)
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(b, `"flapped":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, '}')
	if len(b) > event.MaxData {
		return data
	}
	return b
}

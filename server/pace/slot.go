package pace

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A key is what is paced together: the samples of one type of one server, or with an empty type a server's lamp.
type key struct{ server, typ string }

func (k key) lamp() bool { return k.typ == "" }

func compareKeys(a, b key) int {
	return cmp.Or(strings.Compare(a.server, b.server), strings.Compare(a.typ, b.typ))
}

// lamps are the types of the catalogue that say what state a server is in.
var lamps = func() map[string]bool {
	m := make(map[string]bool)
	for _, t := range event.Catalogue() {
		if t.Category == "server" {
			m[t.Name] = true
		}
	}
	return m
}()

// keyOf returns what the event is paced by, and false for one that always passes.
func (o *Options) keyOf(e *event.Event) (key, bool) {
	switch {
	case o.Throttle > 0 && e.Class() == event.Sample:
		return key{e.Server, e.Type}, true
	case o.Debounce > 0 && lamps[e.Type]:
		return key{e.Server, ""}, true
	}
	return key{}, false
}

// A state is what is known of one key. It is a value: a call judges on a copy, which becomes the state when the record has
// taken what passed, and is thrown away when it has not.
type state struct {
	held  *event.Event // not recorded yet; nil: nothing is
	n     int          // how many were held since the last one recorded, held included
	since time.Time    // when the first of these came
	due   time.Time    // when held is to be recorded

	// By the events' own times:
	last    time.Time   // of the last sample recorded, or of the last change of the lamp; zero: none yet
	typ     string      // the lamp's type, recorded or held
	changes []time.Time // the lamp's latest changes, Options.Changes at most; never changed in place
}

// size is what the held event counts for, with what keeping it takes.
func (s *state) size() int {
	if s.held == nil {
		return 0
	}
	return len(s.held.Data) + 256
}

// A slot is the place of one key.
type slot struct {
	key key
	// state belongs to who has taken the slot, and while it is free to Pacer.mu.
	state state

	// Guarded by Pacer.mu.
	taken   bool
	free    chan struct{} // closed when the slot is given back; nil while nobody waits for that
	touched time.Time     // when it was given back
	at      int           // in Pacer.due; -1: not there
}

// A call has taken slots and is working on copies of their states.
type call struct {
	o     *Options
	turns []turn // by key
	room  int    // for what is held
	pass  bool   // nothing may be held
	now   time.Time
	stats Stats
}

type turn struct {
	key  key
	slot *slot // nil: there is no room for the key, so that its events pass
	next state
}

// turns returns one turn for each key of the events, in the order of keys.
func (p *Pacer) turns(events []event.Event) []turn {
	var keys []key
	for i := range events {
		if k, ok := p.o.keyOf(&events[i]); ok && (len(keys) == 0 || keys[len(keys)-1] != k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	keys = slices.Compact(keys)
	turns := make([]turn, len(keys))
	for i, k := range keys {
		turns[i].key = k
	}
	return turns
}

// take waits until the turns' slots are free and takes them, one after the other: all calls do so in the order of keys, so
// none waits in a circle. With ctx's error it has taken none.
func (p *Pacer) take(ctx context.Context, turns []turn) (*call, error) {
	c := &call{o: &p.o, turns: turns}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.now = time.Now()
	for i := range turns {
		t := &turns[i]
		for {
			s := p.slot(t.key, c.now)
			if s == nil {
				break
			}
			if !s.taken {
				t.slot, t.next = s, s.state
				p.seize(s)
				break
			}
			if s.free == nil {
				s.free = make(chan struct{})
			}
			free := s.free
			p.mu.Unlock()
			var err error
			select {
			case <-free:
			case <-ctx.Done():
				err = ctx.Err()
			}
			p.mu.Lock()
			if err != nil {
				for _, t := range turns[:i] {
					p.yield(t.slot)
				}
				return nil, err
			}
			c.now = time.Now()
		}
	}
	c.room, c.pass = p.o.Bytes-p.bytes, p.ended
	return c, nil
}

// takeDue takes the slots whose time has come and which are free; it waits for none.
func (p *Pacer) takeDue(now time.Time) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &call{o: &p.o, now: now}
	for len(p.due) > 0 && len(c.turns) < releaseEvents && !p.due[0].state.due.After(now) {
		s := p.due[0]
		p.seize(s)
		c.turns = append(c.turns, turn{key: s.key, slot: s, next: s.state})
	}
	return c
}

// give gives the slots back, changed if the call was recorded.
func (p *Pacer) give(c *call, recorded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if recorded {
		p.stats.add(c.stats)
	}
	for _, t := range c.turns {
		if recorded && t.slot != nil {
			p.bytes += t.next.size() - t.slot.state.size()
			t.slot.state = t.next
		}
		p.yield(t.slot)
	}
}

// What follows needs Pacer.mu.

func (p *Pacer) seize(s *slot) {
	s.taken = true
	p.taken++
	if s.at >= 0 {
		heap.Remove(&p.due, s.at)
	}
}

func (p *Pacer) yield(s *slot) {
	if s == nil {
		return
	}
	s.taken = false
	p.taken--
	s.touched = time.Now()
	if s.free != nil {
		close(s.free)
		s.free = nil
	}
	if s.state.held != nil {
		heap.Push(&p.due, s)
	}
	if s.at == 0 || p.ended {
		select {
		case p.kick <- struct{}{}:
		default:
		}
	}
}

const (
	firstSweep = 1024
	// A key that was silent for so long is forgotten: its next event is taken for the first.
	forget = 10 * time.Second
)

// slot returns the slot of a key, made if need be; nil when there are too many.
func (p *Pacer) slot(k key, now time.Time) *slot {
	s := p.slots[k]
	if s != nil {
		return s
	}
	if len(p.slots) >= min(p.sweepAt, p.o.Slots) && now.Sub(p.swept) >= time.Second {
		p.sweep(now)
	}
	if len(p.slots) >= p.o.Slots {
		return nil
	}
	k = key{strings.Clone(k.server), strings.Clone(k.typ)} // not to hold on to a request
	s = &slot{key: k, at: -1}
	p.slots[k] = s
	return s
}

func (p *Pacer) sweep(now time.Time) {
	silence := max(forget, p.o.Throttle, p.o.Debounce)
	for k, s := range p.slots {
		if !s.taken && s.state.held == nil && now.Sub(s.touched) > silence {
			delete(p.slots, k)
		}
	}
	p.swept = now
	p.sweepAt = max(firstSweep, 2*len(p.slots))
}

func (p *Pacer) earliest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) == 0 {
		return time.Time{}, false
	}
	return p.due[0].state.due, true
}

// byDue is a heap of slots, the earliest due first.
type byDue []*slot

func (q byDue) Len() int           { return len(q) }
func (q byDue) Less(i, j int) bool { return q[i].state.due.Before(q[j].state.due) }
func (q byDue) Swap(i, j int)      { q[i], q[j] = q[j], q[i]; q[i].at, q[j].at = i, j }
func (q *byDue) Push(s any)        { s.(*slot).at = len(*q); *q = append(*q, s.(*slot)) }
func (q *byDue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	s.at = -1
	return s
}

package feed

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Verdict is what became of an event given to a Sequencer.
type Verdict uint8

const (
	Taken    Verdict = iota // it will come out in its place
	Swapped                 // likewise, and it came after one that belongs behind it
	Repeated                // its place has been passed, or it is held already: dropped
	Foreign                 // of another life of the log: dropped. Reset to take those
)

// Sequencer gives out each event of one log once, in the order of places, whatever order they come in. It has no clock.
//
// A filtered stream has holes in its sequence by design: from the numbers alone nobody can tell an event that is still to
// come from one that never was. So there are two ways out. Flush and Pass are for any stream: what came together is put in
// order, nothing waits, and what comes after a later one is dropped as Repeated. Release and Settle are for a stream
// without holes, where the next number is known: early ones wait in a window for what is missing before them, and where
// that is given up, a stream:gap with the reason "missing" comes out in its place.
//
// The zero Sequencer is ready and takes the epoch of the first event. It must not be used by two goroutines at once.
type Sequencer struct {
	// Window is how many early events Release holds at most; zero means 256. When it is full, what is missing before the
	// oldest is given up.
	Window int

	place event.ID  // given out, or passed, up to here
	held  []held    // after place, rising
	past  [4]uint32 // epochs that were, so that stragglers don't begin them anew
}

type held struct {
	event.Event
	own bool // its Data is a copy
}

// Place returns how far events have been given out or passed; zero before the first.
func (s *Sequencer) Place() event.ID { return s.place }

// Held returns how many events are waiting.
func (s *Sequencer) Held() int { return len(s.held) }

// Reset begins anew after the place, of any epoch: what is held is forgotten, and stragglers of the epoch that was are
// Repeated from now on. The zero place is the beginning of whatever epoch comes next, the same one included.
func (s *Sequencer) Reset(after event.ID) {
	if old := s.epoch(); old != 0 && after.Epoch != 0 && old != after.Epoch {
		copy(s.past[1:], s.past[:])
		s.past[0] = old
	}
	if i := slices.Index(s.past[:], after.Epoch); i >= 0 {
		s.past[i] = 0
	}
	s.place = after
	s.held = s.held[:0]
}

// epoch returns the epoch events are taken of, or zero: of any that is not past.
func (s *Sequencer) epoch() uint32 {
	if s.place.Epoch == 0 && len(s.held) > 0 {
		return s.held[0].ID.Epoch
	}
	return s.place.Epoch
}

// Push takes an event that has a place. What it takes it keeps as it is, Data included, until the next Flush, Release or Own.
func (s *Sequencer) Push(e event.Event) Verdict {
	if slices.Contains(s.past[:], e.ID.Epoch) {
		return Repeated // a zero epoch, which no place has, ends here too
	}
	if epoch := s.epoch(); epoch != 0 && e.ID.Epoch != epoch {
		return Foreign
	}
	if e.ID.Seq <= s.place.Seq {
		return Repeated
	}
	n := len(s.held)
	if n == 0 || s.held[n-1].ID.Seq < e.ID.Seq {
		s.held = append(s.held, held{Event: e})
		return Taken
	}
	i, found := slices.BinarySearchFunc(s.held, e, func(a held, b event.Event) int { return a.ID.Compare(b.ID) })
	if found {
		return Repeated
	}
	s.held = slices.Insert(s.held, i, held{Event: e})
	return Swapped
}

// Flush appends all that is at hand to dst, in order, and returns it.
func (s *Sequencer) Flush(dst []event.Event) []event.Event {
	for _, h := range s.held {
		s.place = h.ID
		dst = append(dst, h.Event)
	}
	s.held = s.held[:0]
	return dst
}

// Pass is Flush, when everything up to the place has been sent: it moves on to there, if that is ahead and of this epoch.
func (s *Sequencer) Pass(dst []event.Event, place event.ID) []event.Event {
	dst = s.Flush(dst)
	if s.ahead(place) {
		s.place = place
	}
	return dst
}

func (s *Sequencer) ahead(place event.ID) bool {
	return (s.place.Epoch == 0 || s.place.Epoch == place.Epoch) && place.Seq > s.place.Seq
}

// Release appends to dst what needs not wait: the events that follow the last one without a hole, and as many more as are
// held beyond the window. What stays held has its Data copied, so that the caller may reuse its memory.
func (s *Sequencer) Release(dst []event.Event) []event.Event {
	window := s.Window
	if window <= 0 {
		window = 256
	}
	return s.release(dst, window)
}

// Settle is Release, when everything up to the place has been sent: nothing is worth waiting for any more.
func (s *Sequencer) Settle(dst []event.Event, place event.ID) []event.Event {
	dst = s.release(dst, 0)
	if s.ahead(place) {
		dst = s.missing(dst, place)
		s.place = place
	}
	return dst
}

func (s *Sequencer) release(dst []event.Event, window int) []event.Event {
	n := 0
	for ; n < len(s.held); n++ {
		e := s.held[n].Event
		if e.ID.Seq != s.place.Seq+1 {
			if len(s.held)-n <= window {
				break
			}
			dst = s.missing(dst, event.ID{Epoch: e.ID.Epoch, Seq: e.ID.Seq - 1})
		}
		s.place = e.ID
		dst = append(dst, e)
	}
	s.held = slices.Delete(s.held, 0, n)
	s.Own()
	return dst
}

// Own makes what is held a copy: the memory it came in may be used again.
func (s *Sequencer) Own() {
	for i := range s.held {
		if h := &s.held[i]; !h.own {
			h.Data, h.own = bytes.Clone(h.Data), true
		}
	}
}

// Forget drops what is held, and returns how many that were. The place stays: they can be pushed again.
func (s *Sequencer) Forget() int {
	n := len(s.held)
	s.held = s.held[:0]
	return n
}

// missing appends the gap from the last place given out up to and including the place.
func (s *Sequencer) missing(dst []event.Event, upto event.ID) []event.Event {
	return append(dst, said(event.StreamGap.Name(), event.Gap{
		Reason: "missing", From: s.place, To: upto, Count: int64(upto.Seq - s.place.Seq),
	}))
}

// said returns an event that the stream itself should have sent.
func said(typ string, payload any) event.Event {
	data, err := json.Marshal(payload)
	if err != nil { // the payloads of the stream's own events always marshal
		panic(err)
	}
	return event.Event{Type: typ, Data: data}
}

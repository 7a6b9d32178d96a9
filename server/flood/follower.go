package flood

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// kind says how a subscriber behaves.
type kind uint8

const (
	regular kind = iota // reads all it can, and comes back where it was when it is cut
	slow                // reads Load.SlowRate bytes a second while the load lasts
	stalled             // reads nothing while the load lasts
	passing             // a storm's: comes and goes
)

// follower is one subscriber, across all its connections, with what it must see next. Its lane's lock guards it.
type follower struct {
	lane  *lane
	topic uint32
	kind  kind
	live  bool // this connection has caught up: what comes now is news
	first bool // this is its first connection

	next  [classes]uint64 // the number to come, by class; 0: whatever comes first is right
	holes []hole
	gaps  []gap // what the server says it left out, as far as numbers may still be passed over for it

	id      [40]byte // the last place seen, as text
	idLen   int
	retry   time.Duration // what the server last asked to wait before coming back
	closing string        // why the server said it ends this connection
	scan    scanner
	now     int64  // when the bytes in hand were read
	last    []byte // the last place seen in the bytes in hand, or nil
}

// hole is a stretch of numbers that were passed over, and not announced.
type hole struct {
	class    event.Class
	from, to uint64 // to is outside
}

// gap is what is left of a stream:gap.
type gap struct {
	from, to event.ID // after from, up to and including to; to zero: no range is known
	class    [classes]bool
}

// tally counts what the followers of a lane have seen.
type tally struct {
	Bytes      uint64 // of streams, as they arrive: behind the HTTP framing, before decompression
	Deliveries uint64 // to regular followers
	Others     uint64 // to all others, pictures and catching up included
	Lost       uint64 // numbers passed over in silence
	Doubled    uint64
	Disordered uint64 // came after a later one
	Thinned    uint64 // numbers passed over that a gap before them covers
	Told       uint64 // events left out, as the server counts them
	Strays     uint64 // events of topics not asked for
	Resets     uint64 // streams told that their place means nothing any more
	Foreign    uint64 // events that are not of this run
	Broken     uint64 // frames that can't be what any server of ours writes
	Latency    histogram
}

func (t *tally) merge(o *tally) {
	t.Bytes += o.Bytes
	t.Deliveries += o.Deliveries
	t.Others += o.Others
	t.Lost += o.Lost
	t.Doubled += o.Doubled
	t.Disordered += o.Disordered
	t.Thinned += o.Thinned
	t.Told += o.Told
	t.Strays += o.Strays
	t.Resets += o.Resets
	t.Foreign += o.Foreign
	t.Broken += o.Broken
	t.Latency.merge(&o.Latency)
}

// begin is called before each connection of the follower.
func (f *follower) begin() {
	f.live = false
	f.closing = ""
	f.scan.held = f.scan.held[:0]
}

// becomeLive is called when what comes is news: at the first heartbeat, or at the head of a stream that has none.
func (f *follower) becomeLive() {
	if !f.live {
		f.live = true
		f.lane.s.live.Add(1)
	}
}

// lastID returns the place to come back with, between pushes; empty when there is none.
func (f *follower) lastID() string { return string(f.id[:f.idLen]) }

// place is the same within a push.
func (f *follower) place() string {
	if f.last != nil {
		return string(f.last)
	}
	return f.lastID()
}

// push takes the next bytes of the stream, read at now on the run's clock.
func (f *follower) push(b []byte, now int64) error {
	f.now, f.last = now, nil
	err := f.scan.push(b, f.frame)
	if id := f.last; id != nil && len(id) <= len(f.id) {
		f.idLen = copy(f.id[:], id)
	}
	if cap(f.scan.held) > 4<<10 && len(f.scan.held) == 0 {
		f.scan.held = nil // thousands of streams wait most of the time
	}
	return err
}

func (f *follower) frame(frame []byte) {
	t := &f.lane.tally
	id := idOf(frame)
	if m, ok := markOf(frame); ok && m.run == f.lane.s.run {
		f.event(m, id)
	} else if name := eventOf(frame); bytes.HasPrefix(name, []byte("stream:")) {
		f.control(string(name), dataOf(frame), id)
	} else if name != nil {
		t.Foreign++
	} else if wait, ok := bytes.CutPrefix(frame, []byte("retry: ")); ok {
		var ms int64
		if json.Unmarshal(wait, &ms) == nil {
			f.retry = time.Duration(ms) * time.Millisecond
		}
	} else if len(frame) > 0 && frame[0] != ':' {
		t.Broken++
	}
	if id == nil {
		return
	}
	f.last = id
	if len(f.scan.held) > 0 && len(id) <= len(f.id) { // the frame stands in the scanner's own buffer, which is used again
		f.idLen, f.last = copy(f.id[:], id), nil
	}
}

// event checks one event of this run against what had to come.
func (f *follower) event(m mark, id []byte) {
	t := &f.lane.tally
	if m.topic != f.topic {
		t.Strays++
		return
	}
	announced := len(f.gaps) > 0 && f.announced(m.class, id)
	next := &f.next[m.class]
	switch {
	case m.n == *next || *next == 0:
		*next = m.n + 1
	case m.n > *next:
		f.jump(m, *next, announced)
		*next = m.n + 1
	case !f.fill(m):
		t.Doubled++
		return
	default:
		if f.kind == regular {
			f.lane.fresh-- // counted when it was passed over
		}
	}
	if f.kind != regular {
		t.Others++
		return
	}
	t.Deliveries++
	t.Latency.add(f.now - m.at)
	f.lane.fresh++
}

// jump counts the numbers from want up to m's as thinned where the server said so, else as lost.
func (f *follower) jump(m mark, want uint64, announced bool) {
	t := &f.lane.tally
	missing := m.n - want
	if f.kind == regular {
		f.lane.fresh += int64(missing) // nobody is to wait for them
	}
	if announced {
		t.Thinned += missing
		return
	}
	t.Lost += missing
	f.holes = append(f.holes, hole{m.class, want, m.n})
	if len(f.holes) > maxHoles {
		f.holes = f.holes[1:]
	}
}

// maxHoles and maxGaps bound what a follower remembers of a server that has gone wrong, or is far too slow.
const (
	maxHoles = 64
	maxGaps  = 64
)

// announced reports whether events of the class that are missing just before an event with that id are announced. A gap
// that lies before the event whole has then done its work. State can't be left out, whatever a gap says.
func (f *follower) announced(class event.Class, id []byte) (yes bool) {
	if class == event.State {
		return false
	}
	place, err := event.ParseID(string(id))
	if err != nil {
		return false
	}
	rest := f.gaps[:0]
	for _, g := range f.gaps {
		if g.class[class] && (g.to.IsZero() || g.from.Compare(place) < 0) {
			yes = true
			g.class[class] = g.to.Compare(place) > 0
		}
		if g.class != [classes]bool{} {
			rest = append(rest, g)
		}
	}
	f.gaps = rest
	return yes
}

// pending reports whether a gap of the class is announced behind the last event.
func (f *follower) pending(class event.Class) bool {
	for _, g := range f.gaps {
		if class != event.State && g.class[class] {
			return true
		}
	}
	return false
}

// fill reports whether an event that comes late was passed over before, and counts it as disordered instead of lost.
func (f *follower) fill(m mark) bool {
	for i, h := range f.holes {
		if h.class != m.class || m.n < h.from || m.n >= h.to {
			continue
		}
		f.holes = append(f.holes[:i], f.holes[i+1:]...)
		if h.from < m.n {
			f.holes = append(f.holes, hole{h.class, h.from, m.n})
		}
		if m.n+1 < h.to {
			f.holes = append(f.holes, hole{h.class, m.n + 1, h.to})
		}
		f.lane.tally.Lost--
		f.lane.tally.Disordered++
		return true
	}
	return false
}

// control takes what the stream says of itself.
func (f *follower) control(name string, data, id []byte) {
	switch name {
	case event.StreamSync.Name():
		var s event.Sync
		if err := json.Unmarshal(data, &s); err != nil {
			f.lane.tally.Broken++
			return
		}
		if s.Mode == event.SyncReset {
			f.lane.tally.Resets++
		}
		// The picture has the newest only: numbers start from what it shows. But a first connection began before all numbers.
		if s.Mode != event.SyncResumed && !f.first {
			f.next = [classes]uint64{}
		}
		f.first = false
	case event.StreamHeartbeat.Name():
		f.becomeLive()
	case event.StreamGap.Name():
		var g event.Gap
		if err := json.Unmarshal(data, &g); err != nil {
			f.lane.tally.Broken++
			return
		}
		f.lane.tally.Told += uint64(max(0, g.Count))
		if last, err := event.ParseID(f.place()); err == nil && !g.To.IsZero() && g.To.Compare(last) <= 0 {
			return // nothing that is still to come can be meant
		}
		left := gap{from: g.From, to: g.To}
		for _, c := range []event.Class{event.Sample, event.Line} {
			left.class[c] = len(g.Classes) == 0 || slices.Contains(g.Classes, c)
		}
		f.gaps = append(f.gaps, left)
		if len(f.gaps) > maxGaps {
			f.gaps = f.gaps[1:]
		}
	case event.StreamClosing.Name():
		var c event.Closing
		if json.Unmarshal(data, &c) == nil {
			f.closing = c.Reason
			f.lane.closings[c.Reason]++
		}
	}
}

// eventOf returns the frame's type, or nil when it has none. Type comes before data.
func eventOf(frame []byte) []byte {
	for len(frame) > 0 {
		line, rest, _ := bytes.Cut(frame, []byte{'\n'})
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			return name
		}
		frame = rest
	}
	return nil
}

// dataOf returns the frame's one line of data.
func dataOf(frame []byte) []byte {
	_, data, _ := bytes.Cut(frame, []byte("\ndata: "))
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	return line
}

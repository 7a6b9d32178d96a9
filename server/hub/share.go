package hub

import (
	"fmt"
	"math/bits"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of what one server has in the picture. It is told by bytes too, as an event may have a quarter of a megabyte and a server
// more than a hundred types: their number alone would let one publisher fill the memory with a few servers.
const (
	// mostShare is what a server may have of states and samples where there are few, and leastShare where there are many.
	mostShare  = 1 << 20
	leastShare = 64 << 10
	// light events are never too many: all types that a server may have of them come to less than leastShare.
	light = 512
)

// weight is what a state or sample counts: about its frame.
func weight(e *event.Event) int { return len(e.Data) + len(e.Type) + 64 }

// share returns how many bytes of states and samples one server may have in the picture now. Of lines it has half as many. It is a power of two, so
// that who tries out how much he may publish does not find out how many servers there are.
func (p *picture) share() int {
	equal := max(1, p.maxBytes/max(1, len(p.servers)))
	return min(mostShare, max(leastShare, 1<<(bits.Len(uint(equal))-1)))
}

// TooMuchError says that a server would have more in the picture than its share.
type TooMuchError struct {
	Index  int // of the event that is too much
	Server string
	Would  int // bytes of states and samples it would have with it
	May    int
}

func (e *TooMuchError) Error() string {
	return fmt.Sprintf("hub: %s would have %d bytes of latest states and samples, and may have %d", e.Server, e.Would, e.May)
}

// Fits returns a *TooMuchError where events that are to be recorded would take more of the picture than their servers may have: an equal share of
// Options.PictureBytes for each, as a power of two, at most 1 MiB and at least 64 KiB. Whoever publishes asks before, as what has been recorded is shown. Events of up to
// half a kilobyte always fit, and so does what is no larger than what it replaces, and lines, of which the picture forgets the oldest. It takes no lock
// where all events are that small. Before Ready only the events themselves are counted.
func (h *Hub) Fits(events []event.Event) error {
	heavy := false
	for i := range events {
		heavy = heavy || len(events[i].Data) > light && events[i].Class() != event.Line
	}
	if !heavy {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := newPicture(0, 0)
	p.maxBytes = h.o.PictureBytes
	if h.life != nil {
		p = h.life.picture
	}
	type having struct {
		bytes int
		types map[string]int // of these events, by type
	}
	all := make(map[string]*having)
	for i := range events {
		e := &events[i]
		if e.Class() == event.Line {
			continue
		}
		s, has := p.servers[e.Server], all[e.Server]
		if has == nil {
			has = &having{types: make(map[string]int)}
			if s != nil {
				has.bytes = s.bytes
			}
			all[e.Server] = has
		}
		old, again := has.types[e.Type]
		if !again && s != nil {
			if t := s.types[e.Type]; t != nil {
				old = t.bytes
			}
		}
		size := weight(e)
		has.bytes += size - old
		has.types[e.Type] = size
		if may := p.share(); len(e.Data) > light && size > old && has.bytes > may {
			return &TooMuchError{Index: i, Server: e.Server, Would: has.bytes, May: may}
		}
	}
	return nil
}

// fewerLines forgets the oldest lines of a server until they come to no more than half its share, but for the one just added.
func (p *picture) fewerLines(s *server) {
	for most := p.share() / 2; s.lineBytes > most; {
		var oldest *latest
		lines := 0
		for _, t := range s.types {
			if !t.line {
				continue
			}
			lines += len(t.events)
			if oldest == nil || t.events[0].event.ID.Seq < oldest.events[0].event.ID.Seq {
				oldest = t
			}
		}
		if lines <= 1 {
			return
		}
		if len(oldest.events) == 1 {
			p.remove(s, oldest)
			continue
		}
		s.lineBytes -= oldest.dropFirst()
	}
}

// remove forgets all of a type of a server.
func (p *picture) remove(s *server, t *latest) {
	p.forgot = max(p.forgot, t.seq())
	if delete(s.types, t.typ); t.given {
		s.given--
	}
	if t.line {
		s.lineBytes -= t.bytes
	} else {
		s.bytes -= t.bytes
	}
}

// dropFirst forgets the oldest event of a type, and returns its size.
func (t *latest) dropFirst() int {
	size := len(t.events[0].frame)
	t.bytes -= size
	t.events[0] = entry{}
	t.events = t.events[1:]
	return size
}

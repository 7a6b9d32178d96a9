package hub

import (
	"bytes"
	"container/list"
	"slices"
	"strings"
	"sync"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of the picture, beside those in Options.
const (
	// perServer is how many of its newest lines each server has in a picture, however much the others talk.
	perServer = 4
	// lineBytes bounds the lines of one type of one server, after perServer of them.
	lineBytes = 64 << 10
)

// Picture is the present state of all that a filter passes: of each server the latest event of each type of the state and
// sample classes, and the newest lines: the newest Options.Lines of all, and of each server at least its newest four, where these
// are not so long that they come to more than half of its share of Options.PictureBytes.
type Picture struct {
	Place  event.ID      // every event up to here is accounted for; zero in an empty log
	Events []event.Event // in order; Data as readers get it, its "id" included; shared: do not change it
	frames [][]byte
}

// AppendFrames appends the events as they stand in a stream.
func (p Picture) AppendFrames(b []byte) []byte {
	for _, f := range p.frames {
		b = append(b, f...)
	}
	return b
}

// An entry is one event of the picture. Both members are never changed and share the frame's memory.
type entry struct {
	event event.Event
	frame []byte
}

// picture folds the record into what newcomers are shown.
//
// Memory: at most maxServers servers (the one longest without an event is forgotten), each with the catalogue's types and
// event.MaxUnknown others (again the one longest silent is forgotten), each of these with one event, or with lines events or
// lineBytes if its class is line; and of a server no more bytes than share.go allows. A chatty server of four log types comes to some 100 KB,
// a quiet one to 2 KB.
type picture struct {
	servers    map[string]*server
	names      sync.Map   // the keys of servers, for who asks without the lock
	byAge      *list.List // of *server, the one longest silent first
	maxServers int
	maxBytes   int // see share
	lines      int
	forgot     uint64 // the newest place of all that was forgotten
}

type server struct {
	id    string
	age   *list.Element
	types map[string]*latest
	given int // types that are not in the catalogue

	bytes, lineBytes int // of states and samples, by weight, and of lines
}

// latest is the newest events of one type of one server, oldest first.
type latest struct {
	typ    string
	line   bool
	given  bool
	events []entry
	bytes  int
}

func (l *latest) seq() uint64 { return l.events[len(l.events)-1].event.ID.Seq }

func newPicture(lines, maxServers int) *picture {
	return &picture{servers: make(map[string]*server), byAge: list.New(), maxServers: maxServers, maxBytes: defaultPictureBytes, lines: lines}
}

// fold takes the next event of the log. The frame is its wire bytes; fold copies it.
func (p *picture) fold(e event.Event, frame []byte) {
	s := p.server(e.Server)
	t := s.types[e.Type]
	if t == nil {
		t = s.add(e, p)
	}
	frame = bytes.Clone(frame)
	head := bytes.Index(frame, dataField) + len(dataField)
	next := entry{frame: frame, event: event.Event{
		ID: e.ID, Type: t.typ, Server: s.id, Time: e.Time, Data: frame[head : len(frame)-len(frameEnd)],
	}}
	if !t.line {
		size := weight(&e)
		s.bytes += size - t.bytes
		t.bytes, t.events = size, append(t.events[:0], next)
		return
	}
	t.events = append(t.events, next)
	t.bytes += len(frame)
	s.lineBytes += len(frame)
	for len(t.events) > p.lines || t.bytes > lineBytes && len(t.events) > perServer {
		s.lineBytes -= t.dropFirst()
	}
	p.fewerLines(s)
}

var dataField = []byte("\ndata: ")

func (p *picture) server(id string) *server {
	s := p.servers[id]
	if s != nil {
		p.byAge.MoveToBack(s.age)
		return s
	}
	if len(p.servers) >= p.maxServers {
		old := p.byAge.Remove(p.byAge.Front()).(*server)
		delete(p.servers, old.id)
		p.names.Delete(old.id)
		for _, t := range old.types {
			p.forgot = max(p.forgot, t.seq())
		}
	}
	s = &server{id: strings.Clone(id), types: make(map[string]*latest)}
	s.age = p.byAge.PushBack(s)
	p.servers[s.id] = s
	p.names.Store(s.id, nil)
	return s
}

func (s *server) add(e event.Event, p *picture) *latest {
	t := &latest{typ: strings.Clone(e.Type), line: e.Class() == event.Line, given: !event.Known(e.Type)}
	if t.given {
		if s.given++; s.given > event.MaxUnknown {
			var oldest *latest
			for _, o := range s.types {
				if o.given && (oldest == nil || o.seq() < oldest.seq()) {
					oldest = o
				}
			}
			p.remove(s, oldest)
		}
	}
	s.types[t.typ] = t
	return t
}

// passed returns the newest place that passes the filter, of what is not forgotten.
func (p *picture) passed(f event.Filter) (place uint64) {
	each := func(s *server) {
		for _, t := range s.types {
			if seq := t.seq(); seq > place && f.MatchType(t.typ) {
				place = seq
			}
		}
	}
	p.each(f, each)
	return place
}

// each calls fn with the servers that could pass the filter.
func (p *picture) each(f event.Filter, fn func(*server)) {
	if named := f.Exact(); named != nil {
		for _, id := range named {
			if s := p.servers[id]; s != nil {
				fn(s)
			}
		}
		return
	}
	for _, s := range p.servers {
		if f.MatchServer(s.id) {
			fn(s)
		}
	}
}

// collect returns what newcomers with the filter are shown, in no order and some of it twice: inOrder mends that, without
// the lock that collect needs.
func (p *picture) collect(f event.Filter) []entry {
	var out []entry
	lines := newest{keep: p.lines}
	each := func(s *server) {
		var own []*entry
		for _, t := range s.types {
			if !f.MatchType(t.typ) {
				continue
			}
			if !t.line {
				out = append(out, t.events[0])
				continue
			}
			lines.add(t.events)
			for i := range t.events[max(0, len(t.events)-perServer):] {
				own = append(own, &t.events[len(t.events)-1-i])
			}
		}
		slices.SortFunc(own, newestFirst)
		for _, e := range own[:min(perServer, len(own))] {
			out = append(out, *e)
		}
	}
	p.each(f, each)
	for _, e := range lines.all() {
		out = append(out, *e)
	}
	return out
}

func inOrder(entries []entry) []entry {
	slices.SortFunc(entries, func(a, b entry) int { return a.event.ID.Compare(b.event.ID) })
	return slices.CompactFunc(entries, func(a, b entry) bool { return a.event.ID == b.event.ID })
}

func newestFirst(a, b *entry) int { return b.event.ID.Compare(a.event.ID) }

// newest keeps the newest of many events. Its floor rises as it fills, so that most of what is old is never looked at.
type newest struct {
	keep  int
	floor uint64 // there are enough events after this place
	list  []*entry
}

func (n *newest) add(events []entry) {
	for i := range slices.Backward(events) {
		if events[i].event.ID.Seq <= n.floor {
			return
		}
		n.list = append(n.list, &events[i])
		if len(n.list) >= 2*n.keep {
			n.all()
		}
	}
}

func (n *newest) all() []*entry {
	slices.SortFunc(n.list, newestFirst)
	if len(n.list) >= n.keep {
		n.list = n.list[:n.keep]
		n.floor = n.list[n.keep-1].event.ID.Seq
	}
	return n.list
}

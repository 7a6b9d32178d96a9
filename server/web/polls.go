package web

import (
	"maps"
	"sync"

	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// polls are the answers under way to those who found no place among the streams. They are short, but for a reader who takes his time:
// so they end with the right to read as streams do. The zero value is ready; its methods may be called at once.
type polls struct {
	mu sync.Mutex
	by map[*stream.Handle]*right
}

func (p *polls) opened(h *stream.Handle, to *right) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = make(map[*stream.Handle]*right)
	}
	p.by[h] = to
}

func (p *polls) ended(h *stream.Handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, h)
}

// endWhere ends those for which the test returns true, with what it returns.
func (p *polls) endWhere(test func(*right) (event.Closing, bool)) {
	p.mu.Lock()
	all := maps.Clone(p.by)
	p.mu.Unlock()
	for h, to := range all {
		if closing, ok := test(to); ok {
			h.End(closing)
		}
	}
}

// openPoll puts into ask what ends the poll of who has this right, and calls done when it is over.
func (s *Server) openPoll(ask *stream.Request, to *right, done func()) {
	var handle *stream.Handle // set before the stream is there, and so before it ends
	ask.Opened = func(h *stream.Handle) {
		if handle = h; to == nil {
			return
		}
		s.polls.opened(h, to)
		if err := s.guard.Still(to.grant); err != nil { // a revocation in between has not seen it
			h.End(closingOf(err))
		}
	}
	ask.Ended = func(stream.Reason) { // a detached answer goes on when its handler has returned
		s.polls.ended(handle)
		done()
	}
}

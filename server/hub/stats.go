package hub

import (
	"sync/atomic"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Stats are counts since the hub was made, for metrics.
type Stats struct {
	Events int64 // handed out, each once, whoever reads it
	Bytes  int64 // their frames
}

type counters struct{ events, bytes atomic.Int64 }

// Place returns how far everything that is recorded has been handed out; zero while the hub is not ready.
func (h *Hub) Place() event.ID {
	h.mu.Lock()
	l := h.life
	h.mu.Unlock()
	if l == nil {
		return event.ID{}
	}
	return l.id(l.place.Load())
}

// Stats returns the counts. They are read one after the other, not both at one moment.
func (h *Hub) Stats() Stats {
	return Stats{Events: h.count.events.Load(), Bytes: h.count.bytes.Load()}
}

package hub

import (
	"sync"

	"github.com/mcp-cloud/telltale/shared/event"
)

// names are the servers of the present picture, or of the last one where there is none at present, and of the one before it, which
// may be nil.
type names struct{ now, before *sync.Map }

// Knows reports whether a server is in the picture, or was in that of the life before: when a record begins anew its servers are no
// strangers. Before Ready nobody can tell, and it says no. It takes no lock and never waits, so that publishers may ask for each of their
// events; of an event that was just recorded it may not have heard yet.
func (h *Hub) Knows(server string) bool {
	n := h.names.Load()
	if n == nil {
		return false
	}
	if _, ok := n.now.Load(server); ok || n.before == nil {
		return ok
	}
	_, ok := n.before.Load(server)
	return ok
}

// Picture returns the present picture of what the filter passes. It is empty, its Place zero, while the hub is not ready.
func (h *Hub) Picture(f event.Filter) Picture {
	entries, place := h.collect(f)
	entries = inOrder(entries)
	p := Picture{Place: place, Events: make([]event.Event, len(entries)), frames: make([][]byte, len(entries))}
	for i, e := range entries {
		p.Events[i], p.frames[i] = e.event, e.frame
	}
	return p
}

func (h *Hub) collect(f event.Filter) ([]entry, event.ID) {
	h.gather.Lock()
	defer h.gather.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.life
	if l == nil {
		return nil, event.ID{}
	}
	return l.picture.collect(f), l.id(l.place.Load())
}

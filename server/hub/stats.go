package hub

import "sync/atomic"

// Stats are counts since the hub was made, for metrics.
type Stats struct {
	Events int64 // handed out, each once, whoever reads it
	Bytes  int64 // their frames
}

type counters struct{ events, bytes atomic.Int64 }

// Stats returns the counts. They are read one after the other, not both at one moment.
func (h *Hub) Stats() Stats {
	return Stats{Events: h.count.events.Load(), Bytes: h.count.bytes.Load()}
}

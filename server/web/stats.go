package web

import (
	"net/http"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/stream"
)

// Stats are what the server has refused since it was made, by HTTP status, for metrics. Streams that were accepted are
// counted by package stream, events by the record.
type Stats struct {
	Streams, Publishing map[int]int64
	Access              map[string]int64 // requests whose token was missing or no good, by code
	Requests            int64            // requests and streams over their user's rate
	Rate                int64            // publishing requests over their token's rate
	Names               int64            // publishing requests with more new servers than their user may bring
	Picture             int64            // publishing requests with more than the picture has room for
	Crowded             int64            // answers for which there was no room, see room
	Limit               limit.Stats      // what the limits of streams have come to
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	return Stats{
		Streams: s.refused.streams.all(), Publishing: s.refused.publishing.all(),
		Access: s.audit.refusals(), Requests: s.asking.Refused() + s.bringing.Refused(), Rate: s.rates.Refused(), Names: s.names.Refused() + s.early.Refused(), Picture: s.grown.Load(), Crowded: s.pages.refused.Load() + s.drawn.refused.Load(), Limit: s.registry.Stats(),
	}
}

// Streams counts what the streams do.
func (s *Server) Streams() stream.Stats { return s.streams.Stats() }

// refusals counts error answers by status.
type refusals struct{ by [600]atomic.Int64 }

func (c *refusals) all() map[int]int64 {
	out := make(map[int]int64)
	for status := range c.by {
		if n := c.by[status].Load(); n > 0 {
			out[status] = n
		}
	}
	return out
}

// counted counts the answers of h that are problems.
func counted(c *refusals, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil && r.Context().Err() == nil {
			if status := problemOf(err).Status; status < len(c.by) {
				c.by[status].Add(1)
			}
		}
		return err
	}
}

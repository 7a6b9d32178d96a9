package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// accepted is the answer to a publisher, once all its events are recorded.
type accepted struct {
	Accepted int       `json:"accepted"`
	Events   []receipt `json:"events"` // one for each event, in the order they came
}

type receipt struct {
	ID       string `json:"id"`                 // the event's place in the record
	Repeated bool   `json:"repeated,omitempty"` // it was there before: its outer "id" has been seen
}

// publish records the events of a body: one object, an array or NDJSON, for the server in the path or, on the path that
// names none, for the "serverId" of each. It answers 202 when they are durable. All of them are recorded or none.
func (s *Server) publish() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.sameOrigin(r); err != nil {
			return err
		}
		server, err := serverOf(r)
		if err != nil {
			return err
		}
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		events, err := parseEvents(body, server, time.Now())
		if err != nil {
			return err
		}
		receipts := []journal.Receipt{}
		if len(events) > 0 {
			if receipts, err = s.log.Append(r.Context(), events); err != nil {
				return appendFailed(r, err)
			}
		}
		out := accepted{Accepted: len(receipts), Events: make([]receipt, len(receipts))}
		for i, rec := range receipts {
			out.Events[i] = receipt{ID: rec.ID.String(), Repeated: rec.Repeated}
		}
		return writeJSON(w, http.StatusAccepted, out)
	}
}

// appendFailed tells a publisher that nothing was recorded and that it may send the same again.
func appendFailed(r *http.Request, err error) error {
	if r.Context().Err() != nil {
		return errClientGone
	}
	p := fail(http.StatusServiceUnavailable, "The events could not be recorded: none of them is. Send them again.")
	p.retryAfter = 2
	return errors.Join(p, err)
}

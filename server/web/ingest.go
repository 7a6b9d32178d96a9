package web

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Publisher takes what is published: a journal.Log, or what stands before one and may hold events back. The Receipt of an event
// that it holds has the zero ID.
type Publisher interface {
	Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error)
}

// accepted is the answer to a publisher, once all its events are recorded, but for those that are held.
type accepted struct {
	Accepted int       `json:"accepted"`
	Events   []receipt `json:"events"` // one for each event, in the order they came
}

type receipt struct {
	ID       string `json:"id,omitempty"`       // the event's place in the record
	Repeated bool   `json:"repeated,omitempty"` // it was there before: its outer "id" has been seen
	// Held: it has no place, as it came too soon after the one before it. Unless a newer one of its kind comes, or has come
	// already, it is recorded in a moment; it is not durable before that. See package pace.
	Held bool `json:"held,omitempty"`
}

// publish records the events of a body: one object, an array or NDJSON, for the server in the path or, on the path that
// names none, for the "serverId" of each. It answers 202 when they are durable, but for those that it says are held. All of them
// are taken or none.
func (s *Server) publish() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		server, err := serverOf(r)
		if err != nil {
			return err
		}
		if see := grantOf(r).See; server != "" && !see.MatchServer(server) {
			return fail(http.StatusForbidden, "This token may not publish events of %s. None was recorded.", server).code("forbidden")
		}
		held := s.bodies.lease(r.Context())
		defer held.end()
		body, err := readBody(w, r, held, s.maxBody)
		if err != nil {
			return err
		}
		if err := s.mayBring(r, len(body)); err != nil {
			return err
		}
		events, err := parseEvents(body, server, time.Now(), s.maxEvent)
		if err != nil {
			return err
		}
		if err := forbidden(r, events, isSingle(body, len(events))); err != nil {
			return err
		}
		if err := s.mayGrow(r, events, isSingle(body, len(events))); err != nil {
			return err
		}
		if err := s.mayName(r, events); err != nil { // before the rate, for what it takes counts for the repeat too, should the rate refuse this one
			return err
		}
		if err := s.mayPublish(r, len(events)); err != nil {
			return err
		}
		if err := s.guard.Still(grantOf(r)); err != nil { // the body may have taken its time
			s.audit.refused(r, err)
			return err
		}
		receipts := []journal.Receipt{}
		if len(events) > 0 {
			if receipts, err = s.publisher.Append(r.Context(), events); err != nil {
				return appendFailed(r, err)
			}
		}
		out := accepted{Accepted: len(receipts), Events: make([]receipt, len(receipts))}
		for i, rec := range receipts {
			if rec.ID.IsZero() {
				out.Events[i].Held = true
				continue
			}
			out.Events[i] = receipt{ID: rec.ID.String(), Repeated: rec.Repeated}
		}
		return writeJSON(w, http.StatusAccepted, out)
	}
}

// appendFailed tells a publisher that nothing was recorded and that it may send the same again; or that it is open whether it was.
func appendFailed(r *http.Request, err error) error {
	if r.Context().Err() != nil && !errors.Is(err, journal.ErrUnsettled) {
		return errClientGone
	}
	p := fail(http.StatusServiceUnavailable, "The events could not be recorded: none of them is. Send them again.")
	switch {
	case errors.Is(err, journal.ErrUnsettled):
		p = problemOf(journal.ErrUnsettled)
	case errors.Is(err, syscall.ENOSPC):
		p = fail(http.StatusServiceUnavailable, "The disk that holds the record is full: none of the events is recorded. Send them again when there is room.").code("full")
	}
	p.retryAfter = 2
	return errors.Join(p, err)
}

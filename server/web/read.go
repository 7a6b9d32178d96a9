package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Headers that say of an NDJSON page what the JSON form says beside its events.
const (
	headerNext    = "Telltale-Next"    // the place to go on from
	headerMore    = "Telltale-More"    // "true" or "false": more is recorded already
	headerMissing = "Telltale-Missing" // "from to": the stretch retention has taken out, where there is one
)

// page is a stretch of the record, as a reader gets it who asks for JSON.
type page struct {
	Events []entry `json:"events"` // oldest first
	// Next is the place to ask for as "after" to go on. It is missing only while the record has never held an event.
	Next    event.ID `json:"next,omitzero"`
	More    bool     `json:"more"`              // there is more after Next already
	Missing *missing `json:"missing,omitempty"` // what is no longer held of what was asked for
}

// entry is one event with what a frame of the stream says of it.
type entry struct {
	ID    event.ID        `json:"id,omitzero"` // its place
	Event string          `json:"event"`       // its type
	Data  json.RawMessage `json:"data"`
}

// missing is a stretch that retention has trimmed: events of some classes, after From up to and including To.
type missing struct {
	From    event.ID      `json:"from,omitzero"` // missing: from the beginning
	To      event.ID      `json:"to"`
	Classes []event.Class `json:"classes"`
}

func entryOf(e event.Event) entry {
	return entry{ID: e.ID, Event: e.Type, Data: event.AppendJSON(nil, e)}
}

// read answers once with recorded events between two places ("after", "before"), or two times ("from", "to"), oldest first and
// at most "limit" of them; "every" thins samples out. It is for those who poll, who read back what a stream had to leave
// out, who draw the last minutes, and who have jq.
func (s *Server) read(media string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		ask, err := queryOf(r, q)
		if err != nil {
			return err
		}
		from, err := timeOf(q, "from")
		if err != nil {
			return err
		}
		to, err := timeOf(q, "to")
		if err != nil {
			return err
		}
		every, err := everyOf(q)
		if err != nil {
			return err
		}
		if err := s.between(r.Context(), &ask, from, to); err != nil {
			return fmt.Errorf("web: read: %w", err)
		}
		var got journal.Page
		if every > 0 {
			got, err = s.thinned(r.Context(), ask, every)
		} else {
			got, err = s.log.Read(r.Context(), ask)
		}
		if err != nil {
			return fmt.Errorf("web: read: %w", err)
		}
		w.Header().Add("Vary", "Accept")
		if media == mediaNDJSON {
			return writeLines(w, r, got)
		}
		out := page{Events: make([]entry, len(got.Events)), Next: got.Next, More: got.More}
		for i, e := range got.Events {
			out.Events[i] = entryOf(e)
		}
		if t := got.Trimmed; !t.IsZero() {
			out.Missing = &missing{t.From, t.To, t.Classes}
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

func queryOf(r *http.Request, q url.Values) (ask journal.Query, err error) {
	ask.AcrossTrimmed = true
	if ask.Filter, err = filterOf(r, q); err != nil {
		return ask, err
	}
	if ask.After, err = placeOf(q, "after"); err != nil {
		return ask, err
	}
	if ask.Before, err = placeOf(q, "before"); err != nil {
		return ask, err
	}
	ask.Limit, err = numberOf(q, "limit")
	return ask, err
}

// writeLines answers with one entry a line; where to go on is in the headers, and in Link as the next URL itself.
func writeLines(w http.ResponseWriter, r *http.Request, got journal.Page) error {
	h := w.Header()
	h.Set("Content-Type", mediaNDJSON)
	h.Set("Cache-Control", "no-store")
	h.Set(headerMore, strconv.FormatBool(got.More))
	if !got.Next.IsZero() {
		h.Set(headerNext, got.Next.String())
		next := *r.URL
		q, err := query(r)
		if err != nil {
			return err
		}
		q.Set("after", got.Next.String())
		next.RawQuery = q.Encode()
		h.Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
	}
	if t := got.Trimmed; !t.IsZero() {
		h.Set(headerMissing, t.From.String()+" "+t.To.String())
	}
	var b []byte
	for _, e := range got.Events {
		b = event.AppendLine(b, e)
	}
	_, _ = w.Write(b)
	return nil
}

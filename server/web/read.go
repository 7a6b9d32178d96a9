package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Headers that say of an NDJSON page what the JSON form says beside its events.
const (
	headerNext    = "Telltale-Next"    // the place to go on from
	headerMore    = "Telltale-More"    // "true" or "false": more is recorded already
	headerMissing = "Telltale-Missing" // "from to": the stretch retention has taken out, where there is one; "from" alone for who may not see everything
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
	To      event.ID      `json:"to,omitzero"`   // missing: for who may not see everything; it ends before the first event of the answer
	Classes []event.Class `json:"classes"`
}

func entryOf(e event.Event) entry {
	return entry{ID: e.ID, Event: e.Type, Data: event.AppendJSON(nil, e)}
}

// read answers once with recorded events between two places ("after", "before"), or two times of recording ("from", "to"), oldest
// first and at most "limit" of them; "every" thins samples out. It is for those who poll, who read back what a stream had to leave
// out, who draw the last minutes, and who have jq.
func (s *Server) read(media string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		ask, err := s.queryOf(r, q)
		if err != nil {
			return err
		}
		see, came := grantOf(r).See, ask.After
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
		if ask.Filter.IsNone() { // no record is read to find out that there is nothing
			from, to = time.Time{}, time.Time{}
		}
		leave, err := s.turn(r)
		if err != nil {
			return err
		}
		defer leave()
		if err := s.between(r.Context(), &ask, from, to); err != nil {
			return fmt.Errorf("web: read: %w", err)
		}
		read := reader(s.log.Read)
		if !see.IsZero() {
			read = func(ctx context.Context, ask journal.Query) (journal.Page, error) {
				got, err := s.readVeiled(ctx, ask, came, see)
				came = got.Next
				return got, err
			}
		}
		var got journal.Page
		if every > 0 {
			got, err = thinned(r.Context(), read, ask, every)
		} else {
			got, err = read(r.Context(), ask)
		}
		if err != nil {
			return fmt.Errorf("web: read: %w", err)
		}
		w.Header().Add("Vary", "Accept")
		if media == mediaNDJSON {
			lines, err := linesOf(w, r, got)
			if err != nil {
				return err
			}
			return s.send(w, r, lines, "limit=", leave)
		}
		out := page{Events: make([]entry, len(got.Events)), Next: got.Next, More: got.More}
		for i, e := range got.Events {
			out.Events[i] = entryOf(e)
		}
		if t := got.Trimmed; len(t.Classes) > 0 {
			out.Missing = &missing{t.From, t.To, t.Classes}
		}
		b, err := json.Marshal(out)
		if err != nil {
			return fmt.Errorf("web: encode answer: %w", err)
		}
		w.Header().Set("Content-Type", mediaJSON)
		w.Header().Set("Cache-Control", "no-store")
		return s.send(w, r, append(b, '\n'), "limit=", leave)
	}
}

func (s *Server) queryOf(r *http.Request, q url.Values) (ask journal.Query, err error) {
	ask.AcrossTrimmed = true
	if ask.Filter, err = s.filterOf(r, q); err != nil {
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

// linesOf returns one entry a line; where to go on is in the headers, and in Link as the next URL itself.
func linesOf(w http.ResponseWriter, r *http.Request, got journal.Page) ([]byte, error) {
	h := w.Header()
	h.Set("Content-Type", mediaNDJSON)
	h.Set("Cache-Control", "no-store")
	h.Set(headerMore, strconv.FormatBool(got.More))
	if !got.Next.IsZero() {
		h.Set(headerNext, got.Next.String())
		next := *r.URL
		q, err := query(r)
		if err != nil {
			return nil, err
		}
		q.Set("after", got.Next.String())
		next.RawQuery = q.Encode()
		h.Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
	}
	if t := got.Trimmed; len(t.Classes) > 0 {
		from, to := "", ""
		if !t.From.IsZero() {
			from = t.From.String()
		}
		if !t.To.IsZero() {
			to = " " + t.To.String()
		}
		h.Set(headerMissing, from+to)
	}
	var b []byte
	for _, e := range got.Events {
		b = event.AppendLine(b, e)
	}
	return b, nil
}

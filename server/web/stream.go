package web

import (
	"net/http"
	"net/url"

	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// lastEventID returns the place to resume after. The header wins over the query: an EventSource that reconnects sends the
// header, and the URL it was made with. A header that is no place of ours is the browser's own, so nobody could mend it, and any
// answer but a stream would stop an EventSource for good: it is foreign. A parameter that is none is a mistake its author can mend.
func lastEventID(r *http.Request, q url.Values) (after event.ID, foreign bool, err error) {
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		after, err := event.ParseID(text)
		return after, err != nil, nil
	}
	after, err = placeOf(q, "lastEventId")
	return after, false, err
}

// stream answers with the events of a filter: see [stream.Server.Serve]. With "rate" it sends fewer samples: see [rateOf].
func (s *Server) stream() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		var ask stream.Request
		if ask.Filter, err = s.filterOf(r, q); err != nil {
			return err
		}
		if ask.Every, err = rateOf(q); err != nil {
			return err
		}
		if ask.After, ask.Foreign, err = lastEventID(r, q); err != nil {
			return err
		}
		ask.Gzip = accepts(r.Header.Values("Accept-Encoding"), "gzip")
		w.Header().Add("Vary", "Accept")
		if r.Method == http.MethodHead {
			s.streams.SetHeader(w.Header(), ask)
			return nil
		}
		done, err := s.openStream(r, &ask)
		if err != nil {
			return err
		}
		defer done()
		s.streams.Serve(w, r, ask)
		return nil
	}
}

package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"github.com/mcp-cloud/telltale/shared/event"
)

// servers answers with every server and its current picture: the state, the samples and the newest lines that a new
// stream would begin with.
func (s *Server) servers() handler {
	type server struct {
		ID string `json:"id"`
		// Status is the newest "server:…" event, its fields flat beside "event", its type.
		Status json.RawMessage `json:"status,omitempty"`
		Events []entry         `json:"events"` // in order, Status among them
	}
	type answer struct {
		Place   event.ID  `json:"place,omitzero"` // what this is true for: a stream that resumes here misses nothing
		Servers []*server `json:"servers"`        // in the order in which they are first heard of in it
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.whenReady(); err != nil {
			return err
		}
		q, err := query(r)
		if err != nil {
			return err
		}
		filter, err := s.filterOf(r, q)
		if err != nil {
			return err
		}
		leave, err := s.turn(r)
		if err != nil {
			return err
		}
		defer leave()
		picture := s.picture(filter, grantOf(r).See)
		out := answer{Place: picture.Place, Servers: []*server{}}
		byID := make(map[string]*server)
		for _, e := range picture.Events {
			it := byID[e.Server]
			if it == nil {
				it = &server{ID: e.Server}
				byID[e.Server] = it
				out.Servers = append(out.Servers, it)
			}
			it.Events = append(it.Events, entryOf(e))
			if strings.HasPrefix(e.Type, "server:") {
				it.Status = withType(e)
			}
		}
		b, err := json.Marshal(out)
		if err != nil {
			return fmt.Errorf("web: encode answer: %w", err)
		}
		w.Header().Set("Content-Type", mediaJSON)
		w.Header().Set("Cache-Control", "no-store")
		return s.send(w, r, append(b, '\n'), "servers=", leave)
	}
}

// withType returns an event's data with its type as "event" before the other fields.
func withType(e event.Event) json.RawMessage {
	b := append([]byte(`{"event":"`), e.Type...)
	b = append(b, '"')
	data := event.AppendJSON(nil, e)
	if len(data) > 2 {
		b = append(b, ',')
	}
	return append(b, data[1:]...)
}

// types answers with the catalogue.
func (s *Server) types() handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, map[string]any{"common": event.CommonFields(), "types": event.Catalogue()})
	}
}

// versions answers with what is running here.
func (s *Server) versions() handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, map[string]string{"version": s.version, "app": s.app.version(), "go": runtime.Version()})
	}
}

// alive answers as long as the process does.
func (s *Server) alive() handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}
}

// robots asks search engines to stay away: what is shown here is nobody's but the reader's.
func (s *Server) robots() handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
		return nil
	}
}

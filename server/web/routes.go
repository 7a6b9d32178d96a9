package web

import (
	"net/http"

	"github.com/gorilla/mux"
)

// routes lists every URL.
func (s *Server) routes() http.Handler {
	r := mux.NewRouter().SkipClean(true) // no redirects: an address is right or it is not
	at := func(path string, m methods) { r.Handle(path, m) }
	get := func(h handler) methods { return methods{http.MethodGet: s.answer(h)} }
	loud := func(m methods) methods { // as get, and its answers are observed
		for method, h := range m {
			m[method] = s.observed(compressed(h))
		}
		return m
	}

	// Events: read as a stream, or once as JSON or NDJSON, by Accept; publish with POST.
	events := methods{http.MethodGet: s.events(), http.MethodPost: s.answer(counted(&s.refused.publishing, s.publish()))}
	r.Handle("/api/servers/{id}/events", readable(events))
	r.Handle("/api/events", readable(events))

	// What there is.
	r.Handle("/api/servers", readable(loud(get(s.servers()))))
	r.Handle("/api/events/types", readable(loud(get(s.types()))))
	r.Handle("/api/version", readable(loud(get(s.versions()))))
	at("/healthz", get(s.alive()))
	at("/readyz", get(s.ready()))

	// The app: its pages, and what they load.
	for _, path := range []string{"/", "/servers/{id}", "/events", "/events/{type}"} { // as ui.Routes has them
		at(path, loud(get(s.app.page())))
	}
	for _, path := range []string{"/app.js", "/app.css", "/wasm_exec.js", "/app-worker.js", "/manifest.webmanifest"} {
		at(path, get(s.app.shell()))
	}
	at(filesAt+"{name}", get(s.app.file()))
	at("/favicon.ico", get(s.app.fixed("icon-192.png")))
	at("/robots.txt", get(s.robots()))

	r.NotFoundHandler = s.observed(s.answer(notFound))
	return s.recovered(s.guarded(r))
}

// events chooses by what the client accepts; who accepts anything gets the stream.
func (s *Server) events() http.Handler {
	stream, once := s.answer(counted(&s.refused.streams, s.stream())), map[string]http.Handler{}
	for _, media := range []string{mediaJSON, mediaNDJSON} {
		once[media] = compressed(s.answer(s.read(media)))
	}
	other := s.answer(func(http.ResponseWriter, *http.Request) error {
		return fail(http.StatusNotAcceptable, "Accept text/event-stream for the stream, application/json or application/x-ndjson for recorded events.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch media := negotiate(r.Header.Values("Accept"), mediaStream, mediaJSON, mediaNDJSON); media {
		case mediaStream:
			stream.ServeHTTP(w, r)
		case "":
			other.ServeHTTP(w, r)
		default:
			once[media].ServeHTTP(w, r)
		}
	})
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return fail(http.StatusNotFound, "There is nothing at %.200q. The events are at /api/events, the app at /.", r.URL.Path)
}

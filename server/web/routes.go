package web

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/mcp-cloud/telltale/server/auth"
)

// Who a route is for.
const (
	forAnybody = "anybody"
	forReaders = "readers" // who may read; others are sent to sign in
	forKnown   = "known"   // who has a token, whatever its scope
	forScope   = "scope "  // who has a token with the scope that follows
)

// A route is one line of what routes lists, for the test that walks them all.
type route struct{ method, path, who string }

// routes lists every URL.
func (s *Server) routes() http.Handler {
	r := mux.NewRouter().SkipClean(true) // no redirects: an address is right or it is not
	note := func(path, method, who string) { s.listed = append(s.listed, route{method, path, who}) }

	// at is for everybody.
	at := func(path string, m methods) {
		for method := range m {
			note(path, method, forAnybody)
		}
		r.Handle(path, named(path, m))
	}
	// page is for who may read, and sends others to sign in.
	page := func(path string, h handler) {
		note(path, http.MethodGet, forReaders)
		r.Handle(path, named(path, methods{http.MethodGet: s.observed(s.readers(impatient(compressed(s.answer(s.roomy(h))), pieceTime)))}))
	}
	// api is for who has a token with the scope; zero is any. Its answers are observed unless it is quiet, see observed.
	type call struct {
		need auth.Scope
		h    http.Handler
	}
	type calls map[string]call
	const quiet, seen = false, true
	api := func(path string, observe bool, m calls) {
		by := make(methods)
		for method, c := range m {
			who := forKnown
			if c.need != 0 {
				who = forScope + c.need.String()
			}
			note(path, method, who)
			if by[method] = s.may(c.need, c.h); observe {
				by[method] = s.observed(impatient(compressed(by[method]), pieceTime))
			}
		}
		r.Handle(path, named(path, s.shared(by)))
	}
	get := func(h handler) methods { return methods{http.MethodGet: s.answer(h)} }
	loud := func(m methods) methods {
		for method, h := range m {
			m[method] = s.observed(compressed(h))
		}
		return m
	}

	// Events: read as a stream, or once as JSON or NDJSON, by Accept; publish with POST.
	for _, path := range []string{"/api/servers/{id}/events", "/api/events"} {
		api(path, quiet, calls{
			http.MethodGet:  {auth.Subscribe, s.events()},
			http.MethodPost: {auth.Publish, s.answer(counted(&s.refused.publishing, s.forgiving(s.publish())))},
		})
	}

	// What samples came to. Quiet: charts ask for it again and again.
	api("/api/servers/{id}/history", quiet, calls{http.MethodGet: {auth.Subscribe, impatient(compressed(s.answer(s.history())), pieceTime)}})

	// What there is.
	api("/api/servers", seen, calls{http.MethodGet: {auth.Subscribe, s.answer(s.servers())}})
	api("/api/events/types", seen, calls{http.MethodGet: {auth.Subscribe, s.answer(s.types())}})
	api("/api/cluster", seen, calls{http.MethodGet: {auth.Subscribe, s.answer(s.instances())}})
	api("/api/version", seen, calls{http.MethodGet: {0, s.answer(s.versions())}})
	at("/healthz", get(s.alive()))
	at("/readyz", get(s.ready()))

	// Who is asking, and what he has open.
	api("/api/me", seen, calls{http.MethodGet: {0, s.answer(s.whoami())}})
	api("/api/sessions", seen, calls{http.MethodGet: {auth.Subscribe, s.answer(s.listSessions())}})
	api("/api/sessions/{session}", seen, calls{http.MethodDelete: {auth.Subscribe, s.answer(s.endOneSession())}})
	api("/api/tickets", seen, calls{http.MethodPost: {auth.Subscribe, s.answer(s.ticket())}})
	api("/api/admin/revoke", seen, calls{
		http.MethodGet:    {auth.Admin, s.answer(s.revocations())},
		http.MethodPost:   {auth.Admin, s.answer(s.revoke())},
		http.MethodDelete: {auth.Admin, s.answer(s.lift())},
	})
	at("/signin", loud(methods{http.MethodGet: s.answer(s.signIn()), http.MethodPost: s.answer(s.takeSignIn())}))
	at("/signout", loud(methods{http.MethodPost: s.answer(s.signOut())}))

	// The app: its pages, and what they load.
	for _, path := range []string{"/", "/deployments", "/servers/{id}", "/log", "/events", "/events/{type}", "/access", "/cluster"} { // as ui.Routes has them
		page(path, s.app.page())
	}
	for _, path := range []string{"/app.js", "/app.css", "/wasm_exec.js", "/app-worker.js"} {
		at(path, get(s.app.shell()))
	}
	at("/manifest.webmanifest", get(s.app.serveManifest()))
	at(filesAt+"{name}", get(s.app.file()))
	at("/favicon.ico", get(s.app.fixed("icon-192.png")))
	at("/robots.txt", get(s.robots()))

	r.NotFoundHandler = s.observed(s.answer(s.app.notFound))
	s.router = r
	return s.recovered(s.guarded(r))
}

// events chooses by what the client accepts; who accepts anything gets the stream.
func (s *Server) events() http.Handler {
	stream, once := s.answer(counted(&s.refused.streams, s.stream())), map[string]http.Handler{}
	for _, media := range []string{mediaJSON, mediaNDJSON} {
		once[media] = impatient(compressed(s.answer(s.read(media))), pieceTime)
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

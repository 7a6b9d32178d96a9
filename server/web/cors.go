package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/handlers"
)

// headersIn and headersOut are what pages of other origins may send and read beside what they always may.
var (
	headersIn  = []string{"Authorization", "Content-Type", "Content-Encoding", "Last-Event-ID", "Cache-Control"}
	headersOut = []string{"Link", headerNext, headerMore, headerMissing, "Retry-After", "WWW-Authenticate"}
)

// shared lets pages of other origins use the API: those of Access.Origins all of it, with the session of whoever has one here, as this
// server's own pages do. In a server that is open to everybody on this machine also pages of this machine's other ports, to read and without
// a session. Others get no such leave, so their browsers keep what we answer from them.
func (s *Server) shared(next http.Handler) http.Handler {
	common := []handlers.CORSOption{
		handlers.AllowedHeaders(headersIn), handlers.ExposedHeaders(headersOut), handlers.MaxAge(600), handlers.OptionStatusCode(http.StatusNoContent),
	}
	friends := handlers.CORS(append(common, handlers.AllowedOriginValidator(s.friend), handlers.AllowCredentials(),
		handlers.AllowedMethods([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete}))...)(next)
	local := handlers.CORS(append(common, handlers.AllowedOriginValidator(loopbackOrigin),
		handlers.AllowedMethods([]string{http.MethodGet, http.MethodHead}))...)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		to := next
		switch {
		case origin == "" || r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == "":
		case s.friend(origin):
			to = friends
		case s.guard.Open() && loopbackOrigin(origin):
			to = local
		}
		to.ServeHTTP(w, r)
	})
}

// friend reports whether pages of an origin may use the API as our own do.
func (s *Server) friend(origin string) bool { return slices.Contains(s.access.Origins, origin) }

func loopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && loopbackHost(u.Host)
}

// CheckOrigin returns an error unless text is an origin as browsers write one: "https://dash.example", with a port where it is not
// the usual one.
func CheckOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || text != u.Scheme+"://"+u.Host {
		return fail(http.StatusBadRequest, `%.100q is not an origin: want "https://dash.example", without a path, and never "*"`, text).plain()
	}
	return nil
}

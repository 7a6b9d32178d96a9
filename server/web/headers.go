package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// What browsers may do with our pages. Scripts and styles come from here and nowhere else, none stands in a page itself, but that the app
// sets style attributes; Wasm may be compiled; nothing is loaded from elsewhere, nobody frames us, and forms lead here.
const pagePolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// otherPolicy is that of answers that are no pages: opened as one, they may do nothing.
const otherPolicy = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// abilities are what pages here, and what they frame, are never to ask for.
const abilities = "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), " +
	"midi=(), payment=(), usb=(), screen-wake-lock=(), xr-spatial-tracking=()"

// guarded puts on every answer what browsers should know, takes from the request what is secret, and lets through what this server may
// be asked.
//
// Where everybody on this machine may do everything, the Host of a request must be a name of this machine: a page of another site can
// make its own name point to 127.0.0.1, and would then read us as its own (DNS rebinding), but it can't choose what the
// browser writes there. Where tokens are asked for such a page has none, and the Host is checked only if names were configured.
//
// What changes something must not come from a page of another site, whatever it carries: programs send none of the headers that tell, and pass.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", otherPolicy)
		h.Set("Permissions-Policy", abilities)
		if r.TLS != nil && !loopbackHost(r.Host) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if err := bounded(r); err != nil {
			writeProblem(w, problemOf(err).with("Connection", "close"))
			return
		}
		if err := s.ourHost(r); err != nil {
			writeProblem(w, problemOf(err))
			return
		}
		r = s.arrive(r)
		if err := s.sameOrigin(r); err != nil {
			writeProblem(w, problemOf(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ourHost returns an error for a Host that is none of ours. Who asks for the health of a server behind others asks it by its address.
func (s *Server) ourHost(r *http.Request) error {
	host := r.Host
	switch {
	case !s.guard.Open() && (r.URL.Path == "/healthz" || r.URL.Path == "/readyz"):
	case s.guard.Open() && !loopbackHost(host):
		return fail(http.StatusMisdirectedRequest,
			"This server answers to this machine's own names only, not to %.80q: use http://localhost or http://127.0.0.1 with its port.", host)
	case !s.guard.Open() && len(s.access.Hosts) > 0 && !slices.Contains(s.access.Hosts, hostName(host)) && !loopbackHost(host):
		return fail(http.StatusMisdirectedRequest, "This server does not answer to %.80q: use the address it is known by.", host)
	}
	return nil
}

// hostName returns a Host header without port, brackets and closing dot, in small letters.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// loopbackHost reports whether a Host header, with or without port, names this machine by a name nobody else can point
// here: "localhost", a name below it, or a loopback address.
func loopbackHost(host string) bool {
	host = hostName(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// sameOrigin refuses what a page of another origin has its reader's browser send.
func (s *Server) sameOrigin(r *http.Request) error {
	if err := s.crossOrigin.Check(r); err != nil {
		return fail(http.StatusForbidden, "A page of another origin may not write here (%v): send it from a program, or from a page of this server.", err).code("crossOrigin")
	}
	return nil
}

// routeOf names the route of a request by its pattern, in which nobody's names stand: "/servers/{id}".
func routeOf(r *http.Request) string {
	if p, ok := r.Context().Value(routeKey{}).(string); ok {
		return p
	}
	return "(none)"
}

type routeKey struct{}

// named lets routeOf know the route.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), routeKey{}, pattern)))
	})
}

package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/handlers"
)

// recovered turns a panic into a 500, and into a line of our log with its stack, where the answer has not begun. One that
// has begun is cut off, so that nobody takes half of it for the whole.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mark := &begun{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.logger.Error("panic in a request", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if mark.yes {
				panic(http.ErrAbortHandler)
			}
			writeProblem(w, problemOf(fmt.Errorf("panic: %v", v)))
		}()
		next.ServeHTTP(mark, r)
	})
}

// begun remembers whether an answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) WriteHeader(status int) {
	b.yes = b.yes || status >= 200
	b.ResponseWriter.WriteHeader(status)
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// observed tells of each answer of next: to our log at level debug, and to Config.Observe. Publishing, streams, the events
// read back, files and health checks are not wrapped in it: somebody who follows the log would otherwise see his own
// looking, and looking would make more to look at.
func (s *Server) observed(next http.Handler) http.Handler {
	return handlers.CustomLoggingHandler(io.Discard, next, func(_ io.Writer, p handlers.LogFormatterParams) {
		took := time.Since(p.TimeStamp)
		s.logger.Debug("request", "method", p.Request.Method, "path", p.URL.Path, "status", p.StatusCode, "bytes", p.Size, "took", took)
		if s.observe != nil {
			s.observe(p.Request.Method, p.URL.Path, p.StatusCode, took)
		}
	})
}

// guarded lets through what a loopback server may be asked, and puts on every answer what browsers should know.
//
// The Host of a request must be a name of this machine: a page of another site can make its own name point to 127.0.0.1,
// and would then read us as its own (DNS rebinding), but it can't choose what the browser writes there.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if !loopbackHost(r.Host) {
			writeProblem(w, fail(http.StatusMisdirectedRequest,
				"This server answers to this machine's own names only, not to %.80q: use http://localhost or http://127.0.0.1 with its port.", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackHost reports whether a Host header, with or without port, names this machine by a name nobody else can point
// here: "localhost", a name below it, or a loopback address.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// CheckListen returns an error unless an address to listen on, "host:port", is a loopback one. What this server shows and
// takes is open to everybody who reaches it, so it must not be reached from outside.
func CheckListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf(`%q is not an address to listen on: want "127.0.0.1:8080", or port 0 for any that is free`, address)
	}
	if host == "localhost" {
		return nil
	}
	addr, err := netip.ParseAddr(host)
	if err == nil && addr.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("will not listen on %q: this server has no access control yet, so whoever reaches it may read and publish everything. "+
		"Listen on 127.0.0.1 or [::1], and reach it from elsewhere through a tunnel such as ssh -L", address)
}

// readable lets pages of this machine's other origins, such as a dashboard on another port of localhost, read the events.
// Other sites get no such leave, so their browsers keep what we answer from them.
func readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" && loopbackOrigin(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Link, "+headerNext+", "+headerMore+", "+headerMissing)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == http.MethodGet {
				h.Set("Access-Control-Allow-Methods", "GET, HEAD")
				h.Set("Access-Control-Allow-Headers", "Last-Event-ID, Cache-Control")
				h.Set("Access-Control-Max-Age", "600")
			}
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && loopbackHost(u.Host)
}

// sameOrigin refuses what a page of another origin has its reader's browser send. Programs send no such headers and pass.
func (s *Server) sameOrigin(r *http.Request) error {
	if err := s.crossOrigin.Check(r); err != nil {
		return fail(http.StatusForbidden, "A page of another origin may not publish here (%v): publish from a program, or from a page of this server.", err)
	}
	return nil
}

// methods answers a URL by method. HEAD is GET without its body, OPTIONS names what there is, and the rest is a 405.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		h.ServeHTTP(w, r)
		return
	}
	allow := m.allow()
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeProblem(w, fail(http.StatusMethodNotAllowed, "%.20s is not for this URL: use %s.", r.Method, allow).with("Allow", allow))
}

func (m methods) allow() string {
	allow := make([]string, 0, 4)
	if m[http.MethodGet] != nil {
		allow = append(allow, http.MethodGet, http.MethodHead)
	}
	allow = append(allow, http.MethodOptions)
	if m[http.MethodPost] != nil {
		allow = append(allow, http.MethodPost)
	}
	return strings.Join(allow, ", ")
}

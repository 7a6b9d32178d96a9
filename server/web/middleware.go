package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
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
			s.failures().Error("panic in a request", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
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
		path := p.URL.Path
		if !s.guard.Open() { // who may see this machine may not therefore know which servers there are, and who looks at them
			path = routeOf(p.Request)
		}
		s.logger.Debug("request", "method", p.Request.Method, "path", path, "status", p.StatusCode, "bytes", p.Size, "took", took)
		if s.observe != nil {
			s.observe(p.Request.Method, path, p.StatusCode, took)
		}
	})
}

// CheckListen returns an error unless an address to listen on, "host:port", can be one. Where nobody is asked for a token it must be a
// loopback one: what this server shows and takes is then open to everybody who reaches it.
func CheckListen(address string, tokens bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf(`%q is not an address to listen on: want "127.0.0.1:8080", or port 0 for any that is free`, address)
	}
	if tokens || Loopback(address) {
		return nil
	}
	return fmt.Errorf("will not listen on %q, %w", host, ErrOpen)
}

// ErrOpen is wrapped by the error of CheckListen for an address that only a server may listen on that asks for tokens.
var ErrOpen = errors.New("as whoever reaches it may read and publish everything")

// Loopback reports whether only this machine reaches an address to listen on.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
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
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		if m[method] != nil {
			allow = append(allow, method)
		}
	}
	return strings.Join(allow, ", ")
}

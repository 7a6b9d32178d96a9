package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// problem is an error answer as RFC 9457 defines it, and the error a handler returns to give it. Its Detail says what is
// wrong and what to do, in words for the person who sent the request.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"` // the status in words
	Detail string `json:"detail,omitempty"`

	Code   string       `json:"code,omitempty"`   // the reason for programs, where there are several of that status
	Field  string       `json:"field,omitempty"`  // the one that is wrong, such as "events[3].data.usage"
	Errors []fieldError `json:"errors,omitempty"` // all that is wrong with a body of several events, up to maxErrors
	Reason string       `json:"reason,omitempty"` // of a place that is gone: "epoch" or "ahead"
	Newest string       `json:"newest,omitempty"` // and the newest place there is; missing for who may not know it

	retryAfter int         // seconds; 0: none
	meant      bool        // it is how a balancer is told something, and no failure
	elsewhere  bool        // another instance may well be able to do it; see retries
	header     http.Header // further headers of the answer
}

// fieldError is one thing wrong with the events of a request.
type fieldError struct {
	Index   int    `json:"index"`
	Field   string `json:"field"` // with its index, such as "events[3].type"; "type" in a body that is one object
	Message string `json:"message"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// fail makes a problem from a status and its detail.
func fail(status int, format string, args ...any) *problem {
	return &problem{Status: status, Title: http.StatusText(status), Detail: fmt.Sprintf(format, args...)}
}

func (p *problem) with(key, value string) *problem {
	if p.header == nil {
		p.header = make(http.Header)
	}
	p.header.Set(key, value)
	return p
}

// errClientGone is what a handler returns when nobody is left to answer.
var errClientGone = errors.New("the client is gone")

// problemOf is the one place where an error becomes a status. What we did not foresee is our fault, and its text stays in
// our log.
func problemOf(err error) *problem {
	var p *problem
	var gone *journal.GoneError
	var tooLarge *http.MaxBytesError
	var refused *auth.Refusal
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &gone):
		p = fail(http.StatusGone, "%s", goneDetail(gone))
		p.Reason = string(gone.Reason)
		if !gone.Head.IsZero() {
			p.Newest = gone.Head.String()
		}
		return p
	case errors.As(err, &refused):
		return refusal(refused)
	case errors.Is(err, event.ErrFilter):
		return fail(http.StatusBadRequest, "%v", err)
	case errors.As(err, &tooLarge):
		return fail(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes: send fewer events at once.", tooLarge.Limit)
	case errors.Is(err, journal.ErrClosed):
		return ending()
	case errors.Is(err, journal.ErrUnsettled):
		p = fail(http.StatusServiceUnavailable, "The record did not answer in time, and it is open whether it holds the events: all of them or none. Sent again with the same ids they are recorded once.")
		p.retryAfter = 2
		return p
	case errors.Is(err, journal.ErrUnavailable):
		p = fail(http.StatusServiceUnavailable, "The record can't be reached at present. Nothing was recorded: try again.")
		p.retryAfter = 2
		return p
	}
	return fail(http.StatusInternalServerError, "Something here failed that should not. The server's log has the details.")
}

func goneDetail(e *journal.GoneError) string {
	switch e.Reason {
	case journal.GoneEpoch:
		return fmt.Sprintf("The place %s belongs to another life of this record: begin anew, without a place.", e.Place)
	case journal.GoneAhead:
		if e.Head.IsZero() {
			return fmt.Sprintf("The place %s is none that you can go on from: begin anew, without a place.", e.Place)
		}
		return fmt.Sprintf("The place %s is ahead of this record, whose newest is %s: it was restored from an older copy. Begin anew, without a place.", e.Place, e.Head)
	}
	return fmt.Sprintf("What followed the place %s is no longer held: begin anew, without a place.", e.Place)
}

// handler answers a request, or returns an error before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// answer makes a handler an http.Handler: errors become problems, and those that are ours are logged.
func (s *Server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		if errors.Is(err, errClientGone) || r.Context().Err() != nil && errors.Is(err, context.Canceled) {
			// Who has only closed his own side still reads, and to say nothing would be net/http's 200.
			writeProblem(w, fail(http.StatusServiceUnavailable, "Your side of the connection was closed before there was an answer: nothing was done. Keep it open, and ask again.").with("Connection", "close"))
			return
		}
		p := problemOf(err).passOn(r)
		switch {
		case errors.Is(err, errCrowded), p.meant: // a flood must not become one of our log; metrics count it
			s.failures().Debug("request refused", "method", r.Method, "path", r.URL.Path, "status", p.Status)
		case p.Status >= 500:
			s.failures().Error("request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
		}
		writeProblem(w, p)
	})
}

// failures is the log for what names paths and says what went wrong inside: where tokens are asked for not the one that is published, as who may see
// this machine may not therefore know which servers there are.
func (s *Server) failures() *slog.Logger {
	if s.guard.Open() {
		return s.logger
	}
	return s.private
}

func writeProblem(w http.ResponseWriter, p *problem) {
	h := w.Header()
	for k, v := range p.header {
		h[k] = v
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

// writeJSON answers with v. It marshals before it writes, so that a failure can still be told.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("web: encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // who does not take the answer does not want it
	return nil
}

// plain is the problem as an error of the program's own, without its status.
func (p *problem) plain() error { return errors.New(p.Detail) }

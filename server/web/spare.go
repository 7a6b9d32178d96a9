package web

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// What answers may hold together that were read from the record: a page may have megabytes, and its reader may take none of them.
const (
	maxPages = 64 << 20 // bytes of all pages that wait for their readers; small ones are not counted, as of bodies
	maxTurns = 8        // pages that are read and encoded at once
	// piece of an answer, and how long a reader may take for one: 3 KB a second is less than any line has.
	piece     = 64 << 10
	pieceTime = 20 * time.Second
)

// turn waits until it is this request's turn to read a page, and returns what ends it, which may be called again.
func (s *Server) turn(ctx context.Context) (leave func(), err error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, errClientGone
	}
	left := false
	return func() {
		if !left {
			left = true
			<-s.turns
		}
	}, nil
}

// send writes a page, and counts it as held until its reader has it. Leave ends the turn in which it was made: pages that there is no
// room for don't queue, as they would be held while they do.
func (s *Server) send(w http.ResponseWriter, r *http.Request, page []byte, leave func()) error {
	done, err := s.hold(r, page, "limit=")
	if err != nil {
		return err
	}
	defer done()
	leave()
	_, _ = w.Write(page) // who does not take the answer does not want it
	return nil
}

// hold counts a page as held until done is called. Where there is no room the error says which parameter asks for less.
func (s *Server) hold(r *http.Request, page []byte, less string) (done func(), err error) {
	held := s.pages.lease(r.Context())
	held.wait = 0
	if err := held.grow(len(page)); errors.Is(err, errCrowded) {
		p := fail(http.StatusServiceUnavailable, "Others are reading more than %d bytes at once: ask again in a moment, or for less at once with %s.", maxPages, less).code("crowded")
		p.retryAfter = 1
		return nil, errors.Join(p, errCrowded)
	} else if err != nil {
		return nil, errClientGone
	}
	return held.end, nil
}

// impatient cuts off who takes nothing of an answer for pieceTime, long before answerTimeout would.
func impatient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&pieces{ResponseWriter: w, rc: http.NewResponseController(w)}, r)
	})
}

type pieces struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for {
		_ = p.rc.SetWriteDeadline(time.Now().Add(pieceTime)) // where there is none, there is none to wait for
		m, err := p.ResponseWriter.Write(b[:min(len(b), piece)])
		n, b = n+m, b[m:]
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (p *pieces) Unwrap() http.ResponseWriter { return p.ResponseWriter }

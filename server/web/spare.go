package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// What answers may hold together that were read from the record: a page may have megabytes, and its reader may take none of them.
const (
	maxPages = 64 << 20 // bytes of all pages that wait for their readers; small ones are not counted, as of bodies
	maxTurns = 8        // pages that are read and encoded at once
	// maxDrawn is the same of the app's pages. These wait for their turn, as people do who all come at once: to wait costs little.
	maxDrawn  = 256 << 20
	drawnWait = 30 * time.Second
	// piece of an answer, and how long a reader may take for one: 3 KB a second is less than any line has.
	piece = 64 << 10
)

var pieceTime = 20 * time.Second // a variable for tests alone, which on a busy machine hold answers for longer

// turn waits until it is this request's turn to read a page, and returns what ends it, which may be called again. It may wait long: who
// may not read any more when it is over gets an error.
func (s *Server) turn(r *http.Request) (leave func(), err error) {
	select {
	case s.turns <- struct{}{}:
	case <-r.Context().Done():
		return nil, errClientGone
	}
	left := false
	leave = func() {
		if !left {
			left = true
			<-s.turns
		}
	}
	if err := s.guard.Still(grantOf(r)); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// room is what answers may hold together that wait for their readers: where a picture has megabytes, a few hundred connections that never read would
// otherwise fill the memory. One user may have half of it, so that he leaves some to others; and any answer of his finds room where he has
// nothing in it. The methods may be called at once.
type room struct {
	bytes   int
	all     *budget
	refused atomic.Int64

	mu sync.Mutex // guards what follows
	by map[string]int
}

func newRoom(bytes int) *room {
	return &room{bytes: bytes, all: newBudget(bytes), by: make(map[string]int)}
}

// hold counts n bytes as held until done is called, but for the first few of each answer. Where others leave no room it waits for some, and then
// returns errCrowded, or the error of ctx; and at once where the user has his half. User is "" where nobody is asked who he is.
func (m *room) hold(ctx context.Context, user string, n int, wait time.Duration) (done func(), err error) {
	n = min(n, m.bytes)
	if n <= smallBody {
		return func() {}, nil
	}
	if user != "" {
		m.mu.Lock()
		if have := m.by[user]; have > 0 && have+n > m.bytes/2 {
			m.mu.Unlock()
			m.refused.Add(1)
			return nil, errCrowded
		}
		m.by[user] += n
		m.mu.Unlock()
	}
	give := func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.by[user] -= n; m.by[user] <= 0 {
			delete(m.by, user)
		}
	}
	held := m.all.lease(ctx)
	held.wait = wait
	if err := held.grow(n); err != nil {
		give()
		m.refused.Add(1)
		return nil, err
	}
	return func() {
		held.end()
		give()
	}, nil
}

// send writes a page, and counts it as held until its reader has it. Leave ends the turn in which it was made: pages that there is no
// room for don't queue, as they would be held while they do. Less is the parameter that asks for less of it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, page []byte, less string, leave func()) error {
	done, err := s.hold(r, page, less)
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
	done, err = s.pages.hold(r.Context(), grantOf(r).User, len(page), 0)
	return done, noRoom(err, maxPages, "or for less at once with "+less)
}

// roomy has a page of the app wait until there is room for it.
func (s *Server) roomy(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		done, err := s.drawn.hold(r.Context(), grantOf(r).User, s.app.weight(r), drawnWait)
		if err != nil {
			return noRoom(err, maxDrawn, "or close some of your pages that are still loading")
		}
		defer done()
		return next(w, r)
	}
}

// noRoom is the error of an answer for which room had none; nil stays nil.
func noRoom(err error, most int, or string) error {
	if errors.Is(err, errCrowded) {
		p := fail(http.StatusServiceUnavailable, "Others, or you, are reading more than %d bytes at once: ask again in a moment, %s.", most, or).code("crowded")
		p.retryAfter = 1
		return errors.Join(p, errCrowded)
	}
	if err != nil {
		return errClientGone
	}
	return nil
}

// impatient cuts off who takes nothing of an answer for so long, which is long before answerTimeout would.
func impatient(next http.Handler, most time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&pieces{ResponseWriter: w, rc: http.NewResponseController(w), most: most}, r)
	})
}

type pieces struct {
	http.ResponseWriter
	rc   *http.ResponseController
	most time.Duration
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for {
		_ = p.rc.SetWriteDeadline(time.Now().Add(p.most)) // where there is none, there is none to wait for
		m, err := p.ResponseWriter.Write(b[:min(len(b), piece)])
		n, b = n+m, b[m:]
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (p *pieces) Unwrap() http.ResponseWriter { return p.ResponseWriter }

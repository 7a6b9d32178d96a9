package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pendingAfter is how long the record is away before streams say so: a connection that is lost and made again is no news.
const pendingAfter = time.Second

// away is whether the record can't be reached, as streams say it.
type away struct {
	now atomic.Bool

	mu      sync.Mutex    // guards changed
	changed chan struct{} // closed when now changes
}

// turned returns a channel that is closed when the record is not, or no longer, as a stream has said.
func (a *away) turned(said bool) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now.Load() != said {
		done := make(chan struct{})
		close(done)
		return done
	}
	return a.changed
}

func (a *away) set(now bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now.Store(now)
	close(a.changed)
	a.changed = make(chan struct{})
}

// watch tells streams when the record goes away and when it is back, until ctx ends or the server closes.
func (s *Server) watch(ctx context.Context) {
	if s.o.Record == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		away, changed := s.o.Record.Away()
		var due <-chan time.Time
		switch said := s.away.now.Load(); {
		case away.IsZero() && said:
			s.turn(false)
		case !away.IsZero() && !said:
			left := pendingAfter - time.Since(away.Since)
			if left <= 0 {
				s.turn(true)
				break
			}
			timer.Reset(left)
			due = timer.C
		}
		select {
		case <-changed:
		case <-due:
		case <-s.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}

// turn has every stream say that the record went away, or is back.
func (s *Server) turn(away bool) {
	s.away.set(away)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		w.send(message{turned: true})
	}
}

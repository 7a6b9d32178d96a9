package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// pendingAfter is how long the record is away before streams say so: a connection that is lost and made again is no news.
const pendingAfter = time.Second

// away is why nothing can be read: the record can't be reached, as streams say it; or it began anew, and the hub is not ready.
type away struct {
	now     atomic.Bool
	between atomic.Bool // the hub is not ready

	mu      sync.Mutex    // guards changed
	changed chan struct{} // closed when either changes
}

// stalls reports whether there is no point in reading, for a stream that is to begin anew, or not.
func (a *away) stalls(anew bool) bool { return a.now.Load() || anew && a.between.Load() }

// turned returns a channel that is closed when the record is not, or no longer, as a stream that waits has said; or when a stream that is to begin anew can.
func (a *away) turned(said, anew bool) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now.Load() != said || anew && !a.stalls(anew) {
		done := make(chan struct{})
		close(done)
		return done
	}
	return a.changed
}

func (a *away) set(flag *atomic.Bool, to bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	flag.Store(to)
	close(a.changed)
	a.changed = make(chan struct{})
}

// watch tells streams when the record goes away and when it is back, and when the hub is ready again after the record began anew, until ctx ends or the
// server closes.
func (s *Server) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		ready, turned := s.hub.Turned()
		if between := !ready; between != s.away.between.Load() {
			s.turn(&s.away.between, between)
		}
		var changed <-chan struct{}
		var due <-chan time.Time
		if s.o.Record != nil {
			var away journal.Away
			away, changed = s.o.Record.Away()
			switch said := s.away.now.Load(); {
			case away.IsZero() && said:
				s.turn(&s.away.now, false)
			case !away.IsZero() && !said:
				left := pendingAfter - time.Since(away.Since)
				if left <= 0 {
					s.turn(&s.away.now, true)
					break
				}
				timer.Reset(left)
				due = timer.C
			}
		}
		select {
		case <-turned:
		case <-changed:
		case <-due:
		case <-s.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}

// turn has every stream look again.
func (s *Server) turn(flag *atomic.Bool, to bool) {
	s.away.set(flag, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.workers {
		w.turn()
	}
}

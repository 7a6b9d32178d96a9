package web

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// drainStep is how often some streams are let go at the end.
const drainStep = 100 * time.Millisecond

// drain is the beginning of the end where Config.Drain is set: for so long /readyz says no and all goes on, so that balancers learn to
// send new streams elsewhere; then the streams are let go, spread over as much time again, so that nobody gets all of them at once. It returns when
// none is left, or the time is over, or stop ends.
func (s *Server) drain(stop context.Context) {
	if s.drainFor <= 0 {
		return
	}
	s.draining.Store(true)
	s.logger.Info("draining", "notReady", s.drainFor, "lettingGo", s.drainFor)
	wait := time.NewTimer(s.drainFor)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-stop.Done():
		return
	}
	step := time.NewTicker(drainStep)
	defer step.Stop()
	for left := s.drainFor; left > 0; left -= drainStep {
		open := s.registry.Stats().Open
		if open == 0 {
			return
		}
		steps := max(1, int(left/drainStep))
		s.LetGo((open+steps-1)/steps, event.ClosingShutdown)
		select {
		case <-step.C:
		case <-stop.Done():
			return
		}
	}
}

// LetGo ends so many streams, chosen by chance and the older ones rather, with that reason; each is to come back within a second or two. It returns how many it ended.
func (s *Server) LetGo(n int, reason string) int {
	return s.registry.EndSome(n, func() event.Closing {
		return event.Closing{Reason: reason, RetryMs: (500*time.Millisecond + rand.N(1500*time.Millisecond)).Milliseconds()}
	})
}

package stream

import "time"

// A wheel says when to look at which streams: at each tick at one part of the slots, at all of them within a round. So heartbeats
// and bounds in time cost no timer each, and never come in one burst.
type wheel struct {
	round time.Duration
	tick  time.Duration
	parts int
	part  int
	next  time.Duration
}

// newWheel makes a round a whole part of the heartbeat's interval, short enough for the other bounds.
func newWheel(o Options) wheel {
	longest := min(5*time.Second, max(o.Stuck/4, time.Millisecond))
	if o.MaxAge > 0 {
		longest = min(longest, max(o.MaxAge/4, time.Millisecond))
	}
	rounds := (o.Heartbeat + longest - 1) / longest
	w := wheel{round: o.Heartbeat / rounds}
	w.parts = int(min(64, max(1, w.round/time.Millisecond)))
	w.tick = max(w.round/time.Duration(w.parts), time.Microsecond)
	return w
}

func (w *wheel) start(now time.Duration) { w.next = now + w.tick }

// turn returns the part whose turn it is. A worker that comes late makes up for at most one round.
func (w *wheel) turn(now time.Duration) int {
	w.next = max(w.next+w.tick, now-w.round)
	w.part = (w.part + 1) % w.parts
	return w.part
}

package stream

import (
	"slices"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/server/stat"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Reason says why a stream ended, in the words of stream:closing where it is the server that ended it.
type Reason uint8

const (
	Gone     Reason = iota // the reader hung up, or its connection broke
	Shutdown               // the server ended
	MaxAge                 // it had lasted long enough
	Slow                   // the reader took nothing
	NotReady               // the hub could not serve it yet
	Failed                 // something here failed
	Expired                // Request.Until came
	Revoked                // the right to read was taken away; see Handle.End
	Ended                  // somebody who may ended it; see Handle.End
	Limited                // it was none: there was no place for it, and it got what it missed; see Request.Poll
	Balance                // another instance has more room; see Handle.End
	reasons
)

func (r Reason) String() string {
	return reasonNames[r]
}

var reasonNames = [reasons]string{
	Gone: "gone", Shutdown: event.ClosingShutdown, MaxAge: event.ClosingMaxAge, Slow: event.ClosingSlow, NotReady: event.ClosingNotReady,
	Failed: event.ClosingFailed, Expired: event.ClosingExpired, Revoked: event.ClosingRevoked, Ended: event.ClosingEnded, Limited: "limit",
	Balance: event.ClosingBalance,
}

// reasonOf returns the reason with that name, and Ended for others.
func reasonOf(name string) Reason {
	if i := slices.Index(reasonNames[:], name); i >= 0 {
		return Reason(i)
	}
	return Ended
}

// Stats are counts since the start, for metrics.
type Stats struct {
	Open, Detached     int64            // streams there are now; of these, detached
	Pending            int64            // of those there are, the ones that say that the record is away
	Opened             int64            // ever
	Closed             map[string]int64 // by Reason
	Bytes, PlainBytes  int64            // given to sockets, without the heads of answers; the same before compression
	Writes             int64            // calls that gave them
	Full               int64            // times that a socket had no room; of detached streams
	Thinned, Skipped   int64            // times a slow reader was thinned; events left out
	Trimmed, Beats     int64            // gaps told that retention made; heartbeats
	CaughtUp, Resynced int64            // pages read for those behind; streams that began anew with the log

	// Delivery is how long it took, in nanoseconds, from when the hub had news for a detached stream until its socket had them. Those
	// that were not ready for news when they came do not count: see Lag.
	Delivery stat.Snapshot
	// Lag is how many places of the log the slowest detached stream was behind when all were last looked at.
	Lag uint64
}

type counters struct {
	opened, detached                 atomic.Int64
	closed                           [reasons]atomic.Int64
	now                              atomic.Int64
	bytes, plain, writes, full       atomic.Int64
	thinned, skipped, trimmed, beats atomic.Int64
	caughtUp, resynced               atomic.Int64
	delivery                         *stat.Histogram
}

func (c *counters) open(detached bool) {
	c.opened.Add(1)
	c.now.Add(1)
	if detached {
		c.detached.Add(1)
	}
}

func (c *counters) shut(why Reason, detached bool) {
	c.closed[why].Add(1)
	c.now.Add(-1)
	if detached {
		c.detached.Add(-1)
	}
}

func (c *counters) openNow() int64 { return c.now.Load() }

func (c *counters) wrote(n, plain int) {
	c.writes.Add(1)
	c.bytes.Add(int64(n))
	c.plain.Add(int64(plain))
}

// Stats returns the counts. They are read one after the other, not all at one moment.
func (s *Server) Stats() Stats {
	c := &s.count
	st := Stats{
		Open: c.now.Load(), Detached: c.detached.Load(), Opened: c.opened.Load(), Closed: make(map[string]int64),
		Bytes: c.bytes.Load(), PlainBytes: c.plain.Load(), Writes: c.writes.Load(), Full: c.full.Load(),
		Thinned: c.thinned.Load(), Skipped: c.skipped.Load(), Trimmed: c.trimmed.Load(), Beats: c.beats.Load(),
		CaughtUp: c.caughtUp.Load(), Resynced: c.resynced.Load(), Delivery: c.delivery.Snapshot(),
	}
	if s.away.now.Load() { // all of them have said so, or are about to
		st.Pending = st.Open
	}
	s.mu.Lock()
	for _, w := range s.workers {
		st.Lag = max(st.Lag, w.slowest.Load())
	}
	s.mu.Unlock()
	for r := range reasons {
		st.Closed[r.String()] = c.closed[r].Load()
	}
	return st
}

package stream

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Handle is one open stream, for those who may end it: see [Request.Opened]. Its methods may be called from any goroutine, and
// after the stream has ended too.
//
// It is kept as long as its stream and longer, so it is small: what few streams have stands in more.
type Handle struct {
	who    slog.LogValuer
	done   func(Reason)                  // Request.Ended
	ending atomic.Pointer[event.Closing] // what End asked for; nil: nothing
	worker *worker                       // that writes it; nil: it is portable
	more   *more                         // nil: it is detached, and no poll
	began  uint32                        // by the streams' clock, in tenths of a second
	slot   uint32                        // the worker's: where the stream stands once it is admitted
}

// more is what only short or costly streams have.
type more struct {
	poll   *event.Limit // Request.Poll
	sooner *sooner      // nil: it is detached
	drain  time.Duration
}

// lifeUnit is how exactly log lines say how long a stream lived.
const lifeUnit = 100 * time.Millisecond

// newHandle returns what the request has to be remembered by; nil: nothing.
func (s *Server) newHandle(q Request) *Handle {
	if q.Who == nil && q.Opened == nil && q.Ended == nil && q.Poll == nil {
		return nil
	}
	h := &Handle{who: q.Who, done: q.Ended, began: uint32(s.now() / lifeUnit)}
	if q.Poll != nil {
		h.more = &more{poll: q.Poll}
	}
	return h
}

// End ends the stream: it gets "retry:" and stream:closing with this reason as its last words. Where the closing lacks them, the message and
// the time to come back are those usual for its reason; a reason that is no [Reason] of this package is counted as Ended. The
// first call counts, the others do nothing.
//
// Nothing of an event that is recorded after End was called is written, not a byte, though End does not wait: whoever writes the
// stream takes what there is, then looks whether End was called, and only then writes. A frame of which a part was written before is
// written to its end. What the stream would have got before its end is not caught up on.
//
// The words go out as soon as the reader takes them, and after that the connection is closed. One that takes nothing for Options.Drain
// is closed without; one that waits for the record gets them at most half a heartbeat later.
func (h *Handle) End(c event.Closing) {
	if !h.ending.CompareAndSwap(nil, &c) {
		return
	}
	if h.worker != nil {
		h.worker.prod(h)
	} else {
		h.more.sooner.end(h.more.drain)
	}
}

// Detached reports whether the stream costs no goroutine.
func (h *Handle) Detached() bool { return h.worker != nil }

// sooner makes the goroutine of a portable stream look up.
type sooner struct {
	wake chan struct{} // of one

	mu   sync.Mutex // guards what follows
	rc   *http.ResponseController
	over bool // the answer is no longer ours
	by   time.Time
}

// end says that the last words are to be out within a time.
func (so *sooner) end(within time.Duration) {
	so.mu.Lock()
	defer so.mu.Unlock()
	so.by = time.Now().Add(within)
	if so.over {
		return
	}
	_ = so.rc.SetWriteDeadline(so.by)
	select {
	case so.wake <- struct{}{}:
	default:
	}
}

// deadline sets how long the next write may take: no longer than what end said.
func (so *sooner) deadline(t time.Time) {
	so.mu.Lock()
	defer so.mu.Unlock()
	if !so.by.IsZero() && so.by.Before(t) {
		t = so.by
	}
	_ = so.rc.SetWriteDeadline(t)
}

// stop returns when end does nothing to the answer any more.
func (so *sooner) stop() {
	so.mu.Lock()
	defer so.mu.Unlock()
	so.over = true
}

// heed ends the talk if its Handle says so, and reports whether it did.
func (t *talk) heed() bool {
	if t.handle == nil || t.over {
		return false
	}
	c := t.handle.ending.Load()
	if c == nil {
		return false
	}
	t.closeWith(reasonOf(c.Reason), *c)
	return true
}

// opened tells whoever asked that the stream is there.
func (t *talk) opened(q Request) {
	if q.Opened != nil {
		q.Opened(t.handle)
	}
}

// ended counts a stream that is over, gives its cursor back and says so.
func (s *Server) ended(t *talk, why Reason, detached bool) {
	if t.cur != nil {
		t.cur.Close()
	}
	if level := levels[why]; s.o.Logger.Enabled(context.Background(), level) {
		attrs := []slog.Attr{slog.String("reason", why.String()), slog.Bool("detached", detached)}
		if h := t.handle; h != nil {
			attrs = append(attrs, slog.Duration("lived", max(0, s.now().Truncate(lifeUnit)-time.Duration(h.began)*lifeUnit)))
			attrs = append(attrs, t.who())
		}
		s.o.Logger.LogAttrs(context.Background(), level, "stream ended", attrs...)
	}
	if h := t.handle; h != nil && h.done != nil {
		h.done(why)
	}
	s.count.shut(why, detached)
}

// who says in a log line whose stream it is.
func (t *talk) who() slog.Attr {
	if t.handle == nil || t.handle.who == nil {
		return slog.Attr{}
	}
	return slog.Any("", t.handle.who)
}

// levels say how much the end of a stream matters: that readers leave is what they do; that one took nothing, or something failed
// here, somebody may want to look at.
var levels = [reasons]slog.Level{
	Gone: slog.LevelDebug, Shutdown: slog.LevelDebug, MaxAge: slog.LevelDebug, Limited: slog.LevelDebug, Balance: slog.LevelDebug,
	NotReady: slog.LevelInfo, Expired: slog.LevelInfo, Revoked: slog.LevelInfo, Ended: slog.LevelInfo,
	Slow: slog.LevelWarn, Failed: slog.LevelWarn,
}

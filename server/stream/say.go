package stream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func (t *talk) heartbeat(b []byte) []byte {
	t.s.count.beats.Add(1)
	place := t.cur.Place()
	return appendOwn(event.StreamHeartbeat, b, place, event.Heartbeat{ServerTime: event.Millis(time.Now()), Place: place})
}

// polls reports whether the stream ends when what it promised is out.
func (t *talk) polls() bool {
	return t.handle != nil && t.handle.more != nil && t.handle.more.poll != nil
}

// limit appends the last words of a poll.
func (t *talk) limit(b []byte) []byte {
	say := *t.handle.more.poll
	wait := max(time.Duration(say.RetryMs)*time.Millisecond, 0)
	if wait == 0 {
		wait = pollEvery
	}
	wait += rand.N(wait/2 + 1)
	say.Place, say.RetryMs = t.cur.Place(), wait.Milliseconds()
	return appendOwn(event.StreamLimit, sse.AppendRetry(b, wait), say.Place, say)
}

// read does what turn said it is behind with: reads the record, thins the backlog, or subscribes again. It gives up without a word
// when ctx ends, or where there is no point in it any more: whoever has waited for his turn would keep others from theirs.
func (t *talk) read(ctx context.Context) {
	if t.over || t.s.away.stalls(t.anew) {
		return
	}
	if t.anew {
		t.resync(ctx)
		return
	}
	var own []byte
	var err error
	if t.slow() {
		var left hub.Skipped
		if left, err = t.cur.Thin(ctx); left.Count > 0 {
			t.spared = left.To.Seq
			t.s.count.thinned.Add(1)
			t.s.count.skipped.Add(left.Count)
			own = appendOwn(event.StreamGap, own, event.ID{}, event.Gap{Reason: "slow", From: left.From, To: left.To, Classes: left.Classes, Count: left.Count})
		}
	} else {
		t.s.count.caughtUp.Add(1)
		err = t.cur.CatchUp(ctx)
	}
	gap, trimmed := errors.AsType[*hub.GapError](err)
	switch {
	case err == nil:
	case trimmed:
		t.s.count.trimmed.Add(1)
		own = appendOwn(event.StreamGap, own, event.ID{}, event.Gap{Reason: "trimmed", From: gap.From, To: gap.To, Classes: gap.Classes})
	case errors.Is(err, hub.ErrReset):
		t.anew = true
	case ctx.Err() != nil:
	case errors.Is(err, journal.ErrUnavailable): // it has waited for a while, and is tried again
	default:
		t.fail(err)
	}
	if len(own) > 0 {
		t.pend = t.encode(t.pend, own)
	}
}

// resync goes on in the log that began anew.
func (t *talk) resync(ctx context.Context) {
	after := t.cur.Place()
	cur, err := t.s.hub.Open(ctx, hub.Subscription{Filter: t.cur.Filter(), Every: t.cur.Every(), After: after, Restricted: t.cur.Restricted()})
	switch {
	case err == nil:
	case errors.Is(err, hub.ErrNotReady): // its picture is being made, which may take as long as the record is away: watch is about to say so
		breath := time.NewTimer(anewEvery)
		defer breath.Stop()
		select {
		case <-breath.C:
		case <-ctx.Done():
		}
		return
	case ctx.Err() != nil, errors.Is(err, journal.ErrUnavailable):
		return
	default:
		t.fail(err)
		return
	}
	t.cur.Close()
	t.begin(cur)
	t.s.count.resynced.Add(1)
	t.anew, t.lives, t.held, t.spared = false, false, false, 0
	t.beat = t.s.now() + t.s.o.Heartbeat
	var own []byte
	if start := cur.Start(); start.Mode != hub.Resumed {
		reason := cmp.Or(start.Reason, journal.GoneEpoch)
		own = appendOwn(event.StreamReset, own, event.ID{}, event.Reset{Reason: string(reason), Place: after})
	}
	t.pend = t.encode(t.pend, t.sync(own, false))
}

var partings = [reasons]string{
	Shutdown: "The server is shutting down. Come back and go on where you were.",
	MaxAge:   "This stream has lasted long enough. Come back and go on where you were.",
	Slow:     "You took nothing for too long. Come back and go on where you were.",
	NotReady: "The server is reading its record. Come back in a moment.",
	Failed:   "Something here failed. Come back and go on where you were.",
	Expired:  "Your session has expired. Sign in again, and go on where you were.",
	Revoked:  "Your access was withdrawn. Sign in again, or ask who runs this server.",
	Balance:  "Another instance has more room. Come back and go on where you were.",
	Ended:    "This stream was ended from somewhere else. Open it again when you need it.",
}

// fail ends the talk for an error of the hub.
func (t *talk) fail(err error) {
	switch {
	case errors.Is(err, hub.ErrClosed), errors.Is(err, journal.ErrClosed):
		t.close(Shutdown)
	case errors.Is(err, hub.ErrNotReady), errors.Is(err, journal.ErrUnavailable):
		t.close(NotReady)
	case errors.Is(err, context.Canceled): // the reader is gone
		t.over, t.why = true, Gone
	default:
		t.s.o.Logger.LogAttrs(context.Background(), slog.LevelError, "stream failed", slog.Any("error", err), t.who())
		t.close(Failed)
	}
}

// close ends the talk with a last word: why, and when to come back.
func (t *talk) close(why Reason) { t.closeWith(why, event.Closing{Reason: why.String()}) }

// closeWith is close, with words of somebody's own.
func (t *talk) closeWith(why Reason, c event.Closing) {
	if t.over {
		return
	}
	t.over, t.why = true, why
	wait := time.Duration(c.RetryMs) * time.Millisecond
	if wait <= 0 {
		wait = t.s.comeBack()
		switch why {
		case Expired, Revoked: // a reader that is let in all the same must not come round in circles
			wait += slowly
		case Ended:
			wait += later
		}
	}
	c.RetryMs = wait.Milliseconds()
	c.Message = cmp.Or(c.Message, partings[why])
	own := sse.AppendRetry(nil, wait)
	own = appendOwn(event.StreamClosing, own, event.ID{}, c)
	t.pend = t.encode(t.pend, own)
}

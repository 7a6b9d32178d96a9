package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

const (
	// pieceBytes is the most that goes out in one write, so that writeTimeout means a rate: some 2 KB a second.
	pieceBytes = 64 << 10
	// retry is the reconnection time a stream begins with; what a stream that we end says is spread from it.
	retry = time.Second
	// reasonUnknown is why a stream is reset whose Last-Event-ID is none of ours: another program answered at this address
	// before. The header is the browser's own, so nobody could mend it, and any answer but a stream would stop an EventSource
	// for good.
	reasonUnknown = "unknown"
)

// lastEventID returns the place to resume after. The header wins over the query: an EventSource that reconnects sends the
// header, and the URL it was made with. A header that is no place resets the stream; a parameter that is none is a mistake its
// author can mend.
func lastEventID(r *http.Request, q url.Values) (after event.ID, reset bool, err error) {
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		after, err := event.ParseID(text)
		return after, err != nil, nil
	}
	after, err = placeOf(q, "lastEventId")
	return after, false, err
}

// stream answers with the events of a filter: what was missed since the place the client names, or the current picture,
// and then everything as it is recorded, until the client or the server ends it.
func (s *Server) stream() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		filter, err := filterOf(r, q)
		if err != nil {
			return err
		}
		after, reset, err := lastEventID(r, q)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", mediaStream)
		h.Set("Cache-Control", "no-cache, no-transform")
		h.Set("X-Accel-Buffering", "no") // nginx would hold events back
		h.Add("Vary", "Accept")
		if r.Method == http.MethodHead {
			return nil
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(s.closing, func() { cancel(errShutdown) })()
		st := &stream{s: s, w: w, rc: http.NewResponseController(w), filter: filter}
		_ = st.rc.SetReadDeadline(time.Time{}) // a stream may last longer than any request takes to arrive
		err = st.run(ctx, after, reset)
		s.logger.Debug("stream ended", "path", r.URL.Path, "reason", err)
		return nil
	}
}

var errShutdown = errors.New("the server is shutting down")

// stream is one client's stream, owned by its request's goroutine.
type stream struct {
	s      *Server
	w      http.ResponseWriter
	rc     *http.ResponseController
	filter event.Filter
	buf    []byte // frames of our own on their way out
}

// run writes the stream until ctx ends, the client stops reading, or the hub ends. It returns why.
func (st *stream) run(ctx context.Context, after event.ID, unknown bool) error {
	st.buf = sse.AppendRetry(st.buf[:0], retry)
	for first := true; ; first = false {
		cur, err := st.s.hub.Subscribe(ctx, st.filter, after)
		if err != nil {
			return st.end(ctx, err)
		}
		if start := cur.Start(); !first && start.Mode != hub.Resumed {
			reason := cmp.Or(start.Reason, journal.GoneEpoch)
			st.buf = must(event.StreamReset.AppendFrame(st.buf, event.ID{}, event.Reset{Reason: string(reason), Place: after}))
		}
		err = st.follow(ctx, cur, unknown)
		after, unknown = cur.Place(), false
		cur.Close()
		if !errors.Is(err, hub.ErrReset) {
			return st.end(ctx, err)
		}
	}
}

// follow writes what one cursor has to give, with its sync before it and heartbeats in between.
func (st *stream) follow(ctx context.Context, cur *hub.Cursor, unknown bool) error {
	start := cur.Start()
	sync := event.Sync{
		Mode: string(start.Mode), Place: start.Place, After: start.After, Reason: string(start.Reason),
		HeartbeatMs: st.s.heartbeat.Milliseconds(), ServerTime: now(), Version: st.s.version,
	}
	if start.Mode == hub.Reset {
		sync.After = event.ID{}
	}
	if unknown {
		sync.Mode, sync.Reason = event.SyncReset, reasonUnknown
	}
	st.buf = must(event.StreamSync.AppendFrame(st.buf, event.ID{}, sync))
	if err := st.flush(); err != nil {
		return err
	}

	// The first heartbeat says that what sync promised is out, so there is none before that.
	var next time.Time
	for {
		if next.IsZero() && cur.CaughtUp() || !next.IsZero() && !time.Now().Before(next) {
			next = time.Now().Add(st.s.heartbeat)
			place := cur.Place()
			st.buf = must(event.StreamHeartbeat.AppendFrame(st.buf, place, event.Heartbeat{ServerTime: now(), Place: place}))
			if err := st.flush(); err != nil {
				return err
			}
		}
		if err := st.piece(ctx, cur, next); err != nil {
			return err
		}
	}
}

// piece waits for what the cursor has next and writes it. It returns without an error, and without having written, when
// next comes first; a zero next never comes.
func (st *stream) piece(ctx context.Context, cur *hub.Cursor, next time.Time) error {
	wait, stop := ctx, context.CancelFunc(func() {})
	if !next.IsZero() {
		wait, stop = context.WithDeadline(ctx, next)
	}
	pieces, err := cur.Next(wait, pieceBytes)
	beat := wait.Err() != nil
	stop()
	var gap *hub.GapError
	switch {
	case err == nil:
		return st.write(pieces...)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &gap):
		st.buf = must(event.StreamGap.AppendFrame(st.buf, event.ID{}, event.Gap{Reason: "trimmed", From: gap.From, To: gap.To, Classes: gap.Classes}))
		return st.flush()
	case beat && errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return err
}

// end says why the stream ends, where there is still somebody to hear it, and when to come back. It returns why.
func (st *stream) end(ctx context.Context, why error) error {
	closing := event.Closing{Reason: "failed", Message: "Something here failed. Come back and go on where you were."}
	switch {
	case st.s.closing.Err() != nil, errors.Is(why, hub.ErrClosed):
		closing.Reason, closing.Message = "shutdown", "The server is shutting down. Come back and go on where you were."
	case errors.Is(why, hub.ErrNotReady):
		closing.Reason, closing.Message = "notReady", "The server is reading its record. Come back in a moment."
	case ctx.Err() != nil, errors.Is(why, errStuck):
		return why
	default:
		st.s.logger.Error("stream failed", "error", why)
	}
	wait := retry/2 + rand.N(3*retry/2) // spread, so that not all come back in the same moment
	closing.RetryMs = wait.Milliseconds()
	st.buf = sse.AppendRetry(st.buf, wait)
	st.buf = must(event.StreamClosing.AppendFrame(st.buf, event.ID{}, closing))
	return errors.Join(why, st.flush())
}

// flush writes the frames of our own.
func (st *stream) flush() error {
	b := st.buf
	st.buf = st.buf[:0]
	return st.write(b)
}

// errStuck is why a stream ends whose reader does not take it, or is gone.
var errStuck = errors.New("the reader does not read")

// write sends the pieces and flushes once. It keeps none of them.
func (st *stream) write(pieces ...[]byte) error {
	_ = st.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	for _, p := range pieces {
		if _, err := st.w.Write(p); err != nil {
			return fmt.Errorf("%w: %w", errStuck, err)
		}
	}
	if err := st.rc.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errStuck, err)
	}
	return nil
}

// now is the time as streams give it: UTC, milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

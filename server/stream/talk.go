package stream

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

const (
	// helping is the most that one turn hands out, so that a worker comes round to everybody.
	helping = 128 << 10
	// heldAfter is how long a full socket, or a write, has to keep us waiting for the reader to count as slow. Under load every
	// socket is full for moments, and on a long way for as long as it takes there and back.
	heldAfter = 250 * time.Millisecond
	// reasonForeign is why a stream is reset whose reader was at no place of ours.
	reasonForeign = "unknown"
)

const (
	// anewEvery is how long a stream waits that is to begin anew and finds the hub not ready before it was told so.
	anewEvery = 50 * time.Millisecond
	// pollEvery is when a reader without a place comes again, unless it is told otherwise.
	pollEvery = 5 * time.Second
	// slowly is how much later than others one comes back whose right to read has ended: one answer tells it that it has.
	slowly = 5 * time.Second
	// later is the same for a stream that was ended on purpose: whoever ended it wants its place.
	later = 5 * time.Minute
)

const never = time.Duration(math.MaxInt64)

// talk is what one stream says, and when. It does no I/O but in read. One goroutine at a time may use it. Its size is what an
// idle stream costs.
type talk struct {
	s       *Server
	cur     *hub.Cursor   // nil when there never was one
	pend    []byte        // goes out before anything else: the rest of what was cut short, or frames of our own
	beat    time.Duration // when the next sign of life is due
	ends    time.Duration // when it has lasted long enough
	why     Reason        // over: why
	over    bool          // the last word is in pend
	gzip    bool
	until   bool   // ends is when the right to read does
	anew    bool   // the log began anew: subscribe again
	lives   bool   // what sync promised is out, and a heartbeat has said so
	held    bool   // the reader has kept us waiting since it last had everything
	pending bool   // it has said that the record is away
	spared  uint64 // up to here it was thinned, and no heartbeat has said yet that what was left of that is out; 0: it has

	handle *Handle // nil: nobody can end it, or wants to know
}

// talk begins a stream: it subscribes and has sync to say.
func (s *Server) talk(ctx context.Context, q Request) *talk {
	now := s.now()
	t := &talk{s: s, gzip: s.zips(q), beat: now + s.o.Heartbeat, ends: never, handle: s.newHandle(q)}
	if s.o.MaxAge > 0 {
		t.ends = now + jitter(s.o.MaxAge)
	}
	if !q.Until.IsZero() {
		if left := time.Until(q.Until); left < t.ends-now {
			t.ends, t.until = now+left, true
		}
	}
	if t.gzip {
		t.pend = append(t.pend, gzipHead...)
	}
	own := sse.AppendRetry(nil, s.o.Retry)
	select {
	case <-s.closing:
		t.pend = t.encode(t.pend, own)
		t.close(Shutdown)
		return t
	default:
	}
	if t.until && now >= t.ends {
		t.pend = t.encode(t.pend, own)
		t.close(Expired)
		return t
	}
	cur, err := s.hub.Open(ctx, hub.Subscription{Filter: q.Filter, Every: q.Every, After: q.After, Restricted: q.Restricted, See: q.See})
	if err != nil {
		t.pend = t.encode(t.pend, own)
		t.fail(err)
		return t
	}
	t.begin(cur)
	t.pend = t.encode(t.pend, t.sync(own, q.Foreign))
	return t
}

func (t *talk) begin(cur *hub.Cursor) {
	t.cur = cur
	if t.gzip {
		cur.Deflate()
	}
}

// sync appends how the cursor starts.
func (t *talk) sync(b []byte, foreign bool) []byte {
	start := t.cur.Start()
	say := event.Sync{
		Mode: string(start.Mode), Place: start.Place, After: start.After, Reason: string(start.Reason),
		HeartbeatMs: t.s.o.Heartbeat.Milliseconds(), ServerTime: event.Millis(time.Now()), Version: t.s.o.Version,
		Poll: t.polls(),
	}
	if start.Mode == hub.Reset {
		say.After = event.ID{}
	}
	if foreign {
		say.Mode, say.Reason = event.SyncReset, reasonForeign
	}
	return appendOwn(event.StreamSync, b, event.ID{}, say)
}

// appendOwn appends one frame of the stream's own; their payloads always encode.
func appendOwn[T any](k event.Kind[T], b []byte, place event.ID, payload T) []byte {
	b, err := k.AppendFrame(b, place, payload)
	if err != nil {
		panic(err)
	}
	return b
}

// encode appends frames of our own as this reader gets them.
func (t *talk) encode(b, frames []byte) []byte {
	if t.gzip {
		return appendDeflate(b, frames)
	}
	return append(b, frames...)
}

// outbox is what a talk has to write, in this order: lead, body, tail. It may be used for any number of talks in turn.
type outbox struct {
	lead   []byte // rests, and frames of our own
	batch  hub.Batch
	body   [][]byte // batch.Bufs, or packed
	packed []byte   // the batch compressed for this stream alone
	one    [1][]byte
	tail   []byte // the heartbeat that says that what sync promised is out
	own    []byte // frames of our own on their way into lead or tail
	size   int
	plain  int
}

func (o *outbox) reset() {
	o.batch.Reset()
	o.lead, o.packed, o.tail, o.own, o.body = o.lead[:0], o.packed[:0], o.tail[:0], o.own[:0], nil
	o.size, o.plain = 0, 0
}

// verdict is what comes of a turn.
type verdict uint8

const (
	says    verdict = iota // there is something in the outbox to write; then tell wrote
	silent                 // nothing, until the feed, or the time in beat or ends, has something
	behind                 // call read, which takes time, and come again
	stalled                // it would be behind, but the record is away: nothing, until that changes, or the time in beat or ends
	ended                  // nothing any more
)

// turn puts into o what is to be written next.
func (t *talk) turn(o *outbox, now time.Duration) verdict {
	o.reset()
	v := silent
	if !t.over {
		v = t.fill(o, now)
		if t.heed() || t.late() {
			o.reset() // nothing of what fill took
		}
	}
	// What fill says of its own goes behind the rest that was cut short, and a last word behind both.
	o.lead = append(o.lead, t.pend...)
	o.lead = t.encode(o.lead, o.own)
	o.size = len(o.lead) + len(o.tail)
	for _, b := range o.body {
		o.size += len(b)
	}
	o.plain = len(t.pend) + len(o.own) + o.plain
	switch {
	case o.size > 0:
		return says
	case t.over:
		return ended
	}
	return v
}

// late ends the talk if its right to read has ended while fill took something, and reports whether it did.
func (t *talk) late() bool {
	if !t.until || t.over || t.s.now() < t.ends {
		return false
	}
	t.close(Expired)
	return true
}

func (t *talk) fill(o *outbox, now time.Duration) verdict {
	if now >= t.ends {
		if t.until {
			t.close(Expired)
		} else {
			t.close(MaxAge)
		}
		return says
	}
	if now >= t.beat {
		t.beat = now + t.s.o.Heartbeat
		if t.lives {
			o.own = t.heartbeat(o.own)
		} else {
			o.own = sse.AppendComment(o.own, "more to come") // a heartbeat would say that this is all
		}
	}
	away := t.s.away.now.Load()
	if away != t.pending {
		t.pending = away
		reason := event.GapSettled
		if away {
			reason = event.GapPending
		}
		o.own = appendOwn(event.StreamGap, o.own, event.ID{}, event.Gap{Reason: reason, From: t.cur.Place()})
	}
	late := behind
	if away {
		late = stalled
	}
	if t.anew {
		if t.s.away.stalls(true) {
			return stalled
		}
		return behind
	}
	if !away && t.slow() && t.cur.Backlog() > t.s.o.SlowBytes {
		return behind
	}
	limit := helping
	if t.gzip {
		limit = zipPiece
	}
	switch err := t.cur.Fill(&o.batch, limit); {
	case errors.Is(err, hub.ErrBehind):
		return late
	case errors.Is(err, hub.ErrReset):
		t.anew = true
		if t.s.away.stalls(true) {
			return stalled
		}
		return behind
	case err != nil:
		t.fail(err)
		return says
	}
	o.body, o.plain = o.batch.Bufs, o.batch.Size
	switch {
	case o.batch.Zipped:
		o.plain = o.batch.Plain
	case t.gzip && o.batch.Size > 0:
		for _, b := range o.batch.Bufs {
			o.packed = appendDeflate(o.packed, b)
		}
		o.one[0] = o.packed
		o.body = o.one[:]
	}
	if !t.lives && t.cur.CaughtUp() || t.spared > 0 && t.cur.Place().Seq >= t.spared {
		last := t.heartbeat(nil)
		if t.polls() {
			last = t.limit(last)
		}
		o.tail = t.encode(o.tail, last)
	}
	if o.batch.Size == 0 && len(o.tail) == 0 {
		t.held = false
	}
	return silent
}

// slow reports whether the reader is to be thinned once it is too far behind. What it missed before it came is its own.
func (t *talk) slow() bool { return t.lives && t.held && t.s.o.SlowBytes > 0 }

// wrote tells that n bytes of the outbox are out, and reports whether that was all. What was cut short in mid-frame goes
// first next time, and what lies behind it goes back to the cursor.
func (t *talk) wrote(o *outbox, n int) (all bool) {
	t.s.count.wrote(n, o.plain*n/max(1, o.size))
	if n >= o.size {
		t.pend = nil
		t.lived(len(o.tail) > 0)
		return true
	}
	if n < len(o.lead) {
		t.pend = append([]byte(nil), o.lead[n:]...)
		t.unread(o, 0)
		return false
	}
	t.pend = nil
	n -= len(o.lead)
	body := o.size - len(o.lead) - len(o.tail)
	if n < body {
		t.unread(o, n)
		return false
	}
	t.pend = append([]byte(nil), o.tail[n-body:]...)
	t.lived(true)
	return false
}

// unread gives back what of the body is not among its first n bytes.
func (t *talk) unread(o *outbox, n int) {
	switch {
	case o.batch.Size == 0:
	case len(o.packed) > 0 && n > 0: // a block of our own can't be taken apart
		t.pend = append(t.pend, o.packed[n:]...)
	default:
		t.pend = append(t.pend, t.cur.Return(&o.batch, n)...)
	}
}

func (t *talk) lived(said bool) {
	if said {
		t.spared = 0
	}
	if said && !t.lives {
		t.lives = true
		if t.polls() {
			t.over, t.why = true, Limited
			return
		}
		// The first is early by chance, so that streams which began together do not beat together.
		h := t.s.o.Heartbeat
		t.beat = t.s.now() + h/4 + rand.N(h*3/4+1)
	}
}

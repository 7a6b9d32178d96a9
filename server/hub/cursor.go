package hub

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Cursor is one subscriber: a place in shared bytes. It must not be used by two goroutines at once.
type Cursor struct {
	hub  *Hub
	life *life
	feed *feed
	stand
	after  event.ID // what Start says: the place asked for,
	from   uint64   // the place where the cursor has caught up, as it is told,
	begun  uint8    // how, in modes,
	why    uint8    // and why, in whys
	done   bool
	gzip   bool             // wants the feed's compressed blocks where they can be had
	veiled bool             // Subscription.Restricted
	goal   uint64           // caught up when at is there
	told   *journal.Trimmed // nil: nothing
	own    *Batch           // of Next and TryNext; nil before the first
	block  uint64           // inZip: number of the next block
}

// stand is where a cursor stands; all that handing out changes.
type stand struct {
	mode   mode
	source *chunk   // what is handed out, from off on: part of the feed, or a chunk beside it (picture or page)
	off    int      // always between two frames
	then   position // inPicture: where to go on in the feed
	// skip: inFeed, frames up to this place are passed over, as they were handed out before we joined. InPage it is the newest place that
	// was told to be left out, zero where nothing was.
	skip uint64
	// at: every event up to this place that passes has been handed out, apart from what source and off add to it.
	// inPicture it is the picture's place, not reached until the picture is out.
	at uint64
	// until is the place that the page reaches inPage. InFeed it is the place up to which a reader of compressed bytes takes
	// plain ones, as the next block begins there; zero: not yet known.
	until uint64
	// seen is the newest place that the reader knows, apart from what source and off add to it: of an event that was handed out, or the
	// one it came with.
	seen uint64
}

// mode is where the next bytes come from.
type mode uint8

const (
	inFeed    mode = iota // shared live bytes
	inPicture             // the snapshot; then the feed
	inPage                // a page read from the record; then behind
	behind                // nowhere yet: join the feed where it holds what is missing, else read a page
	inZip                 // shared live bytes, compressed
)

// Start says how the stream starts.
func (c *Cursor) Start() Start {
	return Start{Mode: modes[c.begun], Place: c.life.id(c.from), After: c.after, Reason: whys[c.why]}
}

// What Start says, short: idle cursors are many.
var (
	modes = [...]Mode{Fresh, Resumed, Reset}
	whys  = [...]journal.GoneReason{"", journal.GoneEpoch, journal.GoneAhead}
)

// Next returns the next wire bytes: first the picture or what was missed, then what is live, whole frames in order, none
// twice. It waits until there are some. All that is at hand is returned together, up to limit bytes, or one frame if that
// alone is longer, in as few slices as the shared memory allows; net.Buffers can write them. The slices and what they
// hold are valid until the next call; the bytes are shared with other cursors and must not be changed.
//
// Errors: ctx's when it ends before there are bytes (then nothing is lost, and Next may be called again); *GapError
// where retention has trimmed what was missed (tell the reader, then go on calling); ErrReset when the log began anew; ErrClosed after the
// hub's Run or this cursor's Close; or one of the log, with which the cursor may be tried again.
func (c *Cursor) Next(ctx context.Context, limit int) ([][]byte, error) {
	for {
		b, err := c.TryNext(limit)
		switch {
		case len(b) > 0:
			return b, nil
		case errors.Is(err, ErrBehind):
			if err := c.CatchUp(ctx); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		select {
		case <-c.Wake():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryNext is Next for those who can't wait: with nothing at hand it returns neither bytes nor an error, and ErrBehind
// where the next bytes have to be read from the record. It does no I/O and waits for nobody.
func (c *Cursor) TryNext(limit int) ([][]byte, error) {
	if c.own == nil {
		c.own = new(Batch)
	}
	err := c.Fill(c.own, limit)
	clear(c.own.stands) // nobody can return these
	if err != nil || len(c.own.Bufs) == 0 {
		return nil, err
	}
	return c.own.Bufs, nil
}

// step goes on to what follows source, all of which was handed out. It reports false when nothing follows yet.
func (c *Cursor) step() bool {
	switch c.mode {
	case inPicture, inPage:
		c.settle()
		return true
	case behind:
		return false
	}
	next := c.source.next.Load()
	if next == nil {
		return false
	}
	if c.off < len(c.source.bytes()) {
		return true // it grew before it was sealed
	}
	if next == evicted {
		c.fallBehind()
		return true
	}
	c.seen = c.saw()
	c.source, c.off = next, 0
	return true
}

// settle leaves a picture or a page as soon as all of it was handed out, so that Place tells so at once and the memory is free.
func (c *Cursor) settle() {
	if c.mode != inPicture && c.mode != inPage || c.off < len(c.source.buf) {
		return
	}
	c.seen = max(c.seen, lastSeq(c.source.buf), c.skip)
	if c.mode == inPicture {
		c.mode, c.source, c.off, c.then = inFeed, c.then.chunk, c.then.off, position{}
		if c.feed.every > 0 {
			c.skip = c.at // what the picture had already may be on its way to the feed
		}
		return
	}
	c.mode, c.source, c.off, c.at, c.until, c.skip = behind, nil, 0, c.until, 0, 0
}

// fallBehind leaves the feed, which has evicted what follows.
func (c *Cursor) fallBehind() {
	c.at, c.seen = c.reached(), c.saw()
	c.mode, c.source, c.off, c.skip, c.until = behind, nil, 0, 0, 0
}

// saw returns the newest place that the reader knows.
func (c *Cursor) saw() uint64 {
	if (c.mode == inFeed || c.mode == inPage) && c.off > 0 {
		return max(c.seen, lastSeq(c.source.buf[:c.off]))
	}
	return c.seen
}

// reached returns up to where everything that passes was handed out, as far as the source itself shows.
func (c *Cursor) reached() uint64 {
	switch {
	case c.mode == behind || c.mode == inPicture || c.mode == inZip:
		return c.at
	case c.off > 0:
		return max(c.at, lastSeq(c.source.buf[:c.off]))
	}
	return max(c.at, c.source.base)
}

// drained reports that nothing that was published is left to hand out. The cursor is in the feed.
func (c *Cursor) drained() bool {
	if c.mode == inZip {
		return c.feed.zip.drained(c.block)
	}
	return c.mode == inFeed && c.off == len(c.source.bytes()) && c.source.next.Load() == nil
}

// Wake returns a channel that is closed when TryNext may have something to return, be it bytes or an error. It is already
// closed if that is so now, so the order of Wake and TryNext does not matter and no wake-up is lost. One channel serves all
// cursors of a feed: a worker that drives thousands of them waits for one. A wake-up may come with nothing behind it. Ask
// for a new channel each time.
func (c *Cursor) Wake() <-chan struct{} {
	if c.mode != inFeed && c.mode != inZip || c.done {
		return alreadyClosed
	}
	w := c.feed.waiter()
	if !c.drained() || c.life.over.Load() != nil {
		return alreadyClosed
	}
	return w.c
}

// Place returns a place up to which this stream is complete: every event up to it that passes the filter, of those
// the stream owes its reader, has been returned by Next or TryNext. It never goes down. It may be ahead of the last
// event handed out, as events that don't pass count too; so a reader who comes back with this place has missed nothing,
// gets nothing twice, and a filter under which little passes costs no long search. It is zero until the picture is out, and
// in an empty log the place before its first event.
//
// For a reader who is restricted it is the place of the last event handed out, or the one he came with, and before there is either
// the place before the first event of the log: other events do not count, so that it tells nothing of them. It still never goes down.
func (c *Cursor) Place() event.ID {
	switch {
	case c.mode == inPicture:
		return event.ID{}
	case c.veiled:
		return event.ID{Epoch: c.life.epoch, Seq: c.saw()}
	}
	return event.ID{Epoch: c.life.epoch, Seq: c.complete()}
}

// complete returns the place that Place speaks of, whoever reads.
//
// Why it is exact while others publish: the hub stores the life's place after it has published everything up to there.
// Here that place is read first and the feed's end after it. If then nothing is left to hand out, what was published up
// to the place is out; events published in between only make that an understatement, which the next call mends.
func (c *Cursor) complete() uint64 {
	if c.mode == inPicture {
		return 0
	}
	place := c.feed.complete(c.life)
	if c.drained() {
		c.at = max(c.at, place) // remembered, since the feed may go on before the next call
	}
	return c.reached()
}

// CaughtUp reports that all up to Start().Place has been handed out: the picture, or what was missed. What follows is live.
func (c *Cursor) CaughtUp() bool {
	return c.mode != inPicture && c.complete() >= c.goal
}

// Lag returns by how many places of the log the stream is behind what the hub has handed out, those that don't pass included. It is for
// who runs the server, not for readers.
func (c *Cursor) Lag() uint64 {
	at := c.complete()
	return max(c.life.place.Load(), at) - at
}

// Backlog returns how many bytes the feed has for the cursor that it has not handed out: a very high number when it no longer
// holds them, and zero while the cursor has a picture or a page in hand.
func (c *Cursor) Backlog() int64 {
	switch c.mode {
	case inFeed:
		return c.feed.written.Load() - c.source.start - int64(c.off)
	case inZip:
		return c.feed.zip.backlog(c.block)
	case behind:
		return math.MaxInt64
	}
	return 0
}

// Filter returns what the cursor's events pass.
func (c *Cursor) Filter() event.Filter { return c.feed.filter }

// Every returns the time in which one sample of each type and server is handed out; zero: all are.
func (c *Cursor) Every() time.Duration { return c.feed.every }

// Restricted reports whether the cursor's reader is: see [Subscription].
func (c *Cursor) Restricted() bool { return c.veiled }

// Close gives the cursor's share of its feed back. Place goes on saying how far it came. A second Close does nothing.
func (c *Cursor) Close() {
	if c.done {
		return
	}
	c.complete()
	if c.mode == inZip {
		c.feed.zip.leave()
	}
	if c.mode != inPicture {
		c.at, c.seen = c.reached(), c.saw()
		c.mode = behind
	}
	c.done = true
	c.source, c.then, c.own = nil, position{}, nil
	c.hub.release(c.feed)
}

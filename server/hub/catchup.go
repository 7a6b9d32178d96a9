package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// GapError tells that retention has trimmed some of what a cursor was yet to hand out. What is left follows.
type GapError struct {
	// Events after From, up to and including To. For a reader who is restricted From is the last place that he knows, and To is zero: it might
	// be that of an event he may not see. His gap ends before the event that follows.
	From, To event.ID
	Classes  []event.Class // of these classes
}

func (e *GapError) Error() string {
	return fmt.Sprintf("hub: %v events after %s up to %s were trimmed", e.Classes, e.From, e.To)
}

// join goes on in the feed if it holds all that follows c.at. It reads nothing.
func (c *Cursor) join() bool {
	if c.at < c.feed.base.Load() {
		return false
	}
	c.hub.mu.Lock()
	source := c.feed.find(c.at)
	c.hub.mu.Unlock()
	if source == nil {
		return false
	}
	c.mode, c.source, c.off, c.skip, c.until = inFeed, source, 0, c.at, 0
	return true
}

// CatchUp makes Fill have something again after ErrBehind: it reads the next page from the record, or finds it read already. It waits
// for its turn and for the disk, so it is not for a goroutine that others wait for; only Options.Readers read at once, and those
// who need the same page share it, so that a thousand who come back together cost the log no more than one. A page may turn
// out to be empty, where nothing passes in a long stretch; then Place has moved on.
//
// Errors are those of Next; after a *GapError the page is there.
func (c *Cursor) CatchUp(ctx context.Context) error {
	if c.done {
		return ErrClosed
	}
	if c.mode != behind || c.join() {
		return nil
	}
	for {
		p, read := c.hub.pages.want(c.feed, c.at)
		switch {
		case p == nil: // somebody reads it
			select {
			case <-read.done:
				if p = read.page; p == nil {
					continue
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		case read != nil:
			err := c.readPage(ctx, p)
			c.hub.pages.have(c.feed, p, read, err)
			if errors.Is(err, ErrReset) {
				return c.lifeEnds(ctx)
			}
			if err != nil {
				return err
			}
		}
		return c.turn(p)
	}
}

// rejoin goes on in a page that somebody has read already.
func (c *Cursor) rejoin() bool {
	p := c.hub.pages.at(c.feed, c.at)
	if p == nil || !p.trimmed.IsZero() {
		return false
	}
	_ = c.turn(p) // no gap without a trimmed stretch
	return true
}

// readPage reads what follows c.at into p.
func (c *Cursor) readPage(ctx context.Context, p *page) error {
	select {
	case c.hub.readers <- struct{}{}:
		defer func() { <-c.hub.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	got, err := c.hub.log.Read(ctx, journal.Query{
		After: c.life.id(c.at), Filter: c.feed.filter, Limit: c.hub.o.PageEvents, AcrossTrimmed: true,
	})
	if err := c.checkPage(got, err); err != nil {
		return err
	}
	var buf []byte
	if every := c.feed.every; every > 0 {
		got.Events = sparse(got.Events, every)
	}
	for _, e := range got.Events {
		buf = event.AppendFrame(buf, e)
	}
	p.set(buf)
	p.until, p.trimmed = got.Next.Seq, got.Trimmed
	return nil
}

// lifeEnds returns ErrReset when the hub too has noticed that the log began anew: until then a new Subscribe would only lead
// back here. It does not wait for ever.
func (c *Cursor) lifeEnds(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	for {
		w := c.feed.waiter()
		if c.life.over.Load() != nil {
			return ErrReset
		}
		select {
		case <-w.c:
		case <-ctx.Done():
			return ErrReset
		}
	}
}

// checkPage says what is wrong with an answer to a question for what follows c.at.
func (c *Cursor) checkPage(got journal.Page, err error) error {
	switch {
	case errors.Is(err, journal.ErrGone):
		return ErrReset // the log began anew, and the hub is about to notice
	case err != nil:
		return fmt.Errorf("hub: catch up: %w", err)
	case got.Next.Epoch != c.life.epoch, got.Next.Seq <= c.at && !got.More:
		return ErrReset // the log ends before what the feed has evicted: it was put back to an older copy
	}
	return nil
}

// turn goes on in a page that holds what follows c.at.
func (c *Cursor) turn(p *page) error {
	c.mode, c.source, c.until = inPage, &p.chunk, p.until
	c.off = seek(p.buf, c.at)
	c.settle()
	return c.gap(p.trimmed)
}

// gap returns a *GapError when something was trimmed that might have passed and was not told before.
func (c *Cursor) gap(t journal.Trimmed) error {
	if t.IsZero() {
		return nil
	}
	var told journal.Trimmed
	if c.told != nil {
		told = *c.told
	}
	passing := journal.Classes(c.feed.filter)
	classes := slices.DeleteFunc(slices.Clone(t.Classes), func(cl event.Class) bool {
		old := slices.Contains(told.Classes, cl) && t.To.Seq <= told.To.Seq
		return old || !slices.Contains(passing, cl)
	})
	if len(classes) == 0 {
		return nil
	}
	if t.To.Seq > told.To.Seq {
		told = t
	} else {
		told.Classes = append(slices.Clone(told.Classes), classes...)
	}
	c.told = &told
	if c.veiled {
		return &GapError{From: c.life.id(c.saw()), Classes: classes}
	}
	return &GapError{From: t.From, To: t.To, Classes: classes}
}

package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// GapError tells that retention has trimmed some of what a cursor was yet to hand out. What is left follows.
type GapError struct {
	From, To event.ID      // events after From, up to and including To
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
	c.mode, c.source, c.off, c.skip = inFeed, source, 0, c.at
	c.page = nil
	return true
}

// catchUp reads the next page from the record, or joins the feed. It runs in the goroutine of the one who waits for it, and
// only Options.Readers do so at once, so that a thousand who come back together cost the log no more than a few.
func (c *Cursor) catchUp(ctx context.Context) error {
	select {
	case c.hub.readers <- struct{}{}:
		defer func() { <-c.hub.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.join() {
		return nil
	}
	page, err := c.hub.log.Read(ctx, journal.Query{
		After: c.life.id(c.at), Filter: c.feed.filter, Limit: c.hub.o.PageEvents, AcrossTrimmed: true,
	})
	switch {
	case errors.Is(err, journal.ErrGone):
		return ErrReset // the log began anew, and the hub is about to notice
	case err != nil:
		return fmt.Errorf("hub: catch up: %w", err)
	case page.Next.Epoch != c.life.epoch, page.Next.Seq <= c.at && !page.More:
		return ErrReset // the log ends before what the feed has evicted: it was put back to an older copy
	}

	var buf []byte
	if c.page != nil && cap(c.page.buf) <= 4*c.hub.o.ChunkBytes {
		buf = c.page.buf[:0]
	}
	for _, e := range page.Events {
		buf = event.AppendFrame(buf, e)
	}
	c.page = whole(buf)
	c.page.base = c.at
	c.until = page.Next.Seq
	c.mode, c.source, c.off = inPage, c.page, 0
	c.settle()
	return c.gap(page.Trimmed)
}

// gap returns a *GapError when something was trimmed that might have passed and was not told before.
func (c *Cursor) gap(t journal.Trimmed) error {
	passing := journal.Classes(c.feed.filter)
	classes := slices.DeleteFunc(slices.Clone(t.Classes), func(cl event.Class) bool {
		old := slices.Contains(c.told.Classes, cl) && t.To.Seq <= c.told.To.Seq
		return old || !slices.Contains(passing, cl)
	})
	if t.IsZero() || len(classes) == 0 {
		return nil
	}
	if t.To.Seq > c.told.To.Seq {
		c.told = t
	} else {
		c.told.Classes = append(slices.Clone(c.told.Classes), classes...)
	}
	return &GapError{From: t.From, To: t.To, Classes: classes}
}

package hub

import (
	"context"
	"errors"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

const (
	// thinBytes bounds what one Thin keeps, and so the memory of a slow reader.
	thinBytes = 256 << 10
	// thinEvents bounds how many events one Thin looks through, and so for how long it takes its reader of the record.
	thinEvents = 50_000
)

// Skipped says what Thin left out: Count events of the Classes, after From up to and including To. For a reader who is restricted both
// are places that he knows, or of events that he was to have.
type Skipped struct {
	From, To event.ID
	Classes  []event.Class
	Count    int64
}

// Thin is CatchUp for a reader that is too slow for all there is. It makes Fill have next what must not be left out of the
// backlog, or of as much of it as fits in a quarter of a megabyte: each state event, and of each server and type of sample the newest.
// Lines are left out. The Skipped, whose Count may be zero, has to be told before what Fill has next.
//
// It reads the record even where the feed holds the backlog, so that it costs the slow reader and nobody else. Nothing is
// left out of a picture: there it does nothing. Errors are those of CatchUp.
func (c *Cursor) Thin(ctx context.Context) (Skipped, error) {
	if c.done {
		return Skipped{}, ErrClosed
	}
	if c.mode == inPicture {
		return Skipped{}, nil
	}
	if c.mode == inZip {
		c.feed.zip.leave()
	}
	c.fallBehind()
	before, known := c.seen, c.seen
	select {
	case c.hub.readers <- struct{}{}:
		defer func() { <-c.hub.readers }()
	case <-ctx.Done():
		return Skipped{}, ctx.Err()
	}

	s := sieve{newest: make(map[sampleKey]int)}
	var trimmed error
	from, goal, seen := c.at, c.life.place.Load(), 0
	at := from
	for at < goal && s.bytes < thinBytes && seen < thinEvents {
		got, err := c.hub.log.Read(ctx, journal.Query{
			After: c.life.id(at), Filter: c.feed.filter, Limit: 4 * c.hub.o.PageEvents, AcrossTrimmed: true,
		})
		if err = c.checkPage(got, err); err != nil {
			if errors.Is(err, ErrReset) {
				err = c.lifeEnds(ctx)
			}
			return Skipped{}, err
		}
		if at == from {
			trimmed = c.gap(got.Trimmed)
		}
		for _, e := range got.Events {
			s.add(e)
			known = max(known, e.ID.Seq)
		}
		seen += len(got.Events) + 1
		if at == got.Next.Seq {
			break
		}
		at = got.Next.Seq
	}
	p := new(page)
	p.base, p.until = from, at
	p.set(s.frames())
	c.mode, c.source, c.off, c.until, c.skip = inPage, &p.chunk, 0, p.until, known
	c.settle()
	if c.veiled {
		from, at = before, known
	}
	skipped := Skipped{From: c.life.id(from), To: c.life.id(at), Count: s.left[event.Sample] + s.left[event.Line]}
	for _, class := range event.Classes {
		if s.left[class] > 0 {
			skipped.Classes = append(skipped.Classes, class)
		}
	}
	return skipped, trimmed
}

// A sieve keeps what must not be left out.
type sieve struct {
	kept   []event.Event     // with a zero ID: left out later
	empty  int               // how many of those there are
	newest map[sampleKey]int // where in kept
	bytes  int
	left   [len(event.Classes)]int64
}

type sampleKey struct{ server, typ string }

func (s *sieve) add(e event.Event) {
	class := e.Class()
	switch class {
	case event.Line:
		s.left[class]++
		return
	case event.Sample:
		key := sampleKey{e.Server, e.Type}
		if i, ok := s.newest[key]; ok {
			s.bytes -= len(s.kept[i].Data)
			s.kept[i] = event.Event{}
			s.left[class]++
			if s.empty++; s.empty > 64 && s.empty > len(s.kept)/2 {
				s.compact()
			}
		}
		s.newest[key] = len(s.kept)
	}
	s.kept = append(s.kept, e)
	s.bytes += len(e.Data)
}

// compact closes the gaps in kept. Without it a backlog of samples would leave an empty place for each, tens of thousands of
// them to hold a handful of events.
func (s *sieve) compact() {
	n := 0
	for _, e := range s.kept {
		if e.ID.IsZero() {
			continue
		}
		s.kept[n] = e
		if key := (sampleKey{e.Server, e.Type}); e.Class() == event.Sample {
			s.newest[key] = n
		}
		n++
	}
	clear(s.kept[n:])
	s.kept, s.empty = s.kept[:n], 0
}

func (s *sieve) frames() []byte {
	b := make([]byte, 0, s.bytes+s.bytes/4)
	for _, e := range s.kept {
		if !e.ID.IsZero() {
			b = event.AppendFrame(b, e)
		}
	}
	return b
}

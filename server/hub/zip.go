package hub

import (
	"bytes"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// zipBytes is the most that becomes one block: StatelessDeflate works in stretches of 32 KiB.
	zipBytes = 32<<10 - 1
	// zipAhead bounds what one call compresses, and so for how long it keeps the caller: some two milliseconds.
	zipAhead = 256 << 10
)

// A zip is the compressed form of the newest part of a feed, as blocks of deflate that refer to nothing before them, so that
// every subscriber can be given the same. Each block holds what was published between two looks of whoever was first to look:
// little when it is quiet, more under load, and never something held back.
//
// It is made by those who want it, on the goroutine of the first who does, and only while there are such: publishing
// costs nothing more.
type zip struct {
	mu     sync.Mutex
	users  int
	from   position // in the feed: where the next block begins; no chunk while there are no users
	place  uint64   // the last place in the newest block
	blocks []block  // the newest, numbered from first on
	first  uint64
	held   int // bytes in blocks
	w      bytes.Buffer
}

// A block is whole frames, compressed. Those after from up to and including to, of which the first is head.
type block struct {
	b              []byte
	from, head, to uint64
	plain          int
}

func (z *zip) end() uint64 { return z.first + uint64(len(z.blocks)) }

// advance compresses what was published since. z.mu is held.
func (z *zip) advance(limit int) {
	for done := 0; done < zipAhead; {
		final := z.from.chunk.bytes()
		if z.from.off == len(final) {
			next := z.from.chunk.next.Load()
			switch {
			case next == nil:
				return
			case z.from.off < len(z.from.chunk.bytes()):
				continue // it grew before it was sealed
			case next == evicted:
				z.restart(position{}, 0) // its users fall behind
				return
			}
			z.from = position{chunk: next}
			continue
		}
		part := final[z.from.off:]
		part = part[:cut(part, zipBytes)]
		z.w.Reset()
		if err := flate.StatelessDeflate(&z.w, part, false, nil); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		b := block{b: bytes.Clone(z.w.Bytes()), from: z.place, head: seqOf(part), to: lastSeq(part), plain: len(part)}
		z.blocks = append(z.blocks, b)
		z.held += len(b.b)
		z.from.off += len(part)
		z.place = b.to
		done += len(part)
	}
	for z.held > limit && len(z.blocks) > 1 {
		z.held -= len(z.blocks[0].b)
		z.blocks[0] = block{}
		z.blocks = z.blocks[1:]
		z.first++
	}
}

// restart forgets all blocks, and makes a hole in their numbers by which each user sees that it lost its place. z.mu is held.
func (z *zip) restart(from position, place uint64) {
	z.first = z.end() + 1
	z.blocks, z.held = nil, 0
	z.from, z.place = from, place
}

func (z *zip) leave() {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.users--; z.users == 0 {
		z.restart(position{}, 0)
		z.w = bytes.Buffer{}
	}
}

// drained reports that there is nothing after the blocks before number n, compressed or not.
func (z *zip) drained(n uint64) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return n == z.end() && z.from.chunk != nil && z.atEnd()
}

// atEnd reports that all that was published is compressed. z.mu is held.
func (z *zip) atEnd() bool {
	return z.from.off == len(z.from.chunk.bytes()) && z.from.chunk.next.Load() == nil
}

// backlog returns the plain bytes in the blocks from number n on, and what is not compressed yet of the chunk in hand.
func (z *zip) backlog(n uint64) (sum int64) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if n < z.first || z.from.chunk == nil {
		return math.MaxInt64
	}
	for _, b := range z.blocks[n-z.first:] {
		sum += int64(b.plain)
	}
	return sum + int64(len(z.from.chunk.bytes())-z.from.off)
}

// Deflate makes the cursor hand out compressed blocks where it can: live, and as far back as they are kept. What comes before
// that is handed out as frames: see Batch.Zipped.
func (c *Cursor) Deflate() { c.gzip = true }

// enterZip goes over to compressed blocks if one begins, or will, where the cursor stands. Otherwise it sets c.until to
// where the next one begins, if that is known. The cursor is in the feed.
func (c *Cursor) enterZip() bool {
	at := c.reached()
	if c.skip > 0 || at < c.until {
		return false
	}
	z := &c.feed.zip
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.from.chunk == nil {
		z.restart(position{c.source, c.off}, at)
	} else if z.advance(c.hub.o.FeedBytes / 4); z.from.chunk == nil {
		return false // evicted, as we are about to see
	}
	final := c.source.bytes()
	next := uint64(0) // the frame that the cursor hands out next, if it is in this chunk
	if c.off < len(final) {
		next = seqOf(final[c.off:])
	}
	n := z.first
	for _, b := range z.blocks {
		if b.from > at && b.head != next { // with nothing in between it is all the same
			c.until = b.from
			return false
		}
		if at < b.head {
			break
		}
		n++
	}
	if n == z.end() && z.from != (position{c.source, c.off}) {
		switch final := z.from.chunk.bytes(); {
		case at < z.place: // within the newest block
			c.until = z.place
			return false
		case z.from.off < len(final):
			if seqOf(final[z.from.off:]) <= at {
				return false // there is more of it than one call compresses
			}
		case z.from.chunk.next.Load() != nil:
			return false
		}
	}
	z.users++
	c.seen = c.saw()
	c.at, c.block = at, n
	c.mode, c.source, c.off, c.until = inZip, nil, 0, 0
	return true
}

// fillZip adds blocks to b, up to limit bytes.
func (c *Cursor) fillZip(b *Batch, limit int) {
	z := &c.feed.zip
	z.mu.Lock()
	if c.block == z.end() && z.from.chunk != nil {
		z.advance(c.hub.o.FeedBytes / 4)
	}
	if c.block < z.first || z.from.chunk == nil { // evicted, or begun anew by somebody else
		z.mu.Unlock()
		z.leave()
		c.mode, c.block = behind, 0
		return
	}
	defer z.mu.Unlock()
	b.first = c.block
	for c.block < z.end() {
		next := z.blocks[c.block-z.first]
		if b.More = len(next.b) > limit && len(b.Bufs) > 0; b.More {
			return
		}
		b.add(c, next.b)
		b.places = append(b.places, next.to)
		b.Zipped = true
		b.Plain += next.plain
		limit -= len(next.b)
		c.block++
		c.at = next.to
		c.seen = max(c.seen, next.to)
	}
	b.More = !z.atEnd() // one look compresses only so much
}

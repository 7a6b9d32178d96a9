package hub

import "bytes"

// Batch is what one Fill hands out. It may be used for any number of cursors, one after the other: a worker that drives
// thousands needs one. The slices share the memory of others and must not be changed; they are valid until the next Fill or Reset.
type Batch struct {
	Bufs [][]byte // whole frames in order, or, when Zipped, whole blocks of deflate
	Size int      // bytes in Bufs
	// Zipped says that Bufs are deflate blocks that refer to nothing before them; Plain is then how long they are unpacked. Only
	// cursors that called Deflate get such.
	Zipped bool
	Plain  int
	// More says that the next Fill is worth its while at once: there is more, or an error. Otherwise what comes next is announced:
	// see Feed.Watch and Wake.
	More bool

	stands []stand  // where the cursor stood before each of Bufs
	first  uint64   // of blocks: the number of the first
	places []uint64 // and the place that each reaches
}

// Reset lets go of what the batch shares.
func (b *Batch) Reset() {
	clear(b.Bufs)
	clear(b.stands)
	b.Bufs, b.stands, b.places = b.Bufs[:0], b.stands[:0], b.places[:0]
	b.Size, b.Plain, b.Zipped, b.More = 0, 0, false, false
}

func (b *Batch) add(c *Cursor, p []byte) {
	b.stands = append(b.stands, c.stand)
	b.Bufs = append(b.Bufs, p)
	b.Size += len(p)
}

// Fill makes b what the cursor has to hand out next, up to limit bytes, or one frame or block if that alone is longer. With
// nothing at hand it is empty, and the error nil; ErrBehind says that the next bytes have to be read from the record: call
// CatchUp. The other errors are those of Next. It does no I/O; the only wait is for another goroutine that compresses the
// very bytes which are wanted here.
func (c *Cursor) Fill(b *Batch, limit int) error {
	b.Reset()
	if c.done {
		return ErrClosed
	}
	limit = max(limit, 1)
	over := c.life.over.Load() // before the bytes are looked at, so that all that was published comes first
	for limit > 0 {
		if c.mode == behind {
			if !c.join() && !c.rejoin() {
				break
			}
			continue // an empty page leaves it behind
		}
		if c.mode == inZip {
			if c.fillZip(b, limit); c.mode == inZip {
				break
			}
			continue // it fell behind
		}
		final := c.source.bytes()
		if c.mode == inFeed {
			if c.skip > 0 {
				c.off += seek(final[c.off:], c.skip)
				if c.off < len(final) {
					c.skip = 0
				}
			}
			if c.gzip && c.enterZip() {
				if b.More = len(b.Bufs) > 0; b.More {
					break // the two kinds of bytes don't mix
				}
				continue
			}
		}
		if c.off == len(final) {
			if !c.step() {
				break
			}
			continue
		}
		part := final[c.off:]
		if c.mode == inFeed && c.until > 0 { // up to the next compressed block, and no further
			part = part[:seek(part, c.until)]
			if len(part) == 0 {
				c.until = 0
				continue
			}
		}
		n := cut(part, limit)
		if n > limit && len(b.Bufs) > 0 {
			b.More = true
			break // a frame that does not fit behind what we have
		}
		b.add(c, part[:n:n])
		c.off += n
		limit -= n
		c.settle()
	}
	switch {
	case len(b.Bufs) > 0:
		b.More = b.More || limit <= 0 || c.mode == behind || over != nil
		return nil
	case over != nil:
		return *over
	case c.mode == behind:
		return ErrBehind
	}
	return nil
}

// Return takes back all of the cursor's last Fill but its first n bytes: they will be handed out again. It returns the rest of
// the frame or block in which byte n falls, nil when n ends one. That rest counts as handed out; the caller has to
// deliver it before anything else. It shares the batch's memory.
func (c *Cursor) Return(b *Batch, n int) (rest []byte) {
	if n >= b.Size || c.done {
		return nil
	}
	i := 0
	for ; n >= len(b.Bufs[i]); i++ {
		n -= len(b.Bufs[i])
	}
	p, was := b.Bufs[i], c.mode
	if c.stand = b.stands[i]; b.Zipped {
		if c.block = b.first + uint64(i); n == 0 {
			return nil
		}
		c.block, c.at, c.seen = c.block+1, b.places[i], max(c.seen, b.places[i])
		return p[n:]
	}
	if was == inZip { // it went over behind these bytes
		c.feed.zip.leave()
	}
	end := n
	if n > 0 && (n < len(frameEnd) || !bytes.Equal(p[n-len(frameEnd):n], frameEnd)) {
		end = n - 1 + frameLen(p[n-1:])
	}
	c.off += end
	c.settle()
	return p[n:end]
}

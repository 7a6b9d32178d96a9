package model

import (
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of the blocks of a Log.
const (
	blockLines = 256
	blockBytes = 128 << 10
	openLines  = 2 * blockLines // of the newest lines, which are in this program's own memory
	openBytes  = 2 * blockBytes
	loadedMost = 4 // blocks that were read last, and are likely to be read again
)

// Log is the newest lines of all servers, in the order of their times, those of one instant in the order of places: at most
// MaxLines and MaxLogBytes, the oldest go first. The newest are in memory; all others are in blocks on a Shelf, of which
// only an index is here. A line that comes late goes to its place, whichever that is. Lines that are not here, and stand
// between such that are, are told by a Line with a Gap.
type Log struct {
	// Rev rises with each change of what is held.
	Rev uint64
	// Full is set once lines had to go because no more can be held.
	Full bool

	shelf  Shelf
	blocks []*block // in order; the last is the open one, which is not on the shelf and may be empty
	open   packed
	spare  packed // the memory of the open block that was before
	late   []Line // lines that belong among older blocks, until the batch is over
	lines  int    // gaps are no lines
	bytes  int
	names  names
	newest event.ID // the highest place of a line
	merges bool     // while it does, no block is dropped

	past   map[string]*Past // by server; "" is all
	loaded []loaded         // the one read last is first
	stamp  uint64
	viewer uint64 // the View that looked last
	viewed uint64 // how often one has
	buf    []byte
}

// block is the index of a block: what is in it, and what a View made of that.
type block struct {
	shelf       int // zero: the open one
	stamp       uint64
	n, bytes    int
	first, last key
	least       event.ID // the lowest place in it
	gaps        int
	seen        seen
}

type loaded struct {
	shelf int
	buf   []byte
	packed
}

func newLog(shelf Shelf) Log {
	return Log{shelf: shelf, blocks: []*block{{}}, past: make(map[string]*Past)}
}

// Len returns how many lines are held.
func (l *Log) Len() int { return l.lines }

// Bytes returns how much they take on the shelf and in memory, but for the index.
func (l *Log) Bytes() int { return l.bytes }

// Oldest returns the time of the oldest line held; zero when none is.
func (l *Log) Oldest() time.Time {
	if b := l.blocks[0]; b.n > 0 {
		return time.UnixMilli(b.first.ms).UTC()
	}
	return time.Time{}
}

// Each calls f with every line and gap that is held, oldest first.
func (l *Log) Each(f func(Line)) {
	for _, b := range l.blocks {
		p := l.load(b)
		for i := range p.recs {
			f(p.line(&p.recs[i], &l.names))
		}
	}
}

// load returns what is in the block. It is good until the next call, and must not be changed.
func (l *Log) load(b *block) *packed {
	if b.shelf == 0 {
		return &l.open
	}
	i := slices.IndexFunc(l.loaded, func(o loaded) bool { return o.shelf == b.shelf })
	if i < 0 {
		if len(l.loaded) < loadedMost {
			l.loaded = append(l.loaded, loaded{})
		}
		i = len(l.loaded) - 1
		o := &l.loaded[i]
		o.shelf = b.shelf
		if cap(o.buf) > 4*blockBytes {
			o.buf = nil // one very long line is no reason to keep so much
		}
		o.buf = l.shelf.Get(b.shelf, o.buf[:0])
		o.read(o.buf)
	}
	if i > 0 {
		o := l.loaded[i]
		copy(l.loaded[1:], l.loaded[:i])
		l.loaded[0] = o
	}
	return &l.loaded[0].packed
}

// rec returns what the line is found by, its names counted as used once more.
func (l *Log) rec(line *Line) rec {
	r := rec{key: line.key(), level: line.Level}
	number := func(word string) uint16 {
		for {
			if i, ok := l.names.number(word); ok {
				return i
			}
			if l.merges || !l.dropOldest() {
				i, _ := l.names.number("")
				return i
			}
		}
	}
	r.server, r.typ = number(line.Server), number(line.Type)
	if !r.gap {
		l.lines++
		if r.place.Epoch != l.newest.Epoch || r.place.Seq > l.newest.Seq {
			l.newest = r.place
		}
	}
	return r
}

// forget undoes rec.
func (l *Log) forget(r *rec) {
	if !r.gap {
		l.lines--
	}
	l.names.release(r.server)
	l.names.release(r.typ)
}

// push takes a line that has come: it is in its place when settle has been called.
func (l *Log) push(line Line) {
	n := len(l.blocks)
	open, late := l.blocks[n-1], false
	switch {
	case open.n > 0 && (n > 1 || open.n >= blockLines):
		late = line.key().compare(open.first) < 0
	case open.n == 0 && n > 1:
		late = line.key().compare(l.blocks[n-2].last) <= 0
	}
	if late {
		line.Data = slices.Clone(line.Data)
		l.late = append(l.late, line)
		return
	}
	l.toOpen(&line)
}

// settle puts the late lines where they belong and lets the oldest go beyond the bounds.
func (l *Log) settle() {
	if len(l.late) > 0 {
		l.merge(l.late)
		clear(l.late)
		l.late = l.late[:0]
	}
	for (l.lines > MaxLines || l.bytes > MaxLogBytes) && l.dropOldest() {
		l.Full = true
	}
}

// toOpen inserts the line into the open block and reports whether it was new.
func (l *Log) toOpen(line *Line) bool {
	open := l.blocks[len(l.blocks)-1]
	r := l.rec(line)
	was := len(l.open.body)
	if !l.open.insert(line, r) {
		l.forget(&r)
		return false
	}
	if r.gap {
		open.gaps++
	}
	if open.n == 0 || r.place.Compare(open.least) < 0 {
		open.least = r.place
	}
	l.changed(open, &l.open, len(l.open.body)-was+recSize)
	if n := len(l.open.recs); n >= openLines || n > 1 && len(l.open.body) > openBytes {
		l.seal()
	}
	return true
}

// changed brings the index of a block up to date.
func (l *Log) changed(b *block, p *packed, more int) {
	l.Rev++
	l.stamp++
	b.stamp = l.stamp
	b.n, b.bytes = len(p.recs), b.bytes+more
	l.bytes += more
	if b.n > 0 {
		b.first, b.last = p.recs[0].key, p.recs[b.n-1].key
	}
}

// survey looks through a whole block.
func (b *block) survey(p *packed) {
	b.gaps, b.least = 0, event.ID{}
	for i := range p.recs {
		r := &p.recs[i]
		if r.gap {
			b.gaps++
		}
		if i == 0 || r.place.Compare(b.least) < 0 {
			b.least = r.place
		}
	}
}

// dropOldest lets the oldest block go, unless it is the open one.
func (l *Log) dropOldest() bool {
	if len(l.blocks) == 1 {
		return false
	}
	b := l.blocks[0]
	p := l.load(b)
	l.dropped(p, l.blocks[1])
	for i := range p.recs {
		l.forget(&p.recs[i])
	}
	l.shelf.Drop(b.shelf)
	l.bytes -= b.bytes
	l.blocks = slices.Delete(l.blocks, 0, 1)
	l.Rev++
	return true
}

// takeGap takes out the gap between the two places, and reports whether it was there.
func (l *Log) takeGap(from, to event.ID) (gap Line, ok bool) {
	for at, b := range l.blocks {
		if b.gaps == 0 {
			continue
		}
		p := l.load(b)
		for i := range p.recs {
			if !p.recs[i].gap {
				continue
			}
			line := p.line(&p.recs[i], &l.names)
			if line.Gap.From != from || line.Gap.To != to {
				continue
			}
			l.forget(&p.recs[i])
			if b.shelf == 0 {
				l.open.recs = slices.Delete(l.open.recs, i, i+1)
				b.gaps--
				l.emptied(b)
			} else {
				rest := packed{recs: slices.Delete(slices.Clone(p.recs), i, i+1), body: slices.Clone(p.body)}
				l.replace(at, &rest)
			}
			return line, true
		}
	}
	return gap, false
}

// emptied brings the index of the open block up to date when a line was taken out.
func (l *Log) emptied(b *block) {
	if len(l.open.recs) > 0 {
		l.changed(b, &l.open, 0)
		return
	}
	l.Rev++
	l.stamp++
	l.bytes -= b.bytes
	*b = block{stamp: l.stamp}
	l.open = packed{}
}

// clear forgets everything.
func (l *Log) clear() {
	for _, b := range l.blocks {
		if b.shelf != 0 {
			l.shelf.Drop(b.shelf)
		}
	}
	rev, stamp, viewed := l.Rev+1, l.stamp+1, l.viewed
	*l = newLog(l.shelf)
	l.Rev, l.stamp, l.viewed = rev, stamp, viewed
	l.blocks[0].stamp = stamp
}

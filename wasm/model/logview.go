package model

import (
	"math/bits"
	"slices"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Marks that a Finder puts around what it has found. No held text has these characters.
const (
	MarkBegin = '\x01'
	MarkEnd   = '\x02'
)

// Finder looks for something in texts.
type Finder interface {
	// Find calls hit with the number of each of the n texts that has it, in order; the texts are joined by NUL characters.
	Find(joined []byte, n int, hit func(i int))
	// Mark returns s with the character 1 before and 2 after each place that has it.
	Mark(s string) string
}

// Spot is where a line stands in a Log.
type Spot = key

// Filter chooses lines.
type Filter struct {
	Server string // "" is all
	Hidden [NumLevels]bool
	Until  event.ID // only lines up to this place; zero: all
	Find   Finder   // nil: nothing is searched for
	Only   bool     // only lines in which something is found, and gaps
}

// View is which lines of a Log pass a Filter, its rows, and in which of those something is found, its hits. It is kept up to
// date block by block, and only what has changed is looked at. A Log has one View that is up to date at a time.
type View struct {
	f     Filter
	gen   uint64
	rows  int
	hits  int
	fresh int
	joins []byte
	which []int
}

// seen is what a View made of a block.
type seen struct {
	gen, stamp        uint64
	floor, until      event.ID
	rows, hits        [openLines / 64]uint64
	nrows, nhits, new int
}

// Set begins anew with another filter.
func (v *View) Set(f Filter) { v.f, v.gen, v.rows, v.hits, v.fresh = f, 0, 0, 0, 0 }

// Hold has no line in that comes after those that are held now; with false they may again.
func (v *View) Hold(l *Log, hold bool) {
	v.f.Until = event.ID{}
	if hold {
		v.f.Until = l.newest
	}
}

// Filter returns what Set was given.
func (v *View) Filter() Filter { return v.f }

// Rows returns how many lines and gaps pass, as far as Step has come; Hits in how many of them something is found; Fresh how
// many more would, but for Until.
func (v *View) Rows() int  { return v.rows }
func (v *View) Hits() int  { return v.hits }
func (v *View) Fresh() int { return v.fresh }

// Step brings the View up to date, newest lines first, for as long as more says so, which it asks after each block; and
// reports whether it is.
func (v *View) Step(l *Log, more func() bool) bool {
	if v.gen == 0 {
		l.stamp++
		v.gen = l.stamp
	}
	l.viewer = v.gen
	var floor event.ID
	if v.f.Server == "" {
		floor = l.Past("").Floor
	}
	done := true
	for i := len(l.blocks); i > 0; i-- {
		b := l.blocks[i-1]
		s := &b.seen
		if s.gen == v.gen && s.stamp == b.stamp && (s.until == v.f.Until || s.new == 0) && (s.floor == floor || b.least.Compare(s.floor) >= 0 && b.least.Compare(floor) >= 0) {
			continue
		}
		v.look(l, b, floor)
		if !more() {
			done = i == 1
			break
		}
	}
	v.rows, v.hits, v.fresh = 0, 0, 0
	for _, b := range l.blocks {
		if s := v.of(b); s != nil {
			v.rows += s.nrows
			v.hits += s.nhits
			v.fresh += s.new
		}
	}
	return done
}

// Current reports whether no other View has been brought up to date since this one was: what is known of the blocks is of one.
func (v *View) Current(l *Log) bool { return v.gen != 0 && v.gen == l.viewer }

// of returns what is known of a block, or nil while it has not been looked at.
func (v *View) of(b *block) *seen {
	if b.seen.gen == v.gen && b.seen.stamp == b.stamp {
		return &b.seen
	}
	return nil
}

// look looks at a block.
func (v *View) look(l *Log, b *block, floor event.ID) {
	s := seen{gen: v.gen, stamp: b.stamp, floor: floor, until: v.f.Until}
	p := l.load(b)
	server, held := l.names.find[v.f.Server]
	v.joins, v.which = v.joins[:0], v.which[:0]
	for i := range p.recs {
		r := &p.recs[i]
		switch {
		case v.f.Server != "" && (!held || r.server != server) && !(r.gap && r.server == 0):
			continue
		case !r.gap && v.f.Hidden[r.level]:
			continue
		case !floor.IsZero() && !r.gap && r.place.Epoch == floor.Epoch && r.place.Seq < floor.Seq:
			continue
		case !v.f.Until.IsZero() && r.place.Compare(v.f.Until) > 0:
			if !r.gap {
				s.new++
			}
			continue
		}
		if v.f.Find != nil && !r.gap {
			if len(v.which) > 0 {
				v.joins = append(v.joins, 0)
			}
			v.joins = append(v.joins, p.text(r)...)
			v.which = append(v.which, i)
			if v.f.Only {
				continue
			}
		}
		s.rows[i/64] |= 1 << (i % 64)
		s.nrows++
	}
	if len(v.which) > 0 {
		v.f.Find.Find(v.joins, len(v.which), func(n int) {
			i := v.which[n]
			s.hits[i/64] |= 1 << (i % 64)
			s.nhits++
			if v.f.Only {
				s.rows[i/64] |= 1 << (i % 64)
				s.nrows++
			}
		})
	}
	if cap(v.joins) > 4*blockBytes {
		v.joins = nil
	}
	b.seen = s
}

// Window calls f with the rows from the one that many rows before the end, up to but without the one to rows before it,
// oldest first. Line makes the line itself, which costs more than to know where it stands; it is to be called within f.
func (v *View) Window(l *Log, from, to int, f func(at Spot, hit bool, line func() Line)) {
	from, to = min(from, v.rows), max(to, 0)
	first, skip := v.block(l, from)
	for left := from - to; left > 0 && first < len(l.blocks); first++ {
		b := l.blocks[first]
		s := v.of(b)
		if s == nil || s.nrows <= skip {
			if s != nil {
				skip -= s.nrows
			}
			continue
		}
		p := l.load(b)
		each(&s.rows, func(i int) bool {
			if skip > 0 {
				skip--
				return true
			}
			r := &p.recs[i]
			f(r.key, s.hits[i/64]&(1<<(i%64)) != 0, func() Line { return p.line(r, &l.names) })
			left--
			return left > 0
		})
	}
}

// block returns the block in which the row that many rows before the end is, and how many rows of it are before.
func (v *View) block(l *Log, back int) (at, skip int) {
	for i := len(l.blocks); i > 0; i-- {
		if s := v.of(l.blocks[i-1]); s != nil {
			if back -= s.nrows; back <= 0 {
				return i - 1, -back
			}
		}
	}
	return 0, 0
}

// each calls f with the number of each bit that is set, until it returns false.
func each(set *[openLines / 64]uint64, f func(i int) bool) {
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			if !f(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// Back returns how many rows before the end the row at the spot is, or the one after it where it has none: 1 is the last.
func (v *View) Back(l *Log, at Spot) int {
	n := 0
	for i := len(l.blocks); i > 0; i-- {
		b := l.blocks[i-1]
		s := v.of(b)
		if s == nil || b.n == 0 {
			continue
		}
		if b.first.compare(at) >= 0 {
			n += s.nrows
			continue
		}
		p := l.load(b)
		each(&s.rows, func(i int) bool {
			if p.recs[i].compare(at) >= 0 {
				n++
			}
			return true
		})
		break
	}
	return n
}

// Hit returns the next row with a hit after the spot, or before it; the zero Spot is before all, and after all.
func (v *View) Hit(l *Log, at Spot, before bool) (found Spot, ok bool) {
	visit := func(b *block) bool { // false: found
		s := v.of(b)
		if s == nil || s.nhits == 0 {
			return true
		}
		p := l.load(b)
		each(&s.hits, func(i int) bool {
			k := p.recs[i].key
			if before {
				if at == (Spot{}) || k.compare(at) < 0 {
					found, ok = k, true
					return true
				}
				return false
			}
			if at == (Spot{}) || k.compare(at) > 0 {
				found, ok = k, true
			}
			return !ok
		})
		return !ok
	}
	if before {
		for i := len(l.blocks); i > 0 && visit(l.blocks[i-1]); i-- {
		}
		return found, ok
	}
	for i := 0; i < len(l.blocks) && visit(l.blocks[i]); i++ {
	}
	return found, ok
}

// Newest returns the highest place of the lines held: what comes later has a higher one, whatever its time.
func (l *Log) Newest() event.ID { return l.newest }

// Find returns where the line with that place stands.
func (l *Log) Find(place event.ID) (at Spot, ok bool) {
	for i := len(l.blocks); i > 0; i-- {
		p := l.load(l.blocks[i-1])
		j := slices.IndexFunc(p.recs, func(r rec) bool { return r.place == place && !r.gap })
		if j >= 0 {
			return p.recs[j].key, true
		}
	}
	return at, false
}

// Line returns the line that stands there.
func (l *Log) Line(at Spot) (line Line, ok bool) {
	i := l.blockOf(at)
	if i < 0 {
		return line, false
	}
	p := l.load(l.blocks[i])
	j, ok := slices.BinarySearchFunc(p.recs, at, func(r rec, k key) int { return r.compare(k) })
	if !ok {
		return line, false
	}
	return p.line(&p.recs[j], &l.names), true
}

// SpotAt returns the spot before all lines of that time, in Unix milliseconds.
func SpotAt(ms int64) Spot { return Spot{ms: ms} }

// IsGap reports whether a gap stands there, and Place which line does.
func (k key) IsGap() bool { return k.gap }

// Place returns which line stands there.
func (k key) Place() event.ID { return k.place }

// Spot returns where the line stands.
func (l *Line) Spot() Spot { return l.key() }

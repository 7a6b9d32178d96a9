package model

import (
	"math/bits"
	"slices"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Spot is where a line stands in a Log.
type Spot = key

// Filter chooses lines.
type Filter struct {
	Server string // "" is all
	Type   string // "logs:app"; "" is all
	Hidden [NumLevels]bool
	Until  event.ID // only lines up to this place; zero: all
	Find   *Finder  // nil: nothing is searched for
	Only   bool     // only lines in which something is found, and gaps
}

// View is which lines of a Log pass a Filter, its rows, and in which of those something is found, its hits. It is kept up to
// date block by block, and only what has changed is looked at. A Log has one View that is up to date at a time.
type View struct {
	f     Filter
	gen   uint64 // of what passes; zero: a new one is to be taken
	hunt  uint64 // of what is found
	near  Spot
	rows  int
	hits  int
	fresh int
	laid  bool
	// levels is how many lines of each level there are, those that are hidden too.
	levels [NumLevels]int
}

// seen is what a View made of a block.
type seen struct {
	gen, stamp, hunt  uint64
	floor, until      event.ID
	pass, hits        [openLines / 64]uint64 // lines and gaps that pass; lines in which something is found
	gaps              [openLines / 64]uint64 // gaps that pass
	nrows, nhits, new int
	levels            [NumLevels]uint16
}

// rows returns which are rows.
func (s *seen) rows(only bool) [openLines / 64]uint64 {
	if !only {
		return s.pass
	}
	rows := s.hits
	for i := range rows {
		rows[i] |= s.gaps[i]
	}
	return rows
}

// Set begins anew with another filter. Where it asks for no other lines, but for what is found in them, rows stay known.
func (v *View) Set(f Filter) {
	was := v.f
	was.Find, was.Only = f.Find, f.Only
	if was != f || f.only() || v.f.only() {
		v.gen, v.rows, v.fresh, v.laid = 0, 0, 0, false
	}
	v.f, v.hunt, v.hits = f, 0, 0
}

func (f *Filter) only() bool { return f.Only && f.Find != nil }

// Near says where the reader is: there it is searched first. The zero Spot is the end.
func (v *View) Near(at Spot) { v.near = at }

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

// Levels returns how many lines of each level there are, of those that would be rows if no level was hidden.
func (v *View) Levels() [NumLevels]int { return v.levels }

// Laid reports whether all rows are known, though maybe not yet in which something is found.
func (v *View) Laid() bool { return v.laid }

// Step brings the View up to date for as long as more says so, which it asks after each block, and reports whether it is.
// First comes which lines are rows, newest first, and then in which something is found: near the reader, then newest first.
func (v *View) Step(l *Log, more func() bool) (done bool) {
	l.viewed++
	if v.gen == 0 {
		v.gen = l.viewed
	}
	if v.hunt == 0 {
		v.hunt = l.viewed
	}
	l.viewer = v.gen
	var floor event.ID
	if v.f.Server == "" {
		floor = l.Past("").Floor
	}
	// What passes is a tenth of the work of a search, and comes first: then all that is on the page stands where it stays.
	done, laid := true, true
	look := func(i int, search bool) bool {
		b := l.blocks[i]
		fits := v.fits(b, floor)
		if fits && (!search || b.seen.hunt == v.hunt) {
			return true
		}
		v.look(l, b, floor, fits, search)
		if !more() {
			done = false
		}
		return done
	}
	for i := len(l.blocks) - 1; i >= 0 && laid; i-- {
		if !look(i, v.f.only()) {
			laid = i == 0
		}
	}
	v.laid = laid
	if v.f.Find != nil && done {
		at := len(l.blocks) - 1
		if v.near != (Spot{}) {
			at = max(l.blockOf(v.near), 0)
		}
		for i := max(at-1, 0); i <= min(at+1, len(l.blocks)-1) && look(i, true); i++ {
		}
		for i := len(l.blocks) - 1; i >= 0 && done && look(i, true); i-- {
		}
	}
	v.rows, v.hits, v.fresh, v.levels = 0, 0, 0, [NumLevels]int{}
	for _, b := range l.blocks {
		if s := v.of(b); s != nil {
			v.rows += s.nrows
			v.fresh += s.new
			for i, n := range s.levels {
				v.levels[i] += int(n)
			}
			if s.hunt == v.hunt {
				v.hits += s.nhits
			}
		}
	}
	return done
}

// fits reports whether what is known of which lines of the block pass is still so.
func (v *View) fits(b *block, floor event.ID) bool {
	s := v.of(b)
	return s != nil && (s.until == v.f.Until || s.new == 0) && (s.floor == floor || b.least.Compare(s.floor) >= 0 && b.least.Compare(floor) >= 0)
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

// look looks at a block: at what passes, unless it is known, and at what is found.
func (v *View) look(l *Log, b *block, floor event.ID, known, search bool) {
	p := l.load(b)
	if !known {
		b.seen = v.passing(l, b, p, floor)
	}
	s := &b.seen
	if !search {
		return
	}
	s.hunt, s.hits, s.nhits = v.hunt, [openLines / 64]uint64{}, 0
	each(&s.pass, func(i int) bool {
		if r := &p.recs[i]; !r.gap && v.f.Find.Find(p.text(r)) {
			s.hits[i/64] |= 1 << (i % 64)
			s.nhits++
		}
		return true
	})
	if v.f.Only {
		s.nrows = s.nhits
		each(&s.gaps, func(int) bool { s.nrows++; return true })
	}
}

// passing returns which lines of a block pass.
func (v *View) passing(l *Log, b *block, p *packed, floor event.ID) seen {
	s := seen{gen: v.gen, stamp: b.stamp, floor: floor, until: v.f.Until}
	server, held := l.names.find[v.f.Server]
	typ, some := l.names.find[v.f.Type]
	for i := range p.recs {
		r := &p.recs[i]
		switch {
		case v.f.Server != "" && (!held || r.server != server) && !(r.gap && r.server == 0):
			continue
		case !r.gap && v.f.Type != "" && (!some || r.typ != typ):
			continue
		case !floor.IsZero() && !r.gap && r.place.Epoch == floor.Epoch && r.place.Seq < floor.Seq:
			continue
		case !v.f.Until.IsZero() && r.place.Compare(v.f.Until) > 0:
			if !r.gap && !v.f.Hidden[r.level] && (!v.f.only() || v.f.Find.Find(p.text(r))) {
				s.new++
			}
			continue
		}
		if !r.gap {
			s.levels[r.level]++
			if v.f.Hidden[r.level] {
				continue
			}
		}
		s.pass[i/64] |= 1 << (i % 64)
		if r.gap {
			s.gaps[i/64] |= 1 << (i % 64)
		}
		s.nrows++
	}
	return s
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
		p, rows := l.load(b), s.rows(v.f.only())
		each(&rows, func(i int) bool {
			if skip > 0 {
				skip--
				return true
			}
			r := &p.recs[i]
			f(r.key, s.hunt == v.hunt && s.hits[i/64]&(1<<(i%64)) != 0, func() Line { return p.line(r, &l.names) })
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
		p, rows := l.load(b), s.rows(v.f.only())
		each(&rows, func(i int) bool {
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
		if s == nil || s.hunt != v.hunt || s.nhits == 0 {
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

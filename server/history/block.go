package history

import (
	"slices"

	"github.com/mcp-cloud/telltale/shared/event"
)

// slots is how many buckets a block has.
const slots = 60

// block is sixty buckets of one metric of one server, in memory only those that have something.
type block struct {
	fields int
	last   event.ID // the newest event folded in: those up to it are in already
	rows   []row    // by slot
	cells  []cell   // of each row as many as there are fields

	dirty   bool // there is more in it than on the shelf
	touched bool // since letGo
}

// row is one bucket.
type row struct {
	slot uint8
	n    uint32 // samples
}

// cell is one number of a bucket.
type cell struct {
	min, max, mean float32
	n              uint32 // samples that had it; 0: the rest means nothing
}

// has reports whether the event at that place has been folded in.
func (b *block) has(id event.ID) bool { return b.last.Epoch == id.Epoch && id.Seq <= b.last.Seq }

// add folds one sample in.
func (b *block) add(slot uint8, v *values, id event.ID) {
	if b.has(id) {
		return
	}
	b.last, b.dirty, b.touched = id, true, true
	i, ok := len(b.rows)-1, false
	if i >= 0 && b.rows[i].slot == slot {
		ok = true
	} else if i++; i > 0 && b.rows[i-1].slot > slot { // a late one
		i, ok = slices.BinarySearchFunc(b.rows, slot, func(r row, slot uint8) int { return int(r.slot) - int(slot) })
	}
	if !ok {
		b.rows = slices.Insert(b.rows, i, row{slot: slot})
		var empty [maxFields]cell
		b.cells = slices.Insert(b.cells, i*b.fields, empty[:b.fields]...)
	}
	b.rows[i].n++
	cells := b.cells[i*b.fields:][:b.fields]
	for f := range cells {
		if x := v[f]; x == x {
			cells[f].add(x)
		}
	}
}

func (c *cell) add(x float32) {
	if c.n == 0 {
		*c = cell{x, x, x, 1}
		return
	}
	c.n++
	c.min, c.max = min(c.min, x), max(c.max, x)
	// Each half on its own, as the difference of two large numbers may be beyond all numbers.
	c.mean = min(max(c.mean-c.mean/float32(c.n)+x/float32(c.n), c.min), c.max)
}

// level is one length of buckets.
type level struct {
	bucket int64  // milliseconds
	letter string // drawers begin with it
}

// span is how much time a block holds, in milliseconds.
func (l *level) span() int64 { return l.bucket * slots }

// The levels, finest first.
var levels = [...]level{
	{1000, "s"},
	{60_000, "m"},
}

// floor returns the greatest multiple of step up to ms, which is not negative.
func floor(ms, step int64) int64 { return ms - ms%step }

package history

import (
	"context"
	"fmt"
	"math"

	"github.com/mcp-cloud/telltale/server/journal"
)

// MaxPoints is how many buckets an Answer has at most.
const MaxPoints = 2000

// Query asks for the history of one metric of one server. Times are milliseconds since 1970, not negative, From before To.
type Query struct {
	Server, Type string
	From, To     int64
	Points       int // at most so many buckets, 1 to MaxPoints
}

// Answer is a stretch of history in buckets of one length. Buckets begin at multiples of that length since 1970.
type Answer struct {
	Server, Type string
	From, To     int64 // From the first bucket's beginning to the last one's end
	Step         int64 // milliseconds of a bucket
	// Complete is up to where this never changes, but that the oldest of it goes in time. It is To where all of it is final.
	Complete int64
	// Unreadable are the stretches, each from and to, oldest first and apart, of which what was kept is damaged or was written by a
	// newer telltale: there this answer lacks what was measured.
	Unreadable [][2]int64
	Count      []uint32 // samples of each bucket
	Fields     []Field
}

// Field is one number over time. Of a bucket in which it was not measured all three are NaN.
type Field struct {
	Name           string
	Min, Mean, Max []float32
}

// Query answers from what is in memory and on the shelf. It returns ErrUnknown where there is no such metric. The buckets are the finest that
// are kept for all of the time since From, or as many of those together as it takes to come to no more than Points. What can't be read is named in
// the answer, and the rest is there.
func (r *Recorder) Query(ctx context.Context, q Query) (*Answer, error) {
	if q.From < 0 || q.From >= q.To || q.To > math.MaxInt64/2 || q.Points < 1 || q.Points > MaxPoints {
		return nil, fmt.Errorf("history: query %+v", q)
	}
	now := r.now()
	n := 0
	for n < len(levels)-1 && q.From < now.Add(-r.keep[n]).UnixMilli() {
		n++
	}
	l := &levels[n]
	a := &Answer{Server: q.Server, Type: q.Type}
	a.From, a.To, a.Step = grid(q.From, q.To, l.bucket, int64(q.Points))
	g := newGather(a, Fields(q.Type))
	// Only where there can be something. A block that begins before what is kept may still be there.
	from := floor(max(a.From, now.Add(-r.keep[n]).UnixMilli()-l.span(), 0), l.span())
	to := min(a.To, now.Add(Late).UnixMilli()+l.bucket)

	k := id{q.Server, q.Type}
	var missing []journal.BlockKey
	var starts []int64
	r.mu.RLock()
	s := r.series[k]
	if s == nil {
		r.mu.RUnlock()
		return nil, ErrUnknown
	}
	if s.newest <= now.Add(Late).UnixMilli() { // else our clock was ahead, and what comes next is older
		a.Complete = min(floor(max(s.newest-Late.Milliseconds(), 0), a.Step), a.To)
	}
	to = min(to, s.newest+l.bucket)
	for start := from; start < to; start += l.span() {
		where := at{n, start}
		if b := s.blocks[where]; b != nil {
			g.add(b, start, l.bucket)
			continue
		}
		missing, starts = append(missing, where.key(k.name())), append(starts, start)
	}
	r.mu.RUnlock()

	if len(missing) > 0 {
		got, err := r.log.GetBlocks(ctx, missing)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		for i, raw := range got {
			if raw == nil {
				continue
			}
			b, err := decodeBlock(raw, missing[i], len(g.sums))
			if err != nil {
				r.sayDamaged(missing[i].Drawer+" of "+missing[i].Name, err)
				a.lacks(starts[i], starts[i]+l.span())
				continue
			}
			g.add(b, starts[i], l.bucket)
		}
	}
	g.finish()
	return a, nil
}

// lacks notes that a stretch can't be read, of which one begins no earlier than the last.
func (a *Answer) lacks(from, to int64) {
	from, to = max(from, a.From), min(to, a.To)
	if n := len(a.Unreadable); n > 0 && from <= a.Unreadable[n-1][1] {
		a.Unreadable[n-1][1] = to
	} else if from < to {
		a.Unreadable = append(a.Unreadable, [2]int64{from, to})
	}
}

// grid returns the range, made larger to whole buckets, and the least length of buckets that are a multiple of base and not more than points.
func grid(from, to, base, points int64) (first, end, step int64) {
	for n := max(1, (to-from+base*points-1)/(base*points)); ; {
		step = base * n
		first, end = floor(from, step), floor(to+step-1, step)
		if (end-first)/step <= points {
			return first, end, step
		}
		// A few more will do, unless the range lies around a multiple of nearly everything.
		n += 1 + n/64
	}
}

// gather sums blocks up in the buckets of an answer.
type gather struct {
	a    *Answer
	sums [][]sumOf // of each field
}

type sumOf struct {
	sum float64
	n   uint64
}

func newGather(a *Answer, names []string) *gather {
	n := int((a.To - a.From) / a.Step)
	g := &gather{a: a, sums: make([][]sumOf, len(names))}
	a.Count = make([]uint32, n)
	for f, name := range names {
		g.sums[f] = make([]sumOf, n)
		col := make([]float32, 3*n)
		for i := range col {
			col[i] = nan
		}
		a.Fields = append(a.Fields, Field{Name: name, Min: col[:n:n], Mean: col[n : 2*n : 2*n], Max: col[2*n:]})
	}
	return g
}

func (g *gather) add(b *block, start, bucket int64) {
	for i, row := range b.rows {
		t := start + int64(row.slot)*bucket - g.a.From
		if t < 0 || t >= g.a.To-g.a.From {
			continue
		}
		at := int(t / g.a.Step)
		g.a.Count[at] += row.n
		for f := range g.sums {
			c := &b.cells[i*b.fields+f]
			if c.n == 0 {
				continue
			}
			col, sum := &g.a.Fields[f], &g.sums[f][at]
			least, greatest := coded(c.min), coded(c.max)
			if sum.n == 0 {
				col.Min[at], col.Max[at] = least, greatest
			}
			col.Min[at], col.Max[at] = min(col.Min[at], least), max(col.Max[at], greatest)
			sum.sum += float64(coded(c.mean)) * float64(c.n)
			sum.n += uint64(c.n)
		}
	}
}

func (g *gather) finish() {
	for f, sums := range g.sums {
		for i, s := range sums {
			if s.n > 0 {
				g.a.Fields[f].Mean[i] = float32(s.sum / float64(s.n))
			}
		}
	}
}

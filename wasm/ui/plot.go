package ui

import (
	"math"
	"strconv"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Point is one sample of a series: when, in Unix milliseconds, and how much.
type Point struct {
	T int64
	V float64
}

// plot maps time and value onto a grid of w by h whole units, the origin at the upper left. Both sparklines and charts draw
// with it; the SVG around it stretches the grid to whatever room there is, and lines keep their width.
type plot struct {
	from, to int64 // the time at the left and the right edge
	lo, hi   float64
	top      int // of this plot within the drawing
	w, h     int
	gap      int64 // a longer pause between two samples is a gap: no line, no fill
	thin     model.Thin
}

// paused reports whether the time between two samples, the first of which is older, is a gap.
func paused(gap int64, thin model.Thin, last, next int64) bool {
	if last <= thin.Until {
		gap += thin.Every
	}
	return next-last > gap
}

func (p plot) x(t int64) int {
	return int(float64(t-p.from) / float64(p.to-p.from) * float64(p.w))
}

func (p plot) y(v float64) int {
	if p.hi <= p.lo {
		return p.top + p.h
	}
	v = min(max(v, p.lo), p.hi)
	return p.top + int(math.Round((p.hi-v)/(p.hi-p.lo)*float64(p.h)))
}

// runs calls draw for each stretch of samples without a gap in it, oldest first. Of the samples that fall on one column
// the lowest and the highest stay, in the order they came, so that no peak is lost however narrow the drawing is. The
// slice draw gets is only good until it returns.
func (p plot) runs(points []Point, scratch []vertex, draw func([]vertex)) []vertex {
	run := scratch[:0]
	var lowest, highest vertex // of the column being filled
	column := math.MinInt
	flush := func() {
		if column == math.MinInt {
			return
		}
		a, b := lowest, highest
		if b.t < a.t {
			a, b = b, a
		}
		run = append(run, a)
		if b.y != a.y {
			run = append(run, b)
		}
		column = math.MinInt
	}
	var last int64
	for _, pt := range points {
		if pt.T < p.from || pt.T > p.to {
			continue
		}
		if math.IsNaN(pt.V) || last != 0 && paused(p.gap, p.thin, last, pt.T) {
			flush()
			if len(run) > 0 {
				draw(run)
			}
			run = run[:0]
		}
		if math.IsNaN(pt.V) {
			continue
		}
		last = pt.T
		v := vertex{p.x(pt.T), p.y(pt.V), pt.T}
		if v.x != column {
			flush()
			column, lowest, highest = v.x, v, v
			continue
		}
		if v.y > lowest.y {
			lowest = v
		}
		if v.y < highest.y {
			highest = v
		}
	}
	flush()
	if len(run) > 0 {
		draw(run)
	}
	return run
}

// appendSpread appends, for each stretch of buckets without a gap in it, the closed path around what lies between the least
// and the greatest of each. A bucket by itself is as wide as it is long.
func (p plot) appendSpread(b []byte, list []model.Bucket, below bool) []byte {
	mid := func(x *model.Bucket) int64 { return x.From + (x.To-x.From)/2 }
	at := func(t int64, v float64) {
		if below {
			v = -v
		}
		b = appendXY(b, p.x(min(max(t, p.from), p.to)), p.y(v))
	}
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && !paused(p.gap, p.thin, mid(&list[j-1]), mid(&list[j])) {
			j++
		}
		run := list[i:j]
		i = j
		first, last := &run[0], &run[len(run)-1]
		if last.To <= p.from || first.From >= p.to {
			continue
		}
		b = append(b, 'M')
		at(first.From, first.Max)
		for k := range run {
			b = append(b, 'L')
			at(mid(&run[k]), run[k].Max)
		}
		b = append(b, 'L')
		at(last.To, last.Max)
		b = append(b, 'L')
		at(last.To, last.Min)
		for k := len(run) - 1; k >= 0; k-- {
			b = append(b, 'L')
			at(mid(&run[k]), run[k].Min)
		}
		b = append(b, 'L')
		at(first.From, first.Min)
		b = append(b, 'z')
	}
	return b
}

type vertex struct {
	x, y int
	t    int64
}

// appendLine appends the path of one run. A single sample is a dot: a line of no length with round ends.
func appendLine(b []byte, run []vertex) []byte {
	b = append(b, 'M')
	b = appendXY(b, run[0].x, run[0].y)
	b = append(b, 'l')
	if len(run) == 1 {
		return add(b, "0 0")
	}
	return appendSteps(b, run)
}

// appendArea appends the closed path between one run and the height base.
func appendArea(b []byte, run []vertex, base int) []byte {
	b = append(b, 'M')
	b = appendXY(b, run[0].x, base)
	b = append(b, 'V')
	b = strconv.AppendInt(b, int64(run[0].y), 10)
	if len(run) > 1 {
		b = append(b, 'l')
		b = appendSteps(b, run)
	}
	b = append(b, 'V')
	b = strconv.AppendInt(b, int64(base), 10)
	return append(b, 'z')
}

// appendSteps appends the way from each vertex to the next, relative and as short as a path may be written: "1-2 1 3".
func appendSteps(b []byte, run []vertex) []byte {
	for i := 1; i < len(run); i++ {
		dx, dy := run[i].x-run[i-1].x, run[i].y-run[i-1].y
		if i > 1 && dx >= 0 {
			b = append(b, ' ')
		}
		b = appendXY(b, dx, dy)
	}
	return b
}

func appendXY(b []byte, x, y int) []byte {
	b = strconv.AppendInt(b, int64(x), 10)
	if y >= 0 {
		b = append(b, ' ')
	}
	return strconv.AppendInt(b, int64(y), 10)
}

// Nice returns the smallest of 1, 2, 5 times a power of ten that is not below v. For nothing it is 1.
func Nice(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		if s := m * p; s >= v*(1-1e-9) {
			return s
		}
	}
	return 10 * p
}

// NiceMemory returns the smallest power of two of GiB that is not below v, or of MiB under half a GiB.
func NiceMemory(v float64) float64 {
	s := float64(1 << 20)
	for s < v {
		s *= 2
	}
	return s
}

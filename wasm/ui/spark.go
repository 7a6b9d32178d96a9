package ui

import (
	"math"
	"slices"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// The grid a sparkline is drawn on; the page stretches it to its room.
const (
	sparkW = 150
	sparkH = 60
)

// Spark is a sparkline: a series over a window of time, no axes.
type Spark struct {
	Points   []Point // in order of time
	From, To int64   // the window, Unix milliseconds; To is "now"
	Gap      int64   // a longer pause between two samples, in milliseconds, is a gap
	Thin     model.Thin
	Lo, Hi   float64 // the scale
	Limit    float64 // what is above it is marked; 0 for no limit
	Aged     bool    // the past of a link or a server that is not live: dotted, grey, no fill
}

// AppendSpark appends the sparkline as an SVG element, hidden from screen readers.
func AppendSpark(b []byte, s Spark) []byte {
	p := plot{from: s.From, to: s.To, lo: s.Lo, hi: s.Hi, w: sparkW, h: sparkH, gap: s.Gap, thin: s.Thin}
	class := "spark"
	if s.Aged {
		class = "spark aged"
	}
	b = add(b, `<svg class="`)
	b = add(b, class)
	b = add(b, `" viewBox="0 0 150 60" preserveAspectRatio="none" aria-hidden="true">`)
	if s.To > s.From && len(s.Points) > 0 {
		var room [2 * sparkW]vertex
		if !s.Aged {
			b = add(b, `<path class="fill" d="`)
			p.runs(s.Points, room[:], func(run []vertex) { b = appendArea(b, run, sparkH) })
			b = add(b, `"/>`)
		}
		b = add(b, `<path class="a" d="`)
		p.runs(s.Points, room[:], func(run []vertex) { b = appendLine(b, run) })
		b = add(b, `"/>`)
		if !s.Aged && s.Limit > 0 {
			b = appendOver(b, p, s.Points, s.Limit)
		}
	}
	return add(b, `</svg>`)
}

// appendOver appends the stretches of the series above the limit, and nothing when there are none.
func appendOver(b []byte, p plot, points []Point, limit float64) []byte {
	if !slices.ContainsFunc(points, func(pt Point) bool { return pt.V > limit }) {
		return b
	}
	over := make([]Point, len(points))
	for i, pt := range points {
		if pt.V <= limit {
			pt.V = math.NaN()
		}
		over[i] = pt
	}
	b = add(b, `<path class="over" d="`)
	p.runs(over, nil, func(run []vertex) { b = appendLine(b, run) })
	return add(b, `"/>`)
}

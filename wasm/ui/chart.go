package ui

import (
	"math"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// The grid a chart is drawn on; the page stretches it to its room.
const (
	chartW = 600
	chartH = 400
)

// Chart is one panel of the server page: one or more bands over one stretch of time, "now" at the right edge.
type Chart struct {
	From, To int64 // Unix milliseconds
	Gap      int64 // a longer pause between two samples, in milliseconds, is a gap: no line, a bracket, its length
	Thin     model.Thin
	Half     int64 // half of what a point stands for, in milliseconds: a gap begins after it; 0 for samples
	Last     int64 // when it was measured last, where that is known better than by the last point; else 0
	Bands    []Band
	Zone     *time.Location // of the words on the axis
}

// Band is one plot of a chart. It has one scale: two measures of different kind are two bands.
type Band struct {
	Top, Height float64 // its place within the chart, 0 to 1
	Lo, Hi      float64
	Ticks       []float64 // values that get a line and a label
	Signed      bool      // labels show a sign; else below zero is a direction
	Unit        Unit
	Series      []Series
}

// Look is how a series is drawn.
type Look uint8

const (
	Filled Look = iota // the first series: solid, filled down to zero
	Dashed             // the second series
	Bars               // counts of a stretch of time
)

// Series is one measure over time.
type Series struct {
	Points []Point        // in order of time
	Spread []model.Bucket // the least and the greatest of each point; empty where a point is a sample
	Look   Look
	Below  bool  // drawn downwards from zero
	Bar    int64 // width of a bar in milliseconds, for Bars
}

// AppendChart appends what stands inside a chart's plot: labels, grid, series, gaps. It is for the eye; the sentence of
// AppendChartSentence and the table say it to those who do not see it.
func AppendChart(b []byte, c Chart) []byte {
	if c.To <= c.From {
		return b
	}
	b = appendYLabels(b, c)
	b = add(b, `<div class="area"><svg viewBox="0 0 600 400" preserveAspectRatio="none" aria-hidden="true">`)
	for _, band := range c.Bands {
		b = appendBand(b, c, band)
	}
	b = add(b, `</svg>`)
	b = appendGaps(b, c)
	b = add(b, `</div>`)
	return appendXLabels(b, c)
}

func (c Chart) plot(band Band) plot {
	return plot{
		from: c.From, to: c.To, gap: c.Gap, thin: c.Thin, lo: band.Lo, hi: band.Hi, w: chartW,
		top: int(band.Top * chartH), h: int(band.Height * chartH),
	}
}

func appendBand(b []byte, c Chart, band Band) []byte {
	p := c.plot(band)
	b = add(b, `<path class="grid" d="`)
	for _, v := range band.Ticks {
		b = append(b, 'M', '0', ' ')
		b = strconv.AppendInt(b, int64(p.y(v)), 10)
		b = add(b, "h600")
	}
	b = add(b, `"/>`)
	for _, s := range band.Series {
		points := s.Points
		if s.Below {
			down := make([]Point, len(points))
			for i, pt := range points {
				down[i] = Point{pt.T, -pt.V}
			}
			points = down
		}
		b = appendSeries(b, p, s, points)
	}
	return b
}

func appendSeries(b []byte, p plot, s Series, points []Point) []byte {
	if len(points) == 0 {
		return b
	}
	zero := p.y(0)
	if s.Look == Bars {
		if len(s.Spread) > 0 {
			b = appendBars(b, p, `<path class="bars top" d="`, s.Spread, s.Bar, zero, func(x model.Bucket) (int64, float64) { return x.To, x.Max })
			return appendBars(b, p, `<path class="bars" d="`, s.Spread, s.Bar, zero, func(x model.Bucket) (int64, float64) { return x.To, x.Mean })
		}
		return appendBars(b, p, `<path class="bars" d="`, points, s.Bar, zero, func(x Point) (int64, float64) { return x.T, x.V })
	}
	room := make([]vertex, 0, min(2*chartW, len(points)))
	if len(s.Spread) > 0 {
		class := `<path class="band a" d="`
		if s.Look != Filled {
			class = `<path class="band b" d="`
		}
		b = add(b, class)
		b = p.appendSpread(b, s.Spread, s.Below)
		b = add(b, `"/>`)
	}
	if s.Look == Filled {
		b = add(b, `<path class="fill" d="`)
		p.runs(points, room, func(run []vertex) { b = appendArea(b, run, zero) })
		b = add(b, `"/><path class="a" d="`)
	} else {
		b = add(b, `<path class="b" d="`)
	}
	p.runs(points, room, func(run []vertex) { b = appendLine(b, run) })
	return add(b, `"/>`)
}

// appendBars appends one bar for each of the list, which ends where the stretch it counts ended.
func appendBars[T any](b []byte, p plot, tag string, list []T, width int64, zero int, of func(T) (end int64, v float64)) []byte {
	b = add(b, tag)
	for _, item := range list {
		end, v := of(item)
		if end <= p.from || end-width > p.to || math.IsNaN(v) {
			continue
		}
		x0, x1 := p.x(max(end-width, p.from)), p.x(min(end, p.to))
		if x1-x0 > 3 {
			x1-- // room between neighbours
		}
		b = append(b, 'M')
		b = appendXY(b, x0, zero)
		b = append(b, 'V')
		b = strconv.AppendInt(b, int64(p.y(v)), 10)
		b = append(b, 'H')
		b = strconv.AppendInt(b, int64(max(x1, x0+1)), 10)
		b = append(b, 'V')
		b = strconv.AppendInt(b, int64(zero), 10)
		b = append(b, 'z')
	}
	return add(b, `"/>`)
}

func appendYLabels(b []byte, c Chart) []byte {
	b = add(b, `<div class="ys" aria-hidden="true">`)
	for _, band := range c.Bands {
		p, above := c.plot(band), -chartH
		for _, v := range band.Ticks {
			y := p.y(v)
			if max(y-above, above-y) < chartH/10 {
				continue // one would stand in the other: zero, and a least that is hardly below it
			}
			above = y
			b = add(b, `<span style="top:`)
			b = appendShare(b, float64(y)/chartH)
			b = add(b, `">`)
			if !band.Signed {
				v = math.Abs(v)
			}
			b = appendTick(b, v, band.Unit)
			b = add(b, `</span>`)
		}
	}
	return add(b, `</div>`)
}

// appendTick appends a value of an axis: a round number needs no ".0".
func appendTick(b []byte, v float64, u Unit) []byte {
	from := len(b)
	b, unit := AppendNumber(b, v, u)
	if n := len(b); n-from > 2 && b[n-2] == '.' && b[n-1] == '0' {
		b = b[:n-2]
	}
	if unit == "" || v == 0 && u != Percent {
		return b
	}
	b = add(b, nnbsp)
	return add(b, unit)
}

// appendXLabels appends whole minutes, five or six of them, and "now" at the right edge.
func appendXLabels(b []byte, c Chart) []byte {
	b = add(b, `<div class="xs" aria-hidden="true">`)
	span := c.To - c.From
	step := int64(time.Minute / time.Millisecond)
	for _, m := range []int64{1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720} {
		if step = m * 60_000; span/step <= 6 {
			break
		}
	}
	_, offset := time.UnixMilli(c.From).In(c.Zone).Zone()
	off := int64(offset) * 1000
	for t := (c.From+off+step-1)/step*step - off; t < c.To-span/10; t += step {
		if c.share(t) < .04 {
			continue // it would stand in the labels of the other axis
		}
		b = add(b, `<span style="left:`)
		b = appendShare(b, c.share(t))
		b = add(b, `">`)
		b = time.UnixMilli(t).In(c.Zone).AppendFormat(b, "15:04")
		b = add(b, `</span>`)
	}
	return add(b, `<span style="left:100%">now</span></div>`)
}

func (c Chart) share(t int64) float64 { return float64(t-c.From) / float64(c.To-c.From) }

// gaps calls f with the last sample before and the first after each gap of the chart's first series, and with after 0 for one
// that has not ended.
func (c Chart) gaps(f func(before, after int64)) {
	if len(c.Bands) == 0 || len(c.Bands[0].Series) == 0 {
		return
	}
	var last int64
	for _, pt := range c.Bands[0].Series[0].Points {
		if pt.T > c.To || math.IsNaN(pt.V) {
			continue
		}
		if last != 0 && paused(c.Gap, c.Thin, last, pt.T) && pt.T > c.From {
			f(max(last+c.Half, c.From), pt.T-c.Half)
		}
		last = pt.T
	}
	if last >= c.From && paused(c.Gap, c.Thin, last, c.To) {
		if last += c.Half; c.Last > 0 && max(last-c.Last, c.Last-last) <= 2*c.Half {
			last = c.Last
		}
		f(min(last, c.To), 0)
	}
}

func appendGaps(b []byte, c Chart) []byte {
	c.gaps(func(before, after int64) {
		left := c.share(before)
		if after == 0 {
			b = add(b, `<span class="ended`)
			if left > 0.8 {
				b = add(b, ` flip`)
			}
			b = add(b, `" style="left:`)
			b = appendShare(b, left)
			b = add(b, `"><em>no data since <span>`)
			b = AppendClock(b, time.UnixMilli(before).In(c.Zone))
			b = add(b, `</span></em></span>`)
			return
		}
		b = add(b, `<span class="gap" style="left:`)
		b = appendShare(b, left)
		b = add(b, `;width:`)
		b = appendShare(b, c.share(after)-left)
		b = add(b, `">`)
		if c.share(after)-left > .025 { // room for its length
			b = add(b, `<em>`)
			if long := time.Duration(after-before) * time.Millisecond; long >= time.Hour && c.share(after)-left > .08 {
				b = AppendDurationLong(b, long)
			} else {
				b = AppendDuration(b, long)
			}
			b = add(b, `</em>`)
		}
		b = add(b, `</span>`)
	})
	return b
}

// appendShare appends a part of the whole as CSS writes it: 82.35%.
func appendShare(b []byte, v float64) []byte {
	b = strconv.AppendFloat(b, math.Round(v*1e4)/100, 'f', -1, 64)
	return append(b, '%')
}

// AppendChartSentence appends, as plain text, what a chart's first series says: now, least, most.
func AppendChartSentence(b []byte, name string, points []Point, u Unit) []byte {
	b = add(b, name)
	least, most, now := math.Inf(1), math.Inf(-1), math.NaN()
	for _, p := range points {
		if !math.IsNaN(p.V) {
			least, most, now = min(least, p.V), max(most, p.V), p.V
		}
	}
	if math.IsNaN(now) {
		return add(b, ": no samples yet")
	}
	b = add(b, ": now ")
	b = AppendQuantity(b, now, u)
	b = add(b, ", least ")
	b = AppendQuantity(b, least, u)
	b = add(b, ", most ")
	return AppendQuantity(b, most, u)
}

package ui

import (
	"math"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// measure is what a chart shows.
type measure uint8

const (
	measureCPU measure = iota
	measureMemory
	measureNetwork
	measureRequests
	measureStorage
)

// charts are the four charts of a server page: CPU, memory, network, and requests or, where none are measured, storage.
// All show the same stretch of time, ten minutes at most, by the server's clock, "now" at the right edge.
type charts struct {
	span   time.Duration
	fourth measure // the shape
	panels [4]panel
	grid   slot
	cross  int64 // the instant the crosshair stands at, Unix milliseconds; 0: there is none
}

// plotEvery is how often a drawing of samples is made anew at most, however often they come: those that are closer together
// than this are one to the Model, and the stretch of time that is shown moves by less than a pixel meanwhile. What is put off
// comes with a step of ages.
const plotEvery = 500 * time.Millisecond

// panel is one chart on the page.
type panel struct {
	to                              int64 // the instant at its right edge
	drawn                           time.Time
	span                            time.Duration
	past                            uint64
	scale                           scaleMemory
	name, value, plot, words, cross slot
}

func (c *charts) draw(p *pen, s *model.Server, there time.Time, aged bool) {
	fourth := measureStorage
	if s.Requests.Known() {
		fourth = measureRequests
	}
	if !p.making() && fourth != c.fourth {
		c.fourth = fourth
		c.panels[3] = panel{} // another measure has another scale
		p.dom.HTML(c.grid.id, part(func(q *pen) { c.drawPanels(q, s, there, aged) }))
		return
	}
	c.fourth = fourth
	if p.making() {
		c.grid.id = "charts"
		p.raw(`<section class="panel charts" id="charts" aria-label="The last minutes">`)
	}
	c.drawPanels(p, s, there, aged)
	p.raw(`</section>`)
}

// forget makes every scale begin anew.
func (c *charts) forget() {
	for i := range c.panels {
		c.panels[i].scale = scaleMemory{}
	}
}

func (c *charts) drawPanels(p *pen, s *model.Server, there time.Time, aged bool) {
	c.span = spanOf(oldestOf(s), there.UnixMilli(), model.Window)
	for i, what := range [4]measure{measureCPU, measureMemory, measureNetwork, c.fourth} {
		c.drawPanel(p, &c.panels[i], chartKeys[i], what, s, there, aged)
	}
}

var chartKeys = [4]string{"ch0", "ch1", "ch2", "ch3"}

func (c *charts) drawPanel(p *pen, pl *panel, key string, what measure, s *model.Server, there time.Time, aged bool) {
	p.raw(`<section class="chart" tabindex="0" id="`)
	p.raw(key)
	p.raw(`"><header>`)
	p.open(&pl.name, "h2", "", key, "-name")
	p.b = appendMeasureName(p.b, what, s)
	p.shut(&pl.name, "h2")
	p.open(&pl.value, "span", "now", key, "-now")
	p.b = appendReadings(p.b, what, s, !aged && unmeasured(metricOf(what, s), there))
	p.shut(&pl.value, "span")
	p.raw(`</header><div class="plot">`)

	// Drawn anew when a sample came, and every two seconds when none does, since time goes on.
	to := edge(metricOf(what, s).At, there, 2*time.Second)
	moved := to != pl.to && there.Sub(pl.drawn).Abs() >= plotEvery
	if p.making() || moved || c.span != pl.span || s.Past != pl.past {
		pl.to, pl.span, pl.past, pl.drawn = to, c.span, s.Past, there
		var room [2][maxPoints]Point
		chart := buildChart(what, s, to, c.span, there.Location(), &pl.scale, room[0][:0], room[1][:0])
		p.open(&pl.plot, "div", "", key, "-plot")
		if metricOf(what, s).Known() {
			p.b = AppendChart(p.b, chart)
		} else {
			p.put(`<p class="none">not measured</p>`)
		}
		p.shut(&pl.plot, "div")
		p.open(&pl.words, "p", "sr", key, "-say")
		name := string(appendMeasureName(nil, what, s))
		p.b = AppendChartSentence(p.b, name, chart.Bands[0].Series[0].Points, chart.Bands[0].Unit)
		p.shut(&pl.words, "p")
	}
	p.open(&pl.cross, "div", "xarea", key, "-x")
	if c.cross != 0 {
		p.b = appendCross(p.b, what, s, c.cross, c.span, there)
	}
	p.shut(&pl.cross, "div")
	p.raw(`</div></section>`)
}

// unmeasured reports whether a metric that is followed live has stopped coming: its last number is not what is now. A page
// that is not live itself can't know, and shows what it last heard as the past.
func unmeasured(m *model.Metric, there time.Time) bool {
	return there.Sub(m.At) > max(time.Duration(gapOf(m))*time.Millisecond, 10*time.Second)
}

func metricOf(what measure, s *model.Server) *model.Metric {
	switch what {
	case measureMemory:
		return &s.Memory.Metric
	case measureNetwork:
		return &s.Network.Metric
	case measureRequests:
		return &s.Requests.Metric
	case measureStorage:
		return &s.Storage.Metric
	}
	return &s.CPU.Metric
}

// appendMeasureName appends "CPU, of 4 cores".
func appendMeasureName(b []byte, what measure, s *model.Server) []byte {
	of := func(name string, total float64) []byte {
		b = add(b, name)
		if total > 0 { // not NaN
			b = add(b, ", of ")
			b = appendTick(b, total, Bytes)
		}
		return b
	}
	switch what {
	case measureMemory:
		return of("Memory", s.Memory.Total())
	case measureStorage:
		return of("Storage", s.Storage.Total())
	case measureNetwork:
		return add(b, "Network")
	case measureRequests:
		return add(b, "Requests")
	}
	b = add(b, "CPU")
	if n := s.CPU.Cores; n > 0 {
		b = add(b, ", of ")
		b = AppendCount(b, int64(n))
		b = add(b, plural(int64(n), " core", " cores"))
	}
	return b
}

// appendReadings appends what is measured now, or dashes.
func appendReadings(b []byte, what measure, s *model.Server, gone bool) []byte {
	m := metricOf(what, s)
	reading := func(name string, v float64, u Unit) {
		if gone || !m.Known() {
			v = math.NaN()
		}
		if name != "" {
			b = add(b, `<u>`)
			b = add(b, name)
			b = add(b, `</u>`)
		}
		b = add(b, `<span class="q">`)
		b = AppendQuantityHTML(b, v, u)
		b = add(b, `</span>`)
	}
	switch what {
	case measureCPU:
		reading("", s.CPU.Usage, Percent)
	case measureMemory:
		reading("", s.Memory.Used, Bytes)
	case measureStorage:
		reading("", s.Storage.Used, Bytes)
	case measureNetwork:
		reading("in", s.Network.In, ByteRate)
		reading("out", s.Network.Out, ByteRate)
	case measureRequests:
		reading("rate", perSecond(&s.Requests), PerSecond)
		reading("mean", s.Requests.AvgMs, Milli)
	}
	return b
}

// buildChart returns the chart of a measure. Its points stand in first and second, or in a greater array where these are small.
func buildChart(what measure, s *model.Server, to int64, span time.Duration, zone *time.Location, scale *scaleMemory, first, second []Point) Chart {
	m := metricOf(what, s)
	from := to - span.Milliseconds()
	c := Chart{From: from, To: to, Gap: gapOf(m), Thin: m.Series.Thin, Zone: zone, Marks: deployMarks(s)}
	a := points(first, &m.Series, 0, from)
	one := func(top float64, unit Unit) {
		c.Bands = []Band{{Height: 1, Hi: top, Ticks: []float64{top, top / 2, 0}, Unit: unit, Series: []Series{{Points: a}}}}
	}
	switch what {
	case measureCPU:
		one(max(100, Nice(largest(a, from))), Percent)
	case measureMemory:
		one(scale.grow(memoryScale(s.Memory.Total(), largest(a, from)), to), Bytes)
	case measureStorage:
		one(scale.grow(memoryScale(s.Storage.Total(), largest(a, from)), to), Bytes)
	case measureNetwork:
		out := points(second, &m.Series, 1, from)
		top := scale.grow(Nice(max(largest(a, from), largest(out, from), 1000)), to)
		c.Bands = []Band{{Height: 1, Lo: -top, Hi: top, Ticks: []float64{top, 0, -top}, Unit: ByteRate, Series: []Series{
			{Points: a}, {Points: out, Look: Dashed, Below: true},
		}}}
	case measureRequests:
		every := max(m.Interval, time.Second)
		for i := range a {
			a[i].V /= every.Seconds()
		}
		ms := points(second, &m.Series, 1, from)
		rate, latency := scale.grow(Nice(largest(a, from)), to), Nice(largest(ms, from))
		c.Bands = []Band{
			{Height: .5, Hi: rate, Ticks: []float64{rate, 0}, Unit: PerSecond, Series: []Series{{Points: a, Look: Bars, Bar: every.Milliseconds()}}},
			{Top: .64, Height: .36, Hi: latency, Ticks: []float64{latency, 0}, Unit: Milli, Series: []Series{{Points: ms, Look: Dashed}}},
		}
	}
	return c
}

// deployMarks returns where a server's deployments stand on the axis of time: when they ended, or where they began.
func deployMarks(s *model.Server) []Mark {
	var list []Mark
	for _, d := range s.Deployments {
		m := Mark{T: firstOf(d.Began, d.Changed).UnixMilli(), Kind: MarkUnderway, Label: d.Version}
		switch d.Stage {
		case model.DeployCompleted:
			m.T, m.Kind = d.Changed.UnixMilli(), MarkReady
		case model.DeployFailed:
			m.T, m.Kind = d.Changed.UnixMilli(), MarkFailed
		}
		list = append(list, m)
	}
	return list
}

// scaleMemory is the top of a scale that grows at once and shrinks only when a full window has needed less.
type scaleMemory struct {
	top    float64
	needed int64 // when the top was last needed, Unix milliseconds
}

func (s *scaleMemory) grow(want float64, now int64) float64 {
	if want >= s.top || now-s.needed > model.Window.Milliseconds() {
		s.top, s.needed = want, now
	}
	return s.top
}

// appendCross appends the crosshair at an instant: a line, and above the plot what the nearest sample read.
func appendCross(b []byte, what measure, s *model.Server, at int64, span time.Duration, there time.Time) []byte {
	m := metricOf(what, s)
	to := edge(m.At, there, 2*time.Second)
	from := to - span.Milliseconds()
	if at < from || at > to {
		return b
	}
	share := float64(at-from) / float64(to-from)
	b = add(b, `<span class="cross`)
	if share < .3 {
		b = add(b, ` flip`)
	}
	b = add(b, `" style="left:`)
	b = appendShare(b, share)
	b = add(b, `"><em>`)
	x, ok := nearest(&m.Series, at, gapOf(m))
	if !ok {
		b = AppendClock(b, time.UnixMilli(at).In(there.Location()))
		b = add(b, "  no data")
		return add(b, `</em></span>`)
	}
	b = AppendClock(b, time.UnixMilli(x.T).In(there.Location()))
	b = add(b, "  ")
	switch what {
	case measureCPU:
		b = AppendQuantity(b, float64(x.V[0]), Percent)
	case measureMemory, measureStorage:
		b = AppendQuantity(b, float64(x.V[0]), Bytes)
	case measureNetwork:
		b = add(b, "in ")
		b = AppendQuantity(b, float64(x.V[0]), ByteRate)
		b = add(b, "  out ")
		b = AppendQuantity(b, float64(x.V[1]), ByteRate)
	case measureRequests:
		b = AppendQuantity(b, float64(x.V[0])/max(m.Interval, time.Second).Seconds(), PerSecond)
		b = add(b, "  ")
		b = AppendQuantity(b, float64(x.V[1]), Milli)
	}
	return add(b, `</em></span>`)
}

// nearest returns the sample nearest to an instant, unless that lies in a gap.
func nearest(s *model.Series, at, gap int64) (model.Sample, bool) {
	i := s.From(at)
	var best model.Sample
	found := false
	for _, j := range [2]int{i - 1, i} {
		if j < 0 || j >= s.Len() {
			continue
		}
		x := s.At(j)
		if d := max(x.T-at, at-x.T); !paused(gap, s.Thin, min(x.T, at), max(x.T, at)) && (!found || d < max(best.T-at, at-best.T)) {
			best, found = x, true
		}
	}
	return best, found
}

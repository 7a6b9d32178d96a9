package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// charts are the four charts of a server page: CPU, memory, network, and requests or, where none are measured, storage.
// All show the same stretch of time by the server's clock, "now" at the right edge, and one crosshair.
type charts struct {
	server string
	reach  reach         // what the reader asked for
	next   reach         // what the reader may be about to ask for, to be read ahead
	table  bool          // as a table
	full   int           // the chart that a narrow screen shows whole, counted from 1; 0: none
	span   time.Duration // of the live reach: less than its span while there is less to show
	fourth measure       // the shape
	panels [4]panel
	wants  []model.Period // what is drawn of the past
	ahead  []model.Period // what is read ahead of it
	past   uint64         // of the Model's Histories, as it is on screen

	cross   int64 // the instant the crosshair stands at, Unix milliseconds; 0: there is none
	pinned  bool  // it stays, and stands in the address
	fit     bool  // the address asks for an instant: the reach is to be one that has it
	pointed pointed

	grid, note, tableIn, class slot
	reachOn                    [len(reaches)]slot
	tableOn                    slot
	tabled                     time.Time // when the table was made, and of what
	tabledPast                 uint64
}

// pointed is where the reader points at: a share of the width of a chart.
type pointed struct {
	on    bool
	share float64
	chart int
}

// plotEvery is how often a drawing of samples is made anew at most, however often they come: those that are closer together
// than this are one to the Model, and the stretch of time that is shown moves by less than a pixel meanwhile. What is put off
// comes with a step of ages.
const plotEvery = 500 * time.Millisecond

// panel is one chart on the page.
type panel struct {
	from, to int64 // the instants at its edges
	drawn    time.Time
	reach    reach
	state    pastState
	past     uint64 // of the series
	scale    scaleMemory
	tracks   [2]track
	bands    [2]Band // of the tracks: their scales

	name, value, plot, words, cross, axis, marks, class, more slot
}

// pastState is what is held of the past that a chart shows.
type pastState uint8

const (
	pastHere pastState = iota
	pastReading
	pastFailed
	pastNone   // it was never measured
	pastHidden // the reader may not see it
)

var chartKeys = [4]string{"ch0", "ch1", "ch2", "ch3"}

func (c *charts) measures() [4]measure {
	return [4]measure{measureCPU, measureMemory, measureNetwork, c.fourth}
}

func (c *charts) draw(p *pen, m *model.Model, s *model.Server, there time.Time, aged bool) {
	fourth := measureStorage
	if s.Requests.Known() {
		fourth = measureRequests
	}
	c.server, c.past = s.ID, m.Histories.Rev
	c.widen(there)
	p.raw(`<section class="panel charts" id="charts" aria-label="Measures">`)
	c.drawHead(p, m, there)
	if !p.making() && fourth != c.fourth {
		c.fourth = fourth
		c.panels[3] = panel{} // another measure has another scale
		p.dom.HTML(c.grid.id, part(func(q *pen) { c.drawPanels(q, m, s, there, aged) }))
		return
	}
	c.fourth = fourth
	if p.making() {
		c.grid.id = "ch-grid"
		p.raw(`<div id="ch-grid"`)
	}
	p.attr(&c.class, "ch-grid", "", "class")
	p.put("grid")
	if c.table {
		p.put(" off")
	}
	p.shutAttr(&c.class, "class")
	p.raw(`>`)
	c.drawPanels(p, m, s, there, aged)
	p.raw(`</div>`)
	c.drawTable(p, there)
	p.raw(`</section>`)
}

// forget makes every scale begin anew.
func (c *charts) forget() {
	for i := range c.panels {
		c.panels[i].scale = scaleMemory{}
	}
}

func (c *charts) drawPanels(p *pen, m *model.Model, s *model.Server, there time.Time, aged bool) {
	c.span = spanOf(oldestOf(s), there.UnixMilli(), reaches[reachLive].span)
	c.wants, c.ahead = c.wants[:0], c.ahead[:0]
	c.point()
	for _, what := range c.measures() {
		if c.next != reachLive && c.next != c.reach && metricOf(what, s).Known() {
			c.next.held(m, c.server, measures[what].typ, there, &c.ahead)
		}
	}
	for i, what := range c.measures() {
		c.drawPanel(p, i, what, m, s, there, aged)
	}
}

func (c *charts) drawPanel(p *pen, i int, what measure, m *model.Model, s *model.Server, there time.Time, aged bool) {
	pl, key := &c.panels[i], chartKeys[i]
	p.raw(`<section tabindex="0" id="`)
	p.raw(key)
	p.raw(`" aria-describedby="`)
	p.raw(key)
	p.raw(`-say"`)
	p.attr(&pl.class, key, "", "class")
	p.put("chart")
	if c.full == i+1 {
		p.put(" full")
	}
	p.shutAttr(&pl.class, "class")
	p.raw(`><header>`)
	p.open(&pl.name, "h2", "", key, "-name")
	p.b = appendMeasureName(p.b, what, s)
	p.shut(&pl.name, "h2")
	p.open(&pl.value, "span", "now", key, "-now")
	p.b = appendReadings(p.b, what, s, !aged && unmeasured(metricOf(what, s), there))
	p.shut(&pl.value, "span")
	p.raw(`<button type="button" class="more" data-do="chart" data-of="`)
	p.raw(key[2:])
	p.raw(`" aria-label="`)
	p.raw(measures[what].name)
	p.raw(`: whole chart" id="`)
	p.raw(key)
	p.raw(`-more"`)
	p.attr(&pl.more, key, "-more", "aria-expanded")
	p.b = strconv.AppendBool(p.b, c.full == i+1)
	p.shutAttr(&pl.more, "aria-expanded")
	p.raw(`>`)
	p.raw(chevron)
	p.raw(`</button></header><div class="plot">`)
	if c.fill(p, pl, what, m, s, there) {
		c.drawPlot(p, pl, key, what, s, there)
	}
	p.raw(`<div class="over" id="`)
	p.raw(key)
	p.raw(`-over"`)
	p.attr(&pl.axis, key, "-over", "style")
	p.b = appendMarkAxis(p.b, pl.from, pl.to)
	p.shutAttr(&pl.axis, "style")
	p.raw(`>`)
	p.open(&pl.marks, "div", "", key, "-marks")
	if pl.state == pastHere {
		p.b = AppendMarks(p.b, deployMarks(s.Deployments, pl.from, pl.to), pl.from, pl.to, there.Location(), i == 0)
	}
	p.shut(&pl.marks, "div")
	p.raw(`</div>`)
	p.open(&pl.cross, "div", "xarea", key, "-x")
	if c.cross != 0 && pl.state == pastHere {
		p.b = pl.appendCross(p.b, what, c.cross, c.pinned, there)
	}
	p.shut(&pl.cross, "div")
	p.raw(`</div></section>`)
}

// fill brings what a panel draws up to date, and reports whether it is to be drawn anew: when a sample came, and every few
// seconds when none does, since time goes on. What was drawn of another reach stays until there is something to draw.
func (c *charts) fill(p *pen, pl *panel, what measure, m *model.Model, s *model.Server, there time.Time) bool {
	metric, r := metricOf(what, s), &reaches[c.reach]
	span, state := r.span, pastHere
	var past, now *model.History
	switch {
	case !metric.Known() && !m.Me.Sees(measures[what].typ):
		state = pastHidden
	case !metric.Known():
		state = pastNone
	case c.reach == reachLive:
		span = c.span
	default:
		past, now, state = c.reach.held(m, c.server, measures[what].typ, there, &c.wants)
	}
	if state == pastReading && !p.making() && pl.state == pastHere && pl.reach != c.reach && !pl.drawn.IsZero() {
		return false
	}
	newest := metric.At
	if c.reach != reachLive {
		newest = time.Time{}
	}
	to := edge(newest, there, r.every)
	answered := c.reach != reachLive && c.past != pl.past
	if c.reach == reachLive {
		answered = s.Past != pl.past
	}
	moved := to != pl.to && there.Sub(pl.drawn).Abs() >= plotEvery
	if !p.making() && !moved && !answered && c.reach == pl.reach && state == pl.state && pl.to-pl.from == span.Milliseconds() {
		return false
	}
	if c.reach != pl.reach {
		pl.scale = scaleMemory{}
	}
	pl.from, pl.to, pl.drawn, pl.reach, pl.state, pl.past = to-span.Milliseconds(), to, there, c.reach, state, s.Past
	if c.reach != reachLive {
		pl.past = c.past
	}
	for k := range pl.tracks {
		t := &pl.tracks[k]
		switch {
		case k >= len(measures[what].fields) || state != pastHere:
			t.points, t.spread = t.points[:0], t.spread[:0]
		case c.reach == reachLive:
			t.live(metric, k, pl.from)
		default:
			t.recorded(past, now, measures[what].fields[k], metric, k, pl.from, to, r.step.Milliseconds())
		}
	}
	return true
}

func (c *charts) drawPlot(p *pen, pl *panel, key string, what measure, s *model.Server, there time.Time) {
	chart := pl.chart(what, s, there)
	p.open(&pl.plot, "div", "", key, "-plot")
	switch pl.state {
	case pastHere:
		p.b = AppendChart(p.b, chart)
	case pastReading:
		p.put(`<p class="none">reading the record</p>`)
	case pastFailed:
		p.put(`<p class="none">could not be read</p>`)
	case pastNone:
		p.put(`<p class="none">not measured</p>`)
	case pastHidden:
		p.put(`<p class="none">not among what you may see</p>`)
	}
	p.shut(&pl.plot, "div")
	p.open(&pl.words, "p", "sr", key, "-say")
	name := string(appendMeasureName(nil, what, s))
	if pl.state == pastHidden {
		p.put(name + ": not among what you may see")
		p.shut(&pl.words, "p")
		return
	}
	p.b = AppendChartSentence(p.b, name, chart.Bands[0].Series[0].Points, chart.Bands[0].Unit)
	p.shut(&pl.words, "p")
}

// chart returns the drawing of what the panel holds.
func (pl *panel) chart(what measure, s *model.Server, there time.Time) Chart {
	m := metricOf(what, s)
	a, b := &pl.tracks[0], &pl.tracks[1]
	c := Chart{From: pl.from, To: pl.to, Gap: a.gap, Thin: a.thin, Zone: there.Location(), Last: m.At.UnixMilli()}
	if len(a.spread) > 0 {
		c.Half = reaches[pl.reach].step.Milliseconds() / 2
	}
	series := func(t *track, unit Unit) Series {
		t.unit = unit
		return Series{Points: t.points, Spread: t.spread}
	}
	one := func(top float64, unit Unit) {
		band := Band{Height: 1, Hi: top, Ticks: []float64{top, top / 2, 0}, Unit: unit, Series: []Series{series(a, unit)}}
		if least := a.least(pl.from); least < 0 { // no direction: such a thing can't be, and is shown all the same
			band.Lo, band.Signed = -Nice(-least), true
			band.Ticks = append(band.Ticks[:1], 0, band.Lo)
		}
		c.Bands = []Band{band}
	}
	most := a.most(pl.from)
	switch what {
	case measureCPU:
		one(max(100, Nice(most)), Percent)
	case measureMemory:
		one(pl.scale.grow(memoryScale(s.Memory.Total(), most), pl.to), Bytes)
	case measureStorage:
		one(pl.scale.grow(memoryScale(s.Storage.Total(), most), pl.to), Bytes)
	case measureNetwork:
		top := pl.scale.grow(Nice(max(most, b.most(pl.from), 1000)), pl.to)
		in, out := series(a, ByteRate), series(b, ByteRate)
		out.Look, out.Below = Dashed, true
		c.Bands = []Band{{Height: 1, Lo: -top, Hi: top, Ticks: []float64{top, 0, -top}, Unit: ByteRate, Series: []Series{in, out}}}
	case measureRequests:
		rate, latency := pl.scale.grow(Nice(most), pl.to), Nice(b.most(pl.from))
		bars, line := series(a, PerSecond), series(b, Milli)
		bars.Look, bars.Bar, line.Look = Bars, max(m.Interval, time.Second).Milliseconds(), Dashed
		if c.Half > 0 {
			bars.Bar = 2 * c.Half
		}
		c.Bands = []Band{
			{Height: .5, Hi: rate, Ticks: []float64{rate, 0}, Unit: PerSecond, Series: []Series{bars}},
			{Top: .64, Height: .36, Hi: latency, Ticks: []float64{latency, 0}, Unit: Milli, Series: []Series{line}},
		}
	}
	pl.bands = [2]Band{c.Bands[0], c.Bands[len(c.Bands)-1]}
	return c
}

// most returns the greatest value from an instant on, 0 when there is none above.
func (t *track) most(from int64) float64 {
	if len(t.spread) == 0 {
		return largest(t.points, from)
	}
	top := 0.0
	for i := range t.spread {
		top = max(top, t.spread[i].Max)
	}
	return top
}

// least returns the least value from an instant on, 0 when there is none below.
func (t *track) least(from int64) float64 {
	low := 0.0
	for i := range t.spread {
		low = min(low, t.spread[i].Min)
	}
	for _, x := range t.points {
		if x.T >= from && x.V < low {
			low = x.V
		}
	}
	return low
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

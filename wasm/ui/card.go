package ui

import (
	"math"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// sparkSpan is how much a sparkline shows at most; all on a page show the same.
const sparkSpan = 5 * time.Minute

// card is one server on the fleet page: a card, or a row of the table. The slots are for either.
type card struct {
	id   string // the server's
	key  string // prefix of its elements' ids; never a stranger's word
	row  bool
	turn int // which part of the servers it is painted with

	skipped bool // the browser does not draw it, as it is out of sight; so it is not painted
	lean    bool // its sparklines are left out until it is painted

	rev       uint64    // of the server, as it is on screen
	tick      int64     // the step of time it was last drawn at
	drawn     time.Time // by the local clock; zero: never
	status    model.State
	plotted   time.Time
	trouble   bool // the shape of its lower half
	sparkTo   int64
	sparkSpan time.Duration
	sparkAged bool
	past      uint64

	class, lamp, ver, state, since, evidence, ago, deploy, foot slot
	cpu, mem, net, cpuSpark, memSpark, netSpark, last, note     slot
	requests, response                                          slot
}

// draw makes the markup, or paints what differs, and reports whether it had to look. now is the local time.
func (c *card) draw(p *pen, m *model.Model, s *model.Server, now time.Time, span time.Duration) bool {
	tick := now.UnixMilli() / ageStep.Milliseconds()
	if !p.making() && !c.drawn.IsZero() && c.status == s.Status.State && (c.rev == s.Rev && c.tick == tick || !p.due(c.drawn, now)) {
		return false
	}
	c.rev, c.tick, c.drawn, c.status = s.Rev, tick, now, s.Status.State
	c.lean = c.lean && p.making()
	there := m.Now(now) // the server's clock
	aged := aged(m, s, now)
	if c.row {
		c.drawRow(p, s, there, span, aged)
	} else {
		c.drawCard(p, s, there, span, aged)
	}
	return true
}

func (c *card) drawCard(p *pen, s *model.Server, there time.Time, span time.Duration, aged bool) {
	p.raw(`<article id="`)
	p.raw(c.key)
	p.raw(`"`)
	p.attr(&c.class, c.key, "", "class")
	p.put("card")
	if s.Status.State.Trouble() {
		p.put(" trouble")
	}
	if aged {
		p.put(" old")
	}
	p.shutAttr(&c.class, "class")
	p.raw(`><div class="head">`)
	p.open(&c.lamp, "span", "", c.key, "-lamp")
	p.b = AppendLamp(p.b, s.Status.State, 16, aged)
	p.shut(&c.lamp, "span")
	p.raw(`<h2><a href="`)
	p.text(ServerPath(c.id))
	p.raw(`"><bdi>`)
	p.text(c.id)
	p.raw(`</bdi></a></h2>`)
	p.open(&c.ver, "span", "ver", c.key, "-ver")
	p.b = AppendText(p.b, s.Version)
	p.shut(&c.ver, "span")
	p.open(&c.state, "span", "word", c.key, "-state")
	p.b = appendStateWord(p.b, s.Status.State, aged)
	p.shut(&c.state, "span")
	p.open(&c.since, "span", "since", c.key, "-since")
	p.b = appendSince(p.b, s, there, aged)
	p.shut(&c.since, "span")
	p.raw(`</div><div class="why">`)
	p.open(&c.evidence, "span", "ev cut", c.key, "-ev")
	p.b = appendEvidence(p.b, s, there)
	p.shut(&c.evidence, "span")
	p.open(&c.ago, "span", "ago", c.key, "-ago")
	if s.Status.State.Trouble() {
		p.put(`<a class="link" href="`)
		p.b = AppendText(p.b, ServerPath(c.id))
		p.put(`#log">Open log</a>`)
	} else if !s.Seen.IsZero() {
		p.b = appendAgo(p.b, there.Sub(s.Seen))
	}
	p.shut(&c.ago, "span")
	p.raw(`</div>`)
	p.open(&c.deploy, "div", "", c.key, "-dep")
	p.b = appendUnderway(p.b, s.Under(), there)
	p.shut(&c.deploy, "div")

	if trouble := s.Status.State.Trouble(); p.making() || trouble != c.trouble {
		c.trouble = trouble
		if !p.making() {
			p.dom.HTML(c.foot.id, part(func(q *pen) { c.drawFoot(q, s, there, span, aged) }))
			return
		}
	}
	if p.making() {
		c.foot.id = c.key + "-foot"
		p.raw(`<div class="foot" id="`)
		p.raw(c.foot.id)
		p.raw(`">`)
	}
	c.drawFoot(p, s, there, span, aged)
	p.raw(`</div></article>`)
}

func appendStateWord(b []byte, s model.State, aged bool) []byte {
	b = add(b, `<b class="`)
	b = add(b, StateClass(s, aged))
	b = add(b, `">`)
	b = add(b, StateWord(s, aged))
	return add(b, `</b>`)
}

// drawFoot draws the lower half: measures and the last line, or for a card in trouble its last lines.
func (c *card) drawFoot(p *pen, s *model.Server, there time.Time, span time.Duration, aged bool) {
	if c.trouble {
		p.raw(`<div class="bad-body">`)
	}
	c.drawMeasures(p, s, there, span, aged)
	if !c.trouble {
		p.open(&c.last, "div", "last cut", c.key, "-last")
		p.b = appendLastLine(p.b, s.Tail.Last(1), there)
		p.shut(&c.last, "div")
		return
	}
	p.open(&c.last, "div", "", c.key, "-last")
	p.b = appendLastLines(p.b, s, there)
	p.shut(&c.last, "div")
	p.raw(`</div>`)
}

func (c *card) drawMeasures(p *pen, s *model.Server, there time.Time, span time.Duration, aged bool) {
	w := c.window(p, s, there, span, aged)
	p.raw(`<div class="ms3">`)
	w.measure("CPU", &c.cpu, "-cpu", s.CPU.Usage, Percent, &s.CPU.Metric)
	w.cpuSpark(s)
	p.raw(`</div>`)
	w.measure("Memory", &c.mem, "-mem", s.Memory.Used, Bytes, &s.Memory.Metric)
	w.spark(&c.memSpark, "-mem-sp", &s.Memory.Metric, memoryLimit(s), func(top float64) float64 { return memoryScale(s.Memory.Total(), top) })
	p.raw(`</div>`)
	w.measure("Network", &c.net, "-net", s.Network.In, ByteRate, &s.Network.Metric)
	w.spark(&c.netSpark, "-net-sp", &s.Network.Metric, 0, Nice)
	p.raw(`</div>`)
	if c.trouble {
		p.open(&c.note, "span", "note", c.key, "-note")
		if at := s.Measured(); !at.IsZero() && there.Sub(at) < 10*time.Second {
			p.put("measured all the while")
		} else if !at.IsZero() {
			p.put("no measure since ")
			p.b = AppendWhen(p.b, at, there)
		} else {
			p.put("never measured")
		}
		p.shut(&c.note, "span")
	}
	p.raw(`</div>`)
}

// sparkWindow is the stretch of time that the sparklines of one server show, and whether they are to be drawn anew.
type sparkWindow struct {
	c        *card
	p        *pen
	there    time.Time
	aged     bool
	from, to int64
	redraw   bool
	room     [maxPoints]Point
}

// window returns the window of the sparklines as they are to be now. A sparkline ends at the newest sample and moves with it,
// once a second; when none comes it moves slowly, and a gap grows.
func (c *card) window(p *pen, s *model.Server, there time.Time, span time.Duration, aged bool) *sparkWindow {
	w := &sparkWindow{c: c, p: p, there: there, aged: aged}
	w.to = edge(s.Measured(), there, 5*time.Second)
	w.from = w.to - span.Milliseconds()
	moved := w.to != c.sparkTo && there.Sub(c.plotted).Abs() >= sparkEvery
	w.redraw = p.making() || moved || span != c.sparkSpan || s.Past != c.past || aged != c.sparkAged
	if w.redraw && !c.lean {
		c.sparkTo, c.sparkSpan, c.past, c.plotted, c.sparkAged = w.to, span, s.Past, there, aged
	}
	return w
}

// sparkEvery is how often a sparkline is drawn at most: in a second it moves by less than a pixel.
const sparkEvery = time.Second

// measure begins a measure with its name and its number; the reader of it draws the sparkline and ends it.
func (w *sparkWindow) measure(name string, value *slot, id string, v float64, u Unit, m *model.Metric) {
	w.p.raw(`<div class="m"><span class="k">`)
	w.p.raw(name)
	w.p.raw(`</span>`)
	w.p.open(value, "span", "q", w.c.key, id)
	w.quantity(v, u, m)
	w.p.shut(value, "span")
}

// quantity appends a number, or that it is not known what it is now.
func (w *sparkWindow) quantity(v float64, u Unit, m *model.Metric) {
	if !m.Known() || (w.c.trouble || !w.aged) && unmeasured(m, w.there) {
		v = math.NaN()
	}
	w.p.b = AppendQuantityHTML(w.p.b, v, u)
}

func (w *sparkWindow) cpuSpark(s *model.Server) {
	w.spark(&w.c.cpuSpark, "-cpu-sp", &s.CPU.Metric, cpuLimit, func(top float64) float64 { return max(100, top) })
}

// spark draws the sparkline of the first series of a metric. limit is what a value may be before it is marked, 0 for no limit.
func (w *sparkWindow) spark(in *slot, id string, m *model.Metric, limit float64, scale func(top float64) float64) {
	if !w.redraw {
		return
	}
	w.p.open(in, "span", "sp", w.c.key, id)
	if !w.c.lean {
		pts := points(w.room[:0], &m.Series, 0, w.from)
		w.p.b = AppendSpark(w.p.b, Spark{Points: pts, From: w.from, To: w.to, Gap: gapOf(m), Thin: m.Series.Thin, Hi: scale(largest(pts, w.from)), Limit: limit, Aged: w.aged})
	}
	w.p.shut(in, "span")
}

// edge returns the instant at the right edge of a drawing of samples, Unix milliseconds: the newest sample, or when none has
// come for a while the present in steps.
func edge(newest, there time.Time, step time.Duration) int64 {
	now := there.UnixMilli() / step.Milliseconds() * step.Milliseconds()
	if newest.IsZero() {
		return now
	}
	return max(newest.UnixMilli(), now)
}

// maxPoints is room enough for what a sparkline or a chart shows of a series; append grows it where it is not.
const maxPoints = 640

// appendUnderway appends the line of a deployment under way: what, the stage, a bar, how far, how long. Where the
// publisher counts no percent, it says which of the four steps it is at.
func appendUnderway(b []byte, d *model.Deployment, there time.Time) []byte {
	if d == nil {
		return b
	}
	b = add(b, `<div class="dep"><span class="cut">Deploying `)
	b = AppendText(b, d.Version)
	b = add(b, `</span>`)
	b = appendProgress(b, d)
	b = add(b, `<u>`)
	if !d.Began.IsZero() {
		b = AppendDuration(b, there.Sub(d.Began))
	}
	return add(b, `</u></div>`)
}

// appendProgress appends the stage of a deployment under way, a bar, and how far it is.
func appendProgress(b []byte, d *model.Deployment) []byte {
	st := stagesOf(d)
	b = add(b, `<i>`)
	b = append(b, d.Stage.String()...)
	b = add(b, `</i>`)
	if d.Stage == model.DeployBuilding && !math.IsNaN(d.Progress) {
		b = AppendBar(b, "", d.Progress/100)
		b = add(b, `<b>`)
		b = strconv.AppendInt(b, int64(math.Round(min(max(d.Progress, 0), 100))), 10)
		return add(b, nnbsp+"%</b>")
	}
	b = AppendBar(b, "", (float64(st.At)+.5)/stageCount)
	b = add(b, `<b>`)
	b = strconv.AppendInt(b, int64(st.At+1), 10)
	return add(b, ` of 4</b>`)
}

func appendLastLine(b []byte, lines []model.Said, there time.Time) []byte {
	for _, l := range lines {
		b = add(b, `<time>`)
		b = AppendClock(b, l.Time.In(there.Location()))
		b = add(b, `</time> `)
		b = appendSaid(b, l)
	}
	return b
}

// appendSaid appends a line without its time.
func appendSaid(b []byte, l model.Said) []byte {
	level := levels[l.Level]
	b = add(b, `<b class="`)
	b = add(b, level.class)
	b = add(b, `">`)
	b = add(b, level.word)
	b = add(b, `</b> <span`)
	if l.Level >= model.Warn {
		b = add(b, ` class="hot"`)
	}
	b = add(b, `>`)
	b = AppendText(b, l.Message)
	return add(b, `</span>`)
}

// lastLines is how many lines a card in trouble shows.
const lastLines = 4

// appendLastLines appends the last words of a server in trouble.
func appendLastLines(b []byte, s *model.Server, there time.Time) []byte {
	lines := s.Tail.Last(lastLines)
	b = add(b, `<div class="lines`)
	if s.Status.State == model.Failing {
		b = add(b, ` hot`)
	}
	b = add(b, `"><h3>`)
	switch {
	case len(lines) == 0:
		b = add(b, "No line was heard")
	case s.Status.State == model.Failing:
		b = add(b, "Last lines, ")
		b = strconv.AppendInt(b, int64(len(lines)), 10)
		b = add(b, " of ")
		b = AppendCount(b, int64(s.Tail.Lines))
		b = add(b, " heard")
	default:
		b = add(b, "Last lines before the silence")
	}
	b = add(b, `</h3>`)
	for _, l := range lines {
		b = add(b, `<p class="cut"><time>`)
		b = AppendClock(b, l.Time.In(there.Location()))
		b = add(b, ` </time>`)
		if l.Level >= model.Warn {
			b = add(b, `<b class="`)
			b = add(b, levels[l.Level].class)
			b = add(b, `">`)
			b = append(b, l.Level.String()...)
			b = add(b, `</b> `)
		}
		b = AppendText(b, l.Message)
		b = add(b, `</p>`)
	}
	return add(b, `</div>`)
}

// clip cuts what can never be shown in one line.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i > most {
			return s[:i]
		}
	}
	return s
}

package ui

import (
	"math"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// sparkSpan is how much a sparkline shows at most; all on a page show the same.
const sparkSpan = 5 * time.Minute

// card is one server on the fleet page.
type card struct {
	id  string // the server's
	key string // prefix of its elements' ids; never a stranger's word

	rev       uint64    // of the server, as it is on screen
	tick      int64     // the step of time it was last drawn at
	drawn     time.Time // by the local clock; zero: never
	status    model.State
	plotted   time.Time
	trouble   bool // the shape of its lower half
	sparkTo   int64
	sparkSpan time.Duration
	past      uint64

	class, lamp, ver, state, since, evidence, ago, deploy, foot slot
	cpu, mem, net, cpuSpark, memSpark, netSpark, last, note     slot
}

// draw makes the card's markup, or paints what differs.
func (c *card) draw(p *pen, m *model.Model, s *model.Server, now time.Time, span time.Duration) {
	tick := now.UnixMilli() / ageStep.Milliseconds()
	aged := aged(m, s, now)
	if !p.making() && !c.drawn.IsZero() && c.status == s.Status.State && (c.rev == s.Rev && c.tick == tick || !p.due(c.drawn, now)) {
		return
	}
	c.rev, c.tick, c.drawn, c.status = s.Rev, tick, now, s.Status.State
	there := m.Now(now) // the server's clock

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
	p.raw(`">`)
	p.text(c.id)
	p.raw(`</a></h2>`)
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
	p.open(&c.evidence, "span", "ev", c.key, "-ev")
	p.b = appendEvidence(p.b, s, there)
	p.shut(&c.evidence, "span")
	p.open(&c.ago, "span", "ago", c.key, "-ago")
	if !s.Seen.IsZero() {
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
		p.open(&c.last, "div", "last", c.key, "-last")
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
	// A sparkline ends at the newest sample and moves with it; when none comes it moves slowly, and a gap grows.
	to := edge(s.Measured(), there, 5*time.Second)
	from := to - span.Milliseconds()
	moved := to != c.sparkTo && there.Sub(c.plotted).Abs() >= plotEvery
	redraw := p.making() || moved || span != c.sparkSpan || s.Past != c.past
	if redraw {
		c.sparkTo, c.sparkSpan, c.past, c.plotted = to, span, s.Past, there
	}
	var room [maxPoints]Point

	p.raw(`<div class="ms3">`)
	measure := func(name string, value *slot, id string, v float64, u Unit, spark *slot, m *model.Metric, k int, scale func(top float64) float64) {
		p.raw(`<div class="m"><span class="k">`)
		p.raw(name)
		p.raw(`</span>`)
		p.open(value, "span", "q", c.key, id)
		if (c.trouble || !aged) && unmeasured(m, there) {
			v = math.NaN()
		}
		p.b = AppendQuantityHTML(p.b, v, u)
		p.shut(value, "span")
		if redraw {
			p.open(spark, "span", "sp", c.key, id+"-sp")
			pts := points(room[:0], &m.Series, k, from)
			p.b = AppendSpark(p.b, Spark{Points: pts, From: from, To: to, Gap: gapOf(m), Thin: m.Series.Thin, Hi: scale(largest(pts, from)), Aged: aged})
			p.shut(spark, "span")
		}
		p.raw(`</div>`)
	}
	measure("CPU", &c.cpu, "-cpu", known(&s.CPU.Metric, s.CPU.Usage), Percent, &c.cpuSpark, &s.CPU.Metric, 0,
		func(top float64) float64 { return max(100, top) })
	measure("Memory", &c.mem, "-mem", known(&s.Memory.Metric, s.Memory.Used), Bytes, &c.memSpark, &s.Memory.Metric, 0,
		func(top float64) float64 { return memoryScale(s.Memory.Total(), top) })
	measure("Network", &c.net, "-net", known(&s.Network.Metric, s.Network.In), ByteRate, &c.netSpark, &s.Network.Metric, 0, Nice)
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

// known returns v, or NaN for what was never measured.
func known(m *model.Metric, v float64) float64 {
	if !m.Known() {
		return math.NaN()
	}
	return v
}

// appendUnderway appends the line of a deployment under way: what, the stage, a bar, how far, how long. Where the
// publisher counts no percent, it says which of the four steps it is at.
func appendUnderway(b []byte, d *model.Deployment, there time.Time) []byte {
	if d == nil {
		return b
	}
	st := stagesOf(d)
	b = add(b, `<div class="dep"><span>Deploying `)
	b = AppendText(b, d.Version)
	b = add(b, `</span><i>`)
	b = append(b, d.Stage.String()...)
	b = add(b, `</i>`)
	percent := d.Stage == model.DeployBuilding && !math.IsNaN(d.Progress)
	if percent {
		b = AppendBar(b, "", d.Progress/100)
		b = add(b, `<b>`)
		b = strconv.AppendInt(b, int64(math.Round(d.Progress)), 10)
		b = add(b, nnbsp+"%</b><u>")
	} else {
		b = AppendBar(b, "", (float64(st.At)+.5)/stageCount)
		b = add(b, `<b>`)
		b = strconv.AppendInt(b, int64(st.At+1), 10)
		b = add(b, ` of 4</b><u>`)
	}
	if !d.Began.IsZero() {
		b = AppendDuration(b, there.Sub(d.Began))
	}
	return add(b, `</u></div>`)
}

func appendLastLine(b []byte, lines []model.Said, there time.Time) []byte {
	for _, l := range lines {
		level := levels[l.Level]
		b = add(b, `<time>`)
		b = AppendClock(b, l.Time.In(there.Location()))
		b = add(b, `</time> <b class="`)
		b = add(b, level.class)
		b = add(b, `">`)
		b = add(b, level.word)
		b = add(b, `</b> <span`)
		if l.Level >= model.Warn {
			b = add(b, ` class="hot"`)
		}
		b = add(b, `>`)
		b = AppendText(b, l.Message)
		b = add(b, `</span>`)
	}
	return b
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
	default:
		b = add(b, "Last lines before the silence")
	}
	b = add(b, `</h3>`)
	for _, l := range lines {
		b = add(b, `<p><time>`)
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

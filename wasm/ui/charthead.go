package ui

import (
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What stands above the charts, and what a reader can ask of them.

func (c *charts) drawHead(p *pen, m *model.Model, there time.Time) {
	p.raw(`<div class="ph"><h2>Measures</h2><div class="seg" role="group" aria-label="How far back">`)
	for r := range reaches {
		key := "reach-" + reaches[r].name
		p.raw(`<button type="button" data-do="range" data-of="`)
		p.raw(reaches[r].name)
		p.raw(`" id="`)
		p.raw(key)
		p.raw(`"`)
		p.attr(&c.reachOn[r], key, "", "aria-pressed")
		p.b = strconv.AppendBool(p.b, c.reach == reach(r))
		p.shutAttr(&c.reachOn[r], "aria-pressed")
		p.raw(`>`)
		p.raw(reaches[r].word)
		p.raw(`</button>`)
	}
	p.raw(`</div>`)
	p.open(&c.note, "p", "note", "", "ch-note")
	p.b = c.appendNote(p.b, m, there)
	p.shut(&c.note, "p")
	p.raw(`<button type="button" class="chip" id="ch-table" data-do="table"`)
	p.attr(&c.tableOn, "ch-table", "", "aria-pressed")
	p.b = strconv.AppendBool(p.b, c.table)
	p.shutAttr(&c.tableOn, "aria-pressed")
	p.raw(`>`)
	p.raw(string(appendLineIcon(nil, iconTick)))
	p.raw(`<span class="long">Show as </span>table</button></div>`)
}

// appendNote appends what there is to say of what the charts show: a crosshair that stays, what is missing and why, or what a
// point is.
func (c *charts) appendNote(b []byte, m *model.Model, there time.Time) []byte {
	live := m.Link.Phase.Answered()
	failed, reading := "", false
	var lacks [2]int64
	if c.reach != reachLive {
		for i := range c.wants {
			h := m.Histories.Get(c.wants[i])
			if h == nil {
				reading = true
			} else if h.Failed != "" {
				failed = h.Failed
			} else if n := len(h.Unreadable); n > 0 {
				first := h.Unreadable[0][0]
				if lacks[0] == 0 || first < lacks[0] {
					lacks[0] = first
				}
				lacks[1] = max(lacks[1], h.Unreadable[n-1][1])
			}
		}
	}
	switch {
	case failed != "" && live:
		b = add(b, `<span class="c-warn">`)
		b = append(b, `The past could not be read: `...)
		b = AppendText(b, failed)
		return add(b, `.</span> <button type="button" class="link" data-do="past-again">Try again</button>`)
	case !live && c.reach != reachLive:
		b = add(b, `<span class="c-warn">Not live: `)
		if reading {
			return add(b, `the record can't be read now.</span>`)
		}
		b = add(b, `this is as of `)
		b = AppendWhen(b, firstOf(m.Link.Lost, m.Link.Picture), there)
		return add(b, `.</span>`)
	case c.forgotten(m):
		return add(b, `<span class="c-warn">Charts are not kept offline: a dot is the last that was measured.</span>`)
	case c.cross != 0 && c.pinned:
		at := time.UnixMilli(c.cross).In(there.Location())
		if c.cross < there.Add(-reaches[c.reach].span).UnixMilli() {
			b = AppendWhen(b, at, there)
			return add(b, ` is before what is shown. <button type="button" class="link" data-do="unpin">Let it go</button>`)
		}
		b = add(b, `Held at `)
		b = AppendWhen(b, at, there)
		b = add(b, `. <button type="button" class="link" data-do="log-at" data-of="`)
		b = strconv.AppendInt(b, c.cross, 10)
		return add(b, `">Log there</button> <button type="button" class="link" data-do="unpin">Let it go</button>`)
	case lacks[0] != 0:
		b = add(b, `<span class="c-warn">The record is damaged: some of what was measured from `)
		b = AppendWhen(b, time.UnixMilli(lacks[0]).In(there.Location()), there)
		b = add(b, ` to `)
		b = AppendWhen(b, time.UnixMilli(lacks[1]).In(there.Location()), there)
		return add(b, ` is left out.</span>`)
	case reading:
		b = add(b, `Reading `)
		b = add(b, reaches[c.reach].long)
		return add(b, ` from the record`)
	case c.reach != reachLive:
		b = add(b, `A point is `)
		if step := reaches[c.reach].step; step < time.Minute {
			b = appendUnit(b, int64(step/time.Second), "s")
		} else {
			b = appendUnit(b, int64(step/time.Minute), "min")
		}
		return add(b, `: its mean, within its least and its most`)
	}
	return b
}

// forgotten reports whether the live charts lack what was measured, as the page has no link and began with what it keeps: of each
// metric the newest sample.
func (c *charts) forgotten(m *model.Model) bool {
	s := m.Server(c.server)
	if p := m.Link.Phase; s == nil || c.reach != reachLive || p != feed.Offline && p != feed.Reconnecting {
		return false
	}
	known := false
	for _, what := range c.measures() {
		metric := metricOf(what, s)
		if metric.Series.Len() > 1 {
			return false
		}
		known = known || metric.Known()
	}
	return known
}

// visit takes what an address asks of the charts.
func (c *charts) visit(q url.Values) {
	c.reach, c.tabled = reachNamed(q.Get("range")), time.Time{}
	c.table = q.Get("show") == "table"
	if at, err := time.Parse(time.RFC3339, q.Get("cross")); err == nil && at.Unix() > 0 { // 0 is none, and nothing was measured before
		if ms := at.UnixMilli(); !c.pinned || ms != c.cross/1000*1000 {
			c.cross, c.pinned, c.fit = ms, true, true
		}
	} else if c.pinned {
		c.pin(false)
	}
}

// say sets in q what the reader asks of the charts.
func (c *charts) say(q url.Values) {
	say(q, "range", reaches[c.reach].name)
	show, at := "", ""
	if c.table {
		show = "table"
	}
	if c.pinned {
		at = time.UnixMilli(c.cross).UTC().Format(time.RFC3339)
	}
	say(q, "show", show)
	say(q, "cross", at)
}

// do carries out what a reader asked of the charts and reports whether it was for them.
func (c *charts) do(what, of string) bool {
	switch what {
	case "range":
		c.reach, c.tabled = reachNamed(of), time.Time{}
		if !c.pinned {
			c.cross = 0
		}
	case "table":
		c.table = !c.table
		c.tabled = time.Time{}
	case "chart":
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || n >= len(c.panels) {
			return false
		}
		if n++; c.full == n {
			n = 0
		}
		c.full = n
	case "cross":
		if c.pinned {
			return true // it stays until it is let go
		}
		if c.pointed = pointAt(of); !c.pointed.on {
			c.cross = 0
		}
	case "pin": // where the reader points at, or where the crosshair is
		if of != "" {
			if c.pointed = pointAt(of); !c.pointed.on {
				return false
			}
			c.point()
		}
		c.pin(true)
	case "unpin":
		c.pin(false)
	default:
		return false
	}
	return true
}

// How much of time a row of the table stands for, and how often it is made anew at most.
var tableSteps = [len(reaches)]time.Duration{10 * time.Second, 2 * time.Minute, 30 * time.Minute}

const tableEvery = 2 * time.Second

// drawTable draws what the charts show as a table, newest first.
func (c *charts) drawTable(p *pen, there time.Time) {
	if !p.making() && c.table && c.tabledPast == c.past && there.Sub(c.tabled).Abs() < tableEvery {
		return
	}
	if c.table {
		c.tabled, c.tabledPast = there, c.past
	}
	p.open(&c.tableIn, "div", "", "", "ch-rows")
	if c.table {
		p.b = c.appendTable(p.b, there)
	}
	p.shut(&c.tableIn, "div")
}

func (c *charts) appendTable(b []byte, there time.Time) []byte {
	step := tableSteps[c.reach].Milliseconds()
	b = add(b, `<div class="tbl" tabindex="0" role="region" aria-label="Measures as a table"><table><thead><tr><th>From</th>`)
	words := [...][]string{measureNetwork: {"Network in", "Network out"}, measureRequests: {"Requests", "Response time"}, measureStorage: nil}
	measured := c.measures()
	for _, what := range measured {
		for k := range measures[what].fields {
			b = add(b, `<th class="n">`)
			if list := words[what]; k < len(list) {
				b = add(b, list[k])
			} else {
				b = add(b, measures[what].name)
			}
			b = add(b, `</th>`)
		}
	}
	b = add(b, `</tr></thead><tbody>`)
	from, to := int64(math.MaxInt64), int64(0)
	for i := range c.panels {
		from, to = min(from, c.panels[i].from), max(to, c.panels[i].to)
	}
	for t := to - to%step; t+step > from; t -= step {
		b = add(b, `<tr><td>`)
		when := time.UnixMilli(max(t, from)).In(there.Location())
		if c.reach == reachDay {
			b = when.AppendFormat(b, "Mon 15:04")
		} else {
			b = AppendClock(b, when)
		}
		b = add(b, `</td>`)
		for i, what := range measured {
			for k := range measures[what].fields {
				b = add(b, `<td class="n">`)
				b = c.panels[i].tracks[k].appendCell(b, t, t+step)
				b = add(b, `</td>`)
			}
		}
		b = add(b, `</tr>`)
	}
	return add(b, `</tbody></table></div>`)
}

// appendCell appends what was measured from one instant up to another: the mean, and where there was more than one thing to
// tell the least and the most.
func (t *track) appendCell(b []byte, from, to int64) []byte {
	sum, n, least, most := 0.0, 0.0, math.Inf(1), math.Inf(-1)
	for i := t.from(from); i < len(t.points) && t.points[i].T < to; i++ {
		v := t.points[i].V
		if math.IsNaN(v) {
			continue
		}
		low, high, weight := v, v, 1.0
		if len(t.spread) > 0 {
			s := &t.spread[i]
			low, high, weight = s.Min, s.Max, max(s.N, 1)
		}
		least, most = min(least, low), max(most, high)
		sum, n = sum+v*weight, n+weight
	}
	if n == 0 {
		return add(b, missing)
	}
	b = add(b, `<b>`)
	b = AppendQuantity(b, sum/n, t.unit)
	b = add(b, `</b>`)
	if least < most {
		b = add(b, ` <i>`)
		b = appendRange(b, least, most, t.unit)
		b = add(b, `</i>`)
	}
	return b
}

package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// The table says what the cards say, a server in a row of 36 px. Its elements have the roles of a table and are none, since a
// browser leaves out the drawing of what is out of sight only where that has a size of its own, which parts of tables have not. On
// a narrow page the stylesheet makes each row a card, and names the numbers that have lost their head.

// tableHead begins the table; drawAll ends it.
const tableHead = `<div class="table" role="table" aria-label="Servers"><div class="tr th" role="row">` +
	`<span role="columnheader">State</span><span role="columnheader">Server</span><span role="columnheader">Since</span>` +
	`<span role="columnheader">Evidence</span><span role="columnheader">CPU</span><span role="columnheader" class="n">Memory</span>` +
	`<span role="columnheader">Network</span><span role="columnheader" class="n">Req/s</span><span role="columnheader" class="n" title="Mean time to answer">Mean</span>` +
	`<span role="columnheader">Last line</span></div><div id="cards" role="rowgroup">`

func (c *card) drawRow(p *pen, s *model.Server, there time.Time, span time.Duration, aged bool) {
	c.trouble = s.Status.State.Trouble()
	p.raw(`<div role="row" id="`)
	p.raw(c.key)
	p.raw(`"`)
	p.attr(&c.class, c.key, "", "class")
	p.put("tr")
	if c.trouble {
		p.put(" trouble")
	}
	if aged {
		p.put(" old")
	}
	p.shutAttr(&c.class, "class")
	p.raw(`>`)
	c.cell(p, &c.state, "st", "-state")
	p.b = AppendLamp(p.b, s.Status.State, 16, aged)
	p.b = appendStateWord(p.b, s.Status.State, aged)
	p.shut(&c.state, "div")
	p.raw(`<div role="cell" class="name"><a href="`)
	p.text(ServerPath(c.id))
	p.raw(`"><bdi>`)
	p.text(c.id)
	p.raw(`</bdi></a> `)
	p.open(&c.ver, "span", "ver", c.key, "-ver")
	p.b = AppendText(p.b, s.Version)
	p.shut(&c.ver, "span")
	p.raw(`</div>`)
	c.cell(p, &c.since, "since", "-since")
	p.b = appendSinceShort(p.b, s, there, aged)
	p.shut(&c.since, "div")
	c.cell(p, &c.evidence, "ev cut", "-ev")
	if d := s.Under(); d != nil {
		p.put(`<span class="dep"><span class="cut">`)
		p.b = AppendText(p.b, d.Version)
		p.put(`</span>`)
		p.b = appendProgress(p.b, d)
		p.put(`</span>`)
	} else {
		p.b = appendEvidence(p.b, s, there)
	}
	p.shut(&c.evidence, "div")

	w := c.window(p, s, there, span, aged)
	p.raw(`<div role="cell" class="m cpu">`)
	w.cpuSpark(s)
	w.number(&c.cpu, "-cpu", s.CPU.Usage, Percent, &s.CPU.Metric)
	p.raw(`</div><div role="cell" class="m mem">`)
	w.number(&c.mem, "-mem", s.Memory.Used, Bytes, &s.Memory.Metric)
	p.raw(`</div><div role="cell" class="m net">`)
	w.spark(&c.netSpark, "-net-sp", &s.Network.Metric, 0, Nice)
	w.number(&c.net, "-net", s.Network.In, ByteRate, &s.Network.Metric)
	p.raw(`</div><div role="cell" class="m req">`)
	w.number(&c.requests, "-req", s.Requests.Count, Plain, &s.Requests.Metric)
	p.raw(`</div><div role="cell" class="m mean">`)
	w.number(&c.response, "-mean", s.Requests.AvgMs, Milli, &s.Requests.Metric)
	p.raw(`</div>`)
	c.cell(p, &c.last, "last cut", "-last")
	if l := telling(s.Tail.Last(lastLines), c.trouble); l != nil {
		p.b = appendSaid(p.b, *l)
	}
	p.shut(&c.last, "div")
	p.raw(`</div>`)
}

// cell begins a slot that is a cell of the row.
func (c *card) cell(p *pen, s *slot, class, id string) {
	if p.making() {
		s.id = c.key + id
		p.raw(`<div role="cell" class="`)
		p.raw(class)
		p.raw(`" id="`)
		p.raw(s.id)
		p.raw(`">`)
	}
	p.at = len(p.b)
}

// telling returns the line that tells most where there is room for one: the newest, and of a server in trouble the newest that
// says so. nil for none.
func telling(lines []model.Said, trouble bool) *model.Said {
	if trouble {
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Level >= model.Warn {
				return &lines[i]
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &lines[len(lines)-1]
}

// number draws a number of a row.
func (w *sparkWindow) number(in *slot, id string, v float64, u Unit, m *model.Metric) {
	w.p.open(in, "span", "q", w.c.key, id)
	w.quantity(v, u, m)
	w.p.shut(in, "span")
}

// appendSinceShort appends since when a server is in its state and how long that is, for a place that has no room for words.
func appendSinceShort(b []byte, s *model.Server, now time.Time, aged bool) []byte {
	if s.Status.Since.IsZero() {
		return add(b, missing)
	}
	b = AppendWhen(b, s.Status.Since, now)
	if aged {
		return b
	}
	b = add(b, "<s> · ")
	b = appendDurationShort(b, now.Sub(s.Status.Since))
	return add(b, "</s>")
}

// appendDurationShort appends a length of time with its first unit alone: 2 min.
func appendDurationShort(b []byte, d time.Duration) []byte {
	if d >= time.Minute && d < time.Hour {
		return appendUnit(b, int64(d/time.Minute), "min")
	}
	return AppendDuration(b, d)
}

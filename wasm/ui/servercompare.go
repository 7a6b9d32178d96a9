package ui

import (
	"math"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// compareSpan is how much of time before a deployment and after it is compared.
const compareSpan = 10 * time.Minute

// compared is what is compared, and whether less of it is better: of what a server uses of a machine nobody can say that.
var compared = [...]struct {
	what        measure
	field, name string
	unit        Unit
	good        bool // less is better
}{
	{measureRequests, "errorRate", "Error rate", Percent, true},
	{measureRequests, "avgResponseTime", "Response time", Milli, true},
	{measureCPU, "usage", "CPU", Percent, false},
	{measureMemory, "used", "Memory", Bytes, false},
}

// comparison is how a server did before a deployment and after it.
type comparison struct {
	wants         []model.Period
	on            bool // there is something to compare
	reading       bool
	failed        string
	soFar         time.Duration // of the time after, while it is not over; else 0
	before, after [len(compared)]float64
}

// compare compares the whole minutes before a deployment began with those after it was ready, of which the record has the mean.
// One that has not become ready has no after.
func compare(m *model.Model, s *model.Server, d *model.Deployment, there time.Time) (c comparison) {
	if d.Stage != model.DeployCompleted || d.Began.IsZero() {
		return c
	}
	const minute = int64(time.Minute / time.Millisecond)
	c.on = true
	began, ready := d.Began.UnixMilli(), firstOf(d.Reached[model.DeployReady], d.Changed).UnixMilli()
	until, from := began-began%minute, ready+minute-1
	from -= from % minute
	span := compareSpan.Milliseconds()
	if over := from + span - there.UnixMilli(); over > 0 {
		c.soFar = max(compareSpan-time.Duration(over)*time.Millisecond, 0)
	}
	for i, what := range compared {
		c.before[i], c.after[i] = math.NaN(), math.NaN()
		metric := metricOf(what.what, s)
		if !metric.Known() {
			continue
		}
		for _, part := range [2]struct {
			from, to int64
			mean     *float64
		}{{until - span, until, &c.before[i]}, {from, from + span, &c.after[i]}} {
			if part.from > there.UnixMilli() {
				continue
			}
			of := model.Period{Server: s.ID, Type: measures[what.what].typ, From: part.from, To: part.to, Step: minute}
			c.wants = append(c.wants, of)
			switch h := m.Histories.Get(of); {
			case h == nil:
				c.reading = true
			case h.Fields == nil:
				c.failed = h.Failed
			default:
				*part.mean, _ = h.Mean(what.field, part.from, part.to)
			}
		}
	}
	return c
}

func (c *comparison) append(b []byte) []byte {
	if !c.on {
		return b
	}
	b = add(b, `<table class="cmp"><caption class="sr">Before and after</caption><thead><tr><th>Mean of</th><th class="n">10`+nnbsp+`min before</th><th class="n">`)
	if c.soFar > 0 {
		b = AppendDuration(b, c.soFar)
		b = add(b, ` after`)
	} else {
		b = add(b, `10`+nnbsp+`min after`)
	}
	b = add(b, `</th><th></th></tr></thead><tbody>`)
	for i, what := range compared {
		b = add(b, `<tr><td>`)
		b = add(b, what.name)
		b = add(b, `</td><td class="n">`)
		b = AppendQuantity(b, c.before[i], what.unit)
		b = add(b, `</td><td class="n">`)
		b = AppendQuantity(b, c.after[i], what.unit)
		b = add(b, `</td><td>`)
		b = appendChange(b, c.before[i], c.after[i], what.unit, what.good)
		b = add(b, `</td></tr>`)
	}
	b = add(b, `</tbody></table>`)
	switch {
	case c.failed != "":
		b = add(b, `<p class="c-warn">The record could not be read: `)
		b = AppendText(b, c.failed)
		b = add(b, `. <button type="button" class="link" data-do="past-again">Try again</button></p>`)
	case c.reading:
		b = add(b, `<p class="dim">Reading the record</p>`)
	}
	return b
}

// appendChange appends by how much a number has changed, in words that say a number: of percentages their difference, of the
// rest what it is of what was. Where less is better it says which of the two it is.
func appendChange(b []byte, before, after float64, u Unit, good bool) []byte {
	diff := after - before
	if math.IsNaN(diff) || math.IsInf(diff, 0) {
		return b
	}
	less := diff < 0
	size, unit, times := math.Abs(diff), " points", false
	if u != Percent {
		if before <= 0 {
			if diff == 0 {
				return add(b, "as before")
			}
			return add(b, "was nothing")
		}
		size, unit = 100*size/before, nnbsp+"%"
		if times = after >= 2*before; times {
			size, unit = after/before, " times"
		}
	}
	if size < .1 || u != Percent && !times && size < 1 {
		return add(b, "as before")
	}
	lead, tail := "", ""
	switch {
	case good && times:
		lead = "worse, "
	case good && less:
		lead = "better by "
	case good:
		lead = "worse by "
	case times:
	case less:
		tail = " less"
	default:
		tail = " more"
	}
	b = add(b, lead)
	b, _ = AppendNumber(b, size, Plain)
	b = add(b, unit)
	return add(b, tail)
}

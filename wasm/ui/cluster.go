package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// cluster is the page of the instances that share the record.
type cluster struct{ list slot }

func (v *cluster) title() string { return "Cluster" }

func (v *cluster) draw(p *pen, m *model.Model, now time.Time) {
	p.raw(`<div class="access"><h1>Cluster</h1>`)
	p.open(&v.list, "div", "", "", "instances")
	p.b = appendInstances(p.b, &m.Cluster, now)
	p.shut(&v.list, "div")
	p.raw(`</div>`)
}

// appendInstances appends who shares the record, those that are gone last.
func appendInstances(b []byte, c *model.Cluster, now time.Time) []byte {
	b = add(b, `<section class="panel" aria-labelledby="instances-are"><div class="ph"><h2 id="instances-are">Instances</h2><small>`)
	b = appendAsked(b, &c.Asked, now)
	if len(c.Instances) > 0 {
		sharing := int64(0)
		for i := range c.Instances {
			if instanceStates[c.Instances[i].State].was != "" {
				sharing++
			}
		}
		b = AppendCount(b, sharing)
		if c.Record == "shared" {
			b = add(b, plural(sharing, " uses a shared record", " share one record"))
		} else {
			b = add(b, ", with a record of its own")
		}
	}
	b = add(b, `</small></div>`)
	if len(c.Instances) == 0 {
		return add(b, `</section>`)
	}
	b = add(b, `<table class="inst"><thead><tr><th>Instance</th><th>State</th><th class="n">Streams</th><th class="n">Events/s</th><th class="n">Behind</th><th class="wide">Version</th><th class="wide">Since</th></tr></thead><tbody>`)
	for i := range c.Instances {
		b = appendInstance(b, &c.Instances[i], c.Failed != "", now)
	}
	return add(b, `</tbody></table></section>`)
}

// instanceStates are how instances are shown. Who is gone without a word is in trouble, unlike who said so. Of those that use the record,
// was is the word when nobody answers any more: the others stay what they were.
var instanceStates = map[string]struct {
	lamp      model.State
	word, was string
}{
	"up":       {model.Online, "Up", "was up"},
	"draining": {model.Starting, "Draining", "was draining"},
	"ended":    {model.Stopped, "Ended", ""},
	"gone":     {model.Offline, "Gone", ""},
}

// appendInstance appends the row of an instance. Aged, it is as the last answer had it, and newer ones do not come.
func appendInstance(b []byte, i *model.Instance, aged bool, now time.Time) []byte {
	state, ok := instanceStates[i.State]
	if !ok {
		state.lamp, state.word = model.Unknown, i.State
	}
	word := state.word
	if aged && state.was != "" {
		word = state.was
	}
	b = add(b, `<tr><td>`)
	b = AppendText(b, i.ID)
	switch {
	case i.Self && aged:
		b = add(b, ` <i>answered</i>`)
	case i.Self:
		b = add(b, ` <i>answers</i>`)
	}
	if i.Address != "" {
		b = add(b, `<i class="wide"> `)
		b = AppendText(b, i.Address)
		b = add(b, `</i>`)
	}
	b = appendInstanceNarrow(b, i, now)
	b = add(b, `</td><td><span class="lamp-word">`)
	b = AppendLamp(b, state.lamp, 16, aged)
	b = add(b, `<b class="`)
	b = add(b, StateClass(state.lamp, aged))
	b = add(b, `">`)
	b = AppendText(b, word)
	b = add(b, `</b>`)
	if !i.Gone.IsZero() {
		b = add(b, ` since `)
		b = AppendWhen(b, i.Gone, now)
	}
	b = add(b, `</span></td>`)
	number := func(there bool, f func()) {
		b = add(b, `<td class="n q">`)
		if there {
			b = add(b, `<b>`)
			f()
			b = add(b, `</b>`)
		} else {
			b = add(b, missing)
		}
		b = add(b, `</td>`)
	}
	number(i.Streams != nil, func() { b = AppendCount(b, int64(*i.Streams)) })
	number(i.Events != nil, func() { b, _ = AppendNumber(b, *i.Events, PerSecond) })
	number(i.Lag != nil, func() { b = AppendCount(b, int64(*i.Lag)) })
	b = add(b, `<td class="wide">`)
	b = AppendText(b, i.Version)
	b = add(b, `</td><td class="wide">`)
	b = AppendWhen(b, i.Since, now)
	return add(b, `</td></tr>`)
}

// appendInstanceNarrow appends what the stylesheet shows, on a page that has no room for those columns, of what else tells one instance
// from another.
func appendInstanceNarrow(b []byte, i *model.Instance, now time.Time) []byte {
	b = add(b, `<i class="narrow" data-more="`)
	if i.Version != "" {
		b = add(b, `version `)
		b = AppendText(b, i.Version)
		b = add(b, `, `)
	}
	b = add(b, `since `)
	b = AppendWhen(b, i.Since, now)
	return add(b, `"></i>`)
}

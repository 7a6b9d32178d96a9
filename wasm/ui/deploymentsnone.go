package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

func (v *deployments) appendNoMatch(b []byte) []byte {
	b = add(b, `No deployment`)
	if v.find != "" {
		b = add(b, ` matches "`)
		b = AppendText(b, v.find)
		b = append(b, '"')
	}
	if v.server != "" {
		b = add(b, ` of <b>`)
		b = AppendText(b, v.server)
		b = add(b, `</b>`)
	}
	b = add(b, deploymentKinds[v.kind].none)
	b = add(b, `. `)
	b = AppendCount(b, int64(v.all))
	return add(b, ` hidden. <button class="link" type="button" data-do="clear">Clear</button>`)
}

// firstDeployment is what a page shows that knows of no deployment; between it and its end stands the page's own origin.
const firstDeployment = `<h2>No deployment has been heard of yet</h2><p>Publish where one stands and it appears here; each event of it has the same id.</p>` +
	`<div class="code"><pre id="curl"><span class="dim">$ </span>curl -H "Content-Type: application/json" \` + "\n" +
	`    -d '{"type":"deployment:building","serverId":"github-mcp",` + "\n" +
	`         "data":{"id":"d-1","version":"2.8.1",` + "\n" +
	`                 "progress":60,"stage":"compile"}}' \` + "\n    "

const firstDeploymentEnd = `/api/events</pre><button class="btn" type="button" data-do="copy" data-of="curl">Copy</button></div>` +
	`<p>Then <code>deployment:provisioning</code>, <code>deployment:ready</code> and <code>deployment:completed</code>, or <code>deployment:failed</code> with an error. <a class="link" href="/events/deployment:started">All their fields</a></p>`

func (v *deployments) drawFirst(p *pen, m *model.Model) {
	p.raw(`<div id="dpl-first"`)
	p.attr(&v.first, "dpl-first", "", "class")
	p.put("empty")
	if v.all > 0 || m.Deployed.Reading || !m.Complete {
		p.put(" off")
	}
	p.shutAttr(&v.first, "class")
	p.raw(`>`)
	if me := m.Me; !me.SeesAny("deployment") || !me.May("publish") { // what the reader may not do is nothing to teach him
		if me.SeesAny("deployment") {
			p.raw(`<h2>No deployment has been heard of yet</h2><p>It appears here as soon as somebody publishes where one stands.`)
		} else {
			p.raw(`<h2>Deployments are not among what you may see</h2><p>Your token is for events of these types: `)
			p.text(me.Types)
		}
		p.raw(`</p></div>`)
		return
	}
	p.raw(firstDeployment)
	p.open(&v.origin, "span", "", "", "origin")
	p.b = AppendText(p.b, v.where)
	p.shut(&v.origin, "span")
	p.raw(firstDeploymentEnd)
	p.raw(`</div>`)
}

// appendOlder appends what the list is of, and the way to more.
func (v *deployments) appendOlder(b []byte, m *model.Model, there time.Time) []byte {
	if v.left > 0 {
		b = AppendCount(b, int64(v.left))
		b = add(b, ` more are not drawn. <button class="link" type="button" data-do="more">Show more</button> `)
	}
	known := m.Deployed
	switch {
	case known.Reading:
		return add(b, `Reading the record.`)
	case known.Failed:
		return add(b, `The record could not be read. <button class="link" type="button" data-do="older">Try again</button>`)
	case known.All:
		b = add(b, `This is all that is recorded`)
	case known.Since.IsZero():
		if v.all == 0 {
			return b
		}
		return add(b, `Of each server the newest, until the record is read.`)
	default:
		b = add(b, `Since `)
		b = AppendWhen(b, known.Since, there)
	}
	if v.all > 0 {
		b = add(b, `, of each server at most the newest `)
		b = strconv.AppendInt(b, model.MaxDeployments, 10)
	}
	b = add(b, `.`)
	if !known.All {
		b = add(b, ` <button class="link" type="button" data-do="older">`)
		if v.want == deploymentsBack {
			b = add(b, `Read the last 7 days`)
		} else {
			b = add(b, `Read all`)
		}
		b = add(b, `</button>`)
	}
	return b
}

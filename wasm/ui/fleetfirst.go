package ui

import (
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// drawFirstRun draws what a fleet shows that no server has spoken to.
func (f *fleet) drawFirstRun(p *pen, m *model.Model, now time.Time, none bool) {
	p.raw(`<div id="first"`)
	p.attr(&f.empty, "first", "", "class")
	p.put("empty")
	if !none {
		p.put(" off")
	}
	p.shutAttr(&f.empty, "class")
	p.raw(`>`)
	p.open(&f.run, "div", "", "", "first-run")
	if none {
		p.b = appendFirstRun(p.b, m, f.where)
	}
	p.shut(&f.run, "div")
	p.open(&f.wait, "p", "wait", "", "wait")
	p.b = AppendLamp(p.b, model.Unknown, 16, false)
	p.put("<span>")
	if m.Link.Phase.Answered() {
		p.put("waiting for the first event, ")
		p.b = AppendCount(p.b, int64(m.Link.Account.Received))
		p.put(" received since ")
		p.b = AppendWhen(p.b, m.Link.First, now)
	} else {
		p.put("not live yet")
	}
	p.put("</span>")
	p.shut(&f.wait, "p")
	p.raw(`</div>`)
}

// firstEvent is the type of the event by which a server would appear.
const firstEvent = "server:online"

// appendFirstRun appends what there is to be done, for whom the page is: where is its own origin.
func appendFirstRun(b []byte, m *model.Model, where string) []byte {
	me := m.Me
	if me == nil {
		me = &model.Me{Open: true}
	}
	see, err := event.ParseFilter(me.Servers, me.Types)
	some := !me.Open && err == nil && !see.IsZero()
	switch {
	case some && see.IsNone():
		return add(b, `<h1>You may not see this fleet</h1><p>No server and no type of event is for you. Ask who runs it for the role viewer.</p>`)
	case !m.Complete:
		return add(b, `<h1>Nothing is known of the fleet yet</h1><p>Its picture comes as soon as this page is live.</p>`)
	}
	b = add(b, `<h1>No server`)
	if some {
		b = add(b, ` that you may see`)
	}
	b = add(b, ` has spoken yet</h1><p>`)
	if some {
		b = add(b, `You may see the servers <code>`)
		b = AppendText(b, me.Servers)
		b = add(b, `</code> and the types of events <code>`)
		b = AppendText(b, me.Types)
		b = add(b, `</code>. `)
	}
	may := me.Open
	for _, scope := range me.Scopes {
		may = may || scope == "publish"
	}
	if !may || some && !see.MatchType(firstEvent) {
		return add(b, `The first one appears here when it speaks, usually within a tenth of a second.</p>`)
	}
	b = add(b, `Publish one event and the server appears here, usually within a tenth of a second.</p>`+
		`<div class="code"><pre id="curl"><span class="dim">$ </span>curl -H "Content-Type: application/json" \`+"\n")
	if !me.Open {
		b = add(b, `    -H "Authorization: Bearer $TELLTALE_TOKEN" \`+"\n")
	}
	server, _, _ := strings.Cut(see.Servers(), ",")
	if server = strings.ReplaceAll(server, "*", "1"); server == "" || server == "1" {
		server = "github-mcp"
	}
	b = add(b, `    -d '{"type":"`+firstEvent+`","serverId":"`)
	b = AppendText(b, server)
	b = add(b, `",`+"\n"+`         "data":{"version":"2.8.0",`+"\n"+`                 "url":"https://mcp.example/`)
	b = AppendText(b, server)
	b = add(b, `"}}' \`+"\n    "+`<span id="origin">`)
	b = AppendText(b, where)
	return add(b, `</span>/api/events</pre><button class="btn" type="button" data-do="copy" data-of="curl">Copy</button></div>`)
}

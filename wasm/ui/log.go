package ui

import (
	"net/url"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// log is the page of what all servers say.
type log struct{ panel logPanel }

func newLog() *log { return &log{logPanel{seen: rowsSeen}} }

func (v *log) title() string { return "Log" }

func (v *log) logPanel() *logPanel { return &v.panel }

func (v *log) draw(p *pen, m *model.Model, now time.Time) {
	p.raw(`<h1 class="sr">Log of all servers</h1><div class="all">`)
	v.panel.draw(p, m, now)
	p.raw(`</div>`)
}

func (v *log) visit(q url.Values, now time.Time) { v.panel.visit(q, now) }

func (v *log) say(q url.Values) { v.panel.say(q) }

func (v *log) do(what, of string, now time.Time) bool { return v.panel.do(what, of, now) }

package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// By what a log is narrowed: what comes of each kind and from whom, and the choice of one.

// appendNarrowed appends a chip for what is shown alone, which takes it back.
func (v *logPanel) appendNarrowed(b []byte) []byte {
	chip := func(what, word string) {
		if word == "" {
			return
		}
		b = add(b, `<button type="button" class="chip" aria-pressed="true" data-do="`)
		b = add(b, what)
		b = add(b, `" data-of="">`)
		b = appendLineIcon(b, iconTick)
		b = add(b, `<b>`)
		b = AppendText(b, word)
		b = add(b, `</b> only</button>`)
	}
	chip("log-kind", v.asked.kind)
	chip("log-server", v.asked.server)
	return b
}

// drawRates draws how many lines come in a second, by kind, and of all servers which says most; each is a button that shows
// only that. What has once been there keeps its place.
func (v *logPanel) drawRates(p *pen, m *model.Model, now time.Time) {
	if second := secondOf(m, now); p.making() || second != v.second {
		v.second = second
		v.most = 0
		for _, s := range m.Servers() {
			if r := s.Tail.PerSecondSince(m.Counted, now); r > v.most {
				v.loudest, v.most = s.ID, r
			}
		}
		// Who was loudest stays when all are silent, as its button may have the focus.
		if v.from() != "" || m.Server(v.loudest) == nil {
			v.loudest = ""
		}
	}
	// The buttons stay while their numbers change: somebody may be on one with the keyboard.
	shown := func(c *slot, id string, on bool) {
		p.raw(`<span id="`)
		p.raw(id)
		p.raw(`"`)
		p.attr(c, id, "", "class")
		if !on {
			p.put("off")
		}
		p.shutAttr(c, "class")
		p.raw(`>`)
	}
	number := func(n *slot, id string, rate float64) {
		p.raw(` `)
		p.open(n, "b", "", id, "-n")
		p.b = appendRate(p.b, m, rate, Plain)
		p.shut(n, "b")
		p.raw(`</span>`)
	}
	p.raw(`<span class="rates cut" id="log-rates">`)
	shown(&v.loud.class, "log-loud", v.loudest != "")
	p.raw(`most: <button type="button" data-do="log-server" title="Show only these lines"`)
	p.attr(&v.loud.of, "log-loud", "-b", "data-of")
	p.b = AppendText(p.b, v.loudest)
	p.shutAttr(&v.loud.of, "data-of")
	p.raw(` id="log-loud-b">`)
	p.open(&v.loud.name, "span", "", "log-loud", "-name")
	p.b = AppendText(p.b, v.loudest)
	p.shut(&v.loud.name, "span")
	p.raw(`</button>`)
	number(&v.loud.n, "log-loud", v.most)
	any, s := false, m.Server(v.from())
	for i := range model.RateKinds {
		rate, speaks := 0.0, false
		if s != nil {
			rate, speaks = m.PerSecond(&s.Tail.Rates[i], now), s.Tail.Spoke(i)
		} else if v.from() == "" {
			if stat := m.Type("logs:" + model.RateKind(i)); stat != nil {
				rate, speaks = m.PerSecond(&stat.Rate, now), true
			}
		}
		any = any || speaks
		kind := model.RateKind(i)
		id := "log-rate-" + kind
		shown(&v.rates[i].class, id, speaks)
		if i == model.RateKinds-1 { // of several kinds
			p.raw(kind)
		} else {
			p.raw(`<button type="button" data-do="log-kind" title="Show only these lines" data-of="` + kind + `">` + kind + `</button>`)
		}
		number(&v.rates[i].n, id, rate)
	}
	shown(&v.perSecond, "log-per-second", any)
	p.raw(` lines/s</span></span>`)
}

// drawMenu draws what is done with the log seldom.
func (v *logPanel) drawMenu(p *pen, m *model.Model) {
	p.raw(`<details class="menu"><summary class="btn" aria-label="More">⋯</summary><div>` +
		`<label>Go to a time<span class="field"><input type="datetime-local" step="1" data-change="log-time"></span></label>`)
	p.raw(`<label>Kind<select class="field" id="log-kind" data-change="log-kind">`)
	p.open(&v.kinds, "optgroup", "", "", "log-kinds")
	option := func(value, word, chosen string) {
		p.put(`<option value="`)
		p.b = AppendText(p.b, value)
		p.put(`"`)
		if value == chosen {
			p.put(` selected`)
		}
		p.put(`>`)
		p.b = AppendText(p.b, word)
		p.put(`</option>`)
	}
	option("", "All kinds", v.asked.kind)
	listed := v.asked.kind == ""
	for _, t := range m.Types() {
		if kind, ok := strings.CutPrefix(t.Type, "logs:"); ok {
			option(kind, kind, v.asked.kind)
			listed = listed || kind == v.asked.kind
		}
	}
	if !listed {
		option(v.asked.kind, v.asked.kind, v.asked.kind)
	}
	p.shut(&v.kinds, "optgroup")
	p.raw(`</select></label>`)
	if v.server == "" {
		p.raw(`<label>Server<select class="field" id="log-server" data-change="log-server">`)
		p.open(&v.servers, "optgroup", "", "", "log-servers")
		option("", "All servers", v.asked.server)
		if m.Server(v.asked.server) == nil && v.asked.server != "" {
			option(v.asked.server, v.asked.server, v.asked.server)
		}
		for _, id := range v.named(m) {
			option(id, id, v.asked.server)
		}
		p.shut(&v.servers, "optgroup")
		p.raw(`</select></label>`)
	}
	p.raw(`<button class="btn" type="button" data-do="download">Download the lines shown (NDJSON)</button></div></details>`)
}

// named returns the ids of the servers in their order. They are sorted only when some may have come or gone.
func (v *logPanel) named(m *model.Model) []string {
	if len(v.ids) == 0 || m.Shape != v.shape {
		v.shape, v.ids = m.Shape, v.ids[:0]
		for _, s := range m.Servers() {
			v.ids = append(v.ids, s.ID)
		}
		slices.Sort(v.ids)
	}
	return v.ids
}

package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// counted are the states the fleet page counts, in the order it shows them. The first six stay in place whatever their
// number, the others come when there are any.
var counted = [...]model.State{
	model.Failing, model.Offline, model.Starting, model.Busy, model.Online, model.Idling, model.Stopped, model.Unknown,
}

const countedAlways = 6

// fleet is the fleet page: counts, and a card per server, trouble first.
type fleet struct {
	where string // the page's own origin, for the first event of all
	find  string // what the filter field says
	only  [model.NumStates]bool
	byID  map[string]*card
	shown []*card // as they stand on the page
	keys  int     // cards made so far
	held  bool    // the pointer or the focus is among the cards: they do not jump

	counts                               [len(counted)]struct{ class, pressed, number, lamp slot }
	rate, rates, found, moved, spanWords slot
	body, empty, wait, nothing, origin   slot
	history                              [60]float64 // events a second, second by second, newest last
	second                               int64
	span                                 time.Duration // what the sparklines show
}

func newFleet() *fleet { return &fleet{byID: make(map[string]*card)} }

func (f *fleet) title() string { return "Fleet" }

func (f *fleet) draw(p *pen, m *model.Model, now time.Time) {
	servers := m.Servers()
	var oldest int64
	for _, s := range servers {
		if t := oldestOf(s); t != 0 && (oldest == 0 || t < oldest) {
			oldest = t
		}
	}
	f.span = spanOf(oldest, m.Now(now).UnixMilli(), sparkSpan)
	p.raw(`<h1 class="sr">Fleet</h1>`)
	none := len(servers) == 0
	p.raw(`<div id="fleet"`)
	p.attr(&f.body, "fleet", "", "class")
	if none {
		p.put("off")
	}
	if !lit(&m.Link) {
		p.put(" aged")
	}
	p.shutAttr(&f.body, "class")
	p.raw(`>`)
	f.drawCounts(p, m, now)
	want := f.visible(m)
	f.drawTools(p, len(want), len(servers), want)
	if p.making() {
		f.shown = f.shown[:0]
		p.raw(`<div class="cards" id="cards">`)
		for _, s := range want {
			c := f.card(s.ID)
			f.shown = append(f.shown, c)
			c.draw(p, m, s, now, f.span)
		}
		p.raw(`</div>`)
	} else {
		f.arrange(p, m, want, now)
		for _, c := range f.shown {
			if s := m.Server(c.id); s != nil {
				c.draw(p, m, s, now, f.span)
			}
		}
	}
	p.open(&f.nothing, "div", "empty", "", "nothing")
	if !none && len(want) == 0 {
		p.b = f.appendNoMatch(p.b, len(servers))
	}
	p.shut(&f.nothing, "div")
	p.raw(`</div><div id="first"`)
	p.attr(&f.empty, "first", "", "class")
	p.put("empty")
	if !none {
		p.put(" off")
	}
	p.shutAttr(&f.empty, "class")
	p.raw(`>`)
	p.raw(firstRun)
	p.open(&f.origin, "span", "", "", "origin")
	p.b = AppendText(p.b, f.where)
	p.shut(&f.origin, "span")
	p.raw(firstRunEnd)
	p.open(&f.wait, "p", "wait", "", "wait")
	p.b = AppendLamp(p.b, model.Unknown, 16, false)
	p.put("<span>")
	if m.Link.Phase.Fresh() {
		p.put("waiting for the first event, ")
		p.b = AppendCount(p.b, int64(m.Link.Account.Received))
		p.put(" received since ")
		p.b = AppendWhen(p.b, m.Link.Account.Since, now)
	} else {
		p.put("not live yet")
	}
	p.put("</span>")
	p.shut(&f.wait, "p")
	p.raw(`</div>`)
}

// firstRun and firstRunEnd are what a fleet that no server has spoken to shows; between them stands the page's own origin.
const firstRun = `<h1>No server has spoken yet</h1><p>The stream is open and quiet. Publish one event and the server appears here, usually within a tenth of a second.</p>` +
	`<div class="code"><pre id="curl"><span class="dim">$ </span>curl -H "Content-Type: application/json" \` + "\n" +
	`    -d '{"type":"server:online","serverId":"github-mcp",` + "\n" +
	`         "data":{"version":"2.8.0","url":"https://mcp.example/github"}}' \` + "\n    "

const firstRunEnd = `/api/events</pre>` +
	`<button class="btn" type="button" data-do="copy" data-of="curl">Copy</button></div>`

func (f *fleet) drawCounts(p *pen, m *model.Model, now time.Time) {
	n := m.Counts()
	lit := lit(&m.Link)
	p.raw(`<section class="counts" aria-label="Servers by state">`)
	for i, state := range counted {
		c := &f.counts[i]
		key := "n-" + state.String()
		p.raw(`<button type="button" data-do="state" data-of="`)
		p.raw(strconv.Itoa(int(state)))
		p.raw(`" id="`)
		p.raw(key)
		p.raw(`"`)
		p.attr(&c.class, key, "", "class")
		p.put("count")
		switch {
		case n[state] == 0 && i >= countedAlways:
			p.put(" off")
		case n[state] == 0:
			p.put(" zero")
		case state.Trouble() && lit:
			p.put(" bad")
		}
		p.shutAttr(&c.class, "class")
		p.attr(&c.pressed, key, "", "aria-pressed")
		p.b = strconv.AppendBool(p.b, f.only[state])
		p.shutAttr(&c.pressed, "aria-pressed")
		p.raw(`>`)
		p.open(&c.number, "b", "", key, "-n")
		p.b = AppendCount(p.b, int64(n[state]))
		p.shut(&c.number, "b")
		p.open(&c.lamp, "span", "lab", key, "-lamp")
		p.b = AppendLamp(p.b, state, 16, !lit)
		p.put(`<span>`)
		p.put(StateWord(state, false))
		p.put(`</span>`)
		p.shut(&c.lamp, "span")
		p.raw(`</button>`)
	}
	p.raw(`<div class="count rate">`)
	p.open(&f.rate, "b", "", "", "rate")
	perSecond := m.Rate.PerSecond(now)
	switch {
	case !lit:
		p.put(missing)
	default:
		p.b, _ = AppendNumber(p.b, perSecond, PerSecond)
	}
	p.shut(&f.rate, "b")
	p.raw(`<span class="lab">events a second</span>`)
	if second := now.Unix(); !p.making() && second != f.second {
		copy(f.history[:], f.history[1:])
		f.history[len(f.history)-1] = perSecond
		f.second = second
	}
	p.open(&f.rates, "span", "", "", "rates")
	p.b = appendRates(p.b, f.history[:])
	p.shut(&f.rates, "span")
	p.raw(`</div></section>`)
}

// appendRates appends a bar for each second of the last minute.
func appendRates(b []byte, perSecond []float64) []byte {
	top := Nice(slices.Max(perSecond))
	pts := make([]Point, len(perSecond))
	for i, v := range perSecond {
		pts[i] = Point{int64(i+1) * 1000, v}
	}
	p := plot{from: 0, to: int64(len(pts)) * 1000, hi: top, w: 300, h: 60}
	b = add(b, `<svg viewBox="0 0 300 60" preserveAspectRatio="none" aria-hidden="true">`)
	b = appendBars(b, p, pts, 700, p.h)
	return add(b, `</svg>`)
}

func (f *fleet) drawTools(p *pen, shown, all int, want []*model.Server) {
	p.raw(`<div class="tools"><label class="field">`)
	p.raw(string(appendLineIcon(nil, iconSearch)))
	p.raw(`<input type="search" id="find" data-in="find" placeholder="Filter by name, version or state" aria-label="Filter servers" autocomplete="off" spellcheck="false"><kbd>/</kbd></label>`)
	p.open(&f.found, "span", "", "", "found")
	p.b = AppendCount(p.b, int64(shown))
	p.put(" of ")
	p.b = AppendCount(p.b, int64(all))
	p.put(plural(int64(all), " server", " servers"))
	p.shut(&f.found, "span")
	p.open(&f.moved, "span", "", "", "moved")
	if n := f.displaced(want); f.held && n > 0 {
		p.put(`<button class="btn" type="button" data-do="sort">Order changed, `)
		p.b = AppendCount(p.b, int64(n))
		p.put(plural(int64(n), " server", " servers"))
		p.put(`</button>`)
	}
	p.shut(&f.moved, "span")
	p.raw(`<span class="grow"></span>`)
	p.open(&f.spanWords, "span", "long", "", "span")
	p.put("charts: last ")
	p.b = appendUnit(p.b, int64(f.span/time.Minute), "min")
	p.shut(&f.spanWords, "span")
	p.raw(`</div>`)
}

func (f *fleet) appendNoMatch(b []byte, all int) []byte {
	b = add(b, `<p>No server matches`)
	if f.find != "" {
		b = add(b, ` "`)
		b = AppendText(b, f.find)
		b = append(b, '"')
	}
	b = add(b, ". ")
	b = AppendCount(b, int64(all))
	return add(b, ` hidden. <button class="link" type="button" data-do="clear">Clear</button></p>`)
}

// visible returns the servers that pass the filters, in their order.
func (f *fleet) visible(m *model.Model) []*model.Server {
	servers := m.Servers()
	if f.find == "" && f.only == ([model.NumStates]bool{}) {
		return servers
	}
	var want []*model.Server
	for _, s := range servers {
		if f.only != ([model.NumStates]bool{}) && !f.only[s.Status.State] {
			continue
		}
		if f.find != "" && indexFold(s.ID, f.find) < 0 && indexFold(s.Version, f.find) < 0 && indexFold(StateWord(s.Status.State, false), f.find) < 0 {
			continue
		}
		want = append(want, s)
	}
	return want
}

func (f *fleet) card(id string) *card {
	c := f.byID[id]
	if c == nil {
		f.keys++
		c = &card{id: id, key: "s" + strconv.Itoa(f.keys)}
		f.byID[id] = c
	}
	return c
}

// displaced counts the cards that stand elsewhere than their order says.
func (f *fleet) displaced(want []*model.Server) int {
	n := 0
	for i, s := range want {
		if i < len(f.shown) && f.shown[i].id != s.ID {
			n++
		}
	}
	return n
}

// arrange makes the cards on the page those that are wanted, in order. While the reader is among them those that are there
// stay where they are, and new ones come last.
func (f *fleet) arrange(p *pen, m *model.Model, want []*model.Server, now time.Time) {
	if len(f.shown) == len(want) && f.displaced(want) == 0 {
		return
	}
	wanted := make(map[string]bool, len(want))
	for _, s := range want {
		wanted[s.ID] = true
	}
	f.shown = slices.DeleteFunc(f.shown, func(c *card) bool {
		if !wanted[c.id] {
			p.dom.Remove(c.key)
		}
		return !wanted[c.id]
	})
	if f.held {
		for _, s := range want {
			if c := f.card(s.ID); !slices.Contains(f.shown, c) {
				p.dom.Insert("cards", "beforeend", f.markup(c, m, s, now))
				f.shown = append(f.shown, c)
			}
		}
		return
	}
	for i, s := range want {
		c := f.card(s.ID)
		if i < len(f.shown) && f.shown[i] == c {
			continue
		}
		at := slices.Index(f.shown, c)
		switch {
		case at >= 0:
			after := ""
			if i > 0 {
				after = f.shown[i-1].key
			}
			p.dom.Move(c.key, after)
			f.shown = slices.Delete(f.shown, at, at+1)
		case i == 0:
			p.dom.Insert("cards", "afterbegin", f.markup(c, m, s, now))
		default:
			p.dom.Insert(f.shown[i-1].key, "afterend", f.markup(c, m, s, now))
		}
		f.shown = slices.Insert(f.shown, i, c)
	}
}

func (f *fleet) markup(c *card, m *model.Model, s *model.Server, now time.Time) string {
	return part(func(q *pen) { c.draw(q, m, s, now, f.span) })
}

// do carries out what a reader asked for and reports whether it was for this page.
func (f *fleet) do(what, of string, _ time.Time) bool {
	switch what {
	case "find":
		f.find = strings.TrimSpace(of)
	case "state":
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || n >= model.NumStates {
			return false
		}
		f.only[n] = !f.only[n]
	case "clear":
		f.find, f.only = "", [model.NumStates]bool{}
	case "hold":
		f.held = of == "true"
	case "sort":
		f.held = false
	default:
		return false
	}
	return true
}

package ui

import (
	"math"
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

// firstDrawn is how many servers a page begins with. The others come a few a frame, so that thousands of them neither keep
// a page from showing nor a reader waiting for what is in front of him.
const firstDrawn = 60

// fleet is the fleet page: counts, and a card or a row for each server, trouble first.
type fleet struct {
	where string // the page's own origin, for the first event of all
	view  fleetView

	asked  bool // the view is another than it was
	settle bool // the servers are to come into their order though the reader is among them
	// The pointer, the focus is among the servers: they do not jump.
	pointed, focused bool

	want      []*model.Server // those the view shows, in their order, as they were at the last look
	rank      map[string]float64
	listed    time.Time // the last look
	ranked    time.Time // when rank was made
	shape     uint64    // of the Model then
	life      uint64    // the life of the Model, and one more, in which deployments were looked after
	templates []string

	byID   map[string]*card
	byKey  map[string]*card
	shown  []*card // as they stand on the page
	keys   int     // cards made so far
	sorted bool    // they stand as they are wanted, as far as that may be
	moves  int     // how many would move
	next   int     // of shown: whose turn it is to be painted
	skips  bool    // the browser says which of them it draws
	turns  [turns]struct {
		at  time.Time // when it was painted last, and how the Model was then
		rev uint64
	}

	counts                               [len(counted)]struct{ class, pressed, number, lamp, silent slot }
	rate, rates, found, moved, spanWords slot
	body, empty, wait, nothing, run      slot
	items, rest, groups                  slot
	views                                [2]slot
	tabled                               bool // what is on the page is a table
	counted                              bool // the counts were drawn, for
	countShape                           uint64
	countLit                             bool
	countSilent                          [model.NumStates]int
	countOnly                            [model.NumStates]bool
	history                              [60]float64 // events a second, second by second, newest last
	second                               int64
	span                                 time.Duration // what the sparklines show
}

func newFleet() *fleet {
	return &fleet{byID: make(map[string]*card), byKey: make(map[string]*card)}
}

func (f *fleet) title() string { return "Fleet" }

func (f *fleet) draw(p *pen, m *model.Model, now time.Time) {
	f.wish(p, m)
	if f.list(p, m, now) {
		f.sorted = false
		f.span = f.spanOf(m, now)
	}
	all := len(m.Servers())
	none := all == 0
	p.raw(`<h1 class="sr">Fleet</h1><div id="fleet"`)
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
	f.drawRate(p, m, now)
	if !p.making() && f.view.table == f.tabled {
		f.arrange(p, m, now)
	}
	f.drawTools(p, all)
	f.drawItems(p, m, now)
	p.open(&f.rest, "p", "rest", "", "rest")
	if left := len(f.want) - len(f.shown); left > 0 {
		p.b = AppendCount(p.b, int64(left))
		p.put(plural(int64(left), " more server is", " more servers are"))
		p.put(" not drawn yet. ")
	}
	if m.Forgotten > 0 {
		p.put("This page has room for ")
		p.b = AppendCount(p.b, model.MaxServers)
		p.put(" servers; ")
		p.b = AppendCount(p.b, int64(m.Forgotten))
		p.put(plural(int64(m.Forgotten), " more was heard.", " more were heard."))
	}
	p.shut(&f.rest, "p")
	p.open(&f.nothing, "div", "empty", "", "nothing")
	if !none && len(f.want) == 0 {
		p.b = f.appendNoMatch(p.b, all)
	}
	p.shut(&f.nothing, "div")
	p.raw(`</div>`)
	f.drawFirstRun(p, m, now, none)
}

// spanOf returns how far back the sparklines go: all the same.
func (f *fleet) spanOf(m *model.Model, now time.Time) time.Duration {
	var oldest int64
	for _, s := range m.Servers() {
		if t := oldestOf(s); t != 0 && (oldest == 0 || t < oldest) {
			oldest = t
		}
	}
	return spanOf(oldest, m.Now(now).UnixMilli(), sparkSpan)
}

// silent returns of how many servers in each state that can only be told of the past, though the link is fresh.
func silent(m *model.Model, now time.Time) (n [model.NumStates]int) {
	if !lit(&m.Link) {
		return n // as all can
	}
	for _, s := range m.Servers() {
		if aged(m, s, now) {
			n[s.Status.State]++
		}
	}
	return n
}

// drawCounts draws how many servers there are in each state, and how many of them are silent. A lamp shines for a server that is not.
func (f *fleet) drawCounts(p *pen, m *model.Model, now time.Time) {
	lit, silent := lit(&m.Link), silent(m, now)
	if !p.making() && f.counted && f.countShape == m.Shape && f.countLit == lit && f.countSilent == silent && f.countOnly == f.view.only {
		return
	}
	f.counted, f.countShape, f.countLit, f.countSilent, f.countOnly = true, m.Shape, lit, silent, f.view.only
	n := m.Counts()
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
		case n[state] == 0 && i >= countedAlways && !f.view.only[state]:
			p.put(" off")
		case n[state] == 0:
			p.put(" zero")
		case state.Trouble() && lit:
			p.put(" bad")
		case silent[state] > 0:
			p.put(" part")
		}
		p.shutAttr(&c.class, "class")
		p.attr(&c.pressed, key, "", "aria-pressed")
		p.b = strconv.AppendBool(p.b, f.view.only[state])
		p.shutAttr(&c.pressed, "aria-pressed")
		p.raw(`>`)
		p.open(&c.number, "b", "", key, "-n")
		p.b = AppendCount(p.b, int64(n[state]))
		p.shut(&c.number, "b")
		p.open(&c.lamp, "span", "lab", key, "-lamp")
		p.b = AppendLamp(p.b, state, 16, !lit || silent[state] > 0 && silent[state] == n[state])
		p.put(`<span>`)
		p.put(StateWord(state, false))
		p.put(`</span>`)
		p.shut(&c.lamp, "span")
		p.open(&c.silent, "em", "", key, "-silent")
		if silent[state] > 0 {
			p.b = AppendCount(p.b, int64(silent[state]))
			p.put(" silent")
		}
		p.shut(&c.silent, "em")
		p.raw(`</button>`)
	}
}

// drawRate draws how many events come, which changes with the second.
func (f *fleet) drawRate(p *pen, m *model.Model, now time.Time) {
	second := secondOf(m, now)
	if !p.making() && second == f.second {
		return
	}
	p.raw(`<div class="count rate">`)
	p.open(&f.rate, "b", "", "", "rate")
	perSecond := m.PerSecond(&m.Rate, now)
	p.b = appendRate(p.b, m, perSecond, PerSecond)
	p.shut(&f.rate, "b")
	p.raw(`<span class="lab">events a second</span>`)
	if passed := second>>1 - f.second>>1; !p.making() && passed != 0 { // of seconds in which nothing was painted nothing is known
		n := len(f.history)
		last := n - int(min(max(passed, 1), int64(n)))
		copy(f.history[:last], f.history[n-last:])
		clear(f.history[last:])
		if perSecond > 0 { // else nothing came, or too little was counted to tell
			f.history[n-1] = perSecond
		}
	}
	if !p.making() {
		f.second = second
	}
	p.open(&f.rates, "span", "", "", "rates")
	p.b = appendRates(p.b, f.history[:])
	p.shut(&f.rates, "span")
	p.raw(`</div></section>`)
}

// secondOf is another number with every second, and when the link comes or goes: as often as a rate is to be drawn.
func secondOf(m *model.Model, now time.Time) int64 {
	return now.Unix()<<1 + int64(b2i(lit(&m.Link)))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// appendRate appends how many come in a second. When nothing can come nobody knows, and it is not zero.
func appendRate(b []byte, m *model.Model, perSecond float64, unit Unit) []byte {
	if !lit(&m.Link) {
		return add(b, missing)
	}
	b, _ = AppendNumber(b, perSecond, unit)
	return b
}

// appendRates appends a bar for each second of the last minute, on a grid of five by the second and 60 high.
func appendRates(b []byte, perSecond []float64) []byte {
	top := Nice(slices.Max(perSecond))
	b = add(b, `<svg viewBox="0 0 300 60" preserveAspectRatio="none" aria-hidden="true"><path class="bars" d="`)
	for i, v := range perSecond {
		if v <= 0 {
			continue
		}
		b = append(b, 'M')
		b = appendXY(b, 5*i, 60)
		b = append(b, 'V')
		b = strconv.AppendInt(b, 60-int64(math.Round(max(60*v/top, 1))), 10)
		b = append(b, 'h', '3', 'V', '6', '0', 'z')
	}
	return add(b, `"/></svg>`)
}

var (
	cardsIcon = string(appendLineIcon(nil, iconFleet))
	rowsIcon  = string(appendLineIcon(nil, iconRows))
)

func (f *fleet) drawTools(p *pen, all int) {
	if p.making() {
		p.raw(`<div class="tools"><label class="field">`)
		p.raw(string(appendLineIcon(nil, iconSearch)))
		p.raw(`<input type="search" id="find" data-in="find" placeholder="Filter by name, region or state" aria-label="Filter servers by name, version, address, region or state" autocomplete="off" spellcheck="false" value="`)
		p.text(f.view.find)
		p.raw(`"><kbd>/</kbd></label>`)
		f.drawOrders(p)
		f.drawKinds(p)
	} else {
		f.drawTemplates(p)
	}
	p.open(&f.found, "span", "", "", "found")
	p.b = AppendCount(p.b, int64(len(f.want)))
	p.put(" of ")
	p.b = AppendCount(p.b, int64(all))
	p.put(plural(int64(all), " server", " servers"))
	p.shut(&f.found, "span")
	p.open(&f.moved, "span", "", "", "moved")
	if f.held() && f.moves > 0 {
		p.put(`<button class="btn" type="button" data-do="sort">Order changed, `)
		p.b = AppendCount(p.b, int64(f.moves))
		p.put(plural(int64(f.moves), " server", " servers"))
		p.put(`</button>`)
	}
	p.shut(&f.moved, "span")
	p.raw(`<span class="grow"></span>`)
	p.open(&f.spanWords, "span", "long", "", "span")
	p.put("charts: last ")
	p.b = appendUnit(p.b, int64(f.span/time.Minute), "min")
	p.shut(&f.spanWords, "span")
	p.raw(`<div class="seg" role="group" aria-label="Show as">`)
	for i, v := range [...]struct{ name, of, icon string }{{"Cards", "cards", cardsIcon}, {"Table", "table", rowsIcon}} {
		p.raw(`<button type="button" data-do="view" data-of="`)
		p.raw(v.of)
		p.raw(`" id="v-`)
		p.raw(v.of)
		p.raw(`"`)
		p.attr(&f.views[i], "v-", v.of, "aria-pressed")
		p.b = strconv.AppendBool(p.b, f.view.table == (i == 1))
		p.shutAttr(&f.views[i], "aria-pressed")
		p.raw(`>`)
		p.raw(v.icon)
		p.raw(v.name)
		p.raw(`</button>`)
	}
	p.raw(`</div></div>`)
}

// drawOrders and drawKinds make the lists to choose from. What is chosen in them the reader's hand changes, or Page.fields.
func (f *fleet) drawOrders(p *pen) {
	p.raw(`<label class="btn pick"><select id="order" data-change="order" aria-label="Sort by">`)
	for o, is := range orders {
		p.raw(`<option value="`)
		p.raw(is.name)
		p.raw(`"`)
		if order(o) == f.view.order {
			p.raw(` selected`)
		}
		p.raw(`>`)
		p.raw(is.word)
		p.raw(`</option>`)
	}
	p.raw(`</select>`)
	p.raw(chevron)
	p.raw(`</label>`)
}

func (f *fleet) drawKinds(p *pen) {
	p.raw(`<label class="btn pick"><select id="kind" data-change="kind" aria-label="Show only"><option value="">All kinds</option>`)
	for _, k := range kinds {
		p.raw(`<option value="`)
		p.raw(k.name)
		p.raw(`"`)
		if k.name == f.view.kind {
			p.raw(` selected`)
		}
		p.raw(`>`)
		p.raw(k.word)
		p.raw(`</option>`)
	}
	p.raw(`<optgroup label="From template" id="templates">`)
	f.drawTemplates(p)
	p.raw(`</optgroup></select>`)
	p.raw(chevron)
	p.raw(`</label>`)
}

// drawTemplates draws the part of that list which comes and goes.
func (f *fleet) drawTemplates(p *pen) {
	f.groups.id = "templates"
	p.at = len(p.b)
	chosen, templated := strings.CutPrefix(f.view.kind, templateKind)
	if templated && !slices.Contains(f.templates, chosen) {
		p.b = appendTemplate(p.b, chosen, true) // what an address asks for is shown, though no server is of it
	}
	for _, t := range f.templates {
		p.b = appendTemplate(p.b, t, templated && t == chosen)
	}
	if changed := string(p.b[p.at:]) != f.groups.last; changed {
		f.groups.last = string(p.b[p.at:])
		if !p.making() {
			p.dom.HTML(f.groups.id, f.groups.last)
		}
	}
	if !p.making() {
		p.b = p.b[:p.at]
	}
}

func appendTemplate(b []byte, name string, selected bool) []byte {
	b = add(b, `<option value="`+templateKind)
	b = AppendText(b, name)
	b = append(b, '"')
	if selected {
		b = add(b, ` selected`)
	}
	b = append(b, '>')
	b = AppendText(b, name)
	return add(b, `</option>`)
}

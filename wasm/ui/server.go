package ui

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// server is the page of one server.
type server struct {
	id string

	rev    uint64
	shape  uint64 // of the Model
	tick   int64
	drawn  time.Time // by the local clock
	known  bool      // the shape of the page: whether the server is there
	watch  *Watch
	bell   bell
	charts charts
	log    logPanel

	deploys deploymentList
	view    string         // what a narrow screen shows: one of views
	wants   []model.Period // of the past, of all that is on the page
	today   today
	past    uint64 // of the Model's Histories
	asked   bool   // the reader has asked for something since it was drawn

	life uint64 // of the Model, when deployments were wished for

	page, class, lamp, state, since, lasts, evidence, facts slot
	others, missing, viewAttr                               slot
	viewOn, viewText                                        [len(views)]slot
}

func newServer(id string) *server {
	v := &server{id: id}
	v.log.server, v.log.seen = id, rowsSeen
	return v
}

func (v *server) title() string { return v.id }

func (v *server) draw(p *pen, m *model.Model, now time.Time) {
	s := m.Server(v.id)
	if !p.making() && (s != nil) != v.known {
		v.known = s != nil
		p.dom.HTML(v.page.id, part(func(q *pen) { v.drawPage(q, m, s, now) }))
		return
	}
	v.known = s != nil
	if p.making() {
		v.page.id = "server"
		p.raw(`<div id="server"`)
	}
	p.attr(&v.viewAttr, "server", "", "data-view")
	p.put(v.view)
	p.shutAttr(&v.viewAttr, "data-view")
	p.raw(`>`)
	v.drawPage(p, m, s, now)
	p.raw(`</div>`)
}

// views are what a narrow screen shows one of at a time.
var views = [...]struct{ name, word string }{{"", "Measures"}, {"deploys", "Deploys"}, {"log", "Log"}}

func (v *server) drawPage(p *pen, m *model.Model, s *model.Server, now time.Time) {
	if s == nil {
		v.drawMissing(p, m)
		return
	}
	tick := now.UnixMilli() / ageStep.Milliseconds()
	step := p.making() || v.asked || v.shape != m.Shape || v.past != m.Histories.Rev || (v.rev != s.Rev || v.tick != tick) && p.due(v.drawn, now)
	if s.Rev < v.rev { // the log began anew, and with it the server: no scale holds any more
		v.charts.forget()
	}
	if step {
		v.rev, v.shape, v.tick, v.drawn, v.past, v.asked = s.Rev, m.Shape, tick, now, m.Histories.Rev, false
		aged := aged(m, s, now)
		there := m.Now(now)
		v.wish(p, m)
		v.log.look(p, &m.Log) // its errors are counted above it
		p.raw(`<div id="sv"`)
		p.attr(&v.class, "sv", "", "class")
		if aged {
			p.put("aged")
		}
		p.shutAttr(&v.class, "class")
		p.raw(`>`)
		v.drawTitle(p, m, s, there, aged)
		v.drawViews(p, s)
		p.raw(`<div class="body2">`)
		v.charts.draw(p, m, s, there, aged)
		v.deploys.draw(p, m, s, there)
		p.raw(`</div></div>`)
		v.wants = v.wants[:0]
		for _, list := range [][]model.Period{v.charts.wants, v.deploys.wants, v.today.wants, v.charts.ahead} {
			for _, p := range list {
				if !slices.Contains(v.wants, p) {
					v.wants = append(v.wants, p)
				}
			}
		}
	}
	v.log.draw(p, m, now)
	if step {
		p.open(&v.others, "div", "", "", "others")
		p.b = appendOthers(p.b, s, m.Now(now))
		p.shut(&v.others, "div")
	}
}

func (v *server) drawMissing(p *pen, m *model.Model) {
	p.raw(`<div class="empty"><h1>`)
	p.text(v.id)
	p.raw(`</h1>`)
	p.open(&v.missing, "p", "", "", "missing")
	switch {
	case m.Absent(v.id):
		p.put("This server is heard, but this page has no room for it: it holds ")
		p.b = AppendCount(p.b, model.MaxServers)
		p.put(" servers, and each of them has been heard lately.")
	case m.Complete:
		p.put("No event of a server with this name is held. It appears here as soon as one comes.")
	case m.Link.Phase.Fresh():
		p.put("Reading the picture of the fleet.")
	default:
		p.put("Not known yet: this page is not live.")
	}
	p.shut(&v.missing, "p")
	p.raw(`<div class="acts"><a class="btn" href="/">All servers</a></div></div>`)
}

// wish asks for the deployments of before, which the stream does not bring, once in the life of a record.
func (v *server) wish(p *pen, m *model.Model) {
	if p.making() || !m.Complete || !m.Link.Phase.Answered() || v.life == m.Life+1 {
		return
	}
	v.life = m.Life + 1
	if d := m.Deployed; !d.All && d.Since.IsZero() && !d.Reading {
		p.wishes = append(p.wishes, model.Wish{Deployments: true, Back: deploymentsBack})
	}
}

// histories returns what the page shows of the past.
func (v *server) histories() []model.Period { return v.wants }

// drawViews draws what a narrow screen chooses with.
func (v *server) drawViews(p *pen, s *model.Server) {
	p.raw(`<div class="seg views" role="group" aria-label="Show">`)
	for i := range views {
		p.raw(`<button type="button" data-do="view" data-of="`)
		p.raw(views[i].name)
		p.raw(`" id="view-`)
		p.raw(views[i].name)
		p.raw(`"`)
		p.attr(&v.viewOn[i], "view-", views[i].name, "aria-pressed")
		p.b = strconv.AppendBool(p.b, v.view == views[i].name)
		p.shutAttr(&v.viewOn[i], "aria-pressed")
		p.raw(`>`)
		p.raw(views[i].word)
		p.open(&v.viewText[i], "span", "", "view-n-", views[i].name)
		switch i {
		case 1:
			n := int64(0)
			for _, d := range s.Deployments {
				if kindOf(d, d.Overtaken(s.Deployments)) == deploymentsUnder {
					n++
				}
			}
			if n > 0 {
				p.put(" ")
				p.b = AppendCount(p.b, n)
			}
		case 2:
			if n := int64(v.log.view.Levels()[model.Error]); n > 0 {
				p.put(" ")
				p.b = AppendCount(p.b, n)
				p.b = appendIcon(p.b, "lamp", "0 0 16 16", 12, 12, `<path d="M8 1.6L15 14H1z"/>`)
				p.put(`<i class="sr"> errors</i>`)
			}
		}
		p.shut(&v.viewText[i], "span")
		p.raw(`</button>`)
	}
	p.raw(`</div>`)
}

func (v *server) drawTitle(p *pen, m *model.Model, s *model.Server, there time.Time, aged bool) {
	p.raw(`<div class="title"><div class="grow"><div class="row">`)
	p.open(&v.lamp, "span", "", "", "sv-lamp")
	p.b = AppendLamp(p.b, s.Status.State, 28, aged)
	p.shut(&v.lamp, "span")
	p.raw(`<h1>`)
	p.text(v.id)
	p.raw(`</h1>`)
	p.open(&v.state, "span", "word", "", "sv-state")
	p.b = appendStateWord(p.b, s.Status.State, aged)
	p.shut(&v.state, "span")
	p.raw(`<span class="since">`)
	p.open(&v.since, "span", "", "", "sv-since")
	if since := s.Status.Since; !since.IsZero() {
		p.put(`<button type="button" data-do="log-at" data-of="`)
		p.b = strconv.AppendInt(p.b, since.UnixMilli(), 10)
		p.put(`" title="What it said then">since `)
		p.b = AppendWhen(p.b, since, there)
		p.put(`</button>`)
	}
	p.shut(&v.since, "span")
	p.open(&v.lasts, "s", "", "", "sv-lasts")
	if !s.Status.Since.IsZero() && !aged { // how long it stayed so is not known
		p.put(" · ")
		p.b = AppendDuration(p.b, there.Sub(s.Status.Since))
	}
	p.shut(&v.lasts, "s")
	p.raw(`</span>`)
	v.bell.draw(p, v.watch, v.id, "bell")
	p.raw(`</div>`)
	p.open(&v.evidence, "p", "ev", "", "sv-ev")
	p.b = appendTitleEvidence(p.b, s, there)
	if !m.Me.Sees("metrics:cpu") { // what was heard last may be long ago, and say nothing of the server
		p.put(" Its measures are not among what you may see.")
	}
	if s.Status.State == model.Unknown && !m.Me.SeesAny("server") {
		p.put(" Its state is not among what you may see.")
	}
	p.shut(&v.evidence, "p")
	p.raw(`</div>`)
	p.open(&v.facts, "dl", "facts", "", "sv-facts")
	p.b = appendFacts(p.b, s, v.today.count(m, s, there), there)
	p.shut(&v.facts, "dl")
	p.raw(`</div>`)
}

// appendTitleEvidence appends what the state rests on as a sentence, its gist heavier than the rest.
func appendTitleEvidence(b []byte, s *model.Server, there time.Time) []byte {
	const own = "Its own word: "
	grounds := string(appendEvidence(nil, s, there))
	b = add(b, "<b>")
	if claim, ok := strings.CutPrefix(grounds, own); ok {
		if s.Status.State == model.Busy || s.Status.State == model.Idling {
			b = add(b, StateWord(s.Status.State, false))
			b = add(b, " by its own word:</b> ")
		} else {
			b = add(b, "By its own word:</b> ")
		}
		b = add(b, claim)
	} else {
		b = add(b, grounds)
		b = add(b, "</b>")
	}
	if s.Status.State.Trouble() { // when it was last seen is among the facts
		b = append(b, '.')
		if c := s.Status.ErrorCode; c != "" && s.Status.State == model.Failing {
			b = add(b, " Code <code>")
			b = AppendText(b, c)
			b = add(b, "</code>.")
		}
		return b
	}
	if !s.Seen.IsZero() {
		b = add(b, ", last heard ")
		b = appendAgo(b, there.Sub(s.Seen))
	}
	return append(b, '.')
}

// appendFacts appends what does not change from moment to moment. requests is how many there were today, NaN where that is not
// known.
func appendFacts(b []byte, s *model.Server, requests float64, there time.Time) []byte {
	fact := func(name, value string) {
		b = add(b, `<div><dt>`)
		b = add(b, name)
		b = add(b, `</dt><dd>`)
		b = append(b, value...)
		b = add(b, `</dd></div>`)
	}
	if s.Version != "" {
		version := AppendText(nil, s.Version)
		if d := s.Under(); d != nil && d.Version != "" && d.Version != s.Version {
			version = add(add([]byte(`<bdi>`), string(version)), `</bdi> → <bdi>`) // an arrow points from old to new, whatever they are written in
			version = add(AppendText(version, d.Version), `</bdi>`)
		}
		fact("Version", string(version))
	}
	if s.URL != "" {
		fact("Address", string(AppendText(nil, trimScheme(s.URL))))
	}
	switch {
	case !s.Status.State.Alive() || s.Status.State == model.Failing:
		if since := s.Status.Since; !s.Started.IsZero() && since.After(s.Started) {
			fact("Ran for", string(AppendDurationLong(nil, since.Sub(s.Started))))
		}
		fact("Last seen", string(AppendWhen(nil, s.Seen, there)))
	case !s.Started.IsZero():
		fact("Uptime", string(AppendDurationLong(nil, there.Sub(s.Started))))
	}
	if !math.IsNaN(requests) && !s.Status.State.Trouble() {
		fact("Requests today", string(AppendCount(add(nil, "≈ "), int64(requests))))
	}
	if s.Requests.Known() && s.Storage.Known() {
		b2 := AppendQuantity(nil, s.Storage.Used, Bytes)
		b2 = add(b2, " of ")
		fact("Storage", string(AppendQuantity(b2, s.Storage.Total(), Bytes)))
	}
	for i, g := range s.Gauges {
		if i == 3 {
			break
		}
		fact(string(AppendText(nil, g.Type)), string(AppendQuantity(nil, g.Value, Plain)))
	}
	return b
}

func trimScheme(url string) string {
	for _, scheme := range [...]string{"https://", "http://"} {
		if len(url) > len(scheme) && url[:len(scheme)] == scheme {
			return url[len(scheme):]
		}
	}
	return url
}

// visit takes what an address asks for.
func (v *server) visit(q url.Values, now time.Time) {
	v.view = ""
	for i := range views {
		if views[i].name == q.Get("view") {
			v.view = views[i].name
		}
	}
	if open := q.Get("deployment"); open != v.deploys.open {
		v.deploys.open, v.deploys.reveal = open, true
	}
	v.charts.visit(q)
	v.log.visit(q, now)
	v.asked = true
}

// say sets in q what the page shows.
func (v *server) say(q url.Values) {
	say(q, "view", v.view)
	say(q, "deployment", v.deploys.open)
	v.charts.say(q)
	v.log.say(q)
}

// do carries out what a reader asked for and reports whether it was for this page.
func (v *server) do(what, of string, now time.Time) bool {
	v.asked = true // on the next frame, not with the next step of time
	switch what {
	case "view":
		v.view = of
	case "deployment":
		if v.deploys.open == of {
			of = ""
		}
		v.deploys.open, v.deploys.reveal = of, true
		if of != "" {
			v.view = "deploys"
		}
	case "log-at": // in Unix milliseconds
		v.view = "log"
		return v.log.do("goto-time", of, now)
	default:
		return v.charts.do(what, of) || v.log.do(what, of, now)
	}
	return true
}

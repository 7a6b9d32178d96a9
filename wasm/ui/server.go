package ui

import (
	"net/url"
	"strconv"
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
	at     time.Time // the server's clock when it was drawn
	known  bool      // the shape of the page: whether the server is there
	charts charts
	log    logPanel

	page, class, lamp, state, since, evidence, facts slot
	deploys, deployNote, others, missing             slot
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
		p.raw(`<div id="server">`)
	}
	v.drawPage(p, m, s, now)
	p.raw(`</div>`)
}

func (v *server) drawPage(p *pen, m *model.Model, s *model.Server, now time.Time) {
	if s == nil {
		v.drawMissing(p, m)
		return
	}
	tick := now.UnixMilli() / ageStep.Milliseconds()
	step := p.making() || v.tick == 0 || v.shape != m.Shape || (v.rev != s.Rev || v.tick != tick) && p.due(v.drawn, now)
	if s.Rev < v.rev { // the log began anew, and with it the server: no scale holds any more
		v.charts.forget()
	}
	if step {
		v.rev, v.shape, v.tick, v.drawn = s.Rev, m.Shape, tick, now
		aged := aged(m, s, now)
		there := m.Now(now)
		v.at = there
		p.raw(`<div id="sv"`)
		p.attr(&v.class, "sv", "", "class")
		if aged {
			p.put("aged")
		}
		p.shutAttr(&v.class, "class")
		p.raw(`>`)
		v.drawTitle(p, s, there, aged)
		p.raw(`<div class="body2">`)
		v.charts.draw(p, s, there, aged)
		v.drawDeployments(p, s, there)
		p.raw(`</div></div>`)
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

func (v *server) drawTitle(p *pen, s *model.Server, there time.Time, aged bool) {
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
	p.open(&v.since, "span", "since", "", "sv-since")
	p.b = appendSince(p.b, s, there, aged)
	p.shut(&v.since, "span")
	p.raw(`</div>`)
	p.open(&v.evidence, "p", "ev", "", "sv-ev")
	p.put("<b>")
	p.b = appendEvidence(p.b, s, there)
	if c := s.Status.ErrorCode; c != "" && s.Status.State == model.Failing {
		p.put(`.</b> Code <code>`)
		p.b = AppendText(p.b, c)
		p.put(`</code>`)
	} else {
		p.put("</b>")
	}
	if !s.Seen.IsZero() {
		p.put(", last heard ")
		p.b = appendAgo(p.b, there.Sub(s.Seen))
	}
	p.put(".")
	p.shut(&v.evidence, "p")
	p.raw(`</div>`)
	p.open(&v.facts, "dl", "facts", "", "sv-facts")
	p.b = appendFacts(p.b, s, there)
	p.shut(&v.facts, "dl")
	p.raw(`</div>`)
}

func appendFacts(b []byte, s *model.Server, there time.Time) []byte {
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
			version = append(version, " → "...)
			version = AppendText(version, d.Version)
		}
		fact("Version", string(version))
	}
	if s.URL != "" {
		fact("Address", string(AppendText(nil, trimScheme(s.URL))))
	}
	switch {
	case !s.Status.State.Alive() || s.Status.State == model.Failing:
		fact("Last seen", string(AppendWhen(nil, s.Seen, there)))
	case !s.Started.IsZero():
		fact("Uptime", string(AppendDurationLong(nil, there.Sub(s.Started))))
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

func (v *server) drawDeployments(p *pen, s *model.Server, there time.Time) {
	p.raw(`<section class="panel deps" aria-label="Deployments"><div class="ph"><h2>Deployments</h2>`)
	p.open(&v.deployNote, "small", "", "", "dp-note")
	p.b = appendDeployNote(p.b, s.Deployments, there)
	p.shut(&v.deployNote, "small")
	p.raw(`</div>`)
	p.open(&v.deploys, "ol", "list", "", "dp-list")
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		p.b = appendDeploymentItem(p.b, s.Deployments[i], there, i == len(s.Deployments)-1)
	}
	if len(s.Deployments) == 0 {
		p.put(`<li class="none">None held</li>`)
	}
	p.shut(&v.deploys, "ol")
	p.raw(`</section>`)
}

func appendDeployNote(b []byte, list []*model.Deployment, there time.Time) []byte {
	today, failed := 0, 0
	for _, d := range list {
		if sameDay(firstOf(d.Began, d.Changed).In(there.Location()), there) {
			today++
			if d.Stage == model.DeployFailed {
				failed++
			}
		}
	}
	b = strconv.AppendInt(b, int64(today), 10)
	b = add(b, " today")
	if failed > 0 {
		b = add(b, ", ")
		b = strconv.AppendInt(b, int64(failed), 10)
		b = add(b, " failed")
	}
	return b
}

// appendDeploymentItem appends one deployment of the timeline. Those under way show their steps, and so does the newest if it failed.
func appendDeploymentItem(b []byte, d *model.Deployment, there time.Time, latest bool) []byte {
	lamp, word := model.Starting, ""
	switch d.Stage {
	case model.DeployCompleted:
		lamp, word = model.Online, "Ready"
	case model.DeployFailed:
		lamp, word = model.Failing, "Failed"
	case model.DeployReady:
		word = "Ready, not serving yet"
	case model.DeployBuilding:
		word = "Building"
	case model.DeployProvisioning:
		word = "Provisioning"
	default:
		word = "Started"
	}
	st := stagesOf(d)
	b = add(b, `<li class="dp`)
	if !d.Ended() {
		b = add(b, ` now`)
	}
	b = add(b, `">`)
	b = AppendLamp(b, lamp, 16, false)
	b = add(b, `<b>`)
	if d.Version != "" {
		b = AppendText(b, d.Version)
		b = append(b, ' ')
	}
	b = append(b, word...)
	if d.Stage == model.DeployBuilding && d.Progress >= 0 {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(d.Progress), 10)
		b = add(b, nnbsp+"%")
	}
	if st.Failed {
		b = add(b, `<i> at `)
		if d.FailedAt != "" {
			b = AppendText(b, d.FailedAt)
		} else {
			b = append(b, model.Stage(st.At).String()...)
		}
		b = add(b, `</i>`)
	}
	b = add(b, `</b><span class="t took">`)
	switch {
	case d.Took > 0:
		b = AppendTook(b, d.Took)
	case d.Began.IsZero():
	case d.Ended():
		b = AppendTook(b, d.Changed.Sub(d.Began))
	default:
		b = AppendDuration(b, there.Sub(d.Began))
	}
	b = add(b, `</span><span class="d">`)
	b = appendDetail(b, d)
	b = add(b, `</span><span class="t">`)
	b = AppendWhen(b, firstOf(d.Began, d.Changed), there)
	b = add(b, `</span>`)
	if !d.Ended() || latest && st.Failed {
		b = AppendStages(b, st)
	}
	return add(b, `</li>`)
}

// appendDetail appends the one line that says most about a deployment.
func appendDetail(b []byte, d *model.Deployment) []byte {
	if d.Stage == model.DeployFailed {
		return AppendText(b, firstLine(d.Error))
	}
	if d.Stage == model.DeployBuilding && d.Step != "" {
		return AppendText(b, d.Step)
	}
	sep := ""
	for _, s := range [...]string{d.Region, d.Resource, d.Template, d.User} {
		if s != "" {
			b = add(b, sep)
			b = AppendText(b, s)
			sep = ", "
		}
	}
	return b
}

func firstLine(s string) string {
	for i := range len(s) {
		if s[i] == '\n' {
			return s[:i]
		}
	}
	return s
}

// appendOthers appends the newest event of each type that has no place of its own on the page: they pass untouched, and
// are shown as they came.
func appendOthers(b []byte, s *model.Server, there time.Time) []byte {
	if len(s.Events) == 0 {
		return b
	}
	b = add(b, `<section class="panel log" aria-label="Other events"><div class="ph"><h2>Other events</h2><small>the newest of each type, as they came</small></div><div class="others">`)
	for _, e := range s.Events {
		b = appendOther(b, e, there, false)
	}
	return add(b, `</div></section>`)
}

func appendOther(b []byte, e *model.Event, there time.Time, named bool) []byte {
	b = add(b, `<div class="o"><time>`)
	b = AppendWhen(b, e.Time, there)
	b = add(b, `</time><b>`)
	b = AppendText(b, e.Type)
	b = add(b, `</b>`)
	if named {
		b = add(b, `<i>`)
		b = AppendText(b, e.Server)
		b = add(b, `</i>`)
	}
	b = add(b, `<span>`)
	b = AppendText(b, clipBytes(e.Data, 600))
	return add(b, `</span></div>`)
}

func clipBytes(s []byte, most int) []byte {
	if len(s) <= most {
		return s
	}
	return append(s[:most:most], "…"...)
}

// visit takes what an address asks for.
func (v *server) visit(q url.Values, now time.Time) { v.log.visit(q, now) }

// say sets in q what the page shows.
func (v *server) say(q url.Values) { v.log.say(q) }

// do carries out what a reader asked for and reports whether it was for this page.
func (v *server) do(what, of string, now time.Time) bool {
	if what != "cross" {
		return v.log.do(what, of, now)
	}
	v.tick = 0 // now, not with the next step of time
	share, err := strconv.ParseFloat(of, 64)
	if err != nil || share < 0 || share > 1 {
		v.charts.cross = 0
		return true
	}
	v.charts.cross = v.at.UnixMilli() - int64((1-share)*float64(v.charts.span.Milliseconds()))
	return true
}

// step moves the crosshair by five seconds, and sets it at the newest instant when there is none.
func (v *server) step(later bool) {
	v.tick = 0
	by := int64(-5000)
	if later {
		by = 5000
	}
	if v.charts.cross == 0 {
		v.charts.cross = v.at.UnixMilli()
		return
	}
	v.charts.cross = min(v.charts.cross+by, v.at.UnixMilli())
}

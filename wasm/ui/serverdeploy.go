package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// deploymentList is the timeline of the deployments of a server, newest first. One of them may be open, and then says all that
// is known of it.
type deploymentList struct {
	open  string // the key of the one that is open; "": none
	items []*deploymentItem
	wants []model.Period // of the past that the open one compares

	reveal bool // the open one is to be in sight

	note, list, more slot
}

// deploymentItem is one deployment of the timeline.
type deploymentItem struct {
	d     *model.Deployment
	place event.ID // of its newest event when it was drawn
	over  event.ID // of that of the one that has overtaken it
	day   int
	open  bool
	first bool   // it is the newest
	past  uint64 // of the Model's Histories when it was drawn
	rev   int    // of what was read of it

	class, expanded, lamp, title, took, detail, when, stages, all slot
}

// deploymentKey names a deployment in an address: by the id that its publisher gave it, else by when it began.
func deploymentKey(d *model.Deployment) string {
	if d.ID != "" {
		return d.ID
	}
	return "@" + strconv.FormatInt(firstOf(d.Began, d.Changed).UnixMilli(), 10)
}

// find returns the deployment that a key names, the newest of that name, or nil.
func (v *deploymentList) find(s *model.Server) *model.Deployment {
	if v.open == "" || s == nil {
		return nil
	}
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		if d := s.Deployments[i]; deploymentKey(d) == v.open {
			return d
		}
	}
	if ms, err := strconv.ParseInt(v.open[1:], 10, 64); v.open[0] == '@' && err == nil {
		// Its first event may have been read only since.
		for _, d := range s.Deployments {
			if d.ID == "" && d.Began.UnixMilli() <= ms && ms <= d.Changed.UnixMilli() {
				return d
			}
		}
	}
	return nil
}

func (v *deploymentList) draw(p *pen, m *model.Model, s *model.Server, there time.Time) {
	p.raw(`<section class="panel deps" id="deps" aria-label="Deployments"><div class="ph"><h2>Deployments</h2>`)
	p.open(&v.note, "small", "", "", "dp-note")
	if unseen := len(s.Deployments) == 0 && !m.Me.SeesAny("deployment"); !unseen {
		p.b = appendDeployNote(p.b, s.Deployments, there)
	}
	p.shut(&v.note, "small")
	p.raw(`</div>`)
	open := v.find(s)
	v.wants = v.wants[:0]
	if p.making() {
		v.list.id = "dp-list"
		p.raw(`<ol class="list" id="dp-list">`)
		v.items = v.items[:0]
		v.drawItems(p, m, s, open, there)
		p.raw(`</ol>`)
	} else if v.same(s.Deployments) {
		v.drawItems(p, m, s, open, there)
	} else {
		v.items = v.items[:0]
		p.dom.HTML(v.list.id, part(func(q *pen) { v.drawItems(q, m, s, open, there) }))
	}
	if v.reveal && open != nil && !p.making() {
		v.reveal, p.reveal = false, ".dp.open"
	}
	p.open(&v.more, "p", "dpmore", "", "dp-more")
	p.b = appendDeploymentsLeft(p.b, m, s, v.open != "" && open == nil, there)
	p.shut(&v.more, "p")
	p.raw(`</section>`)
}

// same reports whether the items on the page are those of the list.
func (v *deploymentList) same(list []*model.Deployment) bool {
	if len(list) != len(v.items) {
		return false
	}
	for i, it := range v.items {
		if it.d != list[len(list)-1-i] {
			return false
		}
	}
	return true
}

func (v *deploymentList) drawItems(p *pen, m *model.Model, s *model.Server, open *model.Deployment, there time.Time) {
	if len(s.Deployments) == 0 {
		p.raw(`<li class="none">`)
		if m.Me.SeesAny("deployment") {
			p.raw(`None held`)
		} else {
			p.raw(`Not among what you may see`)
		}
		p.raw(`</li>`)
		return
	}
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		d, n := s.Deployments[i], len(s.Deployments)-1-i
		if p.making() {
			v.items = append(v.items, &deploymentItem{d: d, first: n == 0})
		}
		v.items[n].draw(p, m, s, n, d == open, &v.wants, there)
	}
}

func (it *deploymentItem) draw(p *pen, m *model.Model, s *model.Server, n int, open bool, wants *[]model.Period, there time.Time) {
	d := it.d
	by := d.Overtaken(s.Deployments)
	now := !d.Ended() && by == nil
	var cmp comparison
	if open {
		cmp = compare(m, s, d, there)
		*wants = append(*wants, cmp.wants...)
	}
	if !p.making() && !now && it.place == d.Place && it.over == placeOf(by) && it.day == there.YearDay() && it.open == open && (!open || it.past == m.Histories.Rev) && it.rev == knownOf(d) {
		return
	}
	it.place, it.over, it.day, it.open, it.past, it.rev = d.Place, placeOf(by), there.YearDay(), open, m.Histories.Rev, knownOf(d)
	key := "dp" + strconv.Itoa(n)
	p.raw(`<li id="`)
	p.raw(key)
	p.raw(`"`)
	p.attr(&it.class, key, "", "class")
	p.put("dp")
	if now {
		p.put(" now")
	}
	if open {
		p.put(" open")
	}
	p.shutAttr(&it.class, "class")
	p.raw(`><button type="button" class="dpb" id="`)
	p.raw(key)
	p.raw(`-b" data-do="deployment" data-of="`)
	p.text(deploymentKey(d))
	p.raw(`"`)
	p.attr(&it.expanded, key, "-b", "aria-expanded")
	p.b = strconv.AppendBool(p.b, open)
	p.shutAttr(&it.expanded, "aria-expanded")
	p.raw(`>`)
	p.open(&it.lamp, "span", "l", key, "-l")
	p.b = AppendLamp(p.b, deploymentLamp(d, by), 16, false)
	p.shut(&it.lamp, "span")
	p.open(&it.title, "b", "", key, "-w")
	p.b = appendDeploymentTitle(p.b, d, by)
	p.shut(&it.title, "b")
	p.open(&it.took, "span", "t took", key, "-t")
	p.b = appendDeploymentTook(p.b, d, by, there)
	p.shut(&it.took, "span")
	p.open(&it.detail, "span", "d", key, "-d")
	p.b = appendDetail(p.b, d, by, there)
	p.shut(&it.detail, "span")
	p.open(&it.when, "span", "t", key, "-a")
	p.b = AppendWhen(p.b, firstOf(d.Began, d.Changed), there)
	p.shut(&it.when, "span")
	p.raw(`</button>`)
	p.open(&it.stages, "div", "st", key, "-s")
	if now || open && by == nil || it.first && d.Stage == model.DeployFailed {
		p.b = AppendStages(p.b, stagesOf(d))
	}
	p.shut(&it.stages, "div")
	p.open(&it.all, "div", "dpx", key, "-x")
	if open {
		p.b = appendDeploymentAll(p.b, d, &cmp, there)
	}
	p.shut(&it.all, "div")
	p.raw(`</li>`)
}

// knownOf rises with what is known of a deployment that has ended: of one that was read from the record since there is more.
func knownOf(d *model.Deployment) int {
	n := len(d.Logs)
	for _, at := range d.Reached {
		if !at.IsZero() {
			n++
		}
	}
	return n<<8 + len(d.Version) + len(d.Region) + len(d.User)
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
	if today == model.MaxDeployments {
		b = add(b, "at least ")
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

// appendDeploymentsLeft appends what the timeline does not show, and why.
func appendDeploymentsLeft(b []byte, m *model.Model, s *model.Server, lost bool, there time.Time) []byte {
	k := &m.Deployed
	switch {
	case len(s.Deployments) == 0 && !m.Me.SeesAny("deployment"):
		return b
	case lost && k.Reading:
		return add(b, "Reading deployments from the record")
	case lost:
		b = add(b, `<span class="c-warn">The deployment that was asked for is not among them.</span> `)
	}
	if s.Forgotten > 0 {
		b = AppendCount(b, int64(s.Forgotten))
		b = add(b, " more before these. ")
		return add(b, `<a class="link" href="/deployments">All deployments</a>`)
	}
	switch {
	case k.Failed:
		b = add(b, "Older ones could not be read from the record.")
	case !k.All && !k.Since.IsZero():
		b = add(b, "Since ")
		b = AppendWhen(b, k.Since, there)
		b = add(b, `. <a class="link" href="/deployments">Older ones</a>`)
	}
	return b
}

// appendDeploymentAll appends all that is known of a deployment, and what to do with it.
func appendDeploymentAll(b []byte, d *model.Deployment, cmp *comparison, there time.Time) []byte {
	b = cmp.append(b)
	b = add(b, `<dl class="kv">`)
	fact := func(name, value string) {
		if value == "" {
			return
		}
		b = add(b, `<dt>`)
		b = add(b, name)
		b = add(b, `</dt><dd>`)
		b = AppendText(b, value)
		b = add(b, `</dd>`)
	}
	var last time.Time
	for stage, at := range d.Reached {
		if at.IsZero() {
			continue
		}
		b = add(b, `<dt>`)
		b = add(b, deploymentWords[stage])
		b = add(b, `</dt><dd>`)
		b = AppendWhen(b, at, there)
		if !last.IsZero() && at.After(last) {
			b = add(b, ", ")
			b = AppendTook(b, at.Sub(last))
			b = add(b, " later")
		}
		last = at
		b = add(b, `</dd>`)
	}
	fact("Step", d.Step)
	fact("Resource", d.Resource)
	fact("Region", d.Region)
	fact("Address", d.URL)
	fact("Template", d.Template)
	fact("By", d.User)
	fact("Id", d.ID)
	b = add(b, `</dl>`)
	if d.Error != "" {
		b = add(b, `<pre class="err" tabindex="0" role="region" aria-label="The whole error">`)
		b = AppendText(b, d.Error)
		b = add(b, `</pre>`)
	}
	if len(d.Logs) > 0 {
		b = add(b, `<pre tabindex="0" role="region" aria-label="Its last lines">`)
		for _, line := range d.Logs {
			b = AppendText(b, line)
			b = append(b, '\n')
		}
		b = add(b, `</pre>`)
	}
	b = add(b, `<p class="acts">`)
	b = appendLogAt(b, "Log at ", firstOf(d.Began, d.Changed), there)
	if d.Ended() && d.Changed.After(d.Began) {
		b = appendLogAt(b, "Log at its end, ", d.Changed, there)
	}
	return add(b, `</p>`)
}

// appendLogAt appends a button that leads to what the server said at a time.
func appendLogAt(b []byte, words string, at, there time.Time) []byte {
	b = add(b, `<button type="button" class="link" data-do="log-at" data-of="`)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	b = add(b, `">`)
	b = add(b, words)
	b = AppendWhen(b, at, there)
	return add(b, `</button>`)
}

// appendDetail appends the one line that says most about a deployment, and that it has been silent for long.
func appendDetail(b []byte, d, by *model.Deployment, there time.Time) []byte {
	if by != nil {
		if by.Version != "" {
			b = AppendText(b, by.Version)
		} else {
			b = add(b, "another one")
		}
		b = add(b, " began ")
		return AppendWhen(b, firstOf(by.Began, by.Changed), there)
	}
	b = appendGist(b, d)
	if quiet := there.Sub(d.Changed); !d.Ended() && quiet >= deploymentQuiet {
		b = add(b, ` <em>nothing heard for `)
		b = AppendDuration(b, quiet)
		b = add(b, `</em>`)
	}
	return b
}

func appendGist(b []byte, d *model.Deployment) []byte {
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

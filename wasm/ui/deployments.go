package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

const (
	// deploymentsBack is how far back the record is read as soon as the page is live: a stream begins with the newest of each stage
	// alone.
	deploymentsBack = 24 * time.Hour
	// deploymentsFurther is how far when a reader asks for more; the next time he gets all there are.
	deploymentsFurther = 7 * 24 * time.Hour
	// deploymentsShown is how many that have ended are on the page at first, and how many more come with each wish; and as many of
	// those under way, as there are publishers that never say how one ended.
	deploymentsShown = 100
)

// Which deployments are shown.
const (
	deploymentsAll = iota
	deploymentsUnder
	deploymentsFailed
	deploymentsDone
	deploymentsLost // another one began, and no end was heard: see model.Deployment.Overtaken
	deploymentsKinds
)

var deploymentKinds = [deploymentsKinds]struct{ name, word, none string }{
	{"", "All", ""}, {"under", "Under way", " is under way"}, {"failed", "Failed", " is failed"}, {"done", "Done", " is done"},
	{"lost", noEnd, " lacks its end"},
}

// deployments is the page of the deployments of all servers: those under way first, then the newest first.
type deployments struct {
	where string // the page's own origin

	find   string
	kind   int
	server string // "" for all
	most   int    // of those that have ended, and of those under way

	keys  int              // rows made so far
	under []*deploymentRow // as they stand on the page
	ended []*deploymentRow

	wantUnder, wantEnded []*model.Deployment
	over                 map[*model.Deployment]*model.Deployment // what was overtaken, and by which
	counts               [deploymentsKinds]int                   // of those that pass find and server
	servers              []string                                // those that have any, by id
	all                  int
	left                 int // that pass and are not shown
	today, failedToday   int
	sum                  uint64
	asked                bool // the reader has asked for something since
	tick                 int64
	known                model.Deployed
	reads                int           // how often what is known of the past has changed
	want                 time.Duration // how far back the record was asked for; 0: to its beginning
	wished               bool          // the reader wants more
	life                 uint64        // of the Model, when it was asked first

	note, names, nothing, first, origin, older, listClass, underClass slot
	kinds                                                             [deploymentsKinds]struct{ class, pressed, number slot }
}

func newDeployments() *deployments {
	return &deployments{most: deploymentsShown, want: deploymentsBack}
}

func (v *deployments) title() string { return "Deployments" }

func (v *deployments) draw(p *pen, m *model.Model, now time.Time) {
	there := m.Now(now)
	v.wish(p, m)
	// Five times a second is as often as a time that is spent can be read. What a reader asked for is on the next frame.
	if tick := now.UnixMilli() / ageStep.Milliseconds(); !p.making() && tick == v.tick && !v.asked {
		return
	} else {
		v.tick = tick
	}
	v.list(m, there)
	p.raw(`<h1 class="sr">Deployments of all servers</h1><div class="tools deptools"><label class="field">`)
	p.raw(string(appendLineIcon(nil, iconSearch)))
	p.raw(`<input type="search" id="find" data-in="find" value="`)
	p.text(v.find)
	p.raw(`" placeholder="Filter by server, version or error" aria-label="Filter deployments" autocomplete="off" spellcheck="false"><kbd>/</kbd></label>`)
	v.drawKinds(p)
	v.drawServers(p)
	p.raw(`</div><section class="panel" aria-label="Deployments"><div class="ph"><h2>Deployments</h2>`)
	p.open(&v.note, "small", "", "", "dpl-note")
	p.b = v.appendNote(p.b, m)
	p.shut(&v.note, "small")
	p.raw(`</div>`)
	v.under = v.drawRows(p, v.under, v.wantUnder, "dpl-under", &v.underClass, there)
	v.ended = v.drawRows(p, v.ended, v.wantEnded, "dpl-ended", &v.listClass, there)
	p.open(&v.nothing, "p", "none", "", "dpl-none")
	if v.all > 0 && len(v.wantUnder)+len(v.wantEnded) == 0 {
		p.b = v.appendNoMatch(p.b)
	}
	p.shut(&v.nothing, "p")
	v.drawFirst(p, m)
	p.open(&v.older, "p", "older", "", "dpl-older")
	p.b = v.appendOlder(p.b, m, there)
	p.shut(&v.older, "p")
	p.raw(`</section>`)
}

// wish asks for what the stream did not bring.
func (v *deployments) wish(p *pen, m *model.Model) {
	if p.making() || !m.Complete || !m.Link.Phase.Answered() {
		return
	}
	if v.life != m.Life+1 {
		v.life, v.want = m.Life+1, deploymentsBack
		if d := m.Deployed; d.All || !d.Since.IsZero() || d.Reading { // for another page of this app
			return
		}
		p.wishes = append(p.wishes, model.Wish{Deployments: true, Back: v.want})
	}
	if v.wished {
		v.wished = false
		switch {
		case m.Deployed.Failed:
		case v.want == deploymentsBack:
			v.want = deploymentsFurther
		default:
			v.want = 0
		}
		p.wishes = append(p.wishes, model.Wish{Deployments: true, Back: v.want})
	}
}

// list looks which deployments are to be shown, if anything has changed since.
func (v *deployments) list(m *model.Model, there time.Time) {
	if v.known != m.Deployed {
		v.known, v.asked = m.Deployed, true
		v.reads++
	}
	sum := uint64(there.YearDay())
	for _, s := range m.Servers() {
		for _, d := range s.Deployments {
			x := d.Place.Seq * 0x9E3779B97F4A7C15 // so that no two sets of places have one sum, whatever their order
			sum += x ^ x>>29
		}
	}
	if sum == v.sum && !v.asked {
		return
	}
	v.sum, v.asked = sum, false
	v.wantUnder, v.wantEnded, v.servers = v.wantUnder[:0], v.wantEnded[:0], v.servers[:0]
	v.counts, v.all, v.today, v.failedToday = [deploymentsKinds]int{}, 0, 0, 0
	v.over = make(map[*model.Deployment]*model.Deployment)
	for _, s := range m.Servers() {
		if len(s.Deployments) > 0 {
			v.servers = append(v.servers, s.ID)
		}
		for _, d := range s.Deployments {
			v.all++
			if sameDay(firstOf(d.Began, d.Changed).In(there.Location()), there) {
				v.today++
				if d.Stage == model.DeployFailed {
					v.failedToday++
				}
			}
			by := d.Overtaken(s.Deployments)
			if by != nil {
				v.over[d] = by
			}
			if !v.passes(d, by) {
				continue
			}
			kind := kindOf(d, by)
			v.counts[kind]++
			v.counts[deploymentsAll]++
			switch {
			case v.kind != deploymentsAll && v.kind != kind:
			case kind == deploymentsUnder:
				v.wantUnder = append(v.wantUnder, d)
			default:
				v.wantEnded = append(v.wantEnded, d)
			}
		}
	}
	slices.Sort(v.servers)
	newestFirst := func(a, b *model.Deployment) int {
		if c := firstOf(b.Began, b.Changed).Compare(firstOf(a.Began, a.Changed)); c != 0 {
			return c
		}
		return b.Place.Compare(a.Place)
	}
	slices.SortFunc(v.wantUnder, newestFirst)
	slices.SortFunc(v.wantEnded, newestFirst)
	under, ended := min(len(v.wantUnder), v.most), min(len(v.wantEnded), v.most)
	v.left = len(v.wantUnder) - under + len(v.wantEnded) - ended
	v.wantUnder, v.wantEnded = v.wantUnder[:under], v.wantEnded[:ended]
}

// drawServers makes the list to choose a server from. The field itself is never made anew, as it may have the focus.
func (v *deployments) drawServers(p *pen) {
	p.raw(`<label class="btn pick"><select id="dpl-server" data-change="server" aria-label="Server"><option value="">All servers</option><optgroup label="Servers" id="dpl-servers">`)
	if p.making() {
		v.names.id = "dpl-servers"
	}
	p.at = len(p.b)
	if v.server != "" && !slices.Contains(v.servers, v.server) {
		p.b = appendOption(p.b, v.server, true)
	}
	for _, id := range v.servers {
		p.b = appendOption(p.b, id, id == v.server)
	}
	p.shut(&v.names, "optgroup")
	p.raw(`</select>`)
	p.raw(chevron)
	p.raw(`</label>`)
}

func appendOption(b []byte, value string, selected bool) []byte {
	b = add(b, `<option`)
	if selected {
		b = add(b, ` selected=""`)
	}
	b = add(b, `>`)
	b = AppendText(b, value)
	return add(b, `</option>`)
}

func (v *deployments) appendNote(b []byte, m *model.Model) []byte {
	if v.all == 0 {
		return b
	}
	b = AppendCount(b, int64(v.today))
	b = add(b, " today")
	if v.failedToday > 0 {
		b = add(b, ", ")
		b = AppendCount(b, int64(v.failedToday))
		b = add(b, " failed")
	}
	return b
}

// drawRows makes the list, or makes that on the page the one that is wanted, and paints the rows. It returns the rows as they
// stand then.
func (v *deployments) drawRows(p *pen, shown []*deploymentRow, want []*model.Deployment, id string, class *slot, there time.Time) []*deploymentRow {
	p.raw(`<ol id="`)
	p.raw(id)
	p.raw(`"`)
	p.attr(class, id, "", "class")
	p.put("dpl")
	if len(want) == 0 {
		p.put(" off")
	}
	p.shutAttr(class, "class")
	p.raw(`>`)
	if p.making() {
		shown = shown[:0]
		for _, d := range want {
			r := v.row(d)
			shown = append(shown, r)
			r.draw(p, there, v.over[d], v.reads)
		}
		p.raw(`</ol>`)
		return shown
	}
	wanted := make(map[*model.Deployment]bool, len(want))
	for _, d := range want {
		wanted[d] = true
	}
	shown = slices.DeleteFunc(shown, func(r *deploymentRow) bool {
		if !wanted[r.d] {
			p.dom.Remove(r.key)
		}
		return !wanted[r.d]
	})
	for i, d := range want {
		if i < len(shown) && shown[i].d == d {
			shown[i].draw(p, there, v.over[d], v.reads)
			continue
		}
		if at := slices.IndexFunc(shown, func(r *deploymentRow) bool { return r.d == d }); at >= 0 {
			r := shown[at]
			after := ""
			if i > 0 {
				after = shown[i-1].key
			}
			p.dom.Move(r.key, after)
			shown = slices.Insert(slices.Delete(shown, at, at+1), i, r)
			r.draw(p, there, v.over[d], v.reads)
			continue
		}
		r := v.row(d)
		markup := part(func(q *pen) { r.draw(q, there, v.over[d], v.reads) })
		if i == 0 {
			p.dom.Insert(id, "afterbegin", markup)
		} else {
			p.dom.Insert(shown[i-1].key, "afterend", markup)
		}
		shown = slices.Insert(shown, i, r)
	}
	return shown
}

// row returns a new row for a deployment, under a key that no other had: the one before may still be on the page, in another list.
func (v *deployments) row(d *model.Deployment) *deploymentRow {
	v.keys++
	return &deploymentRow{key: "dp" + strconv.Itoa(v.keys), d: d}
}

// visit takes what an address asks for.
func (v *deployments) visit(q url.Values, _ time.Time) {
	v.find, v.server, v.kind, v.asked = strings.TrimSpace(q.Get("find")), q.Get("server"), deploymentsAll, true
	for i, k := range deploymentKinds {
		if k.name == q.Get("state") {
			v.kind = i
		}
	}
}

// say sets in q what the page shows.
func (v *deployments) say(q url.Values) {
	say(q, "find", v.find)
	say(q, "server", v.server)
	say(q, "state", deploymentKinds[v.kind].name)
}

// do carries out what a reader asked for and reports whether it was for this page.
func (v *deployments) do(what, of string, _ time.Time) bool {
	switch what {
	case "find":
		v.find = strings.TrimSpace(of)
	case "server":
		v.server = of
	case "kind":
		for i, k := range deploymentKinds {
			if k.name == of {
				v.kind = i
			}
		}
	case "clear":
		v.find, v.server, v.kind = "", "", deploymentsAll
	case "more":
		v.most += deploymentsShown
	case "older":
		v.wished = true
	default:
		return false
	}
	v.asked = true
	return true
}

package ui

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// screen is what stands between header and foot of the page: the fleet, one server, the catalogue.
type screen interface {
	// title names the page.
	title() string
	// draw makes the screen's markup, or paints what differs from what is on screen.
	draw(p *pen, m *model.Model, now time.Time)
}

// remembering is a screen that shows the past of metrics: the hour, the day, what was before and after a deployment.
type remembering interface {
	histories() []model.Period
}

// Page is the one component of every route, so that going from one screen to another keeps the header, the link and
// their state. It renders the shell; what changes with events stands in regions that render as constants, which go-app's
// diff leaves alone and Paint keeps up.
type Page struct {
	app.Compo
	src Source
	dom DOM

	origin string // "http://127.0.0.1:8080"
	path   string
	query  url.Values // of the address
	screen screen
	open   bool      // the Continuity panel
	keys   bool      // the list of keys
	from   app.Value // where the focus was when that was opened
	theme  string
	update bool // another version is installed and waits
	watch  *Watch
	bell   bell // of all servers
	offers bool // the app can be installed, and the reader is to be asked

	offered string // the version that waits, as the server calls it
	serving string // the version the server runs, that was looked for
	now     time.Time
	placed  bool           // the markup of the screen is on the page, so there is something to paint
	height  string         // the class of that kind that was painted
	wanted  []model.Period // of the past, as the source was told
	detach  func()
	ctx     app.Context // zero until mounted

	brand, fleet, pillIn, strip, notice, main, foot, continuity, picture string // markup as first made, constant from then on

	pen                     pen
	mark, pill, thread, pop slot
	banner                  banner
	colophon                foot
	threadSecond            int64
	announce                announcer
}

// NewPage returns the page for a path, which Routes makes for go-app. On the server and in tests dom may be nil.
func NewPage(src Source, dom DOM, path string) *Page {
	p := &Page{src: src, dom: dom, theme: "system", origin: "http://127.0.0.1:8080"}
	if path != "" {
		p.enter(path)
	}
	return p
}

// OnInit draws the first picture. Nothing starts here.
func (s *Page) OnInit() {
	if app.IsClient {
		here := app.Window().URL()
		s.origin = originOf(here)
		s.query = here.Query()
		s.enter(here.Path)
	}
}

// OnPreRender draws the picture of the server's page.
func (s *Page) OnPreRender(ctx app.Context) {
	here := ctx.Page().URL()
	s.origin = originOf(here)
	s.query = here.Query()
	s.enter(here.Path)
	// go-app has both in attributes of the head too, where a quotation mark that an address brings would end them.
	ctx.Page().SetTitle(strings.ReplaceAll(s.title(), `"`, "″"))
	ctx.Page().ReplaceURL(&url.URL{Scheme: here.Scheme, Host: here.Host, Path: here.EscapedPath(), RawQuery: here.RawQuery})
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// OnMount begins painting.
func (s *Page) OnMount(ctx app.Context) {
	s.ctx = ctx
	s.placed = true
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		s.theme = boot.Call("theme").String()
		if boot.Call("waiting").Truthy() {
			s.onUpdate(ctx, app.Event{})
		}
		s.onInstall(ctx, app.Event{})
	}
	s.watch.Name(s.title())
	s.recall()
	s.detach = s.src.Attach(s.Paint)
}

// recall asks for the last minutes of what the screen shows, and for what only asking brings.
func (s *Page) recall() {
	id := ""
	var ask model.Question
	switch v := s.screen.(type) {
	case *server:
		id = v.id
	case *access:
		ask = model.AskSessions | model.AskCluster
	case *cluster:
		ask = model.AskCluster
	}
	s.src.Recall(id)
	s.src.Ask(ask)
}

// OnDismount ends it.
func (s *Page) OnDismount() {
	if s.detach != nil {
		s.detach()
		s.detach = nil
	}
	s.leave()
}

// OnNav shows the screen of another address.
func (s *Page) OnNav(ctx app.Context) {
	if u := ctx.Page().URL(); u.Path == s.path {
		s.revisit(u)
	} else {
		s.open, s.keys = false, false
		s.query = u.Query()
		s.enter(u.Path)
		s.recall()
		// go-app puts the markup on the page when it has rendered, and a frame may come before that: what it painted would
		// be taken for written, and be lost.
		s.placed = false
		ctx.Defer(func(app.Context) { s.placed = true })
		arrive()
	}
	s.watch.Name(s.title())
}

// onUpdate offers the version that waits. See boot.js.
func (s *Page) onUpdate(ctx app.Context, _ app.Event) {
	s.update = true
	s.src.View(func(m *model.Model, _ time.Time) { s.offered = m.Link.Version })
}

func (s *Page) title() string {
	if s.screen == nil {
		return "Telltale"
	}
	return s.screen.title() + " · Telltale"
}

// leave tells the Model what nobody looks at any more.
func (s *Page) leave() {
	if v, ok := s.screen.(*liveEvents); ok {
		s.src.View(func(m *model.Model, _ time.Time) { v.leave(m) })
	}
}

// enter makes the markup of the screen a path names, and on first entry that of the header.
func (s *Page) enter(path string) {
	first := s.screen == nil
	s.leave()
	s.path = path
	s.screen = screenOf(path)
	switch v := s.screen.(type) {
	case *fleet:
		v.where = s.origin
	case *deployments:
		v.where = s.origin
	case *server:
		v.watch = s.watch
	case *liveEvents:
		v.where = s.origin
	}
	asked := s.query
	draw := func(m *model.Model, now time.Time) {
		s.now = now
		if v, ok := s.screen.(addressed); ok {
			v.visit(asked, now)
		}
		s.main = part(func(q *pen) {
			q.raw(`<div id="screen">`)
			s.screen.draw(q, m, now)
			q.raw(`</div>`)
		})
		if first {
			s.makeShell(m, now)
		}
	}
	if first {
		if src, ok := s.src.(Pictured); ok {
			src.ViewPicture(func(m *model.Model, now time.Time, picture string) {
				draw(m, now)
				s.picture = `<script type="text/event-stream" id="picture">` + picture + `</script>`
			})
			return
		}
	}
	s.src.View(draw)
}

func screenOf(path string) screen {
	if id, ok := strings.CutPrefix(path, "/servers/"); ok && id != "" {
		return newServer(unescapePath(id))
	}
	switch path {
	case deploymentsPath:
		return newDeployments()
	case logPath:
		return newLog()
	case livePath:
		return newLiveEvents()
	case accessPath:
		return new(access)
	case clusterPath:
		return new(cluster)
	}
	if typ, ok := strings.CutPrefix(path, "/events"); ok {
		return newEvents(unescapePath(strings.TrimPrefix(typ, "/")))
	}
	return newFleet()
}

func unescapePath(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func (s *Page) makeShell(m *model.Model, now time.Time) {
	s.brand = part(func(q *pen) {
		q.raw(`<a class="brand" href="/">`)
		s.drawMark(q, m)
		q.raw(`Telltale</a>`)
	})
	s.fleet = `<span class="fleet-name"></span>`
	if m.Me != nil && m.Me.Fleet != "" {
		s.fleet = string(add(AppendText([]byte(`<span class="fleet-name">`), m.Me.Fleet), `</span>`))
	}
	s.pillIn = part(func(q *pen) { s.drawPill(q, m, now) })
	s.strip = part(func(q *pen) { s.drawThread(q, m, now) })
	s.notice = part(func(q *pen) { s.banner.draw(q, m, now) })
	s.foot = part(func(q *pen) {
		q.raw(`<footer class="colophon">`)
		s.colophon.draw(q, m, now)
		s.bell.draw(q, s.watch, "", "bell-all")
		q.raw(`</footer>`)
	})
	s.continuity = part(func(q *pen) { s.drawContinuity(q, m, now) })
}

// Paint brings the page up to date with the Model: the one function that runs on every frame.
func (s *Page) Paint(m *model.Model, now time.Time) {
	p := &s.pen
	p.b, p.dom = p.b[:0], s.dom
	s.now = now
	if v := m.Link.Version; v != s.serving {
		s.serving = v
		if v != ownVersion() {
			look()
		}
		if s.update && s.ctx.Context != nil { // offered before it was known by name
			s.ctx.Dispatch(func(app.Context) { s.offered = v })
		}
	}
	s.drawMark(p, m)
	s.drawPill(p, m, now)
	s.drawThread(p, m, now)
	s.banner.draw(p, m, now)
	s.colophon.draw(p, m, now)
	s.bell.draw(p, s.watch, "", "bell-all")
	if s.open {
		s.drawContinuity(p, m, now)
	}
	if words := s.announce.sentence(m, now); words != "" {
		s.dom.HTML("say", string(AppendText(nil, words)))
	}
	if s.placed {
		s.screen.draw(p, m, now)
		if c := s.tall(); c != s.height {
			s.height = c
			s.dom.Attr("app", "class", c)
		}
	}
	if p.later {
		p.later = false
		s.src.Later()
	}
	if h, ok := s.screen.(remembering); s.placed && ok || len(s.wanted) > 0 {
		var want []model.Period
		if ok {
			want = h.histories()
		}
		if !slices.Equal(want, s.wanted) {
			s.wanted = slices.Clone(want)
			s.src.Histories(s.wanted)
		}
	}
	if p.reveal != "" {
		reveal(p.reveal)
		p.reveal = ""
	}
	for _, w := range p.wishes {
		s.src.ReadLog(w)
	}
	p.wishes = p.wishes[:0]
}

func (s *Page) drawMark(p *pen, m *model.Model) {
	p.open(&s.mark, "span", "", "", "mark")
	p.b = AppendMark(p.b, shownPhase(&m.Link), 26)
	p.shut(&s.mark, "span")
}

func (s *Page) drawPill(p *pen, m *model.Model, now time.Time) {
	p.open(&s.pill, "span", "pill-in", "", "pill-in")
	p.b = appendPill(p.b, m, now)
	p.shut(&s.pill, "span")
}

func (s *Page) drawThread(p *pen, m *model.Model, now time.Time) {
	// Once a second, and at once when the link changes: the thread moves by a pixel in two seconds.
	second := now.Unix()<<8 + int64(shownPhase(&m.Link))
	if !p.making() && second == s.threadSecond {
		return
	}
	s.threadSecond = second
	p.open(&s.thread, "div", "thread", "", "thread")
	p.b = appendThreadLine(p.b, m, now)
	p.shut(&s.thread, "div")
}

func (s *Page) drawContinuity(p *pen, m *model.Model, now time.Time) {
	p.open(&s.pop, "div", "", "", "continuity-in")
	p.b = appendContinuity(p.b, m, now)
	p.shut(&s.pop, "div")
}

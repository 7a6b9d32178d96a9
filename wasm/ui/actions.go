package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Elements say what they do: data-do names it, data-of what with, and data-in names what a field's text is for. One
// handler for each kind of event, on the root, reads that, so that painted regions need no handlers of their own.

func (s *Page) onClick(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	target := e.Get("target")
	if on := closest(target, "[data-do]"); on.Truthy() {
		s.do(ctx, data(on, "do"), data(on, "of"))
		return
	}
	if link := closest(target, "a[href]"); link.Truthy() {
		s.sameScreen(ctx, link)
	}
	if of, ok := s.pointed(e); ok {
		s.ask("pin", of)
	}
	if row := closest(target, "div.r"); row.Truthy() && !closest(target, ".along").Truthy() && app.Window().Call("getSelection").Get("isCollapsed").Bool() {
		s.ask("open", row.Get("id").String())
		return
	}
	if s.open && !closest(target, "#continuity").Truthy() {
		s.show(ctx, false)
	}
	if s.keys && !closest(target, "#keys").Truthy() {
		s.showKeys(ctx, false)
	}
}

// do carries out what an element says it does, or a key. of is what it does it with.
func (s *Page) do(ctx app.Context, what, of string) {
	switch what {
	case "continuity":
		s.show(ctx, !s.open)
	case "keys":
		s.showKeys(ctx, !s.keys)
	case "skip": // go-app takes over what links do, and scrolls without moving the focus
		focus("main")
	case "theme":
		if boot := app.Window().Get("telltale"); boot.Truthy() {
			s.theme = boot.Call("nextTheme").String()
		}
		ctx.Update()
	case "retry":
		s.src.Retry()
	case "past-again":
		s.src.RetryHistories()
	case "end-stream":
		s.src.EndSession(of)
		focus("streams") // the button goes with its row
	case "later":
		s.update = false
		ctx.Update()
	case "install", "not-install":
		s.install(ctx, what == "install")
	case "notify":
		s.watch.Choose(of, s.src.Repaint)
	case "restart":
		if boot := app.Window().Get("telltale"); boot.Truthy() {
			boot.Call("restart")
		}
	case "copy":
		copyText(strings.TrimPrefix(app.Window().GetElementByID(of).Get("textContent").String(), "$ "))
	case "copy-continuity":
		s.src.View(func(m *model.Model, now time.Time) { copyText(ContinuityText(m, now)) })
	default:
		if v := s.log(); v != nil && s.doLog(v, what, of) {
			return
		}
		s.ask(what, of)
		if what == "type" { // of the live events: the field says it too
			s.fields()
		}
		if what == "clear" {
			s.fields()
			focus("find") // the button goes with what it cleared
		}
		if what == "log-at" {
			reveal("#log")
		}
		if what == "pause" {
			set("log", "scrollTop", 0) // the newest line; a log is laid out from its end
		}
	}
}

// asker is a screen that can be asked for something.
type asker interface {
	do(what, of string, now time.Time) bool
}

// ask hands what a reader wants to the screen, and has it shown on the next frame.
func (s *Page) ask(what, of string) { s.asking(what, of, false) }

func (s *Page) asking(what, of string, typed bool) {
	if screen, ok := s.screen.(asker); ok && screen.do(what, of, s.now) {
		s.src.Repaint()
		s.address(typed)
	}
}

// show opens or closes the Continuity panel.
func (s *Page) show(ctx app.Context, open bool) {
	if s.open = open; open {
		s.keys = false
	}
	s.refocus(ctx, "continuity", open)
}

// refocus moves the focus along with a panel that opens or closes: into it, and back to where it was, unless the reader has taken
// it elsewhere by then.
func (s *Page) refocus(ctx app.Context, panel string, open bool) {
	s.src.Repaint()
	// Within Dispatch, as Defer alone may come before the update that it is to follow: what is not shown takes no focus.
	after := func(then func()) {
		ctx.Dispatch(func(ctx app.Context) { ctx.Defer(func(app.Context) { then() }) })
	}
	document := app.Window().Get("document")
	if open {
		if s.from == nil {
			s.from = document.Get("activeElement")
		}
		after(func() { focus(panel) })
		return
	}
	from, body := s.from, document.Get("body")
	s.from = nil
	elsewhere := func() bool {
		on := document.Get("activeElement")
		return on.Truthy() && !on.Equal(body) && !closest(on, "#"+panel).Truthy()
	}
	if elsewhere() {
		ctx.Update()
		return
	}
	if from == nil || !from.Truthy() || from.Equal(body) || !from.Get("isConnected").Bool() {
		from = app.Window().GetElementByID("pill")
	}
	after(func() {
		if !elsewhere() { // another key may have been quicker
			from.Call("focus")
		}
	})
}

func (s *Page) onInput(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if in := e.Get("target"); in.Truthy() {
		if name := data(in, "in"); name != "" {
			s.asking(name, in.Get("value").String(), true)
		}
	}
}

// onHover keeps the servers where they are while a mouse is among them, and onFocus while the focus is.
func (s *Page) onHover(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if f, ok := s.screen.(*fleet); ok && e.Get("pointerType").String() == "mouse" {
		s.among(&f.pointed, "hold", e.Get("type").String() != "pointerleave" && closest(e.Get("target"), "#cards").Truthy())
	}
	s.foresee(e.Get("target"))
}

func (s *Page) onFocus(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if f, ok := s.screen.(*fleet); ok {
		on := e.Get("target")
		if e.Get("type").String() == "focusout" {
			on = e.Get("relatedTarget")
		}
		s.among(&f.focused, "focus", closest(on, "#cards").Truthy())
	}
	s.foresee(e.Get("target"))
}

// foresee has what a reader is about to choose read ahead: the past of a server's charts.
func (s *Page) foresee(target app.Value) {
	v, ok := s.screen.(*server)
	if !ok {
		return
	}
	next := reachLive
	if on := closest(target, "[data-do=range]"); on.Truthy() {
		next = reachNamed(data(on, "of"))
	}
	if next != v.charts.next {
		v.charts.next, v.asked = next, true
		s.src.Repaint()
	}
}

func (s *Page) among(was *bool, what string, is bool) {
	if is != *was {
		s.ask(what, strconv.FormatBool(is))
	}
}

// onSkips hears which servers the browser draws. See boot.js.
func (s *Page) onSkips(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if f, ok := s.screen.(*fleet); ok {
		f.skip(e.Get("detail").String())
		s.src.Repaint()
	}
}

// onPoint moves the crosshair of the charts. It is not in the address until the reader pins it.
func (s *Page) onPoint(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	v, ok := s.screen.(*server)
	if !ok || v.charts.pinned {
		return
	}
	of, ok := s.pointed(e)
	if !ok && v.charts.cross == 0 {
		return
	}
	v.do("cross", of, s.now)
	s.src.Repaint()
}

// pointed returns where on a chart an event is, as its share of the width and the number of the chart.
func (s *Page) pointed(e app.Event) (of string, ok bool) {
	if _, ok := s.screen.(*server); !ok {
		return "", false
	}
	area := closest(e.Get("target"), ".plot")
	if !area.Truthy() {
		return "", false
	}
	chart := closest(area, ".chart").Get("id").String()
	box := area.Call("querySelector", ".xarea").Call("getBoundingClientRect")
	share := (e.Get("clientX").Float() - box.Get("left").Float()) / box.Get("width").Float()
	return strconv.FormatFloat(min(max(share, 0), 1), 'f', 4, 64) + " " + chart[len("ch"):], true
}

// focusedChart returns the number of the chart that has the focus.
func focusedChart() (chart int, ok bool) {
	id := app.Window().Get("document").Get("activeElement").Get("id")
	if id.Type() != app.TypeString {
		return 0, false
	}
	for i, key := range chartKeys {
		if id.String() == key {
			return i, true
		}
	}
	return 0, false
}

// onFollow pauses a log that was scrolled up and follows one that was scrolled back. See boot.js.
func (s *Page) onFollow(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	what, of, _ := strings.Cut(e.Get("detail").String(), " ")
	s.do(ctx, what, of)
}

// onKey carries out a key that was not pressed in a field. See boot.js.
func (s *Page) onKey(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	switch key := e.Get("detail").String(); key {
	case "/":
		switch s.screen.(type) {
		case *fleet, *deployments:
			focus("find")
		default:
			focus("log-find")
		}
	case "Escape":
		if s.keys {
			s.showKeys(ctx, false)
		} else if s.open {
			s.show(ctx, false)
		} else if v, ok := s.screen.(*server); ok && v.charts.cross != 0 {
			s.ask("unpin", "")
		}
	case "?":
		s.showKeys(ctx, !s.keys)
	case "c":
		s.show(ctx, !s.open)
	case "p":
		s.do(ctx, "pause", "")
	case "j", "k":
		if f, ok := s.screen.(*fleet); ok {
			focusCard(f, key)
		}
	case "ArrowLeft", "ArrowRight":
		if v, ok := s.screen.(*server); ok {
			if chart, ok := focusedChart(); ok {
				v.charts.step(chart, key == "ArrowRight")
				v.asked = true
				s.src.Repaint()
				s.address(true)
			}
		}
	case "Enter":
		if _, ok := focusedChart(); ok {
			s.ask("pin", "")
		}
	}
}

// focusCard moves the focus to the next server or the one before.
func focusCard(f *fleet, key string) {
	at := -1
	if on := closest(app.Window().Get("document").Get("activeElement"), "#cards > *"); on.Truthy() {
		at = slices.Index(f.shown, f.byKey[on.Get("id").String()])
	}
	if key == "j" {
		at++
	} else {
		at = max(at-1, 0)
	}
	if at < len(f.shown) {
		app.Window().GetElementByID(f.shown[at].key).Call("querySelector", "a").Call("focus")
	}
}

func closest(element app.Value, selector string) app.Value {
	if !element.Truthy() || !element.Get("closest").Truthy() {
		return app.Null()
	}
	return element.Call("closest", selector)
}

func data(element app.Value, name string) string {
	if v := element.Call("getAttribute", "data-"+name); v.Truthy() {
		return v.String()
	}
	return ""
}

func focus(id string) {
	if e := app.Window().GetElementByID(id); e.Truthy() {
		e.Call("focus")
	}
}

// set sets a property of an element, if it is there: a key may be pressed on any page.
func set(id, property string, value any) {
	if e := app.Window().GetElementByID(id); e.Truthy() {
		e.Set(property, value)
	}
}

// reveal has the browser scroll what the selector finds into sight, once it is painted. See boot.js.
func reveal(selector string) {
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("reveal", selector)
	}
}

// arrive has the browser scroll to where a page begins that was just come to, or on the way Back to where it was left. See boot.js.
func arrive() {
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("arrive")
	}
}

// look has the browser see whether there is another version of the app. See boot.js.
func look() {
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("look")
	}
}

func copyText(text string) {
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("copy", text)
	}
}

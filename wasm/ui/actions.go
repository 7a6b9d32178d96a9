package ui

import (
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
	if row := closest(target, "div.r"); row.Truthy() && !closest(target, ".along").Truthy() && app.Window().Call("getSelection").Get("isCollapsed").Bool() {
		s.ask("open", row.Get("id").String())
		return
	}
	if s.open && !closest(target, "#continuity").Truthy() {
		s.show(ctx, false)
	}
}

// do carries out what an element says it does, or a key. of is what it does it with.
func (s *Page) do(ctx app.Context, what, of string) {
	switch what {
	case "continuity":
		s.show(ctx, !s.open)
	case "skip": // go-app takes over what links do, and scrolls without moving the focus
		focus("main")
	case "theme":
		if boot := app.Window().Get("telltale"); boot.Truthy() {
			s.theme = boot.Call("nextTheme").String()
		}
		ctx.Update()
	case "retry":
		s.src.Retry()
	case "end-stream":
		s.src.EndSession(of)
		focus("streams") // the button goes with its row
	case "later":
		s.update = false
		ctx.Update()
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
		if what == "clear" {
			setValue("find", "")
		}
		if what == "pause" {
			app.Window().GetElementByID("log").Set("scrollTop", 0) // the newest line; a log is laid out from its end
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

// show opens or closes the Continuity panel and moves the focus along: into it, and back to where it was, unless the reader
// has taken it elsewhere by then.
func (s *Page) show(ctx app.Context, open bool) {
	s.open = open
	s.src.Repaint()
	// Within Dispatch, as Defer alone may come before the update that it is to follow: what is not shown takes no focus.
	after := func(then func()) {
		ctx.Dispatch(func(ctx app.Context) { ctx.Defer(func(app.Context) { then() }) })
	}
	document := app.Window().Get("document")
	if open {
		s.from = document.Get("activeElement")
		after(func() { focus("continuity") })
		return
	}
	from, on := s.from, document.Get("activeElement")
	s.from = nil
	if body := document.Get("body"); on.Truthy() && !on.Equal(body) && !closest(on, "#continuity").Truthy() {
		ctx.Update()
		return
	} else if from == nil || !from.Truthy() || from.Equal(body) || !from.Get("isConnected").Bool() {
		from = app.Window().GetElementByID("pill")
	}
	after(func() { from.Call("focus") })
}

func (s *Page) onInput(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if in := e.Get("target"); in.Truthy() {
		if name := data(in, "in"); name != "" {
			s.asking(name, in.Get("value").String(), true)
		}
	}
}

// onHover keeps the cards where they are while a mouse is among them.
func (s *Page) onHover(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if f, ok := s.screen.(*fleet); ok && e.Get("pointerType").String() == "mouse" {
		if held := closest(e.Get("target"), "#cards").Truthy(); held != f.held {
			s.ask("hold", strconv.FormatBool(held))
		}
	}
}

// onPoint moves the crosshair of the charts.
func (s *Page) onPoint(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	v, ok := s.screen.(*server)
	if !ok {
		return
	}
	area := closest(e.Get("target"), ".plot")
	if !area.Truthy() {
		if v.charts.cross != 0 {
			s.ask("cross", "")
		}
		return
	}
	box := area.Call("querySelector", ".xarea").Call("getBoundingClientRect")
	share := (e.Get("clientX").Float() - box.Get("left").Float()) / box.Get("width").Float()
	s.ask("cross", strconv.FormatFloat(share, 'f', 4, 64))
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
		if _, ok := s.screen.(*fleet); ok {
			focus("find")
		} else {
			focus("log-find")
		}
	case "Escape":
		if s.open {
			s.show(ctx, false)
		}
	case "c":
		s.show(ctx, !s.open)
	case "p":
		s.do(ctx, "pause", "")
	case "j", "k":
		if f, ok := s.screen.(*fleet); ok {
			focusCard(f, key)
		}
	case "ArrowLeft", "ArrowRight":
		if v, ok := s.screen.(*server); ok && closest(app.Window().Get("document").Get("activeElement"), ".chart").Truthy() {
			v.step(key == "ArrowRight")
			s.src.Repaint()
		}
	}
}

// focusCard moves the focus to the next card or the one before.
func focusCard(f *fleet, key string) {
	at := -1
	if on := closest(app.Window().Get("document").Get("activeElement"), ".card"); on.Truthy() {
		for i, c := range f.shown {
			if c.key == on.Get("id").String() {
				at = i
			}
		}
	}
	if key == "j" {
		at++
	} else {
		at = max(at-1, 0)
	}
	if at < len(f.shown) {
		app.Window().GetElementByID(f.shown[at].key).Call("querySelector", "h2 a").Call("focus")
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

func setValue(id, value string) {
	if e := app.Window().GetElementByID(id); e.Truthy() {
		e.Set("value", value)
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

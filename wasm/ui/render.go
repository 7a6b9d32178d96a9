package ui

import (
	"strings"

	"github.com/maxence-charriere/go-app/v10/pkg/app"
)

var (
	chevron = string(appendLineIcon(nil, iconDown))
	arrow   = string(appendLineIcon(nil, iconUpdate))
	themes  = map[string]string{
		"system": string(appendLineIcon(nil, iconTheme)),
		"dark":   string(appendLineIcon(nil, iconDark)),
		"light":  string(appendLineIcon(nil, iconLight)),
	}
)

// places are the entries of the navigation.
var places = [...]struct{ path, word, short, icon string }{ // short is for a phone
	{"/", "Fleet", "Fleet", string(appendLineIcon(nil, iconFleet))},
	{deploymentsPath, "Deployments", "Deploys", string(appendLineIcon(nil, iconDeploy))},
	{logPath, "Log", "Log", string(appendLineIcon(nil, iconLine))},
	{"/events", "Events", "Events", string(appendLineIcon(nil, iconEvents))},
}

// elem makes an element of any kind: each kind that go-app has a type of its own for is a kilobyte more to download.
func elem(tag string) app.HTMLElem { return app.Elem(tag) }

// Render renders the shell. Of go-app's attributes none holds a stranger's word: it quotes them as Go does, not as HTML.
func (s *Page) Render() app.UI {
	if s.screen == nil { // on the server, before the path is known
		return app.Div().ID("app")
	}
	return app.Div().ID("app").
		Class(s.tall()).
		OnClick(s.onClick).
		OnInput(s.onInput).
		OnChange(s.onChange).
		On("pointerover", s.onHover).
		On("pointerleave", s.onHover).
		On("focusin", s.onFocus).
		On("focusout", s.onFocus).
		On("skips", s.onSkips).
		On("pointermove", s.onPoint).
		On("follow", s.onFollow).
		On("key", s.onKey).
		On("address", s.onAddress).
		On("update", s.onUpdate).
		On("install", s.onInstall).
		On("open", s.onOpen).
		Body(
			elem("a").Class("skip").Attr("href", "#main").DataSet("do", "skip").Text("Skip to content"),
			elem("header").Class("top").Body(
				app.Raw(s.brand),
				elem("nav").Class("nav").Aria("label", "Pages").Body(s.links(false)...),
				app.Raw(s.fleet),
				elem("button").ID("pill").Attr("type", "button").Class("pill").
					DataSet("do", "continuity").
					Aria("expanded", s.open).
					Aria("controls", "continuity").
					Body(app.Raw(s.pillIn), app.Raw(chevron)),
				elem("button").Attr("type", "button").Class("icon-btn theme").
					DataSet("do", "theme").
					Aria("label", "Theme: "+s.theme).
					Body(app.Raw(themes[s.theme])),
			),
			elem("section").Aria("label", "Connection").Body(
				app.Raw(s.strip),
				app.Raw(s.notice),
				s.updateBanner(),
				s.installBanner(),
			),
			elem("main").ID("main").TabIndex(-1).Body(app.Raw(s.main)),
			app.Raw(s.foot),
			elem("nav").Class("tabs").Aria("label", "Pages").Body(s.links(true)...),
			app.Raw(`<div id="say" class="sr" role="status" aria-live="polite"></div>`),
			app.Div().ID("continuity").Class(popClass(s.open)).
				Role("dialog").
				Aria("label", "Continuity of the connection").
				TabIndex(-1).
				Body(
					app.Raw(s.continuity),
					app.Raw(`<div class="acts"><button class="btn" type="button" data-do="copy-continuity">Copy as text</button>`+
						`<button class="btn" type="button" data-do="retry">Reconnect</button><a class="btn" href="`+accessPath+`">Open streams</a>`+
						`<button class="btn" type="button" data-do="continuity">Close</button><kbd>Esc</kbd></div>`),
				),
			app.Div().ID("keys").Class(popClass(s.keys)).
				Role("dialog").
				Aria("label", "Keys").
				TabIndex(-1).
				Body(app.Raw(keysHelp)),
			app.If(s.picture != "", func() app.UI { return app.Raw(s.picture) }),
		)
}

// tall is the class of a page that is as high as the window, so that the newest line of a log is in sight: that of all logs, and where the
// window is narrow a server's. The style sheet could find that out by :has on the root, and then every page is styled anew with each
// element that comes or goes: half of the main thread on a fleet of 500.
func (s *Page) tall() string {
	switch v := s.screen.(type) {
	case *log:
		return "all-tall"
	case *server:
		if v.view == "log" {
			return "log-tall"
		}
	}
	return ""
}

func popClass(open bool) string {
	if open {
		return "pop"
	}
	return "pop off"
}

func (s *Page) links(icons bool) []app.UI {
	var list []app.UI
	for _, pl := range places {
		a := elem("a").Attr("href", pl.path)
		here := s.path == pl.path || pl.path != "/" && strings.HasPrefix(s.path, pl.path+"/")
		if pl.path == "/" {
			here = here || strings.HasPrefix(s.path, "/servers/")
		}
		if here {
			a = a.Aria("current", "page")
		}
		if icons {
			list = append(list, a.Body(app.Raw(pl.icon), app.Text(pl.short)))
		} else {
			list = append(list, a.DataSet("word", pl.word).Text(pl.word))
		}
	}
	return list
}

// updateBanner offers the version that waits. Nobody is reloaded who did not ask for it.
func (s *Page) updateBanner() app.UI {
	if !s.update {
		return app.Div().ID("update").Class("off")
	}
	yours := ownVersion()
	title := "Another build of " + yours + " is ready."
	if s.offered != "" && s.offered != yours {
		title = "Version " + s.offered + " is ready."
	}
	return app.Div().ID("update").Class("banner").Body(
		app.Raw(arrow),
		app.Div().Class("say").Body(
			elem("b").Text(title),
			app.Text(" You run "+yours+". Restarting takes about 1 s and keeps your place."),
		),
		elem("button").Attr("type", "button").Class("btn").DataSet("do", "later").Text("Later"),
		elem("button").Attr("type", "button").Class("btn main").DataSet("do", "restart").Text("Restart"),
	)
}

// ownVersion is the version of this app: what the server's page says it is, without the hash of its files.
func ownVersion() string {
	v := app.Getenv("GOAPP_VERSION")
	if i := strings.LastIndexByte(v, '-'); i > 0 {
		v = v[:i]
	}
	return v
}

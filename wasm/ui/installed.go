package ui

import "github.com/maxence-charriere/go-app/v10/pkg/app"

// onInstall looks whether the reader is to be offered to install the app. See boot.js, which knows how often he was here, and whether he
// refused.
func (s *Page) onInstall(ctx app.Context, _ app.Event) {
	boot := app.Window().Get("telltale")
	if offers := boot.Truthy() && boot.Call("offers").Bool(); offers != s.offers {
		s.offers = offers
		ctx.Update()
	}
}

// installBanner offers to install the app, quietly, and not beside another offer.
func (s *Page) installBanner() app.UI {
	if !s.offers || s.update {
		return app.Div().ID("install").Class("off")
	}
	return app.Div().ID("install").Class("banner").Body(
		app.Raw(arrow),
		app.Div().Class("say").Body(
			elem("b").Text("Telltale can be installed."),
			app.Text(" It has a window of its own then, and its icon counts the servers in trouble. You are asked this once."),
		),
		elem("button").Attr("type", "button").Class("btn").DataSet("do", "not-install").Text("Not now"),
		elem("button").Attr("type", "button").Class("btn main").DataSet("do", "install").Text("Install"),
	)
}

// install takes the reader's answer.
func (s *Page) install(ctx app.Context, yes bool) {
	s.offers = false
	ctx.Update()
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("install", yes)
	}
	focus("main") // the button goes with the banner
}

// onOpen goes to the page that a notification is of.
func (s *Page) onOpen(ctx app.Context, e app.Event) { ctx.Navigate(e.Get("detail").String()) }

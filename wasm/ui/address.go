package ui

import (
	"net/url"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"
)

// addressed is a screen whose view stands in the page's address, so that the view can be sent to somebody, is there after a
// reload, and Back and Forward lead through it. What is as it is on a first visit has no parameter.
type addressed interface {
	// visit takes what an address asks for: before the screen is first drawn, and again when a link, Back or Forward leads
	// to another address of it. What q does not say is as on a first visit; values nobody gave a meaning are passed over. It
	// is called with the address that the screen has itself just said, too, and then changes nothing.
	visit(q url.Values, now time.Time)
	// say sets in q what the screen shows now, with say below: each parameter that visit understands, and no other.
	say(q url.Values)
}

// say sets a parameter of an address, or takes it away when the value is "", as on a first visit.
func say(q url.Values, name, value string) {
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
}

// address has the page's address say what the screen shows. Unless it follows, Back leads to what was shown before: that is for
// what a reader chooses, one thing after the other, and not for what he types, letter by letter.
func (s *Page) address(follows bool) {
	q := s.said()
	if s.ctx.Context == nil || q.Encode() == s.query.Encode() {
		return
	}
	s.query = q
	u := *s.ctx.Page().URL()
	u.RawQuery = q.Encode()
	// Not by go-app's Navigate: it puts the page together anew. So it never hears of this address, and takes the way back from
	// it for no way at all; onAddress does not.
	method := "pushState"
	if follows {
		method = "replaceState"
	}
	sayAddress(method, u.String())
}

// sayAddress has the browser say another address. It may refuse, for a while, who says many: see boot.js.
func sayAddress(method, address string) {
	if boot := app.Window().Get("telltale"); boot.Truthy() {
		boot.Call("address", method, address)
	}
}

// said returns the parameters of the address of what the screen shows; those that the screen does not know stay.
func (s *Page) said() url.Values {
	q := make(url.Values, len(s.query))
	for name, values := range s.query {
		q[name] = values
	}
	if v, ok := s.screen.(addressed); ok {
		v.say(q)
	}
	return q
}

// onAddress goes where Back and Forward lead within a screen. See boot.js.
func (s *Page) onAddress(ctx app.Context, _ app.Event) {
	ctx.PreventUpdate()
	s.revisit(ctx.Page().URL())
}

// revisit shows what another address of the same screen asks for.
func (s *Page) revisit(u *url.URL) {
	was := s.query
	if u.Path != s.path {
		return
	}
	s.query = u.Query()
	if v, ok := s.screen.(addressed); ok && was.Encode() != s.query.Encode() {
		v.visit(s.query, s.now)
		s.fields()
		s.src.Repaint()
	}
}

// fields has the fields of the screen hold what its address says: what a reader types in is no business of the painters.
func (s *Page) fields() {
	if v := s.log(); v != nil {
		set("log-find", "value", v.asked.find)
		set("log-kind", "value", v.asked.kind)
		set("log-server", "value", v.asked.server)
	}
	if v, ok := s.screen.(*liveEvents); ok {
		set("live-types", "value", v.asked.types)
		set("live-servers", "value", v.asked.servers)
		set("log-find", "value", v.asked.find)
	}
	if v, ok := s.screen.(*deployments); ok {
		set("find", "value", v.find)
	}
	if f, ok := s.screen.(*fleet); ok {
		set("find", "value", f.view.find)
		set("order", "value", orders[f.view.order].name)
		set("kind", "value", f.view.kind)
	}
}

// sameScreen goes where a link leads that go-app takes for no way at all, since it does not know what the address has been
// since it last went somewhere itself.
func (s *Page) sameScreen(ctx app.Context, link app.Value) {
	ctx.Defer(func(ctx app.Context) {
		to, err := url.Parse(link.Get("href").String())
		if err != nil || to.Path != s.path || to.String() == app.Window().Get("location").Get("href").String() {
			return
		}
		sayAddress("pushState", to.String())
		s.revisit(to)
	})
}

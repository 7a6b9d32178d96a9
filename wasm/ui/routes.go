package ui

import "github.com/maxence-charriere/go-app/v10/pkg/app"

// Paths of the pages, as regular expressions: one server, and one type of event.
const (
	serverRoute = `^/servers/[^/]+$`
	eventRoute  = `^/events/[^/]+$`
)

// Routes tells go-app which pages there are and that each is a Page over src. It is called once in a process, before the
// first page is served or the app runs: go-app's routes are the process's. On the server dom is nil.
func Routes(src Source, dom DOM) {
	page := func() app.Composer { return NewPage(src, dom, "") }
	app.Route("/", page)
	app.Route("/events", page)
	app.RouteWithRegexp(serverRoute, page)
	app.RouteWithRegexp(eventRoute, page)
}

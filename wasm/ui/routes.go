package ui

import "github.com/maxence-charriere/go-app/v10/pkg/app"

// Paths of the pages, as regular expressions: one server, and one type of event.
const (
	serverRoute = `^/servers/[^/]+$`
	eventRoute  = `^/events/[^/]+$`
)

// Paths of pages that are there once.
const (
	deploymentsPath = "/deployments" // of all servers
	logPath         = "/log"         // what all servers say
	accessPath      = "/access"      // who reads this, and which streams he has open
	clusterPath     = "/cluster"     // which instances share the record
)

// Routes tells go-app which pages there are and that each is a Page over src. It is called once in a process, before the
// first page is served or the app runs: go-app's routes are the process's. On the server dom and watch are nil.
func Routes(src Source, dom DOM, watch *Watch) {
	page := func() app.Composer {
		p := NewPage(src, dom, "")
		if watch != nil {
			p.watch = watch
		}
		return p
	}
	for _, path := range [...]string{"/", deploymentsPath, logPath, "/events", accessPath, clusterPath} {
		app.Route(path, page)
	}
	app.RouteWithRegexp(serverRoute, page)
	app.RouteWithRegexp(eventRoute, page)
}

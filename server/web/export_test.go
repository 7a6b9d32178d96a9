package web

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/mcp-cloud/telltale/server/history"
)

// Route is one line of what routes lists.
type Route struct{ Method, Path, Who string }

// Routes returns every route and whom it is for, and the paths that the router answers to.
func (s *Server) Routes() (list []Route, paths []string) {
	for _, r := range s.listed {
		list = append(list, Route{r.method, r.path, r.who})
	}
	_ = s.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		paths = append(paths, path)
		return err
	})
	slices.SortFunc(list, func(a, b Route) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	return list, paths
}

// On a busy machine a test may hold an answer for longer than a reader may.
func init() { pieceTime = 5 * time.Minute }

// Impatient is impatient.
var Impatient = impatient

// LocalPath is localPath.
var LocalPath = localPath

// Crowd takes all the room there is for pages, unless some of it is held, until leave is called.
func (s *Server) Crowd() (leave func(), ok bool) {
	return func() { s.pages.all.give(maxPages) }, s.pages.all.try(maxPages) == nil
}

// HistoryOf returns what a query asks for, or the status of the mistake in it and the parameter that is wrong.
func HistoryOf(server string, q url.Values, now time.Time) (ask history.Query, status int, field string) {
	r := mux.SetURLVars(httptest.NewRequest("GET", "/", nil), map[string]string{"id": server})
	ask, err := historyOf(r, q, now)
	if err == nil {
		return ask, 0, ""
	}
	p := problemOf(err)
	return ask, p.Status, p.Field
}

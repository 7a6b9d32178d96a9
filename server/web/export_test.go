package web

import (
	"slices"
	"strings"

	"github.com/gorilla/mux"
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

// LocalPath is localPath.
var LocalPath = localPath

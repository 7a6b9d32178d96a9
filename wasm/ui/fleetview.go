package ui

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// fleetView is what a reader asked to see of the fleet; all of it stands in the address. The zero fleetView is a first visit.
type fleetView struct {
	find  string // what the filter field says
	only  [model.NumStates]bool
	kind  string // the name of one of kinds, or templateKind and a template; "" for all
	order order
	table bool // rows instead of cards
}

// templateKind is how the kind begins that is the servers made from one template.
const templateKind = "template:"

// kinds are what a server may be whatever its state: what it is doing and how it is doing, as its own events say it. Beside
// them stand the templates that servers were deployed from, which is what a platform means by the kind of a server.
var kinds = [...]struct {
	name, word string
	is         func(s *model.Server, now time.Time) bool // now is by the server's clock
}{
	{"deploying", "Deploying", func(s *model.Server, _ time.Time) bool { return s.Under() != nil }},
	{"failed", "Deployment failed", func(s *model.Server, _ time.Time) bool {
		n := len(s.Deployments)
		return n > 0 && s.Deployments[n-1].Stage == model.DeployFailed
	}},
	{"errors", "Errors in its log", func(s *model.Server, now time.Time) bool {
		return !s.Tail.Failed.IsZero() && now.Sub(s.Tail.Failed) < sparkSpan
	}},
	{"limit", "Over a limit", func(s *model.Server, _ time.Time) bool {
		return s.CPU.Usage > cpuLimit || s.Memory.Used > memoryLimit(s)
	}},
	{"silent", "No measures", func(s *model.Server, now time.Time) bool {
		at := s.Measured()
		return at.IsZero() || now.Sub(at) > time.Minute
	}},
}

// cpuLimit is the percentage of CPU above which a server is marked.
const cpuLimit = 80

// memoryLimit is what a server may use of its memory before it is marked: nine tenths, or nothing known to exceed.
func memoryLimit(s *model.Server) float64 {
	if limit := .9 * s.Memory.Total(); limit > 0 {
		return limit
	}
	return math.Inf(1)
}

// template returns what the server was last deployed from; "" when no deployment says.
func template(s *model.Server) string {
	for _, d := range slices.Backward(s.Deployments) {
		if d.Template != "" {
			return d.Template
		}
	}
	return ""
}

// region returns where the server was last deployed to; "" when no deployment says.
func region(s *model.Server) string {
	for _, d := range slices.Backward(s.Deployments) {
		if d.Region != "" {
			return d.Region
		}
	}
	return ""
}

// all reports whether the view hides nothing.
func (v *fleetView) all() bool {
	return v.find == "" && v.kind == "" && v.only == ([model.NumStates]bool{})
}

// filter returns which servers of a list the view shows, in their order. The list stays as it is.
func (v *fleetView) filter(list []*model.Server, now time.Time) []*model.Server {
	if v.all() {
		return list
	}
	words := strings.Fields(v.find)
	of, templated := strings.CutPrefix(v.kind, templateKind)
	is := func(*model.Server, time.Time) bool { return true }
	for _, k := range kinds {
		if k.name == v.kind {
			is = k.is
		}
	}
	some := v.only != ([model.NumStates]bool{})
	var want []*model.Server
	for _, s := range list {
		if some && !v.only[s.Status.State] || templated && template(s) != of || !is(s, now) || !matches(s, words) {
			continue
		}
		want = append(want, s)
	}
	return want
}

// matches reports whether each of the words is in the server's name, version, address, region or template, or in the word for
// its state.
func matches(s *model.Server, words []string) bool {
	for _, w := range words {
		if indexFold(s.ID, w) < 0 && indexFold(s.Version, w) < 0 && indexFold(s.URL, w) < 0 && indexFold(StateWord(s.Status.State, false), w) < 0 &&
			indexFold(region(s), w) < 0 && indexFold(template(s), w) < 0 {
			return false
		}
	}
	return true
}

// visit takes a view from an address.
func (f *fleet) visit(q url.Values, _ time.Time) {
	v := fleetView{find: strings.TrimSpace(q.Get("find")), table: q.Get("view") == "table"}
	for name := range strings.SplitSeq(q.Get("state"), ",") {
		for state := range model.State(model.NumStates) {
			if state.String() == name {
				v.only[state] = true
			}
		}
	}
	v.order = orderOf(q.Get("sort"))
	v.setKind(q.Get("kind"))
	f.show(v)
}

func (v *fleetView) setKind(kind string) {
	v.kind = ""
	if of, ok := strings.CutPrefix(kind, templateKind); ok && of != "" {
		v.kind = kind
	}
	for _, k := range kinds {
		if k.name == kind {
			v.kind = kind
		}
	}
}

// say sets in q what the view shows.
func (f *fleet) say(q url.Values) {
	v := &f.view
	say(q, "find", v.find)
	var states []string
	for state := range model.State(model.NumStates) {
		if v.only[state] {
			states = append(states, state.String())
		}
	}
	say(q, "state", strings.Join(states, ","))
	say(q, "sort", orders[v.order].name)
	say(q, "kind", v.kind)
	view := ""
	if v.table {
		view = "table"
	}
	say(q, "view", view)
}

// show has the page show a view, and the servers in their order at once: who asked for it expects them to move.
func (f *fleet) show(v fleetView) {
	if v == f.view {
		return
	}
	f.view = v
	f.asked, f.settle = true, true
}

// do carries out what a reader asked for and reports whether it was for this page.
func (f *fleet) do(what, of string, _ time.Time) bool {
	v := f.view
	switch what {
	case "find":
		v.find = strings.TrimSpace(of)
	case "state":
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || n >= model.NumStates {
			return false
		}
		v.only[n] = !v.only[n]
	case "order":
		v.order = orderOf(of)
	case "kind":
		v.setKind(of)
	case "view":
		v.table = of == "table"
	case "clear":
		v = fleetView{order: v.order, table: v.table}
	case "hold":
		f.pointed = of == "true"
		return true
	case "focus":
		f.focused = of == "true"
		return true
	case "sort":
		f.settle = true
		return true
	default:
		return false
	}
	f.show(v)
	return true
}

// held reports whether the reader is among the servers, with the pointer or the focus: they do not jump.
func (f *fleet) held() bool { return (f.pointed || f.focused) && !f.settle }

func (f *fleet) appendNoMatch(b []byte, all int) []byte {
	b = add(b, `<p>No server matches`)
	if f.view.find != "" {
		b = add(b, ` "`)
		b = AppendText(b, f.view.find)
		b = append(b, '"')
	}
	b = add(b, ". ")
	b = AppendCount(b, int64(all))
	return add(b, ` hidden. <button class="link" type="button" data-do="clear">Clear</button></p>`)
}

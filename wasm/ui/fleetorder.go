package ui

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// order is how the servers of the fleet are sorted.
type order uint8

const (
	byTrouble order = iota // as the Model has them
	byName
	byChange
	byCPU // the first of those that are measured: see measured
	byMemory
	byNetwork
	byRequests
	byResponse
	numOrders
)

// orders are what a reader chooses from; name is what the address says, "" for the one that needs no saying.
var orders = [numOrders]struct{ name, word string }{
	byTrouble:  {"", "Trouble first"},
	byName:     {"name", "Name"},
	byChange:   {"changed", "Newest change"},
	byCPU:      {"cpu", "CPU"},
	byMemory:   {"memory", "Memory"},
	byNetwork:  {"network", "Network"},
	byRequests: {"requests", "Requests"},
	byResponse: {"response", "Response time"},
}

// orderOf returns the order the address calls so, and the first one for what it does not know.
func orderOf(name string) order {
	for o := range numOrders {
		if orders[o].name == name {
			return o
		}
	}
	return byTrouble
}

// measured reports whether the order hangs on numbers, which change all the time.
func (o order) measured() bool { return o >= byCPU }

// rank returns what a measured order goes by, the greatest first; -Inf for what is not known.
func (o order) rank(s *model.Server) float64 {
	v := math.NaN()
	switch o {
	case byCPU:
		v = s.CPU.Usage
	case byMemory:
		v = s.Memory.Used
	case byNetwork:
		v = s.Network.In
		if out := s.Network.Out; !math.IsNaN(out) {
			v += out
		}
	case byRequests:
		v = s.Requests.Count
	case byResponse:
		v = s.Requests.AvgMs
	}
	if math.IsNaN(v) {
		return math.Inf(-1)
	}
	return v
}

// How often the order of the servers is looked at when nothing but numbers have changed. What is sorted by a number would
// otherwise never stand still long enough to be read.
const (
	rankEvery = 5 * time.Second
	sortEvery = time.Second
)

// list brings the list of servers that the view shows up to date, and reports whether it has.
func (f *fleet) list(p *pen, m *model.Model, now time.Time) bool {
	old := now.Sub(f.listed).Abs()
	switch {
	case p.making() || f.asked:
	case m.Shape != f.shape:
		if !p.due(f.listed, now) {
			return false
		}
	case f.view.order.measured() && old < rankEvery || old < sortEvery:
		return false
	}
	servers := m.Servers()
	o := f.view.order
	if o.measured() && (f.asked || p.making() || now.Sub(f.ranked).Abs() >= rankEvery) {
		f.ranked = now
		f.rank = make(map[string]float64, len(servers))
	}
	there := m.Now(now)
	if m.Shape != f.shape || p.making() {
		f.templates = templates(servers)
	}
	f.asked, f.shape, f.listed = false, m.Shape, now
	f.want = f.view.filter(servers, there)
	if o == byTrouble {
		return true
	}
	if f.view.all() {
		f.want = slices.Clone(f.want) // it is the Model's own
	}
	rank := func(s *model.Server) float64 {
		v, known := f.rank[s.ID]
		if !known {
			v = o.rank(s)
			f.rank[s.ID] = v
		}
		return v
	}
	slices.SortFunc(f.want, func(a, b *model.Server) int {
		c := 0
		switch {
		case o == byChange:
			c = b.Status.Since.Compare(a.Status.Since)
		case o.measured():
			c = cmp.Compare(rank(b), rank(a))
		}
		return cmp.Or(c, compareFold(a.ID, b.ID), strings.Compare(a.ID, b.ID))
	})
	return true
}

// compareFold compares two names as a reader would look for them: without regard to case, and by numbers as numbers, so that
// web-2 comes before web-10.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			n, k := digits(a), digits(b)
			x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:k], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[n:], b[k:]
			continue
		}
		if c := cmp.Compare(lower(a[0]), lower(b[0])); c != 0 {
			return c
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits returns how many bytes at the beginning of s are digits.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// maxTemplates bounds how many templates are offered to choose from.
const maxTemplates = 50

// templates returns what servers were deployed from, by name.
func templates(servers []*model.Server) []string {
	var list []string
	for _, s := range servers {
		if t := template(s); t != "" {
			if i, found := slices.BinarySearch(list, t); !found && len(list) < maxTemplates {
				list = slices.Insert(list, i, t)
			}
		}
	}
	return list
}

// rising returns which elements of a list of different numbers make up a longest rising run of it: those that can stay where
// they are when the list is to be sorted. The rest is as few as there can be.
func rising(list []int) []bool {
	stays := make([]bool, len(list))
	var ends []int                   // ends[n] is where the run of n+1 ends whose last number is the least
	before := make([]int, len(list)) // the one before it in that run
	for i, v := range list {
		n, _ := slices.BinarySearchFunc(ends, v, func(at, v int) int { return cmp.Compare(list[at], v) })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		ends = append(ends[:n], i)[:max(n+1, len(ends))]
	}
	if len(ends) == 0 {
		return stays
	}
	for at := ends[len(ends)-1]; at >= 0; at = before[at] {
		stays[at] = true
	}
	return stays
}

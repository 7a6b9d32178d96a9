package ui

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// remembered is a world whose record answers at once.
type remembered struct {
	*clocked
	asked   []model.Period
	failed  string
	retried int
}

func (r *remembered) Histories(want []model.Period) {
	r.asked = want
	r.answer()
}

func (r *remembered) RetryHistories() {
	r.retried++
	r.m.Histories.Retry()
	r.answer()
}

func (r *remembered) answer() {
	for _, p := range r.asked {
		if h := r.m.Histories.Get(p); h == nil {
			r.m.SetHistory(p, history(p, r.now), r.failed, false, r.now)
		}
	}
}

// history is what a record would answer: a mean that rises with the time of day, 10 around it, and nothing from 09:00 to 11:00.
func history(p model.Period, now time.Time, lacks ...[2]int64) []byte {
	type spread struct {
		Min  []any `json:"min"`
		Mean []any `json:"mean"`
		Max  []any `json:"max"`
	}
	var a struct {
		From     int64              `json:"from"`
		To       int64              `json:"to"`
		Step     int64              `json:"step"`
		Complete int64              `json:"complete"`
		Lacks    [][2]int64         `json:"unreadable,omitempty"`
		Fields   map[string]*spread `json:"fields"`
		Count    []int              `json:"count"`
	}
	a.Lacks = lacks
	a.From, a.To, a.Step, a.Complete, a.Fields = p.From, p.To, p.Step, now.Add(-5*time.Minute).UnixMilli(), map[string]*spread{}
	for _, name := range []string{"usage", "used", "bytesIn", "bytesOut", "count", "avgResponseTime", "errorRate"} {
		f := &spread{}
		a.Fields[name] = f
		a.Count = nil
		for at := p.From; at < p.To; at += p.Step {
			hour := float64(time.UnixMilli(at).In(testZone).Hour()) + float64(time.UnixMilli(at).In(testZone).Minute())/60
			if at > now.UnixMilli() || hour >= 9 && hour < 11 {
				f.Min, f.Mean, f.Max, a.Count = append(f.Min, nil), append(f.Mean, nil), append(f.Max, nil), append(a.Count, 0)
				continue
			}
			f.Min, f.Mean, f.Max = append(f.Min, hour-10), append(f.Mean, hour), append(f.Max, hour+10)
			a.Count = append(a.Count, int(p.Step/1000))
		}
	}
	b, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return b
}

// visited is a page at an address of a world.
func visited(t *testing.T, src Source, address string) (*Page, *document) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	page := NewPage(src, nil, "")
	page.query, page.open = u.Query(), true // the Continuity panel is painted while it is open
	page.enter(u.Path)
	d := newDocument(t, app.HTMLString(page))
	page.dom, page.placed = d, true
	return page, d
}

func painted(t *testing.T, r *remembered, page *Page, d *document) {
	t.Helper()
	for range 3 { // one that asks, one that draws, one for what was put off
		page.Paint(r.m, r.now)
		r.now = r.now.Add(ageStep)
	}
	if len(d.lost) > 0 {
		t.Fatalf("the painter wrote to what is not there: %q", d.lost)
	}
}

func count(n *node, class string) int {
	c := 0
	for _, have := range strings.Fields(n.attrs["class"]) {
		if have == class {
			c++
		}
	}
	for _, k := range n.kids {
		c += count(k, class)
	}
	return c
}

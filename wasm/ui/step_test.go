package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// frames paints a page on frames of 16 ms, while there is one to paint: as package live does.
type frames struct {
	*clocked
	later  bool
	writes map[string]int // by element
	DOM
}

func (f *frames) Later() { f.later = true }

func (f *frames) HTML(id, html string) {
	f.writes[id]++
	f.DOM.HTML(id, html)
}

// However many samples come, numbers are written ten times a second and drawings twice; the first after a pause at once, the
// last soon after it came, and a change of state in the very next frame.
func TestNumbersKeepAPaceThatCanBeRead(t *testing.T) {
	const frame = 16 * time.Millisecond
	for _, test := range []struct{ path, number, drawing string }{
		{"/servers/github-mcp", "ch0-now", "ch0-plot"},
		{"/", "-cpu", "-cpu-sp"},
	} {
		t.Run(test.path, func(t *testing.T) {
			w := harbour(t)
			at := noon.Add(10 * time.Second)
			f := &frames{clocked: &clocked{w, at}, writes: make(map[string]int)}
			page, d := mounted(t, f, test.path)
			f.DOM, page.dom = d, f
			if test.path == "/" {
				key := page.screen.(*fleet).byID["github-mcp"].key
				test.number, test.drawing = key+test.number, key+test.drawing
			}
			sample := func(v float64) {
				w.publish(at, w.event("metrics:cpu", "github-mcp", at, map[string]any{"value": v, "usage": v}))
			}
			paint := func() {
				f.now, f.later = at, false
				page.Paint(w.m, at)
			}
			paint()
			clear(f.writes)

			at = at.Add(time.Second)
			sample(11)
			paint()
			if got := d.root.find(test.number).words(); !strings.HasPrefix(got, "11.0") {
				t.Errorf("the first sample after a pause: the frame after it shows %q", got)
			}
			began := at
			for v := 20.0; at.Sub(began) < time.Second; v += .5 {
				at = at.Add(frame)
				for range 20 {
					sample(v)
				}
				paint()
			}
			if n := f.writes[test.number]; n < 8 || n > 12 {
				t.Errorf("the number was written %d times in a second", n)
			}
			if n := f.writes[test.drawing]; n < 1 || n > 4 {
				t.Errorf("the drawing was made %d times in a second", n)
			}

			at = at.Add(frame)
			sample(77)
			for paint(); f.later; paint() { // it asks for the frames it needs
				at = at.Add(frame)
			}
			if got := d.root.find(test.number).words(); !strings.HasPrefix(got, "77.0") {
				t.Errorf("the last sample: %q is shown", got)
			}

			at = at.Add(frame)
			w.publish(at, w.event("server:error", "github-mcp", at, map[string]any{"message": "no"}))
			paint()
			if !strings.Contains(d.root.words(), StateWord(model.Failing, false)) {
				t.Error("a change of state was put off")
			}
		})
	}
}

// A log that brings more than a screenful with every step is drawn as far as it can be seen, and whole again when it is calm or
// the reader leaves the end.
func TestFastLogIsDrawnAsFarAsItIsSeen(t *testing.T) {
	for _, test := range []struct {
		name string
		calm func(*Page)
	}{
		{"calm", func(*Page) {}},
		{"the reader scrolls up", func(page *Page) { page.screen.(*server).do("away", "", page.now) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := harbour(t)
			page, d := mounted(t, w, "/servers/github-mcp")
			at := noon.Add(time.Second)
			rows := func() []*node { return d.root.find("log-rows").kids }
			for range 10 {
				at = at.Add(logStep)
				var list []event.Event
				for range 200 {
					list = append(list, w.event("logs:app", "github-mcp", at, map[string]any{"level": "info", "message": "busy"}))
				}
				w.publish(at, append(list, w.event("logs:app", "github-mcp", at, map[string]any{"level": "info", "message": "the newest"}))...)
				page.Paint(w.m, at)
				if n := len(rows()); n != briefRows || !strings.Contains(rows()[n-1].words(), "the newest") {
					t.Fatalf("%d rows on the page, the last says %q; want %d and the newest", n, rows()[n-1].words(), briefRows)
				}
			}
			test.calm(page)
			at = at.Add(logStep)
			page.Paint(w.m, at)
			if n := len(rows()); n != maxRows {
				t.Errorf("%d rows on the page, want %d", n, maxRows)
			}
		})
	}
}

// A state that comes after others were held back says so.
func TestFlappingIsSaid(t *testing.T) {
	for _, test := range []struct{ flapped, want string }{
		{`7`, "Its own word: online, the last of 7 changes in a row"},
		{`1`, "Its own word: online"},
		{`"often"`, "Its own word: online"},
	} {
		w := newWorld(t)
		e := w.event("server:online", "web-1", noon, map[string]any{})
		e.Data = []byte(`{"flapped":` + test.flapped + `}`)
		w.publish(noon, e)
		if got := string(appendEvidence(nil, w.m.Server("web-1"), noon)); got != test.want {
			t.Errorf("flapped %s: %q, want %q", test.flapped, got, test.want)
		}
	}
}

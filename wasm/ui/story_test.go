package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// stories are the screens with prepared data, for people to look at: TELLTALE_STORIES=DIR go test -run TestStories
// writes one HTML file each, which needs telltale.css beside it. Without the variable the test only sees that all render.
func TestStories(t *testing.T) {
	dir := os.Getenv("TELLTALE_STORIES")
	live := func(*world) {}
	for name, s := range map[string]struct {
		path   string
		fleet  func(*testing.T) *world
		change func(*world)
		open   bool
	}{
		"fleet":       {"/", harbour, live, false},
		"server":      {"/servers/github-mcp", harbour, live, false},
		"failed":      {"/servers/postgres-mcp", harbour, live, false},
		"unknown":     {"/servers/nobody", harbour, live, false},
		"deployments": {"/deployments", harbour, live, false},
		"events":      {"/events/metrics:network", harbour, live, false},
		"other":       {"/events/backup:finished", harbour, live, false},
		"continuity":  {"/", broken, live, true},
		"empty":       {"/", func(t *testing.T) *world { w := newWorld(t); w.begin(noon.Add(-time.Minute)); return w }, live, false},
		"reconnecting": {"/", harbour, func(w *world) {
			w.phase(feed.Reconnecting, noon, func(s *feed.State) {
				s.Lost, s.Failures, s.Next = noon.Add(-14*time.Second), 2, noon.Add(4*time.Second)
			})
		}, false},
		"offline": {"/", harbour, func(w *world) {
			w.phase(feed.Offline, noon, func(s *feed.State) { s.Lost = noon.Add(-37 * time.Minute) })
		}, false},
		"stale": {"/", harbour, func(w *world) {
			w.phase(feed.Stale, noon, func(s *feed.State) { s.Heard = noon.Add(-31 * time.Second) })
		}, false},
		"refused": {"/", harbour, func(w *world) {
			w.phase(feed.Refused, noon, func(s *feed.State) { s.Status = 401 })
		}, false},
		"picture": {"/", harbour, func(w *world) {
			w.phase(feed.Idle, noon, nil)
			w.m.Link.Picture = noon
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.fleet(t)
			s.change(w)
			page := NewPage(w, nil, s.path)
			page.open = s.open
			html := app.HTMLString(page)
			if strings.Contains(html, "%!") {
				t.Errorf("a formatting error is on the page")
			}
			if dir == "" {
				return
			}
			for _, theme := range []string{"dark", "light"} {
				doc := `<!doctype html><html lang="en" data-theme="` + theme + `"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>` + name +
					`</title><link rel="stylesheet" href="telltale.css"><body>` + html + `</body></html>`
				if err := os.WriteFile(filepath.Join(dir, name+"-"+theme+".html"), []byte(doc), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// broken is the harbour after a link with a history.
func broken(t *testing.T) *world {
	w := harbour(t)
	for _, b := range []struct {
		from, to time.Time
		why      string
	}{
		{noon.Add(-21 * time.Minute), noon.Add(-20 * time.Minute), "this device slept"},
		{noon.Add(-13 * time.Minute), noon.Add(-12*time.Minute - 39*time.Second), "the server restarted"},
	} {
		w.phase(feed.Reconnecting, b.from, func(s *feed.State) { s.Lost, s.Reason = b.from, b.why })
		w.phase(feed.CatchingUp, b.to.Add(-time.Second), func(s *feed.State) { s.Lost, s.Reason = time.Time{}, "" })
		w.acc.Reconnects++
		w.phase(feed.Live, b.to, nil)
	}
	w.acc.Skipped = 14
	w.control("stream:gap", noon.Add(-5*time.Minute), `{"reason":"slow","count":14}`)
	w.phase(feed.Live, noon, nil)
	return w
}

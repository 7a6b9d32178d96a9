package ui

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/shared/feed"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Two servers, one of them in trouble: each view as go-app writes it, one node a line with sorted attributes, since go-app
// writes attributes in any order. After a change on purpose: go test ./wasm/ui -run Golden -update, and read the difference.
func TestGolden(t *testing.T) {
	for name, v := range map[string]struct {
		path  string
		phase feed.Phase
	}{
		"fleet":        {"/", feed.Live},
		"fleet-lost":   {"/", feed.Reconnecting},
		"server":       {"/servers/web", feed.Live},
		"server-error": {"/servers/postgres", feed.Live},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon.Add(-time.Minute))
			for i := 3; i >= 0; i-- {
				at := noon.Add(-time.Duration(i) * time.Second)
				w.publish(at,
					w.event("metrics:cpu", "web", at, map[string]any{"value": 40 + i, "usage": 40 + i, "cores": 4}),
					w.event("metrics:memory", "web", at, map[string]any{"used": 3 << 30, "available": 5 << 30}),
					w.event("metrics:network", "web", at, map[string]any{"bytesIn": 1_400_000, "bytesOut": 800_000}),
				)
			}
			w.publish(noon,
				w.event("server:online", "web", noon.Add(-38*time.Minute), map[string]any{"version": "2.8.0", "url": "https://mcp.example/web", "uptime": 60}),
				w.event("deployment:started", "web", noon.Add(-72*time.Second), map[string]any{"id": "d", "version": "2.8.1"}),
				w.event("deployment:building", "web", noon.Add(-time.Second), map[string]any{"id": "d", "progress": 60, "stage": "layer 14 of 41"}),
				w.event("logs:app", "web", noon, map[string]any{"level": "info", "message": "listening"}),
				w.event("server:error", "postgres", noon.Add(-135*time.Second), map[string]any{"message": "Exited with status 1", "errorCode": "E_DB_CONN", "critical": true}),
				w.event("logs:error", "postgres", noon.Add(-135*time.Second), map[string]any{"message": "database <unreachable>", "stack": "main.run main.go:61"}),
			)
			if v.phase != feed.Live {
				w.phase(v.phase, noon, func(s *feed.State) { s.Lost, s.Failures, s.Next = noon, 1, noon.Add(2*time.Second) })
			}
			got := screenshot(newDocument(t, app.HTMLString(NewPage(w, nil, v.path))))
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s:\n%s", file, firstDifference(got, string(want)))
			}
		})
	}
}

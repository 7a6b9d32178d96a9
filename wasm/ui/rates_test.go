package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// While nothing can come, or comes only every few seconds, nobody knows how many events there are in a second: no rate is a zero then.
func TestRatesAreMissingWhileNotLive(t *testing.T) {
	for path, ids := range map[string][]string{
		"/":                    {"rate"},
		"/events/metrics:cpu":  {"ev-rate", "ty-metrics:cpu"},
		livePath:               {"live-rate", "ty-metrics:cpu"},
		"/log":                 {"log-rate-app-n", "log-loud-n"},
		"/servers/github-mcp":  {"log-rate-app-n"},
		"/events/nobody:knows": {"ev-rate", "ty-metrics:cpu"},
	} {
		src := &clocked{harbour(t), noon}
		at := noon
		tick := func() {
			at = at.Add(time.Second)
			src.publish(at, src.event("metrics:cpu", "github-mcp", at, map[string]any{"usage": 1}), src.event("nobody:knows", "github-mcp", at, nil),
				src.event("logs:app", "github-mcp", at, map[string]any{"message": "x"}))
		}
		for range 10 {
			tick()
		}
		src.now = at
		page, d := mounted(t, src, path)
		check := func(when string, missed bool) {
			t.Helper()
			page.Paint(src.m, src.now)
			_, fresh := mounted(t, src, path)
			for _, id := range ids {
				for _, n := range []*node{d.root.find(id), fresh.root.find(id)} {
					if n == nil {
						t.Fatalf("%s: there is no %s", path, id)
					}
					if got := n.words(); strings.Contains(got, missing) != missed || strings.ContainsAny(got, "0123456789") == missed {
						t.Errorf("%s, %s: %s is %q", path, when, id, got)
					}
				}
			}
		}
		check("live", false)
		src.phase(feed.Reconnecting, at, func(s *feed.State) { s.Lost = at })
		src.now = at.Add(logStep)
		check("lost", true)
		src.now = at.Add(time.Minute)
		check("lost for long", true)
		src.phase(feed.Polling, at, nil)
		src.now = src.now.Add(logStep)
		check("polling", true)
		at = at.Add(2 * time.Minute)
		src.phase(feed.Live, at, func(s *feed.State) { s.Lost = time.Time{} })
		for range 10 {
			tick()
		}
		src.now = at
		check("live again", false)
	}
}

package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What a reader may not see is said to be that, and not to be missing; what he may not do is not taught.
func TestWhatMayNotBeSeen(t *testing.T) {
	const few, silent = `{"user":"bob","scopes":["subscribe"],"servers":"*","types":"server:*,logs:*"}`, "No deployment has been heard of yet"
	measures, failures := strings.Replace(few, "logs:*", "metrics:*", 1), strings.Replace(few, "logs:*", "logs:error,deployment:failed", 1)
	reader := strings.Replace(few, "server:*,logs:*", "*", 1)
	publisher := strings.Replace(reader, `["subscribe"]`, `["subscribe","publish"]`, 1)
	for _, row := range []struct {
		name, me, path string
		want           []string
		not            string
	}{
		{"charts of few types", few, "/servers/quiet", []string{"Its measures are not among what you may see.", "CPU: not among what you may see"}, "not measured"},
		{"a state of other types", strings.Replace(measures, "server:*,", "", 1), "/servers/stateless", []string{"Unknown", "Its state is not among what you may see."}, "No word"},
		{"no state", reader, "/servers/stateless", []string{"Unknown"}, "Its state"},
		{"charts of all", reader, "/servers/quiet", []string{"not measured", "CPU: no samples yet"}, "not among"},
		{"a server's deployments of few types", few, "/servers/quiet", []string{"DeploymentsNot among what you may see", "There may be older lines"}, "None held"},
		{"a server's deployments of those that failed", failures, "/servers/quiet", []string{"None held", "There may be older lines"}, "Not among"},
		{"a server's deployments of all", reader, "/servers/quiet", []string{"0 today", "None held", "There may be older lines"}, "Not among"},
		{"a server's log of few types", measures, "/servers/quiet", []string{"Lines are not among what you may see"}, "said yet"},
		{"the log of few types", measures, logPath, []string{"Lines are not among what you may see"}, "older lines"},
		{"deployments of failed ones", failures, deploymentsPath, []string{silent}, "not among"},
		{"deployments of few types", few, deploymentsPath, []string{"Deployments are not among what you may see", "of these types: server:*,logs:*"}, "curl"},
		{"deployments of a reader", reader, deploymentsPath, []string{silent, "as soon as somebody publishes"}, "curl"},
		{"deployments of a publisher", publisher, deploymentsPath, []string{silent, "curl"}, "somebody"},
		{"deployments of nobody in particular", "", deploymentsPath, []string{silent, "curl"}, "somebody"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon)
			w.publish(noon, w.event("server:online", "quiet", noon, nil))
			w.publish(noon, w.event("metrics:requests", "stateless", noon, map[string]any{"count": 1}))
			if row.me != "" {
				w.m.Me = model.ReadMe([]byte(row.me))
			}
			page, d := mounted(t, &clocked{w, noon}, row.path)
			page.Paint(w.m, noon.Add(time.Second))
			said := d.get("screen").words()
			for _, want := range row.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in %q", want, said)
				}
			}
			if strings.Contains(said, row.not) {
				t.Errorf("%q is in %q", row.not, said)
			}
		})
	}
}

// A page that began with what it keeps has no more than a dot to draw, and says why; one that lost the link has what it drew.
func TestChartsAreNotKeptOffline(t *testing.T) {
	for _, row := range []struct {
		name    string
		samples int
		phase   feed.Phase
		says    bool
	}{
		{"kept", 1, feed.Offline, true},
		{"kept, and the server is down", 1, feed.Reconnecting, true},
		{"the link was lost", 3, feed.Reconnecting, false},
		{"live", 1, feed.Live, false},
		{"never measured", 0, feed.Offline, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon)
			at := noon
			w.publish(at, w.event("server:online", "web", at, nil))
			for range row.samples {
				at = at.Add(time.Second)
				w.publish(at, w.event("metrics:cpu", "web", at, map[string]any{"usage": 5}))
			}
			w.phase(row.phase, at, func(*feed.State) {})
			page, d := mounted(t, &clocked{w, at}, "/servers/web")
			page.Paint(w.m, at.Add(time.Second))
			if said := d.get("ch-note").words(); strings.Contains(said, "Charts are not kept offline") != row.says {
				t.Errorf("above the charts stands %q", said)
			}
		})
	}
}

// Where several instances can share the record, every page leads to them.
func TestInstancesAreLinked(t *testing.T) {
	for me, links := range map[string]int{`{"open":true}`: 0, `{"open":true,"shared":true}`: 2} {
		w := newWorld(t)
		w.begin(noon)
		w.m.Me = model.ReadMe([]byte(me))
		foot, panel := footOf(w.m.Me), string(appendContinuity(nil, w.m, noon))
		if got := strings.Count(foot, `href="/cluster"`) + strings.Count(panel, `href="/cluster"`); got != links {
			t.Errorf("%s: %d links, want %d, in %s\n%s", me, got, links, foot, panel)
		}
	}
}

// How many events come in a second is not said before it has been counted, and then of the time that was.
func TestRateOfTheFirstSeconds(t *testing.T) {
	s := spectating(t, newWorld(t), "")
	s.begin(s.now)
	rate := func() string { return s.d.get("rate").words() }
	for i, want := range []string{"—", "—", "10.0", "10.0"} {
		s.now = s.now.Add(time.Second)
		for range 10 {
			s.publish(s.now, s.event("metrics:cpu", "web", s.now, map[string]any{"usage": 1}))
		}
		s.page.Paint(s.m, s.now)
		if got := rate(); got != want {
			t.Errorf("after %d s: %q a second, want %q", i+1, got, want)
		}
	}
}

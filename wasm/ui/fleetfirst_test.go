package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// An empty fleet says what is true for whom it is for: who may not publish is not told to, and who may see nothing is told that.
func TestFirstRunIsForItsReader(t *testing.T) {
	const appears = "usually within a tenth of a second."
	for _, c := range []struct {
		name, me string
		says     []string // and no other of these
	}{
		{"open", `{"open":true,"scopes":["subscribe","publish","admin"],"servers":"*","types":"*"}`, []string{"No server has spoken yet", appears, "curl", "github-mcp"}},
		{"who does not know for whom it is", ``, []string{"No server has spoken yet", appears, "curl", "github-mcp"}},
		{"who may publish", `{"user":"a","scopes":["subscribe","publish"],"servers":"*","types":"*"}`, []string{"No server has spoken yet", appears, "curl", "Bearer $TELLTALE_TOKEN", "github-mcp"}},
		{"who may not", `{"user":"a","scopes":["subscribe"],"servers":"*","types":"*"}`, []string{"No server has spoken yet", "The first one appears here when it speaks, ", appears}},
		{"of some servers", `{"user":"a","scopes":["subscribe","publish"],"servers":"web-*","types":"*"}`,
			[]string{"No server that you may see has spoken yet", "You may see the servers web-* and the types of events *.", appears, "curl", "Bearer $TELLTALE_TOKEN", `"serverId":"web-1"`}},
		{"of some types", `{"user":"a","scopes":["subscribe","publish"],"servers":"*","types":"logs:*"}`,
			[]string{"No server that you may see has spoken yet", "You may see the servers * and the types of events logs:*.", "The first one appears here when it speaks, ", appears}},
		{"who may see nothing", `{"user":"a","scopes":["subscribe","publish"],"servers":"/","types":"/"}`, []string{"You may not see this fleet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.m.Me = model.ReadMe([]byte(c.me))
			w.begin(noon)
			src := &clocked{w, noon}
			page, d := mounted(t, src, "/")
			text := says(d.root.find("first-run"))
			all := []string{"No server has spoken yet", "No server that you may see has spoken yet", "You may not see this fleet", "You may see the servers", "The first one appears", appears, "curl", "Bearer", "github-mcp"}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in %q", want, text)
				}
			}
			for _, not := range all {
				if strings.Contains(text, not) && !strings.Contains(strings.Join(c.says, "\n"), not) {
					t.Errorf("%q is in %q", not, text)
				}
			}
			// A server that has spoken is shown in its place.
			w.publish(noon, w.event("server:online", "a", noon, nil))
			page.Paint(w.m, noon.Add(time.Second))
			if got := d.root.find("first").attrs["class"]; got != "empty off" {
				t.Errorf("its class is %q", got)
			}
		})
	}
}

// Before there is a picture nobody knows that no server has spoken.
func TestFirstRunWithoutAPicture(t *testing.T) {
	w := newWorld(t)
	w.phase(feed.Offline, noon, nil)
	src := &clocked{w, noon}
	page, d := mounted(t, src, "/")
	if got := says(d.root.find("first")); got != "Nothing is known of the fleet yetIts picture comes as soon as this page is live.not live yet" {
		t.Errorf("it says %q", got)
	}
	w.begin(noon)
	page.Paint(w.m, noon.Add(time.Second))
	if got := says(d.root.find("first")); !strings.HasPrefix(got, "No server has spoken yet") || !strings.Contains(got, "waiting for the first event, 0 received since 12:41:07") {
		t.Errorf("then it says %q", got)
	}
}

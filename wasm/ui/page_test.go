package ui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// clocked is a world seen at an instant that the test moves.
type clocked struct {
	*world
	now time.Time
}

func (c *clocked) View(f func(m *model.Model, now time.Time)) { f(c.m, c.now) }

// screenshot is what a page shows, but for what only a page that was there all the while can know: the keys of its cards, and
// the bars of the seconds it saw.
func screenshot(d *document) string {
	var b strings.Builder
	d.root.show(&b, 0, func(n *node) bool {
		return n.attrs["id"] == "rates" || n.attrs["id"] == "say" || n.tag == "" && strings.TrimSpace(n.text) == "" && strings.HasPrefix(n.text, "\n")
	})
	return cardKey.ReplaceAllString(b.String(), `id="card`)
}

var cardKey = regexp.MustCompile(`id="(s|dp)\d+`)

func mounted(t *testing.T, src Source, path string) (*Page, *document) {
	t.Helper()
	page := NewPage(src, nil, path)
	page.open = true // the Continuity panel is painted while it is open
	d := newDocument(t, app.HTMLString(page))
	page.dom = d
	page.placed = true
	return page, d
}

// What is painted bit by bit is what a page opened now would show: the promise every region rests on.
func TestPaintingEndsWhereRenderingBegins(t *testing.T) {
	tick := func(w *world, i int) time.Time { return noon.Add(time.Duration(i) * 10 * time.Second) }
	sample := func(w *world, at time.Time, server string) []event.Event {
		return []event.Event{
			w.event("metrics:cpu", server, at, map[string]any{"value": 12.5, "usage": 12.5, "cores": 4}),
			w.event("metrics:memory", server, at, map[string]any{"used": 5 << 30, "available": 1 << 30}),
			w.event("metrics:network", server, at, map[string]any{"bytesIn": 1e3, "bytesOut": 2e3}),
			w.event("metrics:requests", server, at, map[string]any{"count": 5, "avgResponseTime": 20}),
		}
	}
	// Each step is published at its own instant, and the page painted after each.
	steps := []struct {
		name string
		do   func(w *world, at time.Time)
	}{
		{"nothing, time goes on", func(w *world, at time.Time) {}},
		{"samples", func(w *world, at time.Time) { w.publish(at, sample(w, at, "github-mcp")...) }},
		{"a new server", func(w *world, at time.Time) {
			w.publish(at, w.event("server:online", "<new> & shiny", at, map[string]any{"version": `1"2`}))
		}},
		{"a server fails", func(w *world, at time.Time) {
			w.publish(at, w.event("server:error", "github-mcp", at, map[string]any{"message": "<script>", "errorCode": "E<1>"}))
		}},
		{"its log", func(w *world, at time.Time) {
			var list []event.Event
			for i := range 700 {
				list = append(list, w.event("logs:app", "github-mcp", at, map[string]any{"level": []string{"info", "warn", "error", "debug"}[i%4], "message": fmt.Sprintf("<line> %d", i)}))
			}
			w.publish(at, list...)
		}},
		{"it recovers", func(w *world, at time.Time) {
			w.publish(at, append(sample(w, at, "github-mcp"), w.event("server:online", "github-mcp", at, map[string]any{"version": "2.8.1", "uptime": 4000}))...)
		}},
		{"its deployment completes", func(w *world, at time.Time) {
			w.publish(at, w.event("deployment:completed", "github-mcp", at, map[string]any{"id": "d5", "version": "2.8.1", "durationMs": 72000}))
		}},
		{"requests where there were none", func(w *world, at time.Time) { w.publish(at, sample(w, at, "postgres-mcp")...) }},
		{"a type nobody knows", func(w *world, at time.Time) {
			w.publish(at, w.event("backup:started", "github-mcp", at, map[string]any{"size": 3}))
		}},
		{"the link is lost", func(w *world, at time.Time) {
			w.phase(feed.Reconnecting, at, func(s *feed.State) { s.Lost, s.Failures, s.Next = at, 1, at.Add(3*time.Second) })
		}},
		{"and comes back", func(w *world, at time.Time) {
			w.phase(feed.CatchingUp, at, func(s *feed.State) { s.Lost, s.Failures, s.Next = time.Time{}, 0, time.Time{} })
			w.phase(feed.Live, at, nil)
		}},
		{"the log begins anew", func(w *world, at time.Time) {
			w.control("stream:reset", at, `{"reason":"epoch"}`)
			w.publish(at, append(sample(w, at, "github-mcp"), w.event("server:online", "github-mcp", at, map[string]any{"version": "1"}))...)
		}},
	}
	for _, path := range []string{"/", "/servers/github-mcp", "/servers/postgres-mcp", "/servers/%3Cnew%3E%20&%20shiny", "/events/metrics:cpu", "/events/backup:started", "/deployments"} {
		t.Run(path, func(t *testing.T) {
			src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
			page, d := mounted(t, src, path)
			for i, step := range steps {
				at := tick(src.world, i+1)
				step.do(src.world, at)
				src.now = at.Add(300 * time.Millisecond)
				page.Paint(src.m, src.now)
				page.Paint(src.m, src.now.Add(ageStep)) // what one frame puts off, the next does
				src.now = src.now.Add(ageStep)
				_, fresh := mounted(t, src, path)
				got, want := screenshot(d), screenshot(fresh)
				if got != want {
					t.Fatalf("after %q the painted page differs from a fresh one:\n%s", step.name, firstDifference(got, want))
				}
				if len(d.lost) > 0 {
					t.Fatalf("after %q the painter wrote to what is not there: %q", step.name, d.lost)
				}
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			from := max(0, i-6)
			return fmt.Sprintf("line %d\npainted:\n%s\nfresh:\n%s", i, strings.Join(g[from:min(i+3, len(g))], "\n"), strings.Join(w[from:min(i+3, len(w))], "\n"))
		}
	}
	return "the fresh one is longer"
}

// A frame in which nothing changed writes nothing.
func TestPaintWritesOnlyWhatDiffers(t *testing.T) {
	for _, path := range []string{"/", "/servers/github-mcp", "/events/metrics:cpu"} {
		src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
		page, d := mounted(t, src, path)
		page.Paint(src.m, src.now)
		d.writes = 0
		page.Paint(src.m, src.now)
		if d.writes != 0 {
			t.Errorf("%s: the same instant painted twice made %d writes", path, d.writes)
		}
		// A tenth of a second later no age has come to its next step.
		page.Paint(src.m, src.now.Add(100*time.Millisecond))
		if d.writes != 0 {
			t.Errorf("%s: a tenth of a second made %d writes", path, d.writes)
		}
		at := noon.Add(time.Second)
		src.publish(at, src.event("metrics:cpu", "github-mcp", at, map[string]any{"value": 99, "usage": 99, "cores": 4}))
		page.Paint(src.m, at)
		if d.writes == 0 {
			t.Errorf("%s: a sample made no write", path)
		}
	}
}

// However many lines come between two frames, they go in as one fragment and out as one range.
func TestLogGoesInAndOutInOnePiece(t *testing.T) {
	src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
	page, d := mounted(t, src, "/servers/github-mcp")
	page.Paint(src.m, src.now)
	lines := func(n int, at time.Time) {
		var list []event.Event
		for i := range n {
			list = append(list, src.event("logs:app", "github-mcp", at, map[string]any{"level": "info", "message": fmt.Sprint("line ", i)}))
		}
		src.publish(at, list...)
	}
	count := &counting{DOM: d}
	page.dom = count
	for i := 1; i <= 20; i++ {
		at := noon.Add(time.Duration(i) * time.Second)
		lines(20, at)
		count.inserts, count.drops = 0, 0
		page.Paint(src.m, at)
		if count.inserts != 1 || count.drops > 1 {
			t.Errorf("20 lines made %d inserts and %d drops", count.inserts, count.drops)
		}
	}
	if n := len(d.root.find("log-rows").kids); n != maxRows {
		t.Errorf("%d rows on the page, want the %d of the window", n, maxRows)
	}
}

type counting struct {
	DOM
	inserts, drops int
}

func (c *counting) Insert(id, where, html string) { c.inserts++; c.DOM.Insert(id, where, html) }
func (c *counting) Drop(id string, n int)         { c.drops++; c.DOM.Drop(id, n) }

func (n *node) words() string {
	if n.tag == "" {
		return n.text
	}
	var b strings.Builder
	for _, k := range n.kids {
		b.WriteString(k.words())
	}
	return b.String()
}

func TestFleetFilters(t *testing.T) {
	src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
	page, d := mounted(t, src, "/")
	names := func() string {
		page.Paint(src.m, src.now)
		var list []string
		for _, card := range d.root.find("cards").kids {
			list = append(list, card.kids[0].kids[1].words())
		}
		return strings.Join(list, " ")
	}
	all := names()
	if want := "postgres-mcp web-search-us-2 stripe-mcp browser-mcp github-mcp sentry-mcp web-search-eu-1 embeddings-gpu-1 slack-mcp filesystem-mcp memory-mcp"; all != want {
		t.Fatalf("order: %s", all)
	}
	for _, c := range []struct{ what, of, want string }{
		{"find", "WEB", "web-search-us-2 web-search-eu-1"},
		{"find", "busy", "browser-mcp github-mcp"},
		{"find", "posgres", ""},
		{"clear", "", all},
		{"state", fmt.Sprint(int(model.Idling)), "filesystem-mcp memory-mcp"},
		{"state", fmt.Sprint(int(model.Failing)), "postgres-mcp filesystem-mcp memory-mcp"},
		{"clear", "", all},
	} {
		page.ask(c.what, c.of)
		if got := names(); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.what, c.of, got, c.want)
		}
		if c.want == "" && !strings.Contains(d.root.find("nothing").words(), `No server matches "posgres". 11 hidden.`) {
			t.Errorf("no match says %q", d.root.find("nothing").words())
		}
	}
}

func TestCardsDoNotJumpUnderThePointer(t *testing.T) {
	src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
	page, d := mounted(t, src, "/")
	first := func() string { return d.root.find("cards").kids[0].kids[0].kids[1].words() }
	page.ask("hold", "true")
	at := noon.Add(time.Second)
	src.publish(at,
		src.event("server:error", "memory-mcp", at, map[string]any{"message": "out of memory"}),
		src.event("server:online", "newcomer", at, map[string]any{}))
	page.Paint(src.m, at)
	if got := first(); got != "postgres-mcp" {
		t.Errorf("%s jumped to the front under the pointer", got)
	}
	if n := len(d.root.find("cards").kids); n != 12 {
		t.Errorf("%d cards, want 12 with the newcomer", n)
	}
	if got := d.root.find("moved").words(); !strings.HasPrefix(got, "Order changed, ") {
		t.Errorf("the offer to sort says %q", got)
	}
	page.ask("sort", "")
	page.Paint(src.m, at)
	if got := first(); got != "memory-mcp" {
		t.Errorf("after sorting %s is first", got)
	}
}

// Whatever strangers call themselves and say, it stays text.
func TestStrangersStayText(t *testing.T) {
	const evil = `"><img src=x onerror=alert(1)>'`
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	at := noon
	w.publish(at,
		w.event("server:error", evil[:20], at, map[string]any{"message": evil, "errorCode": evil, "source": evil}),
		w.event("server:online", "b", at, map[string]any{"version": evil, "url": "http://" + evil}),
		w.event("deployment:started", "b", at, map[string]any{"version": evil, "templateId": evil, "userId": evil}),
		w.event("deployment:failed", "b", at, map[string]any{"error": evil, "stage": evil}),
		w.event("deployment:started", "b", at, map[string]any{"id": evil, "version": evil}),
		w.event("logs:error", "b", at, map[string]any{"message": evil, "stack": evil, "context": map[string]any{"k": evil}}),
		w.event("metrics:custom", "b", at, map[string]any{"value": 1, "note": evil}),
		w.event("backup:finished", "b", at, map[string]any{"note": evil}),
	)
	for _, path := range []string{"/", "/servers/b", ServerPath(evil[:20]), "/events/backup:finished", "/events/" + evil} {
		html := app.HTMLString(NewPage(&clocked{w, noon}, nil, path))
		if strings.Contains(html, "<img") {
			t.Errorf("%s: markup got through", path)
		}
		newDocument(t, html) // fails when an attribute was broken out of
	}
}

func TestSayIsSparing(t *testing.T) {
	w := harbour(t)
	var a announcer
	say := func(at time.Time) string { return a.sentence(w.m, at) }
	if got := say(noon); got != "" {
		t.Errorf("the page as it is was announced: %q", got)
	}
	fail := func(server string, at time.Time) {
		w.publish(at, w.event("server:error", server, at, map[string]any{"message": "x"}))
	}
	fail("slack-mcp", noon)
	if got, want := say(noon.Add(time.Second)), "slack-mcp is error."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fail("memory-mcp", noon)
	fail("sentry-mcp", noon)
	if got := say(noon.Add(2 * time.Second)); got != "" {
		t.Errorf("a second sentence within five seconds: %q", got)
	}
	if got, want := say(noon.Add(7*time.Second)), "2 servers changed their state, 5 in trouble."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.phase(feed.Offline, noon, nil)
	if got, want := say(noon.Add(20*time.Second)), "Offline."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What has come back to where it was is no change, however often it turned meanwhile.
func TestWhatCameBackIsNotSaid(t *testing.T) {
	w := harbour(t)
	var a announcer
	at := noon
	said := func(want string) {
		t.Helper()
		at = at.Add(sayEvery)
		if got := a.sentence(w.m, at); got != want {
			t.Errorf("at %v got %q, want %q", at.Sub(noon), got, want)
		}
	}
	turn := func(server string, types ...string) {
		a.at = at // it has just spoken
		for _, typ := range types {
			at = at.Add(time.Second)
			w.publish(at, w.event(typ, server, at, map[string]any{"message": "x"}))
			if got := a.sentence(w.m, at); got != "" {
				t.Errorf("within the silence it said %q", got)
			}
		}
	}
	said("")
	turn("slack-mcp", "server:error", "server:online", "server:error", "server:online")
	said("")
	turn("slack-mcp", "server:busy", "server:online", "server:busy")
	turn("sentry-mcp", "server:busy", "server:online")
	said("slack-mcp is busy.")
	w.phase(feed.Reconnecting, at, nil)
	said("Reconnecting.")
	w.phase(feed.Live, at, nil)
	a.sentence(w.m, at)
	w.phase(feed.Reconnecting, at, nil)
	said("")

	// The server's log begins anew: what is as it was said is no news, and half a picture is none.
	w.phase(feed.CatchingUp, at, nil)
	w.control("stream:reset", at, `{"reason":"epoch"}`)
	said("Catching up.")
	w.publish(at, w.event("server:online", "memory-mcp", at, nil))
	said("")
	w.publish(at, w.event("server:busy", "slack-mcp", at, nil), w.event("server:online", "sentry-mcp", at, nil))
	w.control("stream:heartbeat", at, `{}`)
	w.phase(feed.Live, at, nil)
	said("Live. memory-mcp is online.")
}

// A page that begins with nothing is given its picture; none of that is news.
func TestTheFirstPictureIsNotSaid(t *testing.T) {
	w := newWorld(t)
	var a announcer
	a.sentence(w.m, noon)
	w.begin(noon)
	w.publish(noon, w.event("server:online", "a", noon, nil), w.event("server:online", "b", noon, nil))
	if got := a.sentence(w.m, noon.Add(time.Minute)); got != "Live." {
		t.Errorf("it said %q", got)
	}
	w.fails(noon, "a")
	if got := a.sentence(w.m, noon.Add(2*time.Minute)); got != "a is error." {
		t.Errorf("then it said %q", got)
	}
}

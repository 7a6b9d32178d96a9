package ui

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// spectator is somebody who looks at the fleet, a second of time between what he does.
type spectator struct {
	*clocked
	t     *testing.T
	page  *Page
	d     *document
	later bool
}

func (s *spectator) Later() { s.later = true }

func spectating(t *testing.T, w *world, query string) *spectator {
	t.Helper()
	s := &spectator{clocked: &clocked{w, noon.Add(200 * time.Millisecond)}, t: t}
	s.open(query)
	return s
}

// open makes the page of an address anew.
func (s *spectator) open(query string) {
	s.t.Helper()
	s.page = NewPage(s, nil, "")
	s.page.query, _ = url.ParseQuery(query)
	s.page.enter("/")
	s.d = newDocument(s.t, app.HTMLString(s.page))
	s.page.dom, s.page.placed = s.d, true
}

// paint paints a second later, and as many frames after that as it takes.
func (s *spectator) paint() {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	s.later = true
	for frames := 0; s.later; frames++ {
		if frames == 1000 {
			s.t.Fatal("it never comes to rest")
		}
		s.later = false
		s.now = s.now.Add(16 * time.Millisecond)
		s.page.Paint(s.m, s.now)
	}
	if len(s.d.lost) > 0 {
		s.t.Fatalf("written to what is not there: %q", s.d.lost)
	}
}

func (s *spectator) ask(what, of string) {
	s.t.Helper()
	s.page.ask(what, of)
	s.paint()
}

func (s *spectator) fleet() *fleet { return s.page.screen.(*fleet) }

// names returns the servers on the page, in order.
func (s *spectator) names() string {
	var list []string
	for _, item := range s.d.root.find("cards").kids {
		list = append(list, item.link().words())
	}
	return strings.Join(list, " ")
}

func (s *spectator) says(id string) string {
	return strings.ReplaceAll(s.d.root.find(id).words(), nnbsp, " ")
}

// link returns the first link within n.
func (n *node) link() *node {
	if n.tag == "a" {
		return n
	}
	for _, k := range n.kids {
		if l := k.link(); l != nil {
			return l
		}
	}
	return nil
}

const (
	inTrouble = "postgres-mcp web-search-us-2"
	allByNow  = inTrouble + " stripe-mcp browser-mcp github-mcp sentry-mcp web-search-eu-1 embeddings-gpu-1 slack-mcp filesystem-mcp memory-mcp"
)

// What an address asks for is what the page shows, in both views, and what is chosen on the page is what its address says.
func TestFleetStandsInItsAddress(t *testing.T) {
	for _, c := range []struct {
		query string
		do    [][2]string // that leads to the same from a first visit
		names string
		found string
	}{
		{"", nil, allByNow, "11 of 11 servers"},
		{"find=web", [][2]string{{"find", " web "}}, "web-search-us-2 web-search-eu-1", "2 of 11 servers"},
		{"find=mcp.harbour+online", [][2]string{{"find", "mcp.harbour online"}}, "sentry-mcp web-search-eu-1 embeddings-gpu-1 slack-mcp", "4 of 11 servers"},
		{"find=eu-west", [][2]string{{"find", "eu-west"}}, "postgres-mcp stripe-mcp github-mcp", "3 of 11 servers"},
		{"find=nobody", [][2]string{{"find", "nobody"}}, "", "0 of 11 servers"},
		{"state=error%2Cidle", [][2]string{{"state", "0"}, {"state", "5"}}, "postgres-mcp filesystem-mcp memory-mcp", "3 of 11 servers"},
		{"kind=deploying", [][2]string{{"kind", "deploying"}}, "stripe-mcp github-mcp", "2 of 11 servers"},
		{"kind=failed", [][2]string{{"kind", "failed"}}, "postgres-mcp", "1 of 11 servers"},
		{"kind=errors", [][2]string{{"kind", "errors"}}, "postgres-mcp github-mcp", "2 of 11 servers"},
		{"kind=silent", [][2]string{{"kind", "silent"}}, inTrouble, "2 of 11 servers"},
		{"kind=template%3Agithub-mcp", [][2]string{{"kind", "template:github-mcp"}}, "github-mcp", "1 of 11 servers"},
		{"sort=name", [][2]string{{"order", "name"}}, "browser-mcp embeddings-gpu-1 filesystem-mcp github-mcp memory-mcp postgres-mcp sentry-mcp slack-mcp stripe-mcp web-search-eu-1 web-search-us-2", "11 of 11 servers"},
		{"sort=changed", [][2]string{{"order", "changed"}}, "stripe-mcp web-search-us-2 postgres-mcp browser-mcp filesystem-mcp memory-mcp github-mcp sentry-mcp web-search-eu-1 embeddings-gpu-1 slack-mcp", "11 of 11 servers"},
		{"sort=memory", [][2]string{{"order", "memory"}}, "embeddings-gpu-1 browser-mcp github-mcp postgres-mcp web-search-us-2 web-search-eu-1 sentry-mcp slack-mcp stripe-mcp memory-mcp filesystem-mcp", "11 of 11 servers"},
		{"sort=requests&state=busy", [][2]string{{"order", "requests"}, {"state", "3"}}, "github-mcp browser-mcp", "2 of 11 servers"},
		{"find=nonsense&sort=nonsense&state=nonsense&kind=nonsense&view=nonsense", [][2]string{{"find", "nonsense"}, {"kind", "nonsense"}}, "", "0 of 11 servers"},
	} {
		for _, view := range []string{"cards", "table"} {
			t.Run(view+" "+c.query, func(t *testing.T) {
				query := c.query
				if view == "table" {
					query = strings.TrimPrefix(strings.Replace(query, "view=nonsense", "", 1)+"&view=table", "&")
				}
				s := spectating(t, harbour(t), query)
				if got := s.names(); got != c.names {
					t.Errorf("opened: got %s, want %s", got, c.names)
				}
				if got := s.says("found"); got != c.found {
					t.Errorf("it says %q, want %q", got, c.found)
				}
				chosen := spectating(t, harbour(t), "")
				if view == "table" {
					chosen.ask("view", "table")
				}
				for _, do := range c.do {
					chosen.ask(do[0], do[1])
				}
				if got := chosen.names(); got != c.names {
					t.Errorf("chosen: got %s, want %s", got, c.names)
				}
				want, _ := url.ParseQuery(query)
				for name, values := range want {
					if values[0] == "nonsense" && name != "find" {
						delete(want, name)
					}
				}
				if got := chosen.page.said().Encode(); got != want.Encode() {
					t.Errorf("its address is %s, want %s", got, want.Encode())
				}
				// Back, and forward again.
				chosen.page.revisit(&url.URL{Path: "/"})
				chosen.page.query = url.Values{}
				chosen.fleet().visit(url.Values{}, chosen.now)
				chosen.paint()
				if got := chosen.names(); got != allByNow {
					t.Errorf("back: got %s, want all", got)
				}
				if chosen.d.root.find("cards").attrs["role"] == "rowgroup" {
					t.Error("back: still a table")
				}
			})
		}
	}
}

// An empty search says how much it hides, and how to be rid of it.
func TestFleetThatMatchesNothing(t *testing.T) {
	s := spectating(t, harbour(t), "find=posgres&kind=deploying&sort=name")
	if got := s.says("nothing"); got != `No server matches "posgres". 11 hidden. Clear` {
		t.Errorf("it says %q", got)
	}
	s.ask("clear", "")
	if got := s.says("nothing"); got != "" || s.says("found") != "11 of 11 servers" {
		t.Errorf("cleared it says %q and %q", got, s.says("found"))
	}
	if got := s.page.said().Encode(); got != "sort=name" {
		t.Errorf("cleared the address is %q: what hides nothing stays", got)
	}
}

// A row says what the card says.
func TestFleetTable(t *testing.T) {
	s := spectating(t, harbour(t), "view=table")
	rows := make(map[string]*node)
	for _, row := range s.d.root.find("cards").kids {
		rows[row.link().words()] = row
		if row.attrs["role"] != "row" || len(row.kids) != 10 {
			t.Errorf("%s: role %q and %d cells, want a row of 10", row.link().words(), row.attrs["role"], len(row.kids))
		}
	}
	for _, c := range []struct{ name, class, want string }{
		{"postgres-mcp", "tr trouble", "Error|postgres-mcp 3.4.1|12:38:52 · 2 min|Exited with status 1 after 3 restarts, critical|—|—|—|—|—|ERROR cannot serve tools: database unreachable"},
		{"web-search-us-2", "tr trouble", "Offline|web-search-us-2 1.12.0|12:40:10 · 57 s|Went offline: 2 heartbeats missed, no goodbye|—|—|—|—|—|WARN upstream: rate limit, 3 left"},
		{"stripe-mcp", "tr", "Starting|stripe-mcp 1.8.0|12:40:22 · 45 s|1.9.0provisioning3 of 4|21.1 %|184 MiB|35.3 kB/s|—|—|INFO volume eu-west-1b attached in 812 ms"},
		{"github-mcp", "tr", "Busy|github-mcp 2.8.0|12:02:17 · 38 min|2.8.1building60 %|78.5 %|3.3 GiB|1.6 MB/s|46.0|226 ms|INFO tools/call search_issues 200 in 214 ms"},
		{"filesystem-mcp", "tr", "Idle|filesystem-mcp 1.3.3|12:29:48 · 11 min|No calls since 12:29:48, stops at 12:44:48|0.4 %|63.4 MiB|1.0 kB/s|—|—|INFO tools/call list_issues 200 in 96 ms"},
	} {
		row := rows[c.name]
		var cells []string
		for _, cell := range row.kids {
			cells = append(cells, strings.ReplaceAll(cell.words(), nnbsp, " "))
		}
		if got := strings.Join(cells, "|"); got != c.want || row.attrs["class"] != c.class {
			t.Errorf("got  %s: %s\nwant %s: %s", row.attrs["class"], got, c.class, c.want)
		}
	}
	if head := s.d.root.find("cards").up.kids[0]; head.attrs["role"] != "row" || len(head.kids) != 10 {
		t.Errorf("the head is a %q of %d", head.attrs["role"], len(head.kids))
	}
}

// What strangers call themselves, measure and say may be as odd as it likes: the page stays whole, no number is a lie, and what is
// cut for want of room is marked so that it can be read in full.
func TestFleetTakesOddInput(t *testing.T) {
	long := strings.Repeat("a-very-long-name-", 12)[:200]
	for _, c := range []struct {
		name, server string
		events       func(w *world, id string) []event.Event
		want, not    string
	}{
		{"a name of 200 letters", long, nil, long, ""},
		{"right to left", "חיפוש-שרת", nil, "חיפוש-שרת", ""},
		{"a mark that turns the direction", "web\u202egnp.exe", nil, "web\ufffdgnp.exe", "\u202e"},
		{"emoji", "🦆-pond-👩‍👩‍👧‍👦", nil, "🦆-pond-👩‍👩‍👧‍👦", ""},
		{"markup", `"><img src=x onerror=alert(1)>`, nil, `"><img src=x onerror=alert(1)>`, ""},
		{"less than no CPU", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("metrics:cpu", id, noon, map[string]any{"usage": -40})}
		}, "-40.0 %", ""},
		{"far too much of everything", "web", func(w *world, id string) []event.Event {
			return []event.Event{
				w.event("metrics:cpu", id, noon, map[string]any{"usage": 1e300}),
				w.event("metrics:memory", id, noon, map[string]any{"used": 1e300, "available": -1e300}),
				w.event("metrics:network", id, noon, map[string]any{"bytesIn": 1e300, "bytesOut": -5}),
				w.event("metrics:requests", id, noon, map[string]any{"count": 1e15, "avgResponseTime": 1e300}),
			}
		}, "1e+300 %", "-9 223"},
		{"no number at all", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("metrics:cpu", id, noon, map[string]any{"cores": 4})}
		}, "—", "NaN"},
		{"a deployment that never ends", "web", func(w *world, id string) []event.Event {
			return []event.Event{
				w.event("deployment:started", id, noon.Add(-400*24*time.Hour), map[string]any{"id": "d", "version": long}),
				w.event("deployment:building", id, noon.Add(-399*24*time.Hour), map[string]any{"id": "d", "progress": 940}),
			}
		}, "100 %", "940"},
		{"a deployment that goes backwards", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("deployment:building", id, noon, map[string]any{"progress": -1e9})}
		}, "0 %", "-1"},
		{"nothing but a line", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("logs:app", id, noon, map[string]any{"message": "<b>" + strings.Repeat("x", 70_000)})}
		}, "<b>xxx", ""},
		{"an empty line of an unknown level", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("logs:app", id, noon, map[string]any{"level": "catastrophe", "message": ""})}
		}, "INFO", ""},
		{"an error without a word, from the future", "web", func(w *world, id string) []event.Event {
			return []event.Event{w.event("server:error", id, noon.Add(time.Hour), map[string]any{})}
		}, "Reported an error without a message", ""},
	} {
		for _, query := range []string{"", "view=table"} {
			t.Run(c.name+" "+query, func(t *testing.T) {
				w := newWorld(t)
				w.begin(noon.Add(-time.Minute))
				events := []event.Event{w.event("server:online", c.server, noon, map[string]any{"version": "1"})}
				if c.events != nil {
					events = c.events(w, c.server)
				}
				w.publish(noon, events...)
				s := spectating(t, w, query)
				s.paint()
				card := s.d.root.find("cards").kids[0]
				if got := strings.ReplaceAll(card.words(), nnbsp, " "); !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
					t.Errorf("it says %q, want %q and not %q", got, c.want, c.not)
				}
				if got := s.d.root.find("find"); got == nil {
					t.Error("the page is broken")
				}
				for _, sort := range orders {
					s.ask("order", sort.name)
				}
				if got, want := s.page.screen.(*fleet).shown[0].id, c.server; got != want {
					t.Errorf("%q is shown, want %q", got, want)
				}
				wellFormed(t, part(func(p *pen) { s.fleet().card(c.server).draw(p, w.m, w.m.Server(c.server), s.now, time.Minute) }))
				key := s.fleet().shown[0].key
				for _, id := range []string{"-ev", "-last"} {
					if id == "-last" && query == "" && s.fleet().shown[0].trouble {
						continue // each of its lines is
					}
					if n := s.d.root.find(key + id); !slices.Contains(strings.Fields(n.attrs["class"]), "cut") {
						t.Errorf("%s can be cut and is not marked so", id)
					}
				}
			})
		}
	}
}

// The list of keys names each key that the page hears, and the browser is asked for each key that it names.
func TestKeysAreListed(t *testing.T) {
	boot, err := os.ReadFile("../../public/boot.js")
	if err != nil {
		t.Fatal(err)
	}
	_, set, _ := strings.Cut(string(boot), "const keys = new Set([")
	set, _, ok := strings.Cut(set, "]);")
	if !ok {
		t.Fatal("boot.js has no set of keys")
	}
	names := strings.NewReplacer("Escape", "Esc", "ArrowLeft", "←", "ArrowRight", "→", `"`, "", " ", "")
	for key := range strings.SplitSeq(names.Replace(set), ",") {
		if !strings.Contains(keysHelp, "<kbd>"+key+"</kbd>") {
			t.Errorf("%q is heard and not in the list", key)
		}
	}
	wellFormed(t, keysHelp)
}

// A bar stands where its second was, also when the page could not be seen for some of them.
func TestRatesStandInTheirSeconds(t *testing.T) {
	s := spectating(t, harbour(t), "")
	second := func(after time.Duration) {
		s.now = s.now.Add(after)
		for range 10 {
			s.publish(s.now, s.event("metrics:cpu", "web", s.now, map[string]any{"usage": 1}))
		}
		s.page.Paint(s.m, s.now)
	}
	bars := func() string {
		var b strings.Builder
		for _, v := range s.fleet().history[50:] {
			b.WriteByte(".|"[b2i(v > 0)])
		}
		return b.String()
	}
	for range 4 {
		second(time.Second)
	}
	before := bars()
	second(3 * time.Second)
	if got, want := bars(), before[3:]+"..|"; !strings.HasSuffix(before, "|||") || got != want {
		t.Errorf("three seconds later the bars are %s, want %s", got, want)
	}
	second(time.Hour)
	if got := bars(); strings.TrimLeft(got, ".") != "|" && strings.TrimLeft(got, ".") != "" {
		t.Errorf("an hour later the bars are %s", got)
	}
	second(-time.Minute)
	second(time.Second)
}

// A count tells of those that are silent, and its lamp shines for those that are not.
func TestCountsTellOfTheSilent(t *testing.T) {
	w := newWorld(t)
	w.begin(noon)
	at := noon
	measure := func(servers ...string) {
		for range 3 {
			at = at.Add(time.Second)
			for _, s := range servers {
				w.publish(at, w.event("metrics:cpu", s, at, map[string]any{"usage": 1}))
			}
		}
	}
	w.publish(at, w.event("server:online", "a", at, nil), w.event("server:online", "b", at, nil), w.event("server:idle", "c", at, nil), w.event("server:error", "d", at, nil))
	measure("a", "b", "d")
	s := spectating(t, w, "")
	check := func(when, silent, class string) {
		t.Helper()
		s.now = at
		s.paint()
		_, fresh := mounted(t, s.clocked, "/")
		for _, root := range []*node{s.d.root, fresh.root} {
			lamp := root.find("n-online-lamp").kids[0]
			if got := root.find("n-online-silent").words(); got != silent || count(lamp, class) != 1 || root.find("n-online-n").words() != "2" {
				t.Errorf("%s: of %s online %q, lamp %q; want %q, %q", when, root.find("n-online-n").words(), got, lamp.attrs["class"], silent, class)
			}
			for _, other := range []string{"idle", "error"} {
				if got := root.find("n-" + other + "-silent").words(); got != "" {
					t.Errorf("%s: %s says %q", when, other, got)
				}
			}
		}
	}
	check("both are heard", "", "c-ok")
	for range 4 {
		measure("a")
	}
	check("one is silent", "1 silent", "c-ok")
	at = at.Add(20 * time.Second)
	w.control("stream:heartbeat", at, `{}`)
	check("both are", "2 silent", "c-ink3")
	measure("b")
	check("one speaks again", "1 silent", "c-ok")
	w.phase(feed.Reconnecting, at, func(s *feed.State) { s.Lost = at })
	check("nobody knows", "", "c-ink3")
}

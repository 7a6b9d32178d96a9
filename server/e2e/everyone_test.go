package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
)

// axePath is where `make e2e` and `make test` put axe-core, from npm as the lock file has it.
const axePath = "../../.cache/compare/node_modules/axe-core/axe.min.js"

// fleetOfAll publishes servers in every state, a deployment under way and one that failed, a log of all levels with a stack to
// open, and what has no place of its own: so that every part of the screens is there to be looked at.
func fleetOfAll(s *server) {
	for id, story := range map[string]string{
		"web-1": `[{"type":"server:online","data":{"version":"2.7.1","url":"http://10.0.4.11:8080","uptime":86400}},
			{"type":"deployment:started","data":{"id":"d1","version":"2.7.0"}},
			{"type":"deployment:failed","data":{"id":"d1","version":"2.7.0","stage":"provisioning","error":"no room in eu-1"}},
			{"type":"deployment:started","data":{"id":"d2","version":"2.8.0"}},
			{"type":"deployment:building","data":{"id":"d2","version":"2.8.0","progress":40,"stage":"compile"}},
			{"type":"backup:finished","data":{"size":12}},
			{"type":"metrics:queue","data":{"value":7}},
			{"type":"logs:error","data":{"level":"error","message":"no answer from the index","stack":"at main.go:12","context":{"try":3}}}]`,
		"db-1":     `[{"type":"server:error","data":{"errorCode":"E1","message":"disk full","critical":true}}]`,
		"db-2":     `[{"type":"server:offline","data":{"reason":"heartbeats missed"}}]`,
		"cache-1":  `[{"type":"server:starting","data":{}}]`,
		"cache-2":  `[{"type":"server:busy","data":{"connectionCount":40,"load":0.8}}]`,
		"worker-1": `[{"type":"server:idle","data":{}}]`,
		"worker-2": `[{"type":"server:offline","data":{"reason":"idle_shutdown"}}]`,
		"worker-3": `[{"type":"metrics:cpu","data":{"usage":99}}]`,
	} {
		s.publish(id, story)
		s.publish(id, minutes(2))
		s.publish(id, `[{"type":"logs:app","data":{"level":"info","message":"ready"}},{"type":"logs:app","data":{"level":"warn","message":"slow"}},
			{"type":"logs:request","data":{"method":"GET","path":"/v1","statusCode":200,"responseTime":12}},{"type":"logs:app","data":{"level":"debug","message":"tick"}}]`)
	}
}

// screens are all the screens there are, and what is open on them.
var screens = []struct{ name, path, open string }{
	{"fleet", "/", ""},
	{"fleet as a table", "/?view=table", ""},
	{"server", "/servers/web-1", ""},
	{"server's day", "/servers/web-1?range=day&show=table&deployment=d1", ""},
	{"server in trouble", "/servers/db-1", ""},
	{"server never heard", "/servers/nobody", ""},
	{"deployments", "/deployments", ""},
	{"log", "/log", ""},
	{"events", "/events", ""},
	{"one event", "/events/metrics:cpu", ""},
	{"live events", "/events/live", ""},
	{"access", "/access", ""},
	{"cluster", "/cluster", ""},
	{"continuity", "/servers/web-1", "c"},
	{"keys", "/", "?"},
}

// check is what axe-core finds, as lines for people.
const check = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
	.then(r => r.violations.map(v => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 4).map(n => "    " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " ")).join("\n")))`

// axe-core finds nothing on any screen, in either theme, wide or narrow; with servers and without.
func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(axePath)
	if err != nil {
		t.Fatalf("%v: `make e2e` and `make test` put it there", err)
	}
	s, empty := serve(t, "--no-host"), serve(t, "--no-host")
	fleetOfAll(s)
	b := open(t)
	for _, size := range []struct {
		width, height int64
		schemes       []string
	}{{1280, 900, []string{"dark", "light"}}, {390, 844, []string{"light"}}} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: size.width, Height: size.height, DeviceScaleFactor: 1, Mobile: size.width < 800})
		for _, scheme := range size.schemes {
			b.media("prefers-color-scheme", scheme, "prefers-reduced-motion", "reduce") // colours that fade are none to measure
			look := func(name, url, open string) {
				t.Run(fmt.Sprintf("%s %s %d", name, scheme, size.width), func(t *testing.T) {
					b.visit(url)
					b.live()
					if open != "" {
						b.key(open)
						b.wait("the panel", `document.activeElement.role === "dialog"`)
					}
					eval[any](b, string(axe)+";null")
					for _, found := range eval[[]string](b, check) {
						t.Error(found)
					}
				})
			}
			for _, screen := range screens {
				look(screen.name, s.url+screen.path, screen.open)
			}
			look("no servers", empty.url+"/", "")
			look("no deployments", empty.url+"/deployments", "")
		}
	}
	b.quiet()
}

// stop is one place where the focus stopped.
type stop struct {
	Name   string `json:"name"` // what it is, for people
	Page   bool   `json:"page"` // nothing on the page has the focus
	Back   bool   `json:"back"` // it stands before the last stop
	Ring   bool   `json:"ring"` // it has a ring that shows where the focus is
	InView bool   `json:"inView"`
}

// begin takes down what takes the focus and can be seen. Chromium lets what scrolls take it too, where nothing within does.
const begin = `window.stops = new Set([...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
	.filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true})));
window.last = undefined;
window.named = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + " " + (e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40);
stops.size`

// walk says where the focus is, and crosses that off.
const walk = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return {name: "the page", page: true};
	stops.delete(e);
	const back = !!last?.isConnected && (last.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING) !== 0;
	last = e;
	const ringed = (n) => { const s = getComputedStyle(n); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; };
	const r = e.getBoundingClientRect();
	return {
		name: named(e), page: false, back, ring: ringed(e) || ringed(e.closest(".field, .card, .dpr, .tr") ?? e),
		inView: r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
	};
})()`

// left is what the walk has not come to, of what is still there.
const left = `[...stops].filter(e => e.isConnected && e.checkVisibility({visibilityProperty: true})).map(named)`

// Whoever has nothing but a keyboard reaches everything, in the order of the page, and sees where they are.
func TestKeyboardReachesEverything(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	fleetOfAll(s)
	b := open(t)
	for _, width := range []int64{1280, 390} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
		for _, screen := range screens {
			if screen.open != "" {
				continue // has a test of its own
			}
			t.Run(fmt.Sprintf("%s %d", screen.name, width), func(t *testing.T) {
				b.visit(s.url + screen.path)
				b.live()
				if n := eval[int](b, begin); n < 6 {
					t.Errorf("only %d things take the focus", n)
				}
				for range 200 { // more than there can be: fields of a date have places within
					b.key("Tab")
					at := eval[stop](b, walk)
					if at.Page {
						break // round once
					}
					if at.Back {
						t.Errorf("the focus went back to %q", at.Name)
					}
					if !at.Ring {
						t.Errorf("nothing shows that the focus is on %q", at.Name)
					}
					if !at.InView {
						t.Errorf("the focus is on %q, which is out of sight", at.Name)
					}
				}
				for _, name := range eval[[]string](b, left) {
					t.Errorf("the focus never came to %q", name)
				}
			})
		}
	}
	b.quiet()
}

// beyond says what is wider than the window: the page itself, and what makes it so, or anything that takes the focus.
const beyond = `(() => {
	const found = [], out = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.right > innerWidth + 1 || r.left < -1) };
	const named = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + "." + (e.getAttribute("class") ?? "") + " " + (e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40) +
		" from " + Math.round(e.getBoundingClientRect().left) + " to " + Math.round(e.getBoundingClientRect().right);
	const cut = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; return false };
	const page = document.scrollingElement;
	if (page.scrollWidth > innerWidth) found.push("the page is " + page.scrollWidth + " wide: " +
		[...document.body.querySelectorAll("*")].filter(e => out(e) && !cut(e)).slice(0, 5).map(named).join("; "));
	for (const e of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]"))
		if (e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true}) && out(e)) found.push("out of reach: " + named(e));
	for (const e of document.querySelectorAll(".count > *, .tr > *, .tr .st > b")) {
		const r = e.getBoundingClientRect(), box = e.parentElement.getBoundingClientRect();
		if (r.width > 0 && e.checkVisibility({visibilityProperty: true}) && (r.right > box.right + 1 || r.left < box.left - 1)) found.push("out of its box: " + named(e));
	}
	return found;
})()`

// inSight says where the lines of a log end, and where what can be seen of the page does.
const inSight = `(() => {
	const tabs = document.querySelector(".tabs").getBoundingClientRect();
	return {log: document.getElementById("log").getBoundingClientRect().bottom, page: tabs.height ? tabs.top : innerHeight, height: document.getElementById("log").clientHeight};
})()`

// A log that is followed has its newest line in sight, whatever stands above it, without scrolling the page.
func TestLogEndsInSight(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	fleetOfAll(s)
	b := open(t)
	for _, size := range [][2]int64{{390, 844}, {320, 640}, {844, 390}, {1280, 800}} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: size[0], Height: size[1], DeviceScaleFactor: 1})
		for _, path := range []string{"/log", "/log?find=ready&server=web-1", "/servers/web-1?view=log", "/events/live"} {
			if strings.HasPrefix(path, "/servers") && size[0] >= 800 {
				continue // it stands below the charts
			}
			t.Run(fmt.Sprintf("%s %d", path, size[0]), func(t *testing.T) {
				b.visit(s.url + path)
				b.live()
				at := eval[struct{ Log, Page, Height float64 }](b, inSight)
				if at.Log > at.Page || at.Height < 140 {
					t.Errorf("the lines are %v high and end at %v, the page at %v", at.Height, at.Log, at.Page)
				}
			})
		}
	}
	b.quiet()
}

// On the narrowest of phones, on a screen of 1280 at 200 %, on a phone that lies and on a tablet that stands, no page is wider than the
// window, and nothing that can be used is beyond its edge.
func TestNarrowLosesNothing(t *testing.T) {
	t.Parallel()
	s, empty := serve(t, "--no-host"), serve(t, "--no-host")
	fleetOfAll(s)
	long := strings.Repeat("x", 200)
	s.publish(long, `[{"type":"server:error","data":{"message":"`+long+`"}},{"type":"deployment:started","data":{"id":"`+long+`","version":"`+long+`"}},
		{"type":"logs:app","data":{"level":"info","message":"`+long+`"}},{"type":"metrics:cpu","data":{"usage":1}}]`)
	b := open(t)
	size := func(width, height int64, scale float64) {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale})
	}
	look := func(name, url, open string) {
		t.Run(name, func(t *testing.T) {
			size(320, 640, 1)
			b.visit(url)
			b.live()
			if open != "" {
				b.key(open)
				b.wait("the panel", `document.activeElement.role === "dialog"`)
			}
			for _, width := range []int64{320, 390, 640, 800, 844, 900, 960, 1024, 1180} {
				size(width, 640, 1)
				b.wait("the window", fmt.Sprintf("innerWidth === %d || document.scrollingElement.scrollWidth > %[1]d", width))
				for _, found := range eval[[]string](b, beyond) {
					t.Errorf("%d wide: %s", width, found)
				}
			}
		})
	}
	for _, screen := range screens {
		look(screen.name, s.url+screen.path, screen.open)
	}
	look("a name of 200 letters", s.url+"/servers/"+long, "")
	look("no servers", empty.url+"/", "")
	look("no deployments", empty.url+"/deployments", "")
	b.quiet()
}

// Every action has its key: past the navigation, into a card, through the panel and back to where one was.
func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	fleetOfAll(s)
	b := open(t)
	focus := func(what, js string) {
		t.Helper()
		b.wait("the focus on "+what, `document.activeElement`+js)
	}
	b.visit(s.url + "/")
	b.live()
	b.key("Tab")
	focus("the skip link", `.classList.contains("skip")`)
	b.key("Enter")
	focus("what the page is about", `.id === "main"`)
	b.key("Tab")
	focus("the first count", `.id === "n-error"`)

	b.key(" ")
	b.wait("the filter", `document.getElementById("n-error").getAttribute("aria-pressed") === "true" && document.querySelectorAll(".card").length === 1`)
	focus("the count still", `.id === "n-error"`)
	b.key(" ")
	b.wait("all servers", `document.querySelectorAll(".card").length === 8`)
	b.key("/")
	focus("the filter field", `.id === "find"`)
	b.key("Escape")
	focus("the page", ` === document.body`)
	b.key("j")
	b.key("j")
	focus("the second card", `.closest(".card") === document.querySelectorAll(".card")[1]`)

	// The panel, by its key and by its button: Escape closes it, and the focus is where it was.
	b.key("c")
	focus("the panel", `.id === "continuity"`)
	b.key("Tab")
	focus("its first button", `.dataset.do === "copy-continuity"`)
	b.key("Escape")
	b.wait("the panel closed", `document.getElementById("continuity").classList.contains("off") && document.getElementById("pill").ariaExpanded === "false"`)
	focus("the card it was opened from", `.closest(".card") === document.querySelectorAll(".card")[1]`)
	eval[any](b, `document.getElementById("pill").focus(); null`)
	b.key("Enter")
	focus("the panel", `.id === "continuity"`)
	b.key("Escape")
	focus("its button", `.id === "pill"`)

	eval[any](b, `[...document.querySelectorAll(".card h2 a")].find(a => a.textContent === "web-1").focus(); null`)
	b.key("Enter")
	b.wait("the server's page", `location.pathname === "/servers/web-1" && document.querySelector("#sv h1")?.textContent === "web-1"`)
	b.live()
	eval[any](b, `document.getElementById("ch0").focus(); null`)
	b.key("ArrowLeft")
	b.wait("the crosshair", `document.querySelector("#ch0-x .cross")`)
	b.quiet()
}

// A change of state is said politely, in one sentence at a time; samples and lines are not said at all.
func TestChangesAreSaid(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host", "--debounce", "0")
	for i := range 20 {
		s.publish(fmt.Sprintf("web-%d", i), `{"type":"server:online","data":{}}`)
	}
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	regions := eval[[]string](b, `[...document.querySelectorAll("[aria-live]:not([aria-live=off]), [role=status], [role=alert], output")].map(e => e.id + " " + e.ariaLive)`)
	if !slices.Equal(regions, []string{"say polite"}) {
		t.Errorf("live regions %q, want one that is polite", regions)
	}
	eval[any](b, `window.said = []; new MutationObserver(() => { const text = say.textContent; if (text) said.push({text, at: performance.now()}) })
		.observe(document.getElementById("say"), {childList: true, characterData: true, subtree: true}); null`)
	s.publish("web-0", minutes(1))
	s.publish("web-0", `{"type":"server:error","data":{"message":"no"}}`)
	b.wait("the first sentence", `said.length > 0`)
	for i := range 20 {
		s.publish(fmt.Sprintf("web-%d", i), `{"type":"server:busy","data":{}}`)
	}
	b.wait("the next sentence", `said.length > 1`)
	var said []struct {
		Text string
		At   float64
	}
	if err := json.Unmarshal([]byte(eval[string](b, `JSON.stringify(said)`)), &said); err != nil {
		t.Fatal(err)
	}
	if said[0].Text != "web-0 is error." || !strings.HasPrefix(said[1].Text, "20 servers changed their state") || len(said) != 2 {
		t.Errorf("said %v, want one sentence on web-0 and one on all that changed meanwhile", said)
	}
	if pause := said[1].At - said[0].At; pause < 4900 {
		t.Errorf("the second sentence came after %.0f ms", pause)
	}
	b.quiet()
}

// Who asks for less motion gets none.
func TestReducedMotion(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	fleetOfAll(s)
	b := open(t)
	for _, reduce := range []bool{false, true} {
		preference := "no-preference"
		if reduce {
			preference = "reduce"
		}
		b.media("prefers-reduced-motion", preference)
		b.visit(s.url + "/servers/web-1")
		b.live()
		b.key("c")
		b.wait("the panel", `document.activeElement.id === "continuity"`)
		if moving := eval[int](b, `document.getAnimations().length`); (moving == 0) != reduce {
			t.Errorf("with %s %d things move", preference, moving)
		}
	}
	b.quiet()
}

// media sets what the browser says its user prefers: names and values in turn.
func (b *browser) media(features ...string) {
	b.t.Helper()
	var list []*emulation.MediaFeature
	for i := 0; i < len(features); i += 2 {
		list = append(list, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: list})
}

// key presses and releases a key.
func (b *browser) key(key string) {
	b.t.Helper()
	code, text := map[string]int64{"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}[key], ""
	switch {
	case key == "Enter":
		text = "\r"
	case code == 0:
		code, text = int64(strings.ToUpper(key)[0]), key
	}
	down := input.DispatchKeyEventParams{Type: "keyDown", Key: key, Text: text, WindowsVirtualKeyCode: code}
	if text == "" {
		down.Type = "rawKeyDown"
	}
	call(b, input.DispatchKeyEvent, down)
	call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: "keyUp", Key: key, WindowsVirtualKeyCode: code})
}

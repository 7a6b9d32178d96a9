package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// What is too long for where it stands gives way there, and moves nothing else out of sight: a version beside how far its deployment is,
// a name beside its lamp, a reason on a phone, and the tools of a log.
func TestLongWordsGiveWay(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	name := strings.Repeat("long-name-", 20)
	s.publish(name, `[{"type":"server:error","data":{"message":"`+strings.Repeat("refused ", 100)+`"}},
		{"type":"deployment:started","data":{"id":"d","version":"`+strings.Repeat("v", 120)+`"}},
		{"type":"deployment:building","data":{"id":"d","version":"`+strings.Repeat("v", 120)+`","progress":33}}]`)
	s.publish("web-1", `[{"type":"logs:app","data":{"message":"a"}},{"type":"logs:request","data":{"method":"GET","path":"/"}},{"type":"logs:system","data":{"message":"b"}}]`)
	b := open(t)
	for _, row := range []struct {
		what, path string
		width      int64
		holds      string // of the page
	}{
		{"how far a deployment is", "/", 1280, `within(".dep b", ".card") && within(".dep .bar", ".card") && document.querySelector(".dep b").textContent.startsWith("33")`},
		{"how far a deployment is, on a phone", "/", 390, `within(".dep b", ".card") && within(".dep .bar", ".card")`},
		{"a reason on a phone", "/", 390, `box(".why .ev").height <= 80`},
		{"a lamp beside its name", "/servers/" + name, 1280, `beside("#sv-lamp", ".title h1")`},
		{"a lamp beside its name, on a phone", "/servers/" + name, 390, `beside("#sv-lamp", ".title h1")`},
		{"the tools of a log", "/log", 1024, `box(".log .menu").top === box(".log .field").top`},
	} {
		t.Run(row.what, func(t *testing.T) {
			call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: row.width, Height: 844, DeviceScaleFactor: 1})
			b.visit(s.url + row.path)
			b.live()
			if !eval[bool](b, `(() => {
				const box = (of) => document.querySelector(of).getBoundingClientRect();
				const within = (of, all) => { const r = box(of), a = document.querySelector(of).closest(all).getBoundingClientRect(); return r.width > 0 && r.right <= a.right };
				const beside = (of, that) => { const r = box(of), a = box(that); return r.right <= a.left && r.bottom <= a.top + 40 };
				return `+row.holds+`;
			})()`) {
				t.Error(row.holds)
			}
		})
	}
	b.quiet()
}

// Back leads to where the reader was on a long page, though only a part of it is drawn by then, and to the very link he followed with a key.
func TestBackComesToWhereOneWas(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	var body strings.Builder
	for i := range 400 {
		fmt.Fprintf(&body, `{"type":"server:online","serverId":"web-%03d","data":{"version":"2.8.0"}}`+"\n", i)
	}
	if status, answer := s.postAs("application/x-ndjson", "/api/events", body.String()); status != 202 {
		t.Fatalf("publishing: %d: %s", status, answer)
	}
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	b.wait("all servers", `document.querySelectorAll("#cards > *").length === 400`)
	link := `[...document.querySelectorAll("#cards h2 a")].find(a => a.textContent === "web-321")`
	eval[any](b, link+`.scrollIntoView({block: "center", behavior: "instant"}); `+link+`.focus({preventScroll: true}); null`)
	b.wait("it is in sight", link+`?.closest(".card").checkVisibility({contentVisibilityAuto: true})`)
	was := eval[float64](b, link+`.getBoundingClientRect().top`)
	b.key("Enter")
	b.wait("the server's page", `location.pathname === "/servers/web-321" && scrollY === 0 && document.querySelector("#sv h1")?.textContent === "web-321"`)
	eval[any](b, `history.back(); null`)
	b.wait("the card where it was, and the focus on it",
		fmt.Sprintf(`document.activeElement === %s && Math.abs(document.activeElement.getBoundingClientRect().top - %v) <= 2`, link, was))

	// A link that leads to the same page does not lead back.
	eval[any](b, `document.querySelector('.nav a[href="/deployments"]').click(); null`)
	b.wait("the deployments", `location.pathname === "/deployments" && scrollY === 0`)
	eval[any](b, `document.querySelector('.nav a[href="/"]').click(); null`)
	b.wait("the fleet from its top", `location.pathname === "/" && scrollY === 0 && document.querySelectorAll("#cards > *").length === 400`)
	b.quiet()
}

// Who copies is told on the button whether it was possible; a browser that gives the page no clipboard, as on plain http, copies a selection.
func TestCopyIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	b := open(t)
	for _, row := range []struct{ name, clipboard, says string }{
		{"a clipboard", `{writeText: async (text) => { copied = text }}`, "Copied"},
		{"none", `undefined`, "Copied"},
		{"none, and no selection", `(document.execCommand = () => false, undefined)`, "Not copied"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b.visit(s.url + "/")
			b.live()
			eval[any](b, `window.copied = ""; Object.defineProperty(navigator, "clipboard", {value: `+row.clipboard+`});
				document.addEventListener("copy", () => { copied = document.activeElement.value }); null`)
			b.do(chromedp.Click(`[data-do=copy]`))
			b.wait("the answer", `document.querySelector("[data-do=copy]").textContent === `+quote(row.says)+` && document.getElementById("say").textContent === `+quote(row.says))
			if got := eval[string](b, `copied`); strings.HasPrefix(got, "curl -H") != (row.says == "Copied") {
				t.Errorf("copied is %q", got)
			}
			b.wait("the button as it was", `document.querySelector("[data-do=copy]").textContent === "Copy"`)
		})
	}
	b.quiet()
}

// The menu of a log closes by Escape, and then the focus is on what opened it and the search is as it was; and by a click beside it.
func TestMenuCloses(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", `{"type":"logs:app","data":{"message":"ready"}}`)
	b := open(t)
	b.visit(s.url + "/log?find=ready")
	b.live()
	shown := func(want bool) {
		t.Helper()
		b.wait(fmt.Sprintf("the menu open: %v", want), fmt.Sprintf(`document.querySelector(".menu").open === %v`, want))
	}
	b.do(chromedp.Click(`.menu summary`))
	shown(true)
	b.do(chromedp.Click(`.menu label`))
	shown(true)
	b.key("Escape")
	shown(false)
	b.wait("the focus on what opened it", `document.activeElement === document.querySelector(".menu summary") && document.getElementById("log-find").value === "ready"`)
	b.key("Enter")
	shown(true)
	b.do(chromedp.Click(`#log-rows`))
	shown(false)
	b.quiet()
}

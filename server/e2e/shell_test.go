package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// picture is a server's state as some publisher tells it once, so that pages show the same at any time.
const picture = `[
	{"type":"server:online","data":{"url":"http://127.0.0.1:9000","version":"2.7.1"}},
	{"type":"metrics:cpu","data":{"usage":42.5,"cores":8}},
	{"type":"metrics:memory","data":{"usage":61.5,"used":3435973837,"available":2147483648}},
	{"type":"logs:app","data":{"level":"warn","message":"the index is being rebuilt"}}
]`

// shown are the words of picture a reader must find on the page of the fleet.
var shown = []string{"web-1", "Online", "42.5", "the index is being rebuilt"}

// The page the server sends shows the current picture before any of the app is there.
func TestPageWithoutJavaScript(t *testing.T) {
	s := serve(t, "--no-host")
	s.publish("web-1", picture)
	b := open(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit(s.url + "/")
	text := b.text("body")
	for _, words := range shown {
		if !strings.Contains(text, words) {
			t.Errorf("without JavaScript the page does not show %q; it says:\n%s", words, text)
		}
	}
	b.quiet()
}

// watchFrames notes in each frame what a reader could see: a picture that was there must not go away again.
const watchFrames = `
  window.frames_ = { bare: 0, worst: 0, seen: false, shift: 0, shifts: [] };
  const words = %WORDS%;
  const look = () => {
    const text = document.body ? document.body.innerText : "";
    const missing = words.filter(w => !text.includes(w)).length;
    if (missing === 0) frames_.seen = true;
    else if (frames_.seen) { frames_.bare++; frames_.worst = Math.max(frames_.worst, missing); }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new PerformanceObserver(list => {
    for (const e of list.getEntries()) {
      frames_.shift += e.value;
      frames_.shifts.push(...e.sources.map(s => (s.node?.nodeName ?? "?") + "." + (s.node?.className ?? "") + " " +
        JSON.stringify(s.previousRect) + " to " + JSON.stringify(s.currentRect)));
    }
  }).observe({ type: "layout-shift", buffered: true });
`

// When the app takes the page over, nothing a reader was looking at goes away for a frame, or moves.
func TestTakeoverDoesNotFlicker(t *testing.T) {
	s := serve(t, "--no-host")
	s.publish("web-1", picture)
	b := open(t)
	words, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	call(b, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: strings.Replace(watchFrames, "%WORDS%", string(words), 1)})
	b.visit(s.url + "/")
	b.wait("the prerendered picture", `frames_.seen`)
	b.live()
	// The app is there and follows: what is published now shows. By then the takeover is long done.
	s.publish("web-1", `{"type":"logs:app","data":{"level":"info","message":"the index is there"}}`)
	if n := eval[int](b, `frames_.bare`); n > 0 {
		t.Errorf("for %d frames up to %d of %q were not on the page", n, eval[int](b, `frames_.worst`), shown)
	}
	if shift := eval[float64](b, `frames_.shift`); shift > 0.01 {
		t.Errorf("layout shifted by %.3f:\n%s", shift, strings.Join(eval[[]string](b, `frames_.shifts`), "\n"))
	}
	b.quiet()
}

// The browser finds all it needs to offer installing the app, and the app opens without its server.
func TestInstallableAndOpensWithoutServer(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", picture)
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	// The page that installed it goes on without it; the worker answers from the next navigation on.
	if state := eval[string](b, `navigator.serviceWorker.ready.then(r => new Promise(done => {
		const look = () => r.active?.state === "activated" ? done(r.active.state) : setTimeout(look, 20);
		look();
	}))`); state != "activated" {
		t.Errorf("the service worker is %s", state)
	}
	m := call(b, page.GetAppManifest, page.GetAppManifestParams{})
	for _, problem := range m.Errors {
		t.Errorf("manifest: %s", problem.Message)
	}
	var manifest struct {
		Name, Display string
		Icons         []struct{ Src, Sizes string }
	}
	if err := json.Unmarshal([]byte(m.Data), &manifest); err != nil {
		t.Errorf("manifest at %q: %v", m.URL, err)
	}
	if manifest.Name == "" || manifest.Display == "" || len(manifest.Icons) == 0 {
		t.Errorf("manifest wants a name, a display and icons, has %s", m.Data)
	}
	for _, problem := range call(b, page.GetInstallabilityErrors, cdp.Empty{}).InstallabilityErrors {
		t.Errorf("not installable: %s %v", problem.ErrorID, problem.ErrorArguments)
	}
	b.quiet()

	s.kill()
	b.do(chromedp.Reload())
	b.wait("the app, from the worker's cache", `document.querySelector("header") !== null && document.body.innerText.includes("Reconnecting")`)
	b.quiet(append(cut, "ERR_FAILED")...)
}

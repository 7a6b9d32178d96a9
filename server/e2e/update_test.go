package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

// A server of another version starts under an open page. The page goes on as it is, offers the new version, takes a no for
// an answer, and restarts into it when asked to, at the same address.
func TestUpdateIsOffered(t *testing.T) {
	t.Parallel()
	newer := filepath.Join(t.TempDir(), "telltale")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w -X main.version=v99.1", "-o", newer, "..").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s := serve(t, "--no-host")
	s.publish("web-1", lines(1, 3))
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	b.visit(s.url + "/servers/web-1?q=1")
	b.live()
	eval[any](b, `window.notReloaded = true; null`)
	other := b.tab()
	other.visit(s.url + "/servers/web-1?q=2")
	other.live()
	eval[any](other, `window.notReloaded = true; null`)

	s.stop()
	defer func(was string) { binary = was }(binary)
	binary = newer
	s.start()
	offered := `document.getElementById("update").innerText.includes("Version v99.1 is ready")`
	for _, b := range []*browser{b, other} {
		call(b, page.BringToFront, cdp.Empty{})
		b.wait("the new version to be offered", offered)
		b.live()
		if text := b.text("#update"); !strings.Contains(text, "You run") || strings.Contains(text, "You run v99.1") {
			t.Errorf("the banner says %q", text)
		}
	}
	eval[any](other, `document.querySelector("#update [data-do=later]").click(); null`)
	other.wait("the offer to go away", `!`+offered)

	call(b, page.BringToFront, cdp.Empty{})
	s.publish("web-1", lines(4, 6))
	b.wait("the page to go on", rowsShow("line 6"))
	if !eval[bool](b, `window.notReloaded === true`) {
		t.Fatal("the page was reloaded under its reader")
	}
	eval[any](b, `document.querySelector("#update [data-do=restart]").click(); null`)
	b.wait("the page to come again", `window.notReloaded === undefined && document.getElementById("log-rows") !== null`)
	b.live()
	if v := eval[string](b, `goappGetenv("GOAPP_VERSION")`); !strings.HasPrefix(v, "v99.1-") {
		t.Errorf("runs %s after the restart, want v99.1", v)
	}
	if at := eval[string](b, `location.pathname + location.search`); at != "/servers/web-1?q=1" {
		t.Errorf("restarted at %s", at)
	}
	sameList(t, "page", b.texts("#log-rows .r > span"), numbered(1, 6))
	call(other, page.BringToFront, cdp.Empty{})
	other.wait("the other page to go on", rowsShow("line 6"))
	if !eval[bool](other, `window.notReloaded === true`) {
		t.Error("the page of a reader who said no was reloaded")
	}
	b.quiet(cut...)
}

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// silent fails the test when the console said anything at all.
func (b *browser) silent() {
	b.t.Helper()
	for _, m := range b.said.all() {
		b.t.Errorf("console: %s (%s)", m, m.URL)
	}
}

// minutes is samples of three metrics, one a second, of the last minutes.
func minutes(n int) string {
	var all []string
	now := time.Now()
	for i := n * 60; i > 0; i-- {
		at := now.Add(-time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
		all = append(all,
			fmt.Sprintf(`{"type":"metrics:cpu","timestamp":%q,"data":{"usage":%d,"cores":4}}`, at, 20+i%40),
			fmt.Sprintf(`{"type":"metrics:memory","timestamp":%q,"data":{"used":%d,"available":4000000000}}`, at, 1000000000+i%40*50000000),
			fmt.Sprintf(`{"type":"metrics:network","timestamp":%q,"data":{"bytesIn":%d,"bytesOut":900}}`, at, 1000+i%40*10))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// long is true when what is drawn of each series found by the selector is a line of some length, and no dot.
func long(sel string) string {
	return `(all => all.length > 2 && all.every(p => p.getTotalLength() > 60))([...document.querySelectorAll(` + quote(sel) + `)])`
}

// A page that has just been opened shows the last minutes, without gaps, and says nothing to the console, whichever
// screen it is and however often it is opened.
func TestFreshPageShowsTheLastMinutes(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	s.publish("web-1", minutes(4))
	b := open(t)
	for range 2 {
		b.visit(s.url + "/servers/web-1")
		b.live()
		b.wait("charts of the last minutes", long("#charts path.a"))
		if n := eval[int](b, `document.querySelectorAll("#charts .gap").length`); n > 0 {
			t.Errorf("%d gaps in charts of a sample a second", n)
		}
		b.visit(s.url + "/")
		b.live()
		b.wait("sparklines of the last minutes", long(".card .sp path.a"))
		if n := eval[int](b, `(document.querySelector(".card .sp path.a").getAttribute("d").match(/M/g) ?? []).length`); n != 1 {
			t.Errorf("a sparkline of samples thinned out has %d pieces, want 1", n)
		}
		if n := eval[int](b, `+document.getElementById("n-online-n").textContent`); n != 1 {
			t.Errorf("%d servers online, want 1", n)
		}
	}
	b.silent()
}

// What waits for a server that is away has it back within three seconds of its return, however long that took.
func TestBackAtOnce(t *testing.T) {
	const soon, tries = 3 * time.Second, 3
	s := serve(t, "--no-host")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	var late []time.Duration
	for range tries {
		s.kill()
		// By then the next try is eight seconds and more away.
		b.wait("the fourth try to fail", `/Attempt [5-9]/.test(document.getElementById("banner").innerText)`)
		if text := b.text("#banner"); !strings.Contains(text, "sooner if the server answers") {
			t.Errorf("the banner says %q", text)
		}
		s.start()
		at := time.Now()
		b.live()
		took := time.Since(at)
		if took <= soon {
			late = nil
			break
		}
		late = append(late, took)
	}
	if late != nil {
		t.Errorf("live again %v after the server's return, want %v at most", late, soon)
	}
	b.quiet(cut...)
}

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
)

// mostMemory is what the app may have of a browser's memory, in bytes: WebAssembly's never shrinks.
const mostMemory = 16 << 20

// watchMemory keeps the app's memory at hand: the one instance that a page makes.
const watchMemory = `
	for (const name of ["instantiate", "instantiateStreaming"]) {
		const real = WebAssembly[name];
		WebAssembly[name] = async (...args) => { const made = await real(...args); window.wasm = (made.instance ?? made).exports; return made; };
	}`

// The app's memory in a real browser, while all that an hour brings comes at once: 40,000 events, and in `make soak` a million.
func TestMemoryStaysSmall(t *testing.T) {
	const batch, servers = 2000, 20
	events := 40_000
	if os.Getenv("TELLTALE_SOAK") != "" {
		events = 1_000_000
	}
	s := serve(t, "--no-host", "--throttle", "0")
	b := open(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchMemory})
	b.visit(s.url + "/servers/web-7")
	b.live()
	memory := func() int { return eval[int](b, `wasm.mem.buffer.byteLength`) }
	began := time.Now().Add(-time.Hour)
	var middle int
	for n := 0; n < events; n += batch {
		var body strings.Builder
		for i := n; i < n+batch; i++ {
			at := began.Add(time.Duration(float64(time.Hour) * float64(i) / float64(events))).UTC().Format(time.RFC3339Nano)
			typ, data := "logs:app", fmt.Sprintf(`{"level":"info","message":"GET /v1/items/%d answered 200 in 12 ms"}`, i)
			switch i % 10 {
			case 0:
				typ, data = "metrics:cpu", fmt.Sprintf(`{"usage":%d}`, i%100)
			case 1:
				typ, data = "metrics:memory", fmt.Sprintf(`{"used":%d,"available":8589934592}`, i<<10)
			case 2:
				typ, data = "metrics:network", fmt.Sprintf(`{"bytesIn":%d,"bytesOut":900}`, i)
			}
			fmt.Fprintf(&body, `{"type":%q,"serverId":"web-%d","timestamp":%q,"data":%s}`+"\n", typ, i/10%servers, at, data)
		}
		if status, answer := s.postAs("application/x-ndjson", "/api/events", body.String()); status != 202 {
			t.Fatalf("publishing: %d: %s", status, answer)
		}
		if middle == 0 && n >= events/2 {
			middle = memory()
		}
	}
	s.publish("web-7", `{"type":"logs:app","data":{"level":"info","message":"the last"}}`)
	b.wait("the last line", rowsShow("the last"))
	end := memory()
	t.Logf("%d events: %.1f MB of memory in the middle, %.1f MB at the end", events, float64(middle)/(1<<20), float64(end)/(1<<20))
	if end > mostMemory {
		t.Errorf("%d bytes of memory, want %d at most", end, mostMemory)
	}
	if events == 1_000_000 && end > middle+1<<20 {
		t.Errorf("memory grew from %d bytes in the middle to %d at the end", middle, end)
	}
	b.quiet()
}

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
)

const (
	manyServers = 500
	floodRate   = 2000 // events a second
	measureFor  = 10 * time.Second
)

// manyOnline publishes a whole fleet, some of it in trouble, some deploying.
func manyOnline(s *server) {
	var body strings.Builder
	for i := range manyServers {
		id := fmt.Sprintf("web-%d", i)
		typ, data := "server:online", `{"version":"2.8.0","url":"https://mcp.example/web"}`
		switch {
		case i%50 == 7:
			typ, data = "server:error", `{"message":"disk full","errorCode":"E1"}`
		case i%10 == 3:
			typ, data = "server:busy", `{"load":0.8,"connectionCount":40}`
		}
		fmt.Fprintf(&body, `{"type":%q,"serverId":%q,"data":%s}`+"\n", typ, id, data)
		if i%25 == 11 {
			fmt.Fprintf(&body, `{"type":"deployment:started","serverId":%q,"data":{"id":"d","version":"2.9.0","templateId":"web"}}`+"\n", id)
		}
		for ago := 300; ago > 0; ago -= 30 {
			fmt.Fprintf(&body, `{"type":"metrics:cpu","serverId":%q,"timestamp":%q,"data":{"usage":%d}}`+"\n",
				id, time.Now().Add(-time.Duration(ago)*time.Second).UTC().Format(time.RFC3339), (i+ago)%100)
		}
	}
	if status, answer := s.postAs("application/x-ndjson", "/api/events", body.String()); status != 202 {
		s.t.Fatalf("publishing: %d: %s", status, answer)
	}
}

// flood publishes events at a rate until ctx ends: samples and lines of all servers in turn, in batches of a tenth of a second.
func (s *server) flood(ctx context.Context, rate int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		var body strings.Builder
		for range rate / 10 {
			id, typ, data := n%manyServers, "metrics:cpu", fmt.Sprintf(`{"usage":%d.%d,"cores":4}`, n%97, n%10)
			switch n / manyServers % 4 {
			case 1:
				typ, data = "metrics:memory", fmt.Sprintf(`{"used":%d,"available":8589934592}`, n<<12)
			case 2:
				typ, data = "metrics:network", fmt.Sprintf(`{"bytesIn":%d,"bytesOut":900}`, n%9000*100)
			case 3:
				typ, data = "logs:app", fmt.Sprintf(`{"level":"info","message":"GET /v1/items/%d answered 200 in 12 ms"}`, n)
			}
			fmt.Fprintf(&body, `{"type":%q,"serverId":"web-%d","data":%s}`+"\n", typ, id, data)
			n++
		}
		if status, answer := s.postAs("application/x-ndjson", "/api/events", body.String()); status != 202 {
			if ctx.Err() == nil {
				s.t.Errorf("publishing: %d: %s", status, answer)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// frames is what a page did in a stretch of time.
type frames struct {
	Seconds, PerSecond, Longest float64 // Longest in milliseconds
	// The part of the time that the main thread worked, and of it in scripts, which the app is one of, in styles and in layout.
	Busy, Script, Style, Layout float64
}

func (f frames) String() string {
	return fmt.Sprintf("%.1f frames a second, the longest %.0f ms; main thread %.0f %% (scripts %.0f, styles %.0f, layout %.0f)",
		f.PerSecond, f.Longest, 100*f.Busy, 100*f.Script, 100*f.Style, 100*f.Layout)
}

// measure counts frames by their timestamps, and takes how long the main thread worked meanwhile.
func (b *browser) measure(d time.Duration) frames {
	b.t.Helper()
	worked := func() map[string]float64 {
		all := make(map[string]float64)
		for _, m := range call(b, performance.GetMetrics, cdp.Empty{}).Metrics {
			all[m.Name] = m.Value
		}
		return all
	}
	before := worked()
	answer := eval[string](b, fmt.Sprintf(`new Promise(done => {
		let first, last, n = -1, longest = 0;
		requestAnimationFrame(function next(now) {
			first ??= now;
			if (last) longest = Math.max(longest, now - last);
			last = now, n++;
			now - first < %d ? requestAnimationFrame(next)
				: done(JSON.stringify({Seconds: (now - first) / 1000, PerSecond: n * 1000 / (now - first), Longest: longest}));
		});
	})`, d.Milliseconds()))
	var f frames
	if err := json.Unmarshal([]byte(answer), &f); err != nil {
		b.t.Fatal(err)
	}
	after := worked()
	share := func(name string) float64 { return (after[name] - before[name]) / f.Seconds }
	f.Busy, f.Script, f.Style, f.Layout = share("TaskDuration"), share("ScriptDuration"), share("RecalcStyleDuration"), share("LayoutDuration")
	if f.Busy <= 0 {
		b.t.Fatalf("the browser does not say how long its tasks took: %v", after)
	}
	return f
}

// The fleet under load, as the issue has it: 500 servers and 2,000 events a second. What it costs hangs on the machine and on
// what else runs there, so it is shown beside the same page at rest, and nothing is asserted but that the page keeps up: it has
// all servers, and in the end shows the last event.
func TestFleetSpeed(t *testing.T) {
	if os.Getenv("TELLTALE_SOAK") == "" {
		t.Skip("a measurement: TELLTALE_SOAK=1 go test -run TestFleetSpeed -v ./server/e2e")
	}
	s := serve(t, "--no-host", "--throttle", "0")
	manyOnline(s)
	b := open(t)
	call(b, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1440, Height: 900, DeviceScaleFactor: 1})
	for _, view := range []struct{ name, query string }{
		{"cards", ""}, {"table", "?view=table"}, {"cards by CPU", "?sort=cpu"}, {"cards of one state", "?state=busy"},
	} {
		b.visit(s.url + "/" + view.query)
		b.live()
		if view.query != "?state=busy" {
			b.wait("all servers", fmt.Sprintf(`document.querySelectorAll("#cards > *").length === %d`, manyServers))
		}
		rest := b.measure(measureFor / 4)
		ctx, cancel := context.WithCancel(t.Context())
		var publishing sync.WaitGroup
		publishing.Go(func() { s.flood(ctx, floodRate) })
		b.wait("the flood", `Number(document.getElementById("rate").textContent.replace(/\D/g, "")) > 100`)
		top := b.measure(measureFor)
		eval[any](b, `scrollTo(0, document.documentElement.scrollHeight / 2); null`)
		middle := b.measure(measureFor / 2)
		cancel()
		publishing.Wait()
		t.Logf("%s: at rest %v", view.name, rest)
		t.Logf("%s: %d servers, %d events a second: %v", view.name, manyServers, floodRate, top)
		t.Logf("%s: the same half way down: %v", view.name, middle)
		s.publish("web-13", `{"type":"server:busy","data":{"load":0.1,"connectionCount":12345}}`)
		b.wait("the last event", `[...document.querySelectorAll("#cards .ev")].some(e => e.textContent.includes("12\u202f345"))
			|| scrollTo(0, scrollY + 300 < document.documentElement.scrollHeight - innerHeight ? scrollY + 300 : 0)`)
	}
	b.quiet()
}

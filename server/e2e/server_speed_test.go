package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
)

// lineRate is how many lines a second a server says in TestServerSpeed, beside a sample of each of its four metrics.
const lineRate = 2000

// say publishes lines and samples of one server at a rate until ctx ends, in batches of a tenth of a second.
func (s *server) say(ctx context.Context, id string, rate int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		var body strings.Builder
		for range rate / 10 {
			fmt.Fprintf(&body, `{"type":"logs:app","data":{"level":"info","message":"GET /v1/items/%d answered 200 in 12 ms"}}`+"\n", n)
			n++
		}
		if n*5%rate == 0 { // five times a second
			fmt.Fprintf(&body, `{"type":"metrics:cpu","data":{"usage":%d,"cores":4}}`+"\n", n/100%97)
			fmt.Fprintf(&body, `{"type":"metrics:memory","data":{"used":%d,"available":4000000000}}`+"\n", 1000000000+n%90000*1000)
			fmt.Fprintf(&body, `{"type":"metrics:network","data":{"bytesIn":%d,"bytesOut":900}}`+"\n", n%9000*100)
			fmt.Fprintf(&body, `{"type":"metrics:requests","data":{"count":%d,"avgResponseTime":%d,"errorRate":0}}`+"\n", n%97, 200+n%90)
		}
		if status, answer := s.postAs("application/x-ndjson", "/api/servers/"+id+"/events", body.String()); status != 202 {
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

// A server's page with all charts and 2,000 lines a second, in each reach and as a table. What it costs hangs on the machine and on
// what else runs there, so it is shown beside the same page at rest, and nothing is asserted but that the page keeps up.
func TestServerSpeed(t *testing.T) {
	if !soak() {
		t.Skip("a measurement: TELLTALE_SOAK=1 go test -run TestServerSpeed -v ./server/e2e")
	}
	s := serve(t, "--no-host", "--throttle", "0")
	s.publish("web-1", `[{"type":"server:online","data":{"version":"2.8.0"}},
		{"type":"deployment:started","timestamp":"`+earlier(2*time.Minute)+`","data":{"id":"d1","version":"2.8.1"}},
		{"type":"deployment:building","data":{"id":"d1","progress":60}}]`)
	aDay(s, "web-1")
	b := open(t)
	call(b, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1440, Height: 900, DeviceScaleFactor: 1})
	for _, query := range []string{"", "?range=hour", "?range=day", "?range=hour&show=table"} {
		b.visit(s.url + "/servers/web-1" + query)
		b.live()
		rest := b.measure(measureFor / 4)
		ctx, cancel := context.WithCancel(t.Context())
		var publishing sync.WaitGroup
		publishing.Go(func() { s.say(ctx, "web-1", lineRate) })
		b.wait("the lines", `Number(/app\D*([\d\u202f]+)/.exec(document.getElementById("log-rates").textContent)?.[1].replace(/\D/g, "")) > 100`)
		busy := b.measure(measureFor)
		cancel()
		publishing.Wait()
		t.Logf("%q at rest: %v", query, rest)
		t.Logf("%q, %d lines a second: %v", query, lineRate, busy)
		s.publish("web-1", `{"type":"logs:app","data":{"level":"info","message":"the last line"}}`)
		b.wait("the last line", rowsShow("the last line"))
	}
	b.quiet()
}

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// aDay publishes what a server measured in the last day, a sample of each of four metrics every minute, and nothing from ten
// and a half to eight hours ago.
func aDay(s *server, id string) {
	s.t.Helper()
	var body strings.Builder
	now := time.Now()
	for ago := 24*time.Hour - time.Minute; ago > 0; ago -= time.Minute {
		if ago > 8*time.Hour && ago < 10*time.Hour+30*time.Minute {
			continue
		}
		at, n := now.Add(-ago).UTC().Format(time.RFC3339), int(ago/time.Second)
		fmt.Fprintf(&body, `{"type":"metrics:cpu","timestamp":%q,"data":{"usage":%d,"cores":4}}`+"\n", at, 20+n%60)
		fmt.Fprintf(&body, `{"type":"metrics:memory","timestamp":%q,"data":{"used":%d,"available":4000000000}}`+"\n", at, 1000000000+n%50*10000000)
		fmt.Fprintf(&body, `{"type":"metrics:network","timestamp":%q,"data":{"bytesIn":%d,"bytesOut":900}}`+"\n", at, 1000+n%400)
		fmt.Fprintf(&body, `{"type":"metrics:requests","timestamp":%q,"data":{"count":%d,"avgResponseTime":%d,"errorRate":%d}}`+"\n", at, 40+n%7, 200+n%90, n/3000)
	}
	if status, answer := s.postAs("application/x-ndjson", "/api/servers/"+id+"/events", body.String()); status != 202 {
		s.t.Fatalf("publishing a day: %d: %s", status, answer)
	}
}

// painted is how many milliseconds after its click the charts of a reach are on the page and painted.
const painted = `new Promise(done => {
	const from = performance.now(), left = new Set(["ch0-plot", "ch1-plot", "ch2-plot", "ch3-plot"]);
	const look = new MutationObserver(() => {
		for (const id of left) if (document.querySelector("#" + id + " .band, #" + id + " .top")) left.delete(id);
		if (left.size) return;
		look.disconnect();
		requestAnimationFrame(() => { const after = new MessageChannel(); after.port1.onmessage = () => done(performance.now() - from); after.port2.postMessage(null); });
	});
	look.observe(document.getElementById("charts"), {childList: true, subtree: true});
	document.getElementById("%s").click();
})`

// The hour and the day of a server: drawn from the record, one crosshair on all charts, deployments as marks that open them, and all
// of it in the address.
func TestTheDayOfAServer(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	began, ready := earlier(50*time.Minute), earlier(47*time.Minute)
	s.publish("web-1", `[{"type":"server:online","timestamp":"`+earlier(47*time.Minute)+`","data":{"version":"2.8.0"}},
		{"type":"deployment:started","timestamp":"`+earlier(3*time.Hour)+`","data":{"id":"d1","version":"2.7.0"}},
		{"type":"deployment:failed","timestamp":"`+earlier(179*time.Minute)+`","data":{"id":"d1","error":"no room in eu-1\nfor anybody","stage":"provisioning"}},
		{"type":"logs:app","timestamp":"`+earlier(51*time.Minute)+`","data":{"level":"info","message":"before all that"}},
		{"type":"deployment:started","timestamp":"`+began+`","data":{"id":"d2","version":"2.8.0"}},
		{"type":"deployment:completed","timestamp":"`+ready+`","data":{"id":"d2","version":"2.8.0","durationMs":180000}}]`)
	aDay(s, "web-1")
	b := open(t)
	address := func(want string) {
		t.Helper()
		b.wait("the address to say "+want, `location.search === `+quote(want))
	}
	b.visit(s.url + "/servers/web-1")
	b.live()
	b.wait("the deployments of before", `document.querySelectorAll("#dp-list .dp").length === 2`)
	t.Logf("the day is painted %.0f ms after the click", eval[float64](b, fmt.Sprintf(painted, "reach-day")))
	address("?range=day")
	b.wait("the gap", `document.querySelectorAll("#ch0-plot .gap").length === 1 && document.querySelector("#ch0-plot .gap").textContent.startsWith("2")`)
	b.wait("both deployments as marks on every chart", `[0, 1, 2, 3].every(i => document.querySelectorAll("#ch" + i + "-marks .mk").length === 2)`)
	b.wait("today's requests", `document.getElementById("sv-facts").textContent.includes("Requests today")`)
	t.Logf("the hour is painted %.0f ms after the click", eval[float64](b, fmt.Sprintf(painted, "reach-hour")))
	eval[any](b, `history.back(); null`)
	address("?range=day")

	// By keyboard: to the newest point and back, kept, and let go.
	eval[any](b, `document.getElementById("ch1").focus(); null`)
	b.key("ArrowLeft")
	b.key("ArrowLeft")
	b.wait("one crosshair on all charts", `(c => c.length === 4 && new Set(c.map(e => e.style.left)).size === 1)([...document.querySelectorAll(".cross")])`)
	b.key("Enter")
	b.wait("the crosshair in the address", `/^\?cross=.*Z&range=day$/.test(location.search)`)
	b.key("Escape")
	address("?range=day")

	// A mark opens its deployment, which says what it changed and leads to what was said then.
	eval[any](b, `document.querySelector("#ch2-marks .mk.c-err").click(); null`)
	b.wait("the whole error", `document.querySelector(".dp.open pre.err")?.textContent === "no room in eu-1\nfor anybody"`)
	eval[any](b, `document.querySelector("#ch0-marks .mk.c-ok").focus(); null`)
	b.key("Enter")
	address("?deployment=d2&range=day&view=deploys")
	b.wait("before and after", `[...document.querySelectorAll(".dp.open .cmp tbody tr")].filter(r => /\d.*\d/.test(r.textContent)).length === 4`)
	shared := eval[string](b, `location.href`)
	eval[any](b, `document.querySelector(".dp.open [data-do=log-at]").click(); null`)
	b.wait("what was said before it", rowsShow("before all that"))
	b.wait("the log to stand still", `document.getElementById("log-status").textContent.startsWith("Paused")`)

	// The same again for who is sent that; and what is over comes out of the browser's cache.
	b.visit(shared)
	b.live()
	b.wait("the same view", `document.querySelector(".dp.open .cmp td.n") && document.querySelector("#ch0-plot .band")`)
	if asked := eval[[]string](b, `performance.getEntriesByType("resource").filter(e => e.name.includes("/history?") && e.name.includes("points=478") && e.transferSize > 0).map(e => e.name)`); len(asked) > 0 {
		t.Errorf("asked again for what is over: %q", asked)
	}
	b.quiet()
}

// earlier is a time of the past as events carry it.
func earlier(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }

package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"

	"github.com/mcp-cloud/telltale/server/fault"
	wire "github.com/mcp-cloud/telltale/shared/event"
)

// The real page, in Chromium, follows the real server through the fault proxy. Afterwards it shows what the record holds,
// every line once and in order, the newest of all else, and its account adds up. In every other run the server is killed in the
// middle as well.
func TestFaultsPage(t *testing.T) {
	running := make(chan struct{}, 2)
	for _, seed := range seeds(t, 2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			running <- struct{}{}
			defer func() { <-running }()
			faultyPage(t, seed)
		})
	}
}

func faultyPage(t *testing.T, seed uint64) {
	const enough = 8 // faults
	s := serve(t, "--no-host", "--heartbeat", "250ms", "--throttle", "0", "--debounce", "0")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	p := proxied(t, s, seed, fault.Options{Bytes: 3 << 10, Pause: time.Second})
	b := open(t)
	b.visit(p.URL() + "/servers/web-1")
	b.live()
	eval[any](b, `window.notReloaded = true; null`)
	shown := len(s.allRecorded("")) // before the page was there

	p.Storm()
	publisher := &publisher{
		url: s.url, name: "p", every: 60 * time.Millisecond, size: 6, most: 400,
		random: rand.New(rand.NewPCG(seed, 10)), make: oneServer,
	}
	stop := publishing(t, publisher)
	eventually(t, fmt.Sprint(enough, " faults"), func() (bool, string) { c := p.Counts(); return c.Sum() >= enough, c.String() })
	p.Calm()
	if seed%2 == 0 {
		b.live()
		backSoon(t, b, s)
	}
	eventually(t, "all to be published", func() (bool, string) { n := publisher.sent.Load(); return n == 400, fmt.Sprint(n) })
	stop()
	b.live()
	b.holdsRecord(s, shown)
	b.quiet("net::ERR_", "the server responded with a status of 503")
	t.Logf("%v; %s", p.Counts(), b.account())
}

// oneServer is an event of any class, all of one server: few enough that a page has room for every line.
func oneServer(random *rand.Rand, key string, n int) string {
	head := fmt.Sprintf(`{"id":%q,"serverId":"web-1",`, key)
	switch random.IntN(6) {
	case 0:
		return head + fmt.Sprintf(`"type":"server:busy","data":{"load":%d,"connectionCount":%d}}`, random.IntN(100), n)
	case 1:
		return head + fmt.Sprintf(`"type":"backup:finished","data":{"bytes":%d}}`, n)
	case 2, 3:
		return head + fmt.Sprintf(`"type":"metrics:cpu","data":{"usage":%d}}`, 1+random.IntN(98))
	}
	return head + fmt.Sprintf(`"type":"logs:app","data":{"level":"info","message":"line %d"}}`, n)
}

// backSoon kills the server, starts it again, and wants the page to be live within three seconds of that. A loaded test machine may
// be late once; a page that is slower by design is late every time.
func backSoon(t *testing.T, b *browser, s *server) {
	t.Helper()
	const soon, tries = 3 * time.Second, 3
	var late []time.Duration
	for range tries {
		s.kill()
		b.wait("the page to say that it is not live", `!document.getElementById("pill-in").textContent.startsWith("Live")`)
		s.start()
		at := time.Now()
		b.live()
		took := time.Since(at)
		t.Logf("live again %v after the server's return", took)
		if took <= soon {
			return
		}
		late = append(late, took)
	}
	t.Errorf("live again %v after the server's return, want %v at most", late, soon)
}

// account returns what the Continuity panel says, opened if need be: it is kept up only while it is open.
func (b *browser) account() string {
	b.t.Helper()
	if eval[string](b, `document.getElementById("pill").getAttribute("aria-expanded")`) != "true" {
		eval[any](b, `document.getElementById("pill").click(); null`)
		b.wait("the Continuity panel", `document.getElementById("pill").getAttribute("aria-expanded") === "true"`)
	}
	return eval[string](b, `document.getElementById("continuity-in").innerText.replace(/\s+/g, " ")`)
}

// fact returns the number that the Continuity panel says under a name.
func (b *browser) fact(name string) int {
	b.t.Helper()
	text := eval[string](b, `[...document.querySelectorAll("#continuity-in dt")].find(e => e.textContent === `+quote(name)+`)?.nextElementSibling.textContent ?? ""`)
	n, err := strconv.Atoi(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text))
	if err != nil {
		b.t.Fatalf("the Continuity panel says %q of %s", text, name)
	}
	return n
}

// holdsRecord waits until the page of web-1 is where the record of it ends, and compares the two. Before counts the events that were recorded
// before the page was opened: they came with the page.
func (b *browser) holdsRecord(s *server, before int) {
	b.t.Helper()
	all := s.allRecorded("") // a page follows all servers, whichever it shows
	record := slices.DeleteFunc(slices.Clone(all), func(e wire.Event) bool { return e.Server != "web-1" })
	var lines []wire.Event
	newest := make(map[string]map[string]any)
	for _, e := range record {
		if e.Class() == wire.Line {
			lines = append(lines, e)
		}
	}
	for _, e := range s.record("web-1", "*") {
		newest[e.Event] = e.Data
	}
	// The log is by time, and what is of one instant by place.
	slices.SortStableFunc(lines, func(a, b wire.Event) int { return cmp.Or(a.Time.Compare(b.Time), a.ID.Compare(b.ID)) })
	var want []string
	for _, e := range lines {
		p, err := wire.LogsApp.Decode(e.Data)
		if err != nil {
			b.t.Fatal(err)
		}
		want = append(want, p.Message)
	}
	b.account()
	last := all[len(all)-1].ID
	b.wait("the page to be at "+last.String(), `document.getElementById("continuity-in").textContent.includes(`+quote(last.String())+`)`)
	if n := len(want); n > 0 {
		b.wait("the newest line", rowsShow(want[n-1]))
		// While many come at once a log that is followed draws no more than can be seen.
		b.wait("all lines", fmt.Sprint(`document.querySelectorAll("#log-rows .r").length >= `, n))
	}
	sameList(b.t, "log", b.texts("#log-rows .r > span"), want)
	if n := eval[int](b, `document.querySelectorAll("#log-rows > :not(.r)").length`); n > 0 {
		b.t.Errorf("%d rows of the log say that something is missing", n)
	}
	if cpu, ok := newest["metrics:cpu"]; ok {
		eventually(b.t, "the newest sample", func() (bool, string) {
			shown := b.text("#ch0-now")
			return number(b.t, shown) == cpu["usage"], fmt.Sprintf("shown %q, recorded %v", shown, cpu["usage"])
		})
	}
	if backup, ok := newest["backup:finished"]; ok {
		b.wait("the newest of what nobody declared", `document.getElementById("others").innerText.includes(`+quote(fmt.Sprintf(`"bytes":%.0f`, backup["bytes"]))+`)`)
	}
	if got, want := b.fact("Received"), len(all)-before; got != want {
		b.t.Errorf("the account says that %d events were received, and %d have been recorded: %s", got, want, b.account())
	}
	if text := b.account(); strings.Contains(text, "skipped") || strings.Contains(text, "gone") || strings.Contains(text, "anew") {
		b.t.Errorf("the account says %q, and nothing is missing", text)
	}
	if !eval[bool](b, `window.notReloaded === true`) {
		b.t.Error("the page was reloaded")
	}
}

// A page is frozen, as phones do with what is in a pocket, while events go on; for as long as it takes some hundred of them to
// come, or in soak a minute. Thawed, it is live within three seconds, by itself, with all of them.
func TestFrozenWhileEventsGoOn(t *testing.T) {
	const soon, tries = 3 * time.Second, 3
	s := serve(t, "--no-host", "--heartbeat", "1s", "--throttle", "0", "--debounce", "0")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	eval[any](b, `window.notReloaded = true; null`)
	shown := len(s.allRecorded(""))
	every, frozen := 50*time.Millisecond, 100 // events: some five seconds
	if soak() {
		every, frozen = 200*time.Millisecond, 300 // and a minute
	}
	publisher := &publisher{url: s.url, name: "p", every: every, size: 1, random: rand.New(rand.NewPCG(1, 1)), make: oneServer}
	stop := publishing(t, publisher)
	var late []time.Duration
	for range tries {
		call(b, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "frozen"})
		upto := publisher.sent.Load() + int64(frozen)
		for again := time.NewTicker(every); publisher.sent.Load() < upto && !t.Failed(); {
			<-again.C
		}
		call(b, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "active"})
		call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // thawed alone it stays hidden
		at, newest := time.Now(), s.allRecorded("")
		b.live()
		b.account()
		b.wait("all it missed", `(place => place && +place[1] >= `+fmt.Sprint(newest[len(newest)-1].ID.Seq)+`)(/Place\s*[0-9a-f]+\.(\d+)/.exec(document.getElementById("continuity-in").textContent))`)
		took := time.Since(at)
		t.Logf("live again %v after it was thawed", took)
		if took <= soon {
			late = nil
			break
		}
		late = append(late, took)
	}
	if late != nil {
		t.Errorf("live again %v after it was thawed, want %v at most", late, soon)
	}
	stop()
	b.live()
	b.holdsRecord(s, shown)
	b.quiet(cut...)
}

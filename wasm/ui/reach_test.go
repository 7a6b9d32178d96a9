package ui

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What is asked of the record covers what is drawn, begins and ends where its buckets do, and for a while is the same for all.
func TestPeriods(t *testing.T) {
	for _, r := range []reach{reachHour, reachDay} {
		o := &reaches[r]
		asked := make(map[model.Period]bool)
		for s := range 4 * 3600 {
			there := noon.Add(time.Duration(s) * time.Second)
			past, now, pastBefore, nowBefore := r.periods("web", "metrics:cpu", there)
			for _, p := range []model.Period{past, now, pastBefore, nowBefore} {
				if p.From%p.Step != 0 || p.To%p.Step != 0 || p.Points() < 1 || p.Points() > 2000 || p.Server != "web" || p.Type != "metrics:cpu" {
					t.Fatalf("%s at %v: %+v is %d points", o.word, there, p, p.Points())
				}
			}
			if past.To != now.From || past.From > there.Add(-o.span).UnixMilli() || now.To <= there.UnixMilli() {
				t.Fatalf("%s at %v: %v to %v and to %v", o.word, there, past.From, past.To, now.To)
			}
			if past.To > there.Add(-5*time.Minute).UnixMilli() {
				t.Fatalf("%s at %v: what is asked for as the past is not over", o.word, there)
			}
			// By the second the record keeps an hour and five minutes, by the minute a day and an hour.
			if back := there.UnixMilli() - past.From; r == reachHour && back >= 65*60_000 || back > 25*3_600_000 {
				t.Fatalf("%s at %v: asked for %d ms back", o.word, there, back)
			}
			asked[past] = true
		}
		if most := int(4*time.Hour/o.align) + 1; len(asked) > most {
			t.Errorf("%s: %d answers in four hours, want at most %d", o.word, len(asked), most)
		}
	}
}

// What the record can't read is said, and not only a gap.
func TestDamagedHistoryIsNamed(t *testing.T) {
	r := &remembered{clocked: &clocked{harbour(t), noon}}
	page, d := visited(t, r, "/servers/github-mcp?range=day")
	painted(t, r, page, d)
	from := noon.Add(-4 * time.Hour).UnixMilli()
	for _, p := range r.asked {
		if p.From < from && p.To > from {
			r.m.SetHistory(p, history(p, r.now, [2]int64{from, from + 3600_000}, [2]int64{from + 7200_000, from + 10_800_000}), "", false, r.now)
		}
	}
	page.Paint(r.m, r.now)
	if got, want := d.root.find("ch-note").words(), "The record is damaged: some of what was measured from 08:41:07 to 11:41:07 is left out."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestTheDayIsDrawn(t *testing.T) {
	r := &remembered{clocked: &clocked{harbour(t), noon}}
	page, d := visited(t, r, "/servers/github-mcp")
	painted(t, r, page, d)
	before := d.root.find("ch0-plot").words()
	page.screen.(*server).charts.next = reachHour // the pointer is on its button
	page.screen.(*server).asked = true
	if page.Paint(r.m, r.now); len(r.asked) != 10 {
		t.Errorf("%d periods asked for, want the hour read ahead beside today's requests", len(r.asked))
	}
	page.screen.(*server).charts.next = reachLive
	page.ask("range", "day")
	if got := page.said().Encode(); got != "range=day" {
		t.Errorf("the address says %q", got)
	}
	r.failed = "the server can't be reached"
	page.Paint(r.m, r.now)
	if got := d.root.find("ch0-plot").words(); got != before {
		t.Errorf("before there is an answer the chart is %q, want what was there: %q", got, before)
	}
	if d.root.find("reach-day").attrs["aria-pressed"] != "true" {
		t.Error("the button does not say that it is pressed")
	}
	painted(t, r, page, d)
	if note := d.root.find("ch-note"); !strings.Contains(note.words(), "could not be read: the server can't be reached.") || note.find("ch-note").kids == nil {
		t.Errorf("of a failure it says %q", note.words())
	}
	if got := d.root.find("ch0-plot").words(); got != "could not be read" {
		t.Errorf("in place of a chart: %q", got)
	}
	r.failed = ""
	page.src.RetryHistories()
	painted(t, r, page, d)
	if len(r.asked) != 8 {
		t.Errorf("%d periods asked for, want two of each of four metrics", len(r.asked))
	}
	for i, key := range chartKeys {
		plot := d.root.find(key + "-plot")
		if text := plot.words(); !strings.Contains(text, "08:00") || !strings.Contains(text, "now") {
			t.Errorf("%s: its axis says %q", key, text)
		}
		if count(plot, "gap") != 1 || !strings.Contains(plot.words(), "2"+nnbsp+"h") {
			t.Errorf("%s: the two hours without measures is no gap: %q", key, plot.words())
		}
		if bands := count(plot, "band"); bands != [4]int{1, 1, 2, 1}[i] {
			t.Errorf("%s: %d bands of least and most", key, bands)
		}
	}
	if got := plain([]byte(html.UnescapeString(d.root.find("ch0-say").words()))); !strings.HasPrefix(got, "CPU, of 4 cores: now ") || !strings.Contains(got, "least 0 _%") && !strings.Contains(got, "least 0.0_%") {
		t.Errorf("the sentence is %q", got)
	}
	if got := d.root.find("sv-facts").words(); !strings.Contains(got, "Requests today≈ ") {
		t.Errorf("the facts are %q", got)
	}

	// What comes now goes on at the right edge, without asking.
	asked := r.m.Histories.Rev
	r.now = r.now.Add(time.Minute)
	r.publish(r.now, r.event("metrics:cpu", "github-mcp", r.now, map[string]any{"usage": 99.0}))
	painted(t, r, page, d)
	if got := d.root.find("ch0-say").words(); !strings.Contains(got, "now 99.0") || r.m.Histories.Rev != asked {
		t.Errorf("after a sample it says %q", got)
	}

	r.phase(feed.Offline, r.now, func(s *feed.State) { s.Lost = r.now })
	painted(t, r, page, d)
	if got := d.root.find("ch-note").words(); !strings.HasPrefix(got, "Not live: this is as of ") {
		t.Errorf("offline it says %q", got)
	}
	page.ask("range", "hour")
	r.failed = "no network"
	painted(t, r, page, d)
	if got := d.root.find("ch-note").words(); !strings.HasPrefix(got, "Not live: ") {
		t.Errorf("offline, of what was never read, it says %q", got)
	}
}

// A view that is sent to somebody opens the same, drawn bit by bit or at once.
func TestServerInTheAddress(t *testing.T) {
	for _, address := range []string{
		"/servers/github-mcp?range=hour",
		"/servers/github-mcp?range=day&show=table",
		"/servers/github-mcp?deployment=d2&view=deploys",
		"/servers/github-mcp?deployment=d1",
		"/servers/github-mcp?cross=2026-05-12T10%3A38%3A00Z",
	} {
		t.Run(address, func(t *testing.T) {
			r := &remembered{clocked: &clocked{harbour(t), noon}}
			page, d := visited(t, r, address)
			painted(t, r, page, d)
			_, want, _ := strings.Cut(address, "?")
			if got := page.said().Encode(); got != want {
				t.Errorf("the address became %q, want %q", got, want)
			}
			page.Paint(r.m, r.now)
			page.Paint(r.m, r.now)
			_, again := visited(t, r, address)
			if got, fresh := screenshot(d), screenshot(again); got != fresh {
				t.Errorf("painted it differs from a fresh one:\n%s", firstDifference(got, fresh))
			}
		})
	}
}

func TestCrosshair(t *testing.T) {
	r := &remembered{clocked: &clocked{harbour(t), noon}}
	page, d := visited(t, r, "/servers/github-mcp")
	painted(t, r, page, d)
	v := page.screen.(*server)
	lines := func() (texts []string) {
		t.Helper()
		painted(t, r, page, d)
		for _, key := range chartKeys {
			x := d.root.find(key + "-x")
			if len(x.kids) > 0 {
				texts = append(texts, plain([]byte(x.kids[0].words())))
			}
		}
		return texts
	}
	v.do("cross", "0.5 0", r.now)
	first := lines()
	if len(first) != 4 {
		t.Fatalf("a crosshair on %d charts, want all four: %q", len(first), first)
	}
	at := v.charts.cross
	if i, ok := v.charts.panels[0].tracks[0].nearest(at); !ok || v.charts.panels[0].tracks[0].points[i].T != at {
		t.Errorf("it stands at %d, where nothing was measured", at)
	}
	clock := time.UnixMilli(at).In(testZone).Format("15:04:05")
	for i, unit := range []string{"_%", "iB", "B/s", "_ms"} {
		if !strings.HasPrefix(first[i], clock[:7]) || !strings.Contains(first[i], unit) {
			t.Errorf("chart %d reads %q at %s", i, first[i], clock)
		}
	}
	v.charts.step(0, true)
	if v.charts.cross != at+1000 {
		t.Errorf("one step on is %d ms, want the next sample", v.charts.cross-at)
	}
	v.charts.step(0, false)
	v.charts.step(0, false)
	if v.charts.cross != at-1000 {
		t.Errorf("two steps back: %d ms, want the sample before", v.charts.cross-at)
	}
	if got := page.said().Encode(); got != "" {
		t.Errorf("a crosshair that is only pointed at is in the address: %q", got)
	}
	page.ask("pin", "0.25 1")
	pinned := v.charts.cross
	v.do("cross", "0.9 0", r.now)
	if lines(); v.charts.cross != pinned || page.said().Get("cross") == "" {
		t.Errorf("pinned at %d it is at %d, and the address says %q", pinned, v.charts.cross, page.said().Encode())
	}
	if note := d.root.find("ch-note").words(); !strings.HasPrefix(note, "Held at ") || !strings.Contains(note, "Log there") {
		t.Errorf("the note says %q", note)
	}
	for _, odd := range []string{"", "x", "2 0", "NaN 0", "0.5 9", "0.5 -1", "-1 0", "0.5 0 0", "1e999 0"} {
		if v.do("pin", odd, r.now) && odd != "" {
			t.Errorf("pinned at %q", odd)
		}
	}
	page.ask("unpin", "")
	if got := lines(); len(got) != 0 || page.said().Encode() != "" {
		t.Errorf("let go, there is %q", got)
	}

	// In a gap there is nothing to read, and of a bucket its mean within its least and most.
	gap := noon.Add(-440 * time.Second).UnixMilli()
	if v.charts.cross = gap; len(lines()) != 0 {
		t.Error("before what is shown there is a crosshair")
	}
	page.ask("range", "hour")
	painted(t, r, page, d)
	v.charts.cross = noon.Add(-20 * time.Minute).UnixMilli()
	if got := lines(); len(got) != 4 || !strings.Contains(got[0], "12.4_% 2.3–22.4_%") {
		t.Errorf("of buckets it reads %q", got)
	}

	// What is sent to somebody may be long ago when he opens it.
	for _, c := range []struct {
		ago  time.Duration
		want reach
	}{{2 * time.Minute, reachLive}, {20 * time.Minute, reachHour}, {5 * time.Hour, reachDay}, {72 * time.Hour, reachDay}} {
		cross := r.now.Add(-c.ago).UTC().Format(time.RFC3339)
		page, d := visited(t, r, "/servers/github-mcp?cross="+url.QueryEscape(cross))
		painted(t, r, page, d)
		if got := page.screen.(*server).charts.reach; got != c.want {
			t.Errorf("%v ago is shown in %q, want %q", c.ago, reaches[got].word, reaches[c.want].word)
		}
		if note := d.root.find("ch-note").words(); c.ago > 48*time.Hour && !strings.Contains(note, "is before what is shown") {
			t.Errorf("days ago the note says %q", note)
		}
	}
}

// Whatever is published, the page stands, and says no number that is none.
func TestOddMeasures(t *testing.T) {
	for _, c := range []struct {
		name string
		data map[string]any
		want string // the first chart reads
	}{
		{"negative", map[string]any{"usage": -5.0}, "-5.0"},
		{"absurd", map[string]any{"usage": 1e300}, "1e+300"},
		{"absurdly negative", map[string]any{"usage": -1e300}, "-1e+300"},
		{"nothing", map[string]any{}, "—"},
		{"tiny", map[string]any{"usage": 1e-300}, "0.0"},
		{"over a hundred", map[string]any{"usage": 396.5}, "396"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon.Add(-time.Minute))
			for i := range 30 {
				at := noon.Add(time.Duration(i-30) * time.Second)
				data := c.data
				if i%2 == 0 {
					data = map[string]any{"usage": 50.0}
				}
				w.publish(at, w.event("metrics:cpu", "odd", at, data),
					w.event("metrics:memory", "odd", at, map[string]any{"used": -1e40, "available": 1e308}),
					w.event("metrics:network", "odd", at, map[string]any{"bytesIn": 1e300, "bytesOut": -1e300}),
					w.event("metrics:requests", "odd", at, map[string]any{"count": -7.0, "avgResponseTime": 1e300}))
			}
			r := &remembered{clocked: &clocked{w, noon}}
			for _, address := range []string{"/servers/odd", "/servers/odd?show=table", "/servers/odd?range=day&show=table"} {
				page, d := visited(t, r, address)
				painted(t, r, page, d)
				v := page.screen.(*server)
				v.do("cross", "0.97 0", r.now)
				painted(t, r, page, d)
				for _, key := range append([]string{"ch-rows"}, chartKeys[:]...) {
					text := screenshotOf(d.root.find(key))
					for _, bad := range []string{"NaN", "Inf", "9223372036854775808", "-92233720"} {
						if strings.Contains(text, bad) {
							t.Errorf("%s %s: %s is on the page", address, key, bad)
						}
					}
				}
				if got := d.root.find("ch0-now").words(); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s: it reads %q, want %q", address, got, c.want)
				}
			}
		})
	}
}

func screenshotOf(n *node) string {
	var b strings.Builder
	n.show(&b, 0, func(*node) bool { return false })
	return b.String()
}

// A clock that is off by years draws what there is by the server's.
func TestClocksApart(t *testing.T) {
	for _, off := range []time.Duration{-50 * 24 * time.Hour, 90 * time.Minute} {
		w := newWorld(t)
		local := noon.Add(off)
		w.link.Beat = 15 * time.Second
		w.phase(feed.CatchingUp, local, nil)
		w.control("stream:sync", local, `{"mode":"fresh","serverTime":"`+noon.UTC().Format("2006-01-02T15:04:05.000Z07:00")+`"}`)
		w.control("stream:heartbeat", local, `{"serverTime":"`+noon.UTC().Format("2006-01-02T15:04:05.000Z07:00")+`"}`)
		w.phase(feed.Live, local, nil)
		w.publish(local, w.event("metrics:cpu", "web", noon, map[string]any{"usage": 42.0}))
		r := &remembered{clocked: &clocked{w, local}}
		page, d := visited(t, r, "/servers/web?range=day")
		for range 3 {
			page.Paint(r.m, r.now)
			r.now = r.now.Add(ageStep)
		}
		for _, p := range r.asked {
			if p.From > noon.UnixMilli() || p.To < noon.Add(-24*time.Hour).UnixMilli() {
				t.Errorf("with a clock %v off %v to %v was asked for", off, time.UnixMilli(p.From), time.UnixMilli(p.To))
			}
		}
		if got := d.root.find("ch0-now").words(); !strings.HasPrefix(got, "42.0") {
			t.Errorf("with a clock %v off it reads %q", off, got)
		}
	}
}

// What is measured more seldom than a bucket is long has no gaps between its buckets.
func TestSeldomIsNoGap(t *testing.T) {
	list := func(every, n int) (b []model.Bucket) {
		for i := range n {
			at := int64(i*every) * 6000
			b = append(b, model.Bucket{From: at, To: at + 6000, Min: 1, Mean: 1, Max: 1, N: 1})
		}
		return b
	}
	for _, c := range []struct {
		buckets []model.Bucket
		want    int64
	}{{nil, 0}, {list(1, 50), 0}, {list(1, 1), 0}, {list(5, 50), 30_000}, {append(list(1, 30), model.Bucket{From: 9e5, To: 9e5 + 6000}), 0}} {
		if got := usual(c.buckets); got != c.want {
			t.Errorf("%d buckets follow each other at %d ms, want %d", len(c.buckets), got, c.want)
		}
	}
}

func TestTableIsNewestFirst(t *testing.T) {
	r := &remembered{clocked: &clocked{harbour(t), noon}}
	for _, c := range []struct {
		address string
		rows    int
		first   string
	}{
		{"/servers/github-mcp?show=table", 31, "12:41:00"},
		{"/servers/github-mcp?show=table&range=hour", 31, "12:40:00"},
		{"/servers/github-mcp?show=table&range=day", 49, "Tue 12:30"},
	} {
		page, d := visited(t, r, c.address)
		painted(t, r, page, d)
		rows := d.root.find("ch-rows").kids[0].kids[0].kids[1].kids
		if len(rows) != c.rows || rows[0].kids[0].words() != c.first {
			t.Errorf("%s: %d rows from %q, want %d from %q", c.address, len(rows), rows[0].kids[0].words(), c.rows, c.first)
		}
		for _, cell := range rows[0].kids {
			if cell.words() == missing {
				t.Errorf("%s: the newest row is %q", c.address, rows[0].words())
			}
		}
	}

	// Back to another reach, the table is of that one at once.
	page, d := visited(t, r, "/servers/github-mcp?show=table&range=day")
	painted(t, r, page, d)
	page.screen.(*server).visit(url.Values{"show": {"table"}}, r.now)
	page.Paint(r.m, r.now)
	if first := d.root.find("ch-rows").kids[0].kids[0].kids[1].kids[0].kids[0].words(); first != "12:41:00" {
		t.Errorf("back at five minutes, the first row is of %s", first)
	}
}

package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// aliceMe is a reader who has signed in.
const aliceMe = `{"fleet":"harbour <prod>","user":"<alice>","scopes":["subscribe","publish"],"servers":"web-*","types":"*","expires":"2026-05-12T12:00:00Z","signOut":"/signout"}`

const twoSessions = `{"sessions":[
	{"id":"aa1","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0","address":"10.0.0.7","since":"2026-05-12T10:30:05.000Z","filter":"types=logs:*","instance":"0f<0>0"},
	{"id":"bb<2>","agent":"<b>evil</b> x","since":"2026-05-12T10:31:05.000Z"}],"max":10}`

const twoInstances = `{"record":"shared","instances":[
	{"id":"0f00","self":true,"version":"1.2","address":"10.0.0.1:80","since":"2026-05-12T10:00:00.000Z","state":"up","streams":1204,"eventsPerSecond":41.25,"lag":0},
	{"id":"0e80","version":"1.2","since":"2026-05-12T10:00:00.000Z","state":"draining"},
	{"id":"0e00","version":"1.1","since":"2026-05-12T09:00:00.000Z","state":"gone","goneSince":"2026-05-12T10:40:10.000Z"},
	{"id":"0d00","version":"<1>","since":"2026-05-12T09:00:00.000Z","state":"<new>"}]}`

// What is painted of access, step by step, is what a page opened then would show.
func TestAccessPaintsWhatItRenders(t *testing.T) {
	steps := []struct {
		name string
		do   func(w *world, at time.Time)
		says map[string]string // path: what the page says then
	}{
		{"nothing is known yet", func(*world, time.Time) {}, map[string]string{accessPath: "Asking the server", clusterPath: "Asking the server"}},
		{"the streams are known", func(w *world, at time.Time) { w.m.SetSessions([]byte(twoSessions), "", at) }, map[string]string{accessPath: "2 of 10"}},
		{"and the instances", func(w *world, at time.Time) { w.m.SetCluster([]byte(twoInstances), "", at) },
			map[string]string{accessPath: "2 share one record", clusterPath: "2 share one record"}},
		{"one is being ended", func(w *world, at time.Time) { w.m.Sessions.Ending = "aa1" }, nil},
		{"it has ended", func(w *world, at time.Time) { w.m.SetSessions([]byte(`{"sessions":[],"max":10}`), "", at) }, map[string]string{accessPath: "0 of 10"}},
		{"there is no answer", func(w *world, at time.Time) {
			w.m.SetSessions(nil, "the server can't be reached", at)
			w.m.SetCluster(nil, "the server can't be reached", at)
		}, map[string]string{accessPath: "Not up to date: the server can't be reached; as of 12:41:57. ", clusterPath: "Not up to date: the server can't be reached; as of 12:41:37. 2 share one record"}},
		{"the record is away", func(w *world, at time.Time) { w.control(event.StreamGap.Name(), at, `{"reason":"pending"}`) }, map[string]string{"/": "The hub cannot reach its record since 12:42:17"}},
		{"and back", func(w *world, at time.Time) { w.control(event.StreamGap.Name(), at, `{"reason":"settled"}`) }, nil},
		{"there is no place", func(w *world, at time.Time) {
			w.phase(feed.Polling, at, func(s *feed.State) {
				s.Lost, s.Limit = at, event.Limit{Reason: "user", RetryMs: 5000, Help: "End one."}
			})
		}, map[string]string{"/": "Polling every 5 s, as of 12:42:37."}},
		{"there is", func(w *world, at time.Time) {
			w.phase(feed.Live, at, func(s *feed.State) { s.Lost, s.Limit = time.Time{}, event.Limit{} })
		}, nil},
		{"the session expires", func(w *world, at time.Time) {
			w.phase(feed.Reconnecting, at, func(s *feed.State) { s.Lost, s.Closing = at, event.ClosingExpired })
		}, map[string]string{"/": "Session expired at 12:42:57. Sign in to go on where you were."}},
		{"and is refused", func(w *world, at time.Time) { w.phase(feed.Refused, at, func(s *feed.State) { s.Status = 401 }) }, nil},
		{"some are not listed", func(w *world, at time.Time) {
			w.m.SetSessions([]byte(strings.Replace(twoSessions, `"max":10`, `"max":10,"partial":true,"message":"The instance 0e00 does not answer."`, 1)), "", at)
		}, map[string]string{accessPath: "The instance 0e00 does not answer."}},
	}
	for _, path := range []string{"/", accessPath, clusterPath} {
		t.Run(path, func(t *testing.T) {
			src := &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
			src.m.Me = model.ReadMe([]byte(aliceMe))
			page, d := mounted(t, src, path)
			if !strings.Contains(says(d.root), "harbour <prod>") {
				t.Error("the page does not say which fleet it shows")
			}
			for i, step := range steps {
				at := noon.Add(time.Duration(i+1) * 10 * time.Second)
				step.do(src.world, at)
				src.now = at.Add(300 * time.Millisecond)
				page.Paint(src.m, src.now)
				src.now = src.now.Add(ageStep)
				page.Paint(src.m, src.now)
				_, fresh := mounted(t, src, path)
				got, want := screenshot(d), screenshot(fresh)
				if got != want {
					t.Fatalf("after %q the painted page differs from a fresh one:\n%s", step.name, firstDifference(got, want))
				}
				if len(d.lost) > 0 {
					t.Fatalf("after %q the painter wrote to what is not there: %q", step.name, d.lost)
				}
				if words := says(d.root); !strings.Contains(words, step.says[path]) {
					t.Errorf("after %q the page does not say %q:\n%s", step.name, step.says[path], words)
				}
			}
		})
	}
}

// says returns the text below a node, the narrow spaces of numbers as plain ones.
func says(n *node) string {
	var b strings.Builder
	var walk func(*node)
	walk = func(n *node) {
		b.WriteString(n.text)
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(n)
	return strings.ReplaceAll(b.String(), nnbsp, " ")
}

// footOf returns what stands at the foot of a page.
func footOf(me *model.Me) string {
	m := model.New()
	m.Me = me
	return part(func(p *pen) { new(foot).draw(p, m, noon) })
}

func TestForWhomThePageIs(t *testing.T) {
	for _, c := range []struct{ me, want string }{
		{aliceMe, `<p id="foot-who">Signed in as <b>&lt;alice&gt;</b>, until 14:00:00.</p><a class="link" href="/access">Open streams</a>` + keysButton +
			`<form method="post" action="/signout"><button type="submit" class="link">Sign out</button></form>`},
		{`{"user":"bob"}`, `<p id="foot-who">Signed in as <b>bob</b>.</p><a class="link" href="/access">Open streams</a>` + keysButton},
		{`{"open":true}`, `<p id="foot-who">Open to everyone on this machine.</p><a class="link" href="/access">Open streams</a>` + keysButton},
		{``, keysButton},
	} {
		if got := footOf(model.ReadMe([]byte(c.me))); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	// Who signs in again in another tab sees it here, as soon as the server is asked; somebody else is nothing for this page.
	w := newWorld(t)
	w.begin(noon)
	w.m.Me = model.ReadMe([]byte(`{"user":"bob","expires":"2026-05-12T11:00:00Z"}`))
	page, d := mounted(t, &clocked{w, noon}, "/access")
	for _, c := range []struct{ told, want string }{
		{``, "Signed in as bob, until 13:00:00."},
		{`{"user":"bob","expires":"2026-05-12T12:30:00Z"}`, "Signed in as bob, until 14:30:00."},
		{`{"user":"eve","expires":"2026-05-12T23:30:00Z"}`, "Signed in as bob, until 14:30:00."},
		{`{"open":true}`, "Signed in as bob, until 14:30:00."},
		{`<html>`, "Signed in as bob, until 14:30:00."},
	} {
		w.m.SetMe([]byte(c.told))
		page.Paint(w.m, noon)
		if got := d.root.find("foot-who").words(); got != c.want {
			t.Errorf("%s: the foot says %q, want %q", c.told, got, c.want)
		}
		if got := d.root.find("who").words(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: the page says %q, want %q", c.told, got, c.want)
		}
	}
	rights := wellFormed(t, string(appendRights(nil, model.ReadMe([]byte(aliceMe)), noon)))
	for _, want := range []string{"<alice>", "subscribe, publish", "web-*", "Sign out"} {
		if !strings.Contains(rights, want) {
			t.Errorf("%q is not in %q", want, rights)
		}
	}
}

func TestSessionsAndInstances(t *testing.T) {
	m := model.New()
	m.SetSessions([]byte(twoSessions), "", noon)
	html := string(appendSessions(nil, &m.Sessions, noon))
	if strings.Contains(html, "<b>evil") || strings.Contains(html, "bb<2>") {
		t.Errorf("a stranger's markup: %s", html)
	}
	text := wellFormed(t, html)
	for _, want := range []string{"Firefox 153 on Linux", "since 12:30:05 from 10.0.0.7, at instance 0f<0>0", "types=logs:*", "End the stream of Firefox 153 on Linux since 12:30:05", "<b>evil</b>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	m.SetCluster([]byte(twoInstances), "", noon)
	text = strings.ReplaceAll(wellFormed(t, string(appendInstances(nil, &m.Cluster, noon))), nnbsp, " ")
	for _, want := range []string{"0f00 answers 10.0.0.1:80Up1 20441.201.2", "0e00Gone since 12:40:10———1.1", "0d00<new>———<1>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}

	// An instance that does not answer may be anything by now, the one that answered too; who was gone is.
	m.SetCluster(nil, "the server can't be reached", noon)
	html = string(appendInstances(nil, &m.Cluster, noon))
	if strings.Contains(html, "c-ok") || strings.Contains(html, "c-way") {
		t.Errorf("a lamp is lit: %s", html)
	}
	text = strings.ReplaceAll(wellFormed(t, html), nnbsp, " ")
	for _, want := range []string{"0f00 answered 10.0.0.1:80was up1 204", "0e80was draining", "0e00Gone since 12:40:10"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	m.SetCluster([]byte(`{"record":"shared","instances":[{"id":"a","state":"up"},{"id":"b","state":"gone"}]}`), "", noon)
	if text := wellFormed(t, string(appendInstances(nil, &m.Cluster, noon))); !strings.Contains(text, "1 uses a shared record") {
		t.Errorf("of two, one of them gone: %q", text)
	}
}

func TestAgent(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                                   "Chrome 156 on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.1":             "Edge 156 on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:153.0) Gecko/20100101 Firefox/153.0":                                                    "Firefox 153 on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1": "Safari 18 on iPhone",
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36":                   "Chrome 156 on Android",
		"curl/8.5.0":      "curl/8.5.0",
		"telltale/1.2 go": "telltale/1.2",
		"":                "A program without a name",
		"Firefox/<b>":     "Firefox &lt;b&gt;",
	} {
		if got := string(appendAgent(nil, agent)); got != want {
			t.Errorf("%s: got %q, want %q", agent, got, want)
		}
	}
}

// What the page has to say of the link is said once, however the connection takes it meanwhile.
func TestSessionOverIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.phase(feed.Live, noon, nil)
	var a announcer
	var said []string
	hear := func(seconds int) {
		if s := a.sentence(w.m, noon.Add(time.Duration(seconds)*time.Second)); s != "" {
			said = append(said, s)
		}
	}
	hear(0)
	w.phase(feed.Reconnecting, noon, func(s *feed.State) { s.Closing = event.ClosingExpired })
	hear(10)
	w.phase(feed.Refused, noon, func(s *feed.State) { s.Status = 401 })
	hear(20)
	w.phase(feed.Live, noon, func(s *feed.State) { s.Closing, s.Status = "", 0 })
	hear(30)
	w.control(event.StreamGap.Name(), noon, `{"reason":"pending"}`)
	hear(40)
	w.control(event.StreamGap.Name(), noon, `{"reason":"settled"}`)
	hear(50)
	if got, want := strings.Join(said, " | "), "Session expired. Sign in to go on. | Live. | The hub cannot reach its record. | Live."; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// Not every interruption is one of the link, and not each is a loss.
func TestInterruptionsThatLoseNothing(t *testing.T) {
	m := model.New()
	m.Link.Breaks = []model.Break{
		{From: noon.Add(-time.Hour), To: noon.Add(-59 * time.Minute), Polled: true, Fetched: 12, Reason: "You have 10 streams open."},
		{From: noon.Add(-time.Minute), To: noon.Add(-30 * time.Second), Record: true, Reason: "the server could not reach its record"},
		{From: noon.Add(-20 * time.Second), Polled: true, Reason: "You have 10 streams open."},
	}
	m.Link.Phase = feed.Polling
	var said []string
	for _, i := range interruptions(m, noon) {
		said = append(said, strings.ReplaceAll(i.sign+": "+i.what+" "+i.then, nnbsp, " "))
	}
	for i, want := range []string{
		"away: Polled for 20 s: You have 10 streams open. What comes is fetched every few seconds.",
		"away: Nothing new for 30 s: the server could not reach its record. What was recorded meanwhile came then.",
		"away: Polled for 1 min 00 s: You have 10 streams open. 12 events fetched.",
	} {
		if i >= len(said) || said[i] != want {
			t.Errorf("got %q, want %q", said, want)
		}
	}
	if line := string(appendThread(nil, m, noon)); strings.Contains(line, "broken") {
		t.Errorf("the thread shows a break: %s", line)
	}
}

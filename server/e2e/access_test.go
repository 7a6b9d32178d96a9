package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// serveTokens is serve with a server that asks for tokens, and what makes them.
func serveTokens(t *testing.T, args ...string) (s *server, token func(args ...string) string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if out, err := exec.Command(binary, "token", "--new-secret", secret).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	token = func(args ...string) string {
		t.Helper()
		out, err := exec.Command(binary, append([]string{"token", "--jwt-secret-file", secret}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	return serve(t, append([]string{"--jwt-secret-file", secret}, args...)...), token
}

// ask sends a request with a token, and wants the status.
func (s *server) ask(token, method, path, body string, status int) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(within(s.t), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		s.t.Fatalf("%s %s: %s, %v, want %d: %s", method, path, res.Status, err, status, b)
	}
	return string(b)
}

// watchPolicy has every page from now on note what its own policy refused it.
func (b *browser) watchPolicy() {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.refused = [];
		addEventListener("securitypolicyviolation", e => refused.push(e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile + ":" + e.lineNumber));`})
}

func (b *browser) keptPolicy(where string) {
	b.t.Helper()
	if refused := eval[[]string](b, `window.refused`); len(refused) > 0 {
		b.t.Errorf("%s: the page's policy refused it %v", where, refused)
	}
}

// signIn signs the browser in through the page for people.
func (b *browser) signIn(s *server, token, next string) {
	b.t.Helper()
	b.visit(s.url + next)
	b.wait("the sign-in page", `location.pathname === "/signin" && !!document.getElementById("token")`)
	b.keptPolicy("the sign-in page")
	b.do(chromedp.SendKeys("#token", token), chromedp.Click(`button[type="submit"]`))
	b.wait("the page that was asked for", `location.pathname + location.search === `+quote(next))
}

const plainStream = `window.open1 = (name, url) => { const es = new EventSource(url), got = streams[name] = { events: [], closing: null, limits: 0, polls: [], es };
	es.addEventListener("stream:sync", e => got.polls.push(!!JSON.parse(e.data).poll));
	es.addEventListener("stream:limit", e => got.limits++);
	es.addEventListener("stream:heartbeat", e => got.beats = (got.beats ?? 0) + 1);
	es.addEventListener("stream:closing", e => { got.closing = JSON.parse(e.data); es.close() });
	es.addEventListener("backup:finished", e => got.events.push(JSON.parse(e.data).n)); }; window.streams = {}; null`

// A page that is opened with a token in its address is signed in and loses it: it is not in the history, not in Referer, not in what the
// page knows of its own loading, and not in the server's log or record.
func TestTokenInAddressOfAPage(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host", "--log-level", "debug")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", `{"type":"server:online","data":{"version":"9.9.9"}}`, 202)
	b := open(t)
	b.watchPolicy()
	bob := token("--sub", "bob", "--servers", "web-*")
	b.signIn(s, alice, "/servers/web-1") // somebody was here before, and left his picture
	b.live()
	eventually(t, "a picture to be kept", func() (bool, string) {
		text := eval[string](b, keptPicture)
		return strings.Contains(text, "9.9.9"), text
	})
	b.visit(s.url + "/servers/web-1?auth=" + bob)
	b.wait("the page", `location.href === `+quote(s.url+"/servers/web-1")+` && document.body.innerText.includes("9.9.9")`)
	eventually(t, "what was kept for the one before to be gone", func() (bool, string) {
		kept := eval[string](b, `caches.keys().then(async keys => { let all = ""; for (const k of keys) for (const r of await (await caches.open(k)).keys()) { const a = await (await caches.open(k)).match(r); if (a.headers.get("Content-Type")?.includes("html")) all += await a.text() } return all })`)
		return !strings.Contains(kept, "alice"), "a page for alice"
	})
	b.live()
	b.keptPolicy("the page of a server")
	b.visit(s.url + "/events")
	b.wait("the next page", `document.body.innerText.includes("metrics:cpu")`)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	history, err := chromedp.Run(ctx, chromedp.NavigationEntries())
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	// Where one can go back to. What was typed, and from where one was sent on, Chromium writes into files of its own, which no server can
	// help; the README says so, and to give people links.
	for _, entry := range history.Entries {
		text = append(text, entry.URL+" "+entry.Title+"\n"...)
	}
	text = append(text, eval[string](b, `JSON.stringify([performance.getEntries(), document.referrer, document.cookie, Object.entries(localStorage)])`)...)
	text = append(text, b.said.String()...)
	text = append(text, s.stderr.String()...)
	s.stop()
	files, err := filepath.Glob(filepath.Join(s.args[1], "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the record: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	for _, part := range strings.Split(bob, ".")[1:] {
		if i := bytes.Index(text, []byte(part)); i >= 0 {
			t.Errorf("the token is kept: %q", text[max(0, i-200):i])
		}
	}
	if !bytes.Contains(text, []byte("/servers/web-1")) {
		t.Error("the history has no pages at all")
	}
}

// One signs in with a token on the page for people, and out again; after that nothing of what was shown is left in the browser.
func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.watchPolicy()
	b.signIn(s, token("--sub", "bob", "--servers", "web-*"), "/servers/web-1")
	b.live()
	if me := eval[map[string]any](b, `JSON.parse(document.getElementById("me")?.textContent ?? "null") ?? fetch("/api/me").then(r => r.json())`); me["user"] != "bob" || me["signOut"] != "/signout" {
		t.Errorf("the page is for %v, want bob", me)
	}
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	eventually(t, "the picture to be kept", func() (bool, string) {
		text := eval[string](b, keptPicture)
		return strings.Contains(text, "web-1"), text
	})
	eval[any](b, `{ const f = document.createElement("form"); f.method = "post"; f.action = "/signout"; document.body.append(f); f.submit() } null`)
	b.wait("the sign-in page", `location.pathname === "/signin" && document.body.innerText.includes("signed out")`)
	b.keptPolicy("signing out")
	eventually(t, "nothing to be left", func() (bool, string) {
		left := eval[string](b, `Promise.all([caches.keys(), indexedDB.databases().then(all => all.map(d => d.name)), navigator.serviceWorker.getRegistrations().then(r => r.length)]).then(JSON.stringify)`)
		return left == "[[],[],0]", left
	})
	b.visit(s.url + "/servers/web-1")
	b.wait("the sign-in page again", `location.pathname === "/signin"`)
	b.quiet()
}

// Five streams of one user on two browsers: revoked, all end at once and say why, and nothing of what came later reached them.
func TestRevokedOnTwoBrowsers(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	mallory := token("--sub", "mallory", "--servers", "*")
	var browsers []*browser
	for i, n := range []int{3, 2} {
		b := open(t)
		browsers = append(browsers, b)
		b.signIn(s, mallory, "/events")
		b.visit(s.url + "/api/version") // a page without the app, and so without its stream
		eval[any](b, plainStream)
		for j := range n {
			eval[any](b, fmt.Sprintf(`open1("%d-%d", "/api/events"); null`, i, j))
		}
		b.wait("the streams to be open", fmt.Sprintf(`Object.values(streams).filter(s => s.beats).length === %d`, n))
	}
	s.ask(alice, "POST", "/api/servers/a/events", `{"type":"backup:finished","data":{"n":1}}`, 202)
	for _, b := range browsers {
		b.wait("the event before", `Object.values(streams).every(s => s.events.length === 1)`)
	}
	answer := s.ask(alice, "POST", "/api/admin/revoke", `{"user":"mallory","reason":"gone fishing"}`, 200)
	if !strings.Contains(answer, `"ended":5`) {
		t.Errorf("got %s, want five streams ended", answer)
	}
	s.ask(alice, "POST", "/api/servers/a/events", `{"type":"backup:finished","data":{"n":2}}`, 202)
	for _, b := range browsers {
		b.wait("all to end and say why", `Object.values(streams).every(s => s.closing?.reason === "revoked" && s.closing.message.includes("gone fishing"))`)
		if got := eval[string](b, `JSON.stringify(Object.values(streams).map(s => s.events))`); strings.Contains(got, "2") {
			t.Errorf("what came after reached them: %s", got)
		}
		b.visit(s.url + "/")
		b.wait("the sign-in page to say so", `location.pathname === "/signin" && document.body.innerText.includes("withdrawn")`)
	}
}

// Of a user limited to two streams the third gets every event all the same, as a poller, with a plain EventSource; when another is
// closed it is live again.
func TestOverTheLimitPolls(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host", "--streams-per-user", "2")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/a/events", `{"type":"backup:finished","data":{"n":0}}`, 202) // so that there is a place to go on from
	b := open(t)
	b.signIn(s, token("--sub", "bob", "--servers", "*"), "/events")
	b.visit(s.url + "/api/version")
	eventually(t, "the app's own stream to have ended", func() (bool, string) {
		list := s.ask(alice, "GET", "/api/sessions?user=bob", "", 200)
		return strings.Contains(list, `"sessions":[]`), list
	})
	eval[any](b, plainStream)
	for _, name := range []string{"a", "b"} {
		eval[any](b, `open1(`+quote(name)+`, "/api/events"); null`)
		b.wait(name+" to be open", `streams.`+name+`.beats > 0`)
	}
	eval[any](b, `open1("c", "/api/events"); null`)
	b.wait("the third to be a poller", `streams.c.limits === 1 && streams.c.polls[0] === true`)
	for n := 1; n <= 3; n++ {
		s.ask(alice, "POST", "/api/servers/a/events", fmt.Sprintf(`{"type":"backup:finished","data":{"n":%d}}`, n), 202)
	}
	eventually(t, "the poller to have what the others have", func() (bool, string) {
		got := eval[string](b, `JSON.stringify(Object.entries(streams).map(([name, s]) => [name, s.events.join(), s.limits, s.polls, s.es.readyState]))`)
		return strings.Count(got, `"0,1,2,3"`) == 3, got
	})
	eval[any](b, `streams.a.es.close(); null`)
	b.wait("it to be live again", `streams.c.polls.at(-1) === false`)
	s.ask(alice, "POST", "/api/servers/a/events", `{"type":"backup:finished","data":{"n":4}}`, 202)
	b.wait("the next event, on the stream that is open", `streams.c.events.join() === "0,1,2,3,4"`)
}

// Every page works under its own policy, in an open server and in one that asks for tokens.
func TestPagesKeepTheirPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.publish("web-1", picture)
	b := open(t)
	b.watchPolicy()
	for _, path := range []string{"/", "/servers/web-1", "/servers/nobody", "/events", "/events/server:online"} {
		b.visit(s.url + path)
		b.live()
		b.wait("a few frames", `new Promise(done => { let n = 0; const f = () => ++n > 20 ? done(true) : requestAnimationFrame(f); f() })`)
		b.keptPolicy(path)
	}
	b.quiet()
	for _, path := range []string{"/", "/signin", "/events"} {
		answer, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		for _, directive := range strings.Split(answer.Header.Get("Content-Security-Policy"), ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), " ")
			if (name == "script-src" || name == "default-src" || name == "style-src") && strings.Contains(value, "'unsafe-inline'") || strings.Contains(value, "*") {
				t.Errorf("%s: %s", path, directive)
			}
		}
	}
}

// A page of another origin, even one of the same site whose requests carry the session, can neither read nor write, nor show ours in a frame.
func TestForeignOrigin(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", `{"type":"server:online","data":{"version":"9.9.9"}}`, 202)
	before := s.ask(alice, "GET", "/api/events", "", 200)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>foreign</title><body>")
	}))
	defer foreign.Close()
	b := open(t)
	b.signIn(s, alice, "/events")
	for _, origin := range []string{foreign.URL, strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1)} {
		b.visit(origin)
		for _, attempt := range []struct{ what, js string }{
			{"fetch", `fetch(T + "/api/servers", {credentials: "include"}).then(r => r.text())`},
			{"fetch of a page", `fetch(T + "/", {credentials: "include"}).then(r => r.text())`},
			{"fetch without CORS", `fetch(T + "/api/servers", {credentials: "include", mode: "no-cors"}).then(r => r.text().then(t => t || Promise.reject("opaque")))`},
			{"EventSource", `new Promise((yes, no) => { const es = new EventSource(T + "/api/events", {withCredentials: true}); es.onmessage = es.onopen = () => yes("open"); es.onerror = () => { es.close(); no("error") } })`},
			{"publish as JSON", `fetch(T + "/api/servers/evil/events", {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: '{"type":"evil:done"}'}).then(r => r.text())`},
			{"DELETE", `fetch(T + "/api/sessions/x", {method: "DELETE", credentials: "include"}).then(r => r.text())`},
			{"script", `new Promise((yes, no) => { const e = document.createElement("script"); e.src = T + "/api/servers"; e.onload = () => yes("loaded"); e.onerror = () => no("error"); document.body.append(e) })`},
			{"image", `new Promise((yes, no) => { const e = new Image(); e.src = T + "/web/icon-192.png"; e.onload = () => yes("loaded"); e.onerror = () => no("error") })`},
		} {
			js := strings.ReplaceAll(`(`+attempt.js+`).then(v => "read: " + v, e => "refused")`, "T +", quote(s.url)+" +")
			if got := eval[string](b, js); got != "refused" {
				t.Errorf("%s, %s: got %s", origin, attempt.what, got)
			}
		}
		// What is sent without asking arrives, and does nothing.
		eval[any](b, strings.ReplaceAll(`Promise.all([
			fetch(T + "/api/servers/evil/events", {method: "POST", credentials: "include", mode: "no-cors", body: '{"type":"evil:done"}'}),
			fetch(T + "/api/admin/revoke", {method: "POST", credentials: "include", mode: "no-cors", body: '{"user":"alice"}'}),
			fetch(T + "/signout", {method: "POST", credentials: "include", mode: "no-cors", body: new URLSearchParams({a: 1})}),
		]).then(() => null, () => null)`, "T +", quote(s.url)+" +"))
		eval[any](b, `{ const f = document.createElement("form"); f.method = "post"; f.enctype = "text/plain"; f.action = `+quote(s.url+"/signout")+`; document.body.append(f); f.submit() } null`)
		b.wait("the refusal of the form", `location.pathname === "/signout" && document.body.innerText.includes("crossOrigin")`)
		b.visit(origin)
		eval[any](b, `{ const f = document.createElement("iframe"); f.id = "frame"; f.src = `+quote(s.url+"/events")+`; document.body.append(f) } null`)
		eventually(t, "the frame to be refused", func() (bool, string) {
			said := b.said.String()
			return strings.Contains(said, "frame-ancestors") || strings.Contains(said, "X-Frame-Options"), said
		})
	}
	if after := s.ask(alice, "GET", "/api/events", "", 200); after != before {
		t.Errorf("the record is another: %s, was %s", after, before)
	}
	b.visit(s.url + "/servers/web-1")
	b.wait("still to be signed in", `location.pathname === "/servers/web-1" && document.body.innerText.includes("9.9.9")`)
}

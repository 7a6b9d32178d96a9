package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

var sessionID = regexp.MustCompile(`"id":"(\w+)"`)

// says waits until what is below the first element that sel finds holds the words.
func (b *browser) says(sel, words string) {
	b.t.Helper()
	b.wait(sel+" to say "+words, `document.querySelector(`+quote(sel)+`)?.innerText.replaceAll("\u202f", " ").includes(`+quote(words)+`)`)
}

// read opens a stream as a program would, and keeps it until the test or done ends it.
func (s *server) read(token, agent string) (done func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/api/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("a stream: %v, %v", res, err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	return cancel
}

// Where nobody is asked who he is, the page says so: before any of the app is there, and with it.
func TestOpenServerSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	b := open(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit(s.url + "/")
	if text := b.text(".colophon"); !strings.HasPrefix(text, "Open to everyone on this machine.") || strings.Contains(text, "Sign out") {
		t.Errorf("without script the page says %q", text)
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	b.watchPolicy()
	b.visit(s.url + "/")
	b.live()
	b.says(".colophon", "Open to everyone on this machine.")
	b.do(chromedp.Click(`.colophon a[href="/access"]`))
	b.says("#who", "Nobody is asked for a token")
	b.wait("its own stream in the list", `document.querySelectorAll("#streams-in li").length === 1 && document.querySelector("#streams-in b").innerText.startsWith("Chrome ")`)
	b.visit(s.url + "/cluster")
	b.says("#instances", "1, with a record of its own")
	b.says("#instances", "Up")
	b.keptPolicy("access and cluster")
	b.quiet()
}

// A session expires under two tabs: both say so and keep what they show, dated. Signing in again in one of them has both go on.
func TestSessionExpiresUnderThePage(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host", "--heartbeat", "1s")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.watchPolicy()
	b.signIn(s, token("--sub", "bob", "--servers", "web-*", "--ttl", "12s"), "/servers/web-1?find=index")
	b.live()
	other := b.tab()
	other.visit(s.url + "/")
	other.live()
	b.says(".colophon", "Signed in as bob, until ")
	for _, tab := range []*browser{b, other} {
		tab.says("#banner-say", "Session expired at ")
		tab.says("#banner-say", "Everything below is as of ")
		tab.says("#pill-in", "Session expired")
		tab.says("#thread", "Session expired")
		tab.wait("what was shown to be there still", `document.body.innerText.includes("web-1") && document.body.innerText.includes("was online")`)
	}
	b.wait("it to be said", `document.getElementById("say").textContent.startsWith("Session expired. Sign in to go on.")`)
	b.do(chromedp.Click(`#banner-to`))
	b.wait("the sign-in page", `location.pathname + location.search === "/signin?next=" + encodeURIComponent("/servers/web-1?find=index")`)
	b.do(chromedp.SendKeys("#token", token("--sub", "bob", "--servers", "web-*")), chromedp.Click(`button[type="submit"]`))
	b.wait("the page that was left", `location.pathname + location.search === "/servers/web-1?find=index"`)
	b.live()
	other.live()
	s.ask(alice, "POST", "/api/servers/web-1/events", `{"type":"server:online","data":{"version":"9.9.9"}}`, 202)
	other.says("main", "9.9.9")
	b.keptPolicy("an expired page")
	b.quiet("401")
}

// Access is withdrawn under an open page: it says so at once, and why.
func TestRevokedUnderThePage(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.signIn(s, token("--sub", "mallory", "--servers", "*"), "/servers/web-1")
	b.live()
	s.ask(alice, "POST", "/api/admin/revoke", `{"user":"mallory","reason":"gone fishing"}`, 200)
	b.says("#banner-say", "Access withdrawn at ")
	b.says("#banner-say", "gone fishing")
	b.wait("the link to sign in", `document.querySelector('#banner-to:not(.off)').innerText === "Sign in"`)
	b.wait("what was shown to be there, and dated", `document.body.innerText.includes("the index is being rebuilt") && document.body.innerText.includes("was online")`)
	b.quiet("401")
}

// The eleventh stream of a user polls and says so, and shows what comes all the same. Its page lists the others; when one of them is ended
// there, it is live again by itself.
func TestEleventhStreamPolls(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	bob := token("--sub", "bob", "--servers", "*")
	for i := range 10 {
		s.read(bob, fmt.Sprintf("reader-%d/1.0", i))
	}
	b := open(t)
	b.watchPolicy()
	b.signIn(s, bob, "/")
	b.says("#pill-in", "Polling")
	b.says("#banner-say", "Polling every ")
	b.says("#banner-say", "You have 10 streams open")
	asOf := `document.getElementById("banner-say").innerText.match(/as of (\S+)\./)[1]`
	first := eval[string](b, asOf)
	s.ask(alice, "POST", "/api/servers/web-1/events", `{"type":"server:busy","data":{"connectionCount":7}}`, 202)
	b.wait("the event, fetched", `document.getElementById("cards").innerText.includes("was busy")`)
	b.wait("a later time", asOf+` > `+quote(first))
	if text := eval[string](b, `document.getElementById("pill-in").innerText`); !strings.HasPrefix(text, "Polling") {
		t.Errorf("between two polls the page says %q", text)
	}
	b.do(chromedp.Click(`#banner-to`))
	b.wait("the list", `location.pathname === "/access" && document.querySelectorAll("#streams-in li").length === 10`)
	b.says("#streams-n", "10 of 10")
	b.says("#streams-in", "reader-3/1.0")
	// By keyboard: each button is reached and says what it ends.
	eval[any](b, `[...document.querySelectorAll("#streams-in button")].find(b => b.textContent.includes("reader-3")).focus(); null`)
	b.key("Enter")
	b.live()
	b.wait("the list without it", `(text => !text.includes("reader-3") && text.includes("Chrome "))(document.getElementById("streams-in").innerText)`)
	if at := eval[string](b, `document.activeElement.id`); at != "streams" {
		t.Errorf("the focus is on %q, want it among the streams", at)
	}
	s.ask(alice, "POST", "/api/servers/web-1/events", `{"type":"server:idle","data":{}}`, 202)
	b.do(chromedp.Click(`nav.nav a[href="/"]`))
	b.wait("the next event, live", `document.getElementById("cards")?.innerText.includes("Idle")`)
	b.keptPolicy("a page that polls")
	b.quiet()
}

// A stream that is ended from elsewhere is not opened again by itself: every tab says so, and offers to.
func TestEndedFromElsewhere(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.signIn(s, alice, "/")
	b.live()
	other := b.tab()
	other.visit(s.url + "/log")
	other.live()
	// As a rule the tabs share one stream, but each has its own while they find each other.
	eventually(t, "both tabs to say that they were ended", func() (bool, string) {
		list := s.ask(alice, "GET", "/api/sessions", "", 200)
		for _, m := range sessionID.FindAllStringSubmatch(list, -1) {
			req, err := http.NewRequestWithContext(within(t), "DELETE", s.url+"/api/sessions/"+m[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+alice)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		said := b.text("#banner-say") + "\n" + other.text("#banner-say")
		return strings.Count(said, "This stream was ended from another session at ") == 2, said
	})
	if list := s.ask(alice, "GET", "/api/sessions", "", 200); !strings.Contains(list, `"sessions":[]`) {
		t.Errorf("streams came back unasked: %s", list)
	}
	b.do(chromedp.Click(`#banner-do`))
	b.live()
	b.wait("the banner to go", `document.getElementById("banner").classList.contains("off")`)
	b.quiet()
}

// One signs out on the page: all tabs leave, and nothing of what was shown stays in the browser.
func TestSignOutOnThePage(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.watchPolicy()
	b.signIn(s, alice, "/")
	b.live()
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	other := b.tab()
	other.visit(s.url + "/servers/web-1")
	other.live()
	eventually(t, "the picture to be kept", func() (bool, string) {
		text := eval[string](b, keptPicture)
		return strings.Contains(text, "web-1"), text
	})
	b.do(chromedp.Click(`.colophon button[type="submit"]`))
	for _, tab := range []*browser{b, other} {
		tab.wait("the sign-in page", `location.pathname === "/signin" && document.body.innerText.includes("You are signed out.")`)
	}
	eventually(t, "nothing to be left", func() (bool, string) {
		left := eval[string](b, `Promise.all([caches.keys(), indexedDB.databases().then(all => all.map(d => d.name)), navigator.serviceWorker.getRegistrations().then(r => r.length)]).then(JSON.stringify)`)
		return left == "[[],[],0]", left
	})
	b.keptPolicy("signing out")

	// Another signs in: a tab that still showed the first one's page would show it to him.
	b.signIn(s, token("--sub", "bob", "--servers", "web-*"), "/")
	b.live()
	b.says(".colophon", "Signed in as bob")
	third := b.tab()
	third.visit(s.url + "/")
	third.says(".colophon", "Signed in as bob")
	third.live()
	b.visit(s.url + "/signin")
	b.do(chromedp.SendKeys("#token", alice), chromedp.Click(`form[action="/signin"] button`))
	b.says(".colophon", "Signed in as alice")
	call(third, target.ActivateTarget, target.ActivateTargetParams{TargetID: chromedp.FromContext(third.ctx).Target.TargetID})
	third.says(".colophon", "Signed in as alice")
	b.quiet()
}

// Redis stands still: the page says that the hub cannot reach its record, and nothing shines; when it goes on, so does the page. The
// instances are listed, one that vanished too.
func TestRecordAwayOnThePage(t *testing.T) {
	t.Parallel()
	c := cluster(t, clusterOptions{args: []string{"--heartbeat", "500ms", "--redis-timeout", "1s"}})
	s := c.nodes[0]
	s.publish("web-1", picture)
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	b.says("#cards", "Online")
	c.redis.Pause()
	b.says("#pill-in", "No record")
	b.says("#banner-say", "The hub cannot reach its record since ")
	b.says("#cards", "was online")
	b.wait("it to be said", `document.getElementById("say").textContent.startsWith("The hub cannot reach its record.")`)
	c.redis.Resume()
	b.live()
	b.wait("the banner to go", `document.getElementById("banner").classList.contains("off")`)
	s.publish("web-1", `{"type":"server:busy","data":{"connectionCount":7}}`)
	b.says("#cards", "Busy")
	b.visit(s.url + "/cluster")
	b.says("#instances", "3 share one record")
	c.nodes[2].kill()
	b.wait("the one that vanished", `document.getElementById("instances").textContent.includes("Gone since ")`)
	b.quiet("503")
}

// Who signs in again in another tab is told by every page until when that is, though none of them is loaded anew.
func TestSignedInAgainElsewhere(t *testing.T) {
	t.Parallel()
	s, token := serveTokens(t, "--no-host")
	alice := token("--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin", "--ttl", "90d")
	s.ask(alice, "POST", "/api/servers/web-1/events", picture, 202)
	b := open(t)
	b.signIn(s, token("--sub", "bob", "--servers", "*", "--ttl", "2h"), "/")
	b.live()
	foot := `document.getElementById("foot-who").innerText`
	first := eval[string](b, foot)
	eval[any](b, `window.notReloaded = true; null`)
	other := b.tab()
	other.visit(s.url + "/log?auth=" + token("--sub", "bob", "--servers", "*", "--ttl", "60d"))
	other.live()
	b.wait("the foot to say until when", foot+` !== `+quote(first))
	said := eval[string](b, foot)
	if there := eval[string](other, foot); said != there || !strings.HasPrefix(said, "Signed in as bob, until ") || !eval[bool](b, `window.notReloaded === true`) {
		t.Errorf("the foot says %q, before %q; in the other tab %q", said, first, there)
	}
	b.quiet()
	other.quiet()
}

package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/web"
)

const form = "application/x-www-form-urlencoded"

// Signing in with a token makes a session of it that scripts can't read, that lasts as long as the token, and goes on where one was.
func TestSignIn(t *testing.T) {
	g := openGuarded(t, nil)
	a := g.once(t, "GET", "/servers/web-1?x=1", "")
	if at := a.header.Get("Location"); a.status != 303 || at != "/signin?next="+url.QueryEscape("/servers/web-1?x=1") {
		t.Fatalf("not signed in: got %d to %q", a.status, at)
	}
	page := g.once(t, "GET", a.header.Get("Location"), "")
	if page.status != 200 || !strings.Contains(page.body, `<label for="token">`) || !strings.Contains(page.body, `name="next" value="/servers/web-1?x=1"`) {
		t.Errorf("got %d %s", page.status, page.body)
	}
	if policy := page.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "form-action 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("got policy %q", policy)
	}
	tok := token("bob", jwt.MapClaims{"exp": unixIn(10 * time.Minute)})
	in := g.once(t, "POST", "/signin", url.Values{"token": {" " + tok + "\n"}, "next": {"/servers/web-1?x=1"}}.Encode(), "Content-Type", form)
	if in.status != 303 || in.header.Get("Location") != "/servers/web-1?x=1" {
		t.Fatalf("got %d to %q: %s", in.status, in.header.Get("Location"), in.body)
	}
	res := http.Response{Header: in.header}
	var session *http.Cookie
	for _, c := range res.Cookies() {
		if c.Name == "telltale" {
			session = c
		}
	}
	if session == nil || session.Value != tok || !session.HttpOnly || session.SameSite != http.SameSiteLaxMode || session.Path != "/" || session.Secure ||
		session.MaxAge < 500 || session.MaxAge > 600 {
		t.Fatalf("got cookies %v", in.header.Values("Set-Cookie"))
	}
	if in.header.Get("Clear-Site-Data") != `"storage"` {
		t.Error("what the browser kept of another user stays")
	}
	cookie := "telltale=" + tok
	if a := g.once(t, "GET", "/servers/web-1", "", "Cookie", cookie); a.status != 200 || !strings.Contains(a.body, `id="me">{"open":false,"user":"bob"`) {
		t.Errorf("signed in: got %d %.400s", a.status, a.body)
	}
	reader := ""
	for _, c := range res.Cookies() {
		if c.Name == "telltale-reader" {
			reader = c.Value
		}
	}
	again := g.once(t, "POST", "/signin", url.Values{"token": {tok}}.Encode(), "Content-Type", form, "Cookie", "telltale-reader="+reader)
	if again.status != 303 || again.header.Get("Clear-Site-Data") != "" {
		t.Errorf("the same user again: got %d and %q, want nothing cleared", again.status, again.header.Get("Clear-Site-Data"))
	}
	f := g.follow(t, "/api/events", "Cookie", cookie)
	f.until("stream:heartbeat")
	byHeader := g.follow(t, "/api/events", "Authorization", "Bearer "+tok)
	byHeader.until("stream:heartbeat")
	out := g.once(t, "POST", "/signout", "", "Content-Type", form, "Cookie", cookie)
	if out.status != 303 || !strings.Contains(fmt.Sprint(out.header["Set-Cookie"]), "telltale=; Path=/; Max-Age=0") || out.header.Get("Clear-Site-Data") != `"storage"` {
		t.Errorf("signed out: got %d %v", out.status, out.header)
	}
	if _, closing := f.ending(); field(t, closing.data, "reason") != "ended" {
		t.Errorf("the session's stream: got %v", closing)
	}
	var left []map[string]any // who reads that a stream has ended may do so a moment before it is off the list
	eventually(t, func() bool { left = g.sessions(t, "", "Bearer "+tok); return len(left) == 1 },
		func() string {
			return fmt.Sprintf("after signing out: got %v, want the stream that is none of this session's", left)
		})
	log := g.logged.String()
	if !strings.Contains(log, `action="signed in" user=bob`) || !strings.Contains(log, `action="signed out" user=bob`) || strings.Contains(log, tok) {
		t.Errorf("got log %s", log)
	}
}

func TestSignInRefused(t *testing.T) {
	g := openGuarded(t, nil)
	post := func(values url.Values, header ...string) answer {
		return g.once(t, "POST", "/signin", values.Encode(), append([]string{"Content-Type", form}, header...)...)
	}
	for _, row := range []struct {
		name, token string
		status      int
		says        string
	}{
		{"expired", token("bob", jwt.MapClaims{"exp": unixIn(-time.Hour)}), 401, "expired"},
		{"garbage", "<script>alert(1)</script>", 401, "no token"},
		{"none", "", 401, "No token"},
		{"not for reading", token("ci", jwt.MapClaims{"scope": "publish"}), 403, "subscribe"},
	} {
		a := post(url.Values{"token": {row.token}, "next": {"/events"}})
		if a.status != row.status || !strings.Contains(a.body, row.says) || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, `value="/events"`) {
			t.Errorf("%s: got %d %s", row.name, a.status, a.body)
		}
		if row.token != "" && strings.Contains(a.body, row.token) || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: the answer has the token in it, or a session: %v %s", row.name, a.header, a.body)
		}
	}
	for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, path := range []string{"/signin", "/signout", "/api/tickets", "/api/admin/revoke", "/api/servers/a/events"} {
			a := g.once(t, "POST", path, "token="+token("bob", nil), append([]string{"Content-Type", form, "Cookie", "telltale=" + token("bob", nil)}, header...)...)
			if a.status != 403 || codeOf(a) != "crossOrigin" {
				t.Errorf("%s by a page of elsewhere (%v): got %d %s", path, header, a.status, a.body)
			}
		}
		if a := g.once(t, "DELETE", "/api/sessions/x", "", append([]string{"Cookie", "telltale=" + token("bob", nil)}, header...)...); a.status != 403 {
			t.Errorf("DELETE by a page of elsewhere: got %d", a.status)
		}
	}
	if a := g.once(t, "POST", "/signin", `{"token":"x"}`, "Content-Type", "application/json"); a.status != 415 {
		t.Errorf("no form: got %d", a.status)
	}
}

// A link is used up by the person who confirms it, and not by programs that look at it.
func TestSignInLink(t *testing.T) {
	g := openGuarded(t, nil)
	a := g.do(t, "POST", "/api/tickets", `{"for":"signIn"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token("alice", nil))
	link := field(t, a.body, "url")
	if a.status != 201 || !strings.HasPrefix(link, g.url+"/signin?code=") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	path := strings.TrimPrefix(link, g.url)
	for range 3 {
		if a := g.once(t, "GET", path, ""); a.status != 200 || !strings.Contains(a.body, "Sign in as alice") || len(a.header["Set-Cookie"]) > 0 {
			t.Fatalf("looked at: got %d %s", a.status, a.body)
		}
	}
	code := url.Values{"code": {strings.TrimPrefix(path, "/signin?code=")}}.Encode()
	if a := g.once(t, "POST", "/signin", code, "Content-Type", form); a.status != 303 || !strings.Contains(fmt.Sprint(a.header["Set-Cookie"]), "telltale="+token("alice", nil)[:20]) {
		t.Errorf("confirmed: got %d %v", a.status, a.header)
	}
	if a := g.once(t, "POST", "/signin", code, "Content-Type", form); a.status != 401 {
		t.Errorf("used again: got %d", a.status)
	}
	if a := g.once(t, "GET", path, ""); !strings.Contains(a.body, "has been used") || !strings.Contains(a.body, `for="token"`) {
		t.Errorf("looked at again: got %s", a.body)
	}
}

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/": "/", "/servers/web-1?x=1&y=2": "/servers/web-1?x=1&y=2", "/events": "/events", "/servers/a%2Fb": "/servers/a%2Fb",
		"//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/", "https://evil.example": "/", "/\t/evil.example": "/", "/\n/evil.example": "/",
		"javascript:alert(1)": "/", "evil": "/", "/signin?next=/": "/", "/signout": "/", "///evil.example": "/", "/%zz": "/", "/./x": "/./x",
	} {
		if got := web.LocalPath(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}

// A token in an address is nowhere to be found: not in the log, not in an answer, not in the record; and the address of a page loses
// it at once.
func TestTokenInAddressIsNotKept(t *testing.T) {
	g := openGuarded(t, nil)
	good, bad := token("bob", nil), signed(otherSecret, "eve", nil)
	var said strings.Builder
	for _, tok := range []string{good, bad} {
		for _, path := range []string{
			"/", "/servers/web-1", "/servers/web-1?x=1", "/events", "/nowhere", "/signin", "/api/me", "/api/servers", "/api/nowhere", "/api/events?types=%zz", "/api/events?limit=x",
			"/api/events?after=1.1", "/api/events?limit=1", "/api/servers/a*/events", "/healthz", "/web/none", "/api/sessions", "/favicon.ico",
		} {
			glue := "?"
			if strings.Contains(path, "?") {
				glue = "&"
			}
			for _, accept := range []string{"application/json", "application/x-ndjson"} {
				for _, method := range []string{"GET", "POST", "DELETE"} {
					body := ""
					if method == "POST" {
						body = `{"type":"server:online","serverId":"web-1"}`
					}
					a := g.once(t, method, path+glue+"auth="+tok, body, "Accept", accept, "Content-Type", "application/json")
					fmt.Fprintln(&said, method, path, a.status, withoutCookies(a.header), a.body)
					if (path == "/signin" || strings.HasPrefix(path, "/servers") && tok == good) && method == "GET" && (a.status != 303 || a.header.Get("Location") != path) {
						t.Errorf("%s: got %d to %q, want the same page without the token", path, a.status, a.header.Get("Location"))
					}
				}
			}
		}
	}
	g.stop()
	for _, part := range []string{good, bad, strings.Split(good, ".")[2], strings.Split(bad, ".")[2]} {
		if strings.Contains(said.String(), part) {
			t.Errorf("an answer has it: %s", around(said.String(), part))
		}
		if log := g.logged.String(); strings.Contains(log, part) {
			t.Errorf("the log has it: %s", around(log, part))
		}
	}
	if !strings.Contains(g.logged.String(), "action=refused") {
		t.Error("the log says nothing at all")
	}
}

func around(text, part string) string {
	i := strings.Index(text, part)
	return text[max(0, i-300):min(len(text), i+40)]
}

// A server that asks nobody says so, has nothing to sign in to, and still keeps tokens out of the addresses of its pages.
func TestOpenServer(t *testing.T) {
	g := &guarded{site: open(t, func(c *web.Config) { c.Name = "harbour <prod>" })}
	if a := g.do(t, "GET", "/api/me", ""); field(t, a.body, "fleet") != "harbour <prod>" {
		t.Errorf("got %s, want the fleet's name", a.body)
	}
	if a := g.do(t, "GET", "/api/me", ""); field(t, a.body, "open") != "true" || !strings.Contains(field(t, a.body, "message"), "open to everybody") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := g.do(t, "GET", "/", ""); !strings.Contains(a.body, `id="me">{"open":true`) {
		t.Error("the page does not say for whom it is")
	}
	for path, to := range map[string]string{"/signin?next=/events": "/events", "/events?x=1&auth=secret": "/events?x=1", "/?auth=secret": "/"} {
		if a := g.once(t, "GET", path, ""); a.status != 303 || a.header.Get("Location") != to || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: got %d %v, want to be sent to %s", path, a.status, a.header, to)
		}
	}
	f := g.follow(t, "/api/events?auth=none-yet")
	f.until("stream:heartbeat")
	if list := g.sessions(t, "", ""); len(list) != 1 {
		t.Errorf("got sessions %v, want the one stream", list)
	} else if a := g.do(t, "DELETE", "/api/sessions/"+fmt.Sprint(list[0]["id"]), ""); a.status != 204 {
		t.Errorf("ending it: got %d %s", a.status, a.body)
	}
	if _, closing := f.ending(); field(t, closing.data, "reason") != "ended" {
		t.Errorf("got %v", closing)
	}
	if a := g.do(t, "POST", "/api/admin/revoke", `{"user":"x"}`, "Content-Type", "application/json"); a.status != 409 {
		t.Errorf("revoking: got %d %s", a.status, a.body)
	}
}

// A link on a page of another site signs nobody in as somebody else without asking.
func TestSignInFromAnotherSite(t *testing.T) {
	g := openGuarded(t, nil)
	for _, site := range []string{"cross-site", "same-site"} {
		a := g.once(t, "GET", "/events?x=1&auth="+url.QueryEscape(token("mallory", nil)), "", "Sec-Fetch-Site", site)
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.status != 303 || to.Path != "/signin" || to.Query().Get("next") != "/events?x=1" || len(a.header["Set-Cookie"]) > 0 {
			t.Fatalf("%s: got %d %v, want to be asked first", site, a.status, a.header)
		}
		if a = g.once(t, "GET", to.RequestURI(), ""); a.status != 200 || !strings.Contains(a.body, "mallory") {
			t.Errorf("%s: got %d %s", site, a.status, a.body)
		}
	}
}

// A browser drops a cookie of more than 4096 bytes without a word: so the words are ours.
func TestTokenTooLongForASession(t *testing.T) {
	g := openGuarded(t, nil)
	var names []string
	for i := range 90 {
		names = append(names, fmt.Sprintf("customer-%03d-payments-backend-eu-central", i))
	}
	long := token("bob", jwt.MapClaims{"servers": names})
	if len(long) < 4096 || len(long) > auth.MaxToken {
		t.Fatalf("the token has %d bytes", len(long))
	}
	if a := g.do(t, "GET", "/api/me", "", "Authorization", "Bearer "+long); a.status != 200 {
		t.Errorf("it is not good anyway: %d %s", a.status, a.body)
	}
	a := g.once(t, "POST", "/signin", url.Values{"token": {long}}.Encode(), "Content-Type", form)
	if a.status != 413 || !strings.Contains(a.body, "too long") || len(a.header["Set-Cookie"]) > 0 {
		t.Errorf("by the form: got %d %v", a.status, a.header)
	}
	a = g.once(t, "GET", "/?auth="+long, "")
	if at := a.header.Get("Location"); a.status != 303 || at != "/signin?why=tooLong" || len(a.header["Set-Cookie"]) > 0 {
		t.Errorf("by the address: got %d %v", a.status, a.header)
	}
	a = g.do(t, "POST", "/api/tickets", `{"for":"signIn"}`, "Content-Type", "application/json", "Authorization", "Bearer "+long)
	if a.status != 413 || codeOf(a) != "tooLong" {
		t.Errorf("a link for it: got %d %s", a.status, a.body)
	}
	if a := g.once(t, "GET", "/signin?why=tooLong", ""); !strings.Contains(a.body, "too long") {
		t.Errorf("the page does not say it: %s", a.body)
	}
}

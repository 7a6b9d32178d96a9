package web_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/web"
)

var (
	secret      = []byte("a secret that only these tests know, of enough bytes")
	otherSecret = []byte("a secret of somebody else who may make no tokens here")
)

const audience = "telltale-test"

// guarded is a site that asks for tokens.
type guarded struct {
	*site
	web *web.Server
}

// openGuarded starts one; change, when not nil, is the last to touch its Config.
func openGuarded(t *testing.T, change func(*web.Config)) *guarded {
	t.Helper()
	g := new(guarded)
	g.site = openWith(t, func(c *web.Config) {
		notes, _ := c.Log.(journal.Notes)
		c.Guard = startGuard(t, auth.Config{Secret: secret, Audience: audience, Notes: notes})
		if change != nil {
			change(c)
		}
	}, &g.web)
	return g
}

// startGuard runs a guard until the test ends.
func startGuard(t *testing.T, c auth.Config) *auth.Guard {
	t.Helper()
	guard, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = guard.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	select {
	case <-guard.Ready():
	case <-time.After(patience):
		t.Fatal("the guard did not get ready")
	}
	return guard
}

// token returns one of a user with further claims, some of which may be nil to be left out.
func token(user string, more jwt.MapClaims) string { return signed(secret, user, more) }

func signed(key []byte, user string, more jwt.MapClaims) string {
	now := time.Now()
	claims := jwt.MapClaims{
		"sub": user, "jti": "id-" + user, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "aud": audience,
		"servers": "*", "scope": "subscribe publish admin",
	}
	for k, v := range more {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// forged returns a good token whose claims were changed after it was signed.
func forged() string {
	parts := strings.Split(token("mallory", jwt.MapClaims{"servers": "nothing"}), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		panic(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(claims), `"nothing"`, `"*"`, 1)))
	return strings.Join(parts, ".")
}

func unsigned() string {
	now := time.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "mallory", "exp": now.Add(time.Hour).Unix(), "aud": audience, "servers": "*"}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		panic(err)
	}
	return text
}

func unixIn(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// askers are the rows of the table: what is brought, and what is wrong with it.
var askers = []struct {
	name, code string // "": the token is good
	token      func() string
	scopes     string
	sees       bool // what is of web-1
}{
	{"no token", "missing", func() string { return "" }, "", false},
	{"garbage", "malformed", func() string { return "garbage" }, "", false},
	{"alg none", "algorithm", unsigned, "", false},
	{"other key", "signature", func() string { return signed(otherSecret, "mallory", nil) }, "", false},
	{"changed claims", "signature", forged, "", false},
	{"expired", "expired", func() string { return token("late", jwt.MapClaims{"exp": unixIn(-time.Minute)}) }, "", false},
	{"not yet", "notYet", func() string { return token("early", jwt.MapClaims{"nbf": unixIn(10 * time.Minute)}) }, "", false},
	{"other audience", "audience", func() string { return token("stranger", jwt.MapClaims{"aud": "elsewhere"}) }, "", false},
	{"no exp", "noExpiry", func() string { return token("for-ever", jwt.MapClaims{"exp": nil}) }, "", false},
	{"other server", "", func() string { return token("neighbour", jwt.MapClaims{"servers": "db"}) }, "subscribe publish admin", false},
	{"other type", "", func() string { return token("counter", jwt.MapClaims{"types": "metrics:*"}) }, "subscribe publish admin", false},
	{"nothing at all", "", func() string { return token("nobody", jwt.MapClaims{"servers": nil}) }, "subscribe publish admin", false},
	{"subscribe only", "", func() string { return token("reader", jwt.MapClaims{"scope": "subscribe"}) }, "subscribe", true},
	{"publish only", "", func() string { return token("writer", jwt.MapClaims{"scope": "publish"}) }, "publish", true},
	{"everything", "", func() string { return token("alice", nil) }, "subscribe publish admin", true},
}

// what is published to web-1 by somebody who may, and found in no answer to who may not see it.
const confidential = "confidential-7d1f"

// Every route, each with every token, good or bad, brought in every way: exactly the right refusals, and never a word of what may not
// be seen. A new route is walked too, as routes itself is what is asked.
func TestEveryRouteWithEveryToken(t *testing.T) {
	g := openGuarded(t, nil)
	all := token("alice", nil)
	do := func(method, path, body string, header ...string) answer {
		return g.do(t, method, path, body, header...)
	}
	first := do("POST", "/api/servers/web-1/events", `[{"id":"once","type":"server:online","data":{"version":"`+confidential+`"}}]`,
		"Authorization", "Bearer "+all, "Content-Type", "application/json")
	if first.status != 202 {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	var receipts struct{ Events []struct{ ID string } }
	if err := json.Unmarshal([]byte(first.body), &receipts); err != nil {
		t.Fatal(err)
	}
	place := receipts.Events[0].ID

	list, paths := g.web.Routes()
	for _, path := range paths {
		if !slices.ContainsFunc(list, func(r web.Route) bool { return r.Path == path }) {
			t.Errorf("%s is in the router, and nobody has said whom it is for", path)
		}
	}
	fill := strings.NewReplacer("{id}", "web-1", "{type}", "server:online", "{session}", "1y2p0ij32e8e7", "{name}", "telltale.css")
	seen := make(map[string]bool)
	for _, route := range list {
		for _, asker := range askers {
			for _, by := range []string{"header", "cookie", "url"} {
				if asker.code == "missing" && by != "header" {
					continue
				}
				t.Run(fmt.Sprintf("%s %s/%s/%s", route.Method, route.Path, asker.name, by), func(t *testing.T) {
					path, body := fill.Replace(route.Path), ""
					// What each is asked with is right, so that only the token can be wrong with it.
					header := []string{"Accept", "application/json"}
					switch {
					case route.Method != "GET" && strings.HasSuffix(route.Path, "events"):
						header = append(header, "Content-Type", "application/json")
						body = `{"id":"once","serverId":"web-1","type":"server:online","data":{"version":"again"}}`
						if strings.Contains(route.Path, "{id}") {
							body = strings.Replace(body, `"serverId":"web-1",`, "", 1)
						}
					case route.Path == "/api/admin/revoke" && route.Method == "DELETE":
						path += "?user=nobody-at-all"
					case route.Path == "/api/admin/revoke":
						header = append(header, "Content-Type", "application/json")
						body = `{"user":"nobody-yet"}`
					case route.Path == "/signin" && route.Method == "POST":
						header = append(header, "Content-Type", "application/x-www-form-urlencoded")
					}
					if strings.HasSuffix(route.Path, "/history") {
						path += "?type=metrics:cpu"
					}
					tok := asker.token()
					switch {
					case tok == "":
					case by == "header":
						header = append(header, "Authorization", "Bearer "+tok)
					case by == "cookie":
						header = append(header, "Cookie", "telltale="+tok)
					default:
						path += "?auth=" + url.QueryEscape(tok)
					}
					a := g.once(t, route.Method, path, body, header...)
					if tok != "" && len(tok) > 20 && (strings.Contains(a.body, tok) || strings.Contains(fmt.Sprint(withoutCookies(a.header)), tok)) {
						t.Errorf("the answer has the token in it: %v %s", a.header, a.body)
					}
					if !asker.sees && (strings.Contains(a.body, confidential) || strings.Contains(a.body, place)) {
						t.Errorf("the answer tells what may not be seen: %s", a.body)
					}
					status, code := want(route, asker.code, asker.scopes, asker.sees)
					if by == "url" && route.Method+route.Path == "GET/signin" {
						status = 303 // to the same without it
					}
					if route.Who == "readers" {
						if status == 200 && by == "url" { // and then the page without it
							status = 303
							if at := a.header.Get("Location"); at != fill.Replace(route.Path) {
								t.Errorf("sent on to %q, want the same page", at)
							}
						}
						if at := a.header.Get("Location"); code != "" && !strings.HasPrefix(at, "/signin") {
							t.Errorf("sent to %q, want the sign-in page", at)
						} else if u, err := url.Parse(at); err != nil || code != "" && code != "missing" && u.Query().Get("why") != code {
							t.Errorf("sent to %q, want it to say why: %s", at, code)
						}
						code = ""
					}
					if a.status != status {
						t.Errorf("got %d %s, want %d", a.status, a.body, status)
					}
					if got := codeOf(a); code != "" && got != code {
						t.Errorf("got code %q, want %q: %s", got, code, a.body)
					}
					if a.status == 401 && route.Path != "/signin" && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
						t.Errorf("got WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
					}
				})
			}
		}
		seen[route.Who] = true
	}
	for _, who := range []string{"anybody", "known", "readers", "scope subscribe", "scope publish", "scope admin"} {
		if !seen[who] {
			t.Errorf("no route is for %s, so the test has not seen one", who)
		}
	}
	if got := do("GET", "/api/events", "", "Accept", "application/json", "Authorization", "Bearer "+all); strings.Contains(got.body, "again") {
		t.Errorf("a repeat, or something refused, was recorded: %s", got.body)
	}
}

// want is what a route is to answer to a token that is bad for that reason, or good for those scopes.
func want(route web.Route, code, scopes string, sees bool) (status int, problem string) {
	need, scoped := strings.CutPrefix(route.Who, "scope ")
	switch {
	case route.Who == "anybody":
		return cmp.Or(map[string]int{"POST /signin": 401, "POST /signout": 303}[route.Method+" "+route.Path], 200), ""
	case route.Who == "readers" && code != "":
		return 303, code
	case route.Who == "readers" && !strings.Contains(scopes, "subscribe"):
		return 303, "scope"
	case code != "":
		return 401, code
	case scoped && !slices.Contains(strings.Fields(scopes), need):
		return 403, "scope"
	case need == "publish" && !sees:
		return 403, "forbidden"
	case need == "publish":
		return 202, ""
	case route.Method == "DELETE" && route.Path == "/api/admin/revoke": // see revocations_test.go
		return 404, ""
	case route.Path == "/api/sessions/{session}", strings.HasSuffix(route.Path, "/history"): // nothing was measured: see histories_test.go
		return 404, ""
	case route.Path == "/api/tickets":
		return 201, ""
	}
	return 200, ""
}

func codeOf(a answer) string {
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &p)
	return p.Code
}

func withoutCookies(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Set-Cookie")
	return h
}

// once is do, without following redirects.
func (g *guarded) once(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	client := *g.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := *g.site
	s.client = &client
	return s.do(t, method, path, body, header...)
}

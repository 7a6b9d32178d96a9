package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// sessions returns what GET /api/sessions answers.
func (g *guarded) sessions(t *testing.T, query, bearer string) []map[string]any {
	t.Helper()
	a := g.do(t, "GET", "/api/sessions"+query, "", "Authorization", bearer)
	var out struct{ Sessions []map[string]any }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 {
		t.Fatalf("sessions: %d %s", a.status, a.body)
	}
	return out.Sessions
}

// ending reads a stream to its end and returns what came before the closing, and the closing.
func (f *follower) ending() (before []frame, closing frame) {
	f.t.Helper()
	all := f.until("stream:closing")
	if fr, ok := f.next(); ok {
		f.t.Errorf("after the closing came %v", fr)
	}
	return all[:len(all)-1], all[len(all)-1]
}

// Whose right to read is taken away, by name, token or key, is told so on every open stream, whichever way it is written, and gets
// nothing that came after. Others read on.
func TestRevocationEndsOpenStreams(t *testing.T) {
	for _, portable := range []bool{false, true} {
		for _, row := range []struct{ what, body string }{
			{"user", `{"user":"mallory","reason":"left the company"}`},
			{"token", `{"token":"id-mallory","reason":"left the company"}`},
		} {
			t.Run(fmt.Sprint(row.what, " portable=", portable), func(t *testing.T) {
				g := openGuarded(t, func(c *web.Config) { c.Streams = stream.Options{Portable: portable} })
				admin, his := "Bearer "+token("alice", nil), "Bearer "+token("mallory", jwt.MapClaims{"servers": "web-*"})
				var streams []*follower
				for i := range 5 {
					by := []string{"Authorization", his, "Cookie", "telltale=" + strings.TrimPrefix(his, "Bearer ")}[i%2*2 : i%2*2+2]
					f := g.follow(t, "/api/events", by...)
					f.until("stream:heartbeat")
					streams = append(streams, f)
				}
				other := g.follow(t, "/api/events", "Authorization", admin)
				other.until("stream:heartbeat")
				a := g.do(t, "POST", "/api/admin/revoke", row.body, "Content-Type", "application/json", "Authorization", admin)
				if a.status != 200 || field(t, a.body, "ended") != "5" || field(t, a.body, "revoked") != row.what {
					t.Fatalf("got %d %s, want five streams ended", a.status, a.body)
				}
				if a := g.do(t, "POST", "/api/servers/web-1/events", `{"type":"server:online"}`, "Content-Type", "application/json", "Authorization", admin); a.status != 202 {
					t.Fatal(a.body)
				}
				for _, f := range streams {
					before, closing := f.ending()
					if len(before) > 0 {
						t.Errorf("before the end came %v", before)
					}
					if field(t, closing.data, "reason") != "revoked" || !strings.Contains(field(t, closing.data, "message"), "left the company") {
						t.Errorf("got %v, want it to say that and why access was revoked", closing)
					}
				}
				other.until("server:online")
				a = g.do(t, "GET", "/api/events", "", "Authorization", his)
				if a.status != 401 || codeOf(a) != "revoked" || !strings.Contains(a.body, "left the company") {
					t.Errorf("again: got %d %s", a.status, a.body)
				}
				var left []map[string]any
				eventually(t, func() bool { left = g.sessions(t, "?user=mallory", admin); return len(left) == 0 },
					func() string { return fmt.Sprint("still listed: ", left) })
				audit := g.logged.String()
				if !strings.Contains(audit, "action=revoked user=alice") || !strings.Contains(audit, "action=refused code=revoked") {
					t.Errorf("no word of it in the log: %s", audit)
				}
			})
		}
	}
}

// A key that is replaced ends what it signed: the open streams within seconds.
func TestRotatedKeyEndsOpenStreams(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	g := openGuarded(t, func(c *web.Config) { c.Guard = startGuard(t, auth.Config{SecretFile: file, Audience: audience}) })
	f := g.follow(t, "/api/events", "Authorization", "Bearer "+token("bob", nil))
	f.until("stream:heartbeat")
	if err := os.WriteFile(file, otherSecret, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, closing := f.ending(); field(t, closing.data, "reason") != "revoked" || !strings.Contains(field(t, closing.data, "message"), "key") {
		t.Errorf("got %v", closing)
	}
	if a := g.do(t, "GET", "/api/me", "", "Authorization", "Bearer "+signed(otherSecret, "bob", nil)); a.status != 200 {
		t.Errorf("the new key: got %d %s", a.status, a.body)
	}
}

// While it can't be told who may read, a stream is asked to come again, as anything but a stream would stop an EventSource for good; others
// get 503. And a token that is no good stops it, as it should.
func TestStreamsOfWhoIsNotKnown(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) {
		notes, _ := c.Log.(journal.Notes)
		guard, err := auth.New(auth.Config{Secret: secret, Notes: notes}) // and nobody reads who was revoked
		if err != nil {
			t.Fatal(err)
		}
		c.Guard = guard
	})
	bob := "Bearer " + token("bob", nil)
	f := g.follow(t, "/api/events", "Authorization", bob)
	if _, closing := f.ending(); field(t, closing.data, "reason") != "notReady" || len(f.retry) == 0 {
		t.Errorf("got %v %v", closing, f.retry)
	}
	if a := g.do(t, "GET", "/api/servers", "", "Authorization", bob); a.status != 503 || codeOf(a) != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	g = openGuarded(t, nil)
	for _, asker := range askers {
		if asker.code == "" {
			continue
		}
		for _, path := range []string{"/api/events", "/api/servers/web-1/events?rate=1"} {
			a := g.do(t, "GET", path, "", "Accept", "text/event-stream", "Authorization", "Bearer "+asker.token(), "Last-Event-ID", "00000001.1")
			if a.status != 401 || codeOf(a) != asker.code {
				t.Errorf("%s, %s: got %d %s, want %s", asker.name, path, a.status, a.body, asker.code)
			}
		}
	}
}

// A stream ends when its token does, and says so; who reads through a proxy or a detached socket alike.
func TestStreamsEndWithTheirToken(t *testing.T) {
	for _, portable := range []bool{false, true} {
		g := openGuarded(t, func(c *web.Config) {
			c.Streams = stream.Options{Portable: portable}
			c.Heartbeat = 100 * time.Millisecond // how often idle streams are looked at
		})
		f := g.follow(t, "/api/events", "Authorization", "Bearer "+token("bob", jwt.MapClaims{"exp": unixIn(2 * time.Second)}))
		f.until("stream:heartbeat")
		_, closing := f.ending()
		if field(t, closing.data, "reason") != "expired" || field(t, closing.data, "message") == "" {
			t.Errorf("portable %v: got %v", portable, closing)
		}
	}
}

// A user sees and ends his own streams; of those of others he learns nothing, unless he is an admin.
func TestSessions(t *testing.T) {
	g := openGuarded(t, nil)
	bob, eve, admin := "Bearer "+token("bob", jwt.MapClaims{"scope": "subscribe"}), "Bearer "+token("eve", jwt.MapClaims{"scope": "subscribe"}), "Bearer "+token("alice", nil)
	f := g.follow(t, "/api/events?types=metrics:*", "Authorization", bob, "User-Agent", "a browser\u202e of bob")
	f.until("stream:heartbeat")
	list := g.sessions(t, "", bob)
	if len(list) != 1 || list[0]["user"] != "bob" || list[0]["address"] != "127.0.0.1" || list[0]["filter"] != "types=metrics:*" || list[0]["agent"] != "a browser of bob" {
		t.Fatalf("got %v", list)
	}
	id := fmt.Sprint(list[0]["id"])
	if list := g.sessions(t, "", eve); len(list) != 0 {
		t.Errorf("eve has none, got %v", list)
	}
	for path, want := range map[string]int{"/api/sessions?user=bob": 403, "/api/sessions?user=*": 403} {
		if a := g.do(t, "GET", path, "", "Authorization", eve); a.status != want {
			t.Errorf("eve, %s: got %d, want %d", path, a.status, want)
		}
	}
	if a := g.do(t, "DELETE", "/api/sessions/"+id, "", "Authorization", eve); a.status != 404 {
		t.Errorf("eve ends bob's: got %d", a.status)
	}
	if list := g.sessions(t, "?user=*", admin); len(list) != 1 {
		t.Errorf("everybody's: got %v", list)
	}
	if a := g.do(t, "DELETE", "/api/sessions/"+id, "", "Authorization", bob); a.status != 204 {
		t.Errorf("bob ends his own: got %d %s", a.status, a.body)
	}
	if _, closing := f.ending(); field(t, closing.data, "reason") != "ended" {
		t.Errorf("got %v", closing)
	}
	f = g.follow(t, "/api/events", "Authorization", bob)
	f.until("stream:heartbeat")
	list = g.sessions(t, "", bob) // the one before may be there for a moment still
	id = fmt.Sprint(list[len(list)-1]["id"])
	if a := g.do(t, "DELETE", "/api/sessions/"+id+"?user=bob", "", "Authorization", admin); a.status != 204 {
		t.Errorf("an admin ends bob's: got %d %s", a.status, a.body)
	}
	f.ending()
	if got := g.logged.String(); !strings.Contains(got, `action="ended a stream" user=alice`) || !strings.Contains(got, "of=bob") {
		t.Errorf("no word of it in the log: %s", got)
	}
}

// A ticket opens one stream, and nothing else; a second use is refused.
func TestTickets(t *testing.T) {
	g := openGuarded(t, nil)
	ask := func() string {
		a := g.do(t, "POST", "/api/tickets", "", "Authorization", "Bearer "+token("bob", jwt.MapClaims{"servers": "web-*", "scope": "subscribe"}))
		if a.status != http.StatusCreated {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		return field(t, a.body, "ticket")
	}
	code := ask()
	for _, path := range []string{"/api/servers?ticket=", "/api/me?ticket="} {
		if a := g.do(t, "GET", path+code, ""); a.status != 401 || codeOf(a) != "ticket" {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
	f := g.follow(t, "/api/events?ticket="+code)
	f.until("stream:heartbeat")
	if a := g.do(t, "GET", "/api/events?ticket="+code, ""); a.status != 401 || codeOf(a) != "ticket" {
		t.Errorf("used again: got %d %s", a.status, a.body)
	}
	admin := "Bearer " + token("alice", nil)
	for _, server := range []string{"db", "web-1"} {
		if a := g.do(t, "POST", "/api/servers/"+server+"/events", `{"type":"server:online"}`, "Content-Type", "application/json", "Authorization", admin); a.status != 202 {
			t.Fatal(a.body)
		}
	}
	if fr := f.until("server:online"); field(t, fr[len(fr)-1].data, "serverId") != "web-1" {
		t.Errorf("got %v, want what the token of the ticket may see", fr)
	}
}

// Of several ways to say who is asking the one that was put into the request by hand counts, good or bad.
func TestWhichTokenCounts(t *testing.T) {
	g := openGuarded(t, nil)
	bob, eve := token("bob", nil), token("eve", nil)
	for _, row := range []struct {
		name, query, header, cookie string
		status                      int
		user                        string
	}{
		{"header before all", "?auth=" + eve, "Bearer " + bob, eve, 200, "bob"},
		{"url before cookie", "?auth=" + bob, "", eve, 200, "bob"},
		{"a bad header is not mended by a cookie", "", "Bearer garbage", eve, 401, ""},
		{"nor a bad url", "?auth=garbage", "", eve, 401, ""},
		{"another scheme is a proxy's", "", "Basic Zm9vOmJhcg==", eve, 200, "eve"},
		{"the guide's two question marks", "?types=a:b?auth=" + bob, "", "", 200, "bob"},
		{"written otherwise", "?%61uth=" + bob, "", "", 200, "bob"},
		{"small letters", "", "bearer " + bob, "", 200, "bob"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var header []string
			if row.header != "" {
				header = append(header, "Authorization", row.header)
			}
			if row.cookie != "" {
				header = append(header, "Cookie", "a=b; telltale="+row.cookie+"; zone=UTC")
			}
			a := g.do(t, "GET", "/api/me"+row.query, "", header...)
			if a.status != row.status || row.user != "" && field(t, a.body, "user") != row.user {
				t.Errorf("got %d %s, want %d %s", a.status, a.body, row.status, row.user)
			}
		})
	}
	off := openGuarded(t, func(c *web.Config) { c.Access.NoURLTokens = true })
	if a := off.do(t, "GET", "/api/me?auth="+bob, ""); a.status != 401 || codeOf(a) != "urlToken" || !strings.Contains(a.body, "Authorization") {
		t.Errorf("where they are turned off: got %d %s", a.status, a.body)
	}
}

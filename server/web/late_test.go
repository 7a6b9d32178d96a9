package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// Who is turned away while his events are on their way has not published them.
func TestRevokedWhilePublishing(t *testing.T) {
	g := openGuarded(t, nil)
	admin := "Bearer " + token("alice", nil)
	body, rest := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", g.url+"/api/servers/web-1/events", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token("mallory", nil))
	req.Header.Set("Content-Type", "application/json")
	arrived := make(chan int)
	go func() {
		res, err := g.client.Transport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			close(arrived)
			return
		}
		defer res.Body.Close()
		arrived <- res.StatusCode
	}()
	if _, err := io.WriteString(rest, `{"type":`); err != nil { // from here on the request is under way
		t.Fatal(err)
	}
	f := g.follow(t, "/api/events", "Authorization", "Bearer "+token("mallory", nil)) // and by now it has been let in
	f.until("stream:heartbeat")
	if a := g.do(t, "POST", "/api/admin/revoke", `{"user":"mallory"}`, "Content-Type", "application/json", "Authorization", admin); a.status != 200 {
		t.Fatal(a.body)
	}
	f.ending()
	if _, err := io.WriteString(rest, `"server:online"}`); err != nil {
		t.Fatal(err)
	}
	_ = rest.Close()
	if status := <-arrived; status != 401 {
		t.Errorf("got %d, want 401", status)
	}
	if a := g.do(t, "GET", "/api/events", "", "Accept", "application/json", "Authorization", admin); strings.Contains(a.body, "server:online") {
		t.Errorf("it was recorded: %s", a.body)
	}
}

// Who polls slowly is no better off than who has a stream: his answer ends too when his right to read does.
func TestRevokedWhilePolling(t *testing.T) {
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprint("portable=", portable), func(t *testing.T) {
			g := openGuarded(t, func(c *web.Config) {
				c.Access.Streams = limit.Limits{User: 1}
				c.Streams = stream.Options{Portable: portable}
			})
			admin, his := "Bearer "+token("alice", nil), "Bearer "+token("mallory", nil)
			publish := func(body string) {
				t.Helper()
				if a := g.do(t, "POST", "/api/servers/web-1/events", body, "Content-Type", "application/json", "Authorization", admin); a.status != 202 {
					t.Fatal(a.body)
				}
			}
			publish(`{"type":"server:online"}`)
			f := g.follow(t, "/api/events", "Authorization", his)
			place := f.until("stream:heartbeat")
			// More than the two sockets hold of an answer that nobody reads.
			line := `{"type":"logs:app","data":{"message":"` + strings.Repeat("x", 200<<10) + `"}}`
			for range 3 {
				publish("[" + strings.Repeat(line+",", 14) + line + "]")
			}
			conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\nLast-Event-ID: %s\r\n\r\n", his, place[len(place)-1].id)
			slow := bufio.NewReader(conn)
			for {
				text, err := slow.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(text, "event: stream:sync") {
					break
				}
			}
			if a := g.do(t, "POST", "/api/admin/revoke", `{"user":"mallory"}`, "Content-Type", "application/json", "Authorization", admin); a.status != 200 {
				t.Fatal(a.body)
			}
			all, err := io.ReadAll(slow)
			text := string(all)
			if err != nil || !strings.Contains(text, "event: stream:closing") || !strings.Contains(text, `"reason":"revoked"`) || strings.Contains(text, "event: stream:limit") {
				t.Errorf("%d bytes, %v: want it to end with stream:closing; it ends %.300q", len(text), err, text[max(0, len(text)-300):])
			}
		})
	}
}

// Two tokens of one user may differ in what they see: the list of his streams tells the one nothing of what the other reads.
func TestSessionsOfAWiderToken(t *testing.T) {
	g := openGuarded(t, nil)
	for i, row := range []struct{ query, want string }{
		{"servers=db-1", "servers=/&types=/"},
		{"servers=db-1,web-1", "servers=web-1&types=logs:*,server:*"},
		{"types=server:online,metrics:*", "servers=web-*&types=server:online"},
		{"servers=web-2&types=server:online", "servers=web-2&types=server:online"},
		{"servers=web-1,db-" + strings.Repeat("x", 190) + ",zz", "servers=/&types=/"}, // it was cut before web-1
	} {
		user := fmt.Sprint("bob", i)
		wide := "Bearer " + token(user, nil)
		narrow := "Bearer " + token(user, jwt.MapClaims{"jti": "narrow", "servers": "web-*", "types": "server:*,logs:*"})
		f := g.follow(t, "/api/events?"+row.query, "Authorization", wide)
		f.until("stream:heartbeat")
		list := g.sessions(t, "", narrow)
		if len(list) != 1 || list[0]["filter"] != row.want {
			t.Errorf("%.60s: got %v, want %s", row.query, list, row.want)
		}
		if own := g.sessions(t, "", wide); len(own) != 1 || own[0]["filter"] == row.want && !strings.Contains(row.query, "web-2") {
			t.Errorf("%.60s: his own list says %v", row.query, own)
		}
	}
}

// What is for one reader is kept by no cache, not even his browser's own: going back after signing out must not show it.
func TestPagesOfAReaderAreNotStored(t *testing.T) {
	g := openGuarded(t, nil)
	for _, path := range []string{"/", "/servers/web-1", "/log"} {
		a := g.do(t, "GET", path, "", "Cookie", "telltale="+token("bob", nil))
		if a.status != 200 || a.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: got %d, Cache-Control %q", path, a.status, a.header.Get("Cache-Control"))
		}
	}
}

// Of an Accept header as long as all headers may be only the beginning is looked at: it is asked for before a token is.
func TestLongAccept(t *testing.T) {
	s := open(t, nil)
	if a := s.do(t, "GET", "/api/events", "", "Accept", strings.Repeat("a/b,", 1000)+"application/json"); a.status != 406 {
		t.Errorf("got %d, want what stands 4 KB behind to be passed over", a.status)
	}
	if a := s.do(t, "GET", "/api/events", "", "Accept", strings.Repeat("a/b,", 100)+"application/json"); a.status != 200 {
		t.Errorf("got %d, want what stands within reach to count", a.status)
	}
}

// heldLog holds each read until it is let.
type heldLog struct {
	journal.Log
	came, let chan struct{}
}

func (l *heldLog) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	l.came <- struct{}{}
	<-l.let
	return l.Log.Read(ctx, q)
}

// Who waits for his turn to read is looked at again when it comes: what was recorded after he was turned away is not for him.
func TestRevokedWhileWaitingToRead(t *testing.T) {
	log := &heldLog{let: make(chan struct{}), came: make(chan struct{}, 100)}
	g := openGuarded(t, func(c *web.Config) { log.Log, c.Log = c.Log, log })
	admin, his := "Bearer "+token("alice", nil), "Bearer "+token("mallory", nil)
	read := func(who string) answer {
		return g.do(t, "GET", "/api/events", "", "Accept", "application/json", "Authorization", who)
	}
	var reading sync.WaitGroup
	for range 8 { // as many as have a turn at once
		reading.Go(func() { read(admin) })
	}
	for range 8 {
		<-log.came
	}
	reading.Go(func() {
		if a := read(his); a.status != 401 || codeOf(a) != "revoked" || strings.Contains(a.body, "after:revoked") {
			t.Errorf("got %d %s, want him turned away", a.status, a.body)
		}
	})
	g.do(t, "GET", "/api/me", "", "Authorization", his)
	for range 1000 { // until he waits: were he to come later, he would be refused at the door
		runtime.Gosched()
	}
	if a := g.do(t, "POST", "/api/admin/revoke", `{"user":"mallory"}`, "Content-Type", "application/json", "Authorization", admin); a.status != 200 {
		t.Fatal(a.body)
	}
	g.do(t, "POST", "/api/servers/web-1/events", `{"type":"after:revoked"}`, "Content-Type", "application/json", "Authorization", admin)
	close(log.let)
	reading.Wait()
}

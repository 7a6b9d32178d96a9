package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Who has as many streams as he may gets everything all the same, as a poller: each answer brings what was recorded since the one
// before, says why it ends, and when to come again. When a place is free he is live again.
func TestOverTheLimitIsAPoller(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.Streams = limit.Limits{User: 2} })
	bob, admin := "Bearer "+token("bob", nil), "Bearer "+token("alice", nil)
	var open []*follower
	for range 2 {
		f := g.follow(t, "/api/events", "Authorization", bob)
		f.until("stream:heartbeat")
		open = append(open, f)
	}
	publish := func(n int) {
		body := fmt.Sprintf(`{"type":"metrics:cpu","data":{"usage":%d}}`, n)
		if a := g.do(t, "POST", "/api/servers/web-1/events", body, "Content-Type", "application/json", "Authorization", admin); a.status != 202 {
			t.Fatal(a.body)
		}
	}
	var got []string
	last := ""
	for n := range 6 {
		publish(n)
		open[1].until("metrics:cpu") // now the hub has it
		if n%2 == 0 && n > 0 {
			continue // two in one poll
		}
		header := []string{"Authorization", bob}
		if last != "" {
			header = append(header, "Last-Event-ID", last)
		}
		f := g.follow(t, "/api/events", header...)
		frames := f.until("stream:limit")
		if _, more := f.next(); more {
			t.Fatal("the answer goes on")
		}
		end := frames[len(frames)-1]
		if field(t, frames[0].data, "poll") != "true" || field(t, end.data, "reason") != "user" || field(t, end.data, "max") != "2" || field(t, end.data, "help") == "" {
			t.Fatalf("got %v and %v, want a poll that says so", frames[0], end)
		}
		if len(f.retry) == 0 || f.retry[len(f.retry)-1] < 5*time.Second {
			t.Errorf("come again: got %v, want 5 s or more", f.retry)
		}
		for _, fr := range frames {
			if fr.event == "metrics:cpu" {
				got = append(got, field(t, fr.data, "usage"))
			}
			if fr.id != "" {
				last = fr.id
			}
		}
	}
	if strings.Join(got, " ") != "0 1 2 3 4 5" {
		t.Errorf("polled %v, want 0 to 5, each once", got)
	}
	id := fmt.Sprint(g.sessions(t, "", bob)[0]["id"])
	if a := g.do(t, "DELETE", "/api/sessions/"+id, "", "Authorization", bob); a.status != 204 {
		t.Fatal(a.body)
	}
	open[0].ending()
	eventually(t, func() bool { return len(g.sessions(t, "", bob)) == 1 }, func() string { return "the place of the stream that ended is not free" })
	f := g.follow(t, "/api/events", "Authorization", bob, "Last-Event-ID", last)
	if frames := f.until("stream:heartbeat"); field(t, frames[0].data, "poll") != "" {
		t.Errorf("a place is free: got %v", frames)
	}
	publish(6)
	f.until("metrics:cpu")
}

// Publishing is held to a rate for each token, and says what to do about it.
func TestPublishRate(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.Publishing = limit.Rate{PerSecond: 0.01, Burst: 3} })
	publish := func(who string, n int) answer {
		body := "[" + strings.TrimSuffix(strings.Repeat(`{"type":"x:y"},`, n), ",") + "]"
		return g.do(t, "POST", "/api/servers/a/events", body, "Content-Type", "application/json", "Authorization", "Bearer "+token(who, nil))
	}
	if a := publish("bob", 4); a.status != 413 || codeOf(a) != "burst" {
		t.Errorf("more than may ever come at once: got %d %s", a.status, a.body)
	}
	if a := publish("bob", 3); a.status != 202 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := publish("bob", 1); a.status != 429 || codeOf(a) != "rate" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := publish("carol", 3); a.status != 202 {
		t.Errorf("another token: got %d %s", a.status, a.body)
	}
	if head := g.head(t); head.Seq != 6 {
		t.Errorf("recorded up to %s, want six events", head)
	}
}

// Servers that are in the picture cost nothing, new ones are held to a bound for each user, and what is over it is refused whole.
func TestNewServers(t *testing.T) {
	change := func(c *web.Config) { c.Access.NewServers = limit.Rate{PerSecond: 0.01, Burst: 3} }
	var server *web.Server
	g := openGuarded(t, change)
	f := g.follow(t, "/api/events", "Authorization", "Bearer "+token("alice", nil))
	f.until("stream:heartbeat")
	var known []event.Event
	for i := range 20 {
		known = append(known, event.Event{Type: "x:known", Server: fmt.Sprint("known-", i), Time: time.Now(), Data: []byte("{}")})
	}
	known = append(known, event.Event{Type: "x:last", Server: "known-0", Time: time.Now(), Data: []byte("{}")})
	if _, err := g.log.Append(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	f.until("x:last")
	body := func(names ...string) string {
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, `{"type":"x:y","serverId":%q}`+"\n", name)
		}
		return b.String()
	}
	publish := func(who string, names ...string) answer {
		t.Helper()
		return g.do(t, "POST", "/api/events", body(names...), "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+token(who, nil))
	}
	for _, row := range []struct {
		name, who string
		servers   []string
		status    int
	}{
		{"what the picture has", "bob", []string{"known-1", "known-2", "known-3", "known-4", "known-5", "known-6"}, 202},
		{"more than may ever come at once", "bob", []string{"a", "b", "c", "d"}, 413},
		{"two, several times", "bob", []string{"a", "b", "a", "b", "known-7", "a"}, 202},
		{"two, and one place is left", "bob", []string{"c", "d", "known-1"}, 429},
		{"again", "bob", []string{"a", "b"}, 202},
		{"and none of the two was counted", "bob", []string{"c"}, 202},
		{"no place", "bob", []string{"d"}, 429},
		{"what the picture has, after that", "bob", []string{"known-8", "c"}, 202},
		{"another user", "carol", []string{"d", "e", "f"}, 202},
		{"his are there then", "bob", []string{"d", "e", "f"}, 202},
	} {
		before := g.head(t)
		a := publish(row.who, row.servers...)
		if a.status != row.status || a.status != 202 && codeOf(a) != "names" || (a.status == 429) != (a.header.Get("Retry-After") != "") {
			t.Errorf("%s: got %d %s", row.name, a.status, a.body)
		}
		if head := g.head(t); (head != before) != (row.status == 202) {
			t.Errorf("%s: the record went from %s to %s", row.name, before, head)
		}
	}

	// Where nobody is asked who he is his address counts.
	s := openWith(t, change, &server)
	for _, row := range []struct {
		names  []string
		status int
	}{{[]string{"a", "b", "c"}, 202}, {[]string{"d"}, 429}, {[]string{"b"}, 202}} {
		if a := s.do(t, "POST", "/api/events", body(row.names...), "Content-Type", "application/x-ndjson"); a.status != row.status {
			t.Errorf("%v: got %d %s, want %d", row.names, a.status, a.body, row.status)
		}
	}
	if n := server.Stats().Names; n != 1 {
		t.Errorf("counted %d refused, want 1", n)
	}
}

// Before the picture is ready nobody can tell which servers are new. What is counted until then takes nothing from what may come later.
func TestNewServersBeforeThePictureIsReady(t *testing.T) {
	log := journaltest.NewMemory()
	h := hub.New(log, hub.Options{})
	s, err := web.New(web.Config{Log: log, Hub: h, Files: someFiles, Access: web.Access{NewServers: limit.Rate{PerSecond: 0.01, Burst: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(name string, want int) {
		t.Helper()
		r := httptest.NewRequest("POST", "http://127.0.0.1/api/servers/"+name+"/events", strings.NewReader(`{"type":"x:y"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, want)
		}
	}
	publish("a", 202)
	publish("a", 202)
	publish("b", 202)
	publish("c", 429)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	<-h.Ready()
	for _, name := range []string{"a", "b", "c", "d"} {
		publish(name, 202)
	}
	publish("e", 429)
	stop()
	running.Wait()
}

// What is larger than it may be is refused with its own status and a word on what to do.
func TestSizes(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Access.MaxBody, c.Access.MaxEvent = 4096, 1024 })
	event := func(n int) string { return `{"type":"x:y","data":{"a":"` + strings.Repeat("a", n) + `"}}` }
	for _, row := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		says                     string
	}{
		{"an event", "POST", "/api/servers/a/events", event(1024), nil, 413, "1024"},
		{"a body", "POST", "/api/servers/a/events", "[" + event(900) + strings.Repeat(","+event(900), 4) + "]", nil, 413, "4096"},
		{"what fits", "POST", "/api/servers/a/events", "[" + event(900) + "," + event(900) + "]", nil, 202, ""},
		{"an address", "GET", "/api/events?types=" + strings.Repeat("a:b,", 10_000), "", nil, 414, "address"},
		{"headers", "GET", "/api/version", "", []string{"X-Long", strings.Repeat("a", 40_000)}, 431, "headers"},
		{"a filter", "GET", "/api/servers?types=" + strings.Repeat("a:b", 1) + manyTypes(101), "", nil, 400, "100"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.do(t, row.method, row.path, row.body, append(row.header, "Content-Type", "application/json")...)
			if a.status != row.status || !strings.Contains(a.body, row.says) {
				t.Errorf("got %d %s, want %d with %q", a.status, a.body, row.status, row.says)
			}
		})
	}
}

func manyTypes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",a:b%d", i)
	}
	return b.String()
}

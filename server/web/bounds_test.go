package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// What newcomers are shown of one server is bounded by bytes: what would be more is refused whole, and small events never are.
func TestPictureIsSharedOut(t *testing.T) {
	var server *web.Server
	s := openWith(t, nil, &server)
	f := s.follow(t, "/api/events?types=x:last")
	f.until("stream:heartbeat")
	of := func(types ...string) string {
		var b strings.Builder
		for _, typ := range types {
			fmt.Fprintf(&b, `{"type":%q,"data":{"a":%q}}`+"\n", typ, strings.Repeat("x", 240<<10))
		}
		return b.String() + `{"type":"x:last"}` + "\n"
	}
	for _, row := range []struct {
		name, server, body string
		status             int
		field              string
	}{
		{"what there is room for", "a", of("x:1", "x:2", "x:3", "deployment:failed"), 202, ""},
		{"one more", "a", of("metrics:x"), 413, "events[0]"},
		{"one more behind others", "a", of("x:1", "logs:app", "logs:app", "x:5"), 413, "events[3]"},
		{"alone", "a", strings.Split(of("x:5"), "\n")[0], 413, "event"},
		{"those that are there", "a", of("x:1", "x:3"), 202, ""},
		{"lines", "a", of("logs:app", "logs:app", "logs:other", "logs:error"), 202, ""},
		{"small ones", "a", `{"type":"server:online"}{"type":"x:5","data":{"a":12}}{"type":"x:last"}`, 202, ""},
		{"another server", "b", of("x:1", "x:2", "x:3", "x:4"), 202, ""},
		{"more at once than there is room for", "c", of("x:1", "x:2", "x:3", "x:4", "x:5"), 413, "events[4]"},
	} {
		before := s.head(t)
		a := s.do(t, "POST", "/api/servers/"+row.server+"/events", row.body, "Content-Type", "application/x-ndjson")
		var p struct{ Code, Field string }
		_ = json.Unmarshal([]byte(a.body), &p)
		if a.status != row.status || p.Field != row.field || (p.Code == "picture") != (row.status == 413) {
			t.Errorf("%s: got %d %.300s", row.name, a.status, a.body)
		}
		if head := s.head(t); (head != before) != (row.status == 202) {
			t.Errorf("%s: the record went from %s to %s", row.name, before, head)
		}
		if a.status == 202 {
			f.until("x:last") // and by now the hub knows of it
		}
	}
	if n := server.Stats().Picture; n != 4 {
		t.Errorf("counted %d refused, want 4", n)
	}

	// How much there is of what a token may not see is not told.
	g := openGuarded(t, nil)
	narrow := "Bearer " + token("bob", jwt.MapClaims{"types": "x:*"})
	a := g.do(t, "POST", "/api/servers/a/events", of("x:1", "x:2", "x:3", "x:4", "x:5"), "Content-Type", "application/x-ndjson", "Authorization", narrow)
	if a.status != 413 || codeOf(a) != "picture" || !strings.Contains(a.body, "come to more than may be together") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// What a user asks is held to a rate, but for publishing and for streams that he has a ticket for. A stream that comes too soon is told when to come
// back, as an EventSource would take anything else for the end.
func TestRequestRate(t *testing.T) {
	var server *web.Server
	change := func(c *web.Config) { c.Access.Requests = limit.Rate{PerSecond: 0.001, Burst: 4} }
	g := openGuarded(t, change)
	of := func(who string) string { return "Bearer " + token(who, nil) }
	ask := func(who, path string) answer {
		return g.do(t, "GET", path, "", "Accept", "application/json", "Authorization", of(who))
	}
	ticket := g.do(t, "POST", "/api/tickets", "", "Authorization", of("bob"))
	var code struct{ Ticket string }
	if err := json.Unmarshal([]byte(ticket.body), &code); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/me", "/api/events", "/servers/a"} {
		if a := ask("bob", path); a.status != 200 {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/api/me", "/api/servers", "/api/servers/a/history?type=metrics:cpu", "/api/events", "/", "/?auth=" + token("bob", nil), "/api/version"} {
		if a := ask("bob", path); a.status != 429 || codeOf(a) != "requests" || len(a.header.Get("Retry-After")) < 3 {
			t.Errorf("%s: got %d, Retry-After %s, %s", path, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	a := g.do(t, "GET", "/api/events", "", "Accept", "text/event-stream", "Authorization", of("bob"))
	if a.status != 200 || !strings.HasPrefix(a.body, "retry: ") || !strings.Contains(a.body, "event: stream:closing\n") || strings.Contains(a.body, "stream:sync") {
		t.Errorf("a stream: got %d %s", a.status, a.body)
	}
	g.follow(t, "/api/events?ticket="+code.Ticket).until("stream:heartbeat")
	if a := g.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/json", "Authorization", of("bob")); a.status != 202 {
		t.Errorf("publishing: got %d %s", a.status, a.body)
	}
	if a := ask("carol", "/api/me"); a.status != 200 {
		t.Errorf("another user: got %d %s", a.status, a.body)
	}
	if a := g.do(t, "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("what is for anybody: got %d %s", a.status, a.body)
	}

	// Where nobody is asked who he is his address counts.
	s := openWith(t, change, &server)
	for i, want := range []int{200, 200, 200, 200, 429} {
		if a := s.do(t, "GET", "/api/me", ""); a.status != want {
			t.Errorf("request %d: got %d %s, want %d", i, a.status, a.body, want)
		}
	}
	if n := server.Stats().Requests; n != 1 {
		t.Errorf("counted %d refused, want 1", n)
	}
}

// What the picture holds is asked for at once by many who read nothing of the answer: only so much of it is held in memory, one user leaves some to
// others, and who goes leaves all of his.
func TestAnswersNobodyReads(t *testing.T) {
	g := openGuarded(t, nil)
	admin := "Bearer " + token("alice", nil)
	f := g.follow(t, "/api/events?types=x:last", "Authorization", admin)
	f.until("stream:heartbeat")
	var all []event.Event // eight megabytes
	for i := range 32 {
		all = append(all, event.Event{Type: fmt.Sprint("x:", i%4), Server: fmt.Sprint("s", i/4), Time: time.Now(), Data: fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", 240<<10))})
	}
	all = append(all, event.Event{Type: "x:last", Server: "a", Time: time.Now(), Data: []byte("{}")})
	for _, e := range all {
		if _, err := g.log.Append(t.Context(), []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	f.until("x:last")
	for _, row := range []struct {
		path     string
		each     int // answers that one user may have waiting
		together int
	}{
		{"/api/servers", 4, 9},
		{"/", 8, 0}, // of these others wait for room, and longer than a test
	} {
		t.Run(row.path, func(t *testing.T) {
			var open []net.Conn
			ask := func(user string) string {
				t.Helper()
				c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				open = append(open, c)
				_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
				_ = c.SetDeadline(time.Now().Add(patience))
				fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", row.path, token(user, nil))
				status := make([]byte, len("HTTP/1.1 200"))
				if _, err := io.ReadFull(c, status); err != nil {
					t.Fatal(err)
				}
				return string(status[len("HTTP/1.1 "):])
			}
			for n := range row.each + 3 {
				if got, want := ask("bob"), map[bool]string{true: "200", false: "503"}[n < row.each]; got != want {
					t.Fatalf("answer %d of one user: got %s, want %s", n, got, want)
				}
			}
			if got := ask("carol"); got != "200" {
				t.Errorf("another user: got %s", got)
			}
			given := row.each + 1
			for n := 0; n < row.together && ask(fmt.Sprint("user", n)) == "200"; n++ {
				given++
			}
			if row.together > 0 && given > row.together {
				t.Errorf("%d answers wait for their readers", given)
			}
			for _, c := range open {
				c.Close()
			}
			eventually(t, func() bool {
				return g.do(t, "GET", row.path, "", "Authorization", "Bearer "+token("bob", nil)).status == 200
			}, func() string { return "there is no room although all have gone" })
		})
	}
	if n := g.web.Stats().Crowded; n < 6 {
		t.Errorf("counted %d refused, want three for each path at least", n)
	}
}

// Who takes nothing of an answer is cut off.
func TestWhoTakesNothingIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	answer := make([]byte, 64<<20) // more than any socket holds
	s := httptest.NewServer(web.Impatient(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(answer)
		ended <- err
	}), 50*time.Millisecond))
	defer s.Close()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it ended with %v, want os.ErrDeadlineExceeded", err)
		}
	case <-time.After(patience):
		t.Error("it waits for its reader for ever")
	}
}

// Publishing takes of what a user may ask as much as it makes work: by the size of its bodies, unfolded, and for each that is refused. What is small
// and good takes nothing.
func TestWorkOfPublishing(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.Requests = limit.Rate{PerSecond: 0.001, Burst: 4} })
	publish := func(who, body string, header ...string) answer {
		return g.do(t, "POST", "/api/servers/a/events", body, append(header, "Content-Type", "application/json", "Authorization", "Bearer "+token(who, nil))...)
	}
	const good, bad = `{"type":"x:y"}`, `{"type":"x y"}`
	large := func(units int) string { return good + strings.Repeat(" ", units*256<<10) }
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, _ = io.WriteString(zip, large(3))
	_ = zip.Close()
	for _, row := range []struct {
		who, name, body string
		header          []string
		status          int
	}{
		{"bob", "small", good, nil, 202}, {"bob", "small", good, nil, 202}, {"bob", "small", good, nil, 202}, {"bob", "small", good, nil, 202}, {"bob", "small", good, nil, 202},
		{"bob", "one of three units", large(3), nil, 202}, {"bob", "another", large(3), nil, 429}, {"bob", "one unit", large(1), nil, 202},
		{"bob", "small, with none left", good, nil, 429},
		{"carol", "unfolded to three units", bomb.String(), []string{"Content-Encoding", "gzip"}, 202}, {"carol", "again", bomb.String(), []string{"Content-Encoding", "gzip"}, 429},
		{"dave", "a mistake", bad, nil, 400}, {"dave", "a mistake", "", nil, 400}, {"dave", "a mistake", bad, nil, 400}, {"dave", "good", good, nil, 202},
		{"dave", "a mistake", bad, nil, 400}, {"dave", "a fifth mistake", bad, nil, 429}, {"dave", "good", good, nil, 429},
		{"erin", "more than may ever come at once", large(15), nil, 202}, {"erin", "again", large(15), nil, 429},
	} {
		before := g.head(t)
		a := publish(row.who, row.body, row.header...)
		if a.status != row.status || a.status == 429 && (codeOf(a) != "requests" || a.header.Get("Retry-After") == "") {
			t.Errorf("%s: %s: got %d %s, want %d", row.who, row.name, a.status, a.body, row.status)
		}
		if head := g.head(t); (head != before) != (row.status == 202) {
			t.Errorf("%s: %s: the record went from %s to %s", row.who, row.name, before, head)
		}
	}
	if a := g.do(t, "GET", "/api/me", "", "Authorization", "Bearer "+token("dave", nil)); a.status != 200 {
		t.Errorf("who may not publish any more may still read: got %d", a.status)
	}
	if n := g.web.Stats().Requests; n != 6 {
		t.Errorf("counted %d refused, want 6", n)
	}
}

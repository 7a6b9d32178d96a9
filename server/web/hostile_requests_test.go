package web_test

import (
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// broken are requests that parties may understand in different ways, or that no client sends. Each is followed by one more on the same
// connection that must not be answered where it could be part of a body for somebody in front of us.
var broken = []struct {
	name, request string
	want          []string // the statuses of all answers on the connection
}{
	{"a good one", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"200", "200"}},
	{"two lengths", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", []string{"400"}},
	{"two lengths in one", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 44\r\n\r\n", []string{"400"}},
	{"a length with a sign", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n", []string{"400"}},
	{"a length below zero", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", []string{"400"}},
	{"a length too long", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", []string{"400"}},
	{"two hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", []string{"400"}},
	{"no host", "GET /healthz HTTP/1.1\r\n\r\n", []string{"400"}},
	{"a host of nothing known", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", []string{"400"}},
	{"chunks twice", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []string{"501"}},
	{"another coding", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", []string{"501"}},
	{"a coding behind chunked", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", []string{"501"}},
	{"a hidden coding", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", []string{"400"}},
	{"a coding with a tab", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", []string{"400"}},
	{"a chunk of no number", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", []string{"400"}},
	{"a chunk too long", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", []string{"400"}},
	{"a chunk without its end", "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n {0\r\n\r\n", []string{"400"}},
	{"a name with a space", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX Y: z\r\n\r\n", []string{"400"}},
	{"a line of no header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nnothing\r\n\r\n", []string{"400"}},
	{"a fold before the first", "GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", []string{"400"}},
	{"a NUL", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", []string{"400"}},
	{"a bare CR", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rY: b\r\n\r\n", []string{"400"}},
	{"a method of signs", "G(T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"an unknown method", "BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"405", "200"}},
	{"CONNECT", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", nil},
	{"a version to come", "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", []string{"505"}},
	{"no version", "GET /healthz\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"a space too many", "GET /healthz x HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"an address with a control", "GET /a\x01b HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"an address of no path", "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"a whole address", "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", []string{"200", "200"}},
	{"another's whole address", "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"421", "200"}},
	{"line breaks in the path", "GET /api/servers/a%0d%0aX:%20y/events HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", []string{"400", "200"}},
	{"NUL in the path", "GET /api/servers/a%00/events HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", []string{"400", "200"}},
	{"climbing", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"404", "200"}},
	{"climbing in disguise", "GET /public/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"404", "200"}},
	{"half an escape", "GET /healthz%2 HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"400"}},
	{"an expectation", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: banana\r\n\r\n", []string{"417"}},
	{"an upgrade to HTTP/2", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []string{"200", "200"}},
	{"headers too long", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n", []string{"431"}},
	{"too many headers", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 1<<16) + "\r\n", []string{"431"}},
	{"an address too long", "GET /" + strings.Repeat("y", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"431"}},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []string{"400"}},
	{"HTTP/2 gone wrong", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\xff", 100), []string{}},
}

var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3}) `)

// Nothing of this is answered by other than a refusal, and where the end of a request is in doubt, what follows it is not taken for another.
func TestBrokenRequests(t *testing.T) {
	s := open(t, nil)
	const second = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for _, row := range broken {
		t.Run(row.name, func(t *testing.T) {
			answers := s.exchange(t, row.request+second, stayOpen)
			got := []string{}
			for _, m := range statusLine.FindAllStringSubmatch(answers, -1) {
				got = append(got, m[1])
			}
			if row.want == nil { // any refusal
				if len(got) == 0 || got[0] < "400" || got[0] >= "500" {
					t.Errorf("got %q, want a refusal", answers)
				}
				return
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %v, want %v: %.500q", got, row.want, answers)
			}
		})
	}
	if s.head(t).Seq != 0 {
		t.Error("something was recorded")
	}
}

const stayOpen, closeHalf = false, true

// exchange sends text over a connection of its own and returns all that comes back until the server closes it. It may close its own
// half when all is sent.
func (s *site) exchange(t *testing.T, text string, half bool) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, text) // a refusal may come in the middle of it
		if half {
			_ = c.(*net.TCPConn).CloseWrite()
		}
	}()
	got, _ := io.ReadAll(c) // a reset behind an answer is one way to end
	<-sent
	return string(got)
}

// A length and chunks in one request: it is read by its chunks alone, whatever its length says, and what follows them is not hidden in it.
func TestLengthAndChunks(t *testing.T) {
	s := open(t, nil)
	const event = `{"type":"x:y"}`
	answers := s.exchange(t, "POST /api/servers/a/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"e\r\n"+event+"\r\n0\r\n\r\n", stayOpen)
	if !strings.HasPrefix(answers, "HTTP/1.1 202 ") || s.head(t).Seq != 1 {
		t.Errorf("got %.300q and %d events, want one", answers, s.head(t).Seq)
	}
}

// Who closes his side before he has the answer is told what became of his events, or that nothing did.
func TestHalfClosed(t *testing.T) {
	s := open(t, nil)
	const event = `{"type":"x:y"}`
	recorded := uint64(0)
	for range 50 {
		answers := s.exchange(t, "POST /api/servers/a/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"+event, closeHalf)
		switch {
		case strings.HasPrefix(answers, "HTTP/1.1 202 "):
			recorded++
		case !strings.HasPrefix(answers, "HTTP/1.1 503 "):
			t.Fatalf("got %.300q", answers)
		}
		if got := s.head(t).Seq; got != recorded {
			t.Fatalf("recorded %d, want %d after %.300q", got, recorded, answers)
		}
	}
}

package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/web"
)

func TestRoutes(t *testing.T) {
	s := open(t, nil)
	id := s.publish(t, "/api/servers/web-1/events", `[{"type":"server:online","data":{"version":"1"}},{"type":"server:online","data":{"version":"2"}}]`)[1]
	const js, nd, problem = "application/json", "application/x-ndjson", "application/problem+json"
	for _, row := range []struct {
		method, path, accept string
		status               int
		media, says          string
	}{
		{"GET", "/healthz", "", 200, js, "ok"},
		{"HEAD", "/healthz", "", 200, js, ""},
		{"GET", "/readyz", "", 200, js, "ready"},
		{"GET", "/api/version", "", 200, js, "v-test"},
		{"GET", "/api/servers", "", 200, js, `"status":{"event":"server:online","id":"` + id + `"`},
		{"GET", "/api/servers?servers=none", "", 200, js, `"servers":[]`},
		{"GET", "/api/events/types", "", 200, js, `"metrics:cpu"`},
		{"GET", "/api/events", js, 200, js, `"next":"` + id + `"`},
		{"GET", "/api/events", nd, 200, nd, `{"id":"` + id + `","event":"server:online","data":{"id":`},
		{"GET", "/api/events?limit=1", js, 200, js, `"more":true`},
		{"GET", "/api/events?before=" + id, js, 200, js, `"version":"1"`},
		{"GET", "/api/servers/web-1/events?types=metrics:*", js, 200, js, `"events":[]`},
		{"GET", "/api/servers/unheard-of/events", js, 200, js, `"events":[]`},
		{"HEAD", "/api/events", "", 200, "text/event-stream", ""},
		{"OPTIONS", "/api/events", "", 204, "", ""},
		{"GET", "/robots.txt", "", 200, "text/plain; charset=utf-8", "Disallow"},
		{"GET", "/favicon.ico", "", 200, "image/png", "png"},
		{"GET", "/web/telltale.css", "", 200, "text/css; charset=utf-8", "color"},
		{"GET", "/app.js", "", 200, "application/javascript", "/web/app.wasm?v="},
		{"GET", "/wasm_exec.js", "", 200, "application/javascript", "Go"},
		{"GET", "/app-worker.js", "", 200, "application/javascript", "v-test"},
		{"GET", "/manifest.webmanifest", "", 200, "application/manifest+json", "Telltale"},

		{"GET", "/sitemap.xml", "", 404, problem, "nothing"},
		{"GET", "/web/public.go", "", 404, problem, "no file"},
		{"GET", "/web/worker.js", "", 404, problem, "no file"},
		{"GET", "/web/../web.go", "", 404, problem, "nothing"},
		{"GET", "/nowhere", "", 404, problem, "nothing"},
		{"GET", "/api/nowhere", "", 404, problem, "nothing"},
		{"GET", "//api/events", "", 404, problem, "nothing"},
		{"DELETE", "/api/events", "", 405, problem, "GET, HEAD, OPTIONS, POST"},
		{"POST", "/healthz", "", 405, problem, "GET, HEAD, OPTIONS"},
		{"GET", "/api/events", "image/png", 406, problem, "text/event-stream"},
		{"GET", "/api/events?types=cpu:usage:x", "", 400, problem, "types"},
		{"GET", "/api/events?servers=a/b", "", 400, problem, "servers"},
		{"GET", "/api/servers/a*/events", "", 400, problem, "a*"},
		{"GET", "/api/events?lastEventId=x", "", 400, problem, "lastEventId"},
		{"GET", "/api/events?types=%zz", "", 400, problem, "query"},
		{"GET", "/api/events?after=x", js, 400, problem, "after"},
		{"GET", "/api/events?before=0.1", js, 400, problem, "before"},
		{"GET", "/api/events?limit=0", js, 400, problem, "limit"},
		{"GET", "/api/events?limit=many", nd, 400, problem, "limit"},
		{"GET", "/api/events?after=1.1", js, 410, problem, "begin anew"},
	} {
		t.Run(row.method+" "+row.path+" "+row.accept, func(t *testing.T) {
			a := s.do(t, row.method, row.path, "", "Accept", row.accept)
			if a.status != row.status || a.header.Get("Content-Type") != row.media || !strings.Contains(a.body, row.says) {
				t.Errorf("got %d %q %.300s, want %d %q with %q", a.status, a.header.Get("Content-Type"), a.body, row.status, row.media, row.says)
			}
			if a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("browsers may guess the type")
			}
			if row.media == problem && field(t, a.body, "status") != fmt.Sprint(row.status) {
				t.Errorf("got problem %s, want it to have its status", a.body)
			}
		})
	}
}

// The pages of a record, one after the other, are the record.
func TestReadPages(t *testing.T) {
	s := open(t, nil)
	for i := range 25 {
		s.publish(t, "/api/servers/a/events", fmt.Sprintf(`[{"type":"metrics:cpu","data":{"usage":%d}},{"type":"server:online"}]`, i))
	}
	var usage []string
	path := "/api/events?limit=4&types=metrics:*"
	for pages := 1; ; pages++ {
		a := s.do(t, "GET", path, "", "Accept", "application/x-ndjson")
		for line := range strings.Lines(a.body) {
			var e struct{ Data struct{ Usage json.Number } }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			usage = append(usage, e.Data.Usage.String())
		}
		if a.header.Get("Telltale-More") != "true" {
			break
		}
		if pages > 20 {
			t.Fatal("the pages do not end")
		}
		link := a.header.Get("Link")
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprint(i))
	}
	if got := strings.Join(usage, " "); got != strings.Join(want, " ") {
		t.Errorf("got %s, want 0 to 24", got)
	}
}

func TestHostCheck(t *testing.T) {
	s := open(t, nil)
	port := s.url[strings.LastIndex(s.url, ":"):]
	for _, row := range []struct {
		host string
		want int
	}{
		{"localhost" + port, 200}, {"localhost", 200}, {"LOCALHOST.", 200}, {"app.localhost:1", 200}, {"127.0.0.1", 200},
		{"127.9.9.9:80", 200}, {"[::1]:8080", 200}, {"[::1]", 200}, {"[::ffff:127.0.0.1]", 200},
		{"evil.example", 421}, {"evil.example" + port, 421}, {"localhost.evil.example", 421}, {"127.0.0.1.evil.example", 421},
		{"notlocalhost", 421}, {"10.0.0.1", 421}, {"0.0.0.0", 421}, {"[::]", 421},
	} {
		t.Run(row.host, func(t *testing.T) {
			a := s.do(t, "GET", "/healthz", "", "Host", row.host)
			if a.status != row.want {
				t.Errorf("got %d %s, want %d", a.status, a.body, row.want)
			}
		})
	}
}

func TestCheckListen(t *testing.T) {
	for _, row := range []struct {
		address string
		ok      bool
	}{
		{"127.0.0.1:8080", true}, {"127.0.0.1:0", true}, {"[::1]:80", true}, {"localhost:80", true}, {"127.1.2.3:9", true},
		{":8080", false}, {"0.0.0.0:80", false}, {"[::]:80", false}, {"192.168.1.4:80", false}, {"example.org:80", false}, {"8080", false}, {"", false},
	} {
		err := web.CheckListen(row.address, false)
		if (err == nil) != row.ok {
			t.Errorf("%q: got %v, want ok %v", row.address, err, row.ok)
		}
	}
}

// Pages of this machine's other ports may read; nobody else's may.
func TestReadableFromThisMachine(t *testing.T) {
	s := open(t, nil)
	for origin, want := range map[string]string{
		"http://localhost:5173": "http://localhost:5173", "http://127.0.0.1:3000": "http://127.0.0.1:3000",
		"https://evil.example": "", "null": "", "http://localhost.evil.example": "", "file://": "",
	} {
		a := s.do(t, "GET", "/api/events", "", "Accept", "application/json", "Origin", origin)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
			t.Errorf("%s: got leave for %q, want %q; Vary %q", origin, got, want, a.header.Values("Vary"))
		}
	}
	a := s.do(t, "OPTIONS", "/api/events", "", "Origin", "http://localhost:5173", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "last-event-id")
	if a.status != 204 || !strings.EqualFold(a.header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
		t.Errorf("got %d %v, want leave to send Last-Event-ID", a.status, a.header)
	}
	a = s.do(t, "OPTIONS", "/api/events", "", "Origin", "http://localhost:5173", "Access-Control-Request-Method", "POST")
	if got := a.header.Get("Access-Control-Allow-Methods"); got != "" {
		t.Errorf("publishing from another origin: got leave for %q, want none", got)
	}
}

// panickyLog is a record with a bug.
type panickyLog struct{ journal.Log }

func (panickyLog) Read(context.Context, journal.Query) (journal.Page, error) {
	panic("a bug at /secret")
}

func TestPanic(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Log = panickyLog{c.Log} })
	a := s.do(t, "GET", "/api/events", "", "Accept", "application/json")
	if a.status != 500 || a.header.Get("Content-Type") != "application/problem+json" || strings.Contains(a.body, "secret") {
		t.Errorf("got %d %s, want a problem that keeps our secrets", a.status, a.body)
	}
	if got := s.logged.String(); !strings.Contains(got, "a bug at /secret") || !strings.Contains(got, "routes_test.go") {
		t.Errorf("the log lacks the panic or its stack: %s", got)
	}
}

// What watches the log must not see its own watching.
func TestObserved(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := open(t, func(c *web.Config) {
		c.Observe = func(method, path string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(method, " ", path, " ", status))
			if took < 0 {
				t.Errorf("%s took %v", path, took)
			}
		}
	})
	s.publish(t, "/api/servers/a/events", `{"type":"x:y"}`)
	s.follow(t, "/api/events").until("stream:heartbeat")
	for _, path := range []string{"/healthz", "/readyz", "/web/telltale.css", "/app.js"} {
		s.do(t, "GET", path, "")
	}
	s.do(t, "GET", "/api/events", "", "Accept", "application/json")
	s.do(t, "GET", "/api/servers?x=secret", "")
	s.do(t, "GET", "/nowhere", "")
	s.stop()
	if want := "[GET /api/servers 200 GET /nowhere 404]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Before the hub is ready, and from the moment it begins to end, a server is not ready; a stream that comes then is told
// when to come back, since a plain EventSource gives up for good on anything else.
func TestNotReady(t *testing.T) {
	log, err := bolt.Open(t.TempDir(), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w, err := web.New(web.Config{Log: log, Hub: hub.New(log, hub.Options{}), Files: someFiles})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string, retries ...string) *recorder {
		rec := &recorder{header: make(http.Header)}
		req, err := http.NewRequest("GET", "http://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Telltale-Retries"] = retries
		w.ServeHTTP(rec, req)
		return rec
	}
	for _, reason := range []string{"notReady", "shutdown"} {
		for _, path := range []string{"/readyz", "/api/servers"} {
			if rec := ask(path); rec.status != 503 || rec.header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: got %d %v, want 503 with Retry-After", reason, path, rec.status, rec.header)
			}
			if rec := ask(path, "502"); rec.status != 502 || !strings.Contains(rec.body.String(), `"Bad Gateway"`) {
				t.Errorf("%s, %s: a balancer that asks others got %d %s, want 502", reason, path, rec.status, rec.body.String())
			}
		}
		if rec := ask("/healthz"); rec.status != 200 {
			t.Errorf("%s: the process lives, got %d", reason, rec.status)
		}
		if rec := ask("/api/events"); rec.status != 200 || !strings.Contains(rec.body.String(), `event: stream:closing`) ||
			!strings.Contains(rec.body.String(), `"reason":"`+reason+`"`) || strings.Count(rec.body.String(), "retry:") != 2 {
			t.Errorf("%s: got %d %s, want a stream that closes for it", reason, rec.status, rec.body.String())
		}
		w.Close()
	}
}

// recorder is an http.ResponseWriter that can flush and has no deadlines.
type recorder struct {
	status int
	header http.Header
	body   strings.Builder
}

func (r *recorder) Flush()              {}
func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(200)
	return r.body.Write(b)
}

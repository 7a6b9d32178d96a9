package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	hist "github.com/mcp-cloud/telltale/server/history"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// past is a running history that counts what it is asked.
type past struct {
	*hist.Recorder
	mu    sync.Mutex
	asked int
}

func (p *past) Query(ctx context.Context, q hist.Query) (*hist.Answer, error) {
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	return p.Recorder.Query(ctx, q)
}

func (p *past) n() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// withHistory runs a history beside a site, until the test ends.
func withHistory(t *testing.T, p *past) func(*web.Config) {
	return func(c *web.Config) {
		p.Recorder = hist.New(c.Log.(hist.Record), hist.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = p.Run(ctx) })
		t.Cleanup(func() {
			cancel()
			running.Wait()
		})
		select {
		case <-p.Ready():
		case <-time.After(patience):
			t.Fatal("history did not get ready")
		}
		c.History = p
	}
}

// put records events as they are and waits until they are history.
func (s *site) put(t *testing.T, p *past, events []event.Event) {
	t.Helper()
	for len(events) > 0 {
		n := min(len(events), 10_000)
		if _, err := s.log.Append(t.Context(), events[:n]); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
	// One more, of which it is known when it has been folded in: the record is read in order.
	now := time.Now().UnixMilli()
	one := event.Event{Type: "metrics:last", Server: fmt.Sprint("last-", s.head(t)), Time: time.UnixMilli(now), Data: []byte(`{"value":1}`)}
	if _, err := s.log.Append(t.Context(), []event.Event{one}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		if _, err := p.Recorder.Query(t.Context(), hist.Query{Server: one.Server, Type: one.Type, From: now, To: now + 1, Points: 1}); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what was recorded did not become history")
		}
	}
}

// told is an answer as a client reads it.
type told struct {
	ServerID, Type           string
	From, To, Step, Complete int64
	Fields                   map[string]struct{ Min, Mean, Max []*float64 }
	Count                    []int
}

func (s *site) history(t *testing.T, path string, header ...string) (told, answer) {
	t.Helper()
	a := s.do(t, "GET", path, "", header...)
	var out told
	if a.status == 200 {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
	}
	return out, a
}

func text(list []*float64) string {
	var b strings.Builder
	for _, v := range list {
		if v == nil {
			b.WriteString("- ")
		} else {
			b.WriteString(strconv.FormatFloat(*v, 'g', -1, 64) + " ")
		}
	}
	return strings.TrimSpace(b.String())
}

func TestHistory(t *testing.T) {
	p := new(past)
	s := open(t, withHistory(t, p))
	begin := time.Now().Add(-30 * time.Minute).Truncate(time.Minute)
	at := func(d time.Duration, server, typ, data string) event.Event {
		return event.Event{Type: typ, Server: server, Time: begin.Add(d).UTC(), Data: []byte("{" + data + "}")}
	}
	s.put(t, p, []event.Event{
		at(0, "web-1", "metrics:cpu", `"usage":10,"cores":4`),
		at(500*time.Millisecond, "web-1", "metrics:cpu", `"value":20.25,"cores":4`),
		at(2*time.Second, "web-1", "metrics:cpu", `"usage":33.333333,"cores":4,"processes":412`),
		at(20*time.Minute, "web-1", "metrics:cpu", `"usage":1`),
		at(0, "web-1", "metrics:memory", `"used":8123000000,"available":1024,"swapUsed":0`),
		at(0, "a b&c", "metrics:queue.depth", `"value":-0.00012345`),
	})
	ms := begin.UnixMilli()
	base := "/api/servers/web-1/history?type=metrics:cpu&points=4&from="
	want := fmt.Sprintf(`{"serverId":"web-1","type":"metrics:cpu","from":%d,"to":%d,"step":1000,"complete":%d,`+
		`"fields":{"usage":{"min":[10,null,33.33,null],"mean":[15.12,null,33.33,null],"max":[20.3,null,33.33,null]},`+
		`"cores":{"min":[4,null,4,null],"mean":[4,null,4,null],"max":[4,null,4,null]},`+
		`"processes":{"min":[null,null,412,null],"mean":[null,null,412,null],"max":[null,null,412,null]}},"count":[2,0,1,0]}`+"\n", ms, ms+4000, ms+4000)
	for _, from := range []string{
		fmt.Sprint(ms, "&to=", ms+4000), fmt.Sprint(ms+1, "&to=", ms+3001),
		begin.UTC().Format(time.RFC3339) + "&to=" + url.QueryEscape(begin.Add(4*time.Second).In(time.FixedZone("", 7200)).Format(time.RFC3339)),
	} {
		_, a := s.history(t, base+from)
		if a.status != 200 || a.body != want {
			t.Errorf("%s: got %d\n%s, want\n%s", from, a.status, a.body, want)
		}
		if _, a := s.history(t, base+from+"&auth=secret"); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("under an address with a token: got %d %v", a.status, a.header)
		}
		if got := a.header.Get("Cache-Control"); got != "private, max-age=86400, immutable" {
			t.Errorf("%s: of what is final Cache-Control is %q", from, got)
		}
		if got := a.header.Values("Vary"); strings.Contains(strings.Join(got, ","), "Cookie") {
			t.Errorf("where nobody is asked who he is, Vary is %q", got)
		}
	}
	got, a := s.history(t, fmt.Sprintf("/api/servers/web-1/history?type=metrics:memory&points=1&from=%d&to=%d", ms, ms+1))
	if text(got.Fields["used"].Mean) != "8.123e+09" || text(got.Fields["available"].Max) != "1024" || text(got.Fields["swapUsed"].Min) != "0" {
		t.Errorf("got %s", a.body)
	}
	if got, _ := s.history(t, fmt.Sprintf("/api/servers/a%%20b&c/history?type=metrics:queue.depth&points=1&from=%d&to=%d", ms, ms+1)); text(got.Fields["value"].Mean) != "-0.0001234" && text(got.Fields["value"].Mean) != "-0.0001235" {
		t.Errorf("got %v", text(got.Fields["value"].Mean))
	}
	// As nothing else is said: the last hour in at most 300 buckets.
	got, a = s.history(t, "/api/servers/web-1/history?type=metrics:cpu")
	if n := len(got.Count); n > 300 || n < 270 || got.Step%1000 != 0 || got.Step > 14000 || got.From%got.Step != 0 || got.To-got.From < time.Hour.Milliseconds() {
		t.Errorf("got %d buckets of %d ms", n, got.Step)
	}
	if cache := a.header.Get("Cache-Control"); cache != "private, no-cache" {
		t.Errorf("of what goes on Cache-Control is %q", cache)
	}
	if total := func() (n int) {
		for _, c := range got.Count {
			n += c
		}
		return n
	}(); total != 4 {
		t.Errorf("counted %d samples, want 4", total)
	}
	// A day is answered in minutes, as its seconds are not kept.
	got, _ = s.history(t, fmt.Sprintf("/api/servers/web-1/history?type=metrics:cpu&points=1441&from=%d", time.Now().Add(-24*time.Hour).UnixMilli()))
	if got.Step != 60_000 {
		t.Errorf("got %d ms, want a minute", got.Step)
	}
	// Nothing was measured then, which is no error.
	got, _ = s.history(t, "/api/servers/web-1/history?type=metrics:cpu&points=3&from=1000&to=181000")
	if text(got.Fields["usage"].Mean) != "- -" || got.Step != 120_000 {
		t.Errorf("of 1970: got %+v", got)
	}
}

// What browsers ask whether it has changed is not sent again where it has not, and HEAD says what GET would.
func TestHistoryIsCached(t *testing.T) {
	p := new(past)
	s := open(t, withHistory(t, p))
	s.put(t, p, []event.Event{{Type: "metrics:cpu", Server: "web-1", Time: time.Now(), Data: []byte(`{"usage":1}`)}})
	now := time.Now().UnixMilli()
	path := fmt.Sprintf("/api/servers/web-1/history?type=metrics:cpu&from=%d&to=%d", now-3600_000, now+60_000)
	first := s.do(t, "GET", path, "")
	tag := first.header.Get("ETag")
	if first.status != 200 || !strings.HasPrefix(tag, `W/"`) || first.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", first.status, first.header)
	}
	if a := s.do(t, "GET", path, "", "If-None-Match", tag, "Accept-Encoding", "gzip"); a.status != 304 || a.body != "" || a.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("asked again: got %d %v %q", a.status, a.header, a.body)
	}
	if a := s.do(t, "HEAD", path, ""); a.status != 200 || a.header.Get("ETag") != tag || a.body != "" {
		t.Errorf("HEAD: got %d %v", a.status, a.header)
	}
	if a := s.do(t, "OPTIONS", path, ""); a.status != 204 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS: got %d %v", a.status, a.header)
	}
	s.put(t, p, []event.Event{{Type: "metrics:cpu", Server: "web-1", Time: time.Now(), Data: []byte(`{"usage":2}`)}})
	if a := s.do(t, "GET", path, "", "If-None-Match", tag); a.status != 200 || a.header.Get("ETag") == tag {
		t.Errorf("after one more: got %d %v", a.status, a.header)
	}
}

// Large answers that wait for their readers have a bound, as pages of the record do, and no browser keeps it that there was no room.
func TestHistoryWhereOthersRead(t *testing.T) {
	p := new(past)
	var server *web.Server
	s := openWith(t, withHistory(t, p), &server)
	s.put(t, p, []event.Event{{Type: "metrics:cpu", Server: "web-1", Time: time.Now(), Data: []byte(`{"usage":1}`)}})
	path := "/api/servers/web-1/history?type=metrics:cpu&from=0&to=1000000000000&points="
	leave, _ := server.Crowd()
	if a := s.do(t, "GET", path+"2000", ""); a.status != 503 || field(t, a.body, "code") != "crowded" || a.header.Get("Retry-After") != "1" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v %.200s", a.status, a.header, a.body)
	}
	if a := s.do(t, "GET", path+"300", ""); a.status != 200 {
		t.Errorf("a small one: got %d", a.status)
	}
	leave()
	if a := s.do(t, "GET", path+"2000", ""); a.status != 200 || len(a.body) < 64<<10 {
		t.Errorf("with room: got %d, %d bytes", a.status, len(a.body))
	}
	eventually(t, func() bool { _, ok := server.Crowd(); return ok }, func() string { return "an answer that was read is still held" })
}

// A mistake is answered with what is wrong with which parameter, and nothing is read.
func TestHistoryMistakes(t *testing.T) {
	p := new(past)
	s := open(t, withHistory(t, p))
	for _, row := range []struct{ query, field string }{
		{"", "type"}, {"type=", "type"}, {"type=cpu", "type"}, {"type=logs:app", "type"}, {"type=metrics:*", "type"}, {"type=metrics:", "type"},
		{"type=metrics:cpu,metrics:memory", "type"}, {"type=metrics:" + strings.Repeat("x", 65), "type"}, {"type=Metrics:cpu", "type"},
		{"type=metrics:cpu&from=yesterday", "from"}, {"type=metrics:cpu&from=-1", "from"}, {"type=metrics:cpu&from=1e3", "from"}, {"type=metrics:cpu&from=99999999999999999999", "from"},
		{"type=metrics:cpu&from=1950-01-01T00:00:00Z", "from"}, {"type=metrics:cpu&from=9999999999999", "from"},
		{"type=metrics:cpu&to=2026-13-01T00:00:00Z", "to"}, {"type=metrics:cpu&to=0", "to"}, {"type=metrics:cpu&from=5000&to=5000", "to"}, {"type=metrics:cpu&from=5001&to=5000", "to"},
		{"type=metrics:cpu&to=253402300800000", "to"},
		{"type=metrics:cpu&points=0", "points"}, {"type=metrics:cpu&points=-5", "points"}, {"type=metrics:cpu&points=many", "points"}, {"type=metrics:cpu&points=2001", "points"},
		{"type=metrics:cpu&points=1.5", "points"},
	} {
		a := s.do(t, "GET", "/api/servers/web-1/history?"+row.query, "")
		var problem struct{ Field, Detail string }
		if err := json.Unmarshal([]byte(a.body), &problem); err != nil || a.status != 400 || problem.Field != row.field || !strings.Contains(problem.Detail, row.field+"=") {
			t.Errorf("%s: got %d %s, want 400 that names %s", row.query, a.status, a.body, row.field)
		}
	}
	if a := s.do(t, "GET", "/api/servers/web*/history?type=metrics:cpu", ""); a.status != 400 || field(t, a.body, "field") != "id" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := s.do(t, "GET", "/api/servers/web-1/history?type=metrics:cpu", ""); a.status != 404 || p.n() != 1 {
		t.Errorf("got %d %s after %d queries, want 404 of the first", a.status, a.body, p.n())
	}
	if a := s.do(t, "POST", "/api/servers/web-1/history?type=metrics:cpu", ""); a.status != 405 {
		t.Errorf("POST: got %d", a.status)
	}
	if a := open(t, nil).do(t, "GET", "/api/servers/web-1/history?type=metrics:cpu", ""); a.status != 404 {
		t.Errorf("of a server without history: got %d", a.status)
	}
}

// What may not be seen is as what is not there, and nothing is read to find that out; what may be seen is there, and kept for its reader only.
func TestHistoryOfWhatMayBeSeen(t *testing.T) {
	p := new(past)
	g := openGuarded(t, withHistory(t, p))
	var events []event.Event
	for _, server := range []string{"db", "hidden-1"} {
		for _, typ := range []string{"metrics:cpu", "metrics:memory"} {
			events = append(events, event.Event{Type: typ, Server: server, Time: time.Now().Add(-10 * time.Minute), Data: []byte(`{"usage":47.11,"used":47.11}`)},
				event.Event{Type: typ, Server: server, Time: time.Now(), Data: []byte(`{"usage":47.11,"used":47.11}`)})
		}
	}
	g.put(t, p, events)
	to := time.Now().Add(-6 * time.Minute).UnixMilli()
	ask := func(server, typ, tok string) answer {
		a := g.do(t, "GET", fmt.Sprintf("/api/servers/%s/history?type=%s&from=%d&to=%d", server, typ, to-3000_000, to), "", "Authorization", "Bearer "+tok)
		a.header.Del("Date")
		return a
	}
	all := token("alice", nil)
	some := token("bob", jwt.MapClaims{"servers": "db", "types": "metrics:cpu"})
	if a := ask("hidden-1", "metrics:cpu", all); a.status != 200 || !strings.Contains(a.body, "47.11") {
		t.Fatalf("who may see all: got %d %s", a.status, a.body)
	}
	a := ask("db", "metrics:cpu", some)
	if a.status != 200 || !strings.Contains(a.body, "47.11") || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Authorization, Cookie") ||
		a.header.Get("Cache-Control") != "private, max-age=86400, immutable" {
		t.Errorf("who may see it: got %d %v %s", a.status, a.header, a.body)
	}
	before := p.n()
	for _, row := range []struct{ server, typ string }{{"hidden-1", "metrics:cpu"}, {"db", "metrics:memory"}, {"hidden-1", "metrics:memory"}} {
		hidden := ask(row.server, row.typ, some)
		absent := ask("absent-1", row.typ, some)
		if h, a := fmt.Sprint(hidden), strings.ReplaceAll(fmt.Sprint(absent), "absent-1", row.server); hidden.status != 404 || h != a && len(row.server) == len("absent-1") {
			t.Errorf("%v: got\n%s, and of what is not there\n%s", row, h, a)
		}
	}
	if n := p.n() - before; n != 0 {
		t.Errorf("%d queries for nothing", n)
	}
}

// A day, minute by minute, of the liveliest numbers there may be: less than 30 KB as it goes over the line.
func TestHistoryOfADayIsSmall(t *testing.T) {
	p := new(past)
	s := open(t, withHistory(t, p))
	random := rand.New(rand.NewPCG(1, 2))
	end := time.Now().Truncate(time.Minute)
	var events []event.Event
	var memory, load float64 = 8e9, 0.4
	for at := end.Add(-24 * time.Hour); at.Before(end); at = at.Add(10 * time.Second) { // six of each minute, so that least and greatest are not the mean
		load = min(max(load+0.02*random.NormFloat64(), 0.05), 0.95)
		memory *= 1 + 0.003*random.NormFloat64()
		add := func(typ, format string, args ...any) {
			events = append(events, event.Event{Type: "metrics:" + typ, Server: "web-1", Time: at, Data: fmt.Appendf(nil, "{"+format+"}", args...)})
		}
		add("cpu", `"usage":%.1f,"cores":8,"processes":%d`, 100*min(1, load*math.Exp(0.2*random.NormFloat64())), 300+random.IntN(40))
		add("memory", `"used":%.0f,"available":%.0f,"swapUsed":%d`, memory, 64e9-memory, random.IntN(1e9))
		add("network", `"bytesIn":%.0f,"bytesOut":%.0f,"connections":%d`, 1e6*load*math.Exp(0.5*random.NormFloat64()), 1e7*load*math.Exp(0.5*random.NormFloat64()), 100+random.IntN(100))
		add("requests", `"count":%.1f,"avgResponseTime":%.2f,"errorRate":%.3f`, 500*load*math.Exp(0.3*random.NormFloat64()), 20*math.Exp(0.5*random.NormFloat64()), math.Abs(random.NormFloat64()))
		add("storage", `"used":%.0f,"available":%.0f`, 1e11+1e8*random.Float64(), 9e11)
	}
	s.put(t, p, events)
	for _, typ := range []string{"cpu", "memory", "network", "requests", "storage"} {
		a := s.do(t, "GET", fmt.Sprintf("/api/servers/web-1/history?type=metrics:%s&points=1440&from=%d&to=%d", typ, end.Add(-24*time.Hour).UnixMilli(), end.UnixMilli()), "", "Accept-Encoding", "gzip")
		if a.status != 200 || a.header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: got %d %v", typ, a.status, a.header)
		}
		unzip, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(unzip)
		if err != nil {
			t.Fatal(err)
		}
		var got told
		if err := json.Unmarshal(plain, &got); err != nil || got.Step != 60_000 || len(got.Count) != 1440 || bytes.Contains(plain, []byte("null")) {
			t.Fatalf("%s: %v, %d buckets of %d ms", typ, err, len(got.Count), got.Step)
		}
		for name, f := range got.Fields {
			for i := range f.Mean {
				if !(*f.Min[i] <= *f.Mean[i]*1.0001+1e-9 && *f.Mean[i] <= *f.Max[i]*1.0001+1e-9) {
					t.Fatalf("%s: %s: least %v, mean %v, greatest %v", typ, name, *f.Min[i], *f.Mean[i], *f.Max[i])
				}
			}
		}
		t.Logf("%s: %d bytes, %d over the line", typ, len(plain), len(a.body))
		if len(a.body) >= 30_000 {
			t.Errorf("%s: %d bytes over the line, want less than 30,000", typ, len(a.body))
		}
	}
}

// Whatever stands in a query, it is a mistake that is named, or a question that can be answered.
func FuzzHistoryQuery(f *testing.F) {
	f.Add("type=metrics:cpu&from=2026-01-01T00:00:00Z&to=1795374906000&points=300")
	f.Add("type=metrics:x&from=0&to=253402300799999&points=1")
	f.Add("type=metrics:x&from=999&to=1000&points=2000")
	f.Add("type=&from=-1&to=+02:00&points=1e9")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		ask, status, field := web.HistoryOf("web-1", q, time.Now())
		if status != 0 {
			if status != 400 || field == "" {
				t.Fatalf("got %d, field %q", status, field)
			}
			return
		}
		if ask.Server != "web-1" || !strings.HasPrefix(ask.Type, "metrics:") || ask.From < 0 || ask.From >= ask.To || ask.Points < 1 || ask.Points > hist.MaxPoints {
			t.Fatalf("got %+v", ask)
		}
	})
}

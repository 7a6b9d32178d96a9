package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/stat"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// counted are sources with a different number in every place.
func counted() Sources {
	took, batch := stat.NewHistogram(1_000_000, 10_000_000), stat.NewHistogram(1, 10)
	took.Add(500_000, 3)
	took.Add(1_000_000, 1)
	took.Add(20_000_000, 2)
	batch.Add(10, 5)
	return Sources{
		Version: "v1.2.3",
		Streams: func() stream.Stats {
			return stream.Stats{Open: 101, Detached: 100, Opened: 202, Closed: map[string]int64{"gone": 303, "slow": 304}, Bytes: 404, PlainBytes: 405, Writes: 406,
				Full: 407, Thinned: 408, Skipped: 409, Trimmed: 410, Beats: 411, CaughtUp: 412, Resynced: 413, Pending: 415, Delivery: took.Snapshot(), Lag: 414}
		},
		Web: func() web.Stats {
			return web.Stats{Streams: map[int]int64{400: 501, 503: 502}, Publishing: map[int]int64{400: 503}, Access: map[string]int64{"expired": 504}, Rate: 505, Names: 510, Picture: 511, Requests: 512, Crowded: 513,
				Limit: limit.Stats{Refused: map[string]int64{"user": 506}, RefusedPolls: map[string]int64{"all": 507}, Users: 508, LeaseErrors: 509}}
		},
		Hub: func() hub.Stats { return hub.Stats{Events: 601, Bytes: 602} },
		Pace: func() pace.Stats {
			return pace.Stats{Accepted: 701, Held: 702, Released: 703, Superseded: 704, Flapped: 705, Waits: 706}
		},
		Journal: func() journal.Stats {
			return journal.Stats{Commits: 6, Failed: 802, Events: 803, Repeated: 804, Commit: took.Snapshot(), Batch: batch.Snapshot(), Bytes: 805}
		},
		Away: func() journal.Away { return journal.Away{} },
		Cluster: func() cluster.Stats {
			return cluster.Stats{Instances: map[cluster.State]int{cluster.Up: 1001, cluster.Gone: 1002}, Age: 1003 * time.Second}
		},
		Redacted: func() map[string]int64 { return map[string]int64{"JWT": 901} },
	}
}

func get(t *testing.T, h http.Handler, method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:9090"+path, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Every number that a part counts is in the answer, under the name it should have.
func TestMetrics(t *testing.T) {
	w := get(t, New(counted(), nil), "GET", "/metrics", nil)
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	lines := make(map[string]string)
	for line := range strings.Lines(w.Body.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			lines[name] = value
		}
	}
	for name, want := range map[string]string{
		`telltale_info{version="v1.2.3"}`:                     "1",
		`telltale_streams_open{writer="detached"}`:            "100",
		`telltale_streams_open{writer="portable"}`:            "1",
		`telltale_streams_opened_total`:                       "202",
		`telltale_streams_closed_total{reason="gone"}`:        "303",
		`telltale_streams_closed_total{reason="slow"}`:        "304",
		`telltale_streams_refused_total{status="400"}`:        "501",
		`telltale_streams_refused_total{status="503"}`:        "502",
		`telltale_publishing_refused_total{status="400"}`:     "503",
		`telltale_stream_bytes_total`:                         "404",
		`telltale_stream_plain_bytes_total`:                   "405",
		`telltale_stream_writes_total`:                        "406",
		`telltale_stream_full_total`:                          "407",
		`telltale_stream_thinned_total`:                       "408",
		`telltale_stream_skipped_events_total`:                "409",
		`telltale_stream_trimmed_total`:                       "410",
		`telltale_stream_heartbeats_total`:                    "411",
		`telltale_stream_catchups_total`:                      "412",
		`telltale_stream_resyncs_total`:                       "413",
		`telltale_stream_lag_places`:                          "414",
		`telltale_stream_delivery_seconds_bucket{le="0.001"}`: "4",
		`telltale_stream_delivery_seconds_bucket{le="0.01"}`:  "4",
		`telltale_stream_delivery_seconds_bucket{le="+Inf"}`:  "6",
		`telltale_stream_delivery_seconds_sum`:                "0.0425",
		`telltale_stream_delivery_seconds_count`:              "6",
		`telltale_redacted_total{kind="JWT"}`:                 "901",
		`telltale_streams_pending`:                            "415",
		`telltale_leases_failed_total`:                        "509",
		`telltale_publishing_over_names_total`:                "510",
		`telltale_publishing_over_picture_total`:              "511",
		`telltale_requests_over_rate_total`:                   "512",
		`telltale_answers_crowded_total`:                      "513",
		`telltale_record_away_seconds`:                        "0",
		`telltale_cluster_instances{state="up"}`:              "1001",
		`telltale_cluster_instances{state="gone"}`:            "1002",
		`telltale_cluster_list_age_seconds`:                   "1003",
		`telltale_hub_events_total`:                           "601",
		`telltale_hub_bytes_total`:                            "602",
		`telltale_published_events_total`:                     "701",
		`telltale_pace_held_events_total`:                     "702",
		`telltale_pace_released_events_total`:                 "703",
		`telltale_pace_superseded_events_total`:               "704",
		`telltale_pace_flapped_events_total`:                  "705",
		`telltale_pace_waiting_events`:                        "706",
		`telltale_journal_commits_failed_total`:               "802",
		`telltale_journal_events_total`:                       "803",
		`telltale_journal_repeated_events_total`:              "804",
		`telltale_journal_bytes`:                              "805",
		`telltale_journal_commit_seconds_count`:               "6",
		`telltale_journal_commit_events_bucket{le="10"}`:      "5",
		`telltale_journal_commit_events_sum`:                  "50",
	} {
		if got := lines[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// While the record is away the metric says for how long.
func TestRecordAway(t *testing.T) {
	s := Sources{Away: func() journal.Away { return journal.Away{Since: time.Now().Add(-time.Hour), Err: errors.New("gone")} }}
	body := get(t, New(s, nil), "GET", "/metrics", nil).Body.String()
	_, text, _ := strings.Cut(body, "\ntelltale_record_away_seconds ")
	text, _, _ = strings.Cut(text, "\n")
	if n, err := strconv.ParseFloat(text, 64); err != nil || n < 3600 {
		t.Errorf("got %q, want an hour at least", text)
	}
}

func TestMetricsAreWellNamed(t *testing.T) {
	problems, err := testutil.CollectAndLint(newCollector(counted()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// names returns every metric there is, by the names that queries use.
func names(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"up": true}
	r := bufio.NewScanner(get(t, New(counted(), nil), "GET", "/metrics", nil).Body)
	for r.Scan() {
		if name, _, ok := strings.Cut(strings.ReplaceAll(r.Text(), "{", " "), " "); ok && name != "#" {
			all[name] = true
		}
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(telltale|process|go)_[a-z_]+\b|\bup\b`)
	ourNames   = regexp.MustCompile(`^telltale_`)
)

// queries returns the queries of the dashboard and the rules.
func queries(t *testing.T) (dashboard, rules []string) {
	t.Helper()
	var d struct {
		Title      string
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Panels []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr, RefID, LegendFormat string }
		}
	}
	if err := json.Unmarshal(Dashboard, &d); err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: no id of its own, no title, no target, or no room", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			dashboard = append(dashboard, target.Expr)
		}
	}
	if len(dashboard) == 0 || len(d.Templating.List) != 2 {
		t.Errorf("the dashboard %q has %d queries and %d variables", d.Title, len(dashboard), len(d.Templating.List))
	}
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			dashboard = append(dashboard, v.Definition)
		}
	}
	for line := range strings.Lines(string(Alerts)) {
		if expr, ok := strings.CutPrefix(strings.TrimSpace(line), "expr: "); ok {
			rules = append(rules, expr)
		}
	}
	if n := strings.Count(string(Alerts), "- alert: "); n == 0 || len(rules) != n {
		t.Errorf("%d expressions for %d alerts", len(rules), n)
	}
	return dashboard, rules
}

// The dashboard and the rules ask for metrics that there are, and each of ours is looked at.
func TestQueriesAndMetricsAgree(t *testing.T) {
	known := names(t)
	dashboard, rules := queries(t)
	asked := make(map[string]bool)
	for _, q := range slices.Concat(dashboard, rules) {
		found := metricName.FindAllString(q, -1)
		if len(found) == 0 {
			t.Errorf("%q asks for no metric", q)
		}
		for _, name := range found {
			asked[name] = true
			if !known[name] {
				t.Errorf("%q asks for %s, which is not there", q, name)
			}
		}
		if strings.Count(q, "(") != strings.Count(q, ")") || strings.Count(q, "{") != strings.Count(q, "}") {
			t.Errorf("%q is not closed", q)
		}
	}
	for name := range maps.Keys(known) {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		if ourNames.MatchString(name) && !asked[name] && !asked[base+"_bucket"] {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

func TestPaths(t *testing.T) {
	h := New(counted(), nil)
	for _, tt := range []struct {
		method, path string
		change       func(*http.Request)
		status       int
		media, holds string
	}{
		{"GET", "/", nil, 200, "text/plain", "/metrics"},
		{"GET", "/dashboard.json", nil, 200, "application/json", `"Telltale"`},
		{"GET", "/alerts.yml", nil, 200, "application/yaml", "TelltaleDown"},
		{"GET", "/debug/pprof/", nil, 200, "text/html", "goroutine"},
		{"GET", "/debug/pprof/heap?debug=1", nil, 200, "text/plain", "heap profile"},
		{"GET", "/debug/pprof/cmdline", nil, 200, "text/plain", "admin"},
		{"POST", "/gc", nil, 200, "application/json", `"heapAlloc"`},
		{"GET", "/gc", nil, 405, "", ""},
		{"GET", "/api/events", nil, 404, "", ""},
		{"GET", "/metrics", func(r *http.Request) { r.Host = "evil.example" }, 421, "", "own names"},
		{"GET", "/metrics", func(r *http.Request) { r.Host = "localhost:1" }, 200, "", "telltale_info"},
		{"GET", "/metrics", func(r *http.Request) { r.Host = "[::1]:1" }, 200, "", "telltale_info"},
		{"POST", "/gc", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, "", ""},
		{"POST", "/gc", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, "", ""},
	} {
		w := get(t, h, tt.method, tt.path, tt.change)
		if w.Code != tt.status || !strings.HasPrefix(w.Header().Get("Content-Type"), tt.media) || !strings.Contains(w.Body.String(), tt.holds) {
			t.Errorf("%s %s: got %d, %q, %.80q, want %d, %q, %q", tt.method, tt.path, w.Code, w.Header().Get("Content-Type"), w.Body, tt.status, tt.media, tt.holds)
		}
	}
	var heap Heap
	if err := json.Unmarshal(get(t, h, "POST", "/gc", nil).Body.Bytes(), &heap); err != nil || heap.Alloc == 0 || heap.Goroutines == 0 {
		t.Errorf("%+v, %v", heap, err)
	}
}

func TestCheckListen(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:9090": true, "[::1]:0": true, "localhost:0": true, "127.0.0.2:1": true,
		"0.0.0.0:9090": false, ":9090": false, "192.0.2.1:9090": false, "[::]:1": false, "9090": false, "example.com:80": false,
	} {
		if err := CheckListen(address); (err == nil) != ok {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

// Serve ends while a profile is being made, which would take half a minute.
func TestServeEnds(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(counted(), nil).Serve(ctx, ln) }()
	base := "http://" + ln.Addr().String()
	answer, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /debug/pprof/trace?seconds=30 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A registry with Go's and the process's own takes the collector: no name is taken twice.
func TestRegisters(t *testing.T) {
	if err := prometheus.NewPedanticRegistry().Register(newCollector(counted())); err != nil {
		t.Error(err)
	}
	if err := prometheus.NewPedanticRegistry().Register(newCollector(Sources{Version: strconv.Itoa(1)})); err != nil {
		t.Error(err)
	}
}

package ui

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// world is a fleet in a test: what it publishes goes into a Model the way a stream brings it.
type world struct {
	t    *testing.T
	m    *model.Model
	seq  int
	link feed.State
	acc  feed.Account
	told []feed.Batch // all that the Model was told
}

func (w *world) update(b feed.Batch) {
	w.told = append(w.told, b)
	w.m.Update(b)
}

var testZone = time.FixedZone("CEST", 2*3600)

// noon is the instant the fixtures count from.
var noon = time.Date(2026, 5, 12, 12, 41, 7, 0, testZone)

func newWorld(t *testing.T) *world {
	return &world{t: t, m: model.New()}
}

func (w *world) event(typ, server string, at time.Time, data map[string]any) event.Event {
	w.t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		w.t.Fatal(err)
	}
	d := event.Draft{Type: typ, ServerID: server, Timestamp: at, Data: raw}
	e, err := d.Event("", at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.seq++
	if e.ID, err = event.ParseID("7f3a." + strconv.Itoa(w.seq)); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// publish has the events of one moment come in at that moment.
func (w *world) publish(at time.Time, events ...event.Event) {
	w.link.Heard, w.link.Event = at, at
	w.acc.Received += uint64(len(events))
	b := feed.Batch{At: at, State: w.link, Account: w.acc, Events: events}
	if len(events) > 0 {
		b.Place = events[len(events)-1].ID
	}
	w.update(b)
}

// control has the stream say something.
func (w *world) control(typ string, at time.Time, data string) {
	e := event.Event{Type: typ, Data: []byte(data)}
	w.update(feed.Batch{At: at, State: w.link, Account: w.acc, Events: []event.Event{e}})
}

// phase has the link come into a phase.
func (w *world) phase(p feed.Phase, at time.Time, change func(*feed.State)) {
	w.link.Phase, w.link.Since = p, at
	if change != nil {
		change(&w.link)
	}
	w.update(feed.Batch{At: at, State: w.link, Account: w.acc})
}

// begin connects: the stream is live since at.
func (w *world) begin(at time.Time) {
	w.link.Beat = 15 * time.Second
	w.link.Version = "0.14.0"
	w.acc.Since = at
	w.phase(feed.CatchingUp, at, nil)
	w.control("stream:sync", at, `{"mode":"fresh","serverTime":"`+at.UTC().Format("2006-01-02T15:04:05.000Z07:00")+`"}`)
	w.control("stream:heartbeat", at, `{"serverTime":"`+at.UTC().Format("2006-01-02T15:04:05.000Z07:00")+`"}`)
	w.phase(feed.Live, at, nil)
}

// harbour is the fleet of the design's pictures, as it is at noon. It is made once and told to each Model anew.
func harbour(t *testing.T) *world {
	harbourOnce.Do(func() { harbourTold = makeHarbour(t) })
	w := &world{t: t, m: model.New(), seq: harbourTold.seq, link: harbourTold.link, acc: harbourTold.acc}
	for _, b := range harbourTold.told {
		w.m.Update(b)
	}
	return w
}

var (
	harbourOnce sync.Once
	harbourTold *world
)

func makeHarbour(t *testing.T) *world {
	w := newWorld(t)
	w.begin(noon.Add(-37 * time.Minute))
	at := func(clock string) time.Time {
		c, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 5, 12, c.Hour(), c.Minute(), c.Second(), 0, testZone)
	}
	one := func(typ, server string, when time.Time, data map[string]any) {
		w.publish(when, w.event(typ, server, when, data))
	}
	online := func(server, version string, when time.Time) {
		one("server:online", server, when, map[string]any{"version": version, "url": "https://mcp.harbour.example/" + server, "uptime": 1})
	}
	type machine struct {
		name, version  string
		since          time.Time
		cpu, mem, net  float64
		until          time.Time
		gapFrom, gapTo int
		seed           float64
	}
	const gib, mib = 1 << 30, 1 << 20
	machines := []machine{
		{"postgres-mcp", "3.4.1", at("12:36:49"), 36, 2 * gib, 1.1e6, at("12:38:52"), 0, 0, 1},
		{"web-search-us-2", "1.12.0", at("08:14:40"), 30, 900 * mib, 1.1e6, at("12:39:40"), 0, 0, 2},
		{"stripe-mcp", "1.8.0", at("10:40:22"), 22.7, 188 * mib, 41.2e3, noon, 0, 0, 3},
		{"github-mcp", "2.8.0", at("12:02:17"), 74.2, 3.2 * gib, 1.4e6, noon, 462, 420, 4},
		{"browser-mcp", "0.9.4", at("12:31:05"), 71.9, 6.8 * gib, 8.2e6, noon, 0, 0, 5},
		{"web-search-eu-1", "1.12.0", at("08:14:40"), 31.4, 912 * mib, 640e3, noon, 0, 0, 6},
		{"sentry-mcp", "4.0.2", at("11:47:12"), 16, 420 * mib, 88.3e3, noon, 0, 0, 7},
		{"slack-mcp", "2.2.7", noon.Add(-51 * time.Hour), 11.8, 301 * mib, 52e3, noon, 0, 0, 8},
		{"embeddings-gpu-1", "0.31.0", at("06:02:55"), 49.6, 21.4 * gib, 12.9e6, noon, 200, 160, 9},
		{"filesystem-mcp", "1.3.3", at("09:29:48"), .4, 64 * mib, 1.1e3, noon, 0, 0, 10},
		{"memory-mcp", "1.0.9", at("11:11:20"), .2, 118 * mib, 900, noon, 0, 0, 11},
	}
	for _, m := range machines {
		online(m.name, m.version, m.since)
	}
	one("server:idle", "filesystem-mcp", at("12:29:48"), map[string]any{"idleSince": at("12:29:48"), "autoShutdownTime": at("12:44:48")})
	one("server:idle", "memory-mcp", at("12:11:20"), map[string]any{"idleSince": at("12:11:20")})
	one("deployment:started", "github-mcp", at("11:57:00"), map[string]any{"id": "d1", "version": "2.8.0", "templateId": "github-mcp"})
	one("deployment:failed", "github-mcp", at("11:57:38"), map[string]any{"id": "d1", "error": "go.sum: checksum mismatch, octokit 6.1\nsecond line", "stage": "building"})
	one("deployment:started", "github-mcp", at("11:59:36"), map[string]any{"id": "d2", "version": "2.8.0"})
	one("deployment:provisioning", "github-mcp", at("12:01:10"), map[string]any{"id": "d2", "resourceType": "2 containers", "region": "eu-west-1"})
	one("deployment:completed", "github-mcp", at("12:02:17"), map[string]any{"id": "d2", "version": "2.8.0", "durationMs": 161000})
	one("deployment:started", "postgres-mcp", at("12:36:49"), map[string]any{"id": "d3", "version": "3.4.1"})
	one("deployment:provisioning", "postgres-mcp", at("12:38:20"), map[string]any{"id": "d3", "resourceType": "container", "region": "eu-west-1"})
	one("deployment:failed", "postgres-mcp", at("12:38:52"), map[string]any{"id": "d3", "error": "Database unreachable: 10.0.4.12:5432 refused", "stage": "provisioning"})

	for i := 599; i >= 0; i-- {
		now := noon.Add(-time.Duration(i) * time.Second)
		var batch []event.Event
		for _, m := range machines {
			if now.After(m.until) || m.gapFrom > 0 && i < m.gapFrom && i > m.gapTo {
				continue
			}
			wave := func(by float64) float64 {
				x := float64(i) + m.seed*17
				return 1 + by*(math.Sin(x/9)*.4+math.Sin(x/3.1)*.3+math.Sin(x*1.7)*.3) + by*3*math.Max(0, math.Sin(x/23)-.97)*20
			}
			batch = append(batch,
				w.event("metrics:cpu", m.name, now, map[string]any{"value": m.cpu * wave(.1), "usage": math.Min(100, m.cpu*wave(.1)), "cores": 4, "processes": 31}),
				w.event("metrics:memory", m.name, now, map[string]any{"used": math.Round(m.mem * wave(.03)), "available": math.Round(m.mem*1.5 - m.mem*wave(.03))}),
				w.event("metrics:network", m.name, now, map[string]any{"bytesIn": math.Round(m.net * wave(.2)), "bytesOut": math.Round(m.net * .6 * wave(.15)), "connections": 37}),
			)
			if m.name == "github-mcp" && i%5 == 0 {
				batch = append(batch, w.event("metrics:requests", m.name, now, map[string]any{"count": 41.2 * wave(.2), "avgResponseTime": 214 * wave(.1), "errorRate": 0.1}))
			}
			if m.name == "postgres-mcp" && i%5 == 0 {
				batch = append(batch, w.event("metrics:storage", m.name, now, map[string]any{"used": 120e9, "available": 380e9}))
			}
			if m.name == "github-mcp" && i%20 == 0 {
				level := "info"
				if i%100 == 0 {
					level = "warn"
				}
				batch = append(batch, w.event("logs:app", m.name, now, map[string]any{"level": level, "message": fmt.Sprintf("token ghp_••••f3a1 has %d of 5 000 calls left <until> 13:00:00", 200+i)}))
			}
		}
		w.publish(now, batch...)
	}
	line := func(server, clock, typ, level, message string, more map[string]any) {
		data := map[string]any{"level": level, "message": message}
		for k, v := range more {
			data[k] = v
		}
		one(typ, server, at(clock), data)
	}
	line("postgres-mcp", "12:38:51", "logs:app", "info", "dial tcp 10.0.4.12:5432: connection refused", nil)
	line("postgres-mcp", "12:38:51", "logs:error", "error", "pool: 0 of 8 connections after 30 s", map[string]any{"stack": "pgxpool.(*Pool).await   pool.go:402\nmain.run   cmd/postgres-mcp/main.go:61", "context": map[string]any{"host": "10.0.4.12", "port": 5432}})
	line("postgres-mcp", "12:38:52", "logs:error", "error", "cannot serve tools: database unreachable", nil)
	line("postgres-mcp", "12:38:52", "logs:app", "info", "exit status 1", nil)
	line("web-search-us-2", "12:39:36", "logs:app", "info", "GET /search 200 in 198 ms", nil)
	line("web-search-us-2", "12:39:39", "logs:app", "warn", "upstream: rate limit, 3 left", nil)
	line("web-search-us-2", "12:39:40", "logs:app", "info", "heartbeat sent", nil)
	for _, m := range machines[4:] {
		line(m.name, "12:41:05", "logs:app", "info", "tools/call list_issues 200 in 96 ms", nil)
	}
	line("browser-mcp", "12:41:06", "logs:app", "warn", "page closed before screenshot, retried once", nil)
	line("stripe-mcp", "12:41:06", "logs:app", "info", "volume eu-west-1b attached in 812 ms", nil)
	line("github-mcp", "12:39:44", "logs:error", "error", "token exchange failed: context deadline exceeded (3 times in 8 s)", map[string]any{"stack": "oauth2.(*Exchanger).do      internal/oauth/exchange.go:118\nmcp.(*Session).refresh     internal/mcp/session.go:74", "context": map[string]any{"user": "u_81f2", "attempt": 3}})
	one("logs:request", "github-mcp", at("12:41:06"), map[string]any{"method": "POST", "path": "/mcp tools/call search_issues", "statusCode": 200, "responseTime": 214})
	line("github-mcp", "12:41:07", "logs:app", "info", "tools/call search_issues 200 in 214 ms", nil)

	one("server:error", "postgres-mcp", at("12:38:52"), map[string]any{"message": "Exited with status 1 after 3 restarts", "errorCode": "E_DB_CONN", "critical": true})
	one("server:offline", "web-search-us-2", at("12:40:10"), map[string]any{"reason": "2 heartbeats missed, no goodbye"})
	one("server:starting", "stripe-mcp", at("12:40:22"), map[string]any{"startTime": at("12:40:22")})
	one("deployment:started", "stripe-mcp", at("12:40:22"), map[string]any{"id": "d4", "version": "1.9.0"})
	one("deployment:provisioning", "stripe-mcp", at("12:40:50"), map[string]any{"id": "d4", "resourceType": "volume", "region": "eu-west-1"})
	one("deployment:started", "github-mcp", at("12:39:55"), map[string]any{"id": "d5", "version": "2.8.1"})
	one("deployment:building", "github-mcp", at("12:40:31"), map[string]any{"id": "d5", "progress": 60, "stage": "image layer 14 of 41"})
	one("server:busy", "github-mcp", at("12:02:17"), map[string]any{"load": .82, "connectionCount": 37})
	one("server:busy", "browser-mcp", at("12:31:05"), map[string]any{"load": .91, "connectionCount": 38})
	one("backup:finished", "github-mcp", at("12:41:00"), map[string]any{"bytes": 1204, "note": "<b>kept</b>"})
	return w
}

// View, Attach, Repaint and Retry make world a Source whose clock stands a little after the last event.
func (w *world) View(f func(m *model.Model, now time.Time)) { f(w.m, noon.Add(200*time.Millisecond)) }

func (w *world) Attach(func(m *model.Model, now time.Time)) (detach func()) { return func() {} }
func (w *world) Later()                                                     {}
func (w *world) ReadLog(model.Wish)                                         {}
func (w *world) Histories([]model.Period)                                   {}
func (w *world) RetryHistories()                                            {}
func (w *world) Ask(model.Question)                                         {}
func (w *world) EndSession(string)                                          {}
func (w *world) Recall(string)                                              {}
func (w *world) Repaint()                                                   {}
func (w *world) Retry()                                                     {}

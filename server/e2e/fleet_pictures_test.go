//go:build pictures

package e2e

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// A member is one server of the pictures: what it has to tell once, and what it measures.
type member struct {
	id            string
	said          []told
	cores         int
	cpu, mem, net float64       // percent, percent, bytes per second: about
	requests      float64       // a second
	wait          float64       // milliseconds a request
	memory        float64       // bytes in all
	until         time.Duration // before the picture is taken, it measured for the last time; 0: it goes on
	gap           time.Duration // before the picture, it was silent for 42 s; 0: never
	asks          []string      // what requests ask for, one after the other
}

// told is one event that was told some time ago.
type told struct {
	ago        time.Duration
	typ, about string // the JSON's fields
}

const (
	second = time.Second
	minute = time.Minute
)

// harbour is the fleet of the drawings, so that a picture can be laid beside each.
var harbour = []member{
	{id: "postgres-mcp", cores: 4, cpu: 36, mem: 25, net: 1.1e6, requests: 21, wait: 160, memory: 8 << 30, until: 135 * second, said: []told{
		{9*time.Hour + 31*minute, "server:online", `"version":"3.3.8","url":"https://mcp.harbour.example/postgres","uptime":30`},
		{28 * time.Hour, "deployment:started", `"id":"p1","version":"3.3.7","templateId":"postgres-mcp@16"`},
		{28*time.Hour - 142*second, "deployment:completed", `"id":"p1","version":"3.3.7","durationMs":142000`},
		{200 * minute, "deployment:started", `"id":"p2","version":"3.3.8","templateId":"postgres-mcp@17"`},
		{200*minute - 128*second, "deployment:completed", `"id":"p2","version":"3.3.8","durationMs":128000`},
		{47 * minute, "deployment:started", `"id":"p3","version":"3.3.9"`},
		{47*minute - 38*second, "deployment:failed", `"id":"p3","stage":"building","error":"go.sum: checksum mismatch, octokit 6.1"`},
		{41 * minute, "deployment:started", `"id":"p4","version":"3.4.0"`},
		{41*minute - 161*second, "deployment:completed", `"id":"p4","version":"3.4.0","durationMs":161000`},
		{259 * second, "deployment:started", `"id":"p5","version":"3.4.1","templateId":"postgres-mcp@19"`},
		{258 * second, "logs:system", `"level":"info","message":"deployment 3.4.1 started by ci, template postgres-mcp@19"`},
		{217 * second, "deployment:building", `"id":"p5","progress":100,"stage":"image built"`},
		{217 * second, "logs:system", `"level":"info","message":"image built, 41 layers, 318 MiB"`},
		{170 * second, "deployment:provisioning", `"id":"p5","region":"eu-west-1","resourceType":"container"`},
		{169 * second, "logs:system", `"level":"info","message":"container 1 of 1 started in eu-west-1b"`},
		{168 * second, "server:online", `"version":"3.4.1","uptime":1`},
		{168 * second, "logs:app", `"level":"info","message":"pool: connecting to 10.0.4.12:5432, 8 connections wanted"`},
		{167 * second, "logs:app", `"level":"warn","message":"dial tcp 10.0.4.12:5432: connect: connection refused, retry in 1 s"`},
		{136 * second, "deployment:failed", `"id":"p5","stage":"provisioning","error":"Database unreachable: 10.0.4.12:5432 refused every connection for 30 s","logs":["pool: 0 of 8 connections after 30 s","cannot serve tools: database unreachable"]`},
		{136 * second, "logs:error", `"level":"error","message":"pool: 0 of 8 connections after 30 s","stack":"pgxpool.(*Pool).await\tpool.go:402\nmain.run\tcmd/postgres-mcp/main.go:61","context":{"host":"10.0.4.12","port":5432,"waited":"30 s","last":"connection refused"}`},
		{135 * second, "logs:error", `"level":"error","message":"cannot serve tools: database unreachable"`},
		{135 * second, "logs:system", `"level":"info","message":"exit status 1, restart 3 of 3 used up"`},
		{135 * second, "server:error", `"errorCode":"E_DB_CONN","message":"Exited with status 1 after 3 restarts: database unreachable, 10.0.4.12:5432 refused","critical":true`},
	}},
	{id: "web-search-us-2", cores: 2, cpu: 44, mem: 40, net: 7e5, requests: 24, wait: 205, memory: 2 << 30, until: 87 * second, said: []told{
		{5 * time.Hour, "server:online", `"version":"1.12.0","url":"https://mcp.harbour.example/search-us-2","uptime":60`},
		{96 * second, "logs:request", `"level":"info","method":"GET","path":"/search","statusCode":200,"responseTime":212`},
		{91 * second, "logs:request", `"level":"info","method":"GET","path":"/search","statusCode":200,"responseTime":198`},
		{88 * second, "logs:app", `"level":"warn","message":"upstream: rate limit, 3 left"`},
		{87 * second, "logs:system", `"level":"info","message":"heartbeat sent"`},
		{57 * second, "server:offline", `"reason":"went silent, 2 heartbeats missed, no goodbye"`},
	}},
	{id: "stripe-mcp", cores: 2, cpu: 22, mem: 18, net: 41e3, memory: 1 << 30, said: []told{
		{45 * second, "server:starting", ``},
		{46 * second, "deployment:started", `"id":"s1","version":"1.9.0","templateId":"stripe-mcp@4"`},
		{30 * second, "deployment:building", `"id":"s1","progress":100,"stage":"image built"`},
		{12 * second, "deployment:provisioning", `"id":"s1","region":"eu-west-1","resourceType":"container"`},
		{2 * second, "logs:system", `"level":"info","message":"volume eu-west-1b attached in 812 ms"`},
	}},
	{id: "github-mcp", cores: 4, cpu: 76, mem: 38, net: 1.3e6, requests: 41, wait: 214, memory: 8 << 30, gap: 420 * second,
		asks: []string{"/mcp tools/call search_issues", "/mcp tools/call get_pull_request", "/mcp tools/call list_commits"}, said: []told{
			{45 * time.Hour, "deployment:started", `"id":"g1","version":"2.7.8"`},
			{45*time.Hour - 142*second, "deployment:provisioning", `"id":"g1","region":"eu-west-1","resourceType":"1 container"`},
			{45*time.Hour - 142*second, "deployment:completed", `"id":"g1","version":"2.7.8","durationMs":142000`},
			{201 * minute, "deployment:started", `"id":"g2","version":"2.7.9"`},
			{200 * minute, "deployment:provisioning", `"id":"g2","region":"eu-west-1","resourceType":"2 containers"`},
			{201*minute - 128*second, "deployment:completed", `"id":"g2","version":"2.7.9","durationMs":128000`},
			{48 * minute, "deployment:started", `"id":"g3","version":"2.8.0"`},
			{48*minute - 38*second, "deployment:failed", `"id":"g3","stage":"building","error":"go.sum: checksum mismatch, octokit 6.1"`},
			{42 * minute, "deployment:started", `"id":"g4","version":"2.8.0"`},
			{41 * minute, "deployment:provisioning", `"id":"g4","region":"eu-west-1","resourceType":"2 containers"`},
			{42*minute - 161*second, "deployment:completed", `"id":"g4","version":"2.8.0","durationMs":161000`},
			{38*minute + 50*second, "server:online", `"version":"2.8.0","url":"https://mcp.harbour.example/github","uptime":1`},
			{38 * minute, "server:busy", `"connectionCount":37,"load":0.82`},
			{288 * second, "logs:request", `"level":"info","method":"POST","path":"/mcp tools/call search_issues","statusCode":200,"responseTime":198`},
			{286 * second, "logs:request", `"level":"info","method":"POST","path":"/mcp tools/call get_pull_request","statusCode":200,"responseTime":171`},
			{185 * second, "logs:app", `"level":"warn","message":"GitHub token has 212 of 5 000 calls left until 13:00:00"`},
			{83 * second, "logs:error", `"level":"error","message":"token exchange failed: context deadline exceeded (3 times in 8 s)","stack":"oauth2.(*Exchanger).do\tinternal/oauth/exchange.go:118\nmcp.(*Session).refresh\tinternal/mcp/session.go:74","context":{"user":"u_81f2","attempt":3,"timeout":"2 s","upstream":"api.github.com"}`},
			{81 * second, "logs:app", `"level":"info","message":"token exchanged on attempt 4, 1 h 00 min valid"`},
			{72 * second, "deployment:started", `"id":"g5","version":"2.8.1","userId":"ci","templateId":"github-mcp@41"`},
			{72 * second, "logs:system", `"level":"info","message":"deployment 2.8.1 started by ci, template github-mcp@41"`},
			{40 * second, "deployment:building", `"id":"g5","progress":60,"stage":"image layer 14 of 41"`},
			{3 * second, "logs:app", `"level":"info","message":"cache hit for 14 of 15 commits, 1 fetched"`},
		}},
	{id: "browser-mcp", cores: 4, cpu: 70, mem: 42, net: 8e6, requests: 12.6, wait: 1300, memory: 16 << 30, said: []told{
		{3 * time.Hour, "server:online", `"version":"0.9.4","uptime":60`},
		{10 * minute, "server:busy", `"connectionCount":38,"load":0.91`},
		{4 * second, "logs:app", `"level":"warn","message":"page closed before screenshot, retried once"`},
	}},
	{id: "web-search-eu-1", cores: 2, cpu: 31, mem: 44, net: 6.4e5, requests: 28.4, wait: 187, memory: 2 << 30, asks: []string{"/search"}, said: []told{
		{4*time.Hour + 27*minute, "server:online", `"version":"1.12.0","uptime":1`}}},
	{id: "sentry-mcp", cores: 2, cpu: 16, mem: 41, net: 8.8e4, requests: 9.1, wait: 96, memory: 1 << 30, asks: []string{"/mcp tools/call list_issues"}, said: []told{
		{54 * minute, "server:online", `"version":"4.0.2","uptime":1`}}},
	{id: "slack-mcp", cores: 2, cpu: 12, mem: 29, net: 5.2e4, requests: 3.8, wait: 141, memory: 1 << 30, asks: []string{"/mcp tools/call post_message"}, said: []told{
		{51 * time.Hour, "server:online", `"version":"2.2.7","uptime":1`}}},
	{id: "embeddings-gpu-1", cores: 16, cpu: 49, mem: 66, net: 1.29e7, requests: 6, wait: 12, memory: 32 << 30, gap: 180 * second, said: []told{
		{6*time.Hour + 38*minute, "server:online", `"version":"0.31.0","uptime":1`},
		{2 * second, "logs:app", `"level":"info","message":"batch 512 embedded in 1.32 s"`}}},
	{id: "filesystem-mcp", cores: 2, cpu: 0.4, mem: 6, net: 1100, memory: 1 << 30, said: []told{
		{5 * time.Hour, "server:online", `"version":"1.3.3","uptime":1`},
		{11 * minute, "server:idle", `"idleSince":"@11m","autoShutdownTime":"@-4m"`},
		{11 * minute, "logs:request", `"level":"info","method":"POST","path":"/mcp tools/call read_file","statusCode":200,"responseTime":3`}}},
	{id: "memory-mcp", cores: 2, cpu: 0.2, mem: 11, net: 900, memory: 1 << 30, said: []told{
		{5 * time.Hour, "server:online", `"version":"1.0.9","uptime":1`},
		{29 * minute, "server:idle", `"idleSince":"@29m"`},
		{29 * minute, "logs:app", `"level":"info","message":"graph saved, 18 204 nodes"`}}},
}

// stamp is a time as a payload has it.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// story is what the member told until now.
func (m member) story(now time.Time) string {
	var all []string
	for _, e := range m.said {
		about := e.about
		for {
			at := strings.Index(about, `"@`)
			if at < 0 {
				break
			}
			end := at + 2 + strings.IndexByte(about[at+2:], '"')
			d, _ := time.ParseDuration(about[at+2 : end])
			about = about[:at+1] + stamp(now.Add(-d)) + about[end:]
		}
		all = append(all, fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{%s}}`, e.typ, stamp(now.Add(-e.ago)), about))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// every is how often a member measures itself.
const every = 2 * second

// past is ten minutes of measures of all members, in the order they were measured in, in pieces of ten seconds.
func past(now time.Time) (pieces []string) {
	var all []string
	for at, n := now.Add(-10*minute), 1; at.Before(now); at, n = at.Add(every), n+1 {
		for _, m := range harbour {
			silent := now.Add(-m.gap)
			if at.After(now.Add(-m.until)) || m.gap != 0 && !at.Before(silent) && at.Before(silent.Add(42*second)) {
				continue
			}
			for _, one := range m.measures(at) {
				all = append(all, `{"serverId":"`+m.id+`",`+one[1:])
			}
		}
		if n%5 == 0 {
			pieces, all = append(pieces, "["+strings.Join(all, ",")+"]"), nil
		}
	}
	return pieces
}

// measures is what the member measures at a time: slow waves, quick ones on top, a spike now and then, no two members alike.
func (m member) measures(at time.Time) []string {
	x := float64(at.UnixMilli())/1e3 + 97*m.mem + 31*float64(len(m.id))
	quick := 0.5*math.Sin(x/3.1) + 0.5*math.Sin(x*1.7+m.cpu)
	slow := math.Sin(x/47) + 0.6*math.Sin(x/19)
	spike := math.Max(0, math.Sin(x/37)+math.Sin(x/11.3)-1.86) * 5
	used := m.memory / 100 * (m.mem + 0.6*math.Sin(x/80) + math.Mod(x/9, 3)*m.mem/50)
	when := stamp(at)
	all := []string{
		fmt.Sprintf(`{"type":"metrics:cpu","timestamp":%q,"data":{"usage":%.1f,"cores":%d}}`, when,
			math.Min(100, math.Max(0, m.cpu*(1+0.04*slow+0.05*quick+0.5*spike))), m.cores),
		fmt.Sprintf(`{"type":"metrics:memory","timestamp":%q,"data":{"used":%.0f,"available":%.0f}}`, when, used, m.memory-used),
		fmt.Sprintf(`{"type":"metrics:network","timestamp":%q,"data":{"bytesIn":%.0f,"bytesOut":%.0f,"connections":37}}`, when,
			m.net*(1+0.1*slow+0.12*quick+spike), m.net*0.6*(1+0.12*quick+0.06*slow+math.Max(0, math.Sin(x/29)-0.96)*30)),
	}
	if m.requests > 0 {
		all = append(all, fmt.Sprintf(`{"type":"metrics:requests","timestamp":%q,"data":{"count":%.1f,"avgResponseTime":%.1f,"errorRate":0.2}}`,
			when, m.requests*(1+0.1*slow+0.15*quick+spike), m.wait*(1+0.06*slow+0.1*quick)))
	}
	return all
}

// tellOn publishes new measures of all members that are up, and what they are asked, until ctx ends.
func tellOn(ctx context.Context, s *server) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case now := <-tick.C:
			m := harbour[n%len(harbour)]
			var all []string
			if m.until == 0 {
				all = m.measures(now)
				if len(m.asks) > 0 {
					all = append(all, fmt.Sprintf(`{"type":"logs:request","data":{"level":"info","method":"POST","path":%q,"statusCode":200,"responseTime":%d}}`,
						m.asks[n/len(harbour)%len(m.asks)], int(m.wait)-n%17))
				}
				s.post("/api/servers/"+m.id+"/events", "["+strings.Join(all, ",")+"]")
			}
		case <-ctx.Done():
			return
		}
	}
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	wire "github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

// Redis is emptied under all readers, once while it runs and once as it is started again: all are told at once, and begin anew in the stream that they have. Nobody
// hears nothing for so long that he comes back: heartbeats go on, whoever waits for the picture.
//
// With 300 readers of ten servers; with TELLTALE_SOAK 3,000 of a hundred.
func TestClusterEmptied(t *testing.T) {
	t.Parallel()
	readers, servers, heartbeat := 300, 10, "2s"
	if soak() {
		readers, servers, heartbeat = 3000, 100, "5s" // the readers decode everything in this one process
	}
	c := cluster(t, clusterOptions{args: []string{"--heartbeat", heartbeat, "--throttle", "0", "--debounce", "0", "--publish-rate", "0"}})
	fill := func() {
		t.Helper()
		for kind := range 5 {
			var body strings.Builder
			for i := range servers {
				fmt.Fprintf(&body, `{"serverId":"web-%d","type":"job%d:done","data":{"n":%d}}`+"\n", i, kind, i)
			}
			if status, answer := c.nodes[0].postAs("application/x-ndjson", "/api/events", body.String()); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, answer)
			}
		}
	}
	fill()
	var sources []feed.Source // a third of the readers want everything, the others each a part of it
	client := c.client("", c.addresses()...)
	for _, query := range []string{"", "?servers=web-1*", "?types=job1:*,job2:*"} {
		sources = append(sources, &httpsource.Source{URL: "http://any/api/events" + query, Client: client})
	}
	all := gather(t, readers, func(i int) feed.Source { return sources[i%len(sources)] })
	began := func() (opened, resets int, silence time.Duration) {
		for _, w := range all.all {
			w.mu.Lock()
			opened, resets, silence = opened+len(w.opened), resets+w.resets, max(silence, w.silence)
			w.silence = 0
			w.mu.Unlock()
		}
		return opened, resets, silence
	}
	wasOpened, wasResets, _ := began()
	for _, row := range []struct {
		how string
		do  func()
	}{
		{"emptied", func() { c.redis.Do("FLUSHALL") }},
		{"started again without its file", func() { c.redis.Kill(); c.redis.StartEmpty() }},
	} {
		at := time.Now()
		row.do()
		eventually(t, "publishing to go on", func() (bool, string) {
			status, answer := c.nodes[0].post("/api/servers/web-1/events", `{"type":"job1:done","data":{"n":-1}}`)
			return status == http.StatusAccepted, answer
		})
		eventually(t, "every reader to be told", func() (bool, string) {
			n := 0
			for _, w := range all.all {
				w.mu.Lock()
				n += w.resets
				w.mu.Unlock()
			}
			return n >= wasResets+readers, fmt.Sprint(n-wasResets, " of ", readers)
		})
		told := time.Since(at)
		fill()
		c.nodes[1].publish("web-1", `{"type":"job1:done","data":{"n":-2}}`) // passes for all
		record := c.record()
		all.wait("all to have everything again", record[len(record)-1].ID)
		opened, resets, silence := began()
		t.Logf("%s: after %v all %d had been told, after %v all had everything; the longest that any heard nothing was %v", row.how, told.Round(time.Millisecond), readers,
			time.Since(at).Round(time.Millisecond), silence.Round(time.Millisecond))
		if opened != wasOpened {
			t.Errorf("%s: %d of %d came back by a new connection; streams ended: %s", row.how, opened-wasOpened, readers, c.closed())
		}
		wasOpened, wasResets = opened, resets
	}
	for _, w := range all.all {
		w.mu.Lock()
		for _, g := range w.gaps {
			if g.Reason != wire.GapPending {
				t.Errorf("%s: a gap: %+v", w.name, g)
			}
		}
		w.mu.Unlock()
	}
}

// closed says why streams have ended, at each instance.
func (c *many) closed() string {
	c.t.Helper()
	var all []string
	for i := range c.nodes {
		_, _, metrics := c.ask("GET", c.admin[i]+"/metrics", "", "")
		for line := range strings.Lines(metrics) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "telltale_streams_closed_total"); ok && !strings.HasSuffix(rest, " 0") {
				all = append(all, fmt.Sprint(i, rest))
			}
		}
	}
	return strings.Join(all, ", ")
}

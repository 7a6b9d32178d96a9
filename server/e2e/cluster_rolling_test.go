package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

// Three instances behind nginx are restarted one after the other while their readers read: nobody loses an event, and they come back spread
// out. A page in Chromium is among them: it is not reloaded, and ends with what was recorded, each event once. With 300 readers; with TELLTALE_SOAK 3,000.
func TestClusterRollingRestart(t *testing.T) {
	readers, drain := 300, 4*time.Second
	if soak() {
		readers, drain = 3000, 10*time.Second
	}
	c := cluster(t, clusterOptions{
		args:  []string{"--heartbeat", "2s", "--drain", drain.String(), "--throttle", "0", "--debounce", "0"},
		redis: []string{"--appendonly", "yes"},
	})
	front := strings.TrimPrefix(c.behindNginx(), "http://")
	c.nodes[0].publish("web-1", `{"type":"server:online","data":{}}`)
	source := &httpsource.Source{URL: "http://any/api/events", Client: c.client("", front)}
	all := gather(t, readers, func(int) feed.Source { return source })

	page := open(t)
	page.visit("http://" + front + "/servers/web-1")
	page.live()
	eval[any](page, `window.notReloaded = true; null`)
	shown := len(c.record()) // before the page was there

	publishing, stop := context.WithCancel(t.Context())
	defer stop()
	client := c.client("", front)
	client.Timeout = patience
	var publishers sync.WaitGroup
	for i := range uint64(4) {
		p := &publisher{url: "http://any", name: fmt.Sprint("p", i), every: 100 * time.Millisecond, size: 3, random: rand.New(rand.NewPCG(1, i)), make: ofOthers}
		publishers.Go(func() { p.run(publishing, t, client) })
	}
	// What the page shows, over all of the time that the restarts take, and no more lines than it has room for.
	const lines = 400
	ofPage := &publisher{url: "http://any", name: "page", every: 6 * drain / (lines / 2), size: 3, most: lines, random: rand.New(rand.NewPCG(1, 4)), make: oneServer}
	publishers.Go(func() { ofPage.run(publishing, t, client) })
	for i, n := range c.nodes {
		n.stop()
		n.start()
		eventually(t, fmt.Sprint("instance ", i, " to be ready"), func() (bool, string) {
			status, _, body := c.ask("GET", n.url+"/readyz", "", "")
			return status == http.StatusOK, body
		})
	}
	stop()
	publishers.Wait()
	c.nodes[0].publish("web-1", `{"type":"server:idle","data":{}}`) // the last of all, so that the page ends where the record does
	record := c.record()
	head := record[len(record)-1].ID
	all.wait("all to have everything", head)
	for _, e := range record {
		all.truth.saw(e)
	}
	all.check(head)
	page.live()
	page.holdsRecord(c.nodes[0], shown)
	if text := page.account(); !strings.Contains(text, "Away ") || !strings.Contains(text, "fetched.") {
		t.Errorf("the page was on instances that were restarted, and its account says nothing of it: %s", text)
	}
	page.quiet("net::ERR_", "the server responded with a status of 503")
	t.Logf("the page: %s", page.account())

	// How they came back: no second saw more than a fifth of them.
	var again []time.Time
	for _, w := range all.all {
		w.mu.Lock()
		again = append(again, w.opened[1:]...)
		w.mu.Unlock()
	}
	slices.SortFunc(again, time.Time.Compare)
	busiest := 0
	for from, to := 0, 0; to < len(again); to++ {
		for again[to].Sub(again[from]) >= time.Second {
			from++
		}
		busiest = max(busiest, to-from+1)
	}
	t.Logf("%s; %d of %d came back in the busiest second", all.tally(), busiest, len(again))
	if len(again) < readers {
		t.Errorf("%d came back, and all %d had to", len(again), readers)
	}
	if 5*busiest >= len(again) {
		t.Errorf("%d of %d came back in one second, want less than a fifth", busiest, len(again))
	}
	for _, w := range all.all {
		if w.resets > 0 {
			t.Errorf("%s was reset", w.name)
		}
	}
}

// ofOthers is a report of servers whose page is not looked at.
func ofOthers(random *rand.Rand, key string, n int) string {
	return strings.Replace(report(random, key, n), `"web-`, `"db-`, 1)
}

// Instances that were started anew get their share: the one that has all lets the surplus go, a little at a time, each to go on elsewhere without
// missing anything; and then it leaves it at that, though some came back to it.
func TestClusterBalance(t *testing.T) {
	t.Parallel()
	const readers, surplus = 120, 80
	c := cluster(t, clusterOptions{args: []string{"--heartbeat", "2s"}})
	c.nodes[0].publish("web-1", `{"type":"backup:finished","data":{"n":0}}`)
	c.nodes[1].kill()
	c.nodes[2].kill()
	eventually(t, "nobody to count on them", func() (bool, string) {
		list := c.list(0)
		return len(list) == 3 && list[1].State == "gone" && list[2].State == "gone", fmt.Sprint(list)
	})
	client := c.client("", c.addresses()[0])
	source := &httpsource.Source{URL: "http://any/api/events", Client: client}
	all := gather(t, readers, func(int) feed.Source { return source })
	everybody := c.addresses()
	client.Transport.(*spread).to.Store(&everybody)
	came := func() (n int) {
		for _, w := range all.all {
			w.mu.Lock()
			n += len(w.opened) - 1
			w.mu.Unlock()
		}
		return n
	}
	was := came()
	c.nodes[1].start()
	c.nodes[2].start()
	began := time.Now()
	for done := false; !done; {
		eventually(t, "streams to move", func() (bool, string) {
			n := came() - was
			done = n >= surplus
			return done || n > 0, fmt.Sprint(n)
		})
		if time.Since(began) > 4*patience {
			t.Fatalf("%d of %d have moved", came()-was, surplus)
		}
	}
	if took := time.Since(began); took < 20*time.Second {
		t.Errorf("all moved within %v", took)
	}
	c.nodes[1].publish("web-1", `{"type":"backup:finished","data":{"n":1}}`)
	record := c.record()
	head := record[len(record)-1].ID
	all.wait("all to have everything", head)
	for _, e := range record {
		all.truth.saw(e)
	}
	all.check(head)
	var counts []int
	for i := range c.nodes {
		counts = append(counts, c.list(i)[0].Streams)
	}
	t.Logf("%s; they have %v", all.tally(), counts)
	if n := came() - was; n != surplus {
		t.Errorf("%d have moved, want %d", n, surplus)
	}
	if counts[1] == 0 || counts[2] == 0 {
		t.Errorf("they have %v", counts)
	}
}

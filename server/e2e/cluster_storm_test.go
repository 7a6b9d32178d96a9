package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/fault"
	wire "github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

// Three instances, many readers, twelve publishers, and a schedule of faults that is drawn from a seed: instances are killed and started, Redis stands still, is
// killed and started with its file and without, connections to it are cut, delayed and held up. Each reader ends with exactly what was
// recorded, once and in order, or was told of a reset; and nothing is left over.
//
// It takes most of a minute with 300 readers; with TELLTALE_SOAK ten minutes with 3,000, or what TELLTALE_STORM says, such as "1000 2m".
func TestClusterStorm(t *testing.T) {
	readers, lasts, users, every := 300, 40*time.Second, 10, 200*time.Millisecond
	if soak() {
		readers, lasts, users, every = 3000, 10*time.Minute, 100, time.Second // the readers decode everything in this one process
		if text := os.Getenv("TELLTALE_STORM"); text != "" {
			n, long, _ := strings.Cut(text, " ")
			var err, err2 error
			readers, err = strconv.Atoi(n)
			if lasts, err2 = time.ParseDuration(long); err != nil || err2 != nil || readers <= 0 || lasts <= 0 {
				t.Fatalf("TELLTALE_STORM: %q is not how many readers and for how long", text)
			}
		}
	}
	seed := seeds(t, 1)[0]
	random := rand.New(rand.NewPCG(seed, 99))
	c := cluster(t, clusterOptions{
		tokens: true, seed: seed,
		args:   []string{"--heartbeat", "2s", "--redis-timeout", "1s", "--streams-per-user", "100", "--publish-rate", "0", "--throttle", "0", "--debounce", "0"},
		redis:  []string{"--appendonly", "yes", "--appendfsync", "always"}, // what is acknowledged is kept, so a restart is no reset
		faults: &fault.Options{Kinds: []fault.Kind{fault.Delay, fault.Stall, fault.Buffer, fault.Cut, fault.Truncate, fault.Reset}, Bytes: 64 << 10, Pause: time.Second},
	})
	fresh := make([]load, len(c.nodes))
	for i := range c.nodes {
		fresh[i], _ = c.load(i)
	}

	// Before the first event there is no place to come back to.
	if status, _, body := c.ask("POST", c.nodes[0].url+"/api/events", c.token, "["+report(rand.New(rand.NewPCG(seed, 0)), "first", 0)+"]"); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	var sources []feed.Source
	for i := range users {
		client := c.client(c.tokenFor(fmt.Sprint("user-", i), "subscribe"), c.addresses()...)
		sources = append(sources, &httpsource.Source{URL: "http://any/api/events", Client: client})
	}
	all := gather(t, readers, func(i int) feed.Source { return sources[i%users] })

	publishing, stop := context.WithCancel(t.Context())
	defer stop()
	var publishers sync.WaitGroup
	client := c.client(c.token, c.addresses()...)
	client.Timeout = patience
	var sent []*publisher
	for i := range uint64(12) {
		p := &publisher{url: "http://any", name: fmt.Sprint("p", i), every: every, size: 3, random: rand.New(rand.NewPCG(seed, i)), make: report}
		sent = append(sent, p)
		publishers.Go(func() { p.run(publishing, t, client) })
	}

	c.storm(random, lasts)

	stop()
	publishers.Wait()
	acknowledged := int64(0)
	for _, p := range sent {
		acknowledged += p.sent.Load()
	}
	record := c.record()
	head := record[len(record)-1].ID
	all.wait("all to have everything", head)
	keys := make(map[string]wire.ID)
	for _, e := range record {
		all.truth.saw(e)
		key := string(e.Data)
		if was, twice := keys[key]; twice {
			t.Errorf("%s is recorded at %v and at %v", key, was, e.ID)
		}
		keys[key] = e.ID
	}
	all.check(head)
	t.Logf("seed %d: %s; %d acknowledged, %d in the record's last life; %v", seed, all.tally(), acknowledged, len(record), c.proxy.Counts())
	if acknowledged == 0 {
		t.Error("nothing was published")
	}

	all.stop()
	c.nothingLeft(fresh)
}

// report is one event of state, which is never left out.
func report(random *rand.Rand, key string, n int) string {
	return fmt.Sprintf(`{"id":%q,"serverId":"web-%d","type":"backup:finished","data":{"id":%[1]q,"timestamp":"2026-01-01T00:00:00Z","n":%d}}`, key, 1+random.IntN(3), n)
}

// storm does harm for so long, one thing at a time, and ends with everything in order.
func (c *many) storm(random *rand.Rand, lasts time.Duration) {
	c.t.Helper()
	pause := func(most time.Duration) {
		select {
		case <-time.After(time.Duration(random.Int64N(int64(most)))):
		case <-c.t.Context().Done():
		}
	}
	var did []string
	var deck []string
	for began := time.Now(); time.Since(began) < lasts; {
		if len(deck) == 0 { // each comes round, in another order each time
			deck = []string{"kill", "kill", "faults", "faults", "pause", "restart", "empty"}
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		what := deck[0]
		deck = deck[1:]
		switch what {
		case "kill":
			i := random.IntN(len(c.nodes))
			what = fmt.Sprint("kill ", i)
			c.nodes[i].kill()
			pause(3 * time.Second)
			c.nodes[i].start()
		case "faults":
			c.proxy.Storm()
			pause(6 * time.Second)
			c.proxy.Calm()
		case "pause":
			c.redis.Pause()
			pause(5 * time.Second)
			c.redis.Resume()
		case "restart":
			c.redis.Kill()
			pause(2 * time.Second)
			c.redis.Start()
		case "empty":
			c.redis.Kill()
			pause(2 * time.Second)
			c.redis.StartEmpty()
		}
		did = append(did, what)
		pause(3 * time.Second)
	}
	c.t.Logf("the storm: %v", did)
}

// record reads all there is, in order.
func (c *many) record() []wire.Event {
	c.t.Helper()
	c.nodes[0].token = c.token
	return c.nodes[0].allRecorded("")
}

// nothingLeft wants every instance to hold no stream and no more than when it was new, and Redis no lease. What is left it names, with what it takes to
// find out whose fault that is.
func (c *many) nothingLeft(fresh []load) {
	c.t.Helper()
	for _, transport := range c.transports {
		transport.CloseIdleConnections()
	}
	const slack = 12      // goroutines
	const kept = 3*16 + 8 // descriptors: of connections to Redis, of which each of three pools keeps some
	for i, n := range c.nodes {
		eventually(c.t, fmt.Sprint("no stream to be open at instance ", i), func() (bool, string) {
			_, _, body := c.ask("GET", n.url+"/api/sessions?user=*", c.token, "")
			return strings.Contains(body, `"sessions":[]`), body
		})
	}
	for i := range c.nodes {
		var now load
		eventually(c.t, fmt.Sprint("instance ", i, " to hold no more than when it was new"), func() (bool, string) {
			var profile string
			now, profile = c.load(i)
			return now.goroutines <= fresh[i].goroutines+slack && now.files <= fresh[i].files+kept, fmt.Sprintf("%+v, was %+v\n%s", now, fresh[i], profile)
		})
	}
	eventually(c.t, "no lease to be left, as the last of them runs out after 15 s", func() (bool, string) {
		left := c.redis.Do("KEYS", "*streams:*")
		if left == "" {
			return true, ""
		}
		var all strings.Builder
		for key := range strings.Lines(left) {
			key = strings.TrimSpace(key)
			now := strings.Fields(c.redis.Do("TIME"))[0]
			fmt.Fprintf(&all, "%s at %s lasts for %s ms: %s\n", key, now, c.redis.Do("PTTL", key), strings.Join(strings.Fields(c.redis.Do("ZRANGE", key, "0", "-1", "WITHSCORES")), " "))
		}
		return false, all.String()
	})
}

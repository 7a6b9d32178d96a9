package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/fault"
	wire "github.com/mcp-cloud/telltale/shared/event"
)

// The fault bench: a proxy that does all sorts of harm stands between the real server and its readers while publishers run.
// What a run does is drawn from its seed: TELLTALE_SEED=17 repeats that run alone. TELLTALE_SOAK=1 makes ten times as many.

// soak reports whether the long proofs are wanted.
func soak() bool { return os.Getenv("TELLTALE_SOAK") != "" }

// seeds are those of the runs: the first few, or ten times as many, or the one that is named.
func seeds(t *testing.T, few int) (all []uint64) {
	t.Helper()
	if text := os.Getenv("TELLTALE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TELLTALE_SEED: %v", err)
		}
		return []uint64{seed}
	}
	if soak() {
		few *= 10
	}
	for seed := range uint64(few) {
		all = append(all, seed+1)
	}
	return all
}

// proxied starts a fault proxy before the server, for as long as the test. Its randomness is the seed's.
func proxied(t *testing.T, s *server, seed uint64, o fault.Options) *fault.Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := fault.New(ln, strings.TrimPrefix(s.url, "http://"), seed, o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if t.Failed() {
			t.Logf("seed %d, to be repeated with TELLTALE_SEED=%[1]d; the proxy did %v", seed, p.Counts())
		}
	})
	return p
}

// A publisher publishes batches until it is told to stop, one after the other, each until it is acknowledged. Its events have
// ids, so that what is said twice is recorded once.
type publisher struct {
	url    string // the server's own: publishers don't go through the proxy
	name   string
	every  time.Duration
	random *rand.Rand
	make   func(random *rand.Rand, key string, n int) string // one event
	size   int                                               // events of a batch, at most
	most   int                                               // events in all; 0: no bound

	sent atomic.Int64 // events acknowledged
}

// run publishes until ctx ends, and then finishes the batch it is at.
func (p *publisher) run(ctx context.Context, t *testing.T, client *http.Client) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil && (p.most == 0 || n < p.most); {
		size := 1 + p.random.IntN(p.size)
		if p.most > 0 {
			size = min(size, p.most-n)
		}
		var body []string
		for range size {
			body = append(body, p.make(p.random, p.name+"-"+strconv.Itoa(n), n))
			n++
		}
		if !p.post(t, client, "["+strings.Join(body, ",")+"]") {
			return
		}
		p.sent.Add(int64(size))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// post says it until it is heard: the server may be away.
func (p *publisher) post(t *testing.T, client *http.Client, body string) bool {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		res, err := client.Post(p.url+"/api/events", "application/json", strings.NewReader(body))
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusAccepted {
				return true
			}
			if res.StatusCode < 500 {
				t.Errorf("publishing %s: %s", body, res.Status)
				return false
			}
		}
		select {
		case <-again.C:
		case <-late:
			t.Errorf("nobody took what was published for %v: %v", patience, err)
			return false
		}
	}
}

// publishing runs publishers until stop, which returns when what they said last is acknowledged.
func publishing(t *testing.T, all ...*publisher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: len(all)}
	client := &http.Client{Transport: transport, Timeout: patience}
	var running sync.WaitGroup
	for _, p := range all {
		running.Go(func() { p.run(ctx, t, client) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		transport.CloseIdleConnections()
	})
	t.Cleanup(stop)
	return stop
}

// allRecorded reads the whole record that passes the query, past the proxy, as NDJSON.
func (s *server) allRecorded(query string) (all []wire.Event) {
	s.t.Helper()
	for after := ""; ; {
		req, err := http.NewRequestWithContext(within(s.t), "GET", s.url+"/api/events?limit=10000&"+query+"&after="+after, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Accept", "application/x-ndjson")
		if s.token != "" {
			req.Header.Set("Authorization", "Bearer "+s.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			s.t.Fatalf("the record: %s", res.Status)
		}
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			e, err := wire.ParseLine(bytes.Clone(lines.Bytes()))
			if err != nil {
				s.t.Fatalf("the record has %q: %v", lines.Bytes(), err)
			}
			all = append(all, e)
		}
		if err := lines.Err(); err != nil {
			s.t.Fatal(err)
		}
		res.Body.Close()
		if res.Header.Get("Telltale-More") != "true" {
			return all
		}
		after = res.Header.Get("Telltale-Next")
	}
}

// anything is an event of some class of one of three servers, with an id. Every class is among them, and a type that nobody
// has declared.
func anything(padding int) func(random *rand.Rand, key string, n int) string {
	noise := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range padding { // what does not compress well
		b.WriteByte("0123456789abcdef"[noise.IntN(16)])
	}
	pad := b.String()
	return func(random *rand.Rand, key string, n int) string {
		head := fmt.Sprintf(`{"id":%q,"serverId":"web-%d",`, key, 1+random.IntN(3))
		switch random.IntN(8) {
		case 0:
			return head + fmt.Sprintf(`"type":"server:busy","data":{"load":%d,"connectionCount":%d}}`, random.IntN(100), n)
		case 1:
			return head + fmt.Sprintf(`"type":"backup:finished","data":{"bytes":%d}}`, n)
		case 2:
			return head + fmt.Sprintf(`"type":"metrics:cpu","data":{"usage":%d}}`, random.IntN(100))
		case 3:
			return head + fmt.Sprintf(`"type":"metrics:memory","data":{"used":%d,"available":1000000}}`, n)
		}
		return head + fmt.Sprintf(`"type":"logs:app","data":{"level":"info","message":"%s says %d %s"}}`, key, n, pad[min(len(pad), random.IntN(100)):])
	}
}

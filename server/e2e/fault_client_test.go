package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/fault"
	wire "github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

// The Go client follows the real server through the fault proxy while publishers run. What it holds afterwards is what the
// record holds, once and in order, but for what it was told is missing, and its account adds up, to the event.
func TestFaultsGoClient(t *testing.T) {
	var mu sync.Mutex // guards total
	var total fault.Counts
	all := seeds(t, 10)
	t.Run("seed", func(t *testing.T) {
		running := make(chan struct{}, 4) // so many at once: they mostly wait
		for _, seed := range all {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				running <- struct{}{}
				defer func() { <-running }()
				did := faultyClient(t, seed)
				mu.Lock()
				defer mu.Unlock()
				for k, n := range did {
					total[k] += n
				}
			})
		}
	})
	t.Logf("%d runs: %v", len(all), total)
	for k, n := range total {
		if n == 0 && len(all) > 1 {
			t.Errorf("no %v in %d runs", fault.Kind(k), len(all))
		}
	}
}

// faultyClient is one run. What differs between runs hangs on the seed alone.
func faultyClient(t *testing.T, seed uint64) fault.Counts {
	random := rand.New(rand.NewPCG(seed, 1))
	one := func(in int) bool { return random.IntN(in) == 0 }
	beat, padding := "200ms", 0
	o := fault.Options{Pause: 1500 * time.Millisecond, Bytes: 2 << 10 << random.IntN(5)}
	if seed%3 == 0 { // so much, and stalls that are not taken for a dead connection, that a slow reader is thinned
		beat, padding, o.Bytes = "1s", 4000, 64<<10
	}
	o.Kinds = fault.Kinds()
	if seed%2 == 1 {
		o.Kinds = without(o.Kinds, fault.Strip)
	}
	args := []string{"--no-host", "--heartbeat", beat, "--throttle", "0", "--debounce", "0"}
	if one(3) {
		args = append(args, "--no-detach")
		// Of an answer in chunks, net/http gives nothing of a chunk before it is whole, or fills what it is read into: what ends
		// within the first one would take the 15 seconds that opening may take.
		o.Kinds = without(o.Kinds, fault.HalfOpen)
	}
	if one(3) {
		args = append(args, "--no-gzip")
	}
	if one(4) {
		args = append(args, "--max-age", "2s")
	}
	s := serve(t, args...)
	query := ""
	if one(3) {
		query = "types=server:*,logs:*,backup:*&servers=web-1,web-2"
	}
	kills, joinsLate, waits := one(4), one(3), one(4)
	p := proxied(t, s, seed, o)

	var publishers []*publisher
	for i := range uint64(3) {
		publishers = append(publishers, &publisher{
			url: s.url, name: fmt.Sprint("p", i), every: 15 * time.Millisecond, size: 12,
			random: rand.New(rand.NewPCG(seed, 10+i)), make: anything(padding),
		})
	}
	source := &counting{Source: &httpsource.Source{URL: p.URL() + "/api/events?" + query}}
	transport := &http.Transport{DisableCompression: one(3)}
	defer transport.CloseIdleConnections()
	source.Source.(*httpsource.Source).Client = &http.Client{Transport: transport}
	holds := &holding{}
	client := &feed.Client{Source: source, Backoff: feed.Backoff{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond}}
	var waking sync.WaitGroup
	client.Handle = func(b feed.Batch) {
		holds.take(b)
		if b.State.Phase == feed.Reconnecting && !waits && !b.State.Next.IsZero() {
			// The server asks for a second between tries, which is most of the time of a run: who looks presses a button.
			waking.Add(1)
			time.AfterFunc(30*time.Millisecond, func() {
				defer waking.Done()
				client.Wake()
			})
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	run := func() { go func() { ended <- client.Run(ctx) }() }
	defer func() {
		cancel()
		waking.Wait()
	}()

	var stop func()
	if joinsLate {
		stop = publishing(t, publishers...)
		eventually(t, "a picture of some size", func() (bool, string) { n := publishers[0].sent.Load(); return n > 200, fmt.Sprint(n) })
		p.Storm()
		run()
	} else {
		run()
		eventually(t, "the first connection", func() (bool, string) { b := holds.batch(); return b.State.Phase == feed.Live, b.State.Reason })
		p.Storm()
		stop = publishing(t, publishers...)
	}
	const enough = 10 // faults
	// A storm lasts for so many faults, or where they are slow to come, which hangs on the seed and on how busy the machine is, for as
	// many as come in a while.
	late := time.Now().Add(patience * 2 / 3)
	storm := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " faults"), func() (bool, string) {
			c := p.Counts()
			return c.Sum() >= n || c.Sum() > 2 && time.Now().After(late), c.String()
		})
	}
	if kills {
		storm(enough / 2)
		s.kill()
		s.start()
	}
	storm(enough)
	p.Calm()
	stop()
	record := s.allRecorded(query)
	last := record[len(record)-1].ID
	eventually(t, "the client to be live with all there is", func() (bool, string) {
		b := holds.batch()
		return b.State.Phase == feed.Live && b.Place.Seq >= last.Seq, fmt.Sprintf("%v at %v, want %v; %s", b.State.Phase, b.Place, last, b.State.Reason)
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	holds.check(t, record)
	source.check(t, holds.last.Account)
	t.Logf("%d recorded; %v; %v", len(record), p.Counts(), holds.last.Account)
	return p.Counts()
}

func without(kinds []fault.Kind, k fault.Kind) []fault.Kind {
	return slices.DeleteFunc(kinds, func(other fault.Kind) bool { return other == k })
}

// holding is what a reader holds.
type holding struct {
	mu     sync.Mutex // guards what follows
	events []wire.Event
	gaps   []wire.Gap
	resets int
	from   wire.ID // everything after it is promised
	whole  bool    // the picture is complete
	last   feed.Batch
}

func (h *holding) take(b feed.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range b.Events {
		switch e.Type {
		case wire.StreamSync.Name():
			if p, err := wire.StreamSync.Decode(e.Data); err == nil && p.Mode == wire.SyncFresh && !h.whole && h.from.IsZero() {
				h.from = p.Place // the first picture: nothing before it was ever promised
			}
		case wire.StreamHeartbeat.Name():
			h.whole = true
		case wire.StreamGap.Name():
			p, _ := wire.StreamGap.Decode(e.Data)
			h.gaps = append(h.gaps, p)
		case wire.StreamReset.Name():
			h.resets++
		default:
			if e.Class() != wire.Control {
				e.Data = bytes.Clone(e.Data)
				h.events = append(h.events, e)
			}
		}
	}
	b.Events = nil
	h.last = b
}

func (h *holding) batch() feed.Batch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// check compares what is held with the record, and with the account.
func (h *holding) check(t *testing.T, record []wire.Event) {
	t.Helper()
	recorded := make(map[wire.ID]wire.Event)
	for _, e := range record {
		recorded[e.ID] = e
	}
	held := make(map[wire.ID]bool)
	var before wire.ID
	for _, e := range h.events {
		if e.ID.Seq <= before.Seq {
			t.Errorf("%v comes after %v", e.ID, before)
		}
		before = e.ID
		held[e.ID] = true
		if r, ok := recorded[e.ID]; !ok || r.Type != e.Type || r.Server != e.Server || !bytes.Equal(r.Data, e.Data) {
			t.Errorf("%v is held as %s %s %s, and recorded as %s %s %s", e.ID, e.Server, e.Type, e.Data, r.Server, r.Type, r.Data)
		}
	}
	var skipped, silent uint64
	for _, e := range record {
		if held[e.ID] || e.ID.Seq <= h.from.Seq {
			continue
		}
		switch gap, ok := named(h.gaps, e); {
		case !ok:
			if silent++; silent < 5 {
				t.Errorf("%v, %s of %s, is lost, and nothing says so", e.ID, e.Type, e.Server)
			}
		case gap.Reason == "slow":
			skipped++
			if e.Class() == wire.State {
				t.Errorf("%v, %s of %s, was left out for a slow link, and is state", e.ID, e.Type, e.Server)
			}
		}
	}
	if silent > 0 {
		t.Errorf("%d events are lost without a word; named are %+v", silent, h.gaps)
	}
	a := h.last.Account
	if a.Received != uint64(len(h.events)) {
		t.Errorf("the account says that %d events were received, and there are %d", a.Received, len(h.events))
	}
	if a.Skipped != skipped {
		t.Errorf("the account says that %d events were skipped, and %d are: %+v", a.Skipped, skipped, h.gaps)
	}
	gone := 0
	for _, g := range h.gaps {
		if g.Reason != "slow" {
			gone++
		}
	}
	if a.Gaps != gone {
		t.Errorf("the account says that %d stretches are lost, and %d were named", a.Gaps, gone)
	}
	if a.Resets != h.resets || h.resets > 0 {
		t.Errorf("%d resets in the account, %d told of, want none: the log is the same all the time", a.Resets, h.resets)
	}
	if a.Bad != 0 {
		t.Errorf("%d frames were no events", a.Bad)
	}
}

// named returns the gap that says that the event is missing.
func named(gaps []wire.Gap, e wire.Event) (wire.Gap, bool) {
	for _, g := range gaps {
		if g.From.Seq < e.ID.Seq && e.ID.Seq <= g.To.Seq && (len(g.Classes) == 0 || slices.Contains(g.Classes, e.Class())) {
			return g, true
		}
	}
	return wire.Gap{}, false
}

// counting is a feed.Source that counts what passes, by a reading of the format of its own: whole events that have a place.
type counting struct {
	feed.Source
	mu     sync.Mutex // guards what follows
	opened int
	events uint64
}

func (c *counting) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	answer, err := c.Source.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer.Status == http.StatusOK {
		c.opened++
	}
	answer.Body = &countedBody{ReadCloser: answer.Body, c: c}
	return answer, nil
}

// check wants each event that came to be counted once, under what became of it.
func (c *counting) check(t *testing.T, a feed.Account) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if sum := a.Received + a.Repeated + a.Bad; sum != c.events {
		t.Errorf("%d events came over the wire; the account has %d received, %d repeated, %d bad: %d", c.events, a.Received, a.Repeated, a.Bad, sum)
	}
	if a.Reconnects != c.opened-1 {
		t.Errorf("%d connections were accepted; the account has %d reconnects", c.opened, a.Reconnects)
	}
}

type countedBody struct {
	io.ReadCloser
	c     *counting
	carry []byte
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.carry = append(b.carry, p[:n]...)
	for {
		frame, rest, whole := bytes.Cut(b.carry, []byte("\n\n"))
		if !whole {
			return n, err
		}
		b.carry = rest
		frame = append([]byte{'\n'}, frame...)
		if bytes.Contains(frame, []byte("\nid: ")) && bytes.Contains(frame, []byte("\ndata: ")) && !bytes.Contains(frame, []byte("\nevent: stream:")) {
			b.c.mu.Lock()
			b.c.events++
			b.c.mu.Unlock()
		}
	}
}

package redis_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A batch whose answer is lost after Redis has run it is recorded once, and acknowledged as if nothing had been.
func TestLostAnswer(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	l := open(t, redis.Options{URL: proxy.URL(), Retention: keepAll})
	put(t, l, say("metrics:cpu", "before"))
	batch := []event.Event{say("metrics:cpu", "one lost"), keyed("server:busy", "two"), keyed("server:busy", "two"), say("logs:app", "three")}
	lost := proxy.LoseAnswer("one lost")
	receipts, err := l.Append(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	<-lost
	want := []journal.Receipt{{ID: event.ID{Seq: 2}}, {ID: event.ID{Seq: 3}}, {ID: event.ID{Seq: 3}, Repeated: true}, {ID: event.ID{Seq: 4}}}
	for i, r := range receipts {
		r.ID.Epoch = 0
		if r != want[i] {
			t.Errorf("receipt %d: got %v, want %v", i, receipts[i], want[i])
		}
	}
	put(t, l, say("metrics:cpu", "after"))
	if got := all(t, l, event.ID{}); len(got) != 5 || got[4].ID.Seq != 5 {
		t.Errorf("got %q, want five events", lines(got))
	}
}

// Connections are cut again and again while three instances publish the same events to one record: each is there once, and all
// three see the same.
func TestCutConnections(t *testing.T) {
	server := redistest.Start(t)
	const publishers, each = 9, 60
	var logs [3]*redis.Log
	var tails [3]*follower
	var proxies [3]*redistest.Proxy
	for i := range logs {
		proxies[i] = redistest.NewProxy(t, server)
		logs[i] = open(t, redis.Options{URL: proxies[i].URL(), Retention: keepAll})
		tails[i] = follow(t, logs[i], event.ID{})
	}
	var wg sync.WaitGroup
	var places sync.Map
	for p := range publishers {
		wg.Go(func() {
			for n := range each {
				text := fmt.Sprint(p/3, "-", n) // three publish each event, each to another instance
				r, ok := persist(t, logs[p%3], keyed("server:busy", text))
				if !ok {
					return
				}
				if first, _ := places.LoadOrStore(text, r.ID); first != r.ID {
					t.Errorf("%s was acknowledged as %s and as %s", text, first, r.ID)
				}
				if n%7 == p%3 {
					proxies[p%3].Cut()
				}
			}
		})
	}
	wg.Wait()
	recorded := all(t, logs[0], event.ID{})
	if len(recorded) != publishers/3*each {
		t.Errorf("%d events are recorded, want %d", len(recorded), publishers/3*each)
	}
	for _, e := range recorded {
		if id, _ := places.Load(string(e.Data)); id != e.ID {
			t.Errorf("%s was acknowledged as %v and is at %s", e.Data, id, e.ID)
		}
	}
	for i, f := range tails {
		same(t, fmt.Sprint("tail of instance ", i), f.until(t, recorded[len(recorded)-1].ID), recorded)
	}
}

// While Redis stands still publishing and reading fail within their bound and say so; what was given up is not recorded when
// it goes on; Tails go on by themselves.
func TestPause(t *testing.T) {
	server := redistest.Start(t)
	const timeout = 400 * time.Millisecond
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: timeout})
	put(t, l, say("server:busy", "before"))
	tail := follow(t, l, event.ID{})
	if away, _ := l.Away(); !away.IsZero() {
		t.Errorf("Redis is away since %s, and answers", away.Since)
	}
	begun := time.Now()
	server.Pause()
	_, err := l.Append(t.Context(), []event.Event{say("server:busy", "given up")})
	if !errors.Is(err, journal.ErrUnsettled) || errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("the one that was under way: got %v, want ErrUnsettled and not ErrUnavailable", err)
	}
	_, err = l.Append(t.Context(), []event.Event{say("server:busy", "not even sent")})
	if !errors.Is(err, journal.ErrUnavailable) || errors.Is(err, journal.ErrUnsettled) {
		t.Errorf("the next one, for which there is no connection: got %v, want ErrUnavailable and not ErrUnsettled", err)
	}
	if _, err := l.Read(t.Context(), journal.Query{}); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("Read: got %v, want ErrUnavailable", err)
	}
	if _, err := l.Bounds(t.Context()); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("Bounds: got %v, want ErrUnavailable", err)
	}
	away := whenAway(t, l, true)
	if away.Since.Before(begun) || away.Err == nil {
		t.Errorf("got %+v, want since when and why Redis is away", away)
	}
	server.Resume()
	whenAway(t, l, false)
	after := put(t, l, say("server:busy", "after"))
	same(t, "tail", tail.until(t, after), all(t, l, event.ID{}))
	if got := all(t, l, event.ID{}); len(got) != 2 || string(got[1].Data) != "after" {
		t.Errorf("got %q, want what was before and after", lines(got))
	}
}

// What Redis does in time is acknowledged, however it was on the way: a short pause is only a wait.
func TestShortPause(t *testing.T) {
	server := redistest.Start(t)
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: time.Minute})
	put(t, l, say("server:busy", "before"))
	server.Pause()
	done := make(chan error)
	go func() {
		_, err := l.Append(t.Context(), []event.Event{say("server:busy", "meanwhile")})
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("Append returned %v from a Redis that stands still", err)
	case <-time.After(100 * time.Millisecond):
	}
	server.Resume()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := all(t, l, event.ID{}); len(got) != 2 {
		t.Errorf("got %q, want two events", lines(got))
	}
}

// A Redis that is gone takes nothing, says so in time, and nothing of it is recorded later.
func TestGone(t *testing.T) {
	server := redistest.Start(t, durable...)
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: 200 * time.Millisecond})
	put(t, l, say("server:busy", "before"))
	server.Kill()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := l.Append(t.Context(), []event.Event{say("server:busy", fmt.Sprint("while away ", i))})
			if !errors.Is(err, journal.ErrUnavailable) && !errors.Is(err, journal.ErrUnsettled) {
				t.Errorf("got %v, want ErrUnavailable or, of the first, ErrUnsettled", err)
			}
		})
	}
	wg.Wait()
	whenAway(t, l, true)
	server.Start()
	whenAway(t, l, false)
	if got := all(t, l, event.ID{}); len(got) != 1 {
		t.Errorf("got %q, want what was before", lines(got))
	}
}

// A full Redis refuses whole batches, and takes more when retention has made room.
func TestFull(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
	var clock sync.Mutex
	now := time.UnixMilli(1_772_000_000_000)
	l := open(t, redis.Options{URL: server.URL(), Timeout: 300 * time.Millisecond,
		Retention: journal.Retention{Sample: journal.Limit{Age: time.Minute}, DedupWindow: time.Minute},
		Now:       func() time.Time { clock.Lock(); defer clock.Unlock(); return now }})
	pad := strings.Repeat("x", 2000)
	var want []string
	for n := 0; ; n++ {
		var batch []event.Event
		for i := range 100 {
			typ := []string{"metrics:cpu", "metrics:memory"}[i%2]
			batch = append(batch, keyed(typ, fmt.Sprint(n, "-", i, pad)[:200]), say("metrics:cpu", fmt.Sprint(n, "-", i, pad)))
		}
		receipts, err := l.Append(t.Context(), batch)
		if err != nil {
			if !errors.Is(err, journal.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", err)
			}
			break
		}
		for i, r := range receipts {
			want = append(want, r.ID.String()+" "+string(batch[i].Data))
		}
	}
	if len(want) == 0 {
		t.Fatal("nothing was taken at all")
	}
	if away, _ := l.Away(); !away.IsZero() {
		t.Errorf("Redis is full, not away: %v", away.Err)
	}
	got := lines(all(t, l, event.ID{}))
	if len(got) != len(want) {
		t.Fatalf("%d events are recorded, %d acknowledged", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("event %d: got %.60s, want %.60s", i, got[i], want[i])
		}
	}
	clock.Lock()
	now = now.Add(time.Hour)
	clock.Unlock()
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := put(t, l, say("server:busy", pad))
	if int(id.Seq) != len(want)+1 {
		t.Errorf("got place %s after %d events", id, len(want))
	}
}

// What retention takes out is given back to the system's memory, although lines and states lie between the samples.
func TestMemoryIsFreed(t *testing.T) {
	server := redistest.Start(t)
	var clock sync.Mutex
	now := time.UnixMilli(1_772_000_000_000)
	l := open(t, redis.Options{URL: server.URL(),
		Retention: journal.Retention{Sample: journal.Limit{Age: time.Minute}, DedupWindow: time.Minute},
		Now:       func() time.Time { clock.Lock(); defer clock.Unlock(); return now }})
	used := func() int {
		for line := range strings.Lines(server.Do("INFO", "memory")) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory_dataset:"); ok {
				v, _ := strconv.Atoi(n)
				return v
			}
		}
		t.Fatal("Redis does not say how much it uses")
		return 0
	}
	put(t, l, say("metrics:cpu", "first"))
	before := used()
	pad := strings.Repeat("x", 200)
	for i := range 20 {
		var batch []event.Event
		for j := range 1000 {
			switch {
			case j%50 == 0:
				batch = append(batch, say("logs:app", pad))
			case j%50 == 1:
				batch = append(batch, say("server:busy", pad))
			default:
				batch = append(batch, keyed("metrics:cpu", fmt.Sprint(i, "-", j, pad)))
			}
		}
		if _, err := l.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	full := used()
	clock.Lock()
	now = now.Add(time.Hour)
	clock.Unlock()
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := used(); left-before > (full-before)/10 {
		t.Errorf("%d bytes more than at first after 20,000 events, %d of which are left when all but 800 were trimmed", full-before, left-before)
	}
}

// A Redis that may forget is not taken without a word.
func TestAdvice(t *testing.T) {
	for _, row := range []struct {
		args []string
		want []string
	}{
		{[]string{"--appendonly", "no"}, []string{"appendonly"}},
		{[]string{"--appendonly", "yes", "--appendfsync", "no"}, []string{"appendfsync"}},
		{[]string{"--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy", "record"}},
		{[]string{"--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"}, []string{"maxmemory-policy", "sign-outs"}},
		{[]string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, []string{"no-appendfsync-on-rewrite"}},
		{durable, nil},
	} {
		t.Run(strings.Join(row.args, " "), func(t *testing.T) {
			server := redistest.Start(t, row.args...)
			var said buffer
			open(t, redis.Options{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			for _, w := range row.want {
				if !strings.Contains(said.String(), w) {
					t.Errorf("it said %q, want a word of %s", said.String(), w)
				}
			}
			if row.want == nil && said.String() != "" {
				t.Errorf("it said %q, want nothing", said.String())
			}
		})
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

// noon is when these tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bench is a record with a clock of its own.
type bench struct {
	testing.TB
	dir  string
	log  *bolt.Log
	at   atomic.Int64  // the clock, in milliseconds since 1970: the record's own goroutines look at it
	seen []event.Event // all that was published
}

func newBench(t testing.TB) *bench {
	b := &bench{TB: t, dir: t.TempDir()}
	b.at.Store(noon.UnixMilli())
	b.open()
	t.Cleanup(func() { b.log.Close() })
	return b
}

func (b *bench) open() {
	b.Helper()
	if b.log != nil {
		b.ok(b.log.Close())
	}
	log, err := bolt.Open(b.dir, bolt.Options{Now: b.now})
	b.ok(err)
	b.log = log
}

func (b *bench) now() time.Time { return time.UnixMilli(b.at.Load()).UTC() }

func (b *bench) pass(d time.Duration) { b.at.Add(d.Milliseconds()) }

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// sample makes one of a server's metrics.
func sample(server, typ string, at time.Time, data string) event.Event {
	return event.Event{Type: typ, Server: server, Time: at, Data: fmt.Appendf(nil, `{"timestamp":%q,"serverId":%q,%s}`, at.Format("2006-01-02T15:04:05.000Z07:00"), server, data)}
}

func cpu(server string, at time.Time, usage float64) event.Event {
	return sample(server, "metrics:cpu", at, fmt.Sprintf(`"usage":%v,"cores":8`, usage))
}

func (b *bench) publish(events ...event.Event) {
	b.Helper()
	receipts, err := b.log.Append(b.Context(), events)
	b.ok(err)
	for i := range events {
		events[i].ID = receipts[i].ID
	}
	b.seen = append(b.seen, events...)
}

// recorder returns one that has read all there is.
func (b *bench) recorder(log Record, o Options) *Recorder {
	b.Helper()
	o.Now = b.now
	r := New(log, o)
	b.ok(r.begin(b.Context()))
	return r
}

func (b *bench) catchUp(r *Recorder) {
	b.Helper()
	b.ok(r.begin(b.Context()))
}

func (b *bench) write(r *Recorder) {
	b.Helper()
	b.catchUp(r)
	r.working.Lock()
	defer r.working.Unlock()
	b.ok(r.write(b.Context()))
	r.letGo()
}

func (b *bench) query(r *Recorder, q Query) *Answer {
	b.Helper()
	a, err := r.Query(b.Context(), q)
	b.ok(err)
	return a
}

// want works out from all that was published what an answer should hold.
func (b *bench) want(a *Answer) {
	b.Helper()
	n := int((a.To - a.From) / a.Step)
	type sum struct {
		min, max, sum float64
		n             int
	}
	counts := make([]uint32, n)
	sums := make([]sum, n)
	for _, e := range b.seen {
		ms := e.Time.UnixMilli()
		if e.Server != a.Server || e.Type != a.Type || ms < a.From || ms >= a.To {
			continue
		}
		v, any := measured(&e)
		if !any {
			continue
		}
		i := (ms - a.From) / a.Step
		counts[i]++
		s, x := &sums[i], float64(v[0])
		if s.n == 0 {
			s.min, s.max = x, x
		}
		s.min, s.max, s.sum, s.n = min(s.min, x), max(s.max, x), s.sum+x, s.n+1
	}
	if !slices.Equal(a.Count, counts) {
		b.Fatalf("%s of %s, %d to %d by %d: got\n%v, want\n%v", a.Type, a.Server, a.From, a.To, a.Step, a.Count, counts)
	}
	near := func(got float32, want float64) bool {
		return math.Abs(float64(got)-want) <= 1e-4*max(math.Abs(want), 1e-3)
	}
	for i, s := range sums {
		f := a.Fields[0]
		if s.n == 0 {
			if f.Min[i] == f.Min[i] || f.Mean[i] == f.Mean[i] || f.Max[i] == f.Max[i] {
				b.Fatalf("bucket %d: got %v, want nothing", i, f.Mean[i])
			}
			continue
		}
		if !near(f.Min[i], s.min) || !near(f.Mean[i], s.sum/float64(s.n)) || !near(f.Max[i], s.max) {
			b.Fatalf("bucket %d: got %v %v %v, want %v %v %v", i, f.Min[i], f.Mean[i], f.Max[i], s.min, s.sum/float64(s.n), s.max)
		}
	}
}

// whole checks the last hour in seconds and all of it in minutes, of all that was published.
func (b *bench) whole(r *Recorder) {
	b.Helper()
	of := make(map[id]bool)
	for _, e := range b.seen {
		if e.Class() == event.Sample {
			of[id{e.Server, e.Type}] = true
		}
	}
	now := b.now().UnixMilli()
	for k := range of {
		for _, q := range []Query{
			{From: now - 30*60_000, To: now + 1000, Points: 2000},
			{From: now - 60*60_000, To: now, Points: 77},
			{From: now - 24*60*60_000, To: now + 60_000, Points: 1442},
			{From: now - 5*60*60_000, To: now, Points: 7},
		} {
			q.Server, q.Type = k.server, k.typ
			b.want(b.query(r, q))
		}
	}
}

// measureFor publishes what three servers measure, and calls each now and then.
func (b *bench) measureFor(random *rand.Rand, d time.Duration, each func(round int)) {
	b.Helper()
	round := 0
	for end := b.now().Add(d); b.now().Before(end); {
		step := time.Duration(20+random.IntN(100)) * time.Second
		var batch []event.Event
		for s := time.Duration(0); s < step; s += time.Second {
			at := b.now().Add(s).Add(time.Duration(random.IntN(1000)) * time.Millisecond)
			if s%time.Minute > 20*time.Second {
				batch = append(batch, cpu("web-1", at, math.Round(1000*random.Float64())/10))
			}
			if s%(10*time.Second) == 0 {
				batch = append(batch, sample("web-2", "metrics:queue", at, fmt.Sprintf(`"value":%d`, random.IntN(1000))))
				batch = append(batch, sample("web-2", "logs:app", at, `"message":"x"`))
			}
			if random.IntN(50) == 0 { // late
				batch = append(batch, cpu("web-1", at.Add(-time.Duration(random.IntN(250))*time.Second), 1e6*random.Float64()))
			}
			if s%(30*time.Second) == 0 {
				batch = append(batch, sample("db", "metrics:network", at, fmt.Sprintf(`"value":%d`, random.IntN(1e9))))
				batch = append(batch, sample("db", "metrics:network", at, fmt.Sprintf(`"bytesIn":%d`, random.IntN(1e9))))
			}
		}
		slices.SortStableFunc(batch, func(a, b event.Event) int { return random.IntN(3) - 1 })
		slices.SortStableFunc(batch, func(x, y event.Event) int { // as a rule in order, within some seconds
			return int(x.Time.UnixMilli()/5000 - y.Time.UnixMilli()/5000)
		})
		if len(batch) > 0 {
			b.publish(batch...)
		}
		b.pass(step)
		each(round)
		round++
	}
}

// lines are what was logged.
type lines struct{ all []string }

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.all = append(l.all, r.Message)
	return nil
}

func (l *lines) count(part string) (n int) {
	for _, line := range l.all {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// moody is a record whose shelf fails at times.
type moody struct {
	Record
	fails atomic.Bool
	puts  atomic.Int64
}

var errNoRoom = errors.New("no room")

func (m *moody) PutBlocks(ctx context.Context, made event.ID, last bool, blocks []journal.Block) error {
	if m.puts.Add(1); m.fails.Load() {
		return errNoRoom
	}
	return m.Record.PutBlocks(ctx, made, last, blocks)
}

func (m *moody) GetBlocks(ctx context.Context, keys []journal.BlockKey) ([][]byte, error) {
	if m.fails.Load() {
		return nil, errNoRoom
	}
	return m.Record.GetBlocks(ctx, keys)
}

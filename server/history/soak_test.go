package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

// machine is one that measures itself once a second, as package host does.
type machine struct {
	name                string
	random              *rand.Rand
	load, used, storage float64
}

func (m *machine) measure(at time.Time) []event.Event {
	r := m.random
	m.load = min(max(m.load+0.02*r.NormFloat64(), 0.02), 0.98)
	m.used = min(max(m.used*(1+0.001*r.NormFloat64()), 1e9), 60e9)
	m.storage += 4096 * float64(r.IntN(100))
	out := make([]event.Event, 0, 5)
	add := func(typ, format string, args ...any) {
		data := fmt.Appendf(nil, `{"timestamp":%q,"serverId":%q,"source":"host","type":%q,`+format+`}`,
			append([]any{at.Format("2006-01-02T15:04:05.000Z07:00"), m.name, typ}, args...)...)
		out = append(out, event.Event{Type: "metrics:" + typ, Server: m.name, Time: at, Data: data})
	}
	usage := math.Round(1000*min(1, m.load*math.Exp(0.2*r.NormFloat64()))) / 10
	add("cpu", `"value":%v,"usage":%v,"cores":8,"processes":%d`, usage, usage, 300+r.IntN(20))
	add("memory", `"value":%.2f,"used":%.0f,"available":%.0f,"swapUsed":%d`, 100*m.used/64e9, m.used, 64e9-m.used, 4096*r.IntN(1000))
	in := 1e6 * m.load * math.Exp(0.5*r.NormFloat64())
	add("network", `"value":%.0f,"bytesIn":%.0f,"bytesOut":%.0f,"connections":%d`, in, in, 9*in*r.Float64(), 100+r.IntN(30))
	count := math.Round(5000*m.load*math.Exp(0.3*r.NormFloat64())) / 10
	add("requests", `"value":%v,"count":%v,"avgResponseTime":%.2f,"errorRate":%.2f`, count, count, 20*math.Exp(0.5*r.NormFloat64()), math.Abs(r.NormFloat64()))
	add("storage", `"value":%.2f,"used":%.0f,"available":%.0f`, 100*m.storage/1e12, m.storage, 1e12-m.storage)
	return out
}

func machines(n int) (out []*machine) {
	for i := range n {
		out = append(out, &machine{fmt.Sprint("web-", i), rand.New(rand.NewPCG(uint64(i), 1)), 0.4, 8e9, 4e11})
	}
	return out
}

// shelved returns the bytes of all blocks, names included, by drawer.
func (b *bench) shelved(shelf journal.Shelf, level int, from, to time.Time) (n int) {
	b.Helper()
	span := levels[level].span()
	for start := floor(from.UnixMilli(), span); start < to.UnixMilli(); start += span {
		got, err := shelf.Drawer(b.Context(), drawer(level, start))
		b.ok(err)
		for name, value := range got {
			n += len(name) + len(value)
		}
	}
	return n
}

// What an hour of one machine's samples takes on the shelf, and so what ten machines take that measured themselves for a day. Beside it are the
// samples themselves, up to what retention holds, which the file has a tenth more for; all of it has to be less than 60 MB. TestDay measures the file.
func TestADayOfTenMachinesIsSmall(t *testing.T) {
	b := newBench(t)
	r := b.recorder(b.log, Options{})
	m := machines(1)[0]
	begin := b.now()
	for range 60 {
		var events []event.Event
		for range 60 {
			events = append(events, m.measure(b.now())...)
			b.pass(time.Second)
		}
		b.publish(events...)
	}
	b.write(r)
	seconds, minutes := b.shelved(b.log, 0, begin, b.now()), b.shelved(b.log, 1, begin, b.now())
	t.Logf("an hour of one machine: %d bytes of seconds, %d of minutes", seconds, minutes)
	day := 10 * (int64(seconds)*int64(fine/time.Minute+tidyEvery/time.Minute)/60 + int64(minutes)*int64(DefaultAge/time.Hour+1))
	all := day*2 + journal.DefaultRetention.Sample.Bytes*11/10 // a page of the file may be half empty
	t.Logf("a day of ten: %.1f MB of history, %.1f MB in all", float64(day)/1e6, float64(all)/1e6)
	if all >= 60_000_000 {
		t.Errorf("a day of ten machines takes %.1f MB, want less than 60", float64(all)/1e6)
	}
}

// A day of ten machines, second by second, as fast as it can be recorded: how large the file is then. With TELLTALE_SOAK only.
func TestDay(t *testing.T) {
	if os.Getenv("TELLTALE_SOAK") == "" {
		t.Skip("4.3 million samples: with TELLTALE_SOAK")
	}
	b := newBench(t)
	b.ok(b.log.Close())
	log, err := bolt.Open(b.dir, bolt.Options{Now: b.now}) // with the retention that is the default
	b.ok(err)
	b.log = log
	size := func() int64 {
		info, err := os.Stat(filepath.Join(b.dir, bolt.FileName))
		b.ok(err)
		return info.Size()
	}
	before, begun := size(), time.Now()
	r := b.recorder(b.log, Options{})
	all := machines(10)
	begin := b.now()
	for minute := range 24 * 60 {
		var events []event.Event
		for range 60 {
			for _, m := range all {
				events = append(events, m.measure(b.now())...)
			}
			b.pass(time.Second)
		}
		for len(events) > 0 {
			n := min(500, len(events))
			if _, err := b.log.Append(t.Context(), events[:n]); err != nil {
				t.Fatal(err)
			}
			events = events[n:]
		}
		b.catchUp(r)
		r.working.Lock()
		b.ok(r.writeUnlessOthers(t.Context()))
		r.working.Unlock()
		if minute%180 == 179 {
			t.Logf("after %d hours: %.1f MB", minute/60+1, float64(size())/1e6)
		}
	}
	b.ok(b.log.Trim(t.Context()))
	bounds, err := b.log.Bounds(t.Context())
	b.ok(err)
	grown := size() - before
	t.Logf("4,320,000 samples in %s: the file grew by %.1f MB, with %.1f MB of samples, %.1f MB of minutes and %.1f MB of seconds in it; %d blocks in memory", time.Since(begun).Round(time.Second),
		float64(grown)/1e6, float64(bounds.Bytes)/1e6, float64(b.shelved(b.log, 1, begin, b.now()))/1e6, float64(b.shelved(b.log, 0, begin, b.now()))/1e6, r.blocks)
	if grown >= 60_000_000 {
		t.Errorf("the file grew by %d bytes, want less than 60 MB", grown)
	}
	now := b.now().UnixMilli()
	for _, m := range all {
		for typ := range fields {
			asked := time.Now()
			a := b.query(r, Query{m.name, typ, now - 86400_000, now, 1440})
			t.Logf("%s of %s: %d bytes in %s", typ, m.name, len(a.AppendJSON(nil)), time.Since(asked))
			for i, n := range a.Count {
				if n != 60 {
					t.Fatalf("minute %d: %d samples, want 60", i, n)
				}
			}
		}
	}
}

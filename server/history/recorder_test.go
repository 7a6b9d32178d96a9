package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Samples of several servers, some late, some twice a second, some with holes: what is answered is what was measured.
func TestHistoryIsWhatWasMeasured(t *testing.T) {
	b := newBench(t)
	random := rand.New(rand.NewPCG(1, 2))
	r := b.recorder(b.log, Options{})
	b.measureFor(random, 2*time.Hour, func(int) { b.write(r) })
	b.catchUp(r)
	b.whole(r)
	b.whole(b.recorder(b.log, Options{})) // from what was recorded since the last write, and the shelf
	b.write(r)
	b.open()
	b.whole(b.recorder(b.log, Options{}))
}

// The process dies at any moment, in the middle of writing too, and begins again from what is there: nothing is missing and
// nothing is counted twice.
func TestKilledAtAnyMoment(t *testing.T) {
	b := newBench(t)
	random := rand.New(rand.NewPCG(3, 4))
	r := b.recorder(b.log, Options{})
	died, written := 0, 0
	b.measureFor(random, time.Hour, func(round int) {
		b.catchUp(r)
		dying := &dying{Record: b.log, after: random.IntN(20)}
		r.log, r.part = dying, 200 // bytes: in many parts
		err := r.write(t.Context())
		if err != nil && !errors.Is(err, errDied) {
			t.Fatal(err)
		}
		if err == nil {
			written++
			r.letGo()
		}
		switch {
		case err != nil:
			died++
			if died%3 == 0 {
				b.open()
			}
			r = b.recorder(b.log, Options{})
			b.whole(r)
		case round%2 == 0: // between two writes
			r = b.recorder(b.log, Options{})
		default:
			r.log = b.log
		}
	})
	if died < 10 || written < 10 {
		t.Errorf("it died %d times and wrote %d times only", died, written)
	}
	b.catchUp(r)
	b.whole(r)
}

var errDied = errors.New("died")

// dying is a record that takes so many more PutBlocks.
type dying struct {
	Record
	after int
}

func (d *dying) PutBlocks(ctx context.Context, made event.ID, last bool, blocks []journal.Block) error {
	if d.after == 0 {
		return errDied
	}
	d.after--
	return d.Record.PutBlocks(ctx, made, last, blocks)
}

// Several instances follow one record and write when they like, each as far as it has read: all answer alike, and so does one that
// comes new.
func TestSeveralOfOneRecord(t *testing.T) {
	b := newBench(t)
	random := rand.New(rand.NewPCG(5, 6))
	var instances []*Recorder
	for range 3 {
		instances = append(instances, b.recorder(b.log, Options{}))
	}
	b.measureFor(random, 70*time.Minute, func(round int) {
		for i, r := range instances {
			if random.IntN(3) == 0 { // else it lags
				b.catchUp(r)
			}
			if random.IntN(2) == 0 {
				r.part = 1 + random.IntN(2000)
				r.working.Lock()
				b.ok(r.writeUnlessOthers(t.Context()))
				r.working.Unlock()
			}
			if random.IntN(20) == 0 {
				instances[i] = b.recorder(b.log, Options{})
			}
		}
	})
	for _, r := range instances {
		b.catchUp(r)
		b.whole(r)
		b.write(r)
	}
	b.whole(b.recorder(b.log, Options{}))
}

// One header of the file is damaged, so the record goes on under a new epoch with the events it had: they are not counted again, and new
// ones are added.
func TestNewEpoch(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		b.publish(cpu("web-1", b.now().Add(time.Duration(i)*time.Second), float64(i)))
	}
	b.pass(100 * time.Second)
	b.write(b.recorder(b.log, Options{}))
	b.publish(cpu("web-1", b.now(), 5)) // not written yet
	b.publish(sample("web-1", "logs:app", b.now(), `"message":"so that what is lost with a header is none of ours"`))
	b.ok(b.log.Close())
	path := filepath.Join(b.dir, bolt.FileName)
	raw, err := os.ReadFile(path)
	b.ok(err)
	// The header of the older transaction, so that nothing is lost but that nobody can know it.
	damage := 0
	if txid := func(page int) byte { return raw[page*os.Getpagesize()+16+48] }; txid(0) > txid(1) {
		damage = os.Getpagesize()
	}
	raw[damage+20] ^= 1
	b.ok(os.WriteFile(path, raw, 0o600))
	before := b.seen[0].ID.Epoch
	b.log = nil
	b.open()
	bounds, err := b.log.Bounds(t.Context())
	b.ok(err)
	if bounds.Epoch == before {
		t.Fatal("the epoch is the same, the test shows nothing")
	}
	r := b.recorder(b.log, Options{})
	b.whole(r)
	for range 3 {
		b.publish(cpu("web-1", b.now(), 7))
		b.pass(time.Second)
	}
	b.write(r)
	b.whole(r)
	b.whole(b.recorder(b.log, Options{}))
}

// What is too late, too far ahead or too old is not there, what is just within is, and numbers that are none do no harm.
func TestWhatIsFoldedIn(t *testing.T) {
	b := newBench(t)
	at := b.now()
	add := func(e event.Event, in bool) {
		b.publish(e)
		if !in {
			b.seen = b.seen[:len(b.seen)-1]
		}
	}
	add(cpu("web-1", at, 1), true)
	add(cpu("web-1", at.Add(-Late), 2), true)
	add(cpu("web-1", at.Add(-Late-time.Millisecond), 3), false)
	add(cpu("web-1", at.Add(Late+time.Millisecond), 4), false)
	add(cpu("web-2", at.Add(-20*time.Hour), 5), true) // what it measured while it was cut off
	add(cpu("web-2", at.Add(-10*time.Hour), 6), true)
	add(cpu("web-2", at.Add(-DefaultAge-time.Second), 7), false)
	add(cpu("web-3", at.Add(-DefaultAge-time.Second), 8), false)
	add(cpu("web-4", time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC), 9), false)
	add(sample("web-5", "metrics:cpu", at, `"usage":null`), false)
	add(sample("web-5", "metrics:memory", at, `"value":50`), false) // a percentage, of nobody knows what
	add(sample("web-6", "metrics:cpu", at, `"usage":-1e308`), true)
	add(sample("web-7", "metrics:requests", at, `"value":12,"count":null`), true)
	add(sample("web-7", "logs:app", at, `"value":12`), true)
	r := b.recorder(b.log, Options{})
	now := at.UnixMilli()
	for _, server := range []string{"web-1", "web-2"} {
		b.want(b.query(r, Query{server, "metrics:cpu", now - 2000_000, now + 400_000, 1999}))
		b.want(b.query(r, Query{server, "metrics:cpu", now - 100_000_000, now + 400_000, 1999}))
	}
	for _, k := range []id{{"web-3", "metrics:cpu"}, {"web-4", "metrics:cpu"}, {"web-5", "metrics:cpu"}, {"web-5", "metrics:memory"}, {"web-7", "logs:app"}, {"", ""}} {
		if _, err := r.Query(t.Context(), Query{k.server, k.typ, 0, now, 10}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: got %v, want ErrUnknown", k, err)
		}
	}
	if got := b.query(r, Query{"web-6", "metrics:cpu", now, now + 1000, 1}).Fields[0].Mean[0]; got > -3.4e38 || math.IsInf(float64(got), 0) {
		t.Errorf("got %v, want the least there is", got)
	}
	if got := b.query(r, Query{"web-7", "metrics:requests", now, now + 1000, 1}).Fields[0]; got.Name != "count" || got.Mean[0] != 12 {
		t.Errorf("got %+v, want count 12", got)
	}
}

// What is final does not change, whatever comes after, and is the same from memory and from the shelf.
func TestFinalIsFinal(t *testing.T) {
	b := newBench(t)
	random := rand.New(rand.NewPCG(7, 8))
	r := b.recorder(b.log, Options{})
	kept := make(map[Query]string)
	b.measureFor(random, 90*time.Minute, func(int) {
		b.catchUp(r)
		now := b.now().UnixMilli()
		for _, q := range []Query{
			{"web-1", "metrics:cpu", floor(now-20*60_000, 60_000), floor(now, 60_000), 2000},
			{"web-1", "metrics:cpu", floor(now-20*60_000, 60_000), floor(now-6*60_000, 60_000), 300},
			{"db", "metrics:network", floor(now-50*60_000, 60_000), floor(now-7*60_000, 60_000), 100},
		} {
			if a := b.query(r, q); a.To <= a.Complete && a.Complete <= q.To {
				kept[q] = string(a.AppendJSON(nil))
			} else if q.To < now-10*60_000 {
				t.Fatalf("complete is %d at %d: %v", a.Complete, now, q)
			}
		}
		if random.IntN(3) == 0 {
			b.write(r)
		}
	})
	b.write(r)
	b.write(r) // so that older blocks have left the memory
	fresh := b.recorder(b.log, Options{})
	n := 0
	for q, want := range kept {
		if q.From < b.now().Add(-fine).UnixMilli() {
			continue // in minutes only by now
		}
		n++
		for _, r := range []*Recorder{r, fresh} {
			if got := string(b.query(r, q).AppendJSON(nil)); got != want {
				t.Fatalf("%+v: was\n%s, and is\n%s", q, want, got)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d final answers only", n)
	}
}

// The oldest goes, from the shelf too, and with the last of it the metric itself.
func TestOldGoes(t *testing.T) {
	b := newBench(t)
	r := b.recorder(b.log, Options{Age: 2 * time.Hour})
	tidy := func() {
		r.working.Lock()
		defer r.working.Unlock()
		b.ok(r.writeUnlessOthers(t.Context()))
		b.ok(r.writeUnlessOthers(t.Context()))
	}
	var drawers []string
	note := func() {
		for where := range r.series[id{"web-1", "metrics:cpu"}].blocks {
			drawers = append(drawers, where.key("").Drawer)
		}
	}
	start := b.now()
	for i := range 4 * 60 {
		b.publish(cpu("web-1", b.now(), float64(i)), sample("web-2", "metrics:own", b.now(), `"value":1`))
		b.pass(time.Minute)
		b.catchUp(r)
		note()
		tidy()
	}
	left := 0
	for _, d := range slices.Compact(slices.Sorted(slices.Values(drawers))) {
		got, err := b.log.Drawer(t.Context(), d)
		b.ok(err)
		left += len(got)
	}
	// Of two metrics at most three hours and 66 minutes' seconds, each with what is rid of every ten minutes only.
	if left == 0 || left > 2*(4+66+12) {
		t.Errorf("%d blocks are left", left)
	}
	a := b.query(r, Query{"web-1", "metrics:cpu", start.UnixMilli(), b.now().UnixMilli(), 240})
	if a.Count[0] != 0 || a.Count[59] != 0 || a.Count[125] != 1 || a.Count[239] != 1 {
		t.Errorf("got %v, want what is of the last two hours", a.Count)
	}
	b.publish(cpu("web-1", b.now(), 1))
	b.pass(110 * time.Minute)
	b.publish(cpu("web-1", b.now(), 1))
	b.catchUp(r)
	tidy()
	b.pass(20 * time.Minute)
	tidy()
	b.publish(cpu("web-1", b.now(), 1))
	b.write(r)
	for _, r := range []*Recorder{r, b.recorder(b.log, Options{Age: 2 * time.Hour})} {
		if _, err := r.Query(t.Context(), Query{"web-2", "metrics:own", 0, b.now().UnixMilli(), 10}); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v of a metric that ended more than two hours ago, want ErrUnknown", err)
		}
		b.query(r, Query{"web-1", "metrics:cpu", 0, b.now().UnixMilli(), 10})
	}
	if got, err := b.log.Drawer(t.Context(), heads); err != nil || len(got) != 1 {
		t.Errorf("got %d heads, %v, want that of web-1", len(got), err)
	}
	if len(r.types) != 0 {
		t.Errorf("got %v, want no types", r.types)
	}
	b.publish(sample("web-2", "metrics:own", b.now(), `"value":1`)) // it may come back
	b.write(r)
	b.query(b.recorder(b.log, Options{Age: 2 * time.Hour}), Query{"web-2", "metrics:own", 0, b.now().UnixMilli(), 10})
}

// There is an end to how many metrics there are, and it is said once.
func TestBounds(t *testing.T) {
	b := newBench(t)
	said := new(lines)
	r := b.recorder(b.log, Options{Logger: slog.New(said)})
	var events []event.Event
	for i := range MaxTypes + 50 {
		events = append(events, sample("web-1", fmt.Sprint("metrics:t", i), b.now(), `"value":1`))
	}
	b.publish(append(events, cpu("web-1", b.now(), 1))...)
	b.catchUp(r)
	if n := len(r.series); n != MaxTypes+1 {
		t.Errorf("%d metrics are kept of one server, want %d of its own and one of the catalogue", n, MaxTypes)
	}
	if n := said.count("more metrics"); n != 1 {
		t.Errorf("it was said %d times: %v", n, said.all)
	}
	now := b.now().UnixMilli()
	if _, err := r.Query(t.Context(), Query{"web-1", fmt.Sprint("metrics:t", MaxTypes), now, now + 1, 1}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
	for i := range MaxSeries {
		events := []event.Event{cpu(fmt.Sprint("s", i), b.now(), 1)}
		r.working.Lock()
		events[0].ID = event.ID{Epoch: r.place.Epoch, Seq: r.place.Seq + 1}
		b.ok(r.fold(t.Context(), events))
		r.working.Unlock()
	}
	if n := len(r.series); n != MaxSeries {
		t.Errorf("%d metrics are kept, want %d", n, MaxSeries)
	}
	if len(r.types) > 0 || r.series[id{fmt.Sprint("s", MaxSeries-2), "metrics:cpu"}] == nil || r.series[id{"web-1", "metrics:cpu"}] == nil {
		t.Errorf("metrics that are not in the catalogue have kept the places of some that are: %v", r.types)
	}
	blocks := 0
	for _, s := range r.series {
		blocks += len(s.blocks)
	}
	if r.blocks != blocks {
		t.Errorf("%d blocks are counted, and there are %d", r.blocks, blocks)
	}
}

// Run writes once a minute what changed, and nothing when nothing did; a shelf that fails is said once, and tried again until it does not; at the end
// all is written.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, err := bolt.Open(t.TempDir(), bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{TB: t, log: log}
		said := new(lines)
		shelf := &moody{Record: log}
		r := New(shelf, Options{Logger: slog.New(said)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		<-r.Ready()
		for range 150 {
			b.publish(cpu("web-1", time.Now(), 1))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := shelf.puts.Load(); n != 2 {
			t.Errorf("it was written %d times in two and a half minutes", n)
		}
		shelf.fails.Store(true)
		for i := range 400 {
			b.publish(cpu("web-1", time.Now(), float64(i)))
			if i == 200 {
				b.publish(cpu("web-1", time.Now().Add(-4*time.Minute), 5)) // whose block is no longer in memory
			}
			time.Sleep(time.Second)
		}
		shelf.fails.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := said.count("could not be read or written"); n != 1 {
			t.Errorf("that the shelf fails was said %d times: %v", n, said.all)
		}
		b.at.Store(time.Now().UnixMilli())
		b.whole(r)
		before := shelf.puts.Load()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := shelf.puts.Load() - before; n != 0 {
			t.Errorf("it was written %d times on a day on which nothing was measured", n)
		}
		if r.blocks != 0 {
			t.Errorf("%d blocks are still in memory", r.blocks)
		}
		b.publish(cpu("web-1", time.Now(), 1))
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		mark, err := log.Mark(t.Context())
		if err != nil || mark != b.seen[len(b.seen)-1].ID {
			t.Errorf("at the end it is written up to %s, %v, want %s", mark, err, b.seen[len(b.seen)-1].ID)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if err := New(log, Options{}).Run(t.Context()); !errors.Is(err, journal.ErrClosed) {
			t.Errorf("of a closed record: got %v", err)
		}
	})
}

// A block that is damaged is named to who asks for it, with the rest; what comes after is kept.
func TestDamagedBlock(t *testing.T) {
	b := newBench(t)
	r := b.recorder(b.log, Options{})
	for i := range 10 {
		b.publish(cpu("web-1", b.now().Add(time.Duration(i)*time.Second), 1))
	}
	b.write(r)
	keys := slices.Collect(maps.Keys(r.series[id{"web-1", "metrics:cpu"}].blocks))
	b.publish(sample("a", "x:y", b.now(), `"a":1`))
	r.working.Lock()
	r.place = event.ID{Epoch: r.place.Epoch, Seq: r.place.Seq + 1}
	var blocks []journal.Block
	for _, where := range keys {
		blocks = append(blocks, journal.Block{BlockKey: where.key("web-1\x00metrics:cpu"), Value: []byte("damaged")})
	}
	b.ok(b.log.PutBlocks(t.Context(), r.place, true, append(blocks, journal.Block{BlockKey: journal.BlockKey{Drawer: heads, Name: "web-1\x00metrics:cpu"}, Value: []byte{1}})))
	r.working.Unlock()
	said := new(lines)
	r = b.recorder(b.log, Options{Logger: slog.New(said)})
	now := b.now().UnixMilli()
	q := Query{"web-1", "metrics:cpu", now, now + 60_000, 60}
	from := floor(now, levels[0].span())
	if a := b.query(r, q); len(a.Unreadable) != 1 || a.Unreadable[0] != [2]int64{now, min(now+60_000, from+levels[0].span())} || a.Count[0] != 0 {
		t.Errorf("got %v and %v, want what can't be read named", a.Unreadable, a.Count)
	} else if got := string(a.AppendJSON(nil)); !strings.Contains(got, fmt.Sprintf(`,"unreadable":[[%d,%d]],`, a.Unreadable[0][0], a.Unreadable[0][1])) || !json.Valid([]byte(got)) {
		t.Errorf("it is not in the answer: %s", got)
	}
	b.publish(cpu("web-1", b.now().Add(20*time.Second), 2))
	b.write(r)
	if a := b.query(r, q); a.Count[20] != 1 || a.Count[0] != 0 {
		t.Errorf("got %v, want what came after", a.Count)
	}
	if said.count("damaged") != 1 {
		t.Errorf("it was said %d times: %v", said.count("damaged"), said.all)
	}
}

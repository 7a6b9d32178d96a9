package pace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record is a Recorder in memory. It fails as long as fail returns an error, and takes as long as delay says.
type record struct {
	mu     sync.Mutex
	events []event.Event
	fail   func() error
	delay  func() time.Duration
}

func (r *record) Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error) {
	if r.delay != nil {
		select {
		case <-time.After(r.delay()):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return nil, err
		}
	}
	out := make([]journal.Receipt, len(events))
	for i, e := range events {
		e.ID = event.ID{Epoch: 1, Seq: uint64(len(r.events) + 1)}
		out[i].ID = e.ID
		r.events = append(r.events, e)
	}
	return out, nil
}

// list returns what is recorded, each event as "type n", with "xN" behind it where it says that it flapped.
func (r *record) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for _, e := range r.events {
		s := e.Type + " " + strconv.Itoa(member(e, "n"))
		if f := member(e, "flapped"); f >= 0 {
			s += "x" + strconv.Itoa(f)
		}
		out = append(out, s)
	}
	return out
}

// member returns a number from the event's data, and -1 where it is not there.
func member(e event.Event, name string) int {
	_, rest, ok := bytes.Cut(e.Data, []byte(`"`+name+`":`))
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(string(rest[:bytes.IndexAny(rest, ",}")]))
	if err != nil {
		panic(err)
	}
	return n
}

// ev makes an event of server "a" that happened so long after the epoch of the tests.
func ev(n int, typ string, at time.Duration) event.Event {
	return event.Event{Type: typ, Server: "a", Time: epoch.Add(at), Data: fmt.Appendf(nil, `{"serverId":"a","n":%d}`, n)}
}

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// begin runs a Pacer until stop is called, which returns what Run returned.
func begin(t *testing.T, log Recorder, o Options) (p *Pacer, stop func() error) {
	t.Helper()
	p = New(log, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return p, func() error {
		cancel()
		return <-ended
	}
}

// knobs are round numbers for tests.
var knobs = Options{Throttle: 50 * time.Millisecond, Debounce: 2 * time.Second, Changes: 3, Longest: 10 * time.Second}

const ms = time.Millisecond

// A step is one call of Append after so much time; held is which of its events its receipts say are held.
type step struct {
	wait   time.Duration
	events []event.Event
	held   string // such as ".h": the second is
}

func TestPace(t *testing.T) {
	keyed := func(e event.Event) event.Event { e.Key = "k" + strconv.Itoa(member(e, "n")); return e }
	of := func(server string, e event.Event) event.Event { e.Server = server; return e }
	cpu := func(n int, at time.Duration) event.Event { return ev(n, "metrics:cpu", at) }
	on := func(n int, at time.Duration) event.Event { return ev(n, "server:online", at) }
	off := func(n int, at time.Duration) event.Event { return ev(n, "server:offline", at) }
	one := func(wait time.Duration, e event.Event, held string) step { return step{wait, []event.Event{e}, held} }
	var burst []event.Event
	for i := range 100 {
		burst = append(burst, cpu(i, time.Duration(i)*ms))
	}
	flap := func(from int, every time.Duration, n int) (out []event.Event) {
		for i := range n {
			typ := [...]string{"server:online", "server:offline"}[(from+i)%2]
			out = append(out, ev(from+i, typ, time.Duration(from+i)*every))
		}
		return out
	}

	for _, row := range []struct {
		name  string
		o     Options
		steps []step
		now   []string // recorded when the last Append has returned
		later []string // recorded after that, in time
		when  time.Duration
	}{
		{"off, everything passes", Options{}, []step{{0, append(burst[:2:2], flap(0, ms, 6)...), "........"}},
			[]string{"metrics:cpu 0", "metrics:cpu 1", "server:online 0", "server:offline 1", "server:online 2", "server:offline 3", "server:online 4", "server:offline 5"}, nil, 0},
		{"samples a second apart pass whole, however they arrive", knobs,
			[]step{{0, []event.Event{cpu(1, 0), cpu(2, time.Second), cpu(3, 2*time.Second)}, "..."}},
			[]string{"metrics:cpu 1", "metrics:cpu 2", "metrics:cpu 3"}, nil, 0},
		{"of a burst, the first and the newest of each interval", knobs,
			[]step{{0, burst, "." + strings.Repeat("h", 49) + "." + strings.Repeat("h", 49)}},
			[]string{"metrics:cpu 0", "metrics:cpu 50"}, []string{"metrics:cpu 99"}, 1 * ms},
		{"a sample too soon is recorded when its interval ends", knobs,
			[]step{one(0, cpu(1, 0), "."), one(20*ms, cpu(2, 20*ms), "h")},
			[]string{"metrics:cpu 1"}, []string{"metrics:cpu 2"}, 30 * ms},
		{"a newer one takes its place, not its time", knobs,
			[]step{one(0, cpu(1, 0), "."), one(20*ms, cpu(2, 20*ms), "h"), one(20*ms, cpu(3, 20*ms), "h")},
			[]string{"metrics:cpu 1"}, []string{"metrics:cpu 3"}, 10 * ms},
		{"a late one is not recorded behind a newer", knobs,
			[]step{one(0, cpu(1, 100*ms), "."), one(ms, cpu(2, 90*ms), "h"), one(ms, cpu(3, 120*ms), "h"), one(ms, cpu(4, 110*ms), "h")},
			[]string{"metrics:cpu 1"}, []string{"metrics:cpu 3"}, 29 * ms},
		{"one of long ago is history and passes", knobs,
			[]step{one(0, cpu(1, time.Hour), "."), one(ms, cpu(2, 0), "."), one(ms, cpu(3, 10*ms), "h")},
			[]string{"metrics:cpu 1", "metrics:cpu 2"}, []string{"metrics:cpu 3"}, 40 * ms},
		{"servers and types are apart", knobs,
			[]step{{0, []event.Event{cpu(1, 0), of("b", cpu(2, 0)), ev(3, "metrics:memory", 0), ev(4, "metrics:own", 0)}, "...."}},
			[]string{"metrics:cpu 1", "metrics:cpu 2", "metrics:memory 3", "metrics:own 4"}, nil, 0},
		{"an own id is never held, and what is older is not recorded behind it", knobs,
			[]step{one(0, cpu(1, 0), "."), one(ms, cpu(2, ms), "h"), one(ms, keyed(cpu(3, 2*ms)), ".")},
			[]string{"metrics:cpu 1", "metrics:cpu 3"}, nil, 0},
		{"an own id does not replace what is newer", knobs,
			[]step{one(0, cpu(1, 0), "."), one(ms, cpu(2, 2*ms), "h"), one(ms, keyed(cpu(3, ms)), ".")},
			[]string{"metrics:cpu 1", "metrics:cpu 3"}, []string{"metrics:cpu 2"}, 47 * ms},
		{"nothing but samples and lamps is held", knobs,
			[]step{{0, []event.Event{ev(1, "logs:app", 0), ev(2, "logs:app", 0), ev(3, "deployment:building", 0), ev(4, "deployment:failed", 0),
				ev(5, "deployment:building", 0), ev(6, "deployment:failed", 0), ev(7, "server:own", 0), ev(8, "server:other", 0),
				ev(9, "server:own", 0), ev(10, "server:other", 0), ev(11, "x:y", 0)}, "..........."}},
			[]string{"logs:app 1", "logs:app 2", "deployment:building 3", "deployment:failed 4", "deployment:building 5", "deployment:failed 6",
				"server:own 7", "server:other 8", "server:own 9", "server:other 10", "x:y 11"}, nil, 0},

		{"a start and an end pass", knobs,
			[]step{one(0, ev(1, "server:starting", 0), "."), one(ms, on(2, ms), "."), one(ms, off(3, 2*ms), ".")},
			[]string{"server:starting 1", "server:online 2", "server:offline 3"}, nil, 0},
		{"a lamp that flaps: the last state, and how many were held", knobs,
			[]step{{0, flap(0, ms, 8), "...hhhhh"}},
			[]string{"server:online 0", "server:offline 1", "server:online 2"}, []string{"server:offline 7x5"}, 2 * time.Second},
		{"each change makes it wait again", knobs,
			[]step{{0, flap(0, ms, 4), "...h"}, one(1500*ms, on(4, 1500*ms), "h"), one(1500*ms, off(5, 3*time.Second), "h")},
			[]string{"server:online 0", "server:offline 1", "server:online 2"}, []string{"server:offline 5x3"}, 2 * time.Second},
		{"the same state again is no change", knobs,
			[]step{{0, flap(0, ms, 5), "...hh"}, one(1500*ms, on(5, 1500*ms), "h")},
			[]string{"server:online 0", "server:offline 1", "server:online 2"}, []string{"server:online 5x3"}, 500 * ms},
		{"a state said again and again is not flapping", knobs,
			[]step{{0, []event.Event{on(1, 0), on(2, ms), on(3, 2*ms), on(4, 3*ms), on(5, 4*ms)}, "....."}},
			[]string{"server:online 1", "server:online 2", "server:online 3", "server:online 4", "server:online 5"}, nil, 0},
		{"one that never rests is shown now and then", Options{Debounce: 2 * time.Second, Longest: 3 * time.Second},
			[]step{{0, flap(0, time.Second, 3), "..."}, one(0, off(3, 1500*ms), "h"), one(1600*ms, on(4, 1600*ms), "h"), one(1300*ms, off(5, 1700*ms), "h"),
				one(200*ms, on(6, 1800*ms), "h")},
			[]string{"server:online 0", "server:offline 1", "server:online 2", "server:offline 5x3"}, []string{"server:online 6x1"}, 2 * time.Second},
		{"history passes whole, whenever it comes", knobs,
			[]step{{0, flap(0, 2*time.Second, 6), "......"}},
			[]string{"server:online 0", "server:offline 1", "server:online 2", "server:offline 3", "server:online 4", "server:offline 5"}, nil, 0},
		{"what flapped long before the next event goes before it", knobs,
			[]step{{0, append(flap(0, ms, 6), on(6, time.Minute)), "...hhh."}},
			[]string{"server:online 0", "server:offline 1", "server:online 2", "server:offline 5x3", "server:online 6"}, nil, 0},
		{"an own id is never held, and what is held goes before it", knobs,
			[]step{{0, flap(0, ms, 5), "...hh"}, one(ms, keyed(off(5, 6*ms)), ".")},
			[]string{"server:online 0", "server:offline 1", "server:online 2", "server:online 4x2", "server:offline 5"}, nil, 0},
		{"servers flap apart", knobs,
			[]step{{0, append(flap(0, ms, 3), of("b", off(9, 0))), "...."}},
			[]string{"server:online 0", "server:offline 1", "server:online 2", "server:offline 9"}, nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(record)
				p, stop := begin(t, log, row.o)
				for i, s := range row.steps {
					time.Sleep(s.wait)
					synctest.Wait() // what was due in between is recorded
					got := ""
					receipts, err := p.Append(t.Context(), s.events)
					for _, r := range receipts {
						got += map[bool]string{true: "h", false: "."}[r.ID.IsZero()]
					}
					if err != nil || got != s.held {
						t.Fatalf("step %d: held %s, %v; want %s", i, got, err, s.held)
					}
				}
				if got := log.list(); !reflect.DeepEqual(got, row.now) {
					t.Fatalf("recorded at once:\ngot  %q\nwant %q", got, row.now)
				}
				want := append(row.now, row.later...)
				if row.when > 0 {
					time.Sleep(row.when - time.Nanosecond)
					synctest.Wait()
					if got := log.list(); !reflect.DeepEqual(got, row.now) {
						t.Fatalf("recorded too soon:\ngot  %q\nwant %q", got, row.now)
					}
					time.Sleep(time.Nanosecond)
				}
				synctest.Wait()
				if got := log.list(); !reflect.DeepEqual(got, want) {
					t.Fatalf("recorded in time:\ngot  %q\nwant %q", got, want)
				}
				time.Sleep(time.Minute)
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if got := log.list(); !reflect.DeepEqual(got, want) {
					t.Fatalf("recorded in the end:\ngot  %q\nwant %q", got, want)
				}
				checkStats(t, p, log)
			})
		})
	}
}

// checkStats compares the counters of a Pacer whose Run has ended with what is recorded.
func checkStats(t *testing.T, p *Pacer, log *record) {
	t.Helper()
	s := p.Stats()
	if s.Waits != 0 || s.Held != s.Released+s.Superseded+s.Flapped || s.Accepted-s.Superseded-s.Flapped != uint64(len(log.list())) {
		t.Errorf("the counters do not add up: %+v, %d recorded", s, len(log.list()))
	}
	if p.bytes != 0 || p.taken != 0 || len(p.due) != 0 {
		t.Errorf("left over: %d bytes held, %d slots taken, %d due", p.bytes, p.taken, len(p.due))
	}
}

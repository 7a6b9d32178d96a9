package pace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A crowd publishes at random through one Pacer, and remembers what was accepted.
type crowd struct {
	p    *Pacer
	next atomic.Int64 // numbers of events

	mu       sync.Mutex
	accepted []accepted
}

type accepted struct {
	event.Event
	n       int
	held    bool
	id      event.ID
	callEnd int64 // events numbered from here on were made after the call had returned
}

func random(rnd *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(d)))
}

// publish makes so many calls about the given servers.
func (c *crowd) publish(ctx context.Context, rnd *rand.Rand, servers []string, calls int) {
	types := []string{"metrics:cpu", "metrics:cpu", "metrics:memory", "metrics:own", "server:online", "server:offline", "server:online",
		"server:error", "server:own", "deployment:ready", "logs:app"}
	for range calls {
		batch := make([]event.Event, 1+rnd.IntN(6))
		for i := range batch {
			n := int(c.next.Add(1))
			e := ev(n, types[rnd.IntN(len(types))], 0)
			e.Server = servers[rnd.IntN(len(servers))]
			e.Time = time.Now().Add(time.Duration(i) * 20 * ms)
			switch rnd.IntN(12) {
			case 0:
				e.Key = fmt.Sprint("k", n)
			case 1:
				e.Time = e.Time.Add(-random(rnd, 100*ms)) // late
			case 2:
				e.Time = e.Time.Add(-random(rnd, time.Hour)) // history
			}
			batch[i] = e
		}
		receipts, err := c.p.Append(ctx, batch)
		if err == nil {
			end := c.next.Load() + 1
			c.mu.Lock()
			for i, r := range receipts {
				c.accepted = append(c.accepted, accepted{batch[i], member(batch[i], "n"), r.ID.IsZero(), r.ID, end})
			}
			c.mu.Unlock()
		}
		if rnd.IntN(3) == 0 {
			time.Sleep(random(rnd, 3*time.Second))
		} else {
			time.Sleep(random(rnd, 40*ms))
		}
	}
}

// Whatever is published by whomever, through a record that is slow and fails now and then: the newest arrives, nothing older
// behind it, nothing but samples and lamps is held, and every event is accounted for.
func TestTheNewestAlwaysArrives(t *testing.T) {
	for _, row := range []struct {
		name       string
		publishers int
		shared     bool // all publish about the same servers
	}{
		{"one publisher", 1, false},
		{"each has servers of its own", 4, false},
		{"all have the same servers", 4, true},
	} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s, seed %d", row.name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rnd := rand.New(rand.NewPCG(seed, 1))
					log := &record{
						delay: func() time.Duration { return rand.N(10 * ms) },
						fail: func() error {
							if rnd.IntN(10) == 0 {
								return errFull
							}
							return nil
						},
					}
					p, stop := begin(t, log, knobs)
					c := &crowd{p: p}
					var publishers sync.WaitGroup
					for i := range row.publishers {
						servers := []string{"a", "b"}
						if !row.shared {
							servers = []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}
						}
						publishers.Go(func() { c.publish(t.Context(), rand.New(rand.NewPCG(seed, uint64(2+i))), servers, 150) })
					}
					publishers.Wait()
					log.mu.Lock()
					log.fail = nil
					log.mu.Unlock()
					if err := stop(); !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					checkStats(t, p, log)
					c.check(t, log.events, !row.shared)
				})
			})
		}
	}
}

// check compares what was accepted with what is recorded. Ordered: calls about one server came one after the other.
func (c *crowd) check(t *testing.T, recorded []event.Event, ordered bool) {
	t.Helper()
	slices.SortFunc(c.accepted, func(a, b accepted) int { return a.n - b.n })
	where := make(map[int]int) // by number, where it is recorded
	flapped := 0               // sum of all "flapped"
	released := 0
	for i, e := range recorded {
		n := member(e, "n")
		if _, twice := where[n]; twice {
			t.Fatalf("event %d is recorded twice", n)
		}
		where[n] = i
		if f := member(e, "flapped"); f >= 0 {
			flapped += f
			released++
		}
	}
	lampsHeld, heldSamples := 0, 0
	for _, a := range c.accepted {
		at, there := where[a.n]
		lamp, sample := lamps[a.Type], a.Class() == event.Sample
		switch {
		case a.held && (a.Key != "" || !lamp && !sample):
			t.Fatalf("event %d, %s with key %q, was held", a.n, a.Type, a.Key)
		case !a.held && (!there || recorded[at].ID != a.id):
			t.Fatalf("event %d, %s, has a receipt for %s and is not there", a.n, a.Type, a.id)
		case a.held && lamp:
			lampsHeld++
		case a.held:
			heldSamples++
		}
	}
	if lampsHeld != flapped || released == 0 || heldSamples == 0 {
		t.Errorf("%d lamps were held, and the record tells of %d in %d events; %d samples were held", lampsHeld, flapped, released, heldSamples)
	}

	groups := make(map[key][]accepted)
	for _, a := range c.accepted {
		switch {
		case lamps[a.Type]:
			k := key{a.Server, ""}
			groups[k] = append(groups[k], a)
		case a.Class() == event.Sample:
			k := key{a.Server, a.Type}
			groups[k] = append(groups[k], a)
		}
	}
	for k, all := range groups {
		if k.lamp() {
			if last := all[len(all)-1]; ordered {
				if _, there := where[last.n]; !there {
					t.Errorf("%s: the last word of the lamp, event %d, is not recorded", k.server, last.n)
				}
			}
		}
		for i, a := range all {
			at, there := where[a.n]
			for _, b := range all[i+1:] {
				bAt, bThere := where[b.n]
				after := int64(b.n) >= a.callEnd || ordered // b was surely published after a
				if k.lamp() && there && bThere && after && bAt < at {
					t.Fatalf("%s: lamp event %d is recorded behind %d, which came later", k.server, a.n, b.n)
				}
			}
			if k.lamp() {
				continue
			}
			newer := func(b accepted) bool { return b.n != a.n && !b.Time.Before(a.Time) && b.Time.Sub(a.Time) < time.Minute }
			if !there && !slices.ContainsFunc(all, func(b accepted) bool { _, bThere := where[b.n]; return bThere && newer(b) }) {
				t.Fatalf("%s %s: event %d is not recorded, nor anything as new", k.server, k.typ, a.n)
			}
			if !there || !a.held {
				continue
			}
			for _, b := range all {
				if bAt, bThere := where[b.n]; bThere && bAt < at && b.Time.After(a.Time) && (ordered && b.n > a.n || int64(b.n) >= a.callEnd) {
					t.Fatalf("%s %s: event %d, which was held, is recorded behind %d, which is newer", k.server, k.typ, a.n, b.n)
				}
			}
		}
	}

	// What passes of one publisher's calls keeps its order, server by server.
	if !ordered {
		return
	}
	last := make(map[string]accepted)
	for _, a := range c.accepted {
		if a.held {
			continue
		}
		if b, ok := last[a.Server]; ok && where[b.n] > where[a.n] {
			t.Fatalf("%s: event %d passed before %d and is recorded behind it", a.Server, b.n, a.n)
		}
		last[a.Server] = a
	}
}

package flood

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// What presets measure that is not one load from beginning to end.

// play calls f with a session of the load on t, begun, and its meter.
func (b *Bench) play(ctx context.Context, t Target, o Load, f func(*meter) error) error {
	s, err := newSession(t, o)
	if err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	return f(&meter{s: s, progress: b.Progress, r: &Result{Target: t.Name, Load: s.o, Collected: t.GC != ""}})
}

// all waits until regular followers have all that is due.
func (m *meter) all(ctx context.Context, phase string) error {
	ctx, cancel := context.WithTimeout(ctx, settleGrace)
	defer cancel()
	return m.watch(ctx, phase, func() (bool, error) {
		got, want := m.s.fresh.Load(), m.s.due.Load()
		if got < want && ctx.Err() != nil {
			return false, fmt.Errorf("flood: %s: %d of %d events arrived within %v: %w", phase, got, want, settleGrace, ctx.Err())
		}
		return got >= want, nil
	})
}

const (
	resumers   = 100
	resumeBack = 10_000
	resumeRuns = 5
)

func resume(ctx context.Context, b *Bench, rep *Report, _ time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "telltale-flood-")
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rep.Table.Head = []string{"", "events/s", "best", "server CPU s/M", "wrong"}
	var m missed
	memory, disk := &resumption{from: "memory"}, &resumption{from: "disk"}
	err = b.serving(ctx, dir, func(t Target) error {
		if m, err = b.prepare(ctx, t); err != nil {
			return err
		}
		for range resumeRuns {
			if err := b.resumed(ctx, t, m, memory); err != nil {
				return err
			}
		}
		return nil
	})
	// A server that was started anew has nothing in memory: what is missed then comes from disk.
	for i := 0; i < resumeRuns && err == nil; i++ {
		err = b.serving(ctx, dir, func(t Target) error { return b.resumed(ctx, t, m, disk) })
	}
	if err != nil {
		return err
	}
	memory.report(rep)
	disk.report(rep)
	rep.atLeast("events a second from memory, for all who come back", memory.rate(), 3e6, "")
	rep.atLeast("events a second from disk", disk.rate(), 3e5, "")
	return nil
}

// serving calls f with a server of ours over the record in dir.
func (b *Bench) serving(ctx context.Context, dir string, f func(Target) error) error {
	srv, err := b.start(ctx, Ours, dir)
	if err != nil {
		return err
	}
	return errors.Join(f(srv.Target), srv.stop())
}

// missed is what those who come back have missed: all events of a run after a place.
type missed struct {
	run    uint32
	place  string
	events int
}

// resumption adds up several times that all came back at once.
type resumption struct {
	from        string
	runs        int
	each        int     // events in one run, over all who came back
	events      int     // in all of them
	best, total float64 // seconds
	cpu         float64 // seconds
	wrong       uint64
}

func (r *resumption) rate() float64 { return float64(r.events) / r.total }

func (r *resumption) report(rep *Report) {
	rep.Table.Rows = append(rep.Table.Rows, []string{
		"from " + r.from, countText(r.rate()), countText(float64(r.each) / r.best),
		fmt.Sprintf("%.3f", r.cpu/float64(r.events)*1e6), countText(float64(r.wrong)),
	})
	rep.atMost("lost, doubled or out of order from "+r.from, float64(r.wrong), 0, "")
}

// prepare publishes what will have been missed.
func (b *Bench) prepare(ctx context.Context, t Target) (what missed, err error) {
	err = b.play(ctx, t, Load{Connections: 1, Batch: 500, Publishers: 1}, func(m *meter) error {
		if err := m.join(ctx, m.s.followers); err != nil { // so that there is somebody to remember it for
			return err
		}
		p := newPublisher(m.s, 0)
		defer p.client.CloseIdleConnections()
		if err := p.send(ctx, 1, m.s.now()); err != nil {
			return err
		}
		what = missed{run: m.s.run, place: *m.s.lastPlace.Load()}
		for ; what.events < resumeBack; what.events += m.s.o.Batch {
			if err := p.send(ctx, m.s.o.Batch, m.s.now()); err != nil {
				return err
			}
		}
		return m.all(ctx, "publishing")
	})
	return what, err
}

// resumed measures how fast all who come back at once get what they missed, and adds it to r.
func (b *Bench) resumed(ctx context.Context, t Target, what missed, r *resumption) error {
	who := b.of(resumers)
	r.each = who * what.events
	before, _ := usageOf(t.PID)
	err := b.play(ctx, t, Load{Connections: who}, func(m *meter) error {
		m.s.run = what.run
		for _, f := range m.s.followers {
			f.first = false
			f.next[event.State] = 2
			f.idLen = copy(f.id[:], what.place)
		}
		m.s.due.Store(int64(r.each))
		began := m.s.now()
		m.s.connect(ctx, m.s.followers...)
		if err := m.all(ctx, "resuming"); err != nil {
			return err
		}
		took := time.Duration(m.s.arrived.Load() - began).Seconds() // by the lanes' word: this loop looks now and then
		if r.runs == 0 || took < r.best {
			r.best = took
		}
		r.total += took
		r.runs++
		r.events += r.each
		sum, _ := m.s.sum()
		r.wrong += sum.Lost + sum.Doubled + sum.Disordered + sum.Strays + sum.Broken
		return nil
	})
	after, _ := usageOf(t.PID)
	r.cpu += (after.cpu - before.cpu).Seconds()
	return err
}

// idleSteps are how many streams are held, from step to step.
var idleSteps = []int{5_000, 10_000, 18_000}

func idle(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	rep.Table.Head = []string{"streams", "server memory", "each further one"}
	return b.with(ctx, Ours, func(t Target) error {
		most := room(b.of(idleSteps[len(idleSteps)-1]))
		return b.play(ctx, t, Load{Connections: most}, func(m *meter) error {
			// The first streams pay for what is paid once: code, buffers, the first picture.
			warm := b.of(100)
			if err := m.join(ctx, m.s.followers[:warm]); err != nil {
				return err
			}
			var base, last int64
			if err := m.memory(&base); err != nil {
				return err
			}
			have, worst := warm, 0.
			last = base
			rep.Table.Rows = append(rep.Table.Rows, []string{countText(float64(warm)), bytesText(float64(base)), ""})
			for _, n := range idleSteps {
				if n = min(b.of(n), most); n <= have {
					continue
				}
				if err := m.join(ctx, m.s.followers[have:n]); err != nil {
					return err
				}
				var now int64
				if err := m.memory(&now); err != nil {
					return err
				}
				each := float64(now-last) / float64(n-have)
				worst = max(worst, each)
				rep.Table.Rows = append(rep.Table.Rows, []string{fmt.Sprint(n), bytesText(float64(now)), bytesText(each)})
				have, last = n, now
			}
			slope := float64(last-base) / float64(have-warm)
			rep.Table.Rows = append(rep.Table.Rows, []string{"a million, by the slope", bytesText(float64(base) + slope*1e6), bytesText(slope)})
			rep.atMost("server memory of each further stream", worst/1024, 1.5, " KB")

			hold, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			_ = m.watch(hold, "holding", func() (bool, error) { return hold.Err() != nil, nil })
			if ctx.Err() != nil {
				return ctx.Err()
			}
			m.s.mu.Lock()
			cut := m.s.cut
			m.s.mu.Unlock()
			rep.atLeast(fmt.Sprintf("streams alive after %v", d), float64(m.s.open.Load()), float64(most), "")
			rep.atMost("streams that ended on the way", float64(cut)+float64(m.s.opened.Load()-int64(most)), 0, "")
			p := newPublisher(m.s, 0)
			defer p.client.CloseIdleConnections()
			if err := p.send(ctx, 1, m.s.now()); err != nil {
				return err
			}
			err := m.all(ctx, "one event")
			sum, _ := m.s.sum()
			rep.atLeast("streams that a published event reached", float64(sum.Deliveries), float64(most), "")
			lat := sum.Latency.latency()
			rep.Table.Rows = append(rep.Table.Rows, []string{"one event to all", fmt.Sprintf("p50 %.1f ms", lat.P50), fmt.Sprintf("last %.1f ms", lat.Max)})
			return err
		})
	})
}

// storming: connections come and go under load; then all must be given back; then the server is told to end in the middle of
// more of it.
func storming(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	srv, err := b.start(ctx, Ours, "")
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = srv.stop()
		}
	}()
	rate := b.of(1000)
	before := 0
	err = b.play(ctx, srv.Target, Load{Connections: 1}, func(m *meter) error { // with a stream open, all that is opened once is
		if err := m.join(ctx, m.s.followers); err != nil {
			return err
		}
		n, err := filesOf(srv.PID)
		before = n - 1
		return err
	})
	if err != nil {
		return err
	}
	r, err := Measure(ctx, srv.Target, Load{Connections: b.of(200), Topics: 10, Rate: 1000, Storm: rate, Duration: d}, b.Progress)
	if r != nil {
		rep.Results = append(rep.Results, r)
	}
	if err != nil {
		return err
	}
	left, err := b.drained(ctx, srv.PID, before)
	if err != nil {
		return err
	}
	rep.atLeast("connections that came and went", float64(r.Passed), 0.9*float64(rate)*d.Seconds(), "")
	rep.atMost("descriptors the server has more than before", float64(left-before), 0, "")

	err = b.play(ctx, srv.Target, Load{Connections: b.of(1000), Topics: 10, Rate: 1000, Storm: rate}, func(m *meter) error {
		if err := m.join(ctx, m.s.followers); err != nil {
			return err
		}
		busy, cancel := context.WithCancel(ctx)
		var work sync.WaitGroup
		defer work.Wait()
		defer cancel()
		work.Go(func() { m.s.storm(busy) })
		p := newPublisher(m.s, 0)
		work.Go(func() { _ = p.run(busy) }) // it fails when the server goes
		some, enough := context.WithTimeout(ctx, time.Second)
		defer enough()
		_ = m.watch(some, "storming", func() (bool, error) { return some.Err() != nil, nil })
		began := time.Now()
		stopped = true
		err := srv.stop()
		_, closed := m.s.sum()
		rep.atMost("seconds from SIGTERM in a storm to the end", time.Since(began).Seconds(), stopPatience.Seconds(), "")
		rep.Checks = append(rep.Checks, Check{"the server ended as it should", fmt.Sprint(err), "<nil>", err == nil})
		rep.atLeast("streams that were told why", float64(closed["shutdown"]), float64(len(m.s.followers)), "")
		return nil
	})
	return err
}

// drained waits until the process has no more descriptors than want, and returns how many it has, at the latest after a while.
func (b *Bench) drained(ctx context.Context, pid, want int) (int, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	patience := time.NewTimer(settleGrace)
	defer patience.Stop()
	for {
		n, err := filesOf(pid)
		if err != nil || n <= want {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-patience.C:
			return n, nil
		case <-tick.C:
		}
	}
}

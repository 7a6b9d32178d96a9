package flood

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Result says what became of a load.
type Result struct {
	Target  string  `json:"target"`
	Load    Load    `json:"load"`
	Seconds float64 `json:"seconds"` // from the first event published until the last one was everywhere

	Published    uint64  `json:"published"`
	PublishRate  float64 `json:"publishedPerSecond"`
	BehindMs     float64 `json:"behindMs"` // how late the publishers were at the end; 0 when flat out
	Deliveries   uint64  `json:"deliveries"`
	DeliveryRate float64 `json:"deliveriesPerSecond"` // to the regular connections
	Others       uint64  `json:"otherDeliveries"`     // to slow, stalled and passing ones
	Bytes        uint64  `json:"bytes"`               // of all streams, behind the HTTP framing, before decompression
	EventBytes   float64 `json:"bytesPerDelivery"`
	Latency      Latency `json:"latency"` // regular connections only

	// What must be nothing, all checked for each connection and event.
	Lost       uint64 `json:"lost"`
	Doubled    uint64 `json:"doubled"`
	Disordered uint64 `json:"outOfOrder"`
	Strays     uint64 `json:"strays"` // events of topics the connection did not ask for
	Broken     uint64 `json:"broken"` // frames, heads and chunks that can't be read
	// What the server may do where it says so.
	Thinned uint64 `json:"thinned"`     // events left out under a stream:gap
	Told    uint64 `json:"thinnedTold"` // the same as the server counts it
	Resets  uint64 `json:"resets"`
	Foreign uint64 `json:"foreign"` // events of other publishers

	Opened  int64             `json:"opened"`
	Open    int64             `json:"open"` // at the end
	Passed  int64             `json:"passed"`
	Closed  map[string]uint64 `json:"closed,omitempty"`  // by the server, by its reason
	Cut     uint64            `json:"cut"`               // ended without a reason
	Refused map[string]uint64 `json:"refused,omitempty"` // by HTTP status; "connect": no connection, "0": no answer

	CPUSeconds    float64 `json:"serverCpuSeconds"`
	CPUPerMillion float64 `json:"serverCpuSecondsPerMillion"` // deliveries
	ClientCPU     float64 `json:"clientCpuSeconds"`
	// Memory in bytes, of the server's own process; 0: not known.
	MemoryIdle int64 `json:"memoryIdle"` // before the first connection
	MemoryOpen int64 `json:"memoryOpen"` // with all connections, before the load
	MemoryPeak int64 `json:"memoryPeak"` // while the load lasted, not collected
	MemoryEnd  int64 `json:"memoryEnd"`  // with all connections, after the load
	Collected  bool  `json:"collected"`  // idle, open and end are after a forced collection

	PerConnection float64 `json:"memoryPerConnection"`
	Note          string  `json:"note,omitempty"`
}

// Failed returns an error when an event was lost, doubled, out of order, astray or broken.
func (r *Result) Failed() error {
	if r.Lost+r.Doubled+r.Disordered+r.Strays+r.Broken == 0 {
		return nil
	}
	return fmt.Errorf("flood: %s: %d events lost, %d doubled, %d out of order, %d astray, %d broken", r.Target, r.Lost, r.Doubled, r.Disordered, r.Strays, r.Broken)
}

// Progress is told once a second while a load lasts.
type Progress struct {
	Target     string
	Phase      string // "connecting", "loading", "settling", …
	Elapsed    time.Duration
	Open       int64
	Published  uint64
	Deliveries uint64
	Rate       float64 // deliveries a second, of the last second
	P99        time.Duration
	Wrong      uint64 // lost, doubled, disordered
	CPU        float64
	Memory     int64
}

const (
	// joinGrace bounds how long connections may take to be live, and settleGrace how long the last events may take to be
	// everywhere; slowGrace the same where slow readers have to catch up.
	joinGrace   = time.Minute
	firstGrace  = 5 * time.Second // for the first of them not to be refused
	settleGrace = 15 * time.Second
	slowGrace   = time.Minute
)

// Measure puts a target under load. It returns when no connection is left. Progress may be nil. The end of ctx ends the
// load early, and what was measured until then is returned with ctx's error.
func Measure(ctx context.Context, t Target, o Load, progress func(Progress)) (*Result, error) {
	s, err := newSession(t, o)
	if err != nil {
		return nil, err
	}
	m := &meter{s: s, progress: progress, r: &Result{Target: t.Name, Load: s.o, Collected: t.GC != ""}}
	if err := m.memory(&m.r.MemoryIdle); err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	if err := m.join(ctx, s.followers); err != nil {
		return nil, err
	}
	if err := m.memory(&m.r.MemoryOpen); err != nil {
		return nil, err
	}
	err = m.load(ctx)
	m.r.Open = s.open.Load()
	return m.r, errors.Join(err, m.memory(&m.r.MemoryEnd))
}

// meter measures one session.
type meter struct {
	s          *session
	r          *Result
	progress   func(Progress)
	publishers []*publisher
	peak       int64
}

// join connects followers and waits until all of them are live.
func (m *meter) join(ctx context.Context, list []*follower) error {
	s := m.s
	want := s.live.Load() + int64(len(list))
	ctx, cancel := context.WithTimeout(ctx, joinGrace)
	defer cancel()
	began := time.Now()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { s.connect(ctx, list...) })
	return m.watch(ctx, "connecting", func() (bool, error) {
		switch n := s.live.Load(); {
		case n >= want:
			return true, nil
		case ctx.Err() != nil, s.opened.Load() == 0 && time.Since(began) > firstGrace && len(s.refusals()) > 0:
			cancel()
			s.mu.Lock()
			err := cmp.Or(s.dialing, ctx.Err())
			s.mu.Unlock()
			return false, fmt.Errorf("flood: %d of %d connections were live after %v; refused: %v: %w",
				n-want+int64(len(list)), len(list), time.Since(began).Truncate(time.Second), s.refusals(), err)
		}
		return false, nil
	})
}

// load publishes for the session's duration and waits until all of it is everywhere.
func (m *meter) load(ctx context.Context) error {
	s, r := m.s, m.r
	before, known := m.usage()
	self, _ := usageOf(os.Getpid())
	began := time.Now()
	running, stop := context.WithTimeout(ctx, s.o.Duration)
	defer stop()
	var work sync.WaitGroup
	failed := make(chan error, s.o.Publishers)
	for i := range s.o.Publishers {
		p := newPublisher(s, i)
		m.publishers = append(m.publishers, p)
		work.Go(func() {
			if err := p.run(running); err != nil {
				failed <- err
				stop()
			}
		})
	}
	if s.o.Storm > 0 {
		work.Go(func() { s.storm(running) })
	}
	_ = m.watch(running, "loading", func() (bool, error) { return running.Err() != nil, nil })
	work.Wait()
	close(failed)
	err := errors.Join(<-failed, ctx.Err())

	close(s.awake)
	grace := settleGrace
	if s.o.Slow+s.o.Stalled > 0 {
		grace = slowGrace
	}
	settling, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if s.o.Connections > 0 {
		_ = m.watch(settling, "settling", func() (bool, error) { return settling.Err() != nil || s.fresh.Load() >= s.due.Load(), nil })
	}
	r.Seconds = time.Since(began).Seconds()
	after, _ := m.usage()
	mine, _ := usageOf(os.Getpid())
	_ = m.watch(settling, "settling", func() (bool, error) { return settling.Err() != nil || m.missing(false) == 0, nil })
	m.missing(true)
	m.sum()
	if known {
		r.CPUSeconds = (after.cpu - before.cpu).Seconds()
		r.ClientCPU = (mine.cpu - self.cpu).Seconds()
		if n := r.Deliveries + r.Others; n > 0 {
			r.CPUPerMillion = r.CPUSeconds / float64(n) * 1e6
		}
		r.MemoryPeak = m.peak
	}
	return err
}

// missing returns how many events the followers still have to see, beyond what the server said it left out. With final they
// are counted as lost, or thinned.
func (m *meter) missing(final bool) (n uint64) {
	last := make(map[uint32][classes]uint64)
	for _, p := range m.publishers {
		for i, t := range p.topics {
			last[t] = p.last[i]
		}
	}
	for _, f := range m.s.followers {
		f.lane.mu.Lock()
		for class, got := range f.next {
			want := last[f.topic][class] + 1
			if got == 0 || got >= want {
				continue
			}
			thinned := f.pending(event.Class(class))
			if !thinned {
				n += want - got
			}
			if final && thinned {
				f.lane.tally.Thinned += want - got
			} else if final {
				f.lane.tally.Lost += want - got
			}
		}
		f.lane.mu.Unlock()
	}
	return n
}

// sum fills in what the lanes and publishers have counted.
func (m *meter) sum() {
	s, r := m.s, m.r
	t, closed := s.sum()
	for _, p := range m.publishers {
		r.Published += p.published.Load()
		r.BehindMs = max(r.BehindMs, float64(p.held.Microseconds())/1000)
	}
	r.Deliveries, r.Others, r.Bytes = t.Deliveries, t.Others, t.Bytes
	r.Lost, r.Doubled, r.Disordered, r.Strays, r.Broken = t.Lost, t.Doubled, t.Disordered, t.Strays, t.Broken
	r.Thinned, r.Told, r.Resets, r.Foreign = t.Thinned, t.Told, t.Resets, t.Foreign
	r.Latency = t.Latency.latency()
	r.Opened, r.Passed, r.Closed, r.Refused = s.opened.Load(), s.passed.Load(), closed, s.refusals()
	s.mu.Lock()
	r.Cut = s.cut
	s.mu.Unlock()
	if r.Seconds > 0 {
		r.DeliveryRate = float64(r.Deliveries) / r.Seconds
		r.PublishRate = float64(r.Published) / r.Seconds
	}
	if n := r.Deliveries + r.Others; n > 0 {
		r.EventBytes = float64(r.Bytes) / float64(n)
	}
}

// sum adds up the lanes.
func (s *session) sum() (*tally, map[string]uint64) {
	sum, closed := new(tally), make(map[string]uint64)
	for _, l := range s.lanes {
		l.mu.Lock()
		sum.merge(&l.tally)
		for why, n := range l.closings {
			closed[why] += n
		}
		l.mu.Unlock()
	}
	return sum, closed
}

func (s *session) refusals() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]uint64, len(s.refused))
	for why, n := range s.refused {
		out[why] = n
	}
	return out
}

// usage asks about the target's process, where that is known.
func (m *meter) usage() (usage, bool) {
	if m.s.t.PID == 0 {
		return usage{}, false
	}
	u, err := usageOf(m.s.t.PID)
	return u, err == nil
}

// memory notes how much memory the target holds, collected where it can be.
func (m *meter) memory(to *int64) error {
	if err := m.s.t.collect(); err != nil {
		return err
	}
	runtime.GC() // ours, now, so that it isn't in the measurement
	if u, ok := m.usage(); ok {
		*to = u.memory
	}
	if n := m.s.o.Connections; to == &m.r.MemoryOpen && n > 0 && *to > 0 {
		m.r.PerConnection = float64(*to-m.r.MemoryIdle) / float64(len(m.s.followers))
	}
	return nil
}

// watch calls done often until it says so or ctx ends, and tells of the progress once a second.
func (m *meter) watch(ctx context.Context, phase string, done func() (bool, error)) error {
	const look = 20 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	began := time.Now()
	told, last := began, uint64(0)
	first, _ := m.usage()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		m.s.mu.Lock()
		err := m.s.failure
		m.s.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			_, err := done()
			return err
		case <-tick.C:
		}
		since := time.Since(told)
		if since < time.Second {
			continue
		}
		told = time.Now()
		u, _ := m.usage()
		m.peak = max(m.peak, u.memory)
		if m.progress == nil {
			continue
		}
		t, _ := m.s.sum()
		p := Progress{
			Target: m.s.t.Name, Phase: phase, Elapsed: time.Since(began).Truncate(time.Second), Open: m.s.open.Load(),
			Deliveries: t.Deliveries, P99: t.Latency.at(0.99), Wrong: t.Lost + t.Doubled + t.Disordered,
			Memory: u.memory, CPU: (u.cpu - first.cpu).Seconds() / since.Seconds(),
		}
		for _, pub := range m.publishers {
			p.Published += pub.published.Load()
		}
		p.Rate, last, first = float64(t.Deliveries-last)/since.Seconds(), t.Deliveries, u
		m.progress(p)
	}
}

package flood

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// session is one load on one target, from its first connection to its last.
type session struct {
	o     Load
	t     Target
	addr  *net.TCPAddr
	url   *url.URL
	run   uint32
	start time.Time // the zero of the run's clock
	lanes []*lane
	wire  transport

	followers []*follower // all but those of storms
	dials     chan *follower
	loops     sync.WaitGroup
	cancel    context.CancelFunc
	awake     chan struct{} // closed when slow and stalled followers are to read like the others
	lastPlace atomic.Pointer[string]

	live    atomic.Int64 // streams that became live, ever
	open    atomic.Int64 // connections open
	opened  atomic.Int64 // connections accepted, ever
	fresh   atomic.Int64 // events that regular followers have seen, or missed
	due     atomic.Int64 // events that they should have seen
	passed  atomic.Int64 // connections of storms that are over
	arrived atomic.Int64 // when the last such event was read, on the run's clock
	gate    gate

	mu       sync.Mutex // guards what follows
	refused  map[string]uint64
	cut      uint64 // connections that ended without the server having said why
	comeback []redial
	dialing  error // why the last connection that failed did
	failure  error // the first that ends the run
}

// redial is a follower that is to connect again.
type redial struct {
	f   *follower
	due time.Time
}

// lane is a share of the followers. One goroutine at a time works on it, holding mu.
type lane struct {
	s        *session
	mu       sync.Mutex // guards what follows, and the lane's followers
	tally    tally
	fresh    int64             // events of regular followers that session.fresh lacks
	closings map[string]uint64 // connections that the server ended, by the reason it gave
}

// settle passes on what publishers wait for. The lane's lock is held.
func (l *lane) settle() {
	if l.fresh != 0 {
		l.s.arrived.Store(l.s.now())
		l.s.fresh.Add(l.fresh)
		l.fresh = 0
		l.s.gate.poke()
	}
}

// transport opens streams and hands their bytes to followers, holding the lane's lock; when one ends it calls session.ended.
type transport interface {
	// dial connects the follower. An error means that there is no connection, and ended is not called.
	dial(ctx context.Context, f *follower) error
	// stop ends all streams and waits for what the transport has started.
	stop()
}

func newSession(t Target, o Load) (*session, error) {
	if err := o.Fill(); err != nil {
		return nil, err
	}
	addr, u, err := t.address()
	if err != nil {
		return nil, err
	}
	if room := fileLimit(); room > 0 && o.Streams()+100 > room {
		return nil, fmt.Errorf("flood: %d connections need as many file descriptors here and as many in the server, and a process may have %d: "+
			"raise the limit (ulimit -n) or ask for fewer", o.Streams(), room)
	}
	s := &session{
		o: o, t: t, addr: addr, url: u, run: rand.Uint32(), start: time.Now(),
		dials: make(chan *follower, 1024), awake: make(chan struct{}), refused: make(map[string]uint64),
	}
	s.gate.cond.L = &s.gate.mu
	for range runtime.GOMAXPROCS(0) {
		s.lanes = append(s.lanes, &lane{s: s, closings: make(map[string]uint64)})
	}
	for i := range o.Connections {
		s.follow(i, regular)
	}
	for i := range o.Slow {
		s.follow(i, slow)
	}
	for i := range o.Stalled {
		s.follow(i, stalled)
	}
	return s, nil
}

func (s *session) follow(i int, k kind) {
	f := &follower{lane: s.lanes[len(s.followers)%len(s.lanes)], topic: uint32(i % s.o.Topics), kind: k, first: true}
	f.next = [classes]uint64{1, 1, 1}
	s.followers = append(s.followers, f)
}

// now is the run's clock.
func (s *session) now() int64 { return int64(time.Since(s.start)) }

// begin starts what connects and reads. End it with end.
func (s *session) begin(ctx context.Context) error {
	var err error
	if s.wire, err = newTransport(s); err != nil {
		return err
	}
	ctx, s.cancel = context.WithCancel(ctx)
	const dialers = 16
	for range dialers {
		s.loops.Go(func() { s.dialer(ctx) })
	}
	s.loops.Go(func() { s.redialer(ctx) })
	return nil
}

// end closes all connections and returns when nothing of the session runs any more.
func (s *session) end() {
	s.cancel()
	s.gate.open()
	s.loops.Wait()
	s.wire.stop()
}

// dialer connects followers.
func (s *session) dialer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-s.dials:
			if err := s.wire.dial(ctx, f); err != nil && ctx.Err() == nil {
				s.mu.Lock()
				s.refused["connect"]++
				s.dialing = err
				s.mu.Unlock()
				s.again(f, time.Second)
			}
		}
	}
}

// connect asks for followers to be connected, and waits where that many already wait.
func (s *session) connect(ctx context.Context, list ...*follower) {
	for _, f := range list {
		select {
		case s.dials <- f:
		case <-ctx.Done():
			return
		}
	}
}

// again has a follower connect once more, after a while.
func (s *session) again(f *follower, wait time.Duration) {
	if f.kind == passing {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.comeback = append(s.comeback, redial{f, time.Now().Add(wait)})
}

// redialer connects those who wait to come back.
func (s *session) redialer(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var due []*follower
		s.mu.Lock()
		rest := s.comeback[:0]
		for _, r := range s.comeback {
			if time.Now().Before(r.due) {
				rest = append(rest, r)
			} else {
				due = append(due, r.f)
			}
		}
		s.comeback = rest
		s.mu.Unlock()
		s.connect(ctx, due...)
	}
}

// accepted is called when a stream's head says 200. The lane's lock is held.
func (s *session) accepted(f *follower) {
	s.open.Add(1)
	s.opened.Add(1)
	if s.t.Bare {
		f.becomeLive()
	}
}

// turnedAway is called when a stream's head says anything else. The connection is over.
func (s *session) turnedAway(f *follower, status int) {
	s.mu.Lock()
	s.refused[strconv.Itoa(status)]++
	s.mu.Unlock()
	s.again(f, time.Second)
}

// ended is called when an accepted stream is over, whoever ended it. The lane's lock is held.
func (s *session) ended(f *follower) {
	s.open.Add(-1)
	if f.kind == passing {
		s.passed.Add(1)
		return
	}
	if f.closing == "" {
		s.mu.Lock()
		s.cut++
		s.mu.Unlock()
	}
	s.again(f, min(max(f.retry, 50*time.Millisecond), 2*time.Second))
}

// quiet reports whether a follower reads nothing now.
func (s *session) quiet(f *follower) bool {
	if f.kind != stalled && f.kind != slow || !f.live {
		return false
	}
	select {
	case <-s.awake:
		return false
	default:
		return true
	}
}

// fail notes what ends the run.
func (s *session) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

// gate lets publishers wait until the subscribers have taken what is under way.
type gate struct {
	waiting atomic.Int32
	mu      sync.Mutex // guards opened
	cond    sync.Cond  // over mu
	opened  bool       // for good
}

// wait returns when ok does, or the gate is opened.
func (g *gate) wait(ok func() bool) {
	if ok() {
		return
	}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.opened && !ok() {
		g.cond.Wait()
	}
}

// poke has those who wait look again.
func (g *gate) poke() {
	if g.waiting.Load() > 0 {
		g.mu.Lock()
		g.cond.Broadcast()
		g.mu.Unlock()
	}
}

// open lets everybody through for good.
func (g *gate) open() {
	g.mu.Lock()
	g.opened = true
	g.cond.Broadcast()
	g.mu.Unlock()
}

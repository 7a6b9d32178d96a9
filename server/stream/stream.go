package stream

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stat"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Options adjust a Server. The zero value of each field means its default.
type Options struct {
	Heartbeat time.Duration // time between heartbeats: 15 s, below the 30 s after which common proxies cut what is silent
	Retry     time.Duration // the reconnection time a stream begins with: 1 s
	// MaxAge is how long a stream lasts, give or take a quarter, so that load spreads again over servers that were added, and
	// nothing lasts for ever: 4 h. Below zero: no bound.
	MaxAge time.Duration
	// Stuck is how long a reader may take nothing at all: 30 s.
	Stuck time.Duration
	// SlowBytes is how far behind a slow reader may fall before it is thinned: 512 KiB, or as far as its feed reaches back. Below
	// zero: slow readers are not thinned.
	SlowBytes int64
	// Drain bounds how long Run waits at the end for closings to be read: 5 s.
	Drain time.Duration

	Portable bool // never detach
	Plain    bool // never compress
	Workers  int  // of detached streams: one for each CPU
	Readers  int  // goroutines that catch up for detached streams: 8

	// Record is asked whether the record can be reached, where it is in another process: see "When the record is away". nil: it always can.
	Record journal.Remote

	Version string       // of this program, for stream:sync
	Logger  *slog.Logger // nil: nowhere
}

func (o Options) withDefaults() Options {
	o.Heartbeat = cmp.Or(max(o.Heartbeat, 0), 15*time.Second)
	o.Retry = cmp.Or(max(o.Retry, 0), time.Second)
	o.MaxAge = cmp.Or(o.MaxAge, 4*time.Hour)
	o.Stuck = cmp.Or(max(o.Stuck, 0), 30*time.Second)
	o.Drain = cmp.Or(max(o.Drain, 0), 5*time.Second)
	o.Workers = cmp.Or(max(o.Workers, 0), runtime.GOMAXPROCS(0))
	o.Readers = cmp.Or(max(o.Readers, 0), 8)
	o.SlowBytes = cmp.Or(o.SlowBytes, 512<<10)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Request says what a reader wants.
type Request struct {
	Filter event.Filter
	// Every is the time in which one sample of each type and server is enough for it; zero: all. See [hub.Hub.SubscribeEvery].
	Every time.Duration
	After event.ID // where it was; zero: it is new
	// Foreign says that it was somewhere that is no place of ours: another program answered at this address before. It gets
	// the picture, and is told that what it had is not true.
	Foreign bool
	Gzip    bool // it accepts gzip

	// Restricted says that the filter is narrowed to what the reader may see: then no id, place or range that the stream names, and no
	// wake-up of it, tells of other events. See [hub.Subscription.Restricted].
	Restricted bool
	See        event.Filter // what a restricted reader may see altogether; zero: Filter. See [hub.Subscription.See].
	// Until is when the right to read ends; zero: never. At that moment, or at most a few seconds later, the stream gets "retry:" and
	// stream:closing with the reason "expired", and nothing is written in between. A stream whose time is over already gets only that.
	Until time.Time
	// Who is whose stream it is, for log lines: its LogValue is a group, such as stream, user and address. It is asked only when there is a line
	// to write, and kept as long as the stream lives, so it is best shared. Nil: nobody is named.
	Who slog.LogValuer
	// Opened is called once, when the stream is there, before its first byte is written, from the request's goroutine. It is not
	// called for a stream that could not be opened.
	Opened func(*Handle)
	// Ended is called once for each call of Serve, when the stream is over, with why, also where Serve has returned long ago and
	// where the stream could not be opened. It is called by who serves many other streams: it must not block, nor call this package.
	Ended func(Reason)
	// Poll, when not nil, is for a reader for whom there is no place: it gets what it missed, or the picture, as any other, and the heartbeat that
	// says that this is all; then "retry:" and this as stream:limit, with the place, and the answer ends. So an EventSource goes on as
	// a poller, and each poll brings all that was recorded since the one before. When to come again is RetryMs, 5 s unless
	// set, and up to half as much more by chance; Place is filled in.
	Poll *event.Limit
}

// Server turns requests into streams. All its methods may be called at once from any number of goroutines.
type Server struct {
	hub     *hub.Hub
	o       Options
	began   time.Time     // clocks of streams count from here
	closing chan struct{} // closed by Close
	close   func()
	count   counters
	pool    pool
	away    away

	mu      sync.Mutex // guards workers
	workers []*worker  // while Run runs
	next    int
}

// New returns a server of the hub's streams.
func New(h *hub.Hub, o Options) *Server {
	s := &Server{hub: h, o: o.withDefaults(), began: time.Now(), closing: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	s.away.changed = make(chan struct{})
	s.pool.limit = s.o.Readers
	s.count.delivery = stat.NewDurations()
	return s
}

// Close ends all streams, each with its reason and a time to come back. It does not wait for them; streams that are asked
// for from now on are told the same.
func (s *Server) Close() { s.close() }

// Run serves detached streams until ctx ends, for which it calls Close, or Close is called; it returns when none is left and all that it
// started has stopped.
// Without it streams are served all the same, by the portable writer. It may be called once. Portable streams are not waited
// for: they belong to their requests.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	watching, unwatch := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching) })
	defer watch.Wait()
	defer unwatch()
	if s.o.Portable || !canDetach {
		s.wait(ctx)
		return nil
	}
	// What a stream reads from the record is given up when the drain is over, and not before.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.pool.start(reading)
	workers := make([]*worker, s.o.Workers)
	for i := range workers {
		w, err := newWorker(s)
		if err != nil {
			for _, w := range workers[:i] {
				w.discard()
			}
			s.o.Logger.Warn("streams are not detached", "error", err)
			s.wait(ctx)
			return nil
		}
		workers[i] = w
	}
	var running sync.WaitGroup
	for _, w := range workers {
		running.Go(w.run)
	}
	s.mu.Lock()
	s.workers = workers
	s.mu.Unlock()
	s.wait(ctx)
	s.Close()
	cut := time.AfterFunc(s.o.Drain, stop) // who waits for the record is cut off too
	running.Wait()
	cut.Stop()
	stop()
	s.pool.wait()
	return nil
}

func (s *Server) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.closing:
	}
}

// pick returns a worker for one more stream, or nil when there is none.
func (s *Server) pick() *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.workers) == 0 {
		return nil
	}
	s.next++
	return s.workers[s.next%len(s.workers)]
}

// SetHeader sets what the answer to a request for a stream says.
func (s *Server) SetHeader(h http.Header, q Request) {
	h.Set("Content-Type", sse.ContentType)
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if !s.o.Plain {
		h.Add("Vary", "Accept-Encoding")
	}
	if s.zips(q) {
		h.Set("Content-Encoding", "gzip")
	}
}

func (s *Server) zips(q Request) bool { return q.Gzip && !s.o.Plain }

// Serve answers with the events that pass: what was missed since the place the reader names, or the present picture, and
// then everything as it is recorded, until the reader or the server ends it. Headers that w already has are sent too. It may
// return while the stream goes on: the connection is then no longer net/http's. Otherwise it returns when the stream has ended.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, q Request) {
	s.SetHeader(w.Header(), q)
	t := s.talk(r.Context(), q)
	if s.detach(w, r, t, q) {
		return
	}
	s.count.open(false)
	sink := &responseSink{w: w, rc: http.NewResponseController(w)}
	p := &portable{talk: t, sink: sink}
	if t.handle != nil {
		p.sooner = &sooner{wake: make(chan struct{}, 1), rc: sink.rc}
		if t.handle.more == nil {
			t.handle.more = new(more)
		}
		t.handle.more.sooner, t.handle.more.drain, sink.sooner = p.sooner, s.o.Drain, p.sooner
		defer p.sooner.stop()
		t.opened(q)
	}
	s.ended(t, p.run(r.Context()), false)
}

// now is the streams' clock.
func (s *Server) now() time.Duration { return time.Since(s.began) }

// jitter returns a time between three and five quarters of d.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }

// comeBack returns when a stream that we end is to come back: never all in the same moment, and no more than some two thousand a
// second of all there are.
func (s *Server) comeBack() time.Duration {
	spread := min(s.o.Retry*3/2+time.Duration(s.count.openNow())*time.Millisecond/2, 30*time.Second)
	return s.o.Retry/2 + rand.N(spread+1)
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Proxy stands before one address. Make it with New.
type Proxy struct {
	ln     net.Listener
	target string
	seed   uint64
	o      Options

	mu     sync.Mutex // guards what follows
	storm  bool
	calmed chan struct{} // closed when the storm that is on is over
	counts Counts
	conns  int
}

// New returns a calm proxy that will accept from the listener and dial target for each connection. It owns the listener.
func New(ln net.Listener, target string, seed uint64, o Options) *Proxy {
	calmed := make(chan struct{})
	close(calmed)
	return &Proxy{ln: ln, target: target, seed: seed, o: o.withDefaults(), calmed: calmed}
}

// URL is where to come in.
func (p *Proxy) URL() string { return "http://" + p.ln.Addr().String() }

// Run serves until ctx ends, and returns ctx's error when every connection is closed and nothing it started runs. An error of
// the listener ends it too.
func (p *Proxy) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.ln.Close() })
	defer stop()
	for {
		reader, err := p.ln.Accept()
		if err != nil {
			p.ln.Close()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("fault: %w", err)
		}
		p.mu.Lock()
		n := p.conns
		p.conns++
		p.mu.Unlock()
		conns.Go(func() { p.serve(ctx, reader.(*net.TCPConn), newPlan(p.seed, n, p.o)) })
	}
}

// Storm begins to do harm.
func (p *Proxy) Storm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.storm {
		p.storm, p.calmed = true, make(chan struct{})
	}
}

// Calm ends that, until the next Storm.
func (p *Proxy) Calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.storm {
		p.storm = false
		close(p.calmed)
	}
}

// Counts returns what was done so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// weather reports whether there is a storm, and when it ends.
func (p *Proxy) weather() (storm bool, calmed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.storm, p.calmed
}

// did counts one fault, unless the storm is over: then it is not to be done.
func (p *Proxy) did(k Kind) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.storm {
		p.counts[k]++
	}
	return p.storm
}

// small is what sockets may hold here: little, so that a stall is felt at the other end, and yet more than a piece of loopback,
// below which TCP waits for itself.
const small = 128 << 10

// serve passes one connection on, both ways, until either side is closed or ctx ends.
func (p *Proxy) serve(ctx context.Context, reader *net.TCPConn, plan *plan) {
	defer reader.Close()
	var dialer net.Dialer
	dialled, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		_ = reader.SetLinger(0) // nobody there: as a refused connection, as far as a proxy can
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()
	_ = server.SetReadBuffer(small)
	_ = reader.SetWriteBuffer(small)
	stop := context.AfterFunc(ctx, func() {
		reader.Close()
		server.Close()
	})
	defer stop()
	c := &conn{p: p, ctx: ctx, plan: plan, reader: reader, server: server, gone: make(chan struct{})}
	var up sync.WaitGroup
	up.Go(func() {
		defer close(c.gone)
		c.up()
		server.CloseWrite()
	})
	c.down()
	reader.Close()
	server.Close()
	up.Wait()
}

// errBroken ends a connection that was broken on purpose.
var errBroken = errors.New("fault: broken")

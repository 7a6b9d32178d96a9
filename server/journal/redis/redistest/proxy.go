package redistest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// Proxy is a TCP proxy before a redis-server, which loses what a network loses. Its methods may be called from any goroutine.
type Proxy struct {
	ln     net.Listener
	target string
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]bool
	lose   []byte // the answer to the next request that holds this is lost
	lost   chan struct{}
	closed bool
}

// NewProxy starts a proxy before the server, until the test is over.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ln: ln, target: s.Addr(), conns: make(map[net.Conn]bool)}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = ln.Close()
		p.Cut()
		p.wg.Wait()
	})
	return p
}

// URL returns the proxy's address as a redis:// URL.
func (p *Proxy) URL() string { return "redis://" + p.ln.Addr().String() }

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// LoseAnswer ends the connection over which the next request comes that holds some text, once Redis has answered it and before
// anything of the answer is passed on. The channel is closed then.
func (p *Proxy) LoseAnswer(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.lost = []byte(text), make(chan struct{})
	return p.lost
}

func (p *Proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = true, true
		if p.closed {
			_, _ = c.Close(), s.Close()
		}
		p.mu.Unlock()
		var lose lost
		p.wg.Go(func() { p.pass(s, c, func(b []byte) { p.asked(&lose, b) }, nil) })
		p.wg.Go(func() { p.pass(c, s, nil, lose.taken) })
	}
}

// lost says whether the next answer of a connection is to be lost.
type lost struct {
	mu sync.Mutex
	ch chan struct{}
}

func (l *lost) taken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ch == nil {
		return false
	}
	close(l.ch)
	l.ch = nil
	return true
}

func (p *Proxy) asked(l *lost, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose == nil || !bytes.Contains(b, p.lose) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ch, p.lose = p.lost, nil
}

func (p *Proxy) pass(to, from net.Conn, see func([]byte), stop func() bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if see != nil {
				see(b[:n])
			}
			if stop != nil && stop() {
				break
			}
			if _, werr := to.Write(b[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}

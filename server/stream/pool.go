package stream

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// A pool runs work in at most limit goroutines, which live only while there is work. What waits takes a pointer each.
type pool struct {
	limit int

	mu      sync.Mutex // guards what follows
	ctx     context.Context
	queue   []*job
	running int
	wg      sync.WaitGroup
}

func (p *pool) start(ctx context.Context) { p.ctx = ctx }

// A job is work that waits for its turn, or has had it.
type job struct {
	f     func(context.Context)
	state atomic.Uint32
}

const (
	jobWaits uint32 = iota
	jobHeld         // somebody else does a moment's work on the same thing
	jobHad          // it runs, has run, or never will
)

// withdraw reports whether the work has not begun: then it never will.
func (j *job) withdraw() bool { return j.state.CompareAndSwap(jobWaits, jobHad) }

// hold reports whether the work has not begun: then it does not until release, which must follow within microseconds.
func (j *job) hold() bool { return j.state.CompareAndSwap(jobWaits, jobHeld) }

func (j *job) release() { j.state.Store(jobWaits) }

// begin reports whether the work is to be done.
func (j *job) begin() bool {
	for !j.withdraw() {
		if j.state.Load() == jobHad {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// do has f run, with a context that ends when the pool is to stop. It waits for nothing.
func (p *pool) do(f func(context.Context)) *job {
	j := &job{f: f}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, j)
	if p.running < p.limit {
		p.running++
		p.wg.Go(p.work)
	}
	return j
}

func (p *pool) work() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.queue = nil
			p.running--
			p.mu.Unlock()
			return
		}
		j := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		if j.begin() {
			j.f(p.ctx)
		}
	}
}

// wait returns when all work is done.
func (p *pool) wait() { p.wg.Wait() }

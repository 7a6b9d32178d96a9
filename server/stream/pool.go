package stream

import (
	"context"
	"sync"
)

// A pool runs work in at most limit goroutines, which live only while there is work. What waits takes a pointer each.
type pool struct {
	limit int

	mu      sync.Mutex // guards what follows
	ctx     context.Context
	queue   []func(context.Context)
	running int
	wg      sync.WaitGroup
}

func (p *pool) start(ctx context.Context) { p.ctx = ctx }

// do has f run, with a context that ends when the pool is to stop. It waits for nothing.
func (p *pool) do(f func(context.Context)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	if p.running < p.limit {
		p.running++
		p.wg.Go(p.work)
	}
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
		f := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		f(p.ctx)
	}
}

// wait returns when all work is done.
func (p *pool) wait() { p.wg.Wait() }

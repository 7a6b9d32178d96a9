package live

import (
	"context"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
)

// run is one life of the stream.
type run struct {
	cancel context.CancelFunc
	ending bool
	ended  chan struct{}

	letGo context.CancelFunc // ends what is followed, until somebody looks again
	gone  bool               // it was let go
	timer *time.Timer        // while nobody looks: when to let go
}

// start begins a run. It is called with the lock held.
func (p *Program) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel: cancel, letGo: cancel, ended: make(chan struct{})}
	p.running = r
	p.draw = p.frames(p.frame)
	// What listens is called from outside of Go: it may come while the lock is held, and so takes it on a goroutine of its own.
	var parts sync.WaitGroup
	ends := []func(){
		browser.OnNetwork(p.client.SetOnline),
		browser.OnWake(func() { parts.Go(func() { p.seen(r) }) }),
		browser.OnReader(p.asked.anew),
		browser.OnHide(func(left bool) { parts.Go(func() { p.unseen(r, left) }) }),
	}
	p.client.SetOnline(browser.Online())
	p.client.SetSeen(browser.Visible())
	p.tabs.SetSeen(browser.Visible())
	parts.Go(func() { p.follow(ctx, r) })
	parts.Go(func() { p.age(ctx) })
	parts.Go(func() { p.remember(ctx) })
	parts.Go(func() { p.readLog(ctx) })
	parts.Go(func() { p.preserve(ctx) })
	parts.Go(func() { p.inquire(ctx) })
	parts.Go(func() { p.knowReader(ctx) })
	parts.Go(func() { p.readPast(ctx) })
	if !browser.Visible() {
		parts.Go(func() { p.unseen(r, false) })
	}
	go func() {
		<-ctx.Done()
		for _, end := range ends {
			end()
		}
		parts.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.timer != nil {
			r.timer.Stop()
		}
		p.draw.Close()
		p.draw, p.running = nil, nil
		if p.wanted {
			p.wanted = false
			p.start()
		}
		close(r.ended)
	}()
}

// seen is called when the page may have slept and is looked at again.
func (p *Program) seen(r *run) {
	p.mu.Lock()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	// A stream that was ended on purpose is not opened again because somebody looks.
	back := r.gone && p.model.Link.Closing != event.ClosingEnded
	r.gone = false
	p.mu.Unlock()
	p.client.SetSeen(true)
	p.tabs.SetSeen(true)
	p.past.remind()
	if back {
		p.askAgain()
	} else {
		p.client.Wake()
	}
	p.changed()
}

// unseen is called when the page can't be seen any more. One that is left lets go at once: a browser may keep it, as it
// is, for who comes back.
func (p *Program) unseen(r *run, left bool) {
	p.client.SetSeen(false)
	p.tabs.SetSeen(false)
	p.hidden()
	if left {
		p.leave(r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.timer == nil {
		r.timer = time.AfterFunc(unseenFor, func() { p.unseenLong(r) })
	}
}

// leave lets go of the stream.
func (p *Program) leave(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.ending && !r.gone {
		r.gone = true
		r.letGo()
	}
}

// follow follows the stream until ctx ends. Refused, it waits until it is asked to try again; let go, until somebody looks.
func (p *Program) follow(ctx context.Context, r *run) {
	for ctx.Err() == nil {
		select {
		case <-p.again: // said before there was anything to say it to
		default:
		}
		following, letGo := context.WithCancel(ctx)
		p.mu.Lock()
		gone := r.gone
		r.letGo = letGo
		p.mu.Unlock()
		if !gone {
			_ = p.client.Run(following) // the Model has been told why
			p.tabs.Rest()
		}
		letGo()
		select {
		case <-ctx.Done():
		case <-p.again:
		}
	}
}

// age has the page painted when nothing comes.
func (p *Program) age(ctx context.Context) {
	tick := time.NewTicker(agesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.mu.Lock()
			p.watch(time.Now())
			p.mu.Unlock()
			p.changed()
		}
	}
}

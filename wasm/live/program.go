// Package live is the running app: it follows the stream, folds it into the Model, and has the page painted.
//
// # Who touches what
//
// The Model has one lock, the Program's. The goroutine that follows the stream takes it to fold a batch in; painters, and
// views through View, are called while it is held. So whoever sees the Model sees whole batches, and none of them changes
// what it sees. What is called under the lock must not call the Program again, and must not wait for anything.
//
// # What runs when
//
// The stream runs while something is attached, and for a short while after, as pages change by detaching one screen and
// attaching the next. Batches are folded in as they come, also while the page is hidden; painting is asked for at most once
// per animation frame, which hidden pages don't have, so the first frame after shows it all at once.
package live

import (
	"context"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

const (
	// agesEvery is how often the page is painted when nothing comes: ages go on.
	agesEvery = 250 * time.Millisecond
	// linger is how long the stream runs on when nothing is attached any more.
	linger = 3 * time.Second
)

// Paint draws what has changed. It is called with the Model and the local time of the frame, on the animation frame.
type Paint func(m *model.Model, now time.Time)

// Program follows one stream and owns the Model it makes. Make it with New.
type Program struct {
	client feed.Client
	frames func(draw func()) frames

	mu       sync.Mutex // guards what follows
	model    *model.Model
	painters []*Paint
	draw     frames // while the stream runs
	running  *run   // nil while it does not
	wanted   bool   // start it again once the one that is ending has ended
	changes  int    // of painters: whether a linger is still meant

	again chan struct{} // of one: ask once more, though refused
}

// frames is browser.Frames.
type frames interface {
	Request()
	Close()
}

// run is one life of the stream.
type run struct {
	cancel context.CancelFunc
	ending bool
	ended  chan struct{}
}

// New returns a Program over the source, and starts nothing. Picture is the stream text the page was prerendered from, or
// nothing; the Model shows it from the start, and the stream goes on from it while it is fresh.
func New(source feed.Source, picture []byte) *Program {
	p := &Program{
		model:  model.New(),
		frames: func(draw func()) frames { return browser.NewFrames(draw) },
		again:  make(chan struct{}, 1),
	}
	p.client = feed.Client{Source: source, Handle: p.fold}
	if len(picture) > 0 {
		if got, err := p.model.Load(picture, time.Now()); err != nil {
			p.model = model.New() // the stream will bring one
		} else if got.Fresh {
			p.client.After = got.Place
		}
	}
	return p
}

// View calls f, at once and once, with the Model as it is and the local time. f reads it and keeps nothing of it.
func (p *Program) View(f func(m *model.Model, now time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.model, time.Now())
}

// Attach has paint called with the Model and the local time of the frame: at most once per animation frame and not at all
// while the page is hidden; soon after anything changed; and at least four times a second. The first one attached starts
// the stream. Detach returns when no call is going on, and none comes after it; it may be called more than once.
func (p *Program) Attach(paint func(m *model.Model, now time.Time)) (detach func()) {
	own := Paint(paint)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	p.painters = append(p.painters, &own)
	switch {
	case p.running == nil:
		p.start()
	case p.running.ending:
		p.wanted = true
	}
	p.draw.Request()
	return func() { p.detach(&own) }
}

func (p *Program) detach(own *Paint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, painter := range p.painters {
		if painter != own {
			continue
		}
		p.changes++
		p.painters = append(p.painters[:i:i], p.painters[i+1:]...)
		if len(p.painters) == 0 {
			meant := p.changes
			time.AfterFunc(linger, func() { p.idle(meant) })
		}
		return
	}
}

// idle ends the stream, unless something was attached since.
func (p *Program) idle(meant int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == meant && p.running != nil {
		p.running.ending = true
		p.running.cancel()
	}
}

// Repaint has what is attached painted on the next frame, as something it draws from changed that is not in the Model.
func (p *Program) Repaint() { p.changed() }

// Stop ends the stream and returns when nothing of it runs and every callback is released. What is attached stays so; the
// next Attach starts the stream again, where it was. It must not be called from a painter.
func (p *Program) Stop() {
	p.mu.Lock()
	r := p.running
	if r != nil {
		p.wanted = false
		r.ending = true
		r.cancel()
	}
	p.mu.Unlock()
	if r != nil {
		<-r.ended
	}
}

// Retry ends waiting for the next try of the connection, or the connection there is, and opens a new one now. It asks
// again where the server has refused.
func (p *Program) Retry() {
	select {
	case p.again <- struct{}{}:
	default:
	}
	p.client.TryNow()
}

// start begins a run. It is called with the lock held.
func (p *Program) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel: cancel, ended: make(chan struct{})}
	p.running = r
	p.draw = p.frames(p.frame)
	network := browser.OnNetwork(p.client.SetOnline)
	wake := browser.OnWake(func() { p.client.Wake(); p.changed() })
	p.client.SetOnline(browser.Online())
	var parts sync.WaitGroup
	parts.Go(func() { p.follow(ctx) })
	parts.Go(func() { p.age(ctx) })
	go func() {
		parts.Wait()
		network()
		wake()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.draw.Close()
		p.draw, p.running = nil, nil
		if p.wanted {
			p.wanted = false
			p.start()
		}
		close(r.ended)
	}()
}

// follow follows the stream until ctx ends. Refused, it waits until it is asked to try again.
func (p *Program) follow(ctx context.Context) {
	for {
		select {
		case <-p.again: // said before there was anything to say it to
		default:
		}
		_ = p.client.Run(ctx) // the Model has been told why
		select {
		case <-ctx.Done():
			return
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
			p.changed()
		}
	}
}

// fold is the client's Handle.
func (p *Program) fold(b feed.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.model.Update(b)
	if p.draw != nil {
		p.draw.Request()
	}
}

func (p *Program) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draw != nil {
		p.draw.Request()
	}
}

// frame paints.
func (p *Program) frame() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, paint := range p.painters {
		(*paint)(p.model, now)
	}
}

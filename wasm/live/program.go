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
// attaching the next. A page that nobody has seen for ten minutes, or that is left, lets go of it, and goes on from where it
// was when it is seen again. With Tabs as its source the stream is one for all tabs of the browser. What the stream does not
// bring is read from the record: the last minutes that the page draws, its hours and days, and lines that were left out. What is in no record, such as which
// streams the reader has open, is asked for while a page shows it. Batches are folded in as they come, also while the page is hidden; painting is asked for at most once
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
	// unseenFor is how long a page that nobody can see keeps its stream: then it lets go, and comes back from where it was.
	unseenFor = 10 * time.Minute
)

// Paint draws what has changed. It is called with the Model and the local time of the frame, on the animation frame.
type Paint func(m *model.Model, now time.Time)

// Program follows one stream and owns the Model it makes. Make it with New.
type Program struct {
	client  feed.Client
	tabs    sharer
	record  Record // nil: there is none to read
	keep    func(ctx context.Context, picture []byte) error
	watcher Watcher // nil: nobody does
	frames  func(draw func()) frames

	mu       sync.Mutex // guards what follows
	model    *model.Model
	kept     model.Keeper
	painters []*Paint
	draw     frames // while the stream runs
	running  *run   // nil while it does not
	wanted   bool   // start it again once the one that is ending has ended
	changes  int    // of painters: whether a linger is still meant
	later    bool   // a painter wants another frame
	answered bool   // the server did, when something was folded in last
	shown    string // the server the page shows; "" for all
	recalled map[wish]bool

	logs  logReads
	asked asking
	past  pastReads

	again   chan struct{} // of one: ask once more, though refused
	recalls chan struct{} // of one: there may be something to recall
	saves   chan struct{} // of one: the picture is to be kept now
}

// sharer is a Source that may read through another tab; Tabs is one.
type sharer interface {
	Joined() bool
	Leads() bool
	SetSeen(seen bool)
	Rest()
}

// alone is the sharer of a Source that is none.
type alone struct{}

func (alone) Joined() bool { return false }

func (alone) SetSeen(bool) {}

func (alone) Rest() {}

// frames is browser.Frames.
type frames interface {
	Request()
	Close()
}

// Options are what a Program needs beside its stream. All may be missing.
type Options struct {
	// Picture is a picture as a stream begins with it, such as the page was prerendered from. The Model shows it from the
	// start, and the stream goes on from it while it is fresh.
	Picture []byte
	// Me says for whom the page is, as it carries that along.
	Me []byte
	// Record has the last minutes.
	Record Record
	// Call sends a request without a body to the server, and returns the answer: see browser.Call.
	Call func(ctx context.Context, method, url string) (status int, body []byte, err error)
	// Cached is Call, and may answer out of the browser's cache where the server allows it.
	Cached func(ctx context.Context, method, url string) (status int, body []byte, err error)
	// Probe asks whether the server is there: see feed.Client.
	Probe func(context.Context) bool
	// Keep stores a picture for the next life of the page, in place of the one before. It is called by one goroutine.
	Keep func(ctx context.Context, picture []byte) error
	// Watcher looks on while nobody looks at the page.
	Watcher Watcher
}

// New returns a Program over the source, and starts nothing.
func New(source feed.Source, o Options) *Program {
	p := &Program{
		record:   o.Record,
		keep:     o.Keep,
		watcher:  o.Watcher,
		model:    model.NewOn(new(browser.Shelf)),
		frames:   func(draw func()) frames { return browser.NewFrames(draw) },
		recalled: make(map[wish]bool),
		again:    make(chan struct{}, 1),
		recalls:  make(chan struct{}, 1),
		saves:    make(chan struct{}, 1),
		logs:     logReads{again: make(chan struct{}, 1)},
		asked:    asking{call: o.Call, again: make(chan struct{}, 1), reader: make(chan struct{}, 1)},
		past:     pastReads{call: o.Cached, again: make(chan struct{}, 1)},
	}
	p.tabs = alone{}
	if tabs, ok := source.(sharer); ok {
		p.tabs = tabs
	}
	p.client = feed.Client{Source: source, Handle: p.fold, Probe: o.Probe}
	if len(o.Picture) > 0 {
		if got, err := p.model.Load(o.Picture, time.Now()); err != nil {
			p.model = model.NewOn(new(browser.Shelf)) // the stream will bring one
		} else if got.Fresh {
			p.client.After = got.Place
			p.kept.Update(got.Batch)
		}
	}
	if len(o.Me) > 0 {
		p.model.Me = model.ReadMe(o.Me)
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

// Later has what is attached painted again on the next frame. It is for painters, which hold the lock.
func (p *Program) Later() { p.later = true }

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
	p.askAgain()
	p.client.TryNow()
}

func (p *Program) askAgain() {
	select {
	case p.again <- struct{}{}:
	default:
	}
}

// fold is the client's Handle.
func (p *Program) fold(b feed.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.model.Update(b)
	p.kept.Update(b)
	p.model.Link.Shared = p.tabs.Joined()
	p.watch(b.At)
	if _, wanted := p.wished(); wanted {
		p.remind()
	}
	if answered := p.model.Link.Phase.Answered(); answered != p.answered {
		p.answered = answered
		p.past.remind()
		if answered {
			p.asked.anew()
		}
	}
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
	if p.later {
		p.later = false
		p.draw.Request()
	}
}

package feed

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Client follows one stream for as long as Run runs. Set Source and Handle; the rest has good defaults. Don't change
// fields while Run runs.
type Client struct {
	Source Source
	// Handle gets all there is to know; see Batch. It is called from Run's goroutine and must not call Run.
	Handle func(Batch)

	// After is the place to resume after, of a Batch or of a picture that was complete. Zero asks for the current picture.
	// Run keeps it up to date, so that the next Run goes on where this one ended.
	After event.ID
	// Backoff waits between tries.
	Backoff Backoff
	// Silence is how long nothing may be heard before the connection counts as dead. Zero means twice the heartbeat the
	// server announces, or 30 s where it announces none; below zero means for ever.
	Silence time.Duration
	// Probe, when set, asks cheaply whether the server would take a stream now, and returns soon after ctx ends. See probe.go
	// for when it is called.
	Probe func(ctx context.Context) bool
	// Window, when above zero, says that the stream has no holes (no filter) and that what carries it may change the
	// order: up to so many early events wait for what is missing before them. See Sequencer.
	Window int

	state    State
	account  Account
	seq      Sequencer
	whole    bool     // the reader has everything up to After
	pictured event.ID // the place of the newest picture that was begun
	begun    bool     // Run has been called
	linked   bool     // a connection has been accepted
	moved    bool     // it is being followed over to another one: as live as it was
	polling  bool     // the last one was no stream for want of a place
	alarms   int      // probes in a row that said yes, and the stream could not be opened after all

	mu      sync.Mutex
	offline bool
	unseen  bool
	woken   chan struct{} // of one: is the connection that is open still alive?
	heard   time.Time     // wall clock, of the newest bytes
	allowed time.Duration // silence, of the connection that is open
	hangUp  func(error)   // ends the connection that is open; nil when none is
	nudged  chan struct{} // of one: the next try is wanted now, or offline has changed
	tryNow  bool          // the next try is wanted now
}

// Run follows the stream until ctx ends, and returns ctx's error, or until the server refuses it for good, and returns a
// *RefusedError. All else it takes for weather: it waits and tries again. When it returns, nothing it started runs, and
// Handle has been told. It may be called again afterwards, and goes on where it was.
func (c *Client) Run(ctx context.Context) error {
	c.begin()
	defer c.end()
	for {
		refused, wait, least := c.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused != nil {
			c.phase(Refused, time.Now())
			c.state.Reason = refused.Detail
			if c.state.Status = refused.Status; refused.Status == 200 {
				c.state.Status = 0 // it was a stream
			}
			c.report()
			return refused
		}
		if wait > 0 {
			c.wait(ctx, wait, least)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// TryNow opens a connection now: it ends the wait before the next try, or hangs up the connection there is. It may be
// called from any goroutine; before Run and after it, it does nothing.
func (c *Client) TryNow() {
	c.mu.Lock()
	hangUp := c.hangUp
	c.tryNow = true
	c.mu.Unlock()
	if hangUp != nil {
		hangUp(errAsked)
	}
	c.nudge()
}

// Wake is for the moment this device or page comes back from sleep. A wait ends. A connection that has been silent for too
// long by the wall clock, which timers may have slept through, is given up for a new one; of one that has not, Probe is
// asked whether its server still answers. Wake may be called from any goroutine, and does not wait.
func (c *Client) Wake() {
	c.mu.Lock()
	hangUp, woken := c.hangUp, c.woken
	c.tryNow = c.tryNow || hangUp == nil
	// The monotonic clock stands still in some sleeps: Round(0) takes it off.
	dead := c.allowed > 0 && time.Now().Round(0).Sub(c.heard) > c.allowed
	c.mu.Unlock()
	switch {
	case hangUp == nil:
		c.nudge()
	case dead:
		hangUp(errWoken)
	default:
		select {
		case woken <- struct{}{}:
		default: // nobody asks, or somebody does already
		}
	}
}

// SetOnline says whether the device has a network. Without one, a lost connection is Offline and not Reconnecting; tries
// go on all the same, since a server may be on this very device. It may be called from any goroutine.
func (c *Client) SetOnline(online bool) {
	c.mu.Lock()
	back := c.offline && online
	c.offline = !online
	hangUp := c.hangUp
	c.mu.Unlock()
	c.nudge()
	switch {
	case back && hangUp != nil:
		hangUp(errNetwork) // what was opened over the network before may never say that it is dead
	case online:
		c.Wake()
	}
}

// SetSeen says whether anybody is looking; at first somebody is. While nobody is, Probe is not called. It may be called from
// any goroutine.
func (c *Client) SetSeen(seen bool) {
	c.mu.Lock()
	c.unseen = !seen
	c.mu.Unlock()
	c.nudge()
}

func (c *Client) nudges() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nudged == nil {
		c.nudged = make(chan struct{}, 1)
	}
	return c.nudged
}

func (c *Client) nudge() {
	select {
	case c.nudges() <- struct{}{}:
	default:
	}
}

func (c *Client) begin() {
	if !c.begun {
		c.begun = true
		c.whole = !c.After.IsZero()
		c.seq.Window = c.Window
		c.seq.Reset(c.After)
	}
	c.state.Failures, c.state.Status, c.state.Reason, c.state.Closing = 0, 0, "", ""
	c.polling = false
	c.Backoff.Reset()
	c.phase(Connecting, time.Now())
	c.report()
}

func (c *Client) end() {
	if c.state.Phase != Refused {
		c.phase(Idle, time.Now())
		c.state.Reason = ""
		c.report()
	}
}

// phase changes the phase, and with it what depends on it alone.
func (c *Client) phase(p Phase, now time.Time) {
	if p != Polling {
		c.state.Limit = event.Limit{}
	}
	if p != Reconnecting && p != Offline && p != Polling {
		c.state.Next, c.state.Watched = time.Time{}, false
	}
	switch {
	case p.Fresh():
		c.state.Lost, c.state.Reason, c.state.Status, c.state.Closing = time.Time{}, "", 0, ""
	case c.state.Phase.Fresh():
		c.state.Lost = c.state.Heard
	}
	if c.state.Phase != p {
		c.state.Phase, c.state.Since = p, now
	}
}

// report tells of a change of state alone.
func (c *Client) report() { c.hand(time.Now(), nil) }

func (c *Client) hand(at time.Time, events []event.Event) {
	place := c.After
	if !c.whole {
		place = event.ID{}
	}
	c.Handle(Batch{At: at, State: c.state, Account: c.account, Events: events, Place: place})
}

// wait waits before the next try: for d, or until it is wanted now, or until a probe says that the server is back, which it
// is not asked before least has gone by.
func (c *Client) wait(ctx context.Context, d, least time.Duration) {
	begun := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	k := c.knocker(ctx, begun.Add(least))
	defer k.stop()
	nudged := c.nudges()
	c.state.Next = begun.Add(d)
	for waiting := true; waiting; {
		c.mu.Lock()
		now, offline, unseen := c.tryNow, c.offline, c.unseen
		c.mu.Unlock()
		if now {
			break
		}
		p := Reconnecting
		switch {
		case offline:
			p = Offline
		case c.polling:
			p = Polling
		}
		c.phase(p, time.Now())
		c.state.Watched = k.on(!unseen && !c.polling) // a server that answers polls is there
		c.report()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			waiting = false
		case <-k.due:
			k.knock()
			continue
		case yes := <-k.answer:
			waiting = !k.answered(yes)
		case <-nudged:
		}
	}
	c.state.Next, c.state.Watched = time.Time{}, false
	c.report()
}

// pause returns how long to wait before the next try, at least so long.
func (c *Client) pause(least time.Duration) time.Duration {
	return max(c.Backoff.Next(rand.Float64()), least)
}

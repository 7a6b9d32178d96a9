package feed

import (
	"context"
	"sync"
	"time"
)

// Backing off spares a server that is in trouble, and leaves those who look at a page waiting when it is back. So a wait has
// two ends: the next try, at its time, and a Probe that says the server is there again. A probe is cheap for both sides,
// so it can be asked every other second where opening a stream could not. It is asked
//
//   - while the next try is awaited, every probeEvery, from the time on that the server itself asked for by "retry:" or
//     Retry-After, and only while somebody looks (SetSeen);
//   - when this end wakes (Wake) and finds a connection open that may be dead without anybody having said so.
//
// Where a probe says yes and the stream can't be opened after all, probes come half as often each time that happens.

const (
	// probeEvery, and the time a probe and opening a stream take, make live again what is looked at within three seconds of a
	// server's return.
	probeEvery = 2 * time.Second
	// probeTime is how long an answer to a probe may take.
	probeTime = 4 * time.Second
	// maxAlarms bounds how rare probes become: every 32 s.
	maxAlarms = 4
)

// knocker asks, during one wait, whether the server is back. Its fields are those of the loop of wait.
type knocker struct {
	c      *Client
	ctx    context.Context
	cancel context.CancelFunc
	every  time.Duration
	timer  *time.Timer
	due    <-chan time.Time // when a probe is due; nil while none is to be sent
	answer chan bool        // of one
	asking sync.WaitGroup
	busy   bool
}

// knocker returns what asks from the time on. It must be stopped.
func (c *Client) knocker(ctx context.Context, from time.Time) *knocker {
	k := &knocker{c: c, answer: make(chan bool, 1), every: probeEvery << min(c.alarms, maxAlarms)}
	k.ctx, k.cancel = context.WithCancel(ctx)
	if c.Probe != nil {
		k.timer = time.NewTimer(max(k.every, time.Until(from)))
	}
	return k
}

// on says whether to ask, and returns whether it does.
func (k *knocker) on(seen bool) bool {
	k.due = nil
	if k.timer == nil || !seen {
		return false
	}
	k.due = k.timer.C
	return true
}

func (k *knocker) knock() {
	k.timer.Reset(k.every)
	if k.busy {
		return
	}
	k.busy = true
	k.asking.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, probeTime)
		defer cancel()
		k.answer <- k.c.Probe(ctx)
	})
}

// answered takes what a probe said, and returns whether the wait is over.
func (k *knocker) answered(yes bool) bool {
	k.busy = false
	if yes {
		k.c.alarms++
	}
	return yes
}

// stop returns when no probe is under way.
func (k *knocker) stop() {
	k.cancel()
	k.asking.Wait()
	if k.timer != nil {
		k.timer.Stop()
	}
}

// doubt watches over an open connection: when Wake says that it may be dead, the server is probed, and the connection given
// up when there is no answer. Stop ends the watch, and returns when it has.
func (c *Client) doubt(ctx context.Context, hangUp context.CancelCauseFunc) (stop func()) {
	if c.Probe == nil {
		return func() {}
	}
	woken := make(chan struct{}, 1)
	c.mu.Lock()
	c.woken = woken
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-woken:
			}
			asked, done := context.WithTimeout(ctx, probeTime)
			yes := c.Probe(asked)
			done()
			if !yes && ctx.Err() == nil {
				hangUp(errMute)
			}
		}
	})
	return func() {
		c.mu.Lock()
		c.woken = nil
		c.mu.Unlock()
		cancel()
		watching.Wait()
	}
}

package stream

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
)

// worker writes detached streams. All that follows the mailbox is touched by its goroutine alone.
type worker struct {
	s    *Server
	poll *poller
	wake chan struct{} // something is in the mailbox

	slowest atomic.Uint64 // lag of the last whole round, for Stats

	mu      sync.Mutex // guards the mailbox
	box     mailbox
	stopped bool // it takes no more

	slots  []slot
	free   []uint32
	open   int
	groups map[hub.Feed]*group
	again  []*detached // have more to say
	out    outbox
	sender sender
	wheel  wheel
	lag    uint64 // of the slowest of those looked at in this round of the wheel
	ending bool
	until  time.Duration // ending: when what is left is cut off
}

// mailbox is what has come in since the worker last looked.
type mailbox struct {
	messages []message
	rung     []*group
	events   []pollEvent
}

// message is one stream that comes in, new or back from reading the record, or is told to end.
type message struct {
	opened, back *detached
	ended        *Handle
	turned       bool // the record went away, or is back
}

// detached is one stream: a talk and its socket.
type detached struct {
	talk
	fd     int
	slot   uint32
	index  int32 // in group
	group  *group
	job    *job          // while away: what the pool does for it, or will
	fullAt time.Duration // since when the socket takes nothing
	full   bool          // the socket takes nothing more: epoll will say when it does
	away   bool          // the pool has it: only its slot may be looked at
	queued bool          // it is in worker.again
	gone   bool          // the reader hung up while it was away
}

// slot is where epoll's events find their stream.
type slot struct {
	st  *detached // nil: free
	use uint32
}

// timedEach is how many streams stand for one whose delivery is timed: to read the clock is not free.
const timedEach = 8

func newWorker(s *Server) (*worker, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &worker{s: s, poll: p, wake: make(chan struct{}, 1), groups: make(map[hub.Feed]*group), wheel: newWheel(s.o)}, nil
}

// discard gives back what a worker holds that never ran.
func (w *worker) discard() { w.poll.close() }

// send puts a message into the mailbox; false when the worker has stopped.
func (w *worker) send(m message) bool {
	return w.post(func(box *mailbox) { box.messages = append(box.messages, m) })
}

func (w *worker) post(put func(*mailbox)) bool {
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return false
	}
	put(&w.box)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// run serves until the server closes and all streams have ended.
func (w *worker) run() {
	var polling sync.WaitGroup
	polling.Go(w.runPoller)
	defer polling.Wait()
	defer w.poll.close()

	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	closing := w.s.closing
	for {
		w.round()
		if w.ending && w.finished() {
			return
		}
		if len(w.again) > 0 {
			select {
			case <-closing:
				closing = nil
				w.end()
			default:
			}
			continue
		}
		if w.open > 0 {
			alarm.Reset(max(0, w.wheel.next-w.s.now()))
		} else {
			alarm.Stop()
		}
		select {
		case <-w.wake:
		case <-alarm.C:
		case <-closing:
			closing = nil
			w.end()
		}
	}
}

// runPoller brings epoll's events to the mailbox until the poller is closed.
func (w *worker) runPoller() {
	var events []pollEvent
	for {
		var err error
		if events, err = w.poll.wait(events[:0], w.s.now); err != nil {
			return
		}
		w.post(func(box *mailbox) { box.events = append(box.events, events...) })
	}
}

// round does once all there is to do.
func (w *worker) round() {
	w.mu.Lock()
	box := w.box
	w.box = mailbox{}
	w.mu.Unlock()

	for _, e := range box.events {
		w.event(e)
	}
	for _, m := range box.messages {
		switch {
		case m.opened != nil:
			w.admit(m.opened)
		case m.back != nil:
			w.welcome(m.back)
		case m.turned:
			w.serveAll()
		default:
			w.told(m.ended)
		}
	}
	for _, g := range box.rung {
		since := g.since
		g.rung.Store(false) // before the look: what is published from now on rings again
		for i := len(g.streams) - 1; i >= 0; i-- {
			if i < len(g.streams) {
				st := g.streams[i]
				timed := i%timedEach == 0 && !st.away && !st.full
				w.serve(st)
				if timed && !st.away && !st.full {
					w.s.count.delivery.Add(int64(w.s.now()-since), int64(max(1, min(timedEach, len(g.streams)-i))))
				}
			}
		}
	}
	again := w.again
	w.again = nil
	for _, st := range again {
		st.queued = false
	}
	for _, st := range again {
		w.serve(st)
	}
	if w.open > 0 {
		w.tick()
	}
	w.out.reset()
}

// admit takes a new stream in.
func (w *worker) admit(st *detached) {
	if n := len(w.free); n > 0 {
		st.slot, w.free = w.free[n-1], w.free[:n-1]
	} else {
		st.slot = uint32(len(w.slots))
		w.slots = append(w.slots, slot{})
	}
	sl := &w.slots[st.slot]
	sl.st = st
	if st.handle != nil {
		st.handle.slot = st.slot
	}
	if w.open++; w.open == 1 {
		w.wheel.start(w.s.now())
	}
	if err := w.poll.add(st.fd, tag{st.slot, sl.use}); err != nil {
		w.s.o.Logger.LogAttrs(context.Background(), slog.LevelWarn, "stream lost", slog.Any("error", err), st.who())
		w.drop(st, Failed)
		return
	}
	if w.ending {
		st.close(Shutdown)
	}
	w.join(st)
	w.serve(st)
}

// serveAll gives every stream its turn.
func (w *worker) serveAll() {
	for i := range w.slots {
		if st := w.slots[i].st; st != nil && !st.away && !st.full {
			w.enqueue(st)
		}
	}
}

// prod has the worker look at a stream whose Handle was told to end it.
func (w *worker) prod(h *Handle) { w.send(message{ended: h}) }

// told ends a stream whose Handle says so. One that is not admitted yet, or for which the pool reads, finds out by itself.
func (w *worker) told(h *Handle) {
	if int(h.slot) >= len(w.slots) {
		return
	}
	if st := w.slots[h.slot].st; st != nil && st.handle == h && w.recall(st) {
		st.heed() // its socket may be full: then its last words wait with what is before them
		w.serve(st)
	}
}

// welcome takes back a stream that the pool had.
func (w *worker) welcome(st *detached) {
	st.away, st.job = false, nil
	if st.gone {
		w.drop(st, Gone)
		return
	}
	if w.ending {
		st.close(Shutdown)
	}
	w.join(st)
	w.serve(st)
}

// serve writes what the stream has to say, as far as its socket takes it.
func (w *worker) serve(st *detached) {
	for !st.away && !st.full && w.slots[st.slot].st == st {
		now := w.s.now()
		switch st.turn(&w.out, now) {
		case says:
			size, more := w.out.size, w.out.batch.More || !st.lives || st.over || w.out.batch.Size == 0
			n, full, err := w.sender.send(st.fd, &w.out)
			if err != nil {
				w.drop(st, Gone)
				return
			}
			st.wrote(&w.out, n)
			if st.full = full && n < size; st.full {
				st.fullAt = now
				w.s.count.full.Add(1)
				return
			}
			if !more {
				return // the feed rings for what follows
			}
			if w.out.batch.More && !st.over {
				w.enqueue(st) // the others first
				return
			}
		case silent, stalled:
			return
		case behind:
			st.away = true
			st.job = w.s.pool.do(func(ctx context.Context) {
				reading, stop := context.WithTimeout(ctx, w.s.o.Heartbeat/2) // and then a sign of life
				st.read(reading)
				stop()
				if !w.send(message{back: st}) {
					w.s.hangUp(st, Shutdown)
				}
			})
			return
		case ended:
			w.drop(st, st.why)
			return
		}
	}
}

func (w *worker) enqueue(st *detached) {
	if !st.queued {
		st.queued = true
		w.again = append(w.again, st)
	}
}

// event does what epoll says.
func (w *worker) event(e pollEvent) {
	sl := &w.slots[e.tag.slot]
	st := sl.st
	if st == nil || sl.use != e.tag.use {
		return // of a stream that has ended
	}
	switch {
	case e.hungUp && !w.recall(st):
		st.gone = true
	case e.hungUp: // also one that waits for the pool, which may take long: its place is free now
		w.drop(st, Gone)
	case e.room && st.full:
		st.full = false
		if !st.away {
			// Not counting the time that the event has waited for us.
			st.held = st.held || e.at-st.fullAt > heldAfter
			w.serve(st)
		}
	}
}

// drop ends a stream.
func (w *worker) drop(st *detached, why Reason) {
	sl := &w.slots[st.slot]
	sl.st = nil
	sl.use++
	w.free = append(w.free, st.slot)
	if w.open--; w.open == 0 {
		w.lag = 0
		w.slowest.Store(0)
	}
	w.leave(st)
	w.poll.remove(st.fd)
	w.s.hangUp(st, why)
}

func (s *Server) hangUp(st *detached, why Reason) {
	hangUp(st.fd)
	s.ended(&st.talk, why, true)
}

// end tells all streams that it is over.
func (w *worker) end() {
	w.ending = true
	w.until = w.s.now() + w.s.o.Drain
	for i := range w.slots {
		if st := w.slots[i].st; st != nil && w.recall(st) { // also who waits for the pool: there is nothing to wait for
			st.close(Shutdown)
			w.serve(st)
		}
	}
}

// finished reports that nothing is left to do, and refuses what is yet to come in. After the drain it cuts off what is left.
func (w *worker) finished() bool {
	if w.open > 0 {
		if w.s.now() < w.until {
			return false
		}
		for i := range w.slots {
			if st := w.slots[i].st; st != nil && !st.away {
				w.drop(st, Shutdown)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open > 0 || len(w.box.messages) > 0 {
		return false // the pool still has some
	}
	w.stopped = true
	return true
}

package bolt

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of one commit. Enough that thousands share an fsync, little enough that a publisher does not wait long behind a
// flood: half a megabyte of events takes some milliseconds.
const (
	maxGroupEvents = 4096
	maxGroupBytes  = 2 << 20

	maxYields = 4 // with 64 publishers on two cores groups grow from 31 of them to 47; more yields add little
)

// A waiter is one Append that waits for its commit. Its slices are the caller's until it is taken, and the committer's
// from then until done is closed.
type waiter struct {
	events  []event.Event
	records [][]byte
	keys    []seenKey // of the events with a Key, the zero one for others; nil when none has one
	size    int
	state   atomic.Uint32

	receipts []journal.Receipt // valid after done, without err
	err      error             // valid after done
	done     chan struct{}
}

const (
	waiting uint32 = iota
	taken
	withdrawn
)

// queue is who waits for the committer.
type queue struct {
	mu      sync.Mutex
	appends []*waiter
	trims   []chan error
	ended   bool          // the committer takes no more
	wake    chan struct{} // holds one token when there may be something to take
}

// put adds a waiter or a wish to trim; it reports whether the committer still takes them.
func (q *queue) put(w *waiter, trim chan error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	if w != nil {
		q.appends = append(q.appends, w)
	}
	if trim != nil {
		q.trims = append(q.trims, trim)
	}
	q.rouse()
	return true
}

// rouse makes the committer look for work.
func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next group, those that have not withdrawn, and all wishes to trim.
func (q *queue) take() (group []*waiter, trims []chan error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, size, n := 0, 0, 0
	for _, w := range q.appends {
		if len(group) > 0 && (events+len(w.events) > maxGroupEvents || size+w.size > maxGroupBytes) {
			break
		}
		n++
		if w.state.CompareAndSwap(waiting, taken) {
			group = append(group, w)
			events += len(w.events)
			size += w.size
		}
	}
	if rest := copy(q.appends, q.appends[n:]); rest < len(q.appends) {
		clear(q.appends[rest:])
		q.appends = q.appends[:rest]
	}
	trims, q.trims = q.trims, nil
	return group, trims
}

// gather lets those run who were just answered, for many publish again at once: else they would come a moment too late and
// publishers would take turns in two halves, each with fsyncs of its own. It waits for nobody who has not come by then.
func (q *queue) gather(answered int) {
	all := q.len() + answered
	for i := 0; i < maxYields && q.len() < all; i++ {
		runtime.Gosched()
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.appends)
}

// turnAway answers all who wait and come later with ErrClosed.
func (l *Log) turnAway(trimmers []chan error) {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.queue.ended = true
	for _, w := range l.queue.appends {
		if w.state.CompareAndSwap(waiting, taken) {
			w.err = journal.ErrClosed
			close(w.done)
		}
	}
	for _, c := range append(trimmers, l.queue.trims...) {
		c <- journal.ErrClosed
	}
	l.queue.appends, l.queue.trims = nil, nil
}

package redis

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of one batch, which one run of the script records: Redis does nothing else meanwhile, some milliseconds.
const (
	maxBatchEvents = 2000
	maxBatchBytes  = 1 << 20

	maxYields = 4 // as in package bolt
)

// A waiter is one Append that waits for its batch. Its slices are the caller's until it is taken, and the committer's from
// then until done is closed.
type waiter struct {
	events int
	args   []any // of the script, three for each event
	size   int
	state  atomic.Uint32

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
	ended   bool          // the committer takes no more
	wake    chan struct{} // holds one token when there may be something to take
}

// put adds a waiter; it reports whether the committer still takes it.
func (q *queue) put(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	q.appends = append(q.appends, w)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns the next group, those that have not withdrawn.
func (q *queue) take() (group []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, size, n := 0, 0, 0
	for _, w := range q.appends {
		if len(group) > 0 && (events+w.events > maxBatchEvents || size+w.size > maxBatchBytes) {
			break
		}
		n++
		if w.state.CompareAndSwap(waiting, taken) {
			group = append(group, w)
			events += w.events
			size += w.size
		}
	}
	if rest := copy(q.appends, q.appends[n:]); rest < len(q.appends) {
		clear(q.appends[rest:])
		q.appends = q.appends[:rest]
	}
	return group
}

// gather lets those run who were just answered, for many publish again at once: else they would come a moment too late and
// publishers would take turns in two halves. It waits for nobody who has not come by then.
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
func (q *queue) turnAway() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	for _, w := range q.appends {
		if w.state.CompareAndSwap(waiting, taken) {
			w.err = journal.ErrClosed
			close(w.done)
		}
	}
	q.appends = nil
}

// classArgs are the classes as the script is given them, made once.
var classArgs = [...]any{event.State: "0", event.Sample: "1", event.Line: "2"}

var noKey any = ""

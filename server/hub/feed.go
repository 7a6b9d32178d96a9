package hub

import (
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/mcp-cloud/telltale/shared/event"
)

// firstChunk is the size of a feed's first chunk; each further one is twice as large up to Options.ChunkBytes. A feed of
// one quiet server costs a page of memory then, and a busy one soon has large chunks.
const firstChunk = 4 << 10

// A chunk is a stretch of wire bytes: whole frames in order. It has one writer and any number of readers, who take no lock:
// bytes before n are final, those behind it are the writer's. It is sealed, its n final, before its next is set.
type chunk struct {
	base  uint64 // every event up to this place that passes stands in an earlier chunk, or came before the feed
	start int64  // bytes in earlier chunks of the feed
	buf   []byte
	n     atomic.Int64
	next  atomic.Pointer[chunk] // nil: this is the newest; evicted: the rest must be read from the record
}

// evicted is the next of every chunk that a feed no longer keeps. A cursor that still reads such a chunk thus holds on to
// that one and to none behind it.
var evicted = new(chunk)

// bytes returns what is final so far.
func (c *chunk) bytes() []byte { return c.buf[:c.n.Load()] }

// set makes c a chunk that holds b and is not part of a feed.
func (c *chunk) set(b []byte) {
	c.buf = b
	c.n.Store(int64(len(b)))
}

// A feed is the recent wire bytes of one filter, shared by all its cursors.
type feed struct {
	filter event.Filter
	key    string        // by which its life knows it
	every  time.Duration // above zero: of the samples of each such interval the newest of each server and type is enough
	// base: every event after this place, up to the life's place, that passes the filter is in the chunks kept. It rises.
	base    atomic.Uint64
	wake    atomic.Pointer[wake]    // what cursors wait for; nil when none does
	bells   atomic.Pointer[[]*bell] // who else is told; nil when nobody is
	written atomic.Int64            // bytes published
	zip     zip
	passed  atomic.Uint64 // the newest place that passes, of what is shown and, as far as the picture knows, of what came before the feed
	owed    atomic.Uint64 // the first place that passes and is not shown yet; zero: none; see complete

	snap struct {
		sync.Mutex
		newest weak.Pointer[snapshot] // shared by newcomers for as long as one of them still reads it
	}

	// The rest is guarded by Hub.mu.
	pacing *pacing  // nil: all is shown at once
	chunks []*chunk // never empty
	end    int      // bytes written to the last chunk, published or not
	held   int      // bytes in chunks
	upto   uint64   // no event after this place passes but those that are yet to be written; at least the newest that was
	last   uint64   // the newest place that passes, shown or not
	dirty  bool     // written since the last publish
	refs   int      // cursors
	idle   time.Time
	rests  *list.Element // of life.resting: it has no cursor; nil: it has some
}

// wake is closed to wake everybody who waits for it. One channel serves all cursors of a feed.
type wake struct {
	c chan struct{}
	n atomic.Int64 // how many have asked for it
}

// crowd is how many may wait before they are woken beside the loop and not by it: to wake a thousand takes the better
// part of a millisecond, which the other feeds should not have to wait.
const crowd = 32

var alreadyClosed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// newFeed returns a feed for what comes after the present place. No event after upto and up to there passes; last is the newest that does.
func newFeed(f event.Filter, upto, last uint64) *feed {
	fd := &feed{filter: f, chunks: []*chunk{{base: upto}}, upto: upto, last: last}
	fd.base.Store(upto)
	fd.passed.Store(last)
	return fd
}

// add writes one frame, unseen by cursors until publish. A frame larger than a chunk gets one of its own size. Hub.mu is held.
func (f *feed) add(seq uint64, frame []byte, chunkBytes int) {
	last := f.chunks[len(f.chunks)-1]
	if f.end+len(frame) > len(last.buf) {
		size := min(max(2*len(last.buf), firstChunk), chunkBytes)
		next := &chunk{base: f.upto, start: last.start + int64(f.end), buf: make([]byte, max(size, len(frame)))}
		last.n.Store(int64(f.end))
		last.next.Store(next)
		f.chunks = append(f.chunks, next)
		f.end = 0
		last = next
	}
	f.end += copy(last.buf[f.end:], frame)
	f.upto, f.last = seq, seq
	f.held += len(frame)
}

// publish shows cursors what was added and evicts what is more than limit bytes old. Hub.mu is held.
func (f *feed) publish(limit int) {
	f.dirty = false
	last := f.chunks[len(f.chunks)-1]
	last.n.Store(int64(f.end))
	f.written.Store(last.start + int64(f.end))
	f.passed.Store(f.last)
	f.evict(limit)
}

func (f *feed) evict(limit int) {
	for len(f.chunks) > 1 && f.held-int(f.chunks[0].n.Load()) >= limit {
		old := f.chunks[0]
		f.held -= int(old.n.Load())
		f.chunks[0] = nil
		f.chunks = f.chunks[1:]
		f.base.Store(f.chunks[0].base)
		old.next.Store(evicted)
	}
}

// sever is for a hole in the log before seq: what stood there is gone, but cursors have to be told. It makes each of them read
// the record, which knows, and join again at seq. Hub.mu is held, and the caller marks the feed dirty.
func (f *feed) sever(seq uint64) {
	next := &chunk{base: seq - 1, start: f.chunks[len(f.chunks)-1].start + int64(f.end)}
	f.base.Store(next.base)
	f.upto = next.base
	for i, c := range f.chunks {
		if i == len(f.chunks)-1 {
			c.n.Store(int64(f.end))
		}
		c.next.Store(evicted)
	}
	f.chunks, f.end, f.held = []*chunk{next}, 0, 0
	if f.pacing != nil {
		f.pacing.severed()
	}
}

// find returns the chunk in which the first event after the place stands or will stand; nil when events after it have been
// evicted. Hub.mu is held.
func (f *feed) find(after uint64) *chunk {
	if after < f.base.Load() {
		return nil
	}
	i, _ := slices.BinarySearchFunc(f.chunks, after, func(c *chunk, after uint64) int {
		if c.base <= after {
			return -1
		}
		return 1
	})
	return f.chunks[i-1]
}

// waiter returns what the next ring closes. A caller must look at the feed again after the call and before it waits: then
// either it sees what was published, or the publisher sees the waiter, since both write first and read second.
func (f *feed) waiter() *wake {
	w := f.wake.Load()
	for w == nil {
		fresh := &wake{c: make(chan struct{})}
		if f.wake.CompareAndSwap(nil, fresh) {
			w = fresh
		} else {
			w = f.wake.Load()
		}
	}
	w.n.Add(1)
	return w
}

// ring wakes all who wait, a crowd in a goroutine of its own. It must follow what they are to see.
func (f *feed) ring(crowds *sync.WaitGroup) {
	f.ringBells()
	if f.wake.Load() == nil {
		return // nobody waits: the usual case under load
	}
	w := f.wake.Swap(nil)
	switch {
	case w == nil:
	case w.n.Load() > crowd:
		crowds.Go(func() { close(w.c) })
	default:
		close(w.c)
	}
}

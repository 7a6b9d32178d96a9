package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// What all publishing requests together may hold of bodies. A publisher alone may have DefaultMaxBody arriving and four times that of it
// unfolded, which a hundred at once may not.
const (
	maxUnderWay = 64 << 20 // bytes of all bodies: three of the largest
	// smallBody of each request is not counted, so that those who hold large bodies back never stop ordinary publishers.
	smallBody = 64 << 10
	// maxQueue is how long a body waits for room: longer than unfolding and recording a few large ones takes.
	maxQueue = 2 * time.Second
)

// errCrowded is what a body gets for which there was no room in time.
var errCrowded = errors.New("too many bytes of bodies are under way")

// budget is a number of bytes shared by those who hold leases of it. It is safe for concurrent use.
type budget struct {
	mu    sync.Mutex // guards what follows
	left  int
	freed chan struct{} // closed, and made anew, when some of it comes back
}

func newBudget(bytes int) *budget { return &budget{left: bytes, freed: make(chan struct{})} }

// try takes n bytes, or returns what is closed when it is worth trying again.
func (b *budget) try(n int) (freed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left >= n {
		b.left -= n
		return nil
	}
	return b.freed
}

func (b *budget) give(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
	close(b.freed)
	b.freed = make(chan struct{})
}

// lease is what one request holds. It belongs to one goroutine, which must call end.
type lease struct {
	of    *budget
	ctx   context.Context // the request's
	wait  time.Duration   // for others to give back; 0: not at all
	small int             // what is still not counted
	held  int
}

func (b *budget) lease(ctx context.Context) *lease {
	return &lease{of: b, ctx: ctx, wait: maxQueue, small: smallBody}
}

// grow takes n bytes more. It waits as long as it may for others to give theirs back, and returns errCrowded where they do not, or
// the error of the request's context.
func (l *lease) grow(n int) error {
	free := min(n, l.small)
	l.small -= free
	if n -= free; n == 0 {
		return nil
	}
	freed := l.of.try(n)
	if freed != nil {
		enough := time.NewTimer(l.wait)
		defer enough.Stop()
		for freed != nil {
			select {
			case <-freed:
				freed = l.of.try(n)
			case <-enough.C:
				return errCrowded
			case <-l.ctx.Done():
				return l.ctx.Err()
			}
		}
	}
	l.held += n
	return nil
}

// shrink gives n bytes back that grow had taken.
func (l *lease) shrink(n int) {
	counted := min(n, l.held)
	l.held -= counted
	l.small += n - counted
	l.of.give(counted)
}

// end gives back all that is held.
func (l *lease) end() {
	l.of.give(l.held)
	l.held = 0
}

// readAll reads src, at most limit bytes of it and one more, and takes from l what it makes room for, before it does: a body that
// comes slowly holds no more than has come of it.
func readAll(src io.Reader, limit int, l *lease) ([]byte, error) {
	const first = 4 << 10
	if err := l.grow(first); err != nil {
		return nil, err
	}
	b := make([]byte, 0, first)
	for {
		n, err := src.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF || len(b) > limit {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			more := min(2*cap(b), limit+1)
			if err := l.grow(more - cap(b)); err != nil {
				return nil, err
			}
			b = append(make([]byte, 0, more), b...)
		}
	}
}

// crowded tells a publisher that others are sending too much at once.
func crowded() *problem {
	p := fail(http.StatusServiceUnavailable, "Others are publishing more than %d bytes at once: nothing of this was recorded. Send it again in a moment, or in smaller parts.", maxUnderWay)
	p.retryAfter = 1
	return p
}

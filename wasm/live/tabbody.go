package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
	"github.com/mcp-cloud/telltale/wasm/browser"
)

// tabBody is one stream. What is not said to belong to Read is guarded by the lock of t.
type tabBody struct {
	t      *Tabs
	ctx    context.Context
	own    io.ReadCloser // the tab's own connection
	hangUp context.CancelFunc

	// Of Read alone.
	buf   []byte // what came over it
	carry []byte // and is no whole frame yet
	rest  []byte // what Read has to give next
	left  bool   // own is closed
	alien bool   // its frames do not end as our server's do: it is not passed on

	place    string // of the last event given
	until    string // the end of a stretch of which the server left something out, while what it did not leave out is coming in
	complete bool   // the picture, or what was missed, has been given
	joined   bool
	err      error

	session string   // of the leader that is listened to
	from    string   // the place it began to be listened to at
	queue   [][]byte // what came over it
	size    int
	wake    chan struct{} // of one: there is something new to Read
}

func (b *tabBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		b.t.mu.Lock()
		joined, err := b.joined, b.err
		if joined && len(b.queue) > 0 {
			b.rest, b.queue = b.queue[0], b.queue[1:]
			b.size -= len(b.rest)
			b.note(b.rest)
			err = nil
		}
		b.t.mu.Unlock()
		if joined && !b.left {
			b.left = true
			b.own.Close() // its context has ended, but nothing may be waiting for that
		}
		switch {
		case len(b.rest) > 0:
		case err != nil:
			return 0, err
		case joined:
			select {
			case <-b.ctx.Done():
				return 0, b.ctx.Err()
			case <-b.wake:
			}
		default:
			b.readOwn()
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// readOwn reads the tab's own connection, and makes of it whole frames to give.
func (b *tabBody) readOwn() {
	if b.buf == nil {
		b.buf = make([]byte, 32<<10)
	}
	n, err := b.own.Read(b.buf)
	b.carry = append(b.carry, b.buf[:n]...)
	b.t.mu.Lock()
	defer b.t.mu.Unlock()
	if b.joined { // meanwhile: the leader passes on what was on its way here
		b.carry = nil
		return
	}
	if err != nil {
		b.rest, b.carry = b.carry, nil // what is no whole frame is for the reader to judge
		b.err = err
		if b.t.body == b {
			b.t.end()
		}
		return
	}
	// The server ends every frame with an empty line, and writes no other line break than "\n". Whatever else speaks for it is read all the
	// same, by this tab alone.
	end := bytes.LastIndex(b.carry, []byte("\n\n"))
	if b.alien || end < 0 && (bytes.IndexByte(b.carry, '\r') >= 0 || len(b.carry) > sse.DefaultMaxSize) {
		b.rest, b.carry = b.carry, nil
		b.alien, b.complete = true, false
		if b.t.body == b {
			b.t.end()
		}
		return
	}
	if end < 0 {
		return
	}
	end += 2
	b.rest = b.carry[:end:end]
	b.carry = append([]byte(nil), b.carry[end:]...)
	b.note(b.rest)
	if b.t.session != "" && len(b.t.listeners) > 0 {
		b.t.post(browser.Note{Kind: noteChunk, From: b.t.self, Session: b.t.session, Data: b.rest})
	}
	b.t.begin()
	b.join()
}

var (
	newline  = []byte{'\n'}
	idLine   = []byte("id: ")
	ofStream = []byte("event: stream:")
	beatLine = []byte("event: stream:heartbeat")
	gapLine  = []byte("event: stream:gap")
	dataLine = []byte("data: ")
)

// note looks at frames that are given to the reader. They are all there is of the stream, so it goes over them once.
func (b *tabBody) note(frames []byte) {
	var place []byte
	gap := false
	for line := range bytes.SplitSeq(frames, newline) {
		switch {
		case len(line) < len(idLine):
		case line[0] == 'i' && bytes.HasPrefix(line, idLine):
			place = line[len(idLine):]
		case line[0] == 'e' && bytes.HasPrefix(line, ofStream):
			gap = bytes.Equal(line, gapLine)
			b.complete = b.complete || bytes.Equal(line, beatLine)
		case gap && bytes.HasPrefix(line, dataLine):
			gap = false
			if to := spared(line[len(dataLine):]); to != "" {
				b.until = to
			}
		}
	}
	if place != nil {
		b.place = string(place)
	}
	if !behind(b.place, b.until) {
		b.until = ""
	}
}

// spared returns where the stretch ends that the stream:gap with that data says was left out for a slow link, or "".
func spared(data []byte) string {
	if p, err := event.StreamGap.Decode(data); err == nil && p.Reason == "slow" {
		return p.To.String()
	}
	return ""
}

// offered begins to listen to a new leader that listened to this tab, or asks it to; or finds that the one that is read
// is no more.
func (b *tabBody) offered(n browser.Note) (ask bool) {
	switch {
	case b.joined:
		b.move()
	case n.To != b.t.self:
		return true
	default:
		b.session, b.from = n.Session, n.Place
		b.queue, b.size = nil, 0
		b.join()
	}
	return false
}

// take takes what came over the leader's connection.
func (b *tabBody) take(data []byte) {
	if b.size += len(data); b.size > maxQueue {
		b.session, b.queue, b.size = "", nil, 0
		if b.joined {
			b.move()
		}
		return
	}
	b.queue = append(b.queue, data)
	b.signal()
}

// join goes over to the leader, if all that it did not pass on is here.
func (b *tabBody) join() {
	if b.joined || b.t.leading || b.session == "" || !b.complete || b.until != "" || b.err != nil || behind(b.place, b.from) {
		return
	}
	b.joined = true
	b.hangUp() // what Read waits for ends
	b.signal()
}

// behind reports whether a place is not known to be at or after another.
func behind(place, from string) bool {
	if from == "" {
		return false
	}
	p, err := event.ParseID(place)
	f, err2 := event.ParseID(from)
	return err != nil || err2 != nil || p.Epoch != f.Epoch || p.Seq < f.Seq
}

// ended is the end of the leader's connection. Who reads it waits a while for the next leader, so that the one has a
// connection before the many ask for theirs.
func (b *tabBody) ended() {
	b.session = ""
	if !b.joined {
		b.queue, b.size = nil, 0
		return
	}
	time.AfterFunc(successorTime, func() {
		b.t.mu.Lock()
		defer b.t.mu.Unlock()
		b.move()
	})
}

// move has the reader open a new stream, when it has read what is here.
func (b *tabBody) move() {
	if b.err == nil {
		b.err = feed.ErrMoved
	}
	b.signal()
}

func (b *tabBody) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Close ends the stream.
func (b *tabBody) Close() error {
	b.t.mu.Lock()
	if b.t.body == b {
		b.t.end()
		b.t.body = nil
	}
	if b.err == nil {
		b.err = errors.New("live: read of a closed stream")
	}
	b.t.mu.Unlock()
	b.hangUp()
	return b.own.Close()
}

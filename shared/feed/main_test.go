package feed_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func TestMain(m *testing.M) {
	// In Wasm, the goroutine that brings JavaScript's events to Go is the runtime's own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// server is a feed.Source that plays a server: each Open is answered by the next of the scripts, the last one again and
// again.
type server struct {
	scripts []func(c *conn)

	mu    sync.Mutex
	asked []ask
}

type ask struct {
	id string
	at time.Time
}

// conn is one connection as a script sees it. What is not set otherwise is a good answer.
type conn struct {
	ctx    context.Context
	head   feed.Response
	err    error // Open's
	opened chan struct{}
	bytes  chan []byte
	end    error // what Read returns when the script is over
}

func (s *server) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	s.mu.Lock()
	n := len(s.asked)
	s.asked = append(s.asked, ask{r.LastEventID, time.Now()})
	s.mu.Unlock()
	c := &conn{
		ctx: ctx, opened: make(chan struct{}), bytes: make(chan []byte), end: io.ErrUnexpectedEOF,
		head: feed.Response{Status: 200, ContentType: sse.ContentType + "; charset=utf-8"},
	}
	go func() {
		s.scripts[min(n, len(s.scripts)-1)](c)
		c.open()
		close(c.bytes)
	}()
	select {
	case <-c.opened:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	c.head.Body = &body{c: c}
	return &c.head, nil
}

// asks returns what the client asked for, as "id after seconds", the first at 0.
func (s *server) asks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, a := range s.asked {
		out = append(out, a.id)
	}
	return out
}

func (s *server) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for i, a := range s.asked[1:] {
		out = append(out, a.at.Sub(s.asked[i].at))
	}
	return out
}

func (c *conn) open() {
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
}

// send writes the text as one piece, and returns when it was read or the client has gone.
func (c *conn) send(text ...string) {
	c.open()
	select {
	case c.bytes <- []byte(strings.Join(text, "")):
	case <-c.ctx.Done():
	}
}

// hold waits until the client hangs up.
func (c *conn) hold() {
	c.open()
	<-c.ctx.Done()
}

type body struct {
	c    *conn
	rest []byte
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		var ok bool
		select {
		case b.rest, ok = <-b.c.bytes:
			if !ok {
				return 0, b.c.end
			}
		case <-b.c.ctx.Done():
			return 0, b.c.ctx.Err()
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *body) Close() error { return nil }

const beat = 15 * time.Second

// sync, beatAt, ev and control write frames as a server does.
func syncAs(mode, place string) string {
	p := event.Sync{Mode: mode, HeartbeatMs: beat.Milliseconds(), ServerTime: time.Now(), Version: "1.2.3"}
	if place != "" {
		p.Place = id(place)
	}
	return "retry: 1000\n\n" + control(event.StreamSync, "", p)
}

func beatAt(place string) string {
	return control(event.StreamHeartbeat, place, event.Heartbeat{ServerTime: time.Now()})
}

func control[T any](k event.Kind[T], place string, payload T) string {
	var at event.ID
	if place != "" {
		at = id(place)
	}
	b, err := k.AppendFrame(nil, at, payload)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func ev(place string) string { return string(event.AppendFrame(nil, evAt(place))) }

func evAt(place string) event.Event {
	return event.Event{ID: id(place), Type: "backup:finished", Server: "web-1",
		Data: fmt.Appendf(nil, `{"timestamp":"2026-11-22T12:00:00.000Z","serverId":"web-1","n":%q}`, place)}
}

func id(s string) event.ID {
	p, err := event.ParseID(s)
	if err != nil {
		panic(err)
	}
	return p
}

// reader keeps what Handle got.
type reader struct {
	mu      sync.Mutex
	events  []string // places of events, types of control events, in order
	phases  []string // each change
	last    feed.Batch
	waiting feed.State // the last that waited for another try
	reasons []string
}

func (r *reader) handle(b feed.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range b.Events {
		switch {
		case e.Class() == event.Control:
			r.events = append(r.events, strings.TrimPrefix(e.Type, "stream:"))
		case !strings.Contains(string(e.Data), `"n":"`+e.ID.String()+`"`):
			r.events = append(r.events, "data of "+e.ID.String()+" is "+string(e.Data))
		default:
			r.events = append(r.events, e.ID.String())
		}
	}
	if p := b.State.Phase.String(); len(r.phases) == 0 || r.phases[len(r.phases)-1] != p {
		r.phases = append(r.phases, p)
	}
	if s := b.State.Reason; s != "" && (len(r.reasons) == 0 || r.reasons[len(r.reasons)-1] != s) {
		r.reasons = append(r.reasons, s)
	}
	if !b.State.Next.IsZero() {
		r.waiting = b.State
	}
	b.Events = nil
	r.last = b
}

func (r *reader) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, " ")
}

func (r *reader) went() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.phases, " > ")
}

func (r *reader) batch() feed.Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

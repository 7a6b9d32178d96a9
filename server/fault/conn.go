package fault

import (
	"bytes"
	"context"
	"net"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

const (
	// piece is the most that is passed on at once.
	piece = 16 << 10
	// maxHead bounds the head of a request; what is longer is passed on as it is.
	maxHead = 64 << 10
	// maxBuffer bounds what Buffer holds back.
	maxBuffer = 4 << 20
	// pieces is into how many parts a Delay divides its time.
	pieces = 8
)

// conn is one connection. Its goroutines are down, which reads the server, and up, which reads the reader.
type conn struct {
	p      *Proxy
	ctx    context.Context
	plan   *plan
	reader *net.TCPConn
	server *net.TCPConn
	gone   chan struct{} // closed when the reader has hung up

	step  step
	drawn bool
	late  int // pieces that are to be delayed yet
}

// down passes on what the server sends, and does to it what the plan says. Bytes that pass while it is calm don't count.
func (c *conn) down() {
	buf := make([]byte, piece)
	if !c.before() {
		return
	}
	for {
		n, err := c.server.Read(buf)
		if n > 0 && c.pass(buf[:n]) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

// before does what is to be done before the first byte.
func (c *conn) before() bool {
	if !c.draw() || c.step.after > 0 {
		return true
	}
	return c.do(nil) == nil
}

func (c *conn) draw() bool {
	if !c.drawn {
		c.step, c.drawn = c.plan.next()
	}
	return c.drawn
}

// pass writes one piece, with the fault that falls into it.
func (c *conn) pass(b []byte) error {
	storm, _ := c.p.weather()
	if !storm {
		return c.write(b)
	}
	if c.late > 0 {
		c.late--
		c.wait(c.step.pause / pieces)
	}
	if c.late > 0 || !c.draw() {
		return c.write(b)
	}
	if c.step.after -= len(b); c.step.after > 0 {
		return c.write(b)
	}
	return c.do(b)
}

func (c *conn) write(b []byte) error {
	_, err := c.reader.Write(b)
	return err
}

// do does the fault that is due, and writes of the piece in hand what the fault leaves.
func (c *conn) do(b []byte) error {
	if !c.p.did(c.step.kind) {
		return c.write(b)
	}
	c.drawn = false
	switch c.step.kind {
	case Delay:
		c.late = pieces
		return c.write(b)
	case Stall:
		c.wait(c.step.pause)
		return c.write(b)
	case Buffer:
		return c.hold(b)
	case Cut:
		_ = c.write(b)
	case Truncate:
		_ = c.write(half(b))
	case Reset:
		_ = c.write(b)
		_ = c.reader.SetLinger(0)
	case HalfOpen:
		_ = c.write(b)
		_ = c.server.SetLinger(0)
		c.server.Close()
		select {
		case <-c.gone:
		case <-c.ctx.Done():
		}
	}
	return errBroken
}

// half returns a beginning of the piece that does not end where an event does.
func half(b []byte) []byte {
	b = b[:(len(b)+1)/2]
	for len(b) > 1 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// wait returns when the time is over, or the storm is, or the reader has gone.
func (c *conn) wait(d time.Duration) {
	_, calmed := c.p.weather()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-calmed:
	case <-c.gone:
	case <-c.ctx.Done():
	}
}

// hold takes what the server sends for a while, and then passes it on at once.
func (c *conn) hold(b []byte) error {
	held := bytes.Clone(b)
	over := make(chan struct{})
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		c.wait(c.step.pause)
		select {
		case <-over:
		default:
			_ = c.server.SetReadDeadline(time.Unix(1, 0)) // ends the Read below
		}
	}()
	var err error
	buf := make([]byte, piece)
	for err == nil && len(held) < maxBuffer {
		var n int
		n, err = c.server.Read(buf)
		held = append(held, buf[:n]...)
	}
	close(over)
	<-waited
	_ = c.server.SetReadDeadline(time.Time{})
	return c.write(held)
}

// up passes requests on, and sets back where some of their readers say they were. Only requests without a body are read;
// a connection with another one is passed on as it is from then on. What the reader sends to a server that is gone is lost.
func (c *conn) up() {
	var head []byte
	buf := make([]byte, piece)
	asItIs := false
	for {
		n, err := c.reader.Read(buf)
		if err != nil {
			return
		}
		if asItIs {
			_, _ = c.server.Write(buf[:n])
			continue
		}
		head = append(head, buf[:n]...)
		for {
			end := bytes.Index(head, []byte("\r\n\r\n"))
			asItIs = len(head) > maxHead || len(head) > 8 && !bodiless(head)
			if end < 0 || asItIs {
				break
			}
			_, _ = c.server.Write(c.resume(head[:end+4]))
			head = append(head[:0], head[end+4:]...)
		}
		if asItIs {
			_, _ = c.server.Write(head)
			head = nil
		}
	}
}

func bodiless(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GET ")) || bytes.HasPrefix(head, []byte("HEAD "))
}

// resume returns the head of a request as it is passed on.
func (c *conn) resume(head []byte) []byte {
	const name = "Last-Event-ID"
	lines := strings.Split(string(head), "\r\n")
	for i, line := range lines {
		key, text, _ := strings.Cut(line, ":")
		place, err := event.ParseID(strings.TrimSpace(text))
		if !strings.EqualFold(key, name) || err != nil {
			continue
		}
		if storm, _ := c.p.weather(); !storm {
			return head
		}
		kind, back, ok := c.plan.resume()
		if !ok || kind == Repeat && place.Seq < 2 || !c.p.did(kind) {
			return head
		}
		if kind == Strip {
			lines = append(lines[:i], lines[i+1:]...)
		} else {
			place.Seq -= min(back, place.Seq-1)
			lines[i] = name + ": " + place.String()
		}
		return []byte(strings.Join(lines, "\r\n"))
	}
	return head
}

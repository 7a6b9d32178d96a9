// Package hostile is what somebody does to a server who means harm, for tests: clients that are slow on purpose, that never read, that
// send bombs, floods and broken HTTP. It speaks to sockets, as no HTTP client would send most of this.
package hostile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Attack is one way to do harm, held for a while.
type Attack struct {
	Name string
	// run does the harm to the server at addr until ctx ends, and calls ready, once, when all of it is in place. What the server does
	// to it is no error; it returns one when it can't do its harm at all.
	run func(ctx context.Context, addr string, ready func()) error
}

// Run starts the attack and returns when it is in place, or could not be. It goes on until ctx ends; wait returns when it has.
func (a Attack) Run(ctx context.Context, addr string) (wait func() error, err error) {
	ready, ended := make(chan struct{}), make(chan error, 1)
	once := sync.OnceFunc(func() { close(ready) })
	go func() { ended <- a.run(ctx, addr, once) }()
	select {
	case <-ready:
		return func() error { return <-ended }, nil
	case err := <-ended:
		select {
		case <-ready: // it was done before it was waited for
			return func() error { return err }, nil
		default:
		}
		return nil, fmt.Errorf("%s: not in place: %w", a.Name, errors.Join(err, ctx.Err()))
	}
}

// Attacks are all there are, with so many connections each where it is held by many.
func Attacks(many int) []Attack {
	return []Attack{
		{"slow headers", slowHeaders(many)},
		{"slow bodies", slowBodies(many)},
		{"streams never read", neverRead(many, "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")},
		{"pages never read", neverRead(many/3, strings.Repeat("GET /api/events?limit=10000 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", 20))},
		{"files never read", neverRead(many/3, strings.Repeat("GET /telltale.css HTTP/1.1\r\nHost: localhost\r\n\r\n", 200))},
		{"gzip bombs", bombs("gzip", many/10)},
		{"zstd bombs", bombs("zstd", many/10)},
		{"zstd windows", windows(many)},
		{"endless bodies", endless(many / 10)},
		{"deep JSON", deep(many / 10)},
		{"connect storm", storm(many * 5)},
		{"long addresses", posts(many/10, "GET /api/events?types="+strings.Repeat("a:b,", 1<<18)+" HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"many parameters", posts(many/10, "GET /api/events?"+strings.Repeat("a=1&", 7000)+"types=none:* HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")},
		{"header floods", posts(many/10, "GET / HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X-A: b\r\n", 1<<16)+"\r\n")},
		{"upgrades", posts(many/10, "GET /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")},
		{"HTTP/2 rapid resets", rapidReset(10 * many)},
		{"HTTP/2 continuations", continuations},
		{"HTTP/2 windows of nothing", closedWindows(many / 10)},
		{"HTTP/2 pings", pings(10 * many)},
	}
}

// crowd opens n connections, runs f on each at once, and calls ready when each f has called its own or ended.
func crowd(ctx context.Context, addr string, n int, ready func(), f func(ctx context.Context, c net.Conn, ready func())) error {
	var all, inPlace sync.WaitGroup
	failed := make(chan error, n)
	for range n {
		inPlace.Add(1)
		mine := sync.OnceFunc(inPlace.Done)
		all.Go(func() {
			defer mine()
			c, err := dial(ctx, addr)
			if err != nil {
				failed <- err
				return
			}
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			defer c.Close()
			f(ctx, c, mine)
		})
	}
	inPlace.Wait()
	if len(failed) == n && n > 0 {
		all.Wait()
		return <-failed
	}
	ready()
	<-ctx.Done()
	all.Wait()
	return nil
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// drip sends text byte by byte, and calls ready after the first few.
func drip(ctx context.Context, c net.Conn, text string, ready func()) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
		if i == 2 {
			ready()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func slowHeaders(n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		return crowd(ctx, addr, n, ready, func(ctx context.Context, c net.Conn, ready func()) {
			drip(ctx, c, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X: y\r\n", 1000), ready)
		})
	}
}

func slowBodies(n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		return crowd(ctx, addr, n, ready, func(ctx context.Context, c net.Conn, ready func()) {
			if _, err := io.WriteString(c, post("Content-Length: 1000000")); err == nil {
				drip(ctx, c, `{"type":"x:y","data":{"a":"`+strings.Repeat("b", 10_000), ready)
			}
		})
	}
}

// post is the head of a publishing request.
func post(headers ...string) string {
	return "POST /api/servers/victim/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// neverRead asks and takes nothing of the answer. Its receive buffer is small, so that the answer piles up where it comes from.
func neverRead(n int, ask string) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		return crowd(ctx, addr, n, ready, func(ctx context.Context, c net.Conn, ready func()) {
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			_, _ = io.WriteString(c, ask) // it may block, as nothing of the answers is taken
			ready()
			<-ctx.Done()
		})
	}
}

// posts sends the same request again and again, each time on a new connection, from n connections at once, until each had a few answers.
func posts(n int, request string) func(context.Context, string, func()) error {
	return repeat(n, 2, func(ctx context.Context, c net.Conn) {
		go func() { _, _ = io.WriteString(c, request) }() // the end of the connection ends it
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = bufio.NewReader(c).ReadString('\n')
	})
}

// repeat runs f on n connections at once, times over, each on a new one. It is in place when the first are done.
func repeat(n, times int, f func(ctx context.Context, c net.Conn)) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		var all sync.WaitGroup
		for range max(1, n) {
			all.Go(func() {
				for range times {
					c, err := dial(ctx, addr)
					if err != nil {
						return
					}
					stop := context.AfterFunc(ctx, func() { c.Close() })
					f(ctx, c)
					stop()
					c.Close()
					ready()
				}
			})
		}
		all.Wait()
		ready()
		<-ctx.Done()
		return nil
	}
}

// storm connects and leaves, some with a word and some without.
func storm(n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		var all sync.WaitGroup
		for part := range 4 {
			all.Go(func() {
				for i := range n / 4 {
					c, err := dial(ctx, addr)
					if err != nil {
						return
					}
					switch (i + part) % 4 {
					case 0:
						_ = c.(*net.TCPConn).SetLinger(0) // a reset
					case 1:
						_, _ = io.WriteString(c, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
					case 2:
						_, _ = io.WriteString(c, post("Content-Length: 10"))
					}
					c.Close()
				}
			})
		}
		all.Wait()
		ready()
		<-ctx.Done()
		return nil
	}
}

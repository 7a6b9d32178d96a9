package stream_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// BenchmarkTopics is what one event costs that goes to one topic of 500, each with 10 streams: published, encoded, and written to
// ten sockets that nobody else knows of. Beside it, what the ten bare system calls cost that write it.
func BenchmarkTopics(b *testing.B) {
	const topics, each = 500, 10
	s := open(b, newMemLog(), stream.Options{}, hub.Options{})
	fds := make([]int, topics*each)
	for i := range fds {
		fds[i] = s.bare(fmt.Sprint("/?servers=s", i%topics))
	}
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		s.settle(0)
	}()
	events := make([]event.Event, topics)
	for i := range events {
		events[i] = ev(b, fmt.Sprint("s", i), "metrics:cpu", i, 190)
	}
	buf := make([]byte, 64<<10)
	drain := func(topic int) {
		for i := range each {
			if n, err := unix.Read(fds[topic+i*topics], buf); n <= 0 || err != nil {
				b.Fatal("read: ", n, err)
			}
		}
	}
	b.Run("event", func(b *testing.B) {
		i := 0
		for b.Loop() {
			s.log.put(events[i%topics])
			drain(i % topics)
			i++
			if i%topics == 0 {
				s.log.Change(func() { s.log.Events = s.log.Events[len(s.log.Events)-10:] })
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		var pairs [each][2]int
		for i := range pairs {
			var err error
			if pairs[i], err = tcpPair(); err != nil {
				b.Fatal(err)
			}
			defer unix.Close(pairs[i][0])
			defer unix.Close(pairs[i][1])
		}
		frame := event.AppendFrame(nil, events[0])
		for b.Loop() {
			for _, p := range pairs {
				_, _ = unix.Write(p[0], frame)
			}
			for _, p := range pairs {
				_, _ = unix.Read(p[1], buf)
			}
		}
	})
}

// tcpPair returns two ends of a loopback connection.
func tcpPair() (pair [2]int, err error) {
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return pair, err
	}
	defer unix.Close(ln)
	if err := unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return pair, err
	}
	if err := unix.Listen(ln, 1); err != nil {
		return pair, err
	}
	at, err := unix.Getsockname(ln)
	if err != nil {
		return pair, err
	}
	if pair[0], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return pair, err
	}
	if err := unix.Connect(pair[0], at); err != nil {
		return pair, err
	}
	pair[1], _, err = unix.Accept(ln)
	return pair, err
}

package stream

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A tag names a stream to epoll: its slot, and how often the slot has been used. So an event that was on its way when its
// stream ended can't be taken for one of the next stream, which may well have the same slot and the same descriptor.
type tag struct{ slot, use uint32 }

// pollEvent is what epoll says of one socket.
type pollEvent struct {
	tag    tag
	at     time.Duration // when, by the streams' clock
	hungUp bool
	room   bool
}

// poller is an epoll of its own, for sockets that Go's poller does not know. It is itself known to Go's poller, so waiting for
// it takes no thread.
type poller struct {
	fd   int
	file *os.File
	raw  syscall.RawConn
	buf  [256]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("stream: epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.NewFile would not give it to the poller
		_ = unix.Close(fd)
		return nil, fmt.Errorf("stream: epoll: %w", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("stream: epoll: %w", err)
	}
	return p, nil
}

// add watches a socket: for its reader hanging up, and, once a write has found it full, for room. What the reader sends is
// not looked at. Edge-triggered, so that a full socket costs no further call.
func (p *poller) add(fd int, t tag) error {
	e := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(t.slot), Pad: int32(t.use)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("stream: epoll: %w", err)
	}
	return nil
}

func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait appends what has happened to events; it returns an error when the poller was closed. Clock tells the time.
func (p *poller) wait(events []pollEvent, clock func() time.Duration) ([]pollEvent, error) {
	var n int
	var err error
	rerr := p.raw.Read(func(fd uintptr) bool {
		n, err = unix.EpollWait(int(fd), p.buf[:], 0)
		if err == unix.EINTR {
			n, err = 0, nil
		}
		return n > 0 || err != nil
	})
	if rerr != nil {
		return events, rerr
	}
	if err != nil {
		return events, fmt.Errorf("stream: epoll: %w", err)
	}
	now := clock()
	for _, e := range p.buf[:n] {
		events = append(events, pollEvent{
			tag:    tag{uint32(e.Fd), uint32(e.Pad)},
			at:     now,
			hungUp: e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			room:   e.Events&unix.EPOLLOUT != 0,
		})
	}
	return events, nil
}

func (p *poller) close() { _ = p.file.Close() }

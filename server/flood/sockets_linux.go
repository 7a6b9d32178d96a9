package flood

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// newTransport returns bare sockets where they do, for plain HTTP/1.1, and net/http otherwise.
func newTransport(s *session) (transport, error) {
	if s.o.Gzip || s.o.HTTP2 {
		return newReaders(s), nil
	}
	t := &sockets{s: s}
	for _, l := range s.lanes {
		p, err := newPoller(s, l)
		if err != nil {
			t.stop()
			return nil, err
		}
		t.pollers = append(t.pollers, p)
		p.done.Go(p.run)
	}
	return t, nil
}

// sockets is the transport of plain HTTP/1.1 streams: a poller for each lane.
type sockets struct {
	s       *session
	pollers []*poller
	source  atomic.Uint32
}

// poller reads the sockets of one lane in one goroutine. The lane's lock guards its fields.
type poller struct {
	s     *session
	lane  *lane
	epoll int
	wake  int       // eventfd: written to when the loop is to end
	socks []*socket // by descriptor
	timed []*socket // those that are not (only) driven by epoll: slow, stalled and passing ones
	done  sync.WaitGroup
	ended bool
	buf   []byte
}

// socket is one connection.
type socket struct {
	fd     int
	f      *follower
	body   body
	deaf   bool      // not registered with epoll
	until  time.Time // when a passing one goes
	abrupt bool      // it goes with a reset
}

const (
	readBuffer = 256 << 10
	// tick is how often timed sockets are looked after.
	tick = 100 * time.Millisecond
)

func newPoller(s *session, l *lane) (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)})
	}
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("flood: epoll: %w", err)
	}
	return &poller{s: s, lane: l, epoll: epoll, wake: wake, buf: make([]byte, readBuffer)}, nil
}

// stop ends the pollers and closes their sockets.
func (t *sockets) stop() {
	for _, p := range t.pollers {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(p.wake, one[:])
		p.done.Wait()
		_ = unix.Close(p.epoll)
		_ = unix.Close(p.wake)
	}
	t.pollers = nil
}

// dial connects in the calling goroutine: on loopback that takes no time unless the server's queue is full.
func (t *sockets) dial(_ context.Context, f *follower) error {
	fd, err := t.connect()
	if err != nil {
		return err
	}
	p := t.pollers[0]
	for _, q := range t.pollers {
		if q.lane == f.lane {
			p = q
		}
	}
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	f.begin()
	request := streamRequest(nil, t.s.url, f)
	if _, err := unix.Write(fd, request); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("write", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	return p.add(fd, f)
}

func (t *sockets) connect() (int, error) {
	family, ip4 := unix.AF_INET6, t.s.addr.IP.To4()
	if ip4 != nil {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	// A connect that waits longer than this says that the server is not taking any.
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 5})
	var to unix.Sockaddr
	if ip4 != nil {
		// There are 28,000 ports to come from, and a closed connection keeps its for a minute. So several addresses are used.
		from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + t.source.Add(1)%8)}}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if ip4.Equal(net.IPv4(127, 0, 0, 1)) && err == nil {
			err = unix.Bind(fd, from)
		}
		to = &unix.SockaddrInet4{Port: t.s.addr.Port, Addr: [4]byte(ip4)}
	} else {
		to = &unix.SockaddrInet6{Port: t.s.addr.Port, Addr: [16]byte(t.s.addr.IP.To16())}
	}
	for err == nil {
		if err = unix.Connect(fd, to); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, unix.EISCONN) {
		_ = unix.Close(fd)
		return 0, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// add takes a connected socket. The lane's lock is held.
func (p *poller) add(fd int, f *follower) error {
	if p.ended {
		_ = unix.Close(fd)
		return context.Canceled
	}
	k := &socket{fd: fd, f: f}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("epoll_ctl", err)
	}
	for len(p.socks) <= fd {
		p.socks = append(p.socks, nil)
	}
	p.socks[fd] = k
	if f.kind != regular {
		p.timed = append(p.timed, k)
	}
	if f.kind == passing {
		k.until = time.Now().Add(rand.N(passingFor))
		k.abrupt = rand.N(2) == 0
		if rand.N(3) == 0 { // a third goes before the answer is there
			k.until = time.Now()
		}
	}
	return nil
}

// run is the loop.
func (p *poller) run() {
	events := make([]unix.EpollEvent, 512)
	last := time.Now()
	for {
		n, err := unix.EpollWait(p.epoll, events, int(tick/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			p.s.fail(os.NewSyscallError("epoll_wait", err))
		}
		p.lane.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == p.wake {
				p.finish()
				p.lane.mu.Unlock()
				return
			}
			if k := p.socks[e.Fd]; k != nil && !k.deaf { // else one before it in this batch has closed it
				p.read(k, p.buf)
			}
		}
		if now := time.Now(); now.Sub(last) >= tick {
			last = now
			p.look(now)
		}
		p.lane.settle()
		p.lane.mu.Unlock()
	}
}

// finish closes everything. The lane's lock is held.
func (p *poller) finish() {
	p.ended = true
	for _, k := range p.socks {
		if k != nil {
			_ = unix.Close(k.fd)
		}
	}
	p.socks, p.timed = nil, nil
}

// read takes what a socket has, at most a buffer of it. It reports whether there was anything.
func (p *poller) read(k *socket, buf []byte) {
	n, err := unix.Read(k.fd, buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if err != nil || n == 0 {
		p.close(k)
		return
	}
	before := k.body.status
	now := p.s.now()
	done, err := k.body.push(buf[:n], func(b []byte) error {
		if before == 0 {
			before = k.body.status
			p.s.accepted(k.f)
		}
		p.lane.tally.Bytes += uint64(len(b))
		return k.f.push(b, now)
	})
	if before == 0 && k.body.status == 200 { // a head alone
		p.s.accepted(k.f)
	}
	if err != nil {
		p.lane.tally.Broken++
	}
	if err != nil || done {
		p.close(k)
		return
	}
	if !k.deaf && p.s.quiet(k.f) {
		k.deaf = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, k.fd, nil) == nil
	}
}

// look reads a little from slow sockets, wakes those that are to read like the others, and lets passing ones go.
func (p *poller) look(now time.Time) {
	rest := p.timed[:0]
	for _, k := range p.timed {
		if p.socks[k.fd] != k {
			continue // closed
		}
		switch {
		case k.f.kind == passing:
			if now.After(k.until) {
				p.close(k)
				continue
			}
		case k.deaf && !p.s.quiet(k.f):
			k.deaf = false
			if unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, k.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(k.fd)}) != nil {
				p.close(k)
				continue
			}
		case k.deaf && k.f.kind == slow:
			p.read(k, p.buf[:max(1, min(len(p.buf), int(int64(p.s.o.SlowRate)*int64(tick)/int64(time.Second))))])
		}
		rest = append(rest, k)
	}
	clear(p.timed[len(rest):])
	p.timed = rest
}

// close ends a connection and tells the session.
func (p *poller) close(k *socket) {
	if k.abrupt {
		_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	p.socks[k.fd] = nil
	_ = unix.Close(k.fd)
	switch {
	case k.body.status == 200:
		p.s.ended(k.f)
	case k.body.status != 0:
		p.s.turnedAway(k.f, k.body.status)
	case k.f.kind == passing:
		p.s.passed.Add(1)
	default:
		p.s.turnedAway(k.f, 0)
	}
}

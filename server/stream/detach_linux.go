package stream

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// canDetach says whether this system has what detached streams need.
const canDetach = true

const (
	// unsent is how much a socket takes that TCP has not sent yet: enough to keep a fast reader busy, little enough that a slow one
	// is noticed at once.
	unsent = 64 << 10
	// dead is how long what was sent may go unacknowledged before TCP gives the connection up. Without it a reader whose machine is
	// gone would be kept for a quarter of an hour, as heartbeats fit into the socket's buffer.
	dead = 45 * time.Second
)

// detach takes the connection from net/http and gives it to a worker. It reports false, with nothing done, when the portable
// writer has to serve the stream; otherwise the talk is no longer the caller's.
func (s *Server) detach(w http.ResponseWriter, r *http.Request, t *talk, q Request) bool {
	if r.ProtoMajor != 1 || r.TLS != nil || t.over {
		return false
	}
	worker := s.pick()
	if worker == nil {
		return false
	}
	header := w.Header()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false // a ResponseWriter that can't; it has written nothing
	}
	// From here on there is no way back to net/http.
	s.count.open(true)
	head := responseHead(header)
	head = append(head, t.pend...)
	t.pend = head
	fd, err := takeSocket(conn)
	if err != nil {
		s.o.Logger.LogAttrs(r.Context(), slog.LevelWarn, "stream lost", slog.Any("error", err), t.who())
		s.ended(t, Failed, true)
		return true
	}
	if t.handle != nil {
		t.handle.worker = worker
		t.opened(q)
	}
	if !worker.send(message{opened: &detached{talk: *t, fd: fd}}) { // it stopped just now
		_ = unix.Close(fd)
		s.ended(t, Shutdown, true)
	}
	return true
}

// responseHead is what net/http would have written.
func responseHead(h http.Header) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	_ = h.Write(&b) // to memory
	b.WriteString("\r\n")
	return b.Bytes()
}

// takeSocket returns the connection's socket under a descriptor that Go's network poller does not know, and closes the
// connection. On an error it is closed too.
func takeSocket(conn net.Conn) (fd int, err error) {
	defer func() {
		if cerr := conn.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("stream: detach: %w", cerr)
			_ = unix.Close(fd)
		}
	}()
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("stream: detach: a %T has no socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("stream: detach: %w", err)
	}
	fd = -1
	var dupErr error
	err = raw.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return 0, fmt.Errorf("stream: detach: %w", err)
	}
	// What is not TCP, such as a Unix socket, has none of these, and works without.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(dead.Milliseconds()))
	return fd, nil
}

// hangUp ends a socket so that what was written still arrives: to close one with something unread in it would reset it. Of what the
// reader sent, which is nobody's, a bounded part is read and thrown away.
func hangUp(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_WR)
	var junk [4096]byte
	for range 64 {
		if n, _, err := unix.Recvfrom(fd, junk[:], unix.MSG_DONTWAIT); n <= 0 || err != nil {
			break
		}
	}
	_ = unix.Close(fd)
}

// turn has every stream look whether the record is there.
func (w *worker) turn() { w.send(message{turned: true}) }

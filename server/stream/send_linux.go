package stream

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxIovec is how many slices one write may have; Linux takes 1024.
const maxIovec = 256

// sender writes an outbox to sockets. Its array is used again and again.
type sender struct{ iov []unix.Iovec }

// send writes what the socket has room for and never waits. Taken is how many bytes; full says that the socket takes no more now, and is
// watched for when it does. It raises no SIGPIPE.
func (s *sender) send(fd int, o *outbox) (taken int, full bool, err error) {
	s.iov = s.iov[:0]
	s.add(o.lead)
	for _, b := range o.body {
		s.add(b)
	}
	s.add(o.tail)
	for at := 0; at < len(s.iov); {
		part := s.iov[at:min(len(s.iov), at+maxIovec)]
		want := 0
		for _, v := range part {
			want += int(v.Len)
		}
		n, err := sendmsg(fd, part)
		switch err {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN, unix.ENOBUFS:
			clear(s.iov)
			return taken, true, nil
		default:
			clear(s.iov)
			return taken, false, err
		}
		taken += n
		if n < want { // what is left has to be refused once, or nobody would tell us when there is room
			at += drop(part, n)
			continue
		}
		at += len(part)
	}
	clear(s.iov)
	return taken, false, nil
}

func (s *sender) add(b []byte) {
	if len(b) > 0 {
		v := unix.Iovec{Base: &b[0]}
		v.SetLen(len(b))
		s.iov = append(s.iov, v)
	}
}

// drop takes n bytes from the front of the list, and returns how many of its slices are done with.
func drop(part []unix.Iovec, n int) (done int) {
	for n > 0 {
		v := &part[done]
		if size := int(v.Len); n < size {
			v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
			v.SetLen(size - n)
			return done
		} else {
			n -= size
			done++
		}
	}
	return done
}

// sendmsg is the bare system call: it can't block, so Go's scheduler need not be told of it, which would cost more than the
// call at thousands of them in a row.
func sendmsg(fd int, iov []unix.Iovec) (int, unix.Errno) {
	var m unix.Msghdr
	m.Iov = &iov[0]
	m.SetIovlen(len(iov))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

package stream

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
)

// An event that was on its way when its stream ended must not touch the next stream, though that has the same slot and the same
// descriptor number.
func TestAStaleEventTouchesNobody(t *testing.T) {
	log, err := bolt.Open(t.TempDir(), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h := hub.New(log, hub.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-h.Ready()
	s := New(h, Options{})
	w, err := newWorker(s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.discard()
	admit := func() (st *detached, peer int) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.count.open(true)
		st = &detached{talk: *s.talk(t.Context(), Request{}), fd: pair[0]}
		w.admit(st)
		return st, pair[1]
	}

	first, peer := admit()
	if err := unix.Close(peer); err != nil {
		t.Fatal(err)
	}
	stale, err := w.poll.wait(nil, s.now) // says that first's reader hung up
	if err != nil || len(stale) != 1 || !stale[0].hungUp {
		t.Fatalf("got %+v, %v; want one event of a reader that hung up", stale, err)
	}
	w.drop(first, Slow) // before the worker sees it
	second, peer := admit()
	defer unix.Close(peer)
	if second.slot != first.slot || second.fd != first.fd {
		t.Fatalf("slot %d and descriptor %d, want those of before, %d and %d", second.slot, second.fd, first.slot, first.fd)
	}
	w.event(stale[0])
	if w.slots[second.slot].st != second || w.open != 1 {
		t.Fatal("the stale event ended the wrong stream")
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(peer, buf)
	if text := string(buf[:max(n, 0)]); err != nil || !strings.Contains(text, "stream:heartbeat") {
		t.Errorf("got %q, %v; want the beginning of a stream", text, err)
	}
	fresh := stale[0]
	fresh.tag = tag{second.slot, w.slots[second.slot].use}
	w.event(fresh)
	if w.open != 0 {
		t.Error("an event of its own did not end it")
	}
}

// However a write is cut, what follows begins where it ended.
func TestDropTakesBytesFromTheFront(t *testing.T) {
	text := "one, two and three"
	for n := range len(text) + 1 {
		var s sender
		for _, b := range []string{text[:3], text[3:4], text[4:12], text[12:]} {
			s.add([]byte(b))
		}
		left := 0
		part := s.iov[drop(s.iov, n):]
		for _, v := range part {
			left += int(v.Len)
		}
		if left != len(text)-n || left > 0 && *part[0].Base != text[n] {
			t.Errorf("after %d bytes: %d left, want %d", n, left, len(text)-n)
		}
	}
}

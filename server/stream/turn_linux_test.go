package stream_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// One reader of the record is all there are, and it is held up. The others, who wait for their turn, beat on all the same; who hangs up is gone at once, and
// his place is free; and who is ended, by somebody or because his time is
// over, gets his last words and is gone too. So is everybody at the end.
func TestWhoWaitsForHisTurn(t *testing.T) {
	log := newMemLog()
	var hold atomic.Bool
	let, free := letGo()
	var held atomic.Int32
	log.Reading = func() {
		if hold.Load() {
			held.Add(1)
			<-let
		}
	}
	s := open(t, log, stream.Options{Heartbeat: 30 * time.Millisecond, Readers: 1, Workers: 1}, hub.Options{})
	t.Cleanup(free)
	var ended atomic.Int32
	handles := make(chan *stream.Handle, 10)
	s.ask = func(r *http.Request, q *stream.Request) {
		if r.URL.Query().Has("brief") {
			q.Until = time.Now().Add(time.Second / 2)
		}
		q.Opened = func(h *stream.Handle) { handles <- h }
		q.Ended = func(stream.Reason) { ended.Add(1) }
	}
	for i := range 10 {
		s.log.put(ev(t, "a", "logs:app", i, 0))
	}
	s.seen(10)
	hold.Store(true)
	first := s.follow("/?types=logs:*", "7.3")
	s.until(func() bool { return held.Load() == 1 }, func() string { return "nobody reads" })
	<-handles
	waits, leaves, told := s.follow("/?servers=a", "7.3"), s.follow("/?servers=a,b", "7.3"), s.follow("/?servers=a,c", "7.3") // each has a page of its own to read
	<-handles
	<-handles
	toldHandle := <-handles

	for _, f := range []*follower{waits, told} {
		var text strings.Builder
		buf := make([]byte, 512)
		for strings.Count(text.String(), ": more to come") < 3 {
			n, err := f.body.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(buf[:n])
		}
	}
	leaves.close()
	s.until(func() bool { return ended.Load() == 1 }, func() string { return "who left still has his place" })
	brief := s.follow("/?brief&servers=a,d", "7.3")
	brief.until(named("stream:closing"))
	s.until(func() bool { return ended.Load() == 2 }, func() string { return "whose time is over still has his place" })
	toldHandle.End(event.Closing{Reason: event.ClosingRevoked})
	told.until(named("stream:closing"))
	s.until(func() bool { return ended.Load() == 3 }, func() string { return "who was ended still has his place" })

	late := s.follow("/?servers=a,e", "7.3")
	hold.Store(false)
	free()
	for _, f := range []*follower{first, waits, late} {
		sameSeqs(t, "missed", recorded(f.until(named("stream:heartbeat"))), s.log.places(event.Filter{}, 3))
	}
}

// letGo returns a channel and what closes it, once.
func letGo() (<-chan struct{}, func()) {
	let := make(chan struct{})
	return let, sync.OnceFunc(func() { close(let) })
}

// Who waits for his turn when the server ends is told so at once, and not when it has come.
func TestTheEndOfWhoWaitsForHisTurn(t *testing.T) {
	log := newMemLog()
	var hold, held atomic.Bool
	let, free := letGo()
	log.Reading = func() {
		if hold.Load() {
			held.Store(true)
			<-let
		}
	}
	s := open(t, log, stream.Options{Readers: 1, Workers: 1}, hub.Options{})
	t.Cleanup(free)
	for i := range 10 {
		s.log.put(ev(t, "a", "logs:app", i, 0))
	}
	s.seen(10)
	hold.Store(true)
	s.follow("/?types=logs:*", "7.3")
	s.until(held.Load, func() string { return "nobody reads" })
	waits := s.follow("/?servers=a", "7.3")
	s.streams.Close()
	waits.until(named("stream:closing"))
	free()
}

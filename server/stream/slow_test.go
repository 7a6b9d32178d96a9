package stream_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// narrow makes little room for what the reader has not read.
func narrow(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
}

// A reader that stops for a while, and finds more than is kept for it when it comes back, gets every state, the newest samples,
// and the number of all that was left out; and nobody else notices anything.
func TestASlowReaderIsThinned(t *testing.T) {
	// A batch is 280 KB: one that has read all before the next comes is never a slow one, however busy the machine.
	each(t, stream.Options{Heartbeat: 60 * time.Millisecond, SlowBytes: 400_000}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		s.seen(1) // so that it is in the picture
		conn := s.dial("/", "")
		narrow(t, conn)
		slow, err := s.attach(conn)
		if err != nil {
			t.Fatal(err)
		}
		slow.until(named("stream:heartbeat"))
		quick := s.follow("/", "7.1")
		quick.until(named("stream:heartbeat"))

		const rounds = 40
		var got []uint64
		for i := range rounds {
			var batch []event.Event
			for j := range 100 {
				batch = append(batch, ev(t, "a", "logs:app", j, 900), ev(t, fmt.Sprint("s", j%5), "metrics:cpu", i*100+j, 900), ev(t, "b", "logs:app", j, 900))
			}
			batch = append(batch, ev(t, "a", "deployment:building", i, 900))
			got = append(got, recorded(quick.until(at(s.log.put(batch...))))...)
		}
		sameSeqs(t, "the quick one", got, s.log.places(event.Filter{}, 1))
		for range 12 { // the slow one has not been reading since
			quick.until(named("stream:heartbeat"))
		}

		id := s.log.put(ev(t, "end", "server:online", 0, 0))
		if err := conn.(*net.TCPConn).SetReadBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		frames := slow.until(at(id))
		states, skipped, newest := 0, 0, map[string]string{}
		seen := 0
		last := uint64(1)
		for _, f := range frames {
			switch {
			case f.event == "stream:gap":
				if f.field("reason") != "slow" || f.field("to") == "" {
					t.Errorf("got %v", f)
				}
				n, _ := strconv.Atoi(f.field("count"))
				skipped += n
				continue
			case event.ClassOf(f.event) == event.Control:
				continue
			case f.event == "deployment:building":
				if f.field("n") != fmt.Sprint(states) {
					t.Errorf("got state %v, want number %d", f.field("n"), states)
				}
				states++
			case f.event == "metrics:cpu":
				newest[f.field("serverId")] = f.field("n")
			}
			if f.seq() <= last {
				t.Errorf("%v comes after %d", f, last)
			}
			last = f.seq()
			seen++
		}
		if states != rounds {
			t.Errorf("got %d states, want all %d", states, rounds)
		}
		if skipped == 0 || skipped+seen != rounds*301+1 {
			t.Errorf("%d arrived and %d were left out, want %d together", seen, skipped, rounds*301+1)
		}
		for i := range 5 {
			if got, want := newest[fmt.Sprint("s", i)], fmt.Sprint((rounds-1)*100+95+i); got != want {
				t.Errorf("newest sample of s%d: got %s, want %s", i, got, want)
			}
		}
		if st := s.streams.Stats(); st.Thinned == 0 || st.Skipped != int64(skipped) {
			t.Errorf("got %+v, want %d skipped", st, skipped)
		}
		// Then it is as all the others again.
		for i := range 10 {
			slow.until(at(s.log.put(ev(t, "a", "logs:app", i, 0))))
		}
	})
}

// A reader that takes nothing at all is closed, and the others do not wait for it.
func TestAStuckReaderIsClosed(t *testing.T) {
	each(t, stream.Options{Stuck: 500 * time.Millisecond, Heartbeat: time.Second}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		conn := s.dial("/", "")
		defer conn.Close()
		narrow(t, conn)
		quick := s.follow("/", "7.1")
		for i := 0; s.streams.Stats().Closed["slow"] == 0; i++ {
			var batch []event.Event
			for range 20 {
				batch = append(batch, ev(t, "a", "x:y", i, 9000))
			}
			quick.until(at(s.log.put(batch...)))
			if i > 20_000 {
				t.Fatalf("got %+v, want one closed as slow", s.streams.Stats())
			}
		}
		s.settle(1)
		quick.until(at(s.log.put(ev(t, "a", "x:y", 0, 0))))
	})
}

package stream_test

import (
	"net"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// When what is left of a stretch that was thinned is out, a heartbeat says so at once: until then a reader can't rely on it, and
// the next of the regular ones may be far.
func TestAThinnedStretchHasAnEnd(t *testing.T) {
	each(t, stream.Options{Heartbeat: time.Hour, SlowBytes: 50_000}, hub.Options{}, func(t *testing.T, s *site) {
		if s.gzip || s.portable {
			t.Skip("it takes far more to make such a reader slow, and what is said is the same")
		}
		s.log.put(ev(t, "a", "server:online", 0, 0))
		conn := s.dial("/", "")
		narrow(t, conn)
		slow, err := s.attach(conn)
		if err != nil {
			t.Fatal(err)
		}
		slow.until(named("stream:heartbeat"))
		var head event.ID
		for i := range 10 {
			var batch []event.Event
			batch = append(batch, ev(t, "a", "deployment:building", i, 900))
			for j := range 300 { // the last of which is left out
				batch = append(batch, ev(t, "a", "logs:app", j, 900))
			}
			head = s.log.put(batch...)
		}
		<-time.After(600 * time.Millisecond) // longer than a reader may keep us waiting: that is what makes it slow
		if err := conn.(*net.TCPConn).SetReadBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		gaps := 0
		for past := uint64(0); past < head.Seq; {
			f, ok := slow.next()
			if !ok {
				t.Fatalf("the stream ended with %v", slow.err)
			}
			if f.event == "stream:gap" {
				gaps++
			} else if f.id != "" {
				past = f.seq()
			}
		}
		if gaps == 0 {
			t.Error("nothing was thinned")
		}
	})
}

package stream_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestFreshThenLive(t *testing.T) {
	each(t, stream.Options{Version: "v-test"}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "metrics:cpu", 1, 0), ev(t, "a", "metrics:cpu", 2, 0), ev(t, "b", "server:online", 3, 0))
		s.seen(3)
		f := s.follow("/", "")
		if got := f.header; got.Get("Content-Type") != "text/event-stream" || got.Get("X-Of-Ours") != "yes" || got.Get("X-Accel-Buffering") != "no" ||
			(got.Get("Content-Encoding") == "gzip") != s.gzip || got.Get("Date") == "" {
			t.Errorf("got header %v", got)
		}
		got := f.until(named("stream:heartbeat"))
		if got[0].event != "stream:sync" || got[0].field("mode") != "fresh" || got[0].field("place") != "7.3" || got[0].field("version") != "v-test" {
			t.Errorf("got first %v, want a fresh sync at 7.3", got[0])
		}
		sameSeqs(t, "picture", recorded(got), []uint64{2, 3})
		if beat := got[len(got)-1]; beat.id != "7.3" || beat.field("place") != "7.3" {
			t.Errorf("got %v, want the heartbeat at 7.3", beat)
		}
		// One by one: each arrives before the next is published.
		for i := range 20 {
			id := s.log.put(ev(t, "a", "logs:app", i, 100+i*400))
			if got := f.until(at(id)); len(got) != 1 {
				t.Fatalf("got %v before %s", got, id)
			}
		}
		if st := s.streams.Stats(); (st.Detached == 1) == s.portable || st.Open != 1 {
			t.Errorf("got %+v", st)
		}
	})
}

var testFilters = [][2]string{{"", ""}, {"s1", ""}, {"s1,s2", "logs:*"}, {"s*", "metrics"}, {"", "server:*,x:*"}}

// ends has for each of testFilters the last type of three that passes it.
var ends = []string{"x:end", "x:end", "logs:end", "metrics:end", "x:end"}

var testTypes = []string{"server:online", "metrics:cpu", "metrics:memory", "logs:app", "deployment:started", "x:y"}

// Whatever a reader does, it ends with exactly the record, filtered, once and in order: it reads on, leaves at any moment, comes back
// where it was, while everybody publishes and feeds hold next to nothing, so that memory and record take turns.
func TestEveryReaderGetsTheWholeRecord(t *testing.T) {
	each(t, stream.Options{SlowBytes: -1}, hub.Options{ChunkBytes: 2000, FeedBytes: 6000, PageEvents: 20}, func(t *testing.T, s *site) {
		const events, readers = 6000, 20
		first := s.log.put(ev(t, "s1", "server:starting", 0, 0))
		var wg sync.WaitGroup
		for i := range readers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 3))
				q := testFilters[i%len(testFilters)]
				filter, _ := event.ParseFilter(q[0], q[1])
				var got []uint64
				last := first.String()
				for done := false; !done; {
					f, err := s.attach(s.dial("/?servers="+q[0]+"&types="+q[1], last))
					if err != nil {
						t.Error(err)
						return
					}
					for stay := 1 + r.IntN(800); stay > 0 && !done; stay-- {
						fr, ok := f.next()
						if !ok {
							t.Errorf("the stream ended with %v", f.err)
							return
						}
						if fr.id != "" {
							last = fr.id
						}
						got = append(got, recorded([]frame{fr})...)
						done = strings.HasSuffix(fr.event, ":end") && fr.event == ends[i%len(testFilters)]
					}
					f.close()
				}
				want := s.log.places(filter, first.Seq)
				sameSeqs(t, filter.Key(), got, want)
			})
		}
		r := rand.New(rand.NewPCG(1, 1))
		for i := 0; i < events; {
			var batch []event.Event
			for range 1 + r.IntN(30) {
				batch = append(batch, ev(t, fmt.Sprint("s", r.IntN(6)), testTypes[r.IntN(len(testTypes))], i, r.IntN(600)))
				i++
			}
			s.log.put(batch...)
			runtime.Gosched()
		}
		// Each filter sees the end by an event of its own, and it is the last that passes.
		for _, typ := range []string{"metrics:end", "logs:end", "x:end"} {
			s.log.put(ev(t, "s1", typ, 0, 0))
		}
		wg.Wait()
	})
}

func TestResume(t *testing.T) {
	for _, row := range []struct {
		name string
		o    hub.Options
	}{{"memory", hub.Options{}}, {"record", hub.Options{ChunkBytes: 4000, FeedBytes: 8000, PageEvents: 50}}} {
		t.Run(row.name, func(t *testing.T) {
			each(t, stream.Options{SlowBytes: -1}, row.o, func(t *testing.T, s *site) {
				s.log.put(ev(t, "a", "server:online", 0, 0))
				s.seen(1) // or it is not in the picture, but comes after it
				live := s.follow("/", "")
				live.until(named("stream:heartbeat"))
				var last event.ID
				for i := range 3000 {
					last = s.log.put(ev(t, "a", testTypes[i%len(testTypes)], i, 150))
				}
				sameSeqs(t, "live", recorded(live.until(at(last))), s.log.places(event.Filter{}, 1))
				for _, after := range []uint64{1, 2, 1499, 2990, last.Seq} {
					f := s.follow("/", event.ID{Epoch: 7, Seq: after}.String())
					got := f.until(named("stream:heartbeat"))
					if got[0].field("mode") != "resumed" {
						t.Errorf("got %v, want to resume", got[0])
					}
					sameSeqs(t, fmt.Sprint("after ", after), recorded(got), s.log.places(event.Filter{}, after))
					f.close()
				}
			})
		})
	}
}

// Heartbeats name the place up to which the stream is complete, whatever passes its filter, and go on coming.
func TestHeartbeats(t *testing.T) {
	each(t, stream.Options{Heartbeat: 40 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		f := s.follow("/?servers=quiet", "")
		if got := f.until(named("stream:heartbeat")); got[len(got)-1].id != "7.0" {
			t.Errorf("got %v, want the place before all in an empty record", got)
		}
		for i := range 3 {
			id := s.log.put(ev(t, "loud", "metrics:cpu", i, 0))
			got := f.until(func(fr frame) bool { return fr.id == id.String() })
			for _, fr := range got {
				if fr.event != "stream:heartbeat" || fr.field("place") != fr.id {
					t.Errorf("got %v, want nothing but heartbeats", fr)
				}
			}
		}
	})
}

func TestResets(t *testing.T) {
	each(t, stream.Options{}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		s.seen(1)
		for _, row := range []struct{ lastID, reason string }{{"1.5", "epoch"}, {"7.99", "ahead"}, {"not a place", "unknown"}} {
			f := s.follow("/", row.lastID)
			got := f.until(named("stream:heartbeat"))
			if got[0].field("mode") != "reset" || got[0].field("reason") != row.reason || len(recorded(got)) != 1 {
				t.Errorf("%s: got %v, want a reset for %q and the picture", row.lastID, got, row.reason)
			}
		}
	})
}

func TestTheLogBeginsAnew(t *testing.T) {
	each(t, stream.Options{}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		s.seen(1) // or it would never notice that the log is another
		f := s.follow("/", "")
		f.until(named("stream:heartbeat"))
		s.log.Change(func() { s.log.Epoch, s.log.Head, s.log.Events = 8, 0, nil })
		got, ok := f.next()
		if !ok {
			t.Fatalf("the stream ended: %v", f.err)
		}
		if got.event == "stream:closing" { // the hub was reading the record just then
			if got.field("reason") != "notReady" {
				t.Errorf("got %v", got)
			}
			return
		}
		if got.event != "stream:reset" || got.field("place") != "7.1" {
			t.Errorf("got %v, want a reset", got)
		}
		f.until(named("stream:heartbeat"))
		id := s.log.put(ev(t, "b", "server:online", 1, 0))
		f.until(at(id))
	})
}

func TestTrimmedIsTold(t *testing.T) {
	each(t, stream.Options{}, hub.Options{PageEvents: 7}, func(t *testing.T, s *site) {
		for i := range 30 {
			s.log.put(ev(t, "a", "metrics:cpu", i, 0), ev(t, "a", "x:y", i, 0))
		}
		s.seen(60)
		s.log.Trim(event.Sample, 40)
		f := s.follow("/?types=metrics,x:*", "7.10")
		got := f.until(named("stream:heartbeat"))
		if gap := got[1]; gap.event != "stream:gap" || gap.id != "" || gap.field("reason") != "trimmed" || gap.field("from") != "7.10" || gap.field("to") != "7.40" {
			t.Errorf("got %v, want a gap from 7.10 to 7.40", gap)
		}
		sameSeqs(t, "left", recorded(got), s.log.places(event.Filter{}, 10))
	})
}

// A server that ends says so in every stream, with a time to come back that is not the same for all, and then is gone.
func TestShutdown(t *testing.T) {
	each(t, stream.Options{}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		var streams []*follower
		for range 8 {
			f := s.follow("/", "")
			f.until(named("stream:heartbeat"))
			streams = append(streams, f)
		}
		// What one has sent on its stream is nobody's, and must not cost it its last words.
		if _, err := streams[0].conn.Write(crlf); err != nil {
			t.Fatal(err)
		}
		s.stop()
		waits := make(map[time.Duration]bool)
		for _, f := range streams {
			got := f.until(named("stream:closing"))
			if end := got[len(got)-1]; end.field("reason") != "shutdown" || end.field("retryMs") != fmt.Sprint(f.retry[1].Milliseconds()) {
				t.Errorf("got %v with retry %v, want the shutdown told twice alike", end, f.retry)
			}
			if fr, ok := f.next(); ok {
				t.Errorf("got %v after the end", fr)
			}
			waits[f.retry[1]] = true
		}
		if len(waits) < 2 {
			t.Errorf("all were told to come back after %v", streams[0].retry)
		}
		if st := s.streams.Stats(); st.Closed["shutdown"] != 8 || st.Open != 0 {
			t.Errorf("got %+v, want 8 ended by shutdown", st)
		}
	})
}

func TestMaxAge(t *testing.T) {
	each(t, stream.Options{MaxAge: 60 * time.Millisecond, Retry: 20 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		s.log.put(ev(t, "a", "server:online", 0, 0))
		f := s.follow("/", "")
		got := f.until(named("stream:closing"))
		if got[len(got)-1].field("reason") != "maxAge" || len(f.retry) != 2 {
			t.Errorf("got %v with %v", got, f.retry)
		}
		if fr, ok := f.next(); ok {
			t.Errorf("got %v after the end", fr)
		}
		s.settle(0)
	})
}

// One that waits for the record shows signs of life, though it has nothing to say.
func TestSignsOfLifeWhileBehind(t *testing.T) {
	each(t, stream.Options{Heartbeat: 30 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		for i := range 10 {
			s.log.put(ev(t, "a", "logs:app", i, 0))
		}
		// A log that takes its time: reads end only with their context.
		slow := &slowLog{memLog: s.log, let: make(chan struct{})}
		s2 := open(t, slow, stream.Options{Heartbeat: 30 * time.Millisecond, Portable: s.portable}, hub.Options{})
		s2.gzip = s.gzip
		slow.hold.Store(true)
		f := s2.follow("/", "7.3")
		var text strings.Builder
		buf := make([]byte, 512)
		for strings.Count(text.String(), ": more to come") < 3 {
			n, err := f.body.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(buf[:n])
		}
		if strings.Contains(text.String(), "heartbeat\n") {
			t.Errorf("got %s, want no heartbeat: it would say that this is all", text.String())
		}
		close(slow.let)
		got := f.until(named("stream:heartbeat"))
		sameSeqs(t, "missed", recorded(got), s.log.places(event.Filter{}, 3))
	})
}

func TestClosingBeforeReady(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := open(t, newMemLog(), stream.Options{Portable: way.portable}, hub.Options{})
			s.gzip = way.gzip
			s.streams.Close()
			f := s.follow("/", "")
			got := f.until(named("stream:closing"))
			if got[0].field("reason") != "shutdown" {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A reader may send what it likes on its stream; nobody reads it, and it changes nothing.
func TestJunkFromTheReader(t *testing.T) {
	each(t, stream.Options{}, hub.Options{}, func(t *testing.T, s *site) {
		if s.portable {
			t.Skip("net/http reads on, and takes what comes for the next request")
		}
		f := s.follow("/", "")
		f.until(named("stream:heartbeat"))
		_ = f.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		sent := 0
		for {
			n, err := f.conn.Write(crlf)
			if sent += n; err != nil { // the socket is full, and nobody empties it
				break
			}
		}
		for i := range 50 {
			f.until(at(s.log.put(ev(t, "a", "logs:app", i, 0))))
		}
		if sent > 64<<20 {
			t.Errorf("somebody read %d bytes of junk", sent)
		}
	})
}

// Readers that go at the worst moment leave nothing behind, and those who stay notice nothing, though descriptors and slots are
// used again all the time.
func TestStorms(t *testing.T) {
	each(t, stream.Options{Heartbeat: 50 * time.Millisecond, SlowBytes: -1}, hub.Options{ChunkBytes: 8000, FeedBytes: 20_000}, func(t *testing.T, s *site) {
		for i := range 100 {
			s.log.put(ev(t, fmt.Sprint("s", i), "server:online", i, 500))
		}
		before := descriptors(t)
		ctx, stop := context.WithCancel(context.Background())
		var publishing, staying, storm sync.WaitGroup
		var last atomic.Uint64
		publishing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				last.Store(s.log.put(ev(t, "a", "logs:app", i, 300), ev(t, fmt.Sprint("s", i%7), "metrics:cpu", i, 100)).Seq)
				for range 50 {
					runtime.Gosched()
				}
			}
		})
		for range 5 {
			f := s.follow("/", "7.100")
			staying.Go(func() {
				var got []uint64
				for {
					fr, ok := f.next()
					if !ok {
						t.Errorf("one who stays was cut off: %v", f.err)
						return
					}
					if got = append(got, recorded([]frame{fr})...); ctx.Err() != nil && len(got) > 0 && got[len(got)-1] >= last.Load() {
						break
					}
				}
				f.close()
				sameSeqs(t, "one who stays", got, s.log.places(event.Filter{}, 100)[:len(got)])
			})
		}
		for w := range 8 {
			storm.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 5))
				for range 60 {
					conn, err := net.Dial("tcp", s.addr)
					if err != nil {
						t.Error(err)
						return
					}
					ask := "GET /?servers=s" + fmt.Sprint(r.IntN(9)) + " HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 7.1\r\n\r\n"
					switch r.IntN(5) {
					case 0: // in mid-request
						_, _ = io.WriteString(conn, ask[:r.IntN(len(ask))])
					case 1: // before the answer
						_, _ = io.WriteString(conn, ask)
					case 2: // with junk on its way
						_, _ = io.WriteString(conn, ask+ask+ask)
					default: // in mid-answer: head, picture or frame
						_, _ = io.WriteString(conn, ask)
						_, _ = io.ReadAtLeast(conn, make([]byte, 4096), 1+r.IntN(2000))
					}
					if r.IntN(3) == 0 {
						_ = conn.(*net.TCPConn).SetLinger(0) // with a reset
					}
					conn.Close()
				}
			})
		}
		storm.Wait()
		stop()
		publishing.Wait()
		s.log.put(ev(t, "end", "logs:app", 0, 0))
		staying.Wait()
		s.settle(0)
		s.until(func() bool { return descriptors(t) <= before }, func() string {
			return fmt.Sprintf("%d descriptors, %d before", descriptors(t), before)
		})
	})
}

// slowLog holds its reads while told to.
type slowLog struct {
	*memLog
	hold atomic.Bool
	let  chan struct{}
}

func (l *slowLog) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	if l.hold.Load() {
		select {
		case <-l.let:
		case <-ctx.Done():
			return journal.Page{}, ctx.Err()
		}
	}
	return l.memLog.Read(ctx, q)
}

package stream_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// bare opens a stream on a socket of which Go knows nothing, so that this end costs no memory here, and waits for its first bytes.
func (s *site) bare(path string) int {
	s.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.addr)
	to := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	_, _ = fmt.Sscan(port, &to.Port)
	if err := unix.Connect(fd, to); err != nil {
		s.t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for text := ""; !strings.Contains(text, "stream:heartbeat"); {
		n, err := unix.Read(fd, buf)
		if err != nil || n == 0 {
			s.t.Fatal("the stream ended", err)
		}
		text += string(buf[:n])
	}
	return fd
}

// BenchmarkIdle is what Go's memory holds for each further idle stream of one topic, after a collection: heap and stacks of server and
// hub. The client ends are bare descriptors.
func BenchmarkIdle(b *testing.B) {
	for _, way := range []struct {
		name            string
		portable, known bool
	}{{"detached", false, false}, {"detached and known", false, true}, {"portable", true, false}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				s := open(b, newMemLog(), stream.Options{Portable: way.portable}, hub.Options{})
				if way.known { // as one that can be ended, of a user
					reader, ended := who("ada"), func(stream.Reason) {}
					s.ask = func(_ *http.Request, ask *stream.Request) {
						ask.Who, ask.Ended, ask.Restricted = reader, ended, true
						ask.Opened, ask.Until = func(*stream.Handle) {}, time.Now().Add(time.Hour)
					}
				}
				s.log.put(ev(b, "a", "server:online", 0, 200))
				const step = 2000
				var fds []int
				more := func() uint64 {
					for range step {
						fds = append(fds, s.bare("/?servers=a"))
					}
					runtime.GC()
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return m.HeapAlloc + m.StackInuse
				}
				first := more()
				b.ReportMetric(float64(int64(more()-first))/step, "B/stream")
				b.ReportMetric(0, "ns/op")
				for _, fd := range fds {
					_ = unix.Close(fd)
				}
				s.settle(0)
			}
		})
	}
}

const (
	benchStreams = 1000
	benchFor     = 2 * time.Second
	// benchWindow is how many events a publisher may be ahead of the slowest stream.
	benchWindow = 2000
)

// BenchmarkFanout delivers one topic to 1,000 streams over loopback TCP, flat out, beside what it is
// measured against: the portable writer, and the classic server, which has a goroutine and a channel for each subscriber and writes
// each event for each. The client ends are in this process: they take from all alike.
func BenchmarkFanout(b *testing.B) {
	e := event.Draft{Type: "metrics:cpu", Data: []byte(`{"type":"cpu","value":23.5,"usage":23.5,"cores":8,"processes":311,"host":"rack-4/unit-17","~":1}`)}
	sample, err := e.Event("web-1", time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var rates [3]float64
		for i, portable := range []bool{false, true} {
			s := open(b, newMemLog(), stream.Options{Portable: portable, SlowBytes: -1}, hub.Options{})
			rates[i] = s.flatOut(b, func(n int) {
				batch := make([]event.Event, n)
				for i := range batch {
					batch[i] = sample
				}
				s.log.put(batch...)
				s.log.Change(func() { s.log.Events = s.log.Events[max(0, len(s.log.Events)-2*benchWindow):] })
			})
			s.stop()
		}
		naive := &naiveHub{subs: make(map[chan event.Event]bool)}
		rates[2] = naive.flatOut(b, sample)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(rates[0], "detached/s")
		b.ReportMetric(rates[1], "portable/s")
		b.ReportMetric(rates[2], "naive/s")
		b.ReportMetric(rates[0]/rates[2], "times-naive")
	}
}

// flatOut opens the streams, publishes for benchFor, waits until every stream has everything, and returns events times streams per second.
func (s *site) flatOut(b *testing.B, publish func(n int)) float64 { return flatOut(b, s.addr, publish) }

func flatOut(b *testing.B, addr string, publish func(n int)) float64 {
	counts := make([]atomic.Int64, benchStreams)
	conns := make([]net.Conn, benchStreams)
	var clients sync.WaitGroup
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := io.ReadAtLeast(conn, make([]byte, 1), 1); err != nil {
			b.Fatal(err)
		}
		clients.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := conn.Read(buf)
				counts[i].Add(int64(bytes.Count(buf[:n], []byte{'~'})))
				if err != nil {
					return
				}
			}
		})
	}
	slowest := func() int64 {
		least := counts[0].Load()
		for i := range counts {
			least = min(least, counts[i].Load())
		}
		return least
	}
	began, sent := time.Now(), int64(0)
	for time.Since(began) < benchFor {
		if sent-slowest() < benchWindow {
			publish(50)
			sent += 50
		}
		runtime.Gosched()
	}
	for slowest() < sent {
		runtime.Gosched()
	}
	took := time.Since(began)
	for _, conn := range conns {
		conn.Close()
	}
	clients.Wait()
	for i := range counts {
		if n := counts[i].Load(); n != sent {
			b.Errorf("stream %d got %d events, want %d", i, n, sent)
		}
	}
	return float64(sent) * benchStreams / took.Seconds()
}

// naiveHub is what most SSE servers have.
type naiveHub struct {
	mu   sync.RWMutex
	subs map[chan event.Event]bool
}

func (h *naiveHub) flatOut(b *testing.B, e event.Event) float64 {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(ln)
	defer srv.Close()
	seq := uint64(0)
	return flatOut(b, ln.Addr().String(), func(n int) {
		h.mu.RLock()
		defer h.mu.RUnlock()
		for range n {
			seq++
			e.ID = event.ID{Epoch: 7, Seq: seq}
			for c := range h.subs {
				c <- e
			}
		}
	})
}

func (h *naiveHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := make(chan event.Event, 256)
	h.mu.Lock()
	h.subs[c] = true
	h.mu.Unlock()
	defer func() {
		go func() { // a publisher may be sending
			for range c {
			}
		}()
		h.mu.Lock()
		delete(h.subs, c)
		h.mu.Unlock()
		close(c)
	}()
	flusher := w.(http.Flusher)
	fmt.Fprint(w, ": hello\n\n")
	flusher.Flush()
	for {
		select {
		case e := <-c:
			if _, err := fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Type, e.Data); err != nil {
				return
			}
			flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Some 200 bytes on the wire, with one "~" in each, so that the reading end can count events without parsing.
func benchEvent() event.Event {
	e := ev("web-1", "metrics:cpu", 0)
	e.Data = []byte(`{"timestamp":"2026-05-01T12:00:00.000Z","serverId":"web-1","source":"host","type":"cpu","value":23.5,"usage":23.5,"cores":8,"processes":311,"~":1}`)
	return e
}

const (
	benchStreams = 1000
	benchFor     = 3 * time.Second
	// benchWindow is how many events a publisher may be ahead of the slowest stream: all are delivered, to both hubs' streams.
	benchWindow = 4000
)

// BenchmarkDelivery compares this hub with the classic one, in which each subscriber has a goroutine and a channel, and each
// event is formatted and flushed for each. Both serve 1,000 subscribers of one topic through net/http over loopback TCP, as
// fast as they can take it; client ends are in this process and only count. Each runs for benchFor.
func BenchmarkDelivery(b *testing.B) {
	for b.Loop() {
		log := newMemLog()
		h := start(b, log, Options{})
		ours := deliveries(b, cursorHandler(h), func(n int) {
			batch := make([]event.Event, n)
			for i := range batch {
				batch[i] = benchEvent()
			}
			put(b, log, batch...)
			log.Change(func() { log.Events = log.Events[max(0, len(log.Events)-2*benchWindow):] })
		})
		classic := &classicHub{subs: make(map[chan event.Event]bool)}
		seq := uint64(0)
		theirs := deliveries(b, classic, func(n int) {
			for range n {
				e := benchEvent()
				seq++
				e.ID = place(seq)
				classic.publish(e)
			}
		})
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours, "deliveries/s")
		b.ReportMetric(theirs, "classic-deliveries/s")
		b.ReportMetric(ours/theirs, "times-classic")
	}
}

// cursorHandler is the least that turns a cursor into a stream.
func cursorHandler(h *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := h.Subscribe(r.Context(), event.Filter{}, event.ID{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer c.Close()
		flush := http.NewResponseController(w).Flush
		io.WriteString(w, ": hello\n\n")
		for err = flush(); err == nil; err = flush() {
			bufs, err := c.Next(r.Context(), 256<<10)
			if err != nil {
				return
			}
			for _, b := range bufs {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}
	})
}

// classicHub is what most SSE servers have.
type classicHub struct {
	mu   sync.RWMutex
	subs map[chan event.Event]bool
}

func (h *classicHub) publish(e event.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for c := range h.subs {
		c <- e
	}
}

func (h *classicHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// deliveries opens benchStreams streams, publishes for benchFor, waits until every stream has everything, and returns
// events times streams per second.
func deliveries(b *testing.B, handler http.Handler, publish func(n int)) float64 {
	b.Helper()
	srv := httptest.NewServer(handler)
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	counts := make([]atomic.Int64, benchStreams)
	conns := make([]net.Conn, benchStreams)
	var clients, open sync.WaitGroup
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
		open.Add(1)
		clients.Go(func() {
			opened := false
			buf := make([]byte, 32<<10)
			for {
				n, err := conn.Read(buf)
				if !opened && bytes.Contains(buf[:n], []byte("hello")) {
					opened = true
					open.Done()
				}
				counts[i].Add(int64(bytes.Count(buf[:n], []byte{'~'})))
				if err != nil {
					return
				}
			}
		})
	}
	open.Wait()
	slowest := func() int64 {
		least := counts[0].Load()
		for i := range counts {
			least = min(least, counts[i].Load())
		}
		return least
	}
	began := time.Now()
	sent := int64(0)
	for time.Since(began) < benchFor {
		if sent-slowest() < benchWindow {
			publish(50)
			sent += 50
		}
		runtime.Gosched()
	}
	for slowest() < sent {
		time.Sleep(time.Millisecond)
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

// BenchmarkApply is what one event costs the loop, by how many feeds there are and who reads them.
func BenchmarkApply(b *testing.B) {
	for _, row := range []struct {
		name    string
		filters int // of one server each
		waiting int // cursors that wait on the event's feed
	}{
		{"one-feed", 1, 0},
		{"a-thousand-feeds-of-one-server-each", 1000, 0},
		{"a-thousand-wait", 1, 1000},
	} {
		b.Run(row.name, func(b *testing.B) {
			log := newMemLog()
			h := start(b, log, Options{})
			for i := range row.filters {
				subscribe(b, h, filter(b, fmt.Sprint("web-", i+1), ""), event.ID{})
			}
			ctx, cancel := context.WithCancel(b.Context())
			var readers sync.WaitGroup
			for range row.waiting {
				c := subscribe(b, h, filter(b, "web-1", ""), event.ID{})
				readers.Go(func() {
					for {
						if _, err := c.Next(ctx, 1<<20); err != nil {
							return
						}
					}
				})
			}
			h.mu.Lock()
			l := h.life
			h.mu.Unlock()
			events := []event.Event{benchEvent()}
			b.ReportAllocs()
			seq := uint64(0)
			for b.Loop() {
				seq++
				events[0].ID = place(seq)
				if err := h.apply(l, events); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			readers.Wait()
		})
	}
}

// BenchmarkWake is how long one event takes when 1,000 cursors wait for it: until the loop goes on, and until the last of
// them has it. They are given time to wait in between, which is not counted.
func BenchmarkWake(b *testing.B) {
	log := newMemLog()
	h := start(b, log, Options{})
	ctx, cancel := context.WithCancel(b.Context())
	var readers sync.WaitGroup
	var got atomic.Int64
	var l *life
	for range benchStreams {
		c := subscribe(b, h, event.Filter{}, event.ID{})
		l = c.life
		readers.Go(func() {
			for {
				if _, err := c.Next(ctx, 1<<20); err != nil {
					return
				}
				got.Add(1)
			}
		})
	}
	events := []event.Event{benchEvent()}
	var loop, last time.Duration
	n := 0
	for b.Loop() {
		time.Sleep(3 * time.Millisecond)
		n++
		events[0].ID = place(uint64(n))
		began := time.Now()
		if err := h.apply(l, events); err != nil {
			b.Fatal(err)
		}
		loop += time.Since(began)
		for got.Load() < int64(n)*benchStreams {
			runtime.Gosched()
		}
		last += time.Since(began)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(loop.Nanoseconds())/float64(n), "loop-ns")
	b.ReportMetric(float64(last.Nanoseconds())/float64(n), "last-ns")
	cancel()
	readers.Wait()
}

//go:build unix

package hub

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkWindow is what Options.Window saves and costs: subscribers of one topic, on loopback through net/http, at a steady rate
// of samples. Writes are the server's; the CPU is that of both ends, as the clients are in this process; the delay is
// from before the publishing to what three of the clients have read.
func BenchmarkWindow(b *testing.B) {
	for _, row := range []struct{ streams, rate int }{{10, 2000}, {100, 500}, {100, 2000}, {benchStreams, 100}, {benchStreams, 500}, {benchStreams, 2000}} {
		for _, window := range []time.Duration{0, 10 * time.Millisecond} {
			b.Run(fmt.Sprintf("streams=%d/rate=%d/window=%s", row.streams, row.rate, window), func(b *testing.B) {
				for b.Loop() {
					windowed(b, window, row.streams, row.rate)
				}
			})
		}
	}
}

func windowed(b *testing.B, window time.Duration, streams, rate int) {
	log := newMemLog()
	h := start(b, log, Options{Window: window})
	var writes atomic.Int64
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: cursorHandler(h)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(countingListener{ln, &writes}) })

	const measured = 3
	total := int(benchFor.Seconds() * float64(rate))
	sent := make([]atomic.Int64, total) // when, in ns
	delays := make([][]time.Duration, measured)
	began := time.Now()
	var open, clients sync.WaitGroup
	for i := range streams {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		open.Add(1)
		clients.Go(func() {
			defer conn.Close()
			buf, opened, got := make([]byte, 32<<10), false, 0
			for got < total {
				n, err := conn.Read(buf)
				if err != nil {
					b.Error(err)
					return
				}
				if !opened && bytes.Contains(buf[:n], []byte("hello")) {
					opened = true
					open.Done()
				}
				now := time.Since(began)
				for range bytes.Count(buf[:n], []byte{'~'}) {
					if i < measured {
						delays[i] = append(delays[i], now-time.Duration(sent[got].Load()))
					}
					got++
				}
			}
		})
	}
	open.Wait()
	writes.Store(0)
	cpu := cpuTime(b)
	first := time.Now()
	for n := range total {
		if wait := time.Until(first.Add(time.Duration(n) * time.Second / time.Duration(rate))); wait > 0 {
			time.Sleep(wait)
		}
		sent[n].Store(int64(time.Since(began)))
		put(b, log, benchEvent())
	}
	clients.Wait()
	took := time.Since(first)
	cpu = cpuTime(b) - cpu
	_ = srv.Close()
	serving.Wait()

	all := slices.Concat(delays...)
	slices.Sort(all)
	million := float64(total*streams) / 1e6
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(writes.Load())/million/1e6, "writes/delivery")
	b.ReportMetric(cpu.Seconds()/million, "cpu-s/Mdeliveries")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(million*1e6/took.Seconds(), "deliveries/s")
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.writes}, nil
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

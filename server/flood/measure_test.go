package flood

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// serve starts a whole server of ours in this process.
func serve(t *testing.T) Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- serveHere(ctx, ln, t.TempDir(), func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-ready
	return Target{Name: "here", URL: "http://" + ln.Addr().String(), PID: os.Getpid()}
}

// serveBaseline starts a baseline in this process.
func serveBaseline(t *testing.T, name string) Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ServeBaseline(ctx, name, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	url := "http://" + ln.Addr().String()
	return Target{Name: name, URL: url, PID: os.Getpid(), GC: url + "/gc", Bare: true}
}

// Small loads of every shape on the real server: each event reaches each connection of its topic, once and in order.
func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name string
		load Load
	}{
		{"flat out", Load{Connections: 20, Window: 200}},
		{"topics of all classes", Load{Connections: 60, Topics: 20, Rate: 2000, Batch: 7, Samples: 40, Lines: 30}},
		{"large events", Load{Connections: 5, Rate: 100, Batch: 1, Size: 20_000}},
		{"gzip", Load{Connections: 10, Topics: 2, Rate: 500, Batch: 20, Gzip: true}},
		{"one reads nothing, one little", Load{Connections: 10, Stalled: 1, Slow: 1, SlowRate: 2000, Rate: 1000}},
		{"storm", Load{Connections: 10, Topics: 5, Rate: 500, Storm: 200}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.load.Duration = 400 * time.Millisecond
			r, err := Measure(t.Context(), serve(t), tt.load, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, r)
			if tt.load.Gzip && r.EventBytes >= 200 {
				t.Errorf("%.0f bytes for each event on gzip", r.EventBytes)
			}
			if tt.load.Storm > 0 && (r.Passed == 0 || r.Others == 0) {
				t.Errorf("%d came and went, and saw %d events", r.Passed, r.Others)
			}
		})
	}
}

// checkResult checks that nothing went wrong, and that the load was one.
func checkResult(t *testing.T, r *Result) {
	t.Helper()
	if err := r.Failed(); err != nil {
		t.Error(err)
	}
	if r.Published == 0 {
		t.Fatal("nothing was published")
	}
	// Each topic has the same number of connections.
	if want := r.Published * uint64(r.Load.Connections/r.Load.Topics); r.Deliveries != want {
		t.Errorf("%d deliveries, want %d", r.Deliveries, want)
	}
	if want := (r.Load.Slow + r.Load.Stalled) / r.Load.Topics * int(r.Published); r.Load.Storm == 0 && r.Others != uint64(want) {
		t.Errorf("%d deliveries to the slow, want %d", r.Others, want)
	}
	if len(r.Refused) > 0 || r.Cut > 0 || len(r.Closed) > 0 || r.Thinned+r.Told+r.Resets+r.Foreign > 0 {
		t.Errorf("refused %v, cut %d, closed %v, thinned %d, told %d, resets %d, foreign %d", r.Refused, r.Cut, r.Closed, r.Thinned, r.Told, r.Resets, r.Foreign)
	}
	if r.Latency.Count != r.Deliveries || r.Latency.P50 <= 0 || r.Latency.P50 > r.Latency.Max {
		t.Errorf("latency %+v", r.Latency)
	}
	if r.Open < int64(r.Load.Connections+r.Load.Slow+r.Load.Stalled) {
		t.Errorf("%d connections are open at the end", r.Open)
	}
	if runtime.GOOS == "linux" && (r.MemoryIdle <= 0 || r.MemoryOpen <= 0 || r.MemoryEnd <= 0) {
		t.Errorf("memory %d, %d, %d", r.MemoryIdle, r.MemoryOpen, r.MemoryEnd)
	}
}

func TestBaselines(t *testing.T) {
	for _, tt := range []struct {
		name string
		load Load
	}{
		{Naive, Load{Connections: 20, Topics: 4, Rate: 1000, Batch: 10}},
		{Naive, Load{Connections: 20, Rate: 200, HTTP2: true}},
		{OneWrite, Load{Connections: 20, Topics: 4, Window: 100}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.load.Duration = 300 * time.Millisecond
			r, err := Measure(t.Context(), serveBaseline(t, tt.name), tt.load, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, r)
		})
	}
	if err := ServeBaseline(t.Context(), "best", nil); err == nil {
		t.Error("a baseline that there is not was served")
	}
}

// A server of our own is a child, and is gone when it was measured.
func TestBenchStartsChildren(t *testing.T) {
	b := &Bench{}
	var url string
	err := b.with(t.Context(), Naive, func(target Target) error {
		url = target.URL
		if target.PID == os.Getpid() || target.PID == 0 {
			t.Errorf("process %d, want one of its own", target.PID)
		}
		r, err := Measure(t.Context(), target, Load{Connections: 3, Rate: 100, Duration: 100 * time.Millisecond}, nil)
		if err == nil {
			checkResult(t, r)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
		conn.Close()
		t.Error("the child still serves")
	}
	if _, err := b.start(t.Context(), "none", ""); err == nil || !strings.Contains(err.Error(), "no baseline") {
		t.Errorf("got %v, want what the child said when it ended", err)
	}
}

// What was measured until a load is cut short is there, and nothing goes on.
func TestMeasureCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Measure(ctx, serve(t), Load{Connections: 10, Rate: 1000, Duration: time.Minute}, func(p Progress) {
		if p.Phase == "loading" && p.Deliveries > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || r == nil || r.Deliveries == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, url, want string
		load            Load
	}{
		{"another machine", "http://192.0.2.1:8080", "stays on this machine", Load{Connections: 1}},
		{"TLS", "https://127.0.0.1:8443", "not a target", Load{Connections: 1}},
		{"no URL", "127.0.0.1:8080", "not a target", Load{Connections: 1}},
		{"too many", "http://127.0.0.1:1", "connections 100001", Load{Connections: 100_001}},
		{"more than there are descriptors", "http://127.0.0.1:1", "file descriptors", Load{Connections: 100_000}},
		{"flat out to nobody", "http://127.0.0.1:1", "give a rate", Load{}},
		{"a batch that no request holds", "http://127.0.0.1:1", "one request may hold", Load{Connections: 1, Batch: 1000, Size: 60_000}},
		{"shares beyond a hundred", "http://127.0.0.1:1", "lines 60", Load{Connections: 1, Samples: 50, Lines: 60}},
		{"too long", "http://127.0.0.1:1", "duration", Load{Connections: 1, Duration: 2 * time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.load.Connections == 100_000 && fileLimit() > 100_000 {
				t.Skip("this process may have that many")
			}
			_, err := Measure(t.Context(), Target{URL: tt.url}, tt.load, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	_, err := Measure(t.Context(), Target{URL: "http://192.0.2.1"}, Load{Connections: 1}, nil)
	if !errors.Is(err, ErrNotLoopback) {
		t.Errorf("got %v, want ErrNotLoopback", err)
	}
}

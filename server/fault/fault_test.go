package fault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take no time.
const patience = 20 * time.Second

// through starts a proxy before target, which ends with the test, or with stop.
func through(t *testing.T, target string, seed uint64, o fault.Options) (p *fault.Proxy, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = fault.New(ln, target, seed, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v, want %v", err, context.Canceled)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

// frame is what the servers here send, again and again.
const frame = "id: a.1\nevent: x:y\ndata: {\"n\":12345678}\n\n"

// A pipe is a server of one connection, and who reads it.
type pipe struct {
	t      *testing.T
	p      *fault.Proxy
	server net.Conn
	reader net.Conn
}

func connect(t *testing.T, seed uint64, o fault.Options) *pipe {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p, _ := through(t, ln.Addr().String(), seed, o)
	reader, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{reader, server} {
		_ = c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	return &pipe{t, p, server, reader}
}

// pour has the server send frames, a hundred at a time, until it can't or n are out, in its own time.
func (c *pipe) pour(n int) (poured <-chan int) {
	done, ended := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(ended)
		sent := 0
		for many := strings.Repeat(frame, 100); sent < n; sent += 100 {
			if _, err := io.WriteString(c.server, many); err != nil {
				break
			}
		}
		done <- sent
	}()
	c.t.Cleanup(func() { c.server.Close(); <-ended })
	return done
}

// take reads until the end, or an error.
func (c *pipe) take() (got []byte, err error) {
	got, err = io.ReadAll(c.reader)
	if want := bytes.Repeat([]byte(frame), len(got)/len(frame)+1); !bytes.HasPrefix(want, got) {
		c.t.Errorf("what came is not the beginning of what was sent: %d bytes", len(got))
	}
	return got, err
}

// has returns when n bytes have come, and fails the test when they don't.
func (c *pipe) has(n int) {
	c.t.Helper()
	if _, err := io.ReadFull(c.reader, make([]byte, n)); err != nil {
		c.t.Fatalf("waiting for %d bytes: %v", n, err)
	}
}

// did returns when the proxy has done that, and fails the test when it does not.
func did(t *testing.T, p *fault.Proxy, k fault.Kind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); p.Counts()[k] == 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no %v: %v", k, p.Counts())
		}
	}
}

func TestCalmPassesAllOn(t *testing.T) {
	c := connect(t, 1, fault.Options{Bytes: 100})
	const n = 1000
	poured := c.pour(n)
	c.has(n * len(frame))
	if sent := <-poured; sent != n {
		t.Errorf("%d frames could be sent, want %d", sent, n)
	}
	if got := c.p.Counts(); got.Sum() != 0 {
		t.Errorf("while it was calm: %v", got)
	}
}

// What is sent comes to an end; how, is the fault's.
func TestEndings(t *testing.T) {
	for _, tt := range []struct {
		kind fault.Kind
		err  error // of the reader
		torn bool  // the last event is not whole
	}{
		{fault.Cut, nil, false},
		{fault.Truncate, nil, true},
		{fault.Reset, syscall.ECONNRESET, false},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			c := connect(t, 7, fault.Options{Kinds: []fault.Kind{tt.kind}, Bytes: 2000})
			c.p.Storm()
			poured := c.pour(1 << 20)
			got, err := c.take()
			if !errors.Is(err, tt.err) {
				t.Errorf("the reader got %v, want %v", err, tt.err)
			}
			if tt.torn && bytes.HasSuffix(got, []byte("\n\n")) {
				t.Errorf("what came ends with a whole event: %q", got[max(0, len(got)-40):])
			}
			if sent := <-poured; sent == 1<<20 {
				t.Error("the server was never told")
			}
			if got := c.p.Counts(); got[tt.kind] != 1 || got.Sum() != 1 {
				t.Errorf("counts: %v, want 1 %v", got, tt.kind)
			}
		})
	}
}

func TestHalfOpen(t *testing.T) {
	c := connect(t, 3, fault.Options{Kinds: []fault.Kind{fault.HalfOpen}, Bytes: 2000})
	c.p.Storm()
	poured := c.pour(1 << 20)
	if sent := <-poured; sent == 1<<20 {
		t.Fatal("the server's side is still there")
	}
	// The reader's is, and says nothing: of all that must not come, the end can be looked for.
	_ = c.reader.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.take(); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Errorf("the reader got %v, want silence", err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// A stall of an hour ends with the storm. Meanwhile the server's socket fills.
func TestStall(t *testing.T) {
	c := connect(t, 5, fault.Options{Kinds: []fault.Kind{fault.Stall}, Bytes: 2000, Pause: time.Hour})
	c.p.Storm()
	const n = 400_000 // more than two sockets hold
	poured := c.pour(n)
	did(t, c.p, fault.Stall)
	select {
	case <-poured:
		t.Error("all was taken from the server")
	case <-time.After(50 * time.Millisecond): // enough for a proxy that reads on to be seen, most of the time
	}
	c.p.Calm()
	c.has(n * len(frame))
	<-poured
	if got := c.p.Counts(); got.Sum() != 1 {
		t.Errorf("counts: %v, want 1 stall", got)
	}
}

// A buffer takes all there is, and gives nothing, until the storm is over.
func TestBuffer(t *testing.T) {
	c := connect(t, 5, fault.Options{Kinds: []fault.Kind{fault.Buffer}, Bytes: 2000, Pause: time.Hour})
	c.p.Storm()
	const n = 40_000
	poured := c.pour(n)
	if sent := <-poured; sent != n {
		t.Fatalf("only %d of %d frames were taken from the server", sent, n)
	}
	did(t, c.p, fault.Buffer)
	c.p.Calm()
	c.has(n * len(frame))
	if got := c.p.Counts(); got.Sum() != 1 {
		t.Errorf("counts: %v, want 1 buffer", got)
	}
}

func TestDelay(t *testing.T) {
	c := connect(t, 5, fault.Options{Kinds: []fault.Kind{fault.Delay}, Bytes: 2000, Pause: 20 * time.Millisecond})
	c.p.Storm()
	const n = 2000
	c.pour(n)
	c.has(n * len(frame))
	if got := c.p.Counts(); got[fault.Delay] == 0 || got.Sum() != got[fault.Delay] {
		t.Errorf("counts: %v, want delays", got)
	}
}

// What a reader says of where it was is set back, or lost; all else in a request stays, and so does what is not a resume.
func TestResumes(t *testing.T) {
	type request struct{ id, other string }
	seen := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- request{r.Header.Get("Last-Event-ID"), r.Header.Get("X-Other") + " " + r.URL.String()}
	}))
	defer server.Close()
	for _, tt := range []struct {
		kind fault.Kind
		id   string
		ok   func(id string) bool
		done int
	}{
		{fault.Repeat, "7f3a.500", func(id string) bool {
			epoch, text, _ := strings.Cut(id, ".")
			n, err := strconv.Atoi(text)
			return err == nil && epoch == "7f3a" && n >= 400 && n < 500
		}, 20},
		{fault.Repeat, "7f3a.2", func(id string) bool { return id == "7f3a.1" }, 20},
		{fault.Repeat, "7f3a.1", func(id string) bool { return id == "7f3a.1" }, 0},
		{fault.Repeat, "", func(id string) bool { return id == "" }, 0},
		{fault.Repeat, "something else", func(id string) bool { return id == "something else" }, 0},
		{fault.Strip, "7f3a.500", func(id string) bool { return id == "" }, 20},
	} {
		t.Run(tt.kind.String()+" "+tt.id, func(t *testing.T) {
			p, _ := through(t, server.Listener.Addr().String(), 1, fault.Options{Kinds: []fault.Kind{tt.kind}, Odds: 1})
			p.Storm()
			transport := &http.Transport{} // one connection for all
			defer transport.CloseIdleConnections()
			for range 20 {
				req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL()+"/api/events?types=a:b", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Other", "stays")
				if tt.id != "" {
					req.Header.Set("Last-Event-ID", tt.id)
				}
				res, err := transport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				got := <-seen
				if !tt.ok(got.id) || got.other != "stays /api/events?types=a:b" {
					t.Errorf("%q arrived as %q, with %q", tt.id, got.id, got.other)
				}
			}
			if got := p.Counts(); got[tt.kind] != tt.done || got.Sum() != tt.done {
				t.Errorf("counts: %v, want %d", got, tt.done)
			}
		})
	}
}

// Requests with a body, and the answers, pass as they are.
func TestBodiesPass(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	}))
	defer server.Close()
	p, _ := through(t, server.Listener.Addr().String(), 1, fault.Options{Kinds: []fault.Kind{fault.Repeat}, Odds: 1})
	p.Storm()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	sent := strings.Repeat("GET / HTTP/1.1\r\nLast-Event-ID: a.9\r\n\r\n", 5000)
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL(), strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != sent {
		t.Errorf("got %d bytes back, %v, want %d", len(got), err, len(sent))
	}
}

// A seed does the same again, and another one something else: of connections that end by themselves, the lengths tell.
func TestSeeds(t *testing.T) {
	lengths := func(seed uint64) []int {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		p, stop := through(t, ln.Addr().String(), seed, fault.Options{Kinds: []fault.Kind{fault.Cut}, Bytes: 500})
		defer stop()
		p.Storm()
		var all []int
		for range 8 {
			reader, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			server, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			// One byte at a time, each when the one before has come through: so pieces are the same in every run.
			n := 0
			for b := make([]byte, 1); ; n++ {
				if _, err := server.Write([]byte{'x'}); err != nil {
					break
				}
				if _, err := reader.Read(b); err != nil {
					break
				}
			}
			all = append(all, n)
			reader.Close()
			server.Close()
		}
		return all
	}
	first, again, other := lengths(11), lengths(11), lengths(12)
	if !slices.Equal(first, again) {
		t.Errorf("seed 11 was %v, and then %v", first, again)
	}
	if slices.Equal(first, other) {
		t.Errorf("seeds 11 and 12 are both %v", first)
	}
}

// Whatever is going on, Run ends when it is told to.
func TestRunEnds(t *testing.T) {
	for _, kind := range fault.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			p, stop := through(t, ln.Addr().String(), 1, fault.Options{Kinds: []fault.Kind{kind}, Bytes: 10, Pause: time.Hour})
			p.Storm()
			reader, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "http://"))
			switch {
			case err == nil:
				defer reader.Close()
			case kind != fault.Reset: // which can be that early
				t.Fatal(err)
			}
			server, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			fmt.Fprint(server, strings.Repeat(frame, 100))
			if kind < fault.Repeat {
				did(t, p, kind)
			}
			stop()
		})
	}
}

// Where nobody is behind it, a reader is told at once.
func TestNobodyBehind(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	p, _ := through(t, ln.Addr().String(), 1, fault.Options{})
	reader, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "http://"))
	if err == nil {
		defer reader.Close()
		_ = reader.SetDeadline(time.Now().Add(patience))
		_, err = reader.Read(make([]byte, 1))
	}
	if err == nil || isTimeout(err) {
		t.Errorf("the reader got %v, want an end", err)
	}
}

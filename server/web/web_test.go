package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in these tests; only what is broken takes that long.
const patience = 20 * time.Second

// site is a whole server on a real loopback port: web on a hub on a record in a file.
type site struct {
	url    string
	log    journal.Log
	clock  *atomic.Int64 // where the record's clock stands, in milliseconds since 1970; 0: it goes
	client *http.Client
	logged *logged
	stop   func() // ends Serve and waits for it; called by the test's end too
}

// logged is what the server said.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open starts a site; change, when not nil, is the last to touch its Config.
func open(t *testing.T, change func(*web.Config)) *site {
	t.Helper()
	return openWith(t, change, new(*web.Server))
}

// now is the time by the record's clock.
func (s *site) now() time.Time {
	if ms := s.clock.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Now()
}

// openWith is open, and says which server it is.
func openWith(t *testing.T, change func(*web.Config), server **web.Server) *site {
	t.Helper()
	s := &site{clock: new(atomic.Int64), logged: new(logged), client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience}}
	log, err := bolt.Open(t.TempDir(), bolt.Options{Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	s.log = log
	h := hub.New(log, hub.Options{})
	c := web.Config{
		Log: log, Hub: h, Files: someFiles, Version: "v-test", Heartbeat: time.Hour,
		Logger: slog.New(slog.NewTextHandler(s.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	w, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	*server = w
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var serving, running sync.WaitGroup
	serving.Go(func() {
		if err := w.Serve(ctx, ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	hubCtx, stopHub := context.WithCancel(context.Background())
	running.Go(func() { _ = h.Run(hubCtx) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
	})
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.stop()
		stopHub()
		running.Wait()
		_ = log.Close()
	})
	select {
	case <-h.Ready():
	case <-time.After(patience):
		t.Fatal("the hub did not get ready")
	}
	return s
}

// someFiles stand for what make puts into public/.
var someFiles = fstest.MapFS{
	"app.wasm":     {Data: bytes.Repeat([]byte("\x00asm raw "), 1000)},
	"app.wasm.br":  {Data: []byte("brotli twin")},
	"app.wasm.gz":  {Data: []byte("gzip twin")},
	"telltale.css": {Data: bytes.Repeat([]byte("body { color: red }\n"), 200)},
	"boot.js":      {Data: []byte("1")},
	"icon-192.png": {Data: []byte("png")},
	"icon.svg":     {Data: []byte("<svg/>")},
	"worker.js":    {Data: []byte("template")},
	"public.go":    {Data: []byte("package public")},
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: read: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

// publish posts JSON, wants it accepted, and returns the places.
func (s *site) publish(t *testing.T, path, body string) []string {
	t.Helper()
	a := s.do(t, "POST", path, body, "Content-Type", "application/json")
	if a.status != http.StatusAccepted {
		t.Fatalf("POST %s: got %d %s", path, a.status, a.body)
	}
	var out struct {
		Accepted int
		Events   []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(out.Events))
	for i, e := range out.Events {
		ids[i] = e.ID
	}
	return ids
}

// head returns the newest place recorded.
func (s *site) head(t *testing.T) event.ID {
	t.Helper()
	b, err := s.log.Bounds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b.Head
}

type frame struct{ id, event, data string }

func (f frame) String() string { return fmt.Sprintf("%s %s %s", f.id, f.event, f.data) }

// follower reads one stream with the plain decoder. Its id is what an EventSource would have as last event ID.
type follower struct {
	t     *testing.T
	body  io.ReadCloser
	dec   sse.Decoder
	ready []frame
	retry []time.Duration
	buf   []byte
	head  http.Header
}

func (s *site) follow(t *testing.T, path string, header ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{Transport: s.client.Transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	if res.StatusCode != 200 {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("GET %s: got %d %s", path, res.StatusCode, b)
	}
	f := &follower{t: t, body: res.Body, buf: make([]byte, 4096), head: res.Header}
	f.dec.Retry = func(d time.Duration) { f.retry = append(f.retry, d) }
	return f
}

// next returns the next frame; ok is false at the end of the stream.
func (f *follower) next() (got frame, ok bool) {
	f.t.Helper()
	for len(f.ready) == 0 {
		n, err := f.body.Read(f.buf)
		if derr := f.dec.Push(f.buf[:n], func(fr sse.Frame) bool {
			f.ready = append(f.ready, frame{string(fr.ID), string(fr.Event), string(fr.Data)})
			return true
		}); derr != nil {
			f.t.Fatal(derr)
		}
		if err == io.EOF && len(f.ready) == 0 {
			return frame{}, false
		}
		if err != nil && err != io.EOF {
			f.t.Fatalf("stream: %v", err)
		}
	}
	got, f.ready = f.ready[0], f.ready[1:]
	return got, true
}

// until returns the frames up to and including the first of the type.
func (f *follower) until(typ string) []frame {
	f.t.Helper()
	var out []frame
	for {
		fr, ok := f.next()
		if !ok {
			f.t.Fatalf("the stream ended before a %s, after %v", typ, out)
		}
		out = append(out, fr)
		if fr.event == typ {
			return out
		}
	}
}

// field returns a member of a JSON object as text.
func field(t *testing.T, data, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if m[name] == nil {
		return ""
	}
	return fmt.Sprint(m[name])
}

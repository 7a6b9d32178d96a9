package stream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in these tests; only what is broken takes that long.
const patience = 30 * time.Second

// The suite runs over both writers, each with and without compression.
var ways = []struct {
	name           string
	portable, gzip bool
}{
	{"detached", false, false},
	{"detached gzip", false, true},
	{"portable", true, false},
	{"portable gzip", true, true},
}

// each runs f once for each way that streams are written.
func each(t *testing.T, o stream.Options, h hub.Options, f func(t *testing.T, s *site)) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			o := o
			o.Portable = way.portable
			s := open(t, newMemLog(), o, h)
			s.gzip, s.portable = way.gzip, way.portable
			f(t, s)
		})
	}
}

// site serves streams on a real loopback port.
type site struct {
	t        testing.TB
	log      *memLog
	hub      *hub.Hub
	streams  *stream.Server
	addr     string
	client   *http.Client
	gzip     bool
	portable bool
	ask      func(*http.Request, *stream.Request) // what else to ask for; nil: nothing
	stop     func()                               // ends the streams and waits for all that was started
}

func open(t testing.TB, log journal.Log, o stream.Options, ho hub.Options) *site {
	t.Helper()
	if o.Heartbeat == 0 {
		o.Heartbeat = time.Hour
	}
	s := &site{t: t, client: &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}}
	s.log, _ = log.(*memLog)
	s.hub = hub.New(log, ho)
	s.streams = stream.New(s.hub, o)
	hubCtx, stopHub := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	var running, serving sync.WaitGroup
	running.Go(func() { _ = s.hub.Run(hubCtx) })
	<-s.hub.Ready()
	serving.Go(func() { _ = s.streams.Run(ctx) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	var handlers sync.WaitGroup
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		s.serve(w, r)
	})}
	go srv.Serve(ln)
	s.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
		handlers.Wait()
		_ = srv.Close()
	})
	t.Cleanup(func() {
		s.stop()
		stopHub()
		running.Wait()
	})
	if !o.Portable && runtime.GOOS == "linux" { // until the workers are there
		for s.streams.Stats().Detached == 0 {
			s.follow("/", "").close()
		}
		s.settle(0)
	}
	return s
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := event.ParseFilter(q.Get("servers"), q.Get("types"))
	if err != nil {
		s.t.Error(err)
	}
	ask := stream.Request{Filter: f, Gzip: r.Header.Get("Accept-Encoding") == "gzip"}
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		ask.After, err = event.ParseID(text)
		ask.Foreign = err != nil
	}
	if s.ask != nil {
		s.ask(r, &ask)
	}
	w.Header().Set("X-Of-Ours", "yes")
	s.streams.Serve(w, r, ask)
}

// seen waits until the hub has handed out so many events.
func (s *site) seen(n int64) {
	s.t.Helper()
	s.until(func() bool { return s.hub.Stats().Events >= n }, func() string { return fmt.Sprintf("the hub handed out %+v, want %d", s.hub.Stats(), n) })
}

// settle waits until that many streams are open.
func (s *site) settle(n int64) {
	s.t.Helper()
	s.until(func() bool { return s.streams.Stats().Open == n }, func() string { return fmt.Sprintf("%+v, want %d open", s.streams.Stats(), n) })
}

func (s *site) until(ok func() bool, say func() string) {
	s.t.Helper()
	for began := time.Now(); !ok(); runtime.Gosched() {
		if time.Since(began) > patience {
			s.t.Fatal(say())
		}
	}
}

type frame struct{ id, event, data string }

// seq is the frame's number in the record.
func (f frame) seq() uint64 {
	id, _ := event.ParseID(f.id)
	return id.Seq
}

func (f frame) field(name string) string {
	var m map[string]any
	_ = json.Unmarshal([]byte(f.data), &m)
	if m[name] == nil {
		return ""
	}
	return fmt.Sprint(m[name])
}

// follower reads one stream, a connection of its own.
type follower struct {
	t      testing.TB
	conn   net.Conn
	body   io.Reader
	header http.Header
	dec    sse.Decoder
	ready  []frame
	retry  []time.Duration
	buf    []byte
	err    error // how it ended
}

// dial opens a connection and asks for a stream.
func (s *site) dial(path, lastID string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	ask := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", path, s.addr)
	if lastID != "" {
		ask += "Last-Event-ID: " + lastID + "\r\n"
	}
	if s.gzip {
		ask += "Accept-Encoding: gzip\r\n"
	}
	if _, err := io.WriteString(conn, ask+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func (s *site) follow(path, lastID string) *follower {
	s.t.Helper()
	f, err := s.attach(s.dial(path, lastID))
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// attach reads the head of the answer.
func (s *site) attach(conn net.Conn) (*follower, error) {
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	f := &follower{t: s.t, conn: conn, body: res.Body, header: res.Header, buf: make([]byte, 8192)}
	f.dec.Retry = func(d time.Duration) { f.retry = append(f.retry, d) }
	if res.Header.Get("Content-Encoding") == "gzip" {
		if f.body, err = gzip.NewReader(res.Body); err != nil {
			conn.Close()
			return nil, err
		}
	}
	s.t.Cleanup(f.close)
	return f, nil
}

func (f *follower) close() { f.conn.Close() }

// next returns the next frame; ok is false at the end of the stream.
func (f *follower) next() (got frame, ok bool) {
	for len(f.ready) == 0 {
		if f.err != nil {
			return frame{}, false
		}
		var n int
		n, f.err = f.body.Read(f.buf)
		if err := f.dec.Push(f.buf[:n], func(fr sse.Frame) bool {
			f.ready = append(f.ready, frame{string(fr.ID), string(fr.Event), string(fr.Data)})
			return true
		}); err != nil {
			f.t.Error(err)
			f.err = err
		}
	}
	got, f.ready = f.ready[0], f.ready[1:]
	return got, true
}

// until returns the frames up to and including the first that is wanted.
func (f *follower) until(wanted func(frame) bool) (out []frame) {
	f.t.Helper()
	for {
		fr, ok := f.next()
		if !ok {
			f.t.Fatalf("the stream ended with %v after %d frames, the last %v", f.err, len(out), out[max(0, len(out)-1):])
		}
		out = append(out, fr)
		if wanted(fr) {
			return out
		}
	}
}

func named(typ string) func(frame) bool { return func(f frame) bool { return f.event == typ } }

func at(id event.ID) func(frame) bool {
	return func(f frame) bool { return f.id == id.String() && f.event != "stream:heartbeat" }
}

// recorded returns the numbers of the frames that are events.
func recorded(frames []frame) (out []uint64) {
	for _, f := range frames {
		if event.ClassOf(f.event) != event.Control {
			out = append(out, f.seq())
		}
	}
	return out
}

func sameSeqs(t testing.TB, what string, got, want []uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Errorf("%s: got %d events, want %d; they differ from number %d on: %v, want %v", what, len(got), len(want), i,
			got[i:min(i+5, len(got))], want[i:min(i+5, len(want))])
	}
}

var crlf = bytes.Repeat([]byte("GET / HTTP/1.1\r\n\r\n"), 4000)

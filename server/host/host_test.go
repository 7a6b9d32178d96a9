package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record is a Publisher that keeps what it gets, or fails while err is set.
type record struct {
	mu     sync.Mutex
	events []event.Event
	err    error
}

func (r *record) Append(_ context.Context, events []event.Event) ([]journal.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	r.events = append(r.events, events...)
	return make([]journal.Receipt, len(events)), nil
}

func (r *record) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// take returns what came since the last take.
func (r *record) take() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.events
	r.events = nil
	return out
}

func types(events []event.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Type)
	}
	return out
}

// running starts a Source inside a synctest bubble and returns what it writes to; stop ends it and waits.
func running(t *testing.T, s *Source) (r *record, online chan string, stop func()) {
	r, online = new(record), make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, r, online) }()
	return r, online, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

var samples = []string{"metrics:cpu", "metrics:memory", "metrics:network", "metrics:storage"}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Server: "here", Version: "v1"})
		r, online, stop := running(t, s)
		synctest.Wait()
		if got := types(r.take()); !slices.Equal(got, []string{"server:starting", "deployment:started"}) {
			t.Errorf("at the start: got %v", got)
		}
		time.Sleep(300 * time.Millisecond)
		online <- "http://127.0.0.1:1"
		synctest.Wait()
		got := r.take()
		if !slices.Equal(types(got), []string{"server:online", "deployment:completed"}) {
			t.Errorf("once online: got %v", got)
		}
		if o, _ := event.ServerOnline.Decode(got[0].Data); o.URL != "http://127.0.0.1:1" || o.Version != "v1" || o.Uptime.Or(0) != 0.3 {
			t.Errorf("got %s, want the URL, v1 and 0.3 s", got[0].Data)
		}
		if c, _ := event.DeploymentCompleted.Decode(got[1].Data); c.DurationMs.Or(0) != 300 {
			t.Errorf("got %s, want 300 ms", got[1].Data)
		}
		for range 3 {
			time.Sleep(time.Second)
			synctest.Wait()
			got := r.take()
			if !slices.Equal(types(got), samples) {
				t.Errorf("each second: got %v, want %v", types(got), samples)
			}
			for _, e := range got {
				if e.Server != "here" || !strings.Contains(string(e.Data), `"source":"host"`) {
					t.Errorf("got %s %s, want server here and source host", e.Server, e.Data)
				}
			}
		}
		s.Request("GET", "/late", 200, time.Millisecond)
		stop()
		if got := types(r.take()); !slices.Equal(got, []string{"logs:request", "server:offline"}) {
			t.Errorf("at the end: got %v, want what waited and then offline", got)
		}
	})
}

// A record that fails is told once, in a log that is not published, and does not stop the machine from going on.
func TestRecordFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		s := New(Config{Server: "here", Logger: slog.New(slog.NewTextHandler(&told, nil))})
		r, _, stop := running(t, s)
		synctest.Wait()
		r.take()
		r.fail(errors.New("disk full"))
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		if n := strings.Count(told.String(), "disk full"); n != 1 {
			t.Errorf("told %d times, want once: %s", n, &told)
		}
		r.fail(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := types(r.take()); !slices.Equal(got, samples) {
			t.Errorf("after that: got %v, want %v", got, samples)
		}
		if !strings.Contains(told.String(), "again") {
			t.Errorf("not told that it works again: %s", &told)
		}
		stop()
	})
}

func TestRecordClosed(t *testing.T) {
	r := &record{err: fmt.Errorf("append: %w", journal.ErrClosed)}
	if err := New(Config{Server: "here"}).Run(t.Context(), r, nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Server: "here"})
		var written, all bytes.Buffer
		slog.New(s.Handler(slog.NewTextHandler(&all, &slog.HandlerOptions{Level: slog.LevelDebug}))).Debug("not this")
		log := slog.New(s.Handler(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelWarn})))
		log.Info("hello", "n", 1, "level", "mine")
		log.With("a", "b").WithGroup("g").Warn("careful", "c", errors.New("x\x00y"), slog.Group("h", "d", time.Second))
		log.Error("plain")
		s.Request("POST", "/x", 503, 1500*time.Microsecond)
		r, _, stop := running(t, s)
		time.Sleep(gather)
		synctest.Wait()
		stop()
		var got []string
		for _, e := range r.take() {
			if strings.HasPrefix(e.Type, "logs:") {
				var m map[string]any
				if err := json.Unmarshal(e.Data, &m); err != nil {
					t.Fatal(err)
				}
				delete(m, "timestamp")
				delete(m, "serverId")
				delete(m, "source")
				b, _ := json.Marshal(m)
				got = append(got, e.Type+" "+string(b))
			}
		}
		want := []string{
			`logs:app {"context":{"n":1},"level":"info","message":"hello"}`,
			`logs:app {"context":{"a":"b","g":{"c":"x\u0000y","h":{"d":1000000000}}},"level":"warn","message":"careful"}`,
			`logs:app {"level":"error","message":"plain"}`,
			`logs:request {"level":"error","method":"POST","path":"/x","responseTime":1.5,"statusCode":503}`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if out := written.String(); strings.Contains(out, "hello") || !strings.Contains(out, "careful") {
			t.Errorf("the handler beneath got %q, want its own level only", out)
		}
		if !strings.Contains(all.String(), "not this") {
			t.Error("a line that is not published did not reach the handler beneath")
		}
	})
}

// A burst beyond the queue is dropped, and the record says how much.
func TestLinesDropped(t *testing.T) {
	s := New(Config{Server: "here"})
	for i := range maxLines + 17 {
		s.Request("GET", fmt.Sprint("/", i), 200, 0)
	}
	got := s.lines.take()
	if len(got) != maxLines+1 || !strings.Contains(string(got[maxLines].draft.Data), "17 log lines were dropped") {
		t.Errorf("got %d lines, the last %s; want %d and one that says 17 were dropped", len(got), got[len(got)-1].draft.Data, maxLines)
	}
	if got := s.lines.take(); len(got) != 0 {
		t.Errorf("got %d lines a second time", len(got))
	}
}

// Nothing that anybody logs makes an event that can't be published.
func TestLinesOfAnySize(t *testing.T) {
	s := New(Config{Server: "here"})
	log := slog.New(s.Handler(slog.DiscardHandler))
	long := strings.Repeat("\xff\x00é", 1<<20)
	log.Info(long, long, long)
	s.Request(long, long, 200, 0)
	lines := s.lines.take()
	if len(lines) != 2 {
		t.Errorf("%d lines, want both", len(lines))
	}
	for _, p := range lines {
		e, err := p.event("here", time.Now())
		if err != nil {
			t.Error(err)
		}
		if len(e.Data) > 10*maxText {
			t.Errorf("an event of %d bytes", len(e.Data))
		}
	}
}

func TestServerID(t *testing.T) {
	for name, want := range map[string]string{
		"web-1": "web-1", "my host": "my host", " x ": "x", "a/b,c*": "a-b-c-", "": "this-machine", "..": "this-machine",
		"a\x00b": "a-b", "caf\xe9": "caf-", strings.Repeat("é", 150): strings.Repeat("é", 100),
	} {
		got := ServerID(name)
		if got != want || event.CheckServer(got) != nil {
			t.Errorf("%q: got %q (%v), want %q", name, got, event.CheckServer(got), want)
		}
	}
}

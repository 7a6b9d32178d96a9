package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A server is one `telltale serve` and the data it keeps. It can be ended and started again on the same address.
type server struct {
	t    *testing.T
	args []string
	url  string // http://127.0.0.1:PORT, the same over restarts

	token string // allRecorded shows it; "": none

	cmd    *exec.Cmd
	stderr *output
	exited chan struct{} // closed when cmd has ended and been waited for
}

// serve starts a server on a free port with data of its own; args follow `serve --listen … --data …`.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, args: append([]string{"--data", t.TempDir()}, args...)}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server's own log:\n%s", s.stderr)
		}
	})
	return s
}

var printedURL = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// start starts the server, again on the address it had, and waits for the line that says it is ready.
func (s *server) start() {
	s.t.Helper()
	listen := "127.0.0.1:0"
	if s.url != "" {
		listen = strings.TrimPrefix(s.url, "http://")
	}
	s.cmd = exec.Command(binary, append([]string{"serve", "--listen", listen}, s.args...)...)
	if s.stderr == nil {
		s.stderr = new(output)
	}
	s.cmd.Stderr = s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	ready := make(chan string, 1)
	go func(cmd *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if url := printedURL.FindString(lines.Text()); url != "" {
				select {
				case ready <- url:
				default: // one line is all that is waited for
				}
			}
		}
		cmd.Wait()
	}(s.cmd, s.exited)
	select {
	case url := <-ready:
		if s.url != "" && url != s.url {
			s.t.Fatalf("restarted at %s, was at %s", url, s.url)
		}
		s.url = url
	case <-s.exited:
		s.t.Fatalf("telltale serve ended before it was ready: %v\n%s", s.cmd.ProcessState, s.stderr)
	case <-time.After(patience):
		s.kill()
		s.t.Fatalf("telltale serve printed no URL\n%s", s.stderr)
	}
}

// kill ends the server as `kill -9` does, and returns when it is gone.
func (s *server) kill() {
	s.cmd.Process.Kill() // fails only when it is gone already
	<-s.exited
}

// stop ends the server as `kill` does. It must end by itself, and well.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatalf("still running long after SIGTERM\n%s", s.stderr)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("after SIGTERM: exit status %d, want 0\n%s", code, s.stderr)
	}
}

// An event is one as the stream or the record has it.
type event struct {
	ID    string         // its place
	Event string         // category:action
	Data  map[string]any // the flat JSON
}

// publish posts body to the server's own events and wants 202.
func (s *server) publish(id, body string) {
	s.t.Helper()
	if status, answer := s.post("/api/servers/"+id+"/events", body); status != http.StatusAccepted {
		s.t.Fatalf("publishing %s: %d, want 202: %s", body, status, answer)
	}
}

func (s *server) post(path, body string) (status int, answer string) {
	s.t.Helper()
	return s.postAs("application/json", path, body)
}

func (s *server) postAs(media, path, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(within(s.t), "POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// get returns a page or an answer that ends, and wants 200.
func (s *server) get(path, accept string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(within(s.t), "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s, %v: %s", path, res.Status, err, b)
	}
	return string(b)
}

// servers returns the ids of all servers the hub knows.
func (s *server) servers() []string {
	s.t.Helper()
	var all struct{ Servers []struct{ ID string } }
	if err := json.Unmarshal([]byte(s.get("/api/servers", "application/json")), &all); err != nil {
		s.t.Fatal(err)
	}
	ids := []string{}
	for _, server := range all.Servers {
		ids = append(ids, server.ID)
	}
	return ids
}

// A stream is an open response of text/event-stream, read block by block as the standard says.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	closer io.Closer
}

// follow opens the stream at path, as a plain HTTP client would, after the place of lastEventID.
func (s *server) follow(path, lastEventID string) *stream {
	s.t.Helper()
	req, err := http.NewRequestWithContext(within(s.t), "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/event-stream") {
		b, _ := io.ReadAll(res.Body)
		s.t.Fatalf("GET %s: %s, %s: %s", path, res.Status, got, b)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{t: s.t, lines: lines, closer: res.Body}
}

// next returns the next event, the stream's own included, or io.EOF when the connection ended.
func (st *stream) next() (e event, err error) {
	st.t.Helper()
	for data := ""; st.lines.Scan(); {
		line := st.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != "":
			if err := json.Unmarshal([]byte(data), &e.Data); err != nil {
				st.t.Fatalf("data of %s is not JSON: %v: %s", e.Event, err, data)
			}
			return e, nil
		case line == "":
			e = event{}
		case field == "id":
			e.ID = value
		case field == "event":
			e.Event = value
		case field == "data":
			data += value
		}
	}
	if err := st.lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		st.t.Fatalf("reading the stream: %v", err)
	}
	return event{}, io.EOF
}

// want reads on until an event for which ok says yes, and returns what was recorded among those read, that one included.
func (st *stream) want(what string, ok func(event) bool) []event {
	st.t.Helper()
	var seen []event
	for {
		e, err := st.next()
		if err != nil {
			st.t.Fatalf("the stream ended before %s came; seen: %v", what, seen)
		}
		if !strings.HasPrefix(e.Event, "stream:") {
			seen = append(seen, e)
		}
		if ok(e) {
			return seen
		}
	}
}

func (st *stream) close() { st.closer.Close() }

// record reads everything the record holds for one server and type filter, oldest first, page by page.
func (s *server) record(id, types string) []event {
	s.t.Helper()
	var all []event
	for after := ""; ; {
		body := s.get("/api/servers/"+id+"/events?limit=1000&types="+types+"&after="+after, "application/json")
		var page struct {
			Events []struct {
				ID, Event string
				Data      map[string]any
			}
			Next string
			More bool
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			s.t.Fatalf("the record of %s: %v: %s", id, err, body)
		}
		for _, e := range page.Events {
			all = append(all, event(e))
		}
		if !page.More {
			return all
		}
		after = page.Next
	}
}

// field returns one field of each event's data.
func field(events []event, name string) []string {
	var out []string
	for _, e := range events {
		s, _ := e.Data[name].(string)
		out = append(out, s)
	}
	return out
}

// sameList fails the test with the first difference of two lists.
func sameList(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s: got %d, want %d; number %d is %q, want %q", what, len(got), len(want), i, g, w)
			return
		}
	}
}

// output gathers what a process prints, for a test to read while it runs.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

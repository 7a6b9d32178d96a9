package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in these tests; only what is broken takes that long.
const patience = 20 * time.Second

func noEnv(string) string { return "" }

func env(vars map[string]string) func(string) string { return func(k string) string { return vars[k] } }

// running is one `telltale …` under way, as a user would have started it.
type running struct {
	t      *testing.T
	out    *bufio.Reader
	stderr lockedText
	cancel context.CancelFunc
	done   chan error
}

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func begin(t *testing.T, getenv func(string) string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r, w := io.Pipe()
	p := &running{t: t, out: bufio.NewReader(r), cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := run(ctx, args, getenv, nil, w, &p.stderr)
		w.Close()
		p.done <- err
	}()
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, p.out)
		http.DefaultClient.CloseIdleConnections()
	})
	return p
}

// line returns the next line of standard output.
func (p *running) line() string {
	p.t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("standard output: %v after %q; standard error: %s", err, s, p.stderr.String())
	}
	return strings.TrimSuffix(s, "\n")
}

// end stops it and returns what was left on standard output.
func (p *running) end() string {
	p.t.Helper()
	p.cancel()
	rest, _ := io.ReadAll(p.out)
	if err := <-p.done; err != nil {
		p.t.Errorf("ended with %v; standard error: %s", err, p.stderr.String())
	}
	return string(rest)
}

// finish runs a command that ends of itself.
func finish(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errOut strings.Builder
	err = run(ctx, args, noEnv, strings.NewReader(stdin), &out, &errOut)
	http.DefaultClient.CloseIdleConnections()
	return out.String(), errOut.String(), err
}

func TestServePublishTail(t *testing.T) {
	data := filepath.Join(t.TempDir(), "made", "by", "serve")
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--no-host")
	url := serve.line()
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+$`).MatchString(url) {
		t.Fatalf("got %q, want the URL alone", url)
	}

	out, _, err := finish(t, "", "publish", "--url", url, "--server", "web-1", "--id", "b1", "--source", "cron", "backup:finished", `{"size":12,"note":"\u001b[31mred"}`)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSpace(out)
	if out, _, err = finish(t, "", "publish", "--url", url, "--server", "web-1", "--id", "b1", "backup:finished"); err != nil || out != first+" repeated\n" {
		t.Errorf("published again: got %q %v, want %q", out, err, first+" repeated")
	}
	lines := `{"serverId":"a","type":"server:online"}` + "\n\n" + `{"serverId":"b","type":"logs:app","data":{"level":"warn","message":"look out","n":1}}`
	if out, _, err = finish(t, lines, "publish", "--url", url); err != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("published from standard input: got %q %v, want two places", out, err)
	}

	tail := begin(t, noEnv, "tail", "--url", url)
	for _, want := range []string{
		`web-1 backup:finished size=12 note=\u001b[31mred`, `a server:online`, `b logs:app warn look out n=1`,
	} {
		got := tail.line()
		if _, rest, _ := strings.Cut(got, " "); rest != want {
			t.Errorf("tail: got %q, want a time and %q", got, want)
		}
	}
	tail.end()

	since := begin(t, env(map[string]string{"TELLTALE_URL": url, "TELLTALE_JSON": "true"}), "tail", "--since", first, "--types", "server:*")
	var e struct {
		ID, Event string
		Data      struct{ ServerID string }
	}
	if err := json.Unmarshal([]byte(since.line()), &e); err != nil || e.Event != "server:online" || e.Data.ServerID != "a" {
		t.Errorf("tail --since: got %v %v, want what came after and passes", e, err)
	}

	// A restart, on the same port: the tail goes on by itself and misses nothing.
	if rest := serve.end(); rest != "" {
		t.Errorf("standard output went on with %q", rest)
	}
	again := begin(t, env(map[string]string{"TELLTALE_LISTEN": strings.TrimPrefix(url, "http://"), "TELLTALE_DATA": data, "TELLTALE_NO_HOST": "true"}))
	if got := again.line(); got != url {
		t.Errorf("the environment: got %q, want %q", got, url)
	}
	if _, _, err := finish(t, "", "publish", "--url", url, "--server", "a", "server:idle"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(since.line()), &e); err != nil || e.Event != "server:idle" {
		t.Errorf("after a restart: got %v %v, want server:idle", e, err)
	}
	if _, _, err := finish(t, "", "publish", "--url", url, "--server", "a", "server:busy"); err != nil {
		t.Fatal(err)
	}
	since.line() // sent after the heartbeat that makes the stream live
	since.end()
	if notes := since.stderr.String(); !strings.Contains(notes, "lost") || !strings.Contains(notes, "live again") {
		t.Errorf("tail said %q, want it to tell of the break", notes)
	}
	again.end()
}

// What this machine publishes about itself, from the first to the last word.
func TestServeHost(t *testing.T) {
	data := t.TempDir()
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--server-id", "me")
	url := serve.line()
	tail := begin(t, noEnv, "tail", "--url", url, "--types", "metrics:cpu")
	if got := tail.line(); !strings.Contains(got, "me metrics:cpu usage=") {
		t.Errorf("got %q, want this machine's numbers", got)
	}
	tail.end()
	res, err := http.Get(url + "/api/version?secret=1")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	serve.end()

	events := recorded(t, data)
	seen := make(map[string]string)
	for _, e := range events {
		if e.Server != "me" {
			t.Errorf("an event of server %q", e.Server)
		}
		seen[e.Type] = string(e.Data)
	}
	for typ, says := range map[string]string{
		"server:starting": "startTime", "server:online": url, "deployment:started": version, "deployment:completed": "durationMs",
		"metrics:memory": "available", "metrics:storage": "used", "logs:app": "stopping", "logs:request": `"/api/version"`,
	} {
		if !strings.Contains(seen[typ], says) {
			t.Errorf("%s: got %s, want it to say %q", typ, seen[typ], says)
		}
	}
	if last := events[len(events)-1]; last.Type != "server:offline" || !strings.Contains(string(last.Data), `"reason":"stopped"`) {
		t.Errorf("the last word: got %s %s, want server:offline", last.Type, last.Data)
	}
}

// A publisher in the middle of its request when the server is told to stop is answered, and the machine says that it is
// offline after that, as the last thing recorded.
func TestServeDrains(t *testing.T) {
	data := t.TempDir()
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--server-id", "me")
	address := strings.TrimPrefix(serve.line(), "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"type":"backup:finished"}`
	fmt.Fprintf(conn, "POST /api/servers/a/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	answers := bufio.NewReader(conn)
	if got, err := answers.ReadString('\n'); err != nil || !strings.Contains(got, "100 Continue") {
		t.Fatalf("got %q %v, want to be told to go on", got, err)
	}
	serve.cancel()
	for deadline := time.Now().Add(patience); ; { // until nobody new gets in: HTTP has begun to end
		late, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		late.Close()
		if time.Now().After(deadline) {
			t.Fatal("it does not stop")
		}
	}
	fmt.Fprint(conn, body)
	if _, err := answers.ReadString('\n'); err != nil { // the empty line after "100 Continue"
		t.Fatal(err)
	}
	if got, err := answers.ReadString('\n'); err != nil || !strings.Contains(got, "202") {
		t.Errorf("got %q %v, want to be told that it is recorded", got, err)
	}
	serve.end()
	events := recorded(t, data)
	if n := len(events); n < 2 || events[n-1].Type != "server:offline" || !slices.ContainsFunc(events, func(e event.Event) bool { return e.Type == "backup:finished" }) {
		t.Errorf("got %v, want backup:finished recorded and server:offline last", events[max(0, n-3):])
	}
}

// recorded returns what the record in a folder holds. No server may have it open.
func recorded(t *testing.T, data string) []event.Event {
	t.Helper()
	log, err := bolt.Open(data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	page, err := log.Read(context.Background(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Events
}

// What can't be done is said in words that help, at once, and by an error.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := t.TempDir()
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--no-host")
	url := serve.line()
	defer serve.end()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"port taken", []string{"serve", "--listen", taken.Addr().String(), "--data", t.TempDir()}, "taken"},
		{"every address", []string{"serve", "--listen", ":8080"}, "telltale token --new-secret"},
		{"another address", []string{"--listen", "192.0.2.1:80"}, "127.0.0.1"},
		{"record in use", []string{"serve", "--listen", "127.0.0.1:0", "--data", data}, data},
		{"folder is a file", []string{"serve", "--listen", "127.0.0.1:0", "--data", file}, file},
		{"age", []string{"serve", "--line-age", "soon"}, "30d"},
		{"size", []string{"serve", "--line-bytes", "lots"}, "64MiB"},
		{"unknown flag", []string{"serve", "--nope"}, "--help"},
		{"unknown command", []string{"nope"}, "--help"},
		{"publish without server", []string{"publish", "x:y"}, "--server"},
		{"publish what is not JSON", []string{"publish", "--url", url, "--server", "a", "x:y", "size=12"}, "JSON"},
		{"publish what is refused", []string{"publish", "--url", url, "--server", "a", "metrics:cpu", `{"usage":"x"}`}, "data.usage"},
		{"publish to nobody", []string{"publish", "--url", "http://127.0.0.1:1", "--server", "a", "x:y"}, "refused"},
		{"publish to no URL", []string{"publish", "--url", "localhost:80", "--server", "a", "x:y"}, "--url"},
		{"tail a bad filter", []string{"tail", "--url", url, "--types", "a:b:c"}, "types"},
		{"tail a bad rate", []string{"tail", "--url", url, "--rate", "often"}, "rate"},
		{"tail a bad place", []string{"tail", "--url", url, "--since", "7"}, "--since"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, _, err := finish(t, "", row.args...)
			if err == nil || !strings.Contains(err.Error(), row.says) || out != "" {
				t.Errorf("got %q and %v, want an error that says %q", out, err, row.says)
			}
		})
	}
	if _, _, err := finish(t, `{"type":"x"}`, "publish", "--url", url, "--server", "a"); err == nil || !strings.HasPrefix(err.Error(), "line 1: ") {
		t.Errorf("got %v, want the line named", err)
	}
	if _, _, err := finish(t, `{"type":"x:y"}`+"\n"+`{"type":"x"}`, "publish", "--url", url, "--server", "a"); err == nil || !strings.Contains(err.Error(), "lines 1 to 2") || !strings.Contains(err.Error(), "events[1].type") {
		t.Errorf("got %v, want the lines and the event named", err)
	}
}

func TestHelpAndVersion(t *testing.T) {
	out, _, err := finish(t, "", "serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--listen", "127.0.0.1:8080", "$TELLTALE_LISTEN", "$TELLTALE_SERVER_ID", "--no-host", "30d", "64MiB"} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %q", want)
		}
	}
	all, _, err := finish(t, "", "--help")
	for _, want := range []string{"telltale tail", "telltale publish", "telltale version", "$TELLTALE_LISTEN", "--since", "$TELLTALE_TYPES", "--source"} {
		if err != nil || !strings.Contains(all, want) {
			t.Errorf("telltale --help lacks %s: %v", want, err)
		}
	}
	if out, _, err := finish(t, "", "version"); err != nil || out != "telltale "+version+"\n" {
		t.Errorf("version: got %q %v", out, err)
	}
}

func TestAgesAndSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "0": 0, "90m": 90 * time.Minute, "1.5d": 36 * time.Hour} {
		var a age
		if err := a.UnmarshalText([]byte(text)); err != nil || time.Duration(a) != want {
			t.Errorf("%s: got %v %v, want %v", text, time.Duration(a), err, want)
		}
	}
	for text, want := range map[string]int64{"64MiB": 64 << 20, "0": 0, "500kB": 500_000, "4096": 4096, "1.5GiB": 3 << 29, "7 B": 7} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%s: got %v %v, want %v", text, s, err, want)
		}
	}
	for _, text := range []string{"-1", "d", "x", "", "1e999MiB", "NaN", "NaNd"} {
		var a age
		var s size
		if a.UnmarshalText([]byte(text)) == nil || s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q: got age %v and size %v, want errors", text, a, s)
		}
	}
}

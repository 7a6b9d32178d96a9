package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/flood"
)

// A flood of a server that runs: as people start both.
func TestFlood(t *testing.T) {
	server := begin(t, noEnv, "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--no-host", "--log-level=warn")
	url := server.line()
	p := begin(t, noEnv, "flood", "--target="+url, "-c20", "-t4", "-r500", "-d300ms", "--json")
	var report flood.Report
	if err := json.NewDecoder(p.out).Decode(&report); err != nil {
		t.Fatalf("%v; standard error: %s", err, p.stderr.String())
	}
	p.end()
	if _, _, err := finish(t, "", "flood", "--target="+url, "-c1", "-r500", "--samples=100", "-d300ms"); err == nil || !strings.Contains(err.Error(), "--throttle=0") {
		t.Errorf("a flood of samples on a server that throttles them: got %v", err)
	}
	if len(report.Results) != 1 || report.Results[0].Deliveries != 5*report.Results[0].Published || report.Results[0].Deliveries == 0 {
		t.Errorf("got %+v", report.Results)
	}
	server.end()

	if out := begin(t, noEnv, "flood", "--list").end(); !strings.Contains(out, "fanout") {
		t.Errorf("--list: got %q", out)
	}
}

// The admin address has what the parts count, from the first event to the end, and is on only where it is asked for.
func TestServeAdmin(t *testing.T) {
	server := begin(t, noEnv, "serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--data="+t.TempDir(), "--no-host", "--log-level=warn")
	url := server.line()
	private, ok := strings.CutPrefix(server.line(), "admin ")
	if !ok {
		t.Fatal("the second line is not the admin address")
	}
	if _, _, err := finish(t, "", "publish", "--url", url, "--server", "web-1", "backup:finished", `{"size":12}`); err != nil {
		t.Fatal(err)
	}
	tail := begin(t, noEnv, "tail", "--url", url, "--server", "web-1")
	tail.line()
	text := read(t, private+"/metrics")
	for _, want := range []string{
		"telltale_journal_events_total 1\n", "telltale_published_events_total 1\n", "telltale_streams_opened_total 1\n", "telltale_journal_commit_seconds_count 1\n",
		"telltale_hub_events_total 1\n", "go_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %q in\n%s", want, text)
		}
	}
	tail.end()
	server.end()

	for _, address := range []string{"0.0.0.0:0", "nothing"} {
		if _, _, err := finish(t, "", "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--admin", address); err == nil || !strings.Contains(err.Error(), "--admin") {
			t.Errorf("--admin %s: got %v", address, err)
		}
	}
}

func read(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(b)
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
)

// What was measured is history at once, and still is when the server was started again; at the end all of it is written.
func TestServeKeepsHistory(t *testing.T) {
	data := t.TempDir()
	counted := func(url string) (n int) {
		t.Helper()
		now := time.Now().UnixMilli()
		for deadline := time.Now().Add(patience); n == 0 && time.Now().Before(deadline); { // it is a moment behind the record
			res, err := http.Get(fmt.Sprintf("%s/api/servers/web-1/history?type=metrics:cpu&points=2000&from=%d&to=%d", url, now-1800_000, now+60_000))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode == http.StatusNotFound {
				continue
			}
			var out struct{ Count []int }
			if err := json.Unmarshal(body, &out); err != nil || res.StatusCode != 200 {
				t.Fatalf("got %d %s", res.StatusCode, body)
			}
			for _, c := range out.Count {
				n += c
			}
		}
		return n
	}
	for round := range 3 {
		serve := begin(t, env(nil), "serve", "--listen", "127.0.0.1:0", "--data", data, "--no-host", "--throttle", "0")
		url := serve.line()
		if round > 0 {
			if n := counted(url); n != round {
				t.Errorf("started again, %d samples are counted, want %d", n, round)
			}
		}
		if _, _, err := finish(t, `{"type":"metrics:cpu","data":{"usage":50}}`+"\n", "publish", "--url", url, "--server", "web-1"); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if n := counted(url); n != 1 {
				t.Errorf("%d samples are counted, want 1", n)
			}
		}
		serve.end()
	}
	log, err := bolt.Open(data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	mark, err := log.Mark(t.Context())
	page, rerr := log.Read(t.Context(), journal.Query{})
	if err != nil || rerr != nil || len(page.Events) != 3 || mark != page.Events[2].ID {
		t.Errorf("history is written up to %s, %v, %v, want all three samples", mark, err, rerr)
	}
}

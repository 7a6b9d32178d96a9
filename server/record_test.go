package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

// Two instances that are given the same Redis share one record.
func TestServeSharesARecord(t *testing.T) {
	server := redistest.Start(t)
	var urls [2]string
	for i := range urls {
		serve := begin(t, env(map[string]string{"TELLTALE_REDIS": server.URL()}), "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--no-host")
		urls[i] = serve.line()
		defer serve.end()
	}
	if _, _, err := finish(t, `{"type":"backup:finished","data":{"n":42}}`+"\n", "publish", "--url", urls[0], "--server", "web-1"); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[1]+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"n":42`) {
		t.Errorf("the other instance answers %s", body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRecordKnobs(t *testing.T) {
	for _, row := range []struct{ flag, value, says string }{
		{"--redis", "http://:secret@localhost", "--redis"},
		{"--redis-name", "a b", "--redis-name"},
		{"--redis-wait", "11", "--redis-wait"},
		{"--redis-timeout", "1ms", "--redis-timeout"},
	} {
		_, stderr, err := finish(t, "", "serve", row.flag+"="+row.value, "--listen", "127.0.0.1:0", "--data", t.TempDir())
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error()+stderr, "secret") {
			t.Errorf("%s=%s: got %v, want an error about it that tells no secret", row.flag, row.value, err)
		}
	}
}

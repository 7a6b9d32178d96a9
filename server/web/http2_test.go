package web_test

import (
	"context"
	"net/http"
	"testing"
)

// Proxies speak HTTP/2 without TLS to those behind them: streams and all else come over it too.
func TestStreamOverHTTP2(t *testing.T) {
	s := open(t, nil)
	transport := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	s.client.Transport = transport
	req, err := http.NewRequestWithContext(context.Background(), "GET", s.url+"/api/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Fatalf("got %s, want HTTP/2", res.Proto)
	}
	f := s.follow(t, "/api/events")
	f.until("stream:heartbeat")
	for range 5 {
		s.publish(t, "/api/servers/a/events", `{"type":"server:online"}`)
		f.until("server:online")
	}
	s.stop()
	if got := f.until("stream:closing"); field(t, got[len(got)-1].data, "reason") != "shutdown" {
		t.Errorf("got %v", got)
	}
}

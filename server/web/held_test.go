package web_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/web"
)

func TestRate(t *testing.T) {
	s := open(t, nil)
	for _, bad := range []string{"0", "-1", "often", "NaN", "0.001", "21", "1s"} {
		if a := s.do(t, "GET", "/api/events?rate="+bad, ""); a.status != 400 || field(t, a.body, "field") != "rate" {
			t.Errorf("rate=%s: got %d %s, want 400 that names the rate", bad, a.status, a.body)
		}
	}
	f := s.follow(t, "/api/events?rate=0.01&types=metrics:*,server:*")
	f.until("stream:heartbeat")
	cpu := func(n int) string {
		return s.publish(t, "/api/servers/a/events", fmt.Sprintf(`{"type":"metrics:cpu","data":{"usage":%d}}`, n))[0]
	}
	first := cpu(1)
	got := f.until("metrics:cpu")
	cpu(2)
	newest := cpu(3)
	online := s.publish(t, "/api/servers/a/events", `{"type":"server:online"}`)[0]
	got = append(got, f.until("server:online")...)
	var ids []string
	for _, fr := range got {
		ids = append(ids, fr.id)
	}
	if want := []string{first, newest, online}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v: the first, and then the newest before the state", got, want)
	}
}

func TestHeld(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	s := open(t, func(c *web.Config) {
		p := pace.New(c.Log, pace.Options{Throttle: time.Hour})
		running.Go(func() { _ = p.Run(ctx) })
		c.Publisher = p
	})
	a := s.do(t, "POST", "/api/servers/a/events", `[{"type":"metrics:cpu","data":{"usage":1}},{"type":"metrics:cpu","data":{"usage":2}},
		{"type":"metrics:cpu","data":{"usage":3}},{"type":"logs:app","data":{"message":"m"}}]`, "Content-Type", "application/json")
	if a.status != 202 || field(t, a.body, "accepted") != "4" || strings.Count(a.body, `{"held":true}`) != 2 || strings.Count(a.body, `"id"`) != 2 {
		t.Fatalf("got %d %s, want 4 accepted, the second and third held and without a place", a.status, a.body)
	}
	cancel()
	running.Wait()
	got, err := s.log.Read(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var usage []string
	for _, e := range got.Events {
		if e.Type == "metrics:cpu" {
			usage = append(usage, field(t, string(e.Data), "usage"))
		}
	}
	if want := "1 3"; strings.Join(usage, " ") != want {
		t.Errorf("recorded %q, want %q", usage, want)
	}
}

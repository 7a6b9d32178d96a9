package web_test

import (
	"context"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/server/web"
)

// two returns what two instances on one Redis know of each other. The other is only that: nobody reaches it.
func two(t *testing.T) *cluster.Members {
	t.Helper()
	redis := goredis.NewClient(&goredis.Options{Addr: redistest.Start(t).Addr()})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = redis.Close()
	})
	var us [2]*cluster.Members
	for i := range us {
		us[i] = cluster.NewMembers(cluster.Options{Redis: redis, Report: func(context.Context) cluster.Report { return cluster.Report{} }})
		running.Go(func() { _ = us[i].Run(ctx) })
	}
	eventually(t, func() bool { list, _ := us[0].List(); return len(list) == 2 }, func() string { return "the two never meet" })
	return us[0]
}

// A stream that a draining instance sends to another brings its ticket there: it has not been used up here.
func TestTicketOfAStreamSentElsewhere(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Drain, c.Members = 2*time.Second, two(t) })
	a := g.do(t, "POST", "/api/tickets", "", "Authorization", "Bearer "+token("alice", nil))
	path := "/api/events?ticket=" + field(t, a.body, "ticket")
	if a.status != 201 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		g.stop()
	}()
	eventually(t, func() bool { return g.do(t, "GET", "/readyz", "").status == 503 }, func() string { return "it never drains" })
	if a := g.do(t, "GET", path, "", "Telltale-Retries", "502"); a.status != 502 {
		t.Errorf("got %d %s, want it sent elsewhere", a.status, a.body)
	}
	g.follow(t, path).until("stream:heartbeat")
	if a := g.do(t, "GET", path, "", "Telltale-Retries", "502"); a.status != 502 {
		t.Errorf("used up: got %d, want it sent elsewhere, where it is refused", a.status)
	}
	<-stopped
}

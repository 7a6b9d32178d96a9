package web_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/web"
)

// Who may read may know which instances there are. Where they are is for admins, and how much goes on for them and for who sees all.
func TestInstances(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) {
		c.Members = cluster.NewMembers(cluster.Options{Version: "v9", Address: "10.0.0.1:8080", Report: func(context.Context) cluster.Report { return cluster.Report{} }})
	})
	for _, row := range []struct {
		name             string
		claims           jwt.MapClaims
		status           int
		address, numbers bool
	}{
		{"admin", nil, 200, true, true},
		{"who sees all", jwt.MapClaims{"scope": "subscribe"}, 200, false, true},
		{"who sees some", jwt.MapClaims{"scope": "subscribe", "servers": "web-*"}, 200, false, false},
		{"who only publishes", jwt.MapClaims{"scope": "publish"}, 403, false, false},
	} {
		a := g.do(t, "GET", "/api/cluster", "", "Authorization", "Bearer "+token("ada", row.claims))
		if a.status != row.status {
			t.Errorf("%s: got %d %s", row.name, a.status, a.body)
			continue
		}
		var got struct {
			Record    string
			Instances []map[string]any
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		if a.status != 200 {
			continue
		}
		if len(got.Instances) != 1 || got.Record != "embedded" {
			t.Fatalf("%s: got %s, want one instance", row.name, a.body)
		}
		one := got.Instances[0]
		if one["version"] != "v9" || one["state"] != "up" || one["self"] != true || one["since"] == nil {
			t.Errorf("%s: got %v", row.name, one)
		}
		if (one["address"] != nil) != row.address {
			t.Errorf("%s: address %v, want one: %v", row.name, one["address"], row.address)
		}
		for _, field := range []string{"streams", "eventsPerSecond", "lag"} {
			if _, has := one[field]; has != row.numbers {
				t.Errorf("%s: has %s: %v, want %v", row.name, field, has, row.numbers)
			}
		}
	}
	if a := g.do(t, "GET", "/api/cluster", ""); a.status != 401 {
		t.Errorf("nobody: got %d", a.status)
	}
}

// Who looks from a stream of the instance that answers finds it counted, whenever the others were last told of it.
func TestInstanceCountsWhoLooks(t *testing.T) {
	s := open(t, func(c *web.Config) {
		c.Members = cluster.NewMembers(cluster.Options{Report: func(context.Context) cluster.Report { return cluster.Report{} }})
	})
	s.follow(t, "/api/events").until("stream:heartbeat")
	if a := s.do(t, "GET", "/api/cluster", ""); !strings.Contains(a.body, `"streams":1`) {
		t.Errorf("got %s, want one stream", a.body)
	}
}

// Told to end, a server that drains says so first, and goes on serving; then it lets its streams go.
func TestDrain(t *testing.T) {
	var server *web.Server
	s := openWith(t, func(c *web.Config) { c.Drain = time.Second }, &server)
	f := s.follow(t, "/api/events")
	f.until("stream:heartbeat")
	if a := s.do(t, "GET", "/readyz", ""); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	for began := time.Now(); s.do(t, "GET", "/readyz", "").status != 503; {
		if time.Since(began) > patience {
			t.Fatal("it never says that it is not ready")
		}
	}
	if r := server.Report(t.Context()); !r.Draining || r.Streams != 1 {
		t.Errorf("got %+v, want it draining, with one stream", r)
	}
	// From one who does not say that he tries others it takes streams still: any other answer would stop an EventSource.
	late := s.follow(t, "/api/events", "Telltale-Retries", "502") // and where there is no other, from him too
	late.until("stream:heartbeat")
	s.publish(t, "/api/servers/a/events", `{"type":"backup:finished","data":{}}`)
	for _, f := range []*follower{f, late} {
		before, closing := f.ending()
		if len(before) != 1 || before[0].event != "backup:finished" {
			t.Errorf("got %v, want what was published meanwhile", before)
		}
		if field(t, closing.data, "reason") != "shutdown" {
			t.Errorf("got %v", closing)
		}
	}
	<-stopped
	if log := s.logged.String(); strings.Contains(log, "request failed") {
		t.Errorf("that balancers were told of it is logged as a failure: %s", log)
	}
}

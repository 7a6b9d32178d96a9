package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/web"
)

// instance is one of several that share a Redis. It counts, lists and ends streams with the others; its record is its own here.
type instance struct {
	*guarded
	id  string
	off atomic.Bool // it can't reach Redis
}

// Away implements journal.Remote.
func (i *instance) Away() (journal.Away, <-chan struct{}) {
	if i.off.Load() {
		return journal.Away{Since: time.Now(), Err: context.DeadlineExceeded}, nil
	}
	return journal.Away{}, nil
}

// openInstances starts two instances where a user may have two streams. They know of each other.
func openInstances(t *testing.T) (a, b *instance) {
	t.Helper()
	const prefix = "{telltale:web}:"
	server := redistest.Start(t)
	one := func() *instance {
		i := new(instance)
		client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		said := make(chan struct{})
		once := sync.OnceFunc(func() { close(said) })
		members := cluster.NewMembers(cluster.Options{Redis: client, Prefix: prefix, Remote: i, Report: func(context.Context) cluster.Report { once(); return cluster.Report{} }})
		leases := cluster.NewLeases(client, prefix, i)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = members.Run(ctx) })
		running.Go(func() { _ = leases.Run(ctx) })
		t.Cleanup(func() { cancel(); running.Wait() })
		i.id = members.ID()
		<-said
		i.guarded = openGuarded(t, func(c *web.Config) {
			c.Members, c.Peers = members, cluster.NewPeers(client, prefix, i, members, leases)
			c.Access.Leases, c.Access.Streams = leases, limit.Limits{User: 2}
		})
		eventually(t, func() bool { return strings.Contains(server.Do("HKEYS", prefix+"instances"), i.id) }, func() string { return "it never says that it is there" })
		return i
	}
	return one(), one()
}

// everywhere is what GET /api/sessions answers.
type everywhere struct {
	Sessions []struct{ ID, Instance, Agent string }
	Partial  bool
	Message  string
	Unlisted int
}

func (i *instance) everywhere(t *testing.T, query, bearer string) (out everywhere) {
	t.Helper()
	a := i.do(t, "GET", "/api/sessions"+query, "", "Authorization", bearer)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 {
		t.Fatalf("sessions: %d %s", a.status, a.body)
	}
	return out
}

// Who signs out at one instance ends what that browser has open at another, before it gets a later event; another browser's streams and
// those of his token go on.
func TestSignOutEndsStreamsOfOtherInstances(t *testing.T) {
	a, b := openInstances(t)
	tok := token("bob", nil)
	cookie := []string{"Cookie", "telltale=" + tok, "User-Agent", "his browser"}
	his := b.follow(t, "/api/events", cookie...)
	his.until("stream:heartbeat")
	other := b.follow(t, "/api/events", "Cookie", "telltale="+tok, "User-Agent", "another")
	other.until("stream:heartbeat")
	out := a.once(t, "POST", "/signout", "", append(cookie, "Content-Type", form)...)
	if out.status != 303 {
		t.Fatalf("got %d %s", out.status, out.body)
	}
	before, closing := his.ending() // ends for a sign-out, or by the test's patience
	if len(before) > 0 || field(t, closing.data, "reason") != "ended" || field(t, closing.data, "message") != "You signed out." {
		t.Errorf("got %v and %v", before, closing)
	}
	b.publishAs(t, "web-1")
	other.until("server:online")
}

// publishAs publishes at this instance as an admin.
func (i *instance) publishAs(t *testing.T, server string) {
	t.Helper()
	if a := i.do(t, "POST", "/api/servers/"+server+"/events", `{"type":"server:online"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token("alice", nil)); a.status != 202 {
		t.Fatal(a.body)
	}
}

// Who has no place here finds in his list the streams that keep it from him, wherever they are, and ends one from here; of others he finds none.
func TestSessionsOfAllInstances(t *testing.T) {
	a, b := openInstances(t)
	bob, eve, admin := "Bearer "+token("bob", jwt.MapClaims{"scope": "subscribe"}), "Bearer "+token("eve", jwt.MapClaims{"scope": "subscribe"}), "Bearer "+token("alice", nil)
	var open []*follower
	for n := range 2 {
		f := b.follow(t, "/api/events", "Authorization", bob, "User-Agent", fmt.Sprint("tab ", n))
		f.until("stream:heartbeat")
		open = append(open, f)
	}
	a.follow(t, "/api/events", "Authorization", bob).until("stream:limit")
	got := a.everywhere(t, "", bob)
	if len(got.Sessions) != 2 || got.Partial || got.Message != "" {
		t.Fatalf("got %+v, want both", got)
	}
	for n, s := range got.Sessions {
		if s.Instance != b.id || s.Agent != fmt.Sprint("tab ", n) {
			t.Errorf("got %+v, want it at %s", s, b.id)
		}
	}
	if got := a.everywhere(t, "?user=*", admin); len(got.Sessions) != 2 {
		t.Errorf("everybody's: got %+v", got)
	}
	if got := b.everywhere(t, "", bob); len(got.Sessions) != 2 || got.Sessions[0].Instance != b.id {
		t.Errorf("its own: got %+v", got)
	}
	if got := a.everywhere(t, "", eve); len(got.Sessions) != 0 {
		t.Errorf("eve's: got %+v", got)
	}
	path := "/api/sessions/" + got.Sessions[0].ID
	for _, row := range []struct {
		path, who string
		status    int
	}{{path, eve, 404}, {"/api/sessions/1y2p0ij32e8e7", bob, 404}, {path, bob, 204}, {"/api/sessions/" + got.Sessions[1].ID + "?user=*", admin, 204}} {
		if out := a.do(t, "DELETE", row.path, "", "Authorization", row.who); out.status != row.status {
			t.Errorf("%s: got %d %s, want %d", row.path, out.status, out.body, row.status)
		}
	}
	for _, f := range open {
		if _, closing := f.ending(); field(t, closing.data, "reason") != "ended" {
			t.Errorf("got %v", closing)
		}
	}
	eventually(t, func() bool { return len(a.everywhere(t, "", bob).Sessions) == 0 }, func() string { return "ended streams stay in the list" })
}

// What can't be asked for is said, and is no error. What could not be ended at once ends when the instance that has it is back.
func TestSessionsWhileAnInstanceIsCutOff(t *testing.T) {
	a, b := openInstances(t)
	bob := "Bearer " + token("bob", nil)
	f := b.follow(t, "/api/events", "Authorization", bob)
	f.until("stream:heartbeat")
	mine := a.follow(t, "/api/events", "Authorization", bob)
	mine.until("stream:heartbeat")
	id := ""
	for _, s := range a.everywhere(t, "", bob).Sessions {
		if s.Instance == b.id {
			id = s.ID
		}
	}
	if id == "" {
		t.Fatal("it is not listed")
	}
	b.off.Store(true)
	eventually(t, func() bool { return a.everywhere(t, "", bob).Partial }, func() string { return "the list does not say that it is not whole" })
	if got := a.everywhere(t, "", bob); len(got.Sessions) != 1 || got.Unlisted != 1 || !strings.Contains(got.Message, b.id) {
		t.Errorf("got %+v, want its own, and who does not answer", got)
	}
	if got := b.everywhere(t, "", bob); len(got.Sessions) != 1 || got.Sessions[0].ID != id || !got.Partial || got.Message == "" {
		t.Errorf("without Redis: got %+v, want its own, and that it is not all", got)
	}
	if out := b.do(t, "DELETE", "/api/sessions/1y2p0ij32e8e7", "", "Authorization", bob); out.status != 503 || out.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", out.status, out.body)
	}
	if out := a.do(t, "DELETE", "/api/sessions/"+id, "", "Authorization", bob); out.status != 202 {
		t.Errorf("got %d %s, want it ended later", out.status, out.body)
	}
	b.off.Store(false)
	if _, closing := f.ending(); field(t, closing.data, "reason") != "ended" {
		t.Errorf("got %v", closing)
	}
}

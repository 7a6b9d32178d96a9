package redis_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

var event1 = []event.Event{say("server:busy", "1")}

// replica starts a replica of the server, and returns when it follows.
func replica(t testing.TB, master *redistest.Server) *redistest.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(master.Addr())
	if err != nil {
		t.Fatal(err)
	}
	r := redistest.Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	for !strings.Contains(master.Do("INFO", "replication"), "state=online") {
		<-time.After(5 * time.Millisecond) // nobody tells when
	}
	return r
}

// With replicas asked for an event is acknowledged when they have it, and with too few of them it is not.
func TestReplicas(t *testing.T) {
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	r := replica(t, master)
	l := open(t, redis.Options{URL: master.URL(), Retention: keepAll, Replicas: 1, Timeout: time.Second})
	id := put(t, l, say("server:busy", "1"))
	if got := r.Do("XRANGE", "{telltale:main}:state", "-", "+"); got == "" || id.Seq != 1 {
		t.Errorf("the replica holds %q", got)
	}
	r.Pause()
	_, err := l.Append(t.Context(), []event.Event{keyed("server:busy", "2")})
	if !errors.Is(err, journal.ErrUnsettled) {
		t.Errorf("with a replica that stands still: got %v, want ErrUnsettled", err)
	}
	if away, _ := l.Away(); !away.IsZero() {
		t.Errorf("Redis is not away, only a replica: %v", away.Err)
	}
	r.Resume()
	receipt, ok := persist(t, l, keyed("server:busy", "2"))
	if !ok || receipt.ID.Seq != 2 {
		t.Errorf("got %v for an event that was sent again, want place 2", receipt)
	}
	if got := all(t, l, event.ID{}); len(got) != 2 {
		t.Errorf("got %q, want two events", lines(got))
	}
	// A replica takes nothing, and that is no loss of what is recorded.
	old := open(t, redis.Options{URL: r.URL(), Retention: keepAll, Timeout: 300 * time.Millisecond})
	if _, err := old.Append(t.Context(), event1); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("a replica: got %v, want ErrUnavailable", err)
	}
	if got := all(t, old, event.ID{}); len(got) != 2 {
		t.Errorf("the replica shows %q, want two events", lines(got))
	}
}

// Sentinels replace a master that died by a replica that has less. What it lacks is announced, and all go on there.
func TestFailover(t *testing.T) {
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	r := replica(t, master)
	host, port, _ := net.SplitHostPort(master.Addr())
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 1000\n", host, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := redistest.StartSentinel(t, conf)
	url := "redis-sentinel://" + sentinel.Addr() + "?master_name=main"
	a := open(t, redis.Options{URL: url, Retention: keepAll, Timeout: time.Second})
	b := open(t, redis.Options{URL: url, Retention: keepAll, Timeout: time.Second})
	kept := put(t, a, say("server:busy", "kept"))
	for len(r.Do("XRANGE", "{telltale:main}:state", "-", "+")) == 0 {
		<-time.After(5 * time.Millisecond)
	}
	for !strings.Contains(sentinel.Do("SENTINEL", "MASTER", "main"), "num-slaves\n1\n") {
		<-time.After(20 * time.Millisecond)
	}
	r.Pause()
	master.Do("CLIENT", "KILL", "TYPE", "replica") // so that the next one is not even on its way to it
	lost := put(t, a, say("server:busy", "lost"))
	seen := follow(t, a, kept)
	seen.until(t, lost)
	unseen := follow(t, b, event.ID{})
	master.Kill()
	r.Resume()
	receipt, ok := persist(t, b, say("server:busy", "new"))
	if !ok {
		return
	}
	seen.gone(t, journal.GoneAhead)
	if receipt.ID == lost || receipt.ID.Epoch != lost.Epoch {
		t.Errorf("the new event is at %s, the lost one was at %s; want another place of the same epoch", receipt.ID, lost)
	}
	_, err := b.Read(t.Context(), journal.Query{After: lost})
	checkGone(t, err, journal.GoneAhead)
	same(t, "what followed the one that was kept", all(t, a, kept), all(t, b, event.ID{})[1:])
	select {
	case err := <-unseen.ended: // it may have seen the lost one too
		checkGone(t, err, journal.GoneAhead)
	default:
	}
}

// All of a record's keys lie in one slot of a Cluster, and the scripts run there.
func TestCluster(t *testing.T) {
	server := redistest.Start(t, "--cluster-enabled", "yes")
	if got := server.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); got != "OK" {
		t.Fatal(got)
	}
	for !strings.Contains(server.Do("CLUSTER", "INFO"), "cluster_state:ok") {
		<-time.After(10 * time.Millisecond)
	}
	l := open(t, redis.Options{URL: server.URL() + "?cluster=true", Retention: keepAll, Timeout: 400 * time.Millisecond})
	tail := follow(t, l, event.ID{})
	var last event.ID
	for i := range 10 {
		last = put(t, l, keyed([]string{"server:busy", "metrics:cpu", "logs:app"}[i%3], fmt.Sprint(i)))
	}
	same(t, "tail", tail.until(t, last), all(t, l, event.ID{}))
	if err := l.Trim(t.Context()); err != nil {
		t.Error(err)
	}
	if err := l.PutNote(t.Context(), "n", []byte("v")); err != nil {
		t.Error(err)
	}
	w := watch(t, l)
	w.until(t, "n")
	server.Pause()
	whenAway(t, l, true)
	server.Resume()
	whenAway(t, l, false)
	same(t, "tail", tail.until(t, put(t, l, say("server:busy", "after"))), all(t, l, event.ID{}))
}

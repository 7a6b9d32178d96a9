package redis_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

func tlsURL(k redistest.TLS, user, ca, cert, key string) string {
	q := url.Values{}
	for name, file := range map[string]string{"ca": ca, "cert": cert, "key": key} {
		if file != "" {
			q.Set(name, file)
		}
	}
	return "rediss://" + user + k.Addr + "?" + q.Encode()
}

// allow makes the user that the README recommends: his are the record's keys, and of dangerous commands INFO alone.
func allow(t *testing.T, server *redistest.Server) {
	t.Helper()
	if got := server.Do("ACL", "SETUSER", "telltale", "on", ">secret", "~{telltale:*", "+@all", "-@admin", "-@dangerous", "+info"); got != "OK" {
		t.Fatal(got)
	}
}

// Over TLS, with certificates on both sides and as a user who may touch nothing but the record's keys and run no dangerous command but INFO, everything is as
// without.
func TestLogOverTLS(t *testing.T) {
	t.Parallel()
	server, k := redistest.StartTLS(t)
	allow(t, server)
	at := tlsURL(k, "telltale:secret@", k.CA, k.Cert, k.Key)
	journaltest.TestLog(t, storeAt(at, 0))
	l := open(t, redis.Options{URL: at})
	if err := l.PutNote(t.Context(), "n", []byte("v")); err != nil {
		t.Error(err)
	}
	watch(t, l).until(t, "n")
}

// Whose certificate is not good is not talked to, and that is told at once; so is a file that is none.
func TestTLSThatIsNotGood(t *testing.T) {
	_, k := redistest.StartTLS(t)
	_, other := redistest.StartTLS(t)
	none := filepath.Join(t.TempDir(), "secret.pem")
	if err := os.WriteFile(none, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, url, want string }{
		{"another authority", tlsURL(k, "", other.CA, k.Cert, k.Key), "certificate is not good"},
		{"the system's authorities", tlsURL(k, "", "", k.Cert, k.Key), "certificate is not good"},
		{"another name", strings.Replace(tlsURL(k, "", k.CA, k.Cert, k.Key), "127.0.0.1", "localhost", 1), "certificate is not good"},
		{"no such file", tlsURL(k, "", "/secret/ca.pem", "", ""), "no such file"},
		{"no certificate", tlsURL(k, "", none, "", ""), "no certificate"},
		{"no key pair", tlsURL(k, "", k.CA, none, none), "cert and key name"},
		{"half a pair", tlsURL(k, "", k.CA, k.Cert, ""), "come together"},
		{"without TLS", strings.Replace(tlsURL(k, "", k.CA, "", ""), "rediss:", "redis:", 1), "for rediss://"},
	} {
		began := time.Now()
		_, err := redis.Open(t.Context(), redis.Options{URL: row.url})
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q and nothing of the URL", row.name, err, row.want)
		}
		if errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("%s: it was tried for %v", row.name, time.Since(began))
		}
	}
}

// In a Cluster of three masters everything is as in one server, for the same user. Records of several names lie on all of them.
func TestLogInACluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	for _, n := range nodes {
		allow(t, n)
	}
	at := "redis://telltale:secret@" + nodes[0].Addr() + "?cluster=true"
	journaltest.TestLog(t, storeAt(at, 0))
	for i, n := range nodes {
		if n.Do("DBSIZE") == "0" {
			t.Errorf("node %d has none of the records", i)
		}
	}
}

// While events are published and followed, the record's slot is moved to another master, and back. Nothing is lost, repeated or out of order, and nobody has to
// begin anew.
func TestSlotMoves(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	at := nodes[0].URL() + "?cluster=true"
	prefix := redis.Prefix(redis.DefaultName)
	from := -1
	a := open(t, redis.Options{URL: at, Retention: keepAll})
	b := open(t, redis.Options{URL: at, Retention: keepAll})
	id := put(t, a, keyed("server:busy", "first"))
	for i, n := range nodes {
		if n.Do("DBSIZE") != "0" {
			from = i
		}
	}
	if from < 0 {
		t.Fatal("no node has the record")
	}
	tails := []*follower{follow(t, a, id), follow(t, b, id)}
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { stopped <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for l := a; ; l = b { // by its id it is recorded once, however often it is said
				if _, err := l.Append(t.Context(), []event.Event{keyed("server:busy", fmt.Sprint(n))}); err == nil {
					break
				} else if !errors.Is(err, journal.ErrUnavailable) && !errors.Is(err, journal.ErrUnsettled) {
					t.Error(err)
					return
				}
			}
		}
	}()
	to := (from + 1) % 3
	redistest.MoveSlot(t, prefix+"meta", nodes[from], nodes[to])
	if nodes[from].Do("DBSIZE") != "0" {
		t.Error("the slot was not moved whole")
	}
	redistest.MoveSlot(t, prefix+"meta", nodes[to], nodes[from])
	close(stop)
	n := <-stopped
	last := put(t, b, keyed("server:busy", "last"))
	want := all(t, a, id)
	if len(want) != n+1 {
		t.Errorf("%d events are recorded, want %d", len(want), n+1)
	}
	for i, e := range want[:min(n, len(want))] {
		if string(e.Data) != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, e.Data)
		}
	}
	for _, f := range tails {
		same(t, "a tail", f.until(t, last), want)
	}
	t.Logf("%d events over two moves", n)
}

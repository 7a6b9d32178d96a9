package redis_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A Redis that is there and lets nobody read is one that can't be reached: whoever asks is told to come again, streams are told, the
// log says why, once, and when it lets us everything goes on.
func TestRefusedReads(t *testing.T) {
	for _, row := range []struct {
		name, want  string
		refuse, let func(*redistest.Server, func(string) string)
		records     bool // it can be published meanwhile
	}{
		{name: "a command is taken from its user", want: "NOPERM", records: true,
			refuse: func(s *redistest.Server, _ func(string) string) { s.Do("ACL", "SETUSER", "telltale", "-exists") },
			let:    func(s *redistest.Server, _ func(string) string) { s.Do("ACL", "SETUSER", "telltale", "+exists") }},
		{name: "its password is changed", want: "WRONGPASS",
			refuse: func(s *redistest.Server, _ func(string) string) {
				s.Do("ACL", "SETUSER", "telltale", "resetpass", ">another")
				s.Do("CLIENT", "KILL", "USER", "telltale")
			},
			let: func(s *redistest.Server, _ func(string) string) { s.Do("ACL", "SETUSER", "telltale", ">secret") }},
		{name: "a key is somebody else's", want: "WRONGTYPE", records: true,
			refuse: func(s *redistest.Server, key func(string) string) { s.Do("SET", key("line"), "x") },
			let:    func(s *redistest.Server, key func(string) string) { s.Do("DEL", key("line")) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t)
			allow(t, server)
			name := names.next()
			key := func(of string) string { return redis.Prefix(name) + of }
			var said buffer
			l := open(t, redis.Options{URL: "redis://telltale:secret@" + server.Addr(), Name: name, Retention: keepAll, Timeout: 300 * time.Millisecond,
				Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))})
			tail := follow(t, l, event.ID{})
			before := put(t, l, say("server:busy", "before"))
			tail.until(t, before)

			row.refuse(server, key)
			receipts, err := l.Append(t.Context(), []event.Event{say("server:busy", "meanwhile")}) // whatever happens wakes who waits in XREAD
			if row.records != (err == nil) || !row.records && !errors.Is(err, journal.ErrUnavailable) && !errors.Is(err, journal.ErrUnsettled) {
				t.Errorf("Append: got %v, %v", receipts, err)
			}
			away := whenAway(t, l, true)
			for i := range 5 {
				if _, err := l.Read(t.Context(), journal.Query{}); !errors.Is(err, journal.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
					t.Errorf("Read: got %v, want an ErrUnavailable with %s", err, row.want)
				}
				if row.records { // that something is recorded is no news for who can't read
					put(t, l, say("server:busy", fmt.Sprint("meanwhile ", i)))
				}
			}
			now, _ := l.Away()
			for now.Err != nil && !strings.Contains(now.Err.Error(), row.want) { // that a connection broke may have been said first
				_, _ = l.Read(t.Context(), journal.Query{})
				now, _ = l.Away()
			}
			if now.Since != away.Since {
				t.Errorf("got away %+v, want since %v for %s", now, away.Since, row.want)
			}
			late := follow(t, l, event.ID{}) // one that has to ask Redis waits like the others
			if text := said.String(); strings.Count(text, row.want) != 1 {
				t.Errorf("it said\n%s\nwant %s once", text, row.want)
			}

			row.let(server, key)
			whenAway(t, l, false)
			after := put(t, l, say("server:busy", "after"))
			recorded := all(t, l, event.ID{})
			same(t, "tail", tail.until(t, after), recorded)
			same(t, "late tail", late.until(t, after), recorded)
		})
	}
}

// A key of the notes or the shelf that is somebody else's is no fault of who asks.
func TestRefusedNotes(t *testing.T) {
	server := redistest.Start(t)
	name := names.next()
	var said buffer
	l := open(t, redis.Options{URL: server.URL(), Name: name, Timeout: 300 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))})
	server.Do("SET", redis.Prefix(name)+"notes", "x")
	server.Do("SET", redis.Prefix(name)+"shelf:d", "x")
	if err := l.PutNote(t.Context(), "n", []byte("v")); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("PutNote: got %v, want ErrUnavailable", err)
	}
	if _, err := l.Drawer(t.Context(), "d"); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("Drawer: got %v, want ErrUnavailable", err)
	}
	w := watch(t, l)
	server.Do("DEL", redis.Prefix(name)+"notes")
	if err := l.PutNote(t.Context(), "n", []byte("v")); err != nil {
		t.Error(err)
	}
	w.until(t, "n")
	if away, _ := l.Away(); !away.IsZero() {
		t.Errorf("the record is away: %v", away.Err)
	}
}

// A Redis that became a replica can be read, and what it has may be old: it is away until it is a master again, without a break.
func TestBecomesReplica(t *testing.T) {
	server := redistest.Start(t)
	var said buffer
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: 300 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	tail := follow(t, l, event.ID{})
	put(t, l, say("server:busy", "before"))
	server.Do("REPLICAOF", "127.0.0.1", "1") // nobody is there
	away := whenAway(t, l, true)             // although nobody publishes
	looks := func() int {
		_, calls, _ := strings.Cut(server.Do("INFO", "commandstats"), "cmdstat_hmget:calls=")
		calls, _, _ = strings.Cut(calls, ",")
		n, _ := strconv.Atoi(calls)
		return n
	}
	for from := looks(); looks() < from+10; {
		if _, err := l.Append(t.Context(), []event.Event{say("server:busy", "meanwhile")}); !errors.Is(err, journal.ErrUnavailable) {
			t.Fatalf("Append: got %v, want ErrUnavailable", err)
		}
	}
	if now, _ := l.Away(); now.Since != away.Since {
		t.Errorf("it was back in between:\n%s", said.String())
	}
	server.Do("REPLICAOF", "NO", "ONE")
	whenAway(t, l, false)
	after := put(t, l, say("server:busy", "after"))
	same(t, "tail", tail.until(t, after), all(t, l, event.ID{}))
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
		t.Errorf("it said\n%s\nwant one error", said.String())
	}
}

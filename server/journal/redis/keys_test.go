package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// mixed is a batch for which a script needs all that there is.
func mixed(text string) []event.Event {
	return []event.Event{say("server:busy", text), keyed("metrics:cpu", text), say("logs:app", text), say("server:busy", text+"!")}
}

// Whichever key holds what is not ours, a batch is recorded as a whole or not at all, and when the key is right again all goes on, with
// nothing of what was refused.
func TestKeysOfOthers(t *testing.T) {
	server := redistest.Start(t)
	for _, which := range []string{"meta", "state", "sample", "line", "kept", "latest", "seen", "seenlog", "writers", "breaks", "strays"} {
		t.Run(which, func(t *testing.T) {
			name := names.next()
			key := redis.Prefix(name) + which
			l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: keepAll, Timeout: 200 * time.Millisecond})
			if _, err := l.Append(t.Context(), mixed("before")); err != nil {
				t.Fatal(err)
			}
			before := all(t, l, event.ID{})
			server.Do("EVAL", `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end return redis.call('SET', KEYS[1], 'x')`,
				"2", key, key+"-kept") // at once, or who follows the record would begin a new one in between
			for range 2 {
				_, err := l.Append(t.Context(), mixed("refused"))
				if !errors.Is(err, journal.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGTYPE") {
					t.Errorf("Append: got %v, want an ErrUnavailable with WRONGTYPE", err)
				}
			}
			if err := l.Trim(t.Context()); !errors.Is(err, journal.ErrUnavailable) {
				t.Errorf("Trim: got %v, want an ErrUnavailable", err)
			}
			server.Do("EVAL", `redis.call('DEL', KEYS[1]) return redis.call('EXISTS', KEYS[2]) == 1 and redis.call('RENAME', KEYS[2], KEYS[1])`,
				"2", key, key+"-kept")
			receipts, err := l.Append(t.Context(), mixed("after"))
			if err != nil {
				t.Fatal(err)
			}
			got := all(t, l, event.ID{})
			if len(got) != len(before)+4 {
				t.Fatalf("got %q, want what was before and after", lines(got))
			}
			same(t, "what was before", got[:len(before)], before)
			for i, e := range got[len(before):] {
				if e.ID != receipts[i].ID || e.ID.Seq != before[len(before)-1].ID.Seq+uint64(i)+1 || !strings.HasPrefix(string(e.Data), "after") {
					t.Errorf("got %s %s, acknowledged as %s", e.ID, e.Data, receipts[i].ID)
				}
			}
		})
	}
}

// A record that lost its newest place takes nothing and keeps what it has, until it has it again.
func TestNoNewestPlace(t *testing.T) {
	server := redistest.Start(t)
	name := names.next()
	meta := redis.Prefix(name) + "meta"
	l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: keepAll, Timeout: 200 * time.Millisecond})
	if _, err := l.Append(t.Context(), mixed("before")); err != nil {
		t.Fatal(err)
	}
	before := all(t, l, event.ID{})
	server.Do("HSET", meta, "seq", "x")
	for range 2 {
		if _, err := l.Append(t.Context(), mixed("refused")); !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		server.Do("HDEL", meta, "seq")
	}
	server.Do("HSET", meta, "seq", "4")
	same(t, "what was before", all(t, l, event.ID{}), before)
	if id := put(t, l, say("server:busy", "after")); id.Seq != 5 {
		t.Errorf("got place %s, want the fifth", id)
	}
}

// What somebody else puts into a stream of the record, or half a batch that was left there, holds up nobody and is never seen.
func TestEntriesOfOthers(t *testing.T) {
	server := redistest.Start(t)
	name := names.next()
	l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: keepAll, Timeout: 200 * time.Millisecond})
	tail := follow(t, l, event.ID{})
	for i, which := range []string{"state", "sample", "line"} {
		if _, err := l.Append(t.Context(), mixed(fmt.Sprint("before ", i))); err != nil {
			t.Fatal(err)
		}
		for range 150 {
			server.Do("XADD", redis.Prefix(name)+which, "*", "e", "x")
		}
	}
	receipts, err := l.Append(t.Context(), mixed("after"))
	if err != nil {
		t.Fatal(err)
	}
	got := all(t, l, event.ID{})
	if len(got) != 16 || got[15].ID != receipts[3].ID || got[15].ID.Seq != 16 {
		t.Fatalf("got %q, want four batches at the first sixteen places", lines(got))
	}
	same(t, "tail", tail.until(t, receipts[3].ID), got)
}

// What a Redis that is told to throws away is missed by nobody in silence: who asks for it is told as where retention took it.
func TestThrownAway(t *testing.T) {
	server := redistest.Start(t)
	for class, which := range map[event.Class]string{event.State: "state", event.Sample: "sample", event.Line: "line"} {
		t.Run(which, func(t *testing.T) {
			name := names.next()
			l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: keepAll})
			first := put(t, l, say("server:idle", "first"))
			receipts, err := l.Append(t.Context(), mixed("before"))
			if err != nil {
				t.Fatal(err)
			}
			end := receipts[3].ID
			if n := server.Do("DEL", redis.Prefix(name)+which); n != "1" {
				t.Fatalf("DEL: %s", n)
			}
			told := func(when string) {
				t.Helper()
				_, err := l.Read(t.Context(), journal.Query{After: first})
				gone, ok := errors.AsType[*journal.GoneError](err)
				if !ok || gone.Reason != journal.GoneTrimmed || gone.Trimmed.From != first || gone.Trimmed.To != end || len(gone.Trimmed.Classes) != 1 || gone.Trimmed.Classes[0] != class {
					t.Errorf("%s: got %v, want that %s is missing from %s to %s", when, err, which, first, end)
				}
			}
			told("at once")
			receipts, err = l.Append(t.Context(), mixed("after"))
			if err != nil {
				t.Fatal(err)
			}
			told("later")
			if page, err := l.Read(t.Context(), journal.Query{After: end}); err != nil || len(page.Events) != 4 || page.Events[3].ID != receipts[3].ID {
				t.Errorf("after it: got %q, %v, want the four that came since", lines(page.Events), err)
			}
		})
	}
}

// The same of states that are kept for being the latest.
func TestKeptThrownAway(t *testing.T) {
	server := redistest.Start(t)
	name := names.next()
	l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: journal.Retention{State: journal.Limit{Bytes: 1}}})
	first := put(t, l, say("server:idle", "first"))
	kept := put(t, l, say("server:online", "kept"))
	if err := l.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := server.Do("DEL", redis.Prefix(name)+"kept"); n != "1" {
		t.Fatalf("DEL: %s", n)
	}
	for range 2 {
		_, err := l.Read(t.Context(), journal.Query{After: first})
		gone, ok := errors.AsType[*journal.GoneError](err)
		if !ok || gone.Trimmed.From != first || gone.Trimmed.To != kept {
			t.Errorf("got %v, want that states are missing from %s to %s", err, first, kept)
		}
		put(t, l, say("server:busy", "after"))
	}
}

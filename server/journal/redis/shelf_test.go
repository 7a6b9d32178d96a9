package redis_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

func oneBlock(value string) []journal.Block {
	return []journal.Block{{BlockKey: journal.BlockKey{Drawer: "d", Name: "n"}, Value: []byte(value)}}
}

func blockOf(t testing.TB, l *redis.Log) string {
	t.Helper()
	got, err := l.GetBlocks(t.Context(), []journal.BlockKey{{Drawer: "d", Name: "n"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(got[0])
}

// Redis is put back to an older file: what was made of events that are lost is refused from whoever saw them, before and after there are
// new ones, and what is made of those that are left and of new ones is taken.
func TestShelfPutBack(t *testing.T) {
	server := redistest.Start(t, durable...)
	a := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
	kept, second := put(t, a, say("metrics:cpu", "kept")), put(t, a, say("metrics:cpu", "kept too"))
	if err := a.PutBlocks(t.Context(), kept, true, oneBlock("kept")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	copyDir(t, backup, server.Dir())
	server.Start()
	r, ok := persist(t, a, keyed("metrics:cpu", "lost"))
	if !ok {
		return
	}
	if err := a.PutBlocks(t.Context(), r.ID, true, oneBlock("lost")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	copyDir(t, server.Dir(), backup)
	server.Start()
	check := func(when, want string, made event.ID) {
		t.Helper()
		mark, err := a.Mark(t.Context())
		if got := blockOf(t, a); err != nil || got != want || mark != made {
			t.Errorf("%s: the shelf has %q made up to %s, %v, want %q and %s", when, got, mark, err, want, made)
		}
	}
	check("put back", "kept", kept)
	refused := func(when string) {
		t.Helper()
		for _, last := range []bool{false, true} {
			if err := a.PutBlocks(t.Context(), r.ID, last, oneBlock("lost")); !errors.Is(err, journal.ErrBehind) {
				t.Errorf("%s: what was made of what is lost: got %v, want ErrBehind", when, err)
			}
		}
		check(when, "kept", kept)
	}
	refused("before anything new")
	place, ok := persist(t, a, keyed("metrics:cpu", "new"))
	if !ok {
		return
	}
	refused("after something new")
	if err := a.PutBlocks(t.Context(), second, true, oneBlock("kept too")); err != nil {
		t.Errorf("what was made of what is left: %v", err)
	}
	check("of what is left", "kept too", second)
	if err := a.PutBlocks(t.Context(), place.ID, true, oneBlock("new")); err != nil {
		t.Errorf("what was made of what is new: %v", err)
	}
	check("of what is new", "new", place.ID)
}

// The answer to PutBlocks is lost: it says that the shelf is ahead, and the mark says of what.
func TestShelfAnswerLost(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	l := open(t, redis.Options{URL: proxy.URL(), Retention: keepAll})
	made := put(t, l, say("metrics:cpu", "1"))
	if err := l.PutBlocks(t.Context(), made, false, oneBlock("0")); err != nil { // so that Redis knows the script
		t.Fatal(err)
	}
	lost := proxy.LoseAnswer("oneofakind")
	err := l.PutBlocks(t.Context(), made, true, oneBlock("oneofakind"))
	<-lost
	if !errors.Is(err, journal.ErrBehind) {
		t.Errorf("got %v, want ErrBehind", err)
	}
	if mark, err := l.Mark(t.Context()); err != nil || mark != made || blockOf(t, l) != "oneofakind" {
		t.Errorf("the mark is at %s, %v, with %q; want %s and all that was put", mark, err, blockOf(t, l), made)
	}
}

// While Redis is away the shelf says so, and it is there again with it.
func TestShelfAway(t *testing.T) {
	server := redistest.Start(t, durable...)
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: 300_000_000})
	made := put(t, l, say("metrics:cpu", "1"))
	if err := l.PutBlocks(t.Context(), made, true, oneBlock("1")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	_, err1 := l.Mark(t.Context())
	_, err2 := l.GetBlocks(t.Context(), []journal.BlockKey{{Drawer: "d", Name: "n"}})
	_, err3 := l.Drawer(t.Context(), "d")
	for what, err := range map[string]error{"Mark": err1, "GetBlocks": err2, "Drawer": err3,
		"PutBlocks": l.PutBlocks(t.Context(), made, true, oneBlock("2")), "DropDrawers": l.DropDrawers(t.Context(), "d", "e")} {
		if !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", what, err)
		}
	}
	server.Start()
	whenAway(t, l, false)
	if got := blockOf(t, l); got != "1" {
		t.Errorf("got %q, want what was there", got)
	}
}

package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

func TestCheckURL(t *testing.T) {
	for _, url := range []string{
		"redis://localhost", "redis://localhost:6379", "redis://localhost/3", "redis://:secret@[::1]:6380/0", "rediss://user:secret@redis.example:6380",
		"redis://one:26379/2?master_name=main&addr=two:26379&addr=three:26379&sentinel_password=secret",
		"redis-sentinel://one?master_name=main", "rediss-sentinel://one?master_name=main",
		"redis://one:7000?cluster=true&addr=two:7000", "rediss://:secret@one:7000?cluster=true",
	} {
		if err := redis.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "secret", "http://secret@localhost", "redis:secret", "redis://:secret@", "redis://:sec/ret@localhost", "redis://:sec#ret@localhost:1", "redis://:secret@localhost:port",
		"redis://:secret@localhost:0", "redis://:secret@localhost/secret", "redis://localhost/-1", "redis://localhost?password=secret", "redis://localhost?cluster=secret",
		"redis://:secret@one?addr=two", "redis-sentinel://one?sentinel_password=secret", "redis://one/1?cluster=true", "redis://one?cluster=true&master_name=secret",
		"redis://:%zzsecret@localhost", "redis://one?cluster=true&addr=secret:x", "redis://:sec ret@localhost",
	} {
		err := redis.CheckURL(url)
		if !errors.Is(err, redis.ErrURL) {
			t.Errorf("%s: got %v, want ErrURL", url, err)
			continue
		}
		if strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: the error tells of it: %v", url, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]bool{"main": true, "a.B-1_": true, "": false, "{a}": false, "a:b": false, "a b": false, strings.Repeat("x", 65): false} {
		if err := redis.CheckName(name); (err == nil) != want {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// Two records in one Redis, and in two of its databases, have nothing to do with one another.
func TestRecordsApart(t *testing.T) {
	server := redistest.Start(t)
	a := open(t, redis.Options{URL: server.URL(), Name: "a"})
	b := open(t, redis.Options{URL: server.URL(), Name: "b"})
	c := open(t, redis.Options{URL: server.URL() + "/5", Name: "a"})
	for text, l := range map[string]*redis.Log{"a": a, "b": b, "c": c} {
		put(t, l, say("server:busy", text))
	}
	for text, l := range map[string]*redis.Log{"a": a, "b": b, "c": c} {
		if got := all(t, l, journal.Bounds{}.Head); len(got) != 1 || string(got[0].Data) != text {
			t.Errorf("%s holds %q", text, lines(got))
		}
	}
}

// A password opens what it is for, and is told to nobody.
func TestPassword(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "open sesame")
	url := func(password string) string { return "redis://:" + password + "@" + server.Addr() }
	l := open(t, redis.Options{URL: url("open%20sesame")})
	put(t, l, say("server:busy", "1"))
	if strings.Contains(l.Where(), "sesame") {
		t.Errorf("Where says %q", l.Where())
	}
	for _, u := range []string{url("wrong%20sesame"), "redis://" + server.Addr()} {
		_, err := redis.Open(t.Context(), redis.Options{URL: u})
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), server.Addr()) || errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("got %v, want at once an error that names the address and not the password", err)
		}
		if u == "redis://"+server.Addr() && !strings.Contains(err.Error(), "it wants a password") {
			t.Errorf("got %v, want it to say that a password is missing", err)
		}
	}
	server.Kill()
	_, err := l.Append(t.Context(), event1)
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

// Open waits for a Redis that is started at the same time.
func TestOpenWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	type result struct {
		l   *redis.Log
		err error
	}
	opened := make(chan result, 1)
	go func() {
		l, err := redis.Open(t.Context(), redis.Options{URL: server.URL()})
		opened <- result{l, err}
	}()
	select {
	case r := <-opened:
		t.Fatalf("opened, or not (%v), without a Redis", r.err)
	case <-time.After(100 * time.Millisecond):
	}
	server.Start()
	r := <-opened
	if r.err != nil {
		t.Fatal(r.err)
	}
	put(t, r.l, say("server:busy", "1"))
	if err := r.l.Close(); err != nil {
		t.Fatal(err)
	}

	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := redis.Open(ctx, redis.Options{URL: server.URL()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
}

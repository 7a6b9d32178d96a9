package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

func TestMembersKnowEachOther(t *testing.T) {
	server := redistest.Start(t)
	one := func(address string, report Report) *Members {
		return NewMembers(Options{Redis: client(t, server), Prefix: prefix, Version: "1.2", Address: address, Report: func(context.Context) Report { return report }})
	}
	a := one("a", Report{Streams: 3, Events: 1000, Lag: 7})
	b := one("b", Report{Streams: 5})
	ctx := t.Context()
	a.beat(ctx, false)
	b.beat(ctx, false)
	list, _ := b.List()
	if len(list) != 2 || list[0].Address != "b" || !list[0].Self || list[1].Address != "a" || list[1].Self {
		t.Fatalf("got %+v, want both, itself first", list)
	}
	if got := list[1]; got.ID != a.ID() || got.Version != "1.2" || got.Streams != 3 || got.Lag != 7 || got.Events <= 0 || got.State != Up || got.Since.IsZero() {
		t.Errorf("got %+v", got)
	}
	a.beat(ctx, true)
	b.beat(ctx, false)
	if list, _ = b.List(); list[1].State != Ended || list[1].Streams != 0 {
		t.Errorf("got %+v, want it ended", list[1])
	}
	// One that says nothing is gone, with since when, and is forgotten in the end.
	c := one("c", Report{Streams: 9})
	c.beat(ctx, false)
	age(t, client(t, server), c.ID(), goneAfter+time.Second)
	b.beat(ctx, false)
	list, _ = b.List()
	if len(list) != 3 || list[2].State != Gone && list[1].State != Gone {
		t.Fatalf("got %+v, want one that is gone", list)
	}
	for _, i := range list {
		if i.State == Gone && (time.Since(i.Seen) < goneAfter || time.Since(i.Seen) > time.Minute) {
			t.Errorf("gone since %v", i.Seen)
		}
	}
	age(t, client(t, server), c.ID(), shownFor)
	b.beat(ctx, false)
	if list, _ = b.List(); len(list) != 2 {
		t.Errorf("got %+v, want it forgotten", list)
	}
	if n := server.Do("HLEN", prefix+"instances"); n != "2" {
		t.Errorf("%s are kept", n)
	}
}

// One that was last heard of when the clock of Redis was ahead is found to be gone like any other.
func TestGoneWhenTheClockWasAhead(t *testing.T) {
	server := redistest.Start(t)
	one := func() *Members {
		return NewMembers(Options{Redis: client(t, server), Prefix: prefix, Report: func(context.Context) Report { return Report{} }})
	}
	a, b := one(), one()
	a.beat(t.Context(), false)
	age(t, client(t, server), a.ID(), -time.Hour)
	b.beat(t.Context(), false)
	if list, _ := b.List(); len(list) != 2 || list[1].State != Up || time.Until(list[1].Seen) > time.Second {
		t.Fatalf("got %+v, want both, and nobody seen in time to come", list)
	}
	age(t, client(t, server), a.ID(), goneAfter+time.Second)
	b.beat(t.Context(), false)
	if list, _ := b.List(); len(list) != 2 || list[1].State != Gone {
		t.Errorf("got %+v, want one that is gone", list)
	}
}

// age has an instance be heard of longer ago.
func age(t *testing.T, c goredis.UniversalClient, id string, by time.Duration) {
	t.Helper()
	script := `local v = redis.call('HGET', KEYS[1], ARGV[1])
local at, said = string.match(v, '^(%d+) (.*)$')
return redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', at - ARGV[2]) .. said)`
	if err := c.Eval(t.Context(), script, []string{prefix + "instances"}, id, by.Milliseconds()).Err(); err != nil {
		t.Fatal(err)
	}
}

// While Redis is away the list stays what it was, but for what this instance does itself.
func TestMembersWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	var streams atomic.Int64
	m := NewMembers(Options{Redis: client(t, server), Prefix: prefix, Report: func(context.Context) Report { return Report{Streams: int(streams.Load())} }})
	m.beat(t.Context(), false)
	_, was := m.List()
	server.Kill()
	streams.Store(4)
	m.beat(t.Context(), false)
	list, at := m.List()
	if len(list) != 1 || list[0].Streams != 4 || !at.Equal(was) {
		t.Errorf("got %+v of %v, want what it does itself, and the list's age", list, at)
	}
}

func TestOneAlone(t *testing.T) {
	m := NewMembers(Options{Version: "1", Report: func(context.Context) Report { return Report{Streams: 2} }})
	if list, _ := m.List(); len(list) != 1 || !list[0].Self || m.Shared() {
		t.Errorf("got %+v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) })
	until(t, "its first report", func() bool { list, _ := m.List(); return list[0].Streams == 2 })
	cancel()
	running.Wait()
}

func TestSurplus(t *testing.T) {
	for _, row := range []struct {
		mine   int
		others []int
		want   int
	}{
		{1000, nil, 0},
		{1000, []int{1000, 1000}, 0},
		{1500, []int{1500, 0}, 500},
		{100, []int{0, 0}, 66},
		{60, []int{0, 0}, 0},           // little more than the mean, in streams
		{1100, []int{1000, 1000}, 0},   // in part
		{1300, []int{1000, 1000}, 0},   // 1.18 times the mean
		{1400, []int{1000, 1000}, 266}, // 1.23 times
		{0, []int{3000}, 0},
	} {
		if got := surplus(row.mine, row.others); got != row.want {
			t.Errorf("%d beside %v: got %d, want %d", row.mine, row.others, got, row.want)
		}
	}
}

// The surplus goes a little at a time, and then there is peace, whatever comes of it.
func TestBalance(t *testing.T) {
	var b balancer
	now := time.Unix(0, 0)
	mine, others := 1500, []int{1500, 0}
	seconds, gone := 0, 0
	for range 60 {
		n := b.step(now, mine, others, true)
		if n > mine/50+1 {
			t.Fatalf("%d of %d in one second", n, mine)
		}
		if n > 0 {
			seconds++
		}
		gone += n
		mine -= n
		others[1] += n
		now = now.Add(time.Second)
	}
	if gone != 500 || seconds < 17 {
		t.Errorf("let %d go in %d seconds, want 500 over some twenty", gone, seconds)
	}
	for range int(calm/time.Second) - 60 {
		if n := b.step(now, 5000, []int{0, 0}, true); n > 0 {
			t.Fatalf("let %d go within the calm", n)
		}
		now = now.Add(time.Second)
	}
	now = now.Add(time.Minute)
	if n, _ := lasting(t, &b, now, 5000, []int{0, 0}); n == 0 {
		t.Error("the calm never ends")
	}
	if b.step(now, 5000, []int{0, 0}, false) != 0 {
		t.Error("let some go without knowing what others have")
	}
}

// lasting returns what is let go when a surplus has lasted, and when that is. Until then nothing is.
func lasting(t *testing.T, b *balancer, now time.Time, mine int, others []int) (int, time.Time) {
	t.Helper()
	for range int(steady / time.Second) {
		if n := b.step(now, mine, others, true); n > 0 {
			t.Errorf("let %d go for a surplus of a moment", n)
		}
		now = now.Add(time.Second)
	}
	return b.step(now, mine, others, true), now
}

// Streams come to all at once, and what the others have is told later: that moves nobody.
func TestBalanceOverlooksAMoment(t *testing.T) {
	var b balancer
	now := time.Unix(0, 0)
	for i := range 60 {
		others := []int{1000, 1000}
		if i%5 < 4 {
			others = []int{300, 200}
		}
		if n := b.step(now, 1000, others, true); n > 0 {
			t.Fatalf("let %d go", n)
		}
		now = now.Add(time.Second)
	}
}

// Whoever goes while the surplus is let go takes nobody's streams along, and who has fewer than it seemed gets no more.
func TestBalanceHeedsTheOthers(t *testing.T) {
	now := time.Unix(0, 0)
	var b balancer
	n, now := lasting(t, &b, now, 300, []int{0, 0})
	if n == 0 {
		t.Fatal("nothing was let go")
	}
	if n := b.step(now, 294, nil, true); n != 0 {
		t.Errorf("let %d go with nobody to take them", n)
	}
	if n, now = lasting(t, &b, now, 294, []int{0, 0}); n == 0 {
		t.Error("that was no reason to stop for long")
	}
	if n := b.step(now, 294, []int{290, 300}, true); n != 0 {
		t.Errorf("let %d go to those who have as many", n)
	}
}

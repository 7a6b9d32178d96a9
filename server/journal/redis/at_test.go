package redis_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A Redis that was put back leaves out a stretch of places, of which none is told; one that was emptied never recorded anything.
func TestAtOfWhatWasLost(t *testing.T) {
	server := redistest.Start(t, durable...)
	var clock atomic.Int64
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return begin.Add(time.Duration(clock.Load())) }
	l := open(t, redis.Options{URL: server.URL(), Retention: keepAll, Now: now})
	at := func(after time.Duration) event.ID {
		t.Helper()
		place, err := l.At(t.Context(), begin.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return place
	}
	record := func(after time.Duration, text string) event.ID {
		t.Helper()
		clock.Store(int64(after))
		r, ok := persist(t, l, keyed("server:busy", text))
		if !ok {
			t.FailNow()
		}
		return r.ID
	}
	first := record(0, "kept")
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	copyDir(t, backup, server.Dir())
	server.Start()
	record(time.Minute, "lost")
	server.Kill()
	copyDir(t, server.Dir(), backup)
	server.Start()
	second := record(2*time.Minute, "new")
	third := record(3*time.Minute, "newer")
	if second.Seq-first.Seq < 1000 {
		t.Fatalf("%s follows %s: no places were left out", second, first)
	}
	for _, row := range []struct {
		after time.Duration
		want  event.ID
	}{
		{0, event.ID{Epoch: first.Epoch}}, {time.Millisecond, first}, {time.Minute, first}, {90 * time.Second, first},
		{2 * time.Minute, first}, {2*time.Minute + time.Millisecond, second}, {3 * time.Minute, second}, {time.Hour, third},
	} {
		if got := at(row.after); got != row.want {
			t.Errorf("after %s: got %+v, want %+v", row.after, got, row.want)
		}
	}
	server.Do("FLUSHALL")
	if got := at(time.Hour); got != (event.ID{}) {
		t.Errorf("got %s of a Redis that was emptied, want nothing", got)
	}
}

package history

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// shared is two instances of one record in Redis.
type shared struct {
	*bench
	logs  [2]*redis.Log
	parts [2]*Recorder
}

// until waits until an instance counts so many samples of web-1's metrics:cpu in the last hour.
func (s *shared) until(i int, samples uint32) {
	s.Helper()
	s.counts(s.parts[i], samples)
}

func (s *shared) counts(r *Recorder, samples uint32) {
	s.Helper()
	now := time.Now().UnixMilli()
	var got uint32
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		a, err := r.Query(s.Context(), Query{"web-1", "metrics:cpu", now - 3600_000, now + 60_000, 1000})
		got = 0
		if err == nil {
			for _, n := range a.Count {
				got += n
			}
		} else if !errors.Is(err, ErrUnknown) && !errors.Is(err, journal.ErrUnavailable) {
			s.Fatal(err)
		}
		if got == samples {
			return
		}
	}
	s.Fatalf("it counts %d samples, want %d", got, samples)
}

// persist publishes a sample until it is recorded, as a client would that has given it an id.
func (s *shared) persist(i int, key string) {
	s.Helper()
	e := cpu("web-1", time.Now().UTC(), 1)
	e.Key = key
	for {
		_, err := s.logs[i].Append(s.Context(), []event.Event{e})
		if err == nil {
			return
		}
		if !errors.Is(err, journal.ErrUnavailable) && !errors.Is(err, journal.ErrUnsettled) {
			s.Fatal(err)
		}
	}
}

// Two instances make the history of one Redis, write it in turns, and answer alike. Redis is put back to an older file in between: what it has
// lost is lost in history too, what was kept is there once, and what comes after is added.
func TestHistoryInRedis(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	s := &shared{bench: &bench{TB: t}}
	for i := range s.logs {
		log, err := redis.Open(t.Context(), redis.Options{URL: server.URL(), Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s.logs[i], s.parts[i] = log, New(log, Options{})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.parts[i].Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v", err)
			}
			log.Close()
		})
		<-s.parts[i].Ready()
	}
	write := func(i int) {
		t.Helper()
		r := s.parts[i]
		r.working.Lock()
		defer r.working.Unlock()
		s.ok(r.write(t.Context()))
	}
	for i, key := range []string{"a", "b", "c", "d", "e", "f"} {
		s.persist(i%2, key)
		if i%2 == 0 {
			s.until(i/2%2, uint32(i+1))
			write(i / 2 % 2)
		}
	}
	s.until(0, 6)
	s.until(1, 6)
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	s.ok(os.CopyFS(backup, os.DirFS(server.Dir())))
	server.Start()
	s.persist(0, "lost 1")
	s.persist(1, "lost 2")
	s.until(0, 8)
	s.until(1, 8)
	write(1)
	server.Kill()
	s.ok(os.RemoveAll(server.Dir()))
	s.ok(os.CopyFS(server.Dir(), os.DirFS(backup)))
	server.Start()
	s.persist(1, "g")
	s.until(0, 7)
	s.until(1, 7)
	write(0)
	write(1)
	s.until(0, 7)
	s.until(1, 7)
	fresh := New(s.logs[0], Options{})
	s.ok(fresh.begin(t.Context()))
	s.counts(fresh, 7)
}

package redis_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// durable are settings under which a Redis that is killed loses nothing that it has answered. With everysec it may, also when only
// the process dies: while the disk is busy it answers before it writes.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// persist publishes an event until it is recorded, as a client would that has given it an id.
func persist(t testing.TB, l *redis.Log, e event.Event) (journal.Receipt, bool) {
	for {
		receipts, err := l.Append(t.Context(), []event.Event{e})
		switch {
		case err == nil:
			return receipts[0], true
		case errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrUnsettled):
		default:
			t.Error(err)
			return journal.Receipt{}, false
		}
	}
}

// Redis is killed again and again while three instances publish, and started again with its file. Nothing that was acknowledged is
// lost, nothing is there twice, and nobody's Tail ends.
func TestKilledAndStartedWithItsFile(t *testing.T) {
	rounds := 3
	if os.Getenv("TELLTALE_SOAK") != "" {
		rounds = 60
	}
	server := redistest.Start(t, durable...)
	const publishers, window = 12, 200
	var logs [3]*redis.Log
	var tails [3]*follower
	for i := range logs {
		logs[i] = open(t, redis.Options{URL: server.URL(), Retention: keepAll, Timeout: 500 * time.Millisecond})
		tails[i] = follow(t, logs[i], event.ID{})
	}
	type sent struct {
		data string
		id   event.ID
	}
	var mu sync.Mutex
	var acknowledged []sent
	progress := make(chan struct{}, 1_000_000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprint(p, "-", n)
				r, ok := persist(t, logs[p%len(logs)], keyed([]string{"server:busy", "metrics:cpu", "logs:app"}[n%3], text))
				if !ok {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, sent{text, r.ID})
				mu.Unlock()
				select {
				case progress <- struct{}{}:
				default:
				}
			}
		})
	}
	for range rounds {
		for range window {
			<-progress
		}
		server.Kill()
		server.Start()
	}
	for range window {
		<-progress
	}
	close(stop)
	wg.Wait()

	recorded := all(t, logs[0], event.ID{})
	byData := make(map[string]event.ID)
	for _, e := range recorded {
		if first, twice := byData[string(e.Data)]; twice {
			t.Errorf("%s is recorded at %s and %s", e.Data, first, e.ID)
		}
		byData[string(e.Data)] = e.ID
	}
	for _, s := range acknowledged {
		if byData[s.data] != s.id {
			t.Errorf("%s was acknowledged as %s and is at %q", s.data, s.id, byData[s.data])
		}
	}
	if len(recorded) != len(acknowledged) {
		t.Errorf("%d events are recorded, %d acknowledged", len(recorded), len(acknowledged))
	}
	for i, f := range tails {
		same(t, fmt.Sprint("tail of instance ", i), f.until(t, recorded[len(recorded)-1].ID), recorded)
	}
}

// An emptied Redis is a new life of the record, for all instances the same, and it is told.
func TestStartedWithoutItsFile(t *testing.T) {
	for _, way := range []struct {
		name string
		lose func(*redistest.Server)
	}{
		{"killed", func(s *redistest.Server) { s.Kill(); s.StartEmpty() }},
		{"flushed", func(s *redistest.Server) { s.Do("FLUSHALL") }},
		{"head lost", func(s *redistest.Server) { s.Do("DEL", "{telltale:main}:meta") }},
	} {
		t.Run(way.name, func(t *testing.T) {
			server := redistest.Start(t, durable...)
			a := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
			b := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
			old := put(t, a, say("metrics:cpu", "1"))
			put(t, a, say("server:busy", "2"))
			last := put(t, a, keyed("logs:app", "3"))
			ta, tb, idle := follow(t, a, old), follow(t, b, old), follow(t, b, last)
			ta.until(t, last)
			tb.until(t, last)

			way.lose(server)
			ta.gone(t, journal.GoneEpoch)
			tb.gone(t, journal.GoneEpoch)
			idle.gone(t, journal.GoneEpoch)
			bounds, err := b.Bounds(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if bounds.Epoch == old.Epoch || bounds.Epoch == 0 || !bounds.Head.IsZero() || bounds.Bytes != 0 {
				t.Errorf("got bounds %+v, want those of an empty record with another epoch than %x", bounds, old.Epoch)
			}
			_, err = a.Read(t.Context(), journal.Query{After: old})
			checkGone(t, err, journal.GoneEpoch)

			tail := follow(t, b, event.ID{})
			first := put(t, a, keyed("logs:app", "3")) // its id is forgotten with the rest
			if want := (event.ID{Epoch: bounds.Epoch, Seq: 1}); first != want {
				t.Errorf("the first event is at %s, want %s", first, want)
			}
			second := put(t, b, say("server:busy", "4"))
			same(t, "tail", tail.until(t, second), all(t, a, event.ID{}))
		})
	}
}

// Redis is put back to an older file. Those who saw what was lost are told, whichever instance they ask and whatever was recorded
// since; all others go on, in the same epoch; and no place is ever used twice.
func TestPutBack(t *testing.T) {
	server := redistest.Start(t, durable...)
	a := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
	kept := put(t, a, keyed("metrics:cpu", "kept"))
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	copyDir(t, backup, server.Dir())
	server.Start()
	given := map[event.ID]string{kept: "kept"}
	var lost []event.ID
	last := kept
	for round := range 3 {
		tail := follow(t, a, last)
		for i := range 5 {
			text := fmt.Sprint("lost ", round, "-", i)
			r, ok := persist(t, a, keyed("server:busy", text))
			if !ok {
				return
			}
			if given[r.ID] != "" {
				t.Fatalf("%s was given to %q and to %q", r.ID, given[r.ID], text)
			}
			given[r.ID] = text
			lost = append(lost, r.ID)
		}
		last = lost[len(lost)-1]
		tail.until(t, last)
		server.Kill()
		copyDir(t, server.Dir(), backup)
		server.Start()

		// One who knows nothing of it is the first to publish.
		b := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
		reader := follow(t, b, kept)
		if round%2 == 0 { // else who saw them notices before anything new is there
			put(t, b, say("logs:app", "new"))
		}
		tail.gone(t, journal.GoneAhead)
		place := put(t, b, say("logs:app", "newer"))
		if given[place] != "" || place.Epoch != kept.Epoch {
			t.Fatalf("a new event got the place %s, given to %q before; want another of epoch %x", place, given[place], kept.Epoch)
		}
		given[place] = "newer"
		same(t, "who saw nothing of it", reader.until(t, place), all(t, b, kept))
		for _, l := range []*redis.Log{a, b} {
			for _, id := range lost {
				_, err := l.Read(t.Context(), journal.Query{After: id})
				checkGone(t, err, journal.GoneAhead)
				checkGone(t, l.Tail(t.Context(), id, func([]event.Event) error { return nil }), journal.GoneAhead)
			}
		}
		events := all(t, a, event.ID{})
		if string(events[0].Data) != "kept" || events[0].ID != kept {
			t.Errorf("the record begins with %s %s, want what was kept", events[0].ID, events[0].Data)
		}
		if receipts, err := a.Append(t.Context(), []event.Event{keyed("metrics:cpu", "kept")}); err != nil || receipts[0].ID != kept || !receipts[0].Repeated {
			t.Errorf("got %v, %v, want the first receipt of what was kept", receipts, err)
		}
		last = event.ID{}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A record that was put back to when nothing was in it has another epoch from its next event on.
func TestPutBackToNothing(t *testing.T) {
	server := redistest.Start(t, durable...)
	a := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
	before, err := a.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	copyDir(t, backup, server.Dir())
	server.Start()
	lost, ok := persist(t, a, say("server:busy", "lost"))
	if !ok || lost.ID.Seq != 1 || lost.ID.Epoch == before.Epoch {
		t.Errorf("the first event after a new start is at %s, want 1 in another epoch than %x", lost.ID, before.Epoch)
	}
	tail := follow(t, a, lost.ID)
	server.Kill()
	copyDir(t, server.Dir(), backup)
	server.Start()
	tail.gone(t, journal.GoneEpoch)
	first, ok := persist(t, a, say("server:busy", "first"))
	if !ok || first.ID == lost.ID {
		t.Errorf("%s was used twice", first.ID)
	}
}

// What notes say is given back to a Redis that lost it, by who still knows it; and what was taken away stays away.
func TestNotesOutliveRedis(t *testing.T) {
	server := redistest.Start(t, durable...)
	a := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
	b := open(t, redis.Options{URL: server.URL(), Retention: keepAll})
	for _, name := range []string{"revoked/ann", "revoked/bob", "revoked/eve"} {
		if err := a.PutNote(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, b)
	w.until(t, "revoked/ann", "revoked/bob", "revoked/eve")
	server.Kill()
	backup := filepath.Join(t.TempDir(), "backup")
	copyDir(t, backup, server.Dir())
	server.Start()
	whenAway(t, a, false)
	if err := a.PutNote(t.Context(), "revoked/bob", nil); err != nil {
		t.Fatal(err)
	}
	if err := a.PutNote(t.Context(), "revoked/zoe", []byte("z")); err != nil {
		t.Fatal(err)
	}
	want := []string{"revoked/ann", "revoked/eve", "revoked/zoe"}
	w.until(t, want...)
	for _, lose := range []func(){
		func() { server.Do("FLUSHALL") },
		func() { server.Kill(); copyDir(t, server.Dir(), backup); server.Start() },
	} {
		lose()
		for !slices.Equal(noteNames(t, server.URL()), want) {
			<-time.After(10 * time.Millisecond) // nobody tells when
		}
	}
	w.never(t, "revoked/bob")
}

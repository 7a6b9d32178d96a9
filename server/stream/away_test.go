package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// remote is a log in another process.
type remote struct {
	*memLog
	mu      sync.Mutex // guards what follows
	away    journal.Away
	changed chan struct{}
}

func (r *remote) Away() (journal.Away, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away, r.changed
}

func (r *remote) set(a journal.Away) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = a
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *remote) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	if away, _ := r.Away(); !away.IsZero() {
		return journal.Page{}, fmt.Errorf("read: %w", journal.ErrUnavailable)
	}
	return r.memLog.Read(ctx, q)
}

func gapped(reason string) func(frame) bool {
	return func(f frame) bool { return f.event == "stream:gap" && f.field("reason") == reason }
}

// While the record is away no stream ends: each says so and beats on. Who has something to read gets it when the record is back, and
// all say that it is.
func TestStreamsOutlastTheRecord(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			log := &remote{memLog: newMemLog(), changed: make(chan struct{})}
			s := open(t, log, stream.Options{Heartbeat: 50 * time.Millisecond, Portable: way.portable, Record: log}, hub.Options{FeedBytes: 1 << 10, ChunkBytes: 1 << 10})
			s.log, s.gzip, s.portable = log.memLog, way.gzip, way.portable
			first := s.log.put(ev(t, "a", "server:online", 0, 0))
			var last event.ID
			var want []uint64
			for i := range 50 {
				last = s.log.put(ev(t, "a", "deployment:building", i, 900))
				want = append(want, last.Seq)
			}
			s.seen(51)
			live := s.follow("/", last.String())
			live.until(named("stream:heartbeat"))

			log.set(journal.Away{Since: time.Now().Add(-time.Hour), Err: errors.New("gone")})
			f := live.until(gapped("pending"))
			if got := f[len(f)-1].field("from"); got != last.String() {
				t.Errorf("it is pending from %q, want %v", got, last)
			}
			live.until(named("stream:heartbeat"))
			live.until(named("stream:heartbeat"))
			late := s.follow("/", first.String()) // has to read the record
			early := late.until(gapped("pending"))
			live.until(named("stream:heartbeat"))

			log.set(journal.Away{})
			if f := live.until(gapped("settled")); len(recorded(f)) > 0 {
				t.Errorf("got %v", f)
			}
			got := append(early, late.until(named("stream:heartbeat"))...)
			sameSeqs(t, "who came while the record was away", recorded(got), want)
			told := 0
			for _, f := range got {
				if f.event == "stream:gap" {
					told++
				}
			}
			if told != 2 {
				t.Errorf("%d times a gap was told, want twice: %v", told, got)
			}
			next := s.log.put(ev(t, "a", "server:online", 9, 0))
			live.until(at(next))
			late.until(at(next))
			for reason, n := range s.streams.Stats().Closed {
				if n > 0 && reason != "gone" {
					t.Errorf("%d streams were ended: %s", n, reason)
				}
			}
		})
	}
}

// One that is away for a moment only is no news.
func TestAMomentAwayIsNoNews(t *testing.T) {
	log := &remote{memLog: newMemLog(), changed: make(chan struct{})}
	s := open(t, log, stream.Options{Heartbeat: 20 * time.Millisecond, Record: log}, hub.Options{})
	s.log = log.memLog
	f := s.follow("/", "")
	f.until(named("stream:heartbeat"))
	log.set(journal.Away{Since: time.Now(), Err: errors.New("gone")})
	f.until(named("stream:heartbeat"))
	log.set(journal.Away{})
	id := s.log.put(ev(t, "a", "server:online", 0, 0))
	for _, fr := range f.until(at(id)) {
		if fr.event == "stream:gap" {
			t.Errorf("got %v", fr)
		}
	}
}

// The record began anew and the hub can't read it yet: nobody waits for that in the place of others. All go on saying what there is to say, here that the record is
// away; and when it can be read they all begin anew.
func TestNobodyWaitsForTheHubInTheWayOfOthers(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			log := &remote{memLog: newMemLog(), changed: make(chan struct{})}
			var broken atomic.Bool
			read := &unreadable{remote: log, broken: &broken}
			s := open(t, read, stream.Options{Portable: way.portable, Record: log, Readers: 1, Workers: 1}, hub.Options{})
			s.log, s.gzip, s.portable = log.memLog, way.gzip, way.portable
			s.log.put(ev(t, "a", "server:online", 0, 0))
			s.seen(1)
			var all []*follower
			for range 5 {
				f := s.follow("/", "")
				f.until(named("stream:heartbeat"))
				all = append(all, f)
			}
			broken.Store(true)
			s.log.Change(func() { s.log.Epoch, s.log.Head, s.log.Events = 8, 0, nil })
			s.until(func() bool { ready, _ := s.hub.Turned(); return !ready }, func() string { return "the hub has not noticed" })
			log.set(journal.Away{Since: time.Now().Add(-time.Hour), Err: errors.New("gone")})
			for _, f := range all {
				f.until(gapped("pending"))
			}
			broken.Store(false)
			log.set(journal.Away{})
			id := s.log.put(ev(t, "a", "server:busy", 1, 0))
			for _, f := range all {
				f.until(named("stream:reset"))
				f.until(at(id))
			}
		})
	}
}

// unreadable is a log that can't be read, though nobody says that it is away.
type unreadable struct {
	*remote
	broken *atomic.Bool
}

func (u *unreadable) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	if u.broken.Load() {
		return journal.Page{}, fmt.Errorf("read: %w", journal.ErrUnavailable)
	}
	return u.remote.Read(ctx, q)
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/server/limit"
)

// streams are what one instance has open: whose each is, and what session opened it when.
type streams struct {
	mu      sync.Mutex
	of      map[string]string
	session map[string]string
	opened  map[string]time.Time
	heard   int // sign-outs
}

func (s *streams) open(id, user, session string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[id], s.session[id], s.opened[id] = user, session, at
}

func (s *streams) Sessions(user string, all bool, most int) (list []limit.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.of)) {
		if len(list) < most && (all || s.of[id] == user) {
			list = append(list, limit.Session{ID: id, User: s.of[id], Agent: "curl", Since: s.opened[id]})
		}
	}
	return list
}

func (s *streams) EndSession(user string, all bool, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner, ok := s.of[id]; !ok || owner != user && !all {
		return false
	}
	delete(s.of, id)
	return true
}

func (s *streams) SignedOut(session string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard++
	maps.DeleteFunc(s.of, func(id, _ string) bool { return s.session[id] == session && !s.opened[id].After(until) })
}

func (s *streams) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.of[id]
	return ok
}

func (s *streams) signOuts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// cut is a Redis that can't be reached while it is true.
type cut struct{ atomic.Bool }

func (c *cut) Away() (journal.Away, <-chan struct{}) {
	if c.Load() {
		return journal.Away{Since: time.Now(), Err: errors.New("cut off")}, nil
	}
	return journal.Away{}, nil
}

// peer is one instance.
type peer struct {
	*Peers
	streams
	cut  cut
	stop func() // until then it hears what others say
}

// newPeer starts one. Others know of it when it has said that it is there: see meet.
func newPeer(t *testing.T, server *redistest.Server) *peer {
	t.Helper()
	p := &peer{streams: streams{of: make(map[string]string), session: make(map[string]string), opened: make(map[string]time.Time)}}
	c := client(t, server)
	leases := NewLeases(c, prefix, &p.cut)
	p.Peers = NewPeers(c, prefix, &p.cut, NewMembers(Options{Redis: c, Prefix: prefix, Remote: &p.cut, Report: func(context.Context) Report { return Report{} }}), leases)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx, &p.streams) })
	p.stop = func() { cancel(); running.Wait() }
	t.Cleanup(p.stop)
	return p
}

func meet(t *testing.T, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		p.members.beat(t.Context(), false)
	}
}

// What a user has open anywhere is listed everywhere, by the instance that has it, and can be ended from there; of others' streams nothing is.
func TestStreamsAreListedAndEndedAtOtherInstances(t *testing.T) {
	server := redistest.Start(t)
	a, b, c := newPeer(t, server), newPeer(t, server), newPeer(t, server)
	meet(t, a, b, c)
	since := time.Now().Add(-time.Minute).Round(0)
	a.open("a1", "ada", "", since)
	b.open("b1", "ada", "", since)
	b.open("b2", "bob", "", since)
	c.open("c1", "ada", "", since)
	ids := func(user string, all bool, most int) (out []string) {
		t.Helper()
		o, err := a.Peers.Sessions(t.Context(), user, all, most, []string{"a1"})
		if err != nil || len(o.Silent) > 0 || o.Unlisted > 0 {
			t.Fatalf("got %+v, %v", o, err)
		}
		for _, s := range o.Sessions {
			out = append(out, s.ID+" at "+map[string]string{b.members.ID(): "b", c.members.ID(): "c"}[s.Instance])
			if s.Agent != "curl" || !s.Since.Equal(since) {
				t.Errorf("got %+v", s)
			}
		}
		slices.Sort(out)
		return out
	}
	if got, want := ids("ada", false, 10), []string{"b1 at b", "c1 at c"}; !slices.Equal(got, want) {
		t.Errorf("of ada: got %v, want %v", got, want)
	}
	if got, want := ids("", true, 10), []string{"b1 at b", "b2 at b", "c1 at c"}; !slices.Equal(got, want) {
		t.Errorf("of all: got %v, want %v", got, want)
	}
	if got := ids("", true, 1); len(got) != 2 {
		t.Errorf("one of each: got %v", got)
	}
	for _, row := range []struct {
		user, id string
		all      bool
		ended    bool
	}{{"bob", "c1", false, false}, {"ada", "b2", false, false}, {"ada", "no such", false, false}, {"ada", "c1", false, true}, {"", "b2", true, true}, {"ada", "c1", false, false}} {
		if ended, later, err := a.Peers.End(t.Context(), row.user, row.all, row.id); ended != row.ended || later || err != nil {
			t.Errorf("%+v: got %v %v %v", row, ended, later, err)
		}
	}
	if got, want := ids("", true, 10), []string{"b1 at b"}; !slices.Equal(got, want) {
		t.Errorf("left: got %v, want %v", got, want)
	}
	if n := server.Do("EXISTS", prefix+"endings"); n != "0" {
		t.Error("what everybody answered to is kept for later")
	}
}

// Who signs out is signed out at every other instance, in what he had open then; later streams go on.
func TestSignOutReachesAll(t *testing.T) {
	server := redistest.Start(t)
	a, b, c := newPeer(t, server), newPeer(t, server), newPeer(t, server)
	meet(t, a, b, c)
	now := time.Now()
	for _, p := range []*peer{a, b, c} {
		p.open("before", "ada", "hers", now.Add(-time.Minute))
		p.open("after", "ada", "hers", now.Add(time.Minute))
		p.open("other", "ada", "another", now.Add(-time.Minute))
	}
	a.SignOut(t.Context(), "hers")
	for _, p := range []*peer{b, c} {
		until(t, "the end of what was open", func() bool { return !p.has("before") })
		if !p.has("after") || !p.has("other") {
			t.Error("it ended more than that")
		}
	}
	if a.signOuts() > 0 {
		t.Error("it told itself")
	}
	if ttl := server.Do("PTTL", prefix+"endings"); ttl == "-1" || ttl == "-2" {
		t.Errorf("what was said is kept for ever: %s", ttl)
	}
}

// An instance that was cut off, and one that signs somebody out while Redis is away, do it when it is back: also where Redis has lost all, or its clock is another's.
func TestEndingsSurviveBreaks(t *testing.T) {
	for _, row := range []struct {
		name string
		gone func(t *testing.T, server *redistest.Server, b *peer) // from then on b hears nothing
		back func(t *testing.T, server *redistest.Server, b *peer)
	}{
		{"the other was cut off", func(_ *testing.T, _ *redistest.Server, b *peer) { b.cut.Store(true) },
			func(_ *testing.T, _ *redistest.Server, b *peer) { b.cut.Store(false) }},
		{"Redis was away and lost all", func(_ *testing.T, server *redistest.Server, _ *peer) { server.Kill() },
			func(_ *testing.T, server *redistest.Server, _ *peer) { server.StartEmpty() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t)
			a, b := newPeer(t, server), newPeer(t, server)
			meet(t, a, b)
			a.SignOut(t.Context(), "somebody") // both have heard before
			until(t, "the first", func() bool { return b.signOuts() == 1 })
			b.open("hers", "ada", "hers", time.Now().Add(-time.Minute))
			row.gone(t, server, b)
			until(t, "the end of a reading that began before", func() bool {
				o, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil)
				return err != nil || len(o.Silent) > 0
			})
			a.SignOut(t.Context(), "hers")
			if !b.has("hers") {
				t.Fatal("it was not cut off")
			}
			row.back(t, server, b)
			until(t, "the end of it", func() bool { return !b.has("hers") })
			until(t, "nothing left to be said", func() bool { return unsaid(a) == 0 })
		})
	}
}

func unsaid(p *peer) int {
	p.Peers.mu.Lock()
	defer p.Peers.mu.Unlock()
	return len(p.unsaid)
}

// A Redis that takes over with a clock behind gives smaller numbers than those heard: they are heard all the same.
func TestEndingsOfAClockBehind(t *testing.T) {
	server := redistest.Start(t)
	b := newPeer(t, server)
	now := time.Now()
	say := func(id string, session string) {
		t.Helper()
		if got := server.Do("XADD", prefix+"endings", id, "v", fmt.Sprintf(`{"From":"x","At":%d,"Session":%q}`, now.UnixMilli(), session)); got != id {
			t.Fatal(got)
		}
	}
	b.open("first", "ada", "first", now)
	b.open("second", "ada", "second", now)
	say(fmt.Sprintf("%d-0", now.Add(time.Hour).UnixMilli()), "first")
	until(t, "the first", func() bool { return !b.has("first") })
	server.Kill()
	server.StartEmpty()
	say(fmt.Sprintf("%d-0", now.Add(time.Minute).UnixMilli()), "second")
	until(t, "the second", func() bool { return !b.has("second") })
}

// One that lives and does not answer is named, and what it has ends when it hears again; one that has gone is not waited for, and what it had counts until
// its leases run out.
func TestSilentInstances(t *testing.T) {
	server := redistest.Start(t)
	a, b := newPeer(t, server), newPeer(t, server)
	meet(t, a, b)
	lease := limit.Lease{User: "ada", ID: "b1"}
	if ok, err := b.leases.Acquire(t.Context(), lease, 10, time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.open("b1", "ada", "", time.Now())
	b.cut.Store(true)
	until(t, "a silent one", func() bool {
		o, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(o.Silent, []string{b.members.ID()}) && o.Unlisted == 1 && len(o.Sessions) == 0
	})
	end := func(session string) (ended, later bool) {
		var err error
		until(t, "Redis to be in time", func() bool { // it has a second, which on a busy machine may pass
			ended, later, err = a.Peers.End(t.Context(), "ada", false, session)
			return err == nil
		})
		return ended, later
	}
	if ended, later := end("made-up"); ended || later {
		t.Errorf("one that nobody has: got %v %v", ended, later)
	}
	if ended, later := end("b1"); ended || !later {
		t.Errorf("got %v %v, want it ended later", ended, later)
	}
	b.cut.Store(false)
	until(t, "the end of it", func() bool { return !b.has("b1") })

	b.stop()
	age(t, client(t, server), b.members.ID(), goneAfter+time.Second)
	o, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil)
	if err != nil || len(o.Silent) > 0 || o.Unlisted != 1 {
		t.Errorf("got %+v, %v, want nobody waited for, and one that counts", o, err)
	}
	server.Do("DEL", prefix+"streams:ada") // as when it runs out
	if o, err = a.Peers.Sessions(t.Context(), "ada", false, 10, nil); err != nil || o.Unlisted != 0 {
		t.Errorf("got %+v, %v", o, err)
	}
}

// What is kept is bounded, and forgotten.
func TestEndingsAreBounded(t *testing.T) {
	server := redistest.Start(t)
	a := newPeer(t, server)
	fill := `for i = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'v', '{}') end return 1`
	if err := client(t, server).Eval(t.Context(), fill, []string{prefix + "endings"}, maxEndings).Err(); err != nil {
		t.Fatal(err)
	}
	a.SignOut(t.Context(), "hers")
	if n := server.Do("XLEN", prefix+"endings"); n != fmt.Sprint(maxEndings) {
		t.Errorf("%s are kept, want %d", n, maxEndings)
	}
	server.Kill()
	for range maxUnsaid + 1 {
		a.cut.Store(true)
		a.SignOut(t.Context(), "hers")
	}
	if n := unsaid(a); n != maxUnsaid {
		t.Errorf("%d wait, want %d", n, maxUnsaid)
	}
}

// Without Redis nobody can be asked, and the error says so. Where there is nobody else, nobody is.
func TestPeersWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	a, b := newPeer(t, server), newPeer(t, server)
	meet(t, a)
	if o, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil); err != nil || len(o.Sessions)+len(o.Silent) > 0 {
		t.Errorf("alone: got %+v, %v", o, err)
	}
	if n := server.Do("EXISTS", prefix+"calls"); n != "0" {
		t.Error("it asked nobody in particular")
	}
	meet(t, a, b)
	server.Kill()
	if _, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil); err == nil {
		t.Error("got no error")
	}
	if _, _, err := a.Peers.End(t.Context(), "ada", false, "x"); err == nil {
		t.Error("got no error")
	}
	a.cut.Store(true)
	if _, err := a.Peers.Sessions(t.Context(), "ada", false, 10, nil); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

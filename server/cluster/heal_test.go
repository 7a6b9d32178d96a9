package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/server/limit"
)

// What may be lost on the way, and that leases heal all the same.

const long = time.Minute // a ttl that no test waits for

// running runs what gives leases back, until the test is over.
func running(t *testing.T, s *Leases) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func acquire(t *testing.T, s *Leases, l limit.Lease, ttl time.Duration) {
	t.Helper()
	if ok, err := s.Acquire(t.Context(), l, 100, ttl); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

// calls returns how often the server ran a command.
func calls(server *redistest.Server, command string) (n int) {
	for line := range strings.Lines(server.Do("INFO", "commandstats")) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"+command+":calls="); ok {
			_, _ = fmt.Sscan(rest[:strings.IndexByte(rest, ',')], &n)
		}
	}
	return n
}

// stuck runs something against a Redis that stands still until that has given up.
func stuck(server *redistest.Server, do func()) {
	server.Pause()
	do()
	server.Resume()
}

// A lease that Redis could not take back is given back when it is there again, and not only when it has run out.
func TestReleaseIsTriedAgain(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	l := limit.Lease{User: "ada", ID: "one"}
	acquire(t, s, l, long)
	stuck(server, func() {
		s.Release(l)
		if s.giveBack(t.Context()) == 0 {
			t.Error("Redis stands still, and nothing is left to give back")
		}
	})
	server.Do("ZADD", s.key("ada"), "9999999999999", "one") // what stood in the socket may have come through: as if not
	running(t, s)
	until(t, "it to be given back", func() bool { return server.Do("EXISTS", s.key("ada")) == "0" })
}

// What was given up is not done later: neither a renewal nor an acquisition that stood in a socket takes a lease after it was given back.
func TestNothingIsDoneTooLate(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*Leases, context.Context, limit.Lease) error
	}{
		{"Renew", func(s *Leases, ctx context.Context, l limit.Lease) error { return s.Renew(ctx, []limit.Lease{l}, long) }},
		{"Acquire", func(s *Leases, ctx context.Context, l limit.Lease) error {
			_, err := s.Acquire(ctx, l, 100, long)
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t)
			s := NewLeases(client(t, server), prefix, nil)
			l := limit.Lease{User: "ada", ID: "one"}
			acquire(t, s, limit.Lease{User: "ada", ID: "other"}, long)
			if err := row.do(s, t.Context(), l); err != nil { // loads the script
				t.Fatal(err)
			}
			s.Release(l)
			s.Release(limit.Lease{User: "ada", ID: "other"})
			if next := s.giveBack(t.Context()); next != 0 || server.Do("DBSIZE") != "0" {
				t.Fatal(next, server.Do("KEYS", "*"))
			}
			s.forget(time.Now()) // else the renewal would leave it out
			was := calls(server, "evalsha")
			stuck(server, func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if err := row.do(s, ctx, l); err == nil {
					t.Error("done by a Redis that stands still")
				}
			})
			until(t, "Redis to come to it", func() bool { return calls(server, "evalsha") > was })
			if left := server.Do("KEYS", "*"); left != "" {
				t.Errorf("it took the lease: %s", left)
			}
		})
	}
}

// What was cut off and may be done yet, in its time, is waited for: the lease is given back once more after it.
func TestWhatIsInDoubtIsGivenBackTwice(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	c := goredis.NewClient(&goredis.Options{Addr: strings.TrimPrefix(proxy.URL(), "redis://"), MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	s := NewLeases(c, prefix, nil)
	l := limit.Lease{User: "ada", ID: "one"}
	acquire(t, s, l, long)
	lost := proxy.LoseAnswer("ada")
	if err := s.Renew(t.Context(), []limit.Lease{l}, long); err == nil {
		t.Error("renewed, and the answer was lost")
	}
	<-lost
	s.Release(l)
	next := s.giveBack(t.Context())
	if next == 0 || server.Do("DBSIZE") != "0" {
		t.Fatalf("next in %v, with %s; want it given back, and once more", next, server.Do("KEYS", "*"))
	}
	server.Do("ZADD", s.key("ada"), "9999999999999", "one") // the renewal, as if it came through only now
	running(t, s)
	until(t, "it to be given back once more", func() bool { return server.Do("DBSIZE") == "0" })
	if next := s.giveBack(t.Context()); next != 0 {
		t.Errorf("and again in %v", next)
	}
}

// One batch that can't be renewed keeps no other from it.
func TestBatchesAreRenewedEachForItself(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	var all []limit.Lease
	for i := range atOnce + 1 {
		all = append(all, limit.Lease{User: fmt.Sprint("u", i), ID: "s"})
	}
	server.Do("SET", s.key("u0"), "no sorted set")
	if err := s.Renew(t.Context(), all, long); err == nil {
		t.Error("want an error of the first batch")
	}
	if server.Do("EXISTS", s.key(fmt.Sprint("u", atOnce))) != "1" {
		t.Error("the second was not renewed")
	}
}

// A dead instance's leases do not stay for as long as its user has others.
func TestRenewalSweepsTheDead(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	alive := limit.Lease{User: "ada", ID: "alive"}
	acquire(t, s, alive, long)
	server.Do("ZADD", s.key("ada"), "1", "dead")
	if err := s.Renew(t.Context(), []limit.Lease{alive}, long); err != nil {
		t.Fatal(err)
	}
	if got := server.Do("ZRANGE", s.key("ada"), "0", "-1"); got != "alive" {
		t.Errorf("got %q, want the one that is alive", got)
	}
}

// A clock of Redis that was set is no reason to refuse anybody.
func TestClockThatIsSet(t *testing.T) {
	server := redistest.Start(t)
	s := NewLeases(client(t, server), prefix, nil)
	s.clock.tick(time.Now().Add(-time.Hour).UnixMilli())
	acquire(t, s, limit.Lease{User: "ada", ID: "one"}, long)
	s.clock.tick(time.Now().Add(-time.Hour).UnixMilli())
	if err := s.Renew(t.Context(), []limit.Lease{{User: "ada", ID: "one"}}, long); err != nil {
		t.Error(err)
	}
}

// Nor does one that was ahead, as that of a Redis before this one may have been, make a dead instance's leases last until it would have come.
func TestLeasesOfAClockThatWasAhead(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*Leases) error
	}{
		{"Renew", func(s *Leases) error { return s.Renew(t.Context(), []limit.Lease{{User: "ada", ID: "mine"}}, long) }},
		{"Acquire", func(s *Leases) error {
			ok, err := s.Acquire(t.Context(), limit.Lease{User: "ada", ID: "mine"}, 1, long)
			if ok {
				t.Error("the place of a lease that may be alive was given to another")
			}
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t)
			s := NewLeases(client(t, server), prefix, nil)
			acquire(t, s, limit.Lease{User: "ada", ID: "dead"}, long) // so that the key lasts, as where others are renewed
			server.Do("ZADD", s.key("ada"), fmt.Sprint(time.Now().Add(24*time.Hour).UnixMilli()), "dead")
			if err := row.do(s); err != nil {
				t.Fatal(err)
			}
			var till int64
			if _, err := fmt.Sscan(server.Do("ZSCORE", s.key("ada"), "dead"), &till); err != nil || time.UnixMilli(till).After(time.Now().Add(long)) {
				t.Errorf("it lasts until %v, %v; want %v at most", time.UnixMilli(till), err, long)
			}
		})
	}
}

// Whatever is lost, in whatever order: every key runs out, while there are leases and when there are none any more; and when nobody holds one all are gone within their time.
func TestLeasesRunOutWhateverIsLost(t *testing.T) {
	const ttl = 900 * time.Millisecond
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	proxy := redistest.NewProxy(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var users sync.WaitGroup
	for instance := range 3 {
		c := goredis.NewClient(&goredis.Options{
			Addr: strings.TrimPrefix(proxy.URL(), "redis://"), MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: 200 * time.Millisecond, PoolTimeout: 200 * time.Millisecond,
		})
		t.Cleanup(func() { _ = c.Close() })
		s := NewLeases(c, prefix, nil)
		running(t, s)
		for user := range 4 {
			users.Go(func() {
				random := rand.New(rand.NewPCG(uint64(instance), uint64(user)))
				var held []limit.Lease
				for n := 0; ctx.Err() == nil; n++ {
					short, done := context.WithTimeout(ctx, time.Duration(1+random.IntN(100))*time.Millisecond)
					switch random.IntN(3) {
					case 0:
						l := limit.Lease{User: fmt.Sprint("u", random.IntN(3)), ID: fmt.Sprint(instance, user, n)}
						if ok, err := s.Acquire(short, l, 1000, ttl); ok || err != nil { // as the registry does where it is not known
							held = append(held, l)
						}
					case 1:
						_ = s.Renew(short, held, ttl)
					case 2:
						for _, l := range held[:len(held)/2] {
							s.Release(l)
						}
						held = held[len(held)/2:]
					}
					<-short.Done() // its pace
					done()
				}
				for _, l := range held { // half of them are lost with their instance
					if random.IntN(2) == 0 {
						s.Release(l)
					}
				}
			})
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		switch random.IntN(4) {
		case 0:
			proxy.Cut()
		case 1:
			server.Pause()
			<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
			server.Resume()
		case 2:
			server.Kill()
			server.Start()
		case 3:
			server.Do("FLUSHALL")
		}
		<-time.After(time.Duration(random.IntN(200)) * time.Millisecond)
		for key := range strings.Lines(server.Do("KEYS", "*")) {
			if left := server.Do("PTTL", strings.TrimSpace(key)); left == "-1" {
				t.Errorf("%s lasts for ever", key)
			}
		}
	}
	cancel()
	users.Wait()
	began := time.Now()
	until(t, "all leases to have gone", func() bool { return server.Do("DBSIZE") == "0" })
	t.Logf("gone within %v", time.Since(began))
}

package limit

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestWhoIsOverWhichLimit(t *testing.T) {
	for _, row := range []struct {
		name   string
		limits Limits
		open   []Owner
		one    Owner // more
		want   string
	}{
		{"no limits", Limits{}, []Owner{{User: "ada"}, {User: "ada"}}, Owner{User: "ada"}, ""},
		{"user", Limits{User: 2}, []Owner{{User: "ada"}, {User: "ada"}}, Owner{User: "ada"}, "user"},
		{"another user", Limits{User: 2}, []Owner{{User: "ada"}, {User: "ada"}}, Owner{User: "bob"}, ""},
		{"nobody", Limits{User: 1}, []Owner{{}, {}}, Owner{}, ""},
		{"address", Limits{Address: 1}, []Owner{{Addr: addr("192.0.2.1")}}, Owner{Addr: addr("192.0.2.1")}, "address"},
		{"mapped", Limits{Address: 1}, []Owner{{Addr: addr("192.0.2.1")}}, Owner{Addr: addr("::ffff:192.0.2.1")}, "address"},
		{"neighbour", Limits{Address: 1}, []Owner{{Addr: addr("192.0.2.1")}}, Owner{Addr: addr("192.0.2.2")}, ""},
		{"same /64", Limits{Address: 1}, []Owner{{Addr: addr("2001:db8::1")}}, Owner{Addr: addr("2001:db8::ffff:2")}, "address"},
		{"other /64", Limits{Address: 1}, []Owner{{Addr: addr("2001:db8::1")}}, Owner{Addr: addr("2001:db8:0:1::1")}, ""},
		{"zone", Limits{Address: 1}, []Owner{{Addr: addr("fe80::1%eth0")}}, Owner{Addr: addr("fe80::2%eth1")}, "address"},
		{"no address", Limits{Address: 1}, []Owner{{}}, Owner{}, ""},
		{"all", Limits{All: 2, User: 2}, []Owner{{User: "ada"}, {User: "ada"}}, Owner{User: "ada"}, "all"},
		{"address before all", Limits{All: 1, Address: 1}, []Owner{{Addr: addr("192.0.2.1")}}, Owner{Addr: addr("192.0.2.1")}, "address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := New(row.limits, nil, nil)
			var places []*Place
			for _, o := range row.open {
				places = append(places, admit(t, r, o))
			}
			if got := over(t, r, row.one); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			places[0].Release()
			places[0].Release() // does nothing
			if got := over(t, r, row.one); got != "" {
				t.Errorf("after one has gone: got %q, want none", got)
			}
			for _, p := range places {
				p.Release()
			}
			want := row.want
			if s := r.Stats(); s.Open != 0 || s.Users != 0 || s.Addresses != 0 || want != "" && s.Refused[want] != 1 {
				t.Errorf("got %+v, want nothing left and one refused", s)
			}
		})
	}
}

func TestPollsAreBounded(t *testing.T) {
	r := New(Limits{User: 2}, nil, nil)
	o := Owner{User: "ada", Addr: addr("192.0.2.1")}
	first := admit(t, r, o)
	a, err := r.Poll(o)
	b, err2 := r.Poll(o)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if _, over := r.Poll(o); over == nil || over.Which != event.LimitUser || over.RetryAfter <= 0 {
		t.Errorf("got %v, want a third poll refused", over)
	}
	if got := over(t, r, o); got != "" {
		t.Errorf("polls took the places of streams: %q", got)
	}
	a()
	a()
	if done, over := r.Poll(o); over != nil {
		t.Error(over)
	} else {
		done()
	}
	b()
	if s := r.Stats(); s.Polling != 0 || s.Open != 1 || s.Polls != 3 || s.RefusedPolls["user"] != 1 || s.Users != 1 {
		t.Errorf("got %+v", s)
	}
	first.Release()
	if s := r.Stats(); s.Users != 0 || s.Addresses != 0 {
		t.Errorf("got %+v, want nothing left", s)
	}
}

// Never more streams than a limit allows, at no moment, whoever comes and goes at once; and in the end nothing is left.
func TestNeverMoreThanTheLimit(t *testing.T) {
	limits := Limits{User: 3, Address: 4, All: 7}
	r := New(limits, nil, nil)
	var users, addresses [4]atomic.Int32
	var all atomic.Int32
	var admitted, refused atomic.Int64
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 9))
			for range 2000 {
				u, a := rnd.IntN(4), rnd.IntN(4)
				o := Owner{User: fmt.Sprint("u", u), Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(a)}), Agent: "x", Filter: "f"}
				p, err := r.Admit(t.Context(), o)
				if err != nil {
					refused.Add(1)
					if done, over := r.Poll(o); over == nil {
						done()
					}
					continue
				}
				admitted.Add(1)
				// Counted after admission and discounted before release, so never more than there are.
				if n := users[u].Add(1); n > int32(limits.User) {
					t.Errorf("%d of one user", n)
				}
				if n := addresses[a].Add(1); n > int32(limits.Address) {
					t.Errorf("%d from one address", n)
				}
				if n := all.Add(1); n > int32(limits.All) {
					t.Errorf("%d in all", n)
				}
				p.Opened(new(fakeStream))
				switch rnd.IntN(8) {
				case 0:
					r.End(o.User, p.ID(), event.Closing{Reason: "ended"})
				case 1:
					r.EndWhere(func(o Owner) (event.Closing, bool) { return event.Closing{Reason: "revoked"}, o.User == "u1" })
				case 2:
					r.List(o.User)
					r.Stats()
				}
				for range rnd.IntN(20) {
					runtime.Gosched()
				}
				users[u].Add(-1)
				addresses[a].Add(-1)
				all.Add(-1)
				p.Release()
			}
		})
	}
	wg.Wait()
	s := r.Stats()
	if admitted.Load() == 0 || refused.Load() == 0 || s.Admitted != admitted.Load() {
		t.Errorf("%d admitted, %d refused, %+v", admitted.Load(), refused.Load(), s)
	}
	if s.Open != 0 || s.Polling != 0 || s.Users != 0 || s.Addresses != 0 || len(r.All(10)) != 0 {
		t.Errorf("got %+v, want nothing left", s)
	}
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Limits{}, nil, nil)
		hostile := "Mozilla\r\n\x1b[31m\u202e" + strings.Repeat("é", 200) + "\xff"
		first := admit(t, r, Owner{User: "ada", Addr: addr("192.0.2.1"), Agent: hostile, Filter: "web-*|", Right: 1})
		time.Sleep(time.Second) // of the bubble's clock
		second := admit(t, r, Owner{User: "ada", Agent: "curl", Filter: "web-*|"})
		admit(t, r, Owner{User: "bob"})
		stream := new(fakeStream)
		first.Opened(stream)
		got := r.List("ada")
		if len(got) != 2 || got[0].ID != first.ID() || got[1].ID != second.ID() || got[1].Since.Sub(got[0].Since) != time.Second {
			t.Fatalf("got %+v, want both of ada, the older first", got)
		}
		if a := got[0].Agent; len(a) > agentBytes || !utf8.ValidString(a) || strings.ContainsAny(a, "\r\n\x1b\u202e") || !strings.HasPrefix(a, "Mozilla[31mé") {
			t.Errorf("got agent %q", a)
		}
		if !got[0].Detached || got[1].Detached || got[0].Addr != addr("192.0.2.1") || got[0].Filter != "web-*|" {
			t.Errorf("got %+v", got)
		}
		if all := r.All(2); len(all) != 2 || len(r.All(9)) != 3 {
			t.Errorf("got %+v", all)
		}
		if top := r.Stats().Top; len(top) != 2 || top[0] != (UserCount{"ada", 2}) {
			t.Errorf("got %v", top)
		}

		closing := event.Closing{Reason: event.ClosingEnded}
		if r.End("bob", first.ID(), closing) || r.End("ada", "none", closing) || r.End("ada", "", closing) {
			t.Error("ended what is not his, or is not there")
		}
		if !r.End("ada", first.ID(), closing) || r.End("ada", first.ID(), closing) {
			t.Error("want it ended, once")
		}
		if got := stream.reasons(); len(got) != 1 || got[0] != "ended" {
			t.Errorf("got %v", got)
		}
		for id, is := range map[string]bool{first.ID(): true, "": false, "none at all": false, "../../etc": false, "1y2p0ij32e8e71y2p0ij32e8e7": false} {
			if IsID(id) != is {
				t.Errorf("%q: want it an id: %v", id, is)
			}
		}
		if r.EndAny(first.ID(), closing) || r.EndAny("none", closing) || r.EndAny("", closing) {
			t.Error("ended what has ended, or is not there")
		}
		// One that is not opened yet ends when it is.
		if n := r.EndWhere(func(o Owner) (event.Closing, bool) {
			return event.Closing{Reason: "revoked"}, o.User == "ada" && o.Right == nil
		}); n != 1 {
			t.Errorf("ended %d, want 1", n)
		}
		late := new(fakeStream)
		second.Opened(late)
		if got := late.reasons(); len(got) != 1 || got[0] != "revoked" {
			t.Errorf("got %v", got)
		}
		if r.Stats().Ended != 2 {
			t.Errorf("got %+v", r.Stats())
		}
	})
}

// EndWhere sees every stream that was admitted before it began.
func TestNoStreamSlipsThrough(t *testing.T) {
	r := New(Limits{}, nil, nil)
	var revoked atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				p := admit(t, r, Owner{User: "ada"})
				good := !revoked.Load() // what a guard says after admission
				s := new(fakeStream)
				if good {
					p.Opened(s)
					for !revoked.Load() {
						runtime.Gosched()
					}
					for len(s.reasons()) == 0 {
						runtime.Gosched()
					}
				}
				p.Release()
			}
		})
	}
	for len(r.All(1)) == 0 {
		runtime.Gosched()
	}
	revoked.Store(true)
	r.EndWhere(func(Owner) (event.Closing, bool) { return event.Closing{Reason: "revoked"}, true })
	wg.Wait() // of a stream that slipped through somebody would wait for ever
}

func TestWords(t *testing.T) {
	seen := make(map[string]bool)
	for _, which := range []string{event.LimitUser, event.LimitAddress, event.LimitAll} {
		o := &Over{Which: which, Limit: 7, RetryAfter: 5 * time.Second}
		e := o.Event()
		if max, ok := e.Max.Get(); e.Reason != which || !strings.Contains(e.Message, "7") || e.Help == "" || !ok || max != 7 || e.RetryMs != 5000 || seen[e.Message] {
			t.Errorf("got %+v", e)
		}
		seen[e.Message] = true
	}
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, nil))
	p := admit(t, New(Limits{}, nil, nil), Owner{User: "ada", Addr: addr("192.0.2.1")})
	logger.Info("x", slog.Any("", p))
	logger.Info("y", slog.Any("", Owner{User: "bob"}))
	if got := lines.String(); !strings.Contains(got, "stream="+p.ID()+" user=ada address=192.0.2.1") || !strings.Contains(got, `user=bob address=""`) {
		t.Errorf("got %s", got)
	}
}

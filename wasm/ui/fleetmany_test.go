package ui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// While the pointer or the focus is among the servers none of them moves or goes, and the page offers to bring them into their
// order, saying how many would move. What the reader himself asks for is done at once.
func TestServersStandStillUnderTheReader(t *testing.T) {
	for _, query := range []string{"", "view=table"} {
		for _, by := range []string{"hold", "focus"} {
			t.Run(by+" "+query, func(t *testing.T) {
				s := spectating(t, harbour(t), query)
				s.ask(by, "true")
				at := s.now
				s.publish(at, s.event("server:error", "memory-mcp", at, map[string]any{"message": "out of memory"}),
					s.event("server:online", "newcomer", at, map[string]any{}))
				s.paint()
				if got := s.names(); got != allByNow+" newcomer" {
					t.Errorf("under the reader: %s", got)
				}
				if got := s.says("moved"); got != "Order changed, 2 servers" {
					t.Errorf("the offer says %q", got)
				}
				s.ask("sort", "")
				sorted := "memory-mcp " + inTrouble + " stripe-mcp browser-mcp github-mcp newcomer" + strings.TrimSuffix(strings.SplitN(allByNow, "github-mcp", 2)[1], " memory-mcp")
				if got := s.names(); got != sorted || s.says("moved") != "" {
					t.Errorf("sorted: %s and %q", got, s.says("moved"))
				}
				s.ask("find", "web")
				if got := s.names(); got != "web-search-us-2 web-search-eu-1" {
					t.Errorf("a filter of his own: %s", got)
				}
				s.ask("clear", "")
				// A server that no longer passes the filter stays as well, until the reader has gone.
				s.ask("state", fmt.Sprint(int(model.Busy)))
				at = s.now
				s.publish(at, s.event("server:online", "browser-mcp", at, map[string]any{}))
				s.paint()
				if got := s.names(); got != "browser-mcp github-mcp" || s.says("moved") != "Order changed, 1 server" {
					t.Errorf("filtered: %s and %q", got, s.says("moved"))
				}
				s.ask(by, "false")
				if got := s.names(); got != "github-mcp" || s.says("moved") != "" {
					t.Errorf("the reader has gone: %s and %q", got, s.says("moved"))
				}
			})
		}
	}
}

// manyServers is a fleet of n servers.
func manyServers(t *testing.T, n int) *world {
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	var list []event.Event
	for i := range n {
		list = append(list, w.event("server:online", fmt.Sprintf("web-%d", i), noon.Add(-time.Duration(i)*time.Second), map[string]any{}),
			w.event("metrics:cpu", fmt.Sprintf("web-%d", i), noon, map[string]any{"usage": i * 37 % 100}))
	}
	w.publish(noon, list...)
	return w
}

// Of many servers a page begins with some and says how many are left; those come a few a frame, and what is out of sight is not
// painted until it comes into it.
func TestManyServersComeBitByBit(t *testing.T) {
	for _, query := range []string{"", "view=table"} {
		t.Run(query, func(t *testing.T) {
			s := spectating(t, manyServers(t, model.MaxServers), query)
			count := func() int { return len(s.d.root.find("cards").kids) }
			if got, want := s.says("rest"), fmt.Sprintf("%d more servers are not drawn yet. ", model.MaxServers-firstDrawn); count() != firstDrawn || got != want {
				t.Errorf("%d servers at first, and it says %q; want %d and %q", count(), got, firstDrawn, want)
			}
			skip := func() {
				for _, c := range s.fleet().shown {
					if c.key != "s3" {
						s.fleet().skip("-" + c.key)
					}
				}
			}
			skip()
			for n := count(); n < model.MaxServers; n = count() {
				s.now = s.now.Add(16 * time.Millisecond)
				s.page.Paint(s.m, s.now)
				if more := count() - n; more < 1 || more > movesPerFrame {
					t.Fatalf("%d came with one frame, want 1 to %d", more, movesPerFrame)
				}
				skip()
			}
			s.paint()
			if got := s.says("rest"); got != "" {
				t.Errorf("all are there, and it says %q", got)
			}
			if !strings.HasPrefix(s.names(), "web-0 web-1 web-2 ") || !strings.HasSuffix(s.names(), " web-498 web-499") {
				t.Errorf("out of order: %s", s.names())
			}
			// What has come into sight since has its sparklines too.
			s.fleet().skip("+s90 ")
			s.paint()
			if n := s.d.root.find("s90-cpu-sp"); n == nil || len(n.kids) == 0 {
				t.Error("no sparkline of a server that came into sight")
			}
			s.fleet().skip("-s90 ")
			show := func() string { return s.says("s40-cpu") + ", " + s.says("s3-cpu") }
			at := s.now
			s.publish(at, s.event("metrics:cpu", "web-39", at, map[string]any{"usage": 11}), s.event("metrics:cpu", "web-2", at, map[string]any{"usage": 33}))
			s.paint()
			if got := show(); got != "43.0 %, 33.0 %" {
				t.Errorf("one out of sight and one in sight: %s", got)
			}
			s.fleet().skip("+s40 ")
			s.paint()
			if got := show(); got != "11.0 %, 33.0 %" {
				t.Errorf("come into sight: %s", got)
			}
			// The first servers, which the browser draws always, are painted unless the reader is further down.
			s.publish(s.now, s.event("metrics:cpu", "web-2", s.now, map[string]any{"usage": 44}))
			s.paint()
			if got := show(); got != "11.0 %, 33.0 %" {
				t.Errorf("the reader is further down: %s", got)
			}
			s.fleet().skip("-s40 ")
			s.paint()
			if got := show(); got != "11.0 %, 44.0 %" {
				t.Errorf("the reader is back: %s", got)
			}
			s.ask("order", "cpu")
			first := s.fleet().shown[0]
			if got := s.m.Server(first.id).CPU.Usage; got != 99 {
				t.Errorf("sorted by CPU the first has %v", got)
			}
			if names := strings.Fields(s.names()); len(names) != model.MaxServers || len(slices.Compact(slices.Sorted(slices.Values(names)))) != model.MaxServers {
				t.Errorf("%d servers after sorting", len(names))
			}
			for i, item := range s.d.root.find("cards").kids {
				if item.attrs["id"] != s.fleet().shown[i].key {
					t.Fatalf("the page has %s at %d, the painter thinks %s", item.attrs["id"], i, s.fleet().shown[i].key)
				}
			}
		})
	}
}

// The page tells of servers that there is no room for, and so does the page of each of them.
func TestServersBeyondTheBoundAreMentioned(t *testing.T) {
	w := manyServers(t, model.MaxServers+3)
	s := spectating(t, w, "")
	s.paint()
	if got, want := s.says("rest"), fmt.Sprintf("This page has room for %d servers; 3 more were heard.", model.MaxServers); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	_, d := mounted(t, w, ServerPath(fmt.Sprintf("web-%d", model.MaxServers+1)))
	if got := d.root.find("missing").words(); !strings.HasPrefix(got, "This server is heard, but this page has no room for it") {
		t.Errorf("of one of them: %q", got)
	}
	_, d = mounted(t, w, ServerPath("nobody"))
	if got := d.root.find("missing").words(); !strings.HasPrefix(got, "No event of a server with this name") {
		t.Errorf("of one that was never heard: %q", got)
	}
}

// Whatever order comes after whatever order, the page ends in it, with the fewest moves there can be.
func TestRising(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		list := random.Perm(random.IntN(9))
		most := 0
		for set := range 1 << len(list) {
			last, n := -1, 0
			for i, v := range list {
				if set&(1<<i) != 0 {
					if v < last {
						n = -100
					}
					last, n = v, n+1
				}
			}
			most = max(most, n)
		}
		last, n := -1, 0
		for i, stay := range rising(list) {
			if stay {
				if list[i] < last {
					t.Fatalf("%v: those that stay do not rise", list)
				}
				last, n = list[i], n+1
			}
		}
		if n != most {
			t.Fatalf("%v: %d stay, could be %d", list, n, most)
		}
	}
}

func TestNamesAreSortedAsTheyAreRead(t *testing.T) {
	want := []string{"Alpha", "beta", "web", "web-1", "web-02", "Web-2b", "web-10", "web-100", "web-a"}
	got := slices.Clone(want)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(got), func(i, k int) { got[i], got[k] = got[k], got[i] })
	slices.SortFunc(got, compareFold)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

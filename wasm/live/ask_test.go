package live

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// clerk answers what a Program asks.
type clerk struct {
	mu     sync.Mutex // guards what follows
	asked  []string
	status int
	fail   error

	me      string // the answer to who reads this
	readers int    // how often that was asked
}

func (c *clerk) call(_ context.Context, method, url string) (int, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url == meURL {
		c.readers++
		return c.status, []byte(c.me), c.fail
	}
	c.asked = append(c.asked, method+" "+url)
	body := `{"sessions":[{"id":"a b","agent":"curl/8"}],"max":2}`
	switch {
	case method == "DELETE":
		body = ""
	case strings.HasSuffix(url, "cluster"):
		body = `{"record":"shared","instances":[{"id":"aa"},{"id":"bb"}]}`
	}
	return c.status, []byte(body), c.fail
}

// told returns what was asked since, one a line.
func (c *clerk) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.asked = nil }()
	return strings.Join(c.asked, "\n")
}

func (c *clerk) answer(status int, fail error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.fail = status, fail
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clerk{status: 200}
		p := New(&source{}, Options{Call: c.call, Me: []byte(`{"user":"alice"}`)})
		p.frames = func(draw func()) frames { return &screen{draw: draw} }
		defer p.Stop()
		detach := p.Attach(func(*model.Model, time.Time) {})
		defer detach()
		synctest.Wait()
		sessions := func() (s model.Sessions) {
			p.View(func(m *model.Model, _ time.Time) { s = m.Sessions })
			return s
		}
		time.Sleep(time.Minute)
		if got := c.told(); got != "" {
			t.Errorf("asked without a page that shows it: %s", got)
		}
		p.View(func(m *model.Model, _ time.Time) {
			if m.Me == nil || m.Me.User != "alice" {
				t.Errorf("the page is for %+v", m.Me)
			}
		})
		p.Ask(model.AskSessions | model.AskCluster)
		synctest.Wait()
		if got, want := c.told(), "GET /api/sessions\nGET /api/cluster"; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		if s := sessions(); len(s.List) != 1 || s.Max != 2 || s.Failed != "" {
			t.Errorf("got %+v", s)
		}
		p.View(func(m *model.Model, _ time.Time) {
			if len(m.Cluster.Instances) != 2 {
				t.Errorf("got %+v", m.Cluster)
			}
		})
		p.Ask(model.AskSessions)
		synctest.Wait()
		c.told()
		time.Sleep(3*askAgain + time.Millisecond)
		synctest.Wait()
		if got := strings.Count(c.told(), "GET /api/sessions"); got < 2 || got > 3 {
			t.Errorf("asked %d times meanwhile, want every %v", got, askAgain)
		}

		for _, row := range []struct {
			status int
			fail   error
			want   string
		}{
			{0, errors.New("no route"), "can't be reached"}, {401, nil, "session has ended"}, {403, nil, "may not"}, {500, nil, "could not answer"},
		} {
			c.answer(row.status, row.fail)
			time.Sleep(askAgain)
			synctest.Wait()
			if s := sessions(); len(s.List) != 1 || !strings.Contains(s.Failed, row.want) {
				t.Errorf("%d, %v: got %+v, want %q", row.status, row.fail, s, row.want)
			}
		}

		c.answer(200, nil)
		p.Ask(0)
		synctest.Wait()
		c.told()
		p.EndSession("a b")
		synctest.Wait()
		if got, want := c.told(), "DELETE /api/sessions/a%20b\nGET /api/sessions"; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		if s := sessions(); s.Ending != "" || s.Failed != "" {
			t.Errorf("after ending one: %+v", s)
		}
		c.answer(500, nil)
		p.EndSession("x")
		synctest.Wait()
		if s := sessions(); s.Ending != "" || !strings.Contains(s.Failed, "could not answer") {
			t.Errorf("after ending failed: %+v", s)
		}
		c.told()
		time.Sleep(time.Minute)
		if got := c.told(); got != "" {
			t.Errorf("asked when nothing shows it any more: %s", got)
		}
	})
}

// Tabs of readers who may not see the same do not share a stream.
func TestTabsKeepReadersApart(t *testing.T) {
	alice, bob := model.ReadMe([]byte(`{"user":"alice","servers":"*"}`)), model.ReadMe([]byte(`{"user":"bob","servers":"web-*"}`))
	a, b := NewTabs(&source{}, nil, "1", alice.Key()), NewTabs(&source{}, nil, "2", bob.Key())
	if a.name == b.name || a.name != NewTabs(&source{}, nil, "3", alice.Key()).name {
		t.Errorf("tabs find each other by %q and %q", a.name, b.name)
	}
}

// Who reads the page is asked when the server answers again and when a page was loaded in another tab, and not where everybody may read.
func TestWhoReads(t *testing.T) {
	for _, tt := range []struct {
		me    string
		asked bool
	}{{`{"user":"alice","expires":"2026-05-12T12:00:00Z"}`, true}, {`{"open":true}`, false}, {``, false}} {
		synctest.Test(t, func(t *testing.T) {
			c := &clerk{status: 200, me: `{"user":"alice","expires":"2026-05-12T13:00:00Z"}`}
			p := New(&source{}, Options{Call: c.call, Me: []byte(tt.me)})
			p.frames = func(draw func()) frames { return &screen{draw: draw} }
			defer p.Stop()
			detach := p.Attach(func(*model.Model, time.Time) {})
			defer detach()
			until := func() (s string) {
				p.View(func(m *model.Model, _ time.Time) {
					if m.Me != nil && !m.Me.Expires.IsZero() {
						s = m.Me.Expires.Format("15:04")
					}
				})
				return s
			}
			want := func(when, expires string, times int) {
				t.Helper()
				synctest.Wait()
				if !tt.asked {
					expires, times = "", 0
				}
				if got := until(); got != expires || c.readers != times {
					t.Errorf("%s, %s: until %q, asked %d times, want %q and %d", tt.me, when, got, c.readers, expires, times)
				}
			}
			want("live", "13:00", 1)
			c.me = `{"user":"alice","expires":"2026-05-12T14:00:00Z"}`
			p.asked.anew() // as browser.OnReader says
			want("signed in elsewhere", "14:00", 2)
			c.me = `{"user":"alice","expires":"2026-05-12T15:00:00Z"}`
			p.Retry()
			want("another connection", "15:00", 3)
			c.answer(401, nil)
			p.asked.anew()
			want("signed out", "15:00", 4)
		})
	}
}

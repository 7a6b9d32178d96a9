package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// tab opens another tab in the same browser, with the same profile.
func (b *browser) tab() *browser {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	other := &browser{t: b.t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cancel)
	return other
}

// A gate stands before a server and counts the streams that go through it.
type gate struct {
	url    string
	mu     sync.Mutex // guards what follows
	open   int
	opened int
}

func gateTo(t *testing.T, s *server) *gate {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			g.count(1)
			defer g.count(-1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	g.url = front.URL
	return g
}

func (g *gate) count(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open += n
	g.opened += max(n, 0)
}

func (g *gate) streams() (open, opened int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open, g.opened
}

// Ten tabs of one browser are one stream. Whoever leads may close or crash: the others go on, miss nothing, and don't say
// that they were away.
func TestTenTabsOneStream(t *testing.T) {
	t.Parallel()
	const tabs = 10
	s := serve(t, "--no-host", "--heartbeat", "1s")
	s.publish("web-1", lines(1, 3))
	g := gateTo(t, s)
	all := []*browser{open(t)}
	for len(all) < tabs {
		all = append(all, all[0].tab())
	}
	for _, b := range all {
		b.visit(g.url + "/servers/web-1")
		b.live()
		// A page may be hidden in a test, where it has no frames; what it knows is told on request all the same.
		eval[any](b, `window.said = []; new MutationObserver(() => {
			const word = document.querySelector("#pill-in b")?.innerText; if (word && word !== said.at(-1)) said.push(word);
		}).observe(document.body, {subtree: true, childList: true, characterData: true}); null`)
	}
	one := func(when string) {
		t.Helper()
		eventually(t, "one stream "+when, func() (bool, string) {
			n, _ := g.streams()
			return n == 1, fmt.Sprintf("%d streams", n)
		})
	}
	one("for ten tabs")
	n := 3
	next := func(open []*browser) {
		t.Helper()
		s.publish("web-1", lines(n+1, n+5))
		n += 5
		for i, b := range open {
			call(b, page.BringToFront, cdp.Empty{})
			b.wait(fmt.Sprintf("line %d in tab %d", n, i), rowsShow(fmt.Sprintf("line %d", n)))
			sameList(t, fmt.Sprintf("tab %d", i), b.texts("#log-rows .r > span"), numbered(1, n))
		}
	}
	next(all)

	t.Run("the leader closes", func(t *testing.T) {
		leader := leaderOf(t, all)
		closing := all[leader]
		all = append(all[:leader:leader], all[leader+1:]...)
		if leader == 0 {
			// The first tab is the browser's own in chromedp: it goes elsewhere instead.
			closing.visit("about:blank")
		} else {
			call(closing, page.Close, cdp.Empty{})
		}
		next(all)
		one("for nine tabs")
	})
	t.Run("the leader crashes", func(t *testing.T) {
		leader := leaderOf(t, all)
		crashing := all[leader]
		all = append(all[:leader:leader], all[leader+1:]...)
		ctx, cancel := context.WithTimeout(crashing.ctx, time.Second)
		defer cancel()
		_, _ = chromedp.Call(ctx, page.Crash, cdp.Empty{}) // there is nobody left to answer
		next(all)
		one("for eight tabs")
	})
	for i, b := range all {
		if said := eval[[]string](b, `said`); len(said) > 1 || len(said) == 1 && said[0] != "Live" {
			t.Errorf("tab %d said %s, want nothing but Live", i, strings.Join(said, ", "))
		}
	}
}

// leaderOf returns which of the tabs has the connection.
func leaderOf(t *testing.T, all []*browser) (leader int) {
	t.Helper()
	leader = -1
	for i, b := range all {
		call(b, page.BringToFront, cdp.Empty{})
		b.wait("a word on the connection", `document.getElementById("continuity-in").innerText.includes("Connection") || document.getElementById("pill").click()`)
		if !strings.Contains(eval[string](b, `document.getElementById("continuity-in").textContent`), "reads through another one") {
			leader = i
			break
		}
	}
	if leader < 0 {
		t.Fatal("no tab says that the connection is its own")
	}
	return leader
}

package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/browser"
)

// window is a browser with tabs: what one posts reaches the others in order, a moment later, and one has the lock.
type window struct {
	mu     sync.Mutex
	tabs   []*tab
	holder *request
	queue  []*request
}

type request struct{ got, lost func() }

// tab is what one tab sees of the window.
type tab struct {
	w       *window
	receive chan browser.Note
	frozen  atomic.Bool // hears nothing and says nothing
}

func (w *window) tab(t *testing.T) *tab {
	one := &tab{w: w, receive: make(chan browser.Note, 10_000)}
	w.mu.Lock()
	w.tabs = append(w.tabs, one)
	w.mu.Unlock()
	return one
}

func (*tab) Shared() bool { return true }

func (o *tab) Channel(_ string, receive func(browser.Note)) (post func(browser.Note), hangUp func()) {
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case n := <-o.receive:
				receive(n)
			}
		}
	}()
	post = func(n browser.Note) {
		n.Data = slices.Clone(n.Data)
		o.w.mu.Lock()
		defer o.w.mu.Unlock()
		for _, other := range o.w.tabs {
			if other != o && !other.frozen.Load() && !o.frozen.Load() {
				other.receive <- n
			}
		}
	}
	return post, sync.OnceFunc(func() { close(stop) })
}

func (o *tab) Lock(_ string, steal bool, got, lost func()) (release func()) {
	r := &request{got, lost}
	w := o.w
	w.mu.Lock()
	if steal {
		if w.holder != nil {
			go w.holder.lost()
		}
		w.holder = r
		go got()
	} else {
		w.queue = append(w.queue, r)
		w.grant()
	}
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = slices.DeleteFunc(w.queue, func(q *request) bool { return q == r })
		if w.holder == r {
			w.holder = nil
			w.grant()
		}
	}
}

func (w *window) grant() {
	if w.holder == nil && len(w.queue) > 0 {
		w.holder, w.queue = w.queue[0], w.queue[1:]
		go w.holder.got()
	}
}

// reading is a tab that follows the stream.
type reading struct {
	*Tabs
	tab    *tab
	client *feed.Client
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	got    []uint64
	phases []string
	last   feed.Batch
}

func (w *window) read(t *testing.T, src feed.Source) *reading {
	r := &reading{tab: w.tab(t), ended: make(chan struct{})}
	r.Tabs = NewTabs(src, r.tab, fmt.Sprint("tab", len(w.tabs)), "")
	r.client = &feed.Client{Source: r.Tabs, Silence: -1, Handle: func(b feed.Batch) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range b.Events {
			if e.Class() != event.Control {
				r.got = append(r.got, e.ID.Seq)
			}
		}
		if p := b.State.Phase.String(); len(r.phases) == 0 || r.phases[len(r.phases)-1] != p {
			r.phases = append(r.phases, p)
		}
		r.last = b
		r.last.Events = nil
	}}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	go func() {
		defer close(r.ended)
		_ = r.client.Run(ctx)
	}()
	synctest.Wait()
	return r
}

// close is what closing a tab does.
func (r *reading) close() {
	r.cancel()
	<-r.ended
	r.Rest()
}

// has fails the test unless the tab has had every event up to n, once, in order.
func (r *reading) has(t *testing.T, n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, seq := range r.got {
		if seq != uint64(i)+1 {
			t.Fatalf("%s: event %d is number %d: %v", r.self, i, seq, r.got)
		}
	}
	if len(r.got) != n {
		t.Errorf("%s has %d events, want %d", r.self, len(r.got), n)
	}
}

func (s *source) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked) - s.hungUp
}

// cut ends all connections.
func (s *source) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range s.streams {
		close(out)
	}
	s.streams = nil
}

func (s *source) publishSome(t *testing.T, n int) {
	for range n {
		s.publish(t, busy)
	}
	synctest.Wait()
}

func TestOneStreamForAllTabs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &window{}
		src.publishSome(t, 3)
		var tabs []*reading
		for range 10 {
			tabs = append(tabs, w.read(t, src))
		}
		time.Sleep(time.Second)
		src.publishSome(t, 5)
		if n := src.open(); n != 1 {
			t.Errorf("%d streams for ten tabs", n)
		}
		for i, r := range tabs {
			r.has(t, 8)
			if r.Joined() != (i > 0) {
				t.Errorf("tab %d: joined %v", i, r.Joined())
			}
		}

		// The leader closes: the next one leads, and nobody misses anything or says that it was away.
		tabs[0].close()
		src.publishSome(t, 5)
		synctest.Wait()
		src.publishSome(t, 5)
		if n := src.open(); n != 1 {
			t.Errorf("%d streams for nine tabs", n)
		}
		for _, r := range tabs[1:] {
			r.has(t, 18)
			if got := strings.Join(r.phases, " > "); got != "connecting > catching up > live" && got != "connecting > live" {
				t.Errorf("%s went %s", r.self, got)
			}
			if n := r.last.Account.Reconnects; n != 0 {
				t.Errorf("%s counts %d reconnects", r.self, n)
			}
		}
		for _, r := range tabs[1:] {
			r.close()
			src.publishSome(t, 1)
		}
		if n := src.open(); n != 0 {
			t.Errorf("%d streams for no tab", n)
		}
	})
}

func TestTabsTakeOverFromWhoDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &window{}
		src.publishSome(t, 1)
		leader, second, third := w.read(t, src), w.read(t, src), w.read(t, src)
		third.SetSeen(false)
		time.Sleep(time.Minute)
		if !second.Joined() || !third.Joined() {
			t.Fatal("not joined")
		}
		leader.tab.frozen.Store(true)
		src.publishSome(t, 5)
		time.Sleep((maxUnanswered + 2) * askEvery)
		src.publishSome(t, 5)
		second.has(t, 11)
		third.has(t, 11)
		if second.Joined() || !third.Joined() {
			t.Errorf("second joined %v, third %v: who is looked at is to lead", second.Joined(), third.Joined())
		}
		leader.tab.frozen.Store(false) // and learns that it was taken from it
		time.Sleep(askEvery)
		src.publishSome(t, 1)
		leader.has(t, 12)
		second.has(t, 12)
		if n := src.open(); n != 1 {
			t.Errorf("%d streams, want 1", n)
		}
		for _, r := range []*reading{leader, second, third} {
			r.close()
		}
	})
}

func TestTabsPreferTheOneThatIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &window{}
		src.publishSome(t, 1)
		a, b := w.read(t, src), w.read(t, src)
		b.SetSeen(false)
		time.Sleep(time.Minute)
		a.SetSeen(false)
		b.SetSeen(true)
		time.Sleep(askEvery / 2)
		if !b.Joined() {
			t.Error("the stream moved at once: flipping through tabs is to cost nothing")
		}
		time.Sleep(time.Minute)
		src.publishSome(t, 3)
		if b.Joined() || !a.Joined() || src.open() != 1 {
			t.Errorf("a joined %v, b %v, %d streams", a.Joined(), b.Joined(), src.open())
		}
		a.has(t, 4)
		b.has(t, 4)
		a.close()
		b.close()
	})
}

func TestTabsOutliveALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &window{}
		src.publishSome(t, 1)
		var tabs []*reading
		for range 4 {
			tabs = append(tabs, w.read(t, src))
		}
		for i := range 5 {
			src.cut()
			src.publishSome(t, 2)
			time.Sleep(10 * time.Second)
			src.publishSome(t, 2)
			for _, r := range tabs {
				r.has(t, 1+4*(i+1))
			}
			if n := len(src.streams); n == 0 || src.open() > 5+i {
				t.Errorf("%d streams", n)
			}
		}
		for _, r := range tabs {
			r.close()
		}
	})
}

func TestATabWithoutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publishSome(t, 1)
		tabs := NewTabs(src, browser.Tabs{}, "only", "")
		answer, err := tabs.Open(t.Context(), feed.Request{})
		if err != nil || answer.Status != 200 || tabs.Joined() {
			t.Fatalf("got %v, %v", answer, err)
		}
		answer.Body.Close()
		tabs.SetSeen(true)
		tabs.Rest()
	})
}

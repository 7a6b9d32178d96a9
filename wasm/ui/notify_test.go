package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// alerted is a browser that notes what it is told.
type alerted struct {
	title      string
	titles     int
	badge      []int
	focused    bool
	permission string
	asked      func(permission string)
	shown      map[string]browser.Notice
	shows      []string // titles, in order
	kept       map[string]string
}

func newAlerted(permission string) *alerted {
	return &alerted{permission: permission, shown: map[string]browser.Notice{}, kept: map[string]string{}}
}

func (a *alerted) Title(t string)                { a.title, a.titles = t, a.titles+1 }
func (a *alerted) Badge(n int)                   { a.badge = append(a.badge, n) }
func (a *alerted) Focused() bool                 { return a.focused }
func (a *alerted) Permission() string            { return a.permission }
func (a *alerted) Ask(answered func(string))     { a.asked = answered }
func (a *alerted) Show(n browser.Notice)         { a.shown[n.Tag], a.shows = n, append(a.shows, n.Title) }
func (a *alerted) Close(tag string)              { delete(a.shown, tag) }
func (a *alerted) Remembered(name string) string { return a.kept[name] }
func (a *alerted) Remember(name, value string)   { a.kept[name] = value }

func (w *world) fails(at time.Time, server string) {
	w.publish(at, w.event("server:error", server, at, map[string]any{"message": "no room left\non /var"}))
}

func (w *world) recovers(at time.Time, server string) {
	w.publish(at, w.event("server:online", server, at, nil))
}

// The title and the icon count the servers in trouble, once a second at most; they say nothing of none, and say so when they do not know.
func TestTitleCountsTrouble(t *testing.T) {
	w := newWorld(t)
	a := newAlerted(browser.PermissionDefault)
	watch := NewWatch(a)
	watch.Name("Fleet · Telltale")
	at := noon
	see := func(after time.Duration, leads bool, want string) {
		t.Helper()
		at = at.Add(after)
		watch.Watch(w.m, at, leads)
		if a.title != want {
			t.Errorf("%v: the title is %q, want %q", at.Sub(noon), a.title, want)
		}
	}
	see(0, true, "Fleet · Telltale") // nothing is known yet
	w.begin(noon)
	see(time.Second, true, "Fleet · Telltale")
	w.fails(at, "a")
	w.fails(at, "b")
	see(999*time.Millisecond, true, "Fleet · Telltale")
	see(time.Millisecond, true, "(2) Fleet · Telltale")
	watch.Name("a · Telltale")
	see(time.Millisecond, true, "(2) a · Telltale")
	before := a.titles
	for range 50 {
		w.recovers(at, "a")
		w.fails(at, "a")
		see(10*time.Millisecond, true, "(2) a · Telltale")
	}
	if a.titles != before {
		t.Errorf("it was written %d times though nothing had changed when it might", a.titles-before)
	}
	// A short interruption is none.
	w.phase(feed.Reconnecting, at, nil)
	see(time.Second, true, "(2) a · Telltale")
	see(9*time.Second, true, "(2) a · Telltale")
	see(2*time.Second, true, "(?) a · Telltale")
	w.phase(feed.Live, at, nil)
	see(time.Second, true, "(2) a · Telltale")
	w.recovers(at, "a")
	w.recovers(at, "b")
	see(time.Second, true, "a · Telltale")
	if want := []int{0, 2, -1, 2, 0}; !slices.Equal(a.badge, want) {
		t.Errorf("the icon said %v, want %v", a.badge, want)
	}
	// Only the tab that leads writes to the icon, which is one for all; who comes to lead says it anew.
	w.fails(at, "a")
	see(time.Second, false, "(1) a · Telltale")
	if n := len(a.badge); n != 5 {
		t.Error("a tab that does not lead wrote to the icon")
	}
	see(time.Millisecond, true, "(1) a · Telltale")
	if n := len(a.badge); n != 6 || a.badge[5] != 1 {
		t.Errorf("the tab that leads now said %v", a.badge)
	}
}

func TestNotifications(t *testing.T) {
	failed := map[string]any{"id": "d 1", "version": "2.8.1", "stage": "building", "error": "checksum mismatch\nsecond line"}
	for _, tt := range []struct {
		name   string
		choose []string // servers, "" for all
		set    func(a *alerted)
		leads  bool
		tell   func(w *world, at time.Time)
		want   []string // tag, title, body and path
	}{
		{"an error", []string{"a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "a") },
			[]string{"server a|a: error|no room left|/servers/a"}},
		{"offline unasked", []string{"a"}, nil, true, func(w *world, at time.Time) {
			w.publish(at, w.event("server:offline", "a", at, map[string]any{"reason": "2 heartbeats missed"}))
		}, []string{"server a|a went offline|2 heartbeats missed|/servers/a"}},
		{"offline as asked", []string{"a"}, nil, true, func(w *world, at time.Time) {
			w.publish(at, w.event("server:offline", "a", at, map[string]any{"reason": "stopped"}))
		}, nil},
		{"a deployment", []string{"a"}, nil, true, func(w *world, at time.Time) {
			w.publish(at, w.event("deployment:started", "a", at, failed), w.event("deployment:failed", "a", at, failed))
		}, []string{"deployment a|a: deployment of 2.8.1 failed|checksum mismatch|/servers/a?deployment=d+1"}},
		{"of another", []string{"a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "b") }, nil},
		{"of all", []string{""}, nil, true, func(w *world, at time.Time) { w.fails(at, "b") }, []string{"server b|b: error|no room left|/servers/b"}},
		{"of all but one", []string{"", "a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"chosen and taken back", []string{"a", "a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"nobody asked", nil, nil, true, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"another tab leads", []string{"a"}, nil, false, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"the page is looked at", []string{"a"}, func(a *alerted) { a.focused = true }, true, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"permission was withdrawn", []string{"a"}, func(a *alerted) { a.permission = browser.PermissionDenied }, true, func(w *world, at time.Time) { w.fails(at, "a") }, nil},
		{"well again", []string{"a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "a"); w.recovers(at, "a") }, nil},
		{"said twice", []string{"a"}, nil, true, func(w *world, at time.Time) { w.fails(at, "a"); w.fails(at, "a") },
			[]string{"server a|a: error|no room left|/servers/a"}},
		{"missed while away", []string{"a"}, nil, true, func(w *world, at time.Time) {
			w.control("stream:sync", at, `{"mode":"resumed"}`)
			w.publish(at, w.event("server:error", "a", at.Add(-2*time.Minute), map[string]any{"message": "no room left"}))
			w.control("stream:heartbeat", at, `{}`)
		}, nil},
		{"as this tab takes over", []string{"a"}, nil, true, func(w *world, at time.Time) {
			w.control("stream:sync", at, `{"mode":"resumed"}`)
			w.fails(at, "a")
			w.control("stream:heartbeat", at, `{}`)
		}, []string{"server a|a: error|no room left|/servers/a"}},
		{"a stranger's name", []string{""}, nil, true, func(w *world, at time.Time) { w.fails(at, "x\u202e<b>&amp;"+strings.Repeat("y", 120)) },
			[]string{"server x\u202e<b>&amp;" + strings.Repeat("y", 120) + "|x\ufffd<b>&amp;" + strings.Repeat("y", 68) + "…: error|no room left|" + ServerPath("x\u202e<b>&amp;"+strings.Repeat("y", 120))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon)
			a := newAlerted(browser.PermissionGranted)
			watch := NewWatch(a)
			watch.Watch(w.m, noon, tt.leads)
			for _, of := range tt.choose {
				watch.Choose(of, func() {})
			}
			if tt.set != nil {
				tt.set(a)
			}
			tt.tell(w, noon.Add(time.Second))
			watch.Watch(w.m, noon.Add(time.Second), tt.leads)
			var got []string
			for tag, n := range a.shown {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s", tag, n.Title, n.Body, n.Path))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What the page began with is no news.
func TestNothingIsToldOfThePicture(t *testing.T) {
	w := newWorld(t)
	w.begin(noon)
	w.fails(noon, "a")
	a := newAlerted(browser.PermissionGranted)
	watch := NewWatch(a)
	watch.Choose("", func() {})
	watch.Watch(w.m, noon, true)
	if len(a.shown) != 0 {
		t.Errorf("told of %v", a.shown)
	}
}

// Many at a time become one.
func TestManyNotificationsBecomeOne(t *testing.T) {
	w := newWorld(t)
	w.begin(noon)
	a := newAlerted(browser.PermissionGranted)
	watch := NewWatch(a)
	watch.Watch(w.m, noon, true)
	watch.Choose("", func() {})
	at := noon
	fail := func(after time.Duration, servers ...string) {
		at = at.Add(after)
		for _, s := range servers {
			w.fails(at, s)
		}
		watch.Watch(w.m, at, true)
	}
	shown := func(want ...string) {
		t.Helper()
		var got []string
		for _, n := range a.shown {
			got = append(got, n.Title+": "+n.Body)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("shown %q, want %q", got, want)
		}
	}
	fail(time.Second, "a", "b")
	fail(time.Second, "c")
	shown("a: error: no room left", "b: error: no room left", "c: error: no room left")
	fail(time.Second, "d", "e")
	shown("5 servers are in trouble: e, d, c, b and 1 more")
	if p := a.shown[burstTag].Path; p != "/" {
		t.Errorf("it leads to %s", p)
	}
	fail(9*time.Second, "f")
	shown("6 servers are in trouble: f, e, d, c and 2 more")
	n := len(a.shows)
	fail(11*time.Second, "g") // it is quiet again
	if len(a.shows) != n+1 || a.shows[n] != "g: error" {
		t.Errorf("after a pause it said %q", a.shows[n:])
	}
	// Slowly one after the other they stay what they are.
	for i := range 10 {
		fail(5*time.Second, fmt.Sprint("s", i))
	}
	if last := a.shows[len(a.shows)-1]; last != "s9: error" {
		t.Errorf("at a slow pace it said %q", last)
	}
	fail(time.Second, strings.Split(strings.Repeat("x", 60), "")...)
	for i := range 3 * model.MaxTurns {
		fail(time.Second, fmt.Sprint("t", i))
	}
	if len(a.shown) > 20 || len(watch.burst.told) > maxBurst {
		t.Errorf("%d are shown, %d are remembered", len(a.shown), len(watch.burst.told))
	}
}

// What says that many are in trouble is gone when they are not, however long that took and whichever tab notices.
func TestNoTroubleIsLeftShown(t *testing.T) {
	servers := strings.Split("abcde", "")
	for _, c := range []struct {
		name  string
		first func(w *world, watch *Watch, at time.Time) *Watch // after the five came into trouble
	}{
		{"at once", func(_ *world, watch *Watch, _ time.Time) *Watch { return watch }},
		{"another one later", func(w *world, watch *Watch, at time.Time) *Watch {
			w.fails(at, "f")
			watch.Watch(w.m, at, true)
			w.recovers(at, "f")
			watch.Watch(w.m, at, true)
			return watch
		}},
		{"another tab", func(w *world, watch *Watch, at time.Time) *Watch {
			next := NewWatch(watch.alerts)
			next.Watch(w.m, at, true)
			return next
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon)
			a := newAlerted(browser.PermissionGranted)
			watch := NewWatch(a)
			watch.Choose("", func() {})
			watch.Watch(w.m, noon, true)
			for _, s := range servers {
				w.fails(noon, s)
			}
			watch.Watch(w.m, noon, true)
			if len(a.shown) != 1 || a.shown[burstTag].Title != "5 servers are in trouble" {
				t.Fatalf("shown %v", a.shown)
			}
			at := noon.Add(time.Minute)
			watch = c.first(w, watch, at)
			for i, s := range servers {
				if len(a.shown) != 1 {
					t.Fatalf("%d of 5 are well, and shown is %v", i, a.shown)
				}
				w.recovers(at, s)
				watch.Watch(w.m, at, true)
			}
			if len(a.shown) != 0 {
				t.Errorf("all are well, and shown is %v", a.shown)
			}
			// Whoever comes into trouble next is one.
			w.fails(at, "a")
			watch.Watch(w.m, at, true)
			if last := a.shows[len(a.shows)-1]; last != "a: error" {
				t.Errorf("then it said %q", last)
			}
		})
	}
}

// The browser is asked only when a reader asks, and what he is told then says what became of it.
func TestChoosing(t *testing.T) {
	a := newAlerted(browser.PermissionDefault)
	watch := NewWatch(a)
	watch.Name("a")
	changed := make(chan struct{}, 1)
	begin := func(of string) { watch.Choose(of, func() { changed <- struct{}{} }) }
	choose := func(of string) {
		begin(of)
		<-changed
	}
	answer := func(permission string) {
		t.Helper()
		if a.asked == nil {
			t.Fatal("nobody was asked")
		}
		a.permission = permission
		a.asked(permission)
		a.asked = nil
		<-changed
	}
	expect := func(what, server string, wants bool, why string) {
		t.Helper()
		if watch.Wants(server) != wants || !strings.HasPrefix(watch.Why(server), why) || why == "" && watch.Why(server) != "" {
			t.Errorf("%s: told of %q: %v, because %q", what, server, watch.Wants(server), watch.Why(server))
		}
	}
	if a.asked != nil || watch.Awake() {
		t.Error("asked before anybody wanted anything")
	}
	begin("a")
	if len(changed) != 0 || watch.Wants("a") {
		t.Error("chosen before the browser answered")
	}
	answer(browser.PermissionDefault)
	expect("not answered", "a", false, "The browser was not allowed")
	begin("a")
	answer(browser.PermissionDenied)
	expect("refused", "a", false, "This browser blocks")
	expect("that is of a", "b", false, "")
	choose("a")
	expect("refused before", "a", false, "This browser blocks")
	if a.asked != nil {
		t.Error("asked again though it was refused")
	}
	a.permission = browser.PermissionNone
	choose("a")
	expect("none here", "a", false, "This browser has no")
	a.permission = browser.PermissionGranted
	choose("a")
	expect("granted", "a", true, "You are told")
	expect("granted", "b", false, "")
	if !watch.Awake() {
		t.Error("the page would go to sleep")
	}
	watch.Name("b")
	expect("on another page", "a", true, "")

	// Another tab, and the next visit, have the same choice.
	next := NewWatch(a)
	next.Name("a")
	if !next.Wants("a") || next.Wants("b") || next.Wants("") {
		t.Errorf("the next visit: %q", a.kept)
	}
	next.Choose("", func() {})
	next.Choose("b", func() {})
	watch.Watch(model.New(), noon, true)
	if !watch.Wants("") || !watch.Wants("a") || watch.Wants("b") {
		t.Errorf("the other tab: %q", a.kept)
	}
	watch.Choose("", func() {})
	if watch.Awake() || watch.Wants("a") {
		t.Errorf("all off: %q", a.kept)
	}
	for i := range 3 * maxChosen {
		watch.Choose(fmt.Sprint("s", i), func() {})
	}
	if n := strings.Count(a.kept[chosenKey], "\n"); n != maxChosen || !watch.Wants(fmt.Sprint("s", 3*maxChosen-1)) {
		t.Errorf("%d are remembered", n)
	}
}

// A page that belongs to no browser is as quiet as can be.
func TestZeroWatch(t *testing.T) {
	for _, w := range []*Watch{nil, new(Watch)} {
		w.Name("x")
		w.Watch(model.New(), noon, true)
		w.Choose("a", func() { t.Error("something changed") })
		if w.Wants("a") || w.Awake() || w.Why("a") != "" {
			t.Error("it wants something")
		}
	}
}

// forgetful is a browser that remembers nothing.
type forgetful struct{ *alerted }

func (forgetful) Remember(string, string) {}

// A choice that can't be remembered holds while the page is open.
func TestChoiceOfAPage(t *testing.T) {
	watch := NewWatch(forgetful{newAlerted(browser.PermissionGranted)})
	for _, want := range []bool{true, false, true} {
		watch.Choose("a", func() {})
		watch.Name("b")
		if watch.Wants("a") != want || watch.Awake() != want {
			t.Errorf("wants %v, awake %v; want %v", watch.Wants("a"), watch.Awake(), want)
		}
	}
}

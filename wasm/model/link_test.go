package model

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

func TestAged(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.pass(time.Second)
		w.say("measured", "metrics:cpu", `{"usage":1}`)
	}
	w.say("measured", "server:online", "")
	w.say("gone", "metrics:cpu", `{"usage":1}`)
	w.pass(time.Second)
	w.say("gone", "metrics:cpu", `{"usage":1}`)
	w.say("gone", "server:offline", "")
	w.say("silent", "server:online", "")
	aged := func(after time.Duration) (s string) {
		for _, id := range []string{"measured", "gone", "silent"} {
			if w.m.Aged(w.m.Server(id), w.now.Add(after)) {
				s += id + " "
			}
		}
		return s
	}
	equal(t, "live", aged(0), "")
	equal(t, "two intervals without a word", aged(10*time.Second), "measured ")
	w.link(feed.CatchingUp)
	equal(t, "catching up", aged(time.Hour), "")
	w.link(feed.Reconnecting)
	equal(t, "not live", aged(0), "measured gone silent ")
}

func TestAWrongClockDoesNotAge(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.pass(time.Second)
		past := noon.Add(time.Duration(i)*time.Second - 3*time.Hour)
		w.say("s", "metrics:cpu", `{"usage":1,"timestamp":"`+past.Format(time.RFC3339)+`"}`)
	}
	w.say("s", "server:online", "")
	equal(t, "aged", w.m.Aged(w.m.Server("s"), w.now), false)
}

// A clock that was set makes nobody heard in the future, where he would pass for heard until then.
func TestAClockThatWasSet(t *testing.T) {
	w := newWorld(t)
	set := time.Duration(0) // how far this device's clock is ahead of the server's, which is right
	beat := func() {
		here := w.now
		w.now = here.Add(set)
		w.control("stream:heartbeat", `{"serverTime":"`+here.Format(time.RFC3339)+`"}`)
		w.now = here
	}
	run := func(seconds int) {
		for i := range seconds {
			w.pass(time.Second)
			e := w.make("s", "metrics:cpu", `{"usage":1}`)
			w.now = w.now.Add(set)
			w.batch(e)
			w.now = w.now.Add(-set)
			if i%15 == 0 {
				beat()
			}
		}
	}
	w.say("s", "server:online", "")
	run(60)
	set = time.Hour
	run(300)
	equal(t, "skew", w.m.Skew(), -time.Hour)
	equal(t, "aged while it is heard", w.m.Aged(w.m.Server("s"), w.now.Add(set)), false)
	if ahead := w.m.Server("s").Seen.Sub(w.now); ahead > 0 {
		t.Errorf("heard %v from now", ahead)
	}
	for range 8 {
		w.pass(15 * time.Second)
		beat()
	}
	equal(t, "aged, silent for two minutes", w.m.Aged(w.m.Server("s"), w.now.Add(set)), true)
}

// A picture that was made in what is the future by this clock is no more fresh than one of as long ago.
func TestAPictureOfAnotherClockIsAged(t *testing.T) {
	for _, tt := range []struct {
		made time.Duration // before it is shown
		want bool
	}{{0, false}, {PictureFresh, false}, {-PictureFresh, false}, {time.Hour, true}, {-time.Hour, true}} {
		m := New()
		m.Link.Phase, m.Link.Picture = feed.Connecting, noon.Add(-tt.made)
		equal(t, tt.made.String(), m.Aged(newServer("s"), noon), tt.want)
	}
}

func TestTheServersClock(t *testing.T) {
	w := newWorld(t)
	ahead := func(d time.Duration) string {
		return `{"serverTime":"` + w.now.Add(d).UTC().Format(time.RFC3339Nano) + `"}`
	}
	for _, late := range []time.Duration{80, 20, 900, 40, 55, 60, 70, 90} {
		w.pass(15 * time.Second)
		w.control("stream:heartbeat", ahead(time.Minute-late*time.Millisecond))
	}
	equal(t, "skew", w.m.Skew(), time.Minute-20*time.Millisecond)
	equal(t, "now", w.m.Now(w.now), w.now.Add(w.m.Skew()))
}

// A page that slept gets all that was sent meanwhile at once: it is not its clock that is wrong.
func TestAPageThatSlept(t *testing.T) {
	w := newWorld(t)
	w.say("s", "server:online", "")
	for range 3 {
		w.pass(15 * time.Second)
		w.say("s", "metrics:cpu", `{"usage":1}`)
		w.beat()
	}
	seen := w.m.Server("s").Seen
	w.pass(time.Hour)
	for i := range 239 { // each in a piece of its own
		sent := w.now.Add(-time.Hour + time.Duration(i+1)*15*time.Second)
		w.control("stream:heartbeat", `{"serverTime":"`+sent.Format(time.RFC3339)+`"}`)
		w.pass(time.Millisecond)
	}
	equal(t, "skew", w.m.Skew(), 0)
	equal(t, "heard", w.m.Server("s").Seen, seen)
}

func TestLinkKeepsItsHistory(t *testing.T) {
	w := newWorld(t)
	w.pass(10 * time.Minute)
	w.state.Heard = w.now
	w.state.Lost = w.now
	w.pass(30 * time.Second) // silent, and noticed only now
	w.state.Reason = "nothing was heard for two heartbeats"
	w.link(feed.Stale)
	w.state.Failures = 1
	w.link(feed.Reconnecting)
	w.state.Failures = 3
	w.link(feed.Reconnecting)
	w.pass(time.Minute)
	w.state.Phase, w.state.Since, w.state.Failures = feed.CatchingUp, w.now, 0
	w.control("stream:sync", `{"mode":"resumed"}`)
	w.say("s", "server:online", "")
	w.say("s", "server:busy", "")
	w.state.Phase = feed.Live
	w.beat()
	lost := noon.Add(10 * time.Minute)
	b := w.m.Link.Breaks
	if len(b) != 1 || !b[0].From.Equal(lost) || !b[0].To.Equal(w.now) || b[0].Fetched != 2 || b[0].Tries != 4 || b[0].Lost || b[0].Reason != w.state.Reason {
		t.Errorf("breaks: got %+v", b)
	}
	var got []string
	for i, s := range w.m.Link.Thread {
		got = append(got, s.Phase.String())
		if i > 0 && !w.m.Link.Thread[i-1].To.Equal(s.From) {
			t.Errorf("stretch %d begins at %v, the one before ends at %v", i, s.From, w.m.Link.Thread[i-1].To)
		}
	}
	equal(t, "thread", strings.Join(got, " > "), "connecting > catching up > live > stale > reconnecting > catching up > live")
	equal(t, "live until it was last heard", w.m.Link.Thread[2].To, lost)
	w.pass(time.Hour)
	w.state.Lost = w.now
	w.link(feed.Stale)
	equal(t, "an hour later", len(w.m.Link.Thread), 2)
}

func TestResetForgetsWhatIsNoLongerTrue(t *testing.T) {
	for _, how := range []string{"stream:sync", "stream:reset"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.say("old", "server:online", "")
			w.say("both", "logs:app", `{"message":"one"}`)
			w.pass(time.Second)
			w.control(how, `{"mode":"reset","reason":"epoch"}`)
			equal(t, "servers", len(w.m.Servers()), 0)
			equal(t, "complete", w.m.Complete, false)
			equal(t, "reset at", w.m.Link.ResetAt, w.now)
			w.say("both", "logs:app", `{"message":"two"}`)
			w.beat()
			equal(t, "old server", w.m.Server("old"), nil)
			equal(t, "complete", w.m.Complete, true)
			if lines := w.m.Log.all(); len(lines) != 1 || lines[0].Message != "two" {
				t.Errorf("the log holds %v", lines)
			}
		})
	}
}

func TestRate(t *testing.T) {
	var r Rate
	for i := range 30 {
		for range i {
			r.add(noon.Add(time.Duration(i)*time.Second), 1)
		}
	}
	equal(t, "the last ten whole seconds", r.PerSecond(noon.Add(30*time.Second)), 24.5)
	equal(t, "the second under way does not count", r.PerSecond(noon.Add(29*time.Second)), 23.5)
	equal(t, "it runs dry", r.PerSecond(noon.Add(39*time.Second)), 0.0+29/10.0)
	equal(t, "and is empty", r.PerSecond(noon.Add(time.Hour)), 0)
	equal(t, "a clock that went back", r.PerSecond(noon), 23.5)
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	equal(t, "since four seconds ago, three of them whole", r.PerSecondSince(at(26.5), at(30)), 28.0)
	equal(t, "since longer ago", r.PerSecondSince(at(3), at(30)), 24.5)
	equal(t, "since before the clock was set back", r.PerSecondSince(at(300), at(30)), 24.5)
	for _, began := range []float64{27.5, 28, 29.9, 30} {
		if v := r.PerSecondSince(at(began), at(30)); began > 27.5 != math.IsNaN(v) {
			t.Errorf("counted since second %v, at second 30: %v a second", began, v)
		}
	}
	back := noon.Add(-time.Hour)
	for i := range 30 {
		r.add(back.Add(time.Duration(i)*time.Second), 2)
	}
	equal(t, "it counts on by that clock", r.PerSecond(back.Add(30*time.Second)), 2)

	w := newWorld(t)
	w.say("s", "x:y", "")
	w.control("stream:sync", `{"mode":"resumed"}`)
	w.say("s", "x:y", "") // what was missed says nothing of now
	w.beat()
	equal(t, "live only", w.m.Rate.PerSecond(w.now.Add(time.Second)), 0.1)
	if v := w.m.PerSecond(&w.m.Rate, w.now.Add(time.Second)); !math.IsNaN(v) {
		t.Errorf("%v a second, before there was time to count", v)
	}
}

func TestLoadWantsAWholePicture(t *testing.T) {
	sync := "event: stream:sync\ndata: {\"mode\":\"fresh\",\"serverTime\":\"2026-11-22T12:00:00.000Z\"}\n\n"
	one := "id: 1.1\nevent: server:online\ndata: {\"timestamp\":\"2026-11-22T11:59:00.000Z\",\"serverId\":\"s\"}\n\n"
	beat := "id: 1.1\nevent: stream:heartbeat\ndata: {}\n\n"
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"whole", sync + one + beat, true},
		{"empty", sync + "event: stream:heartbeat\ndata: {}\n\n", true},
		{"cut", sync + one, false},
		{"no beginning", one + beat, false},
		{"nothing", "", false},
		{"too long", "data: " + strings.Repeat("x", 2<<20), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New()
			p, err := m.Load([]byte(tt.text), noon.Add(time.Second))
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			if tt.name == "whole" && (m.Server("s").Status.State != Online || p.Place.Seq != 1 || !p.Fresh || !m.Complete || m.Place != p.Place) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

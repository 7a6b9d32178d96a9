package model

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

func TestMe(t *testing.T) {
	me := ReadMe([]byte(`{"open":false,"user":"alice","scopes":["subscribe","publish"],"servers":"web-*","types":"*","expires":"2026-05-12T12:40:00Z","token":"t1","by":"cookie","signOut":"/signout"}`))
	if me == nil || me.Open || me.User != "alice" || len(me.Scopes) != 2 || me.Servers != "web-*" || me.Expires.IsZero() || me.SignOut != "/signout" {
		t.Fatalf("got %+v", me)
	}
	if open := ReadMe([]byte(`{"open":true,"message":"…","scopes":[],"servers":"*","types":"*"}`)); !open.Open || !open.Expires.IsZero() || open.Key() == me.Key() {
		t.Errorf("got %+v", open)
	}
	for _, none := range []string{"", "null,", "[]"} {
		if me := ReadMe([]byte(none)); me != nil || me.Key() != "" {
			t.Errorf("%q: got %+v", none, me)
		}
	}
}

// What was asked for stays until there is something newer, and says that it is not up to date.
func TestAnswers(t *testing.T) {
	m := New()
	at := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	m.Sessions.Ending = "a"
	m.SetSessions([]byte(`{"sessions":[{"id":"a","user":"alice","address":"127.0.0.1","agent":"curl/8","since":"2026-05-12T11:00:00.000Z","filter":"types=logs:*","detached":true,"instance":"0f00"}],"max":10,"partial":true,"message":"Some are not listed."}`), "", at)
	s := &m.Sessions
	if len(s.List) != 1 || s.List[0].Agent != "curl/8" || s.List[0].Since.IsZero() || s.Max != 10 || s.List[0].Instance != "0f00" || s.Message != "Some are not listed." || s.At != at || s.Failed != "" || s.Ending != "a" {
		t.Fatalf("got %+v", s)
	}
	rev := m.Rev
	m.SetSessions(nil, "the server can't be reached", at.Add(time.Second))
	if len(s.List) != 1 || s.At != at || s.Failed != "the server can't be reached" || m.Rev == rev {
		t.Errorf("after a failure: %+v", s)
	}
	m.SetSessions([]byte(`<html>`), "", at.Add(2*time.Second))
	if len(s.List) != 1 || !strings.Contains(s.Failed, "not what was expected") {
		t.Errorf("after nonsense: %+v", s)
	}
	m.SetSessions([]byte(`{"sessions":[]}`), "", at.Add(3*time.Second))
	if len(s.List) != 0 || s.Failed != "" || s.Max != 0 || s.Message != "" {
		t.Errorf("after none: %+v", s)
	}
	m.SetCluster([]byte(`{"record":"shared","at":"2026-05-12T12:00:00.000Z","instances":[{"id":"aa","self":true,"version":"1","since":"2026-05-12T11:00:00.000Z","state":"up","streams":3,"eventsPerSecond":0.5,"lag":0},{"id":"bb","version":"1","since":"2026-05-12T11:00:00.000Z","state":"gone","goneSince":"2026-05-12T11:59:00.000Z"}]}`), "", at)
	c := m.Cluster
	if c.Record != "shared" || len(c.Instances) != 2 || !c.Instances[0].Self || *c.Instances[0].Streams != 3 || *c.Instances[0].Events != 0.5 || *c.Instances[0].Lag != 0 ||
		c.Instances[1].Streams != nil || c.Instances[1].Gone.IsZero() {
		t.Errorf("got %+v", c)
	}
}

func tellGap(m *Model, reason string, at time.Time) {
	m.Update(feed.Batch{At: at, State: m.Link.State, Events: []event.Event{{Type: "stream:gap", Data: []byte(`{"reason":"` + reason + `"}`)}}})
}

// A record that is away is no loss: nothing is told as missing, all ages, and the interruption ends when it is back.
func TestRecordAway(t *testing.T) {
	m := New()
	at := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	m.Update(feed.Batch{At: at, State: feed.State{Phase: feed.Live, Since: at, Heard: at}})
	s := m.server("web-1", noon)
	s.Status.State, s.Seen = Online, at
	shape := m.Shape
	tellGap(m, event.GapPending, at.Add(time.Second))
	if m.Link.Away != at.Add(time.Second) || m.Shape == shape || len(m.Link.Gaps) != 0 || m.Log.Len() != 0 || !m.Aged(s, at.Add(time.Second)) {
		t.Errorf("away: %+v, aged %v", m.Link, m.Aged(s, at.Add(time.Second)))
	}
	if b := m.Link.Breaks; len(b) != 1 || !b[0].Record || !b[0].To.IsZero() {
		t.Errorf("breaks %+v", b)
	}
	tellGap(m, event.GapSettled, at.Add(5*time.Second))
	if b := m.Link.Breaks; !m.Link.Away.IsZero() || len(b) != 1 || b[0].To != at.Add(5*time.Second) || b[0].Lost || m.Aged(s, at.Add(5*time.Second)) {
		t.Errorf("back: %v, %+v", m.Link.Away, b)
	}

	// Lost while away, and away still when the link is back: one interruption, until the record is there.
	tellGap(m, event.GapPending, at.Add(10*time.Second))
	m.Update(feed.Batch{At: at.Add(11 * time.Second), State: feed.State{Phase: feed.Reconnecting, Since: at.Add(11 * time.Second), Lost: at.Add(11 * time.Second)}})
	m.Update(feed.Batch{At: at.Add(12 * time.Second), State: feed.State{Phase: feed.CatchingUp, Since: at.Add(12 * time.Second)},
		Events: []event.Event{{Type: "stream:sync", Data: []byte(`{"mode":"resumed"}`)}}})
	if !m.Link.Away.IsZero() {
		t.Error("a new stream did not begin with its own word")
	}
	tellGap(m, event.GapPending, at.Add(12*time.Second))
	m.Update(feed.Batch{At: at.Add(12 * time.Second), State: feed.State{Phase: feed.Live, Since: at.Add(12 * time.Second)}})
	if b := m.Link.Breaks; len(b) != 2 || !b[1].To.IsZero() || b[1].From != at.Add(10*time.Second) {
		t.Errorf("still away: %+v", b)
	}
	tellGap(m, event.GapSettled, at.Add(20*time.Second))
	if b := m.Link.Breaks; len(b) != 2 || b[1].To != at.Add(20*time.Second) {
		t.Errorf("back at last: %+v", b)
	}
}

// Polling is an interruption of its own kind, all of it fetched.
func TestPolled(t *testing.T) {
	m := New()
	at := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	in := func(p feed.Phase, s int) {
		now := at.Add(time.Duration(s) * time.Second)
		m.Update(feed.Batch{At: now, State: feed.State{Phase: p, Since: now, Lost: now, Reason: "You have 10 streams open."}})
	}
	in(feed.Live, 0)
	in(feed.Reconnecting, 1)
	if b := m.Link.Breaks; len(b) != 1 || b[0].Polled {
		t.Errorf("lost: %+v", b)
	}
	in(feed.CatchingUp, 2)
	in(feed.Polling, 3)
	if b := m.Link.Breaks; len(b) != 1 || !b[0].Polled || !b[0].To.IsZero() {
		t.Errorf("polling: %+v", b)
	}
	in(feed.CatchingUp, 9)
	in(feed.Live, 9)
	if b := m.Link.Breaks; len(b) != 1 || !b[0].Polled || b[0].To != at.Add(9*time.Second) || b[0].Lost {
		t.Errorf("live: %+v", b)
	}
}

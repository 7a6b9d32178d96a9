package model

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

var dawn = time.Date(2026, 5, 12, 6, 0, 0, 0, time.UTC)

// lineAt is the line with that place, said so many seconds after dawn; its message is its place.
func lineAt(t *testing.T, server string, seq uint64, second int) event.Event {
	t.Helper()
	at := dawn.Add(time.Duration(second) * time.Second)
	d := event.Draft{Type: "logs:app", ServerID: server, Timestamp: at, Data: fmt.Appendf(nil, `{"message":"%d"}`, seq)}
	e, err := d.Event("", at)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = event.ID{Epoch: 1, Seq: seq}
	return e
}

func said(l *Log) string {
	var all []string
	l.Each(func(line Line) {
		if line.Gap != nil {
			all = append(all, "gap")
		} else {
			all = append(all, line.Message)
		}
	})
	return strings.Join(all, " ")
}

func TestLinesAreInOrderOfTimeThenPlace(t *testing.T) {
	m := New()
	tell := func(events ...event.Event) { m.Update(feed.Batch{At: dawn, Events: events}) }
	tell(lineAt(t, "a", 1, 10), lineAt(t, "b", 2, 10), lineAt(t, "a", 3, 12))
	tell(lineAt(t, "b", 4, 11), lineAt(t, "b", 5, 5), lineAt(t, "a", 6, 12), lineAt(t, "b", 7, 10))
	equal(t, "log", said(&m.Log), "5 1 2 7 4 3 6")
	equal(t, "a's last", string(m.Server("a").Tail.Last(1)[0].Message), "6")
}

func id(seq uint64) event.ID { return event.ID{Epoch: 1, Seq: seq} }

func TestReadBack(t *testing.T) {
	begin := func() *Model {
		m := New()
		gap := event.Event{Type: "stream:gap", Data: []byte(`{"reason":"slow","from":"1.2","to":"1.6","classes":["line"],"count":3}`)}
		m.Update(feed.Batch{At: dawn.Add(time.Minute), Events: []event.Event{
			lineAt(t, "a", 1, 1), lineAt(t, "b", 2, 2), gap, lineAt(t, "a", 7, 7), lineAt(t, "b", 8, 6),
		}})
		equal(t, "before", said(&m.Log), "1 2 gap 8 7")
		return m
	}
	left := []event.Event{lineAt(t, "a", 3, 3), lineAt(t, "b", 4, 4), lineAt(t, "c", 5, 5), lineAt(t, "a", 6, 5)}
	none := event.ID{}

	m := begin()
	m.ReadBack(append(left, lineAt(t, "a", 1, 1)), id(2), id(6), id(6), none)
	equal(t, "log", said(&m.Log), "1 2 3 4 5 6 8 7")
	if g := m.Link.Gaps[0]; !g.Read || m.Type("logs:app").Count != 4 || m.Server("c") != nil {
		t.Errorf("gap %+v, %d counted", g, m.Type("logs:app").Count)
	}
	m.ReadBack(left, id(2), id(6), id(6), none) // asked twice
	equal(t, "again", said(&m.Log), "1 2 3 4 5 6 8 7")

	m = begin()
	m.ReadBack(left[:2], id(2), id(6), id(4), none)
	equal(t, "in part", said(&m.Log), "1 2 3 4 gap 8 7")
	if m.Link.Gaps[0].Read {
		t.Error("all counts as read, though it was a part")
	}
	m.ReadBack(left[2:], id(4), id(6), id(6), none)
	equal(t, "the rest", said(&m.Log), "1 2 3 4 5 6 8 7")
	check(t, &m.Log)

	// Retention has taken the first of them: that goes on being told, and is not asked for again.
	m = begin()
	m.ReadBack(left[2:], id(2), id(6), id(6), id(4))
	equal(t, "without what is gone", said(&m.Log), "1 2 gap 5 6 8 7")
	g := m.Log.all()[2].Gap
	if m.Link.Gaps[0].Read || g.Reason != GapTrimmed || g.From != id(2) || g.To != id(4) {
		t.Errorf("got %+v", g)
	}
}

func TestReadOlder(t *testing.T) {
	m := New()
	m.Update(feed.Batch{At: dawn.Add(time.Minute), Place: id(22), Events: []event.Event{lineAt(t, "a", 20, 20), lineAt(t, "b", 21, 21)}})
	equal(t, "floor", m.Log.Floor("a", m.Place), id(20))
	m.Reading("a")
	if !m.Log.Past("a").Reading {
		t.Error("it is not said that lines are being read")
	}
	m.ReadOlder("a", []event.Event{lineAt(t, "a", 11, 11), lineAt(t, "a", 13, 22), lineAt(t, "a", 20, 20)}, id(10), false, false)
	equal(t, "log", said(&m.Log), "11 20 21 13")
	equal(t, "a's floor", m.Log.Floor("a", m.Place), id(10))
	equal(t, "b's floor", m.Log.Floor("b", m.Place), id(21))
	if m.Log.Past("a").Reading {
		t.Error("still reading")
	}
	m.ReadDone(Wish{Server: "a"}, true)
	if !m.Log.Past("a").Failed || m.Log.Floor("a", m.Place) != id(10) {
		t.Errorf("got %+v", m.Log.Past("a"))
	}
	m.ReadOlder("a", nil, id(1), false, true)
	if p := m.Log.Past("a"); !p.Trimmed || p.Begin || p.Failed || p.Floor != id(1) {
		t.Errorf("got %+v", p)
	}
	check(t, &m.Log)
}

// What lies between an old line that was asked for and what is held is told, and can be read.
func TestReadFrom(t *testing.T) {
	m := New()
	m.Update(feed.Batch{At: dawn.Add(time.Minute), Place: id(100), Events: []event.Event{lineAt(t, "a", 90, 90), lineAt(t, "b", 95, 95)}})
	m.ReadFrom("a", []event.Event{lineAt(t, "a", 30, 30), lineAt(t, "a", 32, 32)}, id(30), id(40))
	equal(t, "log", said(&m.Log), "30 32 gap 90 95")
	g := m.Log.all()[2]
	if g.Server != "a" || g.Gap.From != id(40) || g.Gap.To != id(89) || g.Gap.Reason != GapUnread {
		t.Errorf("got %+v of %q", g.Gap, g.Server)
	}
	m.ReadBack([]event.Event{lineAt(t, "a", 41, 41)}, id(40), id(89), id(89), event.ID{})
	equal(t, "read", said(&m.Log), "30 32 41 90 95")
	m.ReadFrom("a", []event.Event{lineAt(t, "a", 27, 27)}, id(25), id(29))
	equal(t, "to what is held", said(&m.Log), "27 30 32 41 90 95")
	m.ReadFrom("a", nil, id(99), id(99))
	equal(t, "floor", m.Log.Floor("a", m.Place), id(25))
	check(t, &m.Log)
}

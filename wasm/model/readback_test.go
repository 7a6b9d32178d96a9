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
	for _, line := range l.all() {
		if line.Gap != nil {
			all = append(all, "gap")
		} else {
			all = append(all, line.Message)
		}
	}
	return strings.Join(all, " ")
}

func TestLinesAreInOrderOfTimeThenPlace(t *testing.T) {
	m := New()
	tell := func(events ...event.Event) { m.Update(feed.Batch{At: dawn, Events: events}) }
	tell(lineAt(t, "a", 1, 10), lineAt(t, "b", 2, 10), lineAt(t, "a", 3, 12))
	turn := m.Log.Turn
	tell(lineAt(t, "b", 4, 11), lineAt(t, "b", 5, 5), lineAt(t, "a", 6, 12), lineAt(t, "b", 7, 10))
	equal(t, "log", said(&m.Log), "5 1 2 7 4 3 6")
	equal(t, "a's", said(&m.Server("a").Log), "1 3 6")
	if m.Log.Turn == turn || m.Server("a").Log.Turn != 0 {
		t.Error("a painter is told of lines that moved, and of no others")
	}
	from, end := m.Log.Span()
	equal(t, "numbers", fmt.Sprint(from, end), "0 7")

	// A full log has no room for what is older than all of it.
	var l Log
	for i := range 10 {
		l.push(lineOf("a", lineAt(t, "a", uint64(i+10), i+10)), 10, 1<<20)
	}
	l.push(lineOf("a", lineAt(t, "a", 30, 1)), 10, 1<<20)
	equal(t, "full", said(&l), "10 11 12 13 14 15 16 17 18 19")
	l.push(lineOf("a", lineAt(t, "a", 31, 15)), 10, 1<<20)
	equal(t, "full, and a late one", said(&l), "11 12 13 14 15 31 16 17 18 19")
}

func TestReadBack(t *testing.T) {
	id := func(seq uint64) event.ID { return event.ID{Epoch: 1, Seq: seq} }
	begin := func() *Model {
		m := New()
		gap := event.Event{Type: "stream:gap", Data: []byte(`{"reason":"slow","from":"1.2","to":"1.6","classes":["line"],"count":3}`)}
		m.Update(feed.Batch{At: dawn.Add(time.Minute), Events: []event.Event{
			lineAt(t, "a", 1, 1), lineAt(t, "b", 2, 2), gap, lineAt(t, "a", 7, 7), lineAt(t, "b", 8, 6),
		}})
		equal(t, "before", said(&m.Log), "1 2 gap 8 7")
		equal(t, "b before", said(&m.Server("b").Log), "2 gap 8")
		return m
	}
	left := []event.Event{lineAt(t, "a", 3, 3), lineAt(t, "b", 4, 4), lineAt(t, "stranger", 5, 5), lineAt(t, "a", 6, 5)}

	m := begin()
	m.ReadBack(append(left, lineAt(t, "a", 1, 1)), id(2), id(6), id(6))
	equal(t, "log", said(&m.Log), "1 2 3 4 6 8 7")
	equal(t, "a's", said(&m.Server("a").Log), "1 3 6 7")
	equal(t, "b's", said(&m.Server("b").Log), "2 4 8")
	if g := m.Link.Gaps[0]; !g.Read || m.Type("logs:app").Count != 4 || m.Server("stranger") != nil {
		t.Errorf("gap %+v, %d counted", g, m.Type("logs:app").Count)
	}
	m.ReadBack(left, id(2), id(6), id(6)) // asked twice
	equal(t, "again", said(&m.Log), "1 2 3 4 6 8 7")

	m = begin()
	m.ReadBack(left[:2], id(2), id(6), id(4))
	equal(t, "in part", said(&m.Log), "1 2 3 4 gap 8 7")
	if m.Link.Gaps[0].Read {
		t.Error("all counts as read, though it was a part")
	}
	m.ReadBack(left[2:], id(4), id(6), id(6))
	equal(t, "the rest", said(&m.Log), "1 2 3 4 6 8 7")
}

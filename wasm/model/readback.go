package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// lines returns the lines among the events; their Data is the events'.
func linesOf(events []event.Event) []Line {
	var lines []Line
	for _, e := range events {
		if e.Class() == event.Line {
			lines = append(lines, lineOf(e.Server, e))
		}
	}
	return lines
}

// ReadBack puts lines that the stream had left out, and that were read from the record since, into the place of the gap that
// stood for them, which was after the one place up to and including the other. When not all could be read, upto is how far
// it is, and the gap stands for the rest. What retention has taken of them ends at trimmed, and goes on being told. Lines
// that are here already and what is no line are passed over. Nothing is counted as received: the account goes on saying
// that they were skipped, and the gap that they were read.
func (m *Model) ReadBack(events []event.Event, from, to, upto, trimmed event.ID) {
	gone := trimmed.Epoch == to.Epoch && trimmed.Seq > from.Seq
	for i := range m.Link.Gaps {
		if g := &m.Link.Gaps[i]; g.From == from && g.To == to {
			g.Read = upto.Seq >= to.Seq && !gone
		}
	}
	l := &m.Log
	if gap, ok := l.takeGap(from, to); ok {
		lines := linesOf(events)
		if gone {
			rest := gap
			g := *gap.Gap
			g.Reason, g.Count, g.To = GapTrimmed, 0, trimmed
			if trimmed.Seq > to.Seq {
				g.To = to
			}
			rest.Gap = &g
			lines = append(lines, rest)
		}
		if upto.Seq < to.Seq {
			rest := gap
			g := *gap.Gap
			g.From, g.Count = upto, 0
			rest.Gap, rest.Place = &g, upto
			if n := len(events); n > 0 && events[n-1].Time.After(rest.Time) {
				rest.Time = events[n-1].Time
			}
			lines = append(lines, rest)
		}
		l.merge(lines)
		l.settle()
	}
	m.Rev++
	m.Shape++
}

// Reading says that lines of a server, or with "" of all, are being read from the record.
func (m *Model) Reading(server string) {
	p := m.Log.pastOf(server)
	p.Reading, p.Failed = true, false
	m.Log.Rev++
	m.Rev++
}

// ReadDone says that the wish has been seen to, or that it can't be.
func (m *Model) ReadDone(w Wish, failed bool) {
	p := m.Log.pastOf(w.Server)
	m.Log.Rev++
	p.Reading, p.Failed, p.Done, p.DoneRev = false, failed, w, m.Log.Rev
	m.Rev++
}

// ReadOlder puts lines before those that are held, of a server or with "" of all: all that are recorded from the place
// floor on. Begin says that nothing is recorded before, trimmed that retention has taken what was.
func (m *Model) ReadOlder(server string, events []event.Event, floor event.ID, begin, trimmed bool) {
	l := &m.Log
	if floor.Epoch != m.Place.Epoch { // the log has begun anew meanwhile
		return
	}
	p := l.pastOf(server)
	*p = Past{Floor: floor, Begin: begin, Trimmed: trimmed}
	l.merge(linesOf(events))
	l.settle()
	m.Log.Rev++
	m.Rev++
}

// ReadFrom puts lines from somewhere before those that are held: all that are recorded from the place floor on up to and
// including the place upto. A gap tells of those between them and what is held.
func (m *Model) ReadFrom(server string, events []event.Event, floor, upto event.ID) {
	l := &m.Log
	was := l.Floor(server, m.Place)
	if floor.Epoch != was.Epoch || floor.Compare(was) >= 0 {
		return
	}
	lines := linesOf(events)
	if upto.Seq+1 < was.Seq {
		at := time.UnixMilli(0)
		for i := range lines {
			if lines[i].Time.After(at) {
				at = lines[i].Time
			}
		}
		lines = append(lines, Line{Place: upto, Time: at, Server: server, Gap: &Gap{
			Reason: GapUnread, From: upto, To: event.ID{Epoch: was.Epoch, Seq: was.Seq - 1},
		}})
	}
	*l.pastOf(server) = Past{Floor: floor}
	l.merge(lines)
	l.settle()
	m.Log.Rev++
	m.Rev++
}

// Wish is a stretch of lines that a page wants read from the record, of a server or with "" of all: what a gap after From up
// to To stands for, or lines from a Place on or from the time At on, or else some before those that are held. With Deployments it
// is for no lines but for the deployments of all servers: of so long Back, or with 0 of as long as there are any. With Event it is for
// the one event at Place, of whatever type, for the Tape.
type Wish struct {
	Server   string
	From, To event.ID
	Place    event.ID
	At       time.Time

	Deployments bool
	Back        time.Duration
	Event       bool
}

package model

import (
	"slices"

	"github.com/mcp-cloud/telltale/shared/event"
)

// ReadBack puts lines that the stream had left out, and that were read from the record since, into the place of the gap that
// stood for them, which was after the one place up to and including the other. When not all could be read, up to is how far
// it is, and the gap stands for the rest. Lines that are here already, those of servers that are not, and what is no line are
// passed over. Nothing is counted as received: the account goes on saying that they were skipped, and the gap that they were
// read.
func (m *Model) ReadBack(events []event.Event, from, to, upto event.ID) {
	lines := make(map[string][]*Line)
	var all []*Line
	for _, e := range events {
		if e.Class() == event.Line && m.servers[e.Server] != nil {
			l := lineOf(e.Server, e)
			lines[e.Server] = append(lines[e.Server], l)
			all = append(all, l)
		}
	}
	rest := upto.Seq < to.Seq
	for i := range m.Link.Gaps {
		if g := &m.Link.Gaps[i]; g.From == from && g.To == to {
			g.Read = !rest
		}
	}
	m.Log.readBack(all, from, to, upto, MaxLines, MaxLogBytes)
	for id, s := range m.servers {
		if s.Log.readBack(lines[id], from, to, upto, MaxServerLines, MaxServerBytes) {
			s.Rev++
		}
	}
	m.Rev++
	m.Shape++
}

// readBack does so for one log, and reports whether it had the gap.
func (l *Log) readBack(lines []*Line, from, to, upto event.ID, maxLines, maxBytes int) bool {
	held := l.all()
	at := slices.IndexFunc(held, func(line *Line) bool { return line.Gap != nil && line.Gap.From == from && line.Gap.To == to })
	if at < 0 {
		return false
	}
	here := make(map[event.ID]bool, len(held))
	for _, line := range held {
		if line.Gap == nil {
			here[line.Place] = true
		}
	}
	merged := held[:at:at]
	for _, line := range lines {
		if !here[line.Place] {
			merged = append(merged, line)
		}
	}
	if upto.Seq < to.Seq {
		gap := *held[at]
		short := *gap.Gap
		short.From, short.Count = upto, 0
		gap.Gap = &short
		merged = append(merged, &gap)
	}
	l.refill(append(merged, held[at+1:]...), maxLines, maxBytes)
	return true
}

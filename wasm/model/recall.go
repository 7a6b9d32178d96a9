package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Thin says of a Series that its older part was thinned out when it was recalled: up to and including Until, samples may be
// Every further apart than they were measured, and that is no gap. The zero Thin says nothing.
type Thin struct {
	Until int64 // Unix milliseconds
	Every int64 // milliseconds
}

// Recall folds in samples of the last minutes as the record has them, in order: those that are not here yet take their place
// in the series, behind, between and before what is; nothing else changes, and nothing is counted as received. Every is
// zero for all samples there were, or the length of time of which one was read. Servers that are not here stay so, as does
// what is no sample. It keeps nothing of the events' memory.
func (m *Model) Recall(events []event.Event, every time.Duration) {
	past := make(map[string]*Server)
	for _, e := range events {
		if e.Class() != event.Sample || m.servers[e.Server] == nil {
			continue
		}
		s := past[e.Server]
		if s == nil {
			s = newServer(e.Server)
			past[e.Server] = s
		}
		s.measure(e)
	}
	for id, was := range past {
		s := m.servers[id]
		s.Rev++
		s.Past++
		theirs := s.metrics()
		for i, metric := range was.metrics() {
			theirs[i].recall(metric, every)
		}
		for _, g := range was.Gauges {
			for _, their := range s.Gauges {
				if their.Type == g.Type {
					their.recall(&g.Metric, every)
				}
			}
		}
	}
	if len(past) > 0 {
		m.Rev++
	}
}

// recall merges the samples of was. What never came by the stream stays unknown: its newest sample would be a picture's.
func (m *Metric) recall(was *Metric, every time.Duration) {
	if !m.Known() || was.Series.n == 0 {
		return
	}
	// Of thinned samples the distance says how often they were read, unless it is far longer: there may be more between them.
	switch {
	case m.Interval == 0 && (every == 0 || was.Interval > every*3/2):
		m.Interval = was.Interval
	case every != 0 && was.Interval > 0:
		m.Within = was.Interval
	}
	m.Series.merge(&was.Series)
	if every == 0 {
		m.Series.Thin = Thin{}
	} else if last := was.Series.At(was.Series.n - 1); m.Series.Thin.Until < last.T {
		m.Series.Thin = Thin{Until: last.T, Every: every.Milliseconds()}
	}
}

// merge adds the samples of an older series that s has not, so that s is as if all had been pushed in order of time.
func (s *Series) merge(past *Series) {
	var all Series
	all.ring = make([]Sample, min(s.n+past.n, int(Window.Milliseconds()/minSpacing)))
	for i, j := 0, 0; i < s.n || j < past.n; {
		switch {
		case i == s.n || j < past.n && past.at(j).T < s.at(i).T:
			all.push(*past.at(j))
			j++
		default:
			all.push(*s.at(i)) // of one instant, what is here is first, and the other is not newer
			i++
		}
	}
	s.ring, s.first, s.n = all.ring, all.first, all.n
}

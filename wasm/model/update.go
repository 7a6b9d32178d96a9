package model

import (
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// Update folds in what package feed has to tell. It keeps nothing of the batch's memory.
func (m *Model) Update(b feed.Batch) {
	m.Rev++
	m.spared = 0
	for _, e := range b.Events {
		if e.Class() == event.Control {
			m.control(e, b.At)
		} else {
			m.event(e, b.At)
		}
		m.Tape.push(e, m.Now(b.At))
	}
	m.Log.settle()
	if !b.Place.IsZero() {
		m.Place = b.Place
	}
	m.link(b) // last: what came belongs to the interruption it ends
}

// control folds in what the stream says of itself.
func (m *Model) control(e event.Event, at time.Time) {
	switch e.Type {
	case event.StreamSync.Name():
		p, _ := event.StreamSync.Decode(e.Data)
		m.replaying = true
		m.away(time.Time{}, at) // otherwise it is said again
		m.clock(p.ServerTime, at)
		switch {
		case p.Mode == event.SyncReset:
			m.anew(at)
		case p.Mode == event.SyncFresh && m.borrowed:
			m.clear() // the picture it began with comes again, and newer
		}
		m.picture = p.Mode != event.SyncResumed
		m.borrowed = false
		if br := m.Link.open(); br != nil {
			br.Missed = 0
			if p.Mode == event.SyncResumed && p.After.Epoch == p.Place.Epoch && p.Place.Seq > p.After.Seq {
				br.Missed = br.Fetched + p.Place.Seq - p.After.Seq
			}
		}
	case event.StreamHeartbeat.Name():
		p, _ := event.StreamHeartbeat.Decode(e.Data)
		m.clock(p.ServerTime, at)
		if m.replaying || !m.Complete {
			if m.picture {
				m.picture = false
				m.Log.settle()
				m.Log.pictured()
			}
			m.replaying = false
			m.Counted = at
			m.Complete = true
			m.Shape++
			m.makeRoom(m.Now(at))
		}
	case event.StreamReset.Name():
		m.replaying = true
		m.anew(at)
	case event.StreamGap.Name():
		p, _ := event.StreamGap.Decode(e.Data)
		switch p.Reason {
		case event.GapPending:
			m.away(at, at)
		case event.GapSettled:
			m.away(time.Time{}, at)
		case "slow":
			m.spared += uint64(max(p.Count, 1))
			m.gap(p, at)
		default:
			m.spared = 0
			m.gap(p, at)
		}
	}
}

func (m *Model) clock(server, local time.Time) {
	if server.IsZero() {
		return
	}
	m.skew.add(server, local)
	now := m.Now(local)
	for _, s := range m.sorted { // when a clock was set, some were heard in what is the future now, and would pass for heard until then
		if s.Seen.After(now) {
			s.Seen = now
		}
	}
}

// anew forgets what is no longer true: the server's log began again.
func (m *Model) anew(at time.Time) {
	m.clear()
	m.spared = 0
	m.Link.ResetAt = at
	if n := len(m.Link.Breaks); n > 0 && m.Link.Breaks[n-1].To.IsZero() {
		m.Link.Breaks[n-1].Lost = true
	}
}

// clear forgets all servers and what they said.
func (m *Model) clear() {
	clear(m.servers)
	m.sorted = nil
	m.absent, m.Forgotten = nil, 0
	m.Recent = nil
	m.Log.clear()
	m.Histories = Histories{Rev: m.Histories.Rev + 1}
	m.Place = event.ID{}
	m.Complete = false
	m.Deployed = Deployed{}
	m.Life++
	m.Shape++
}

// event folds in a recorded event.
func (m *Model) event(e event.Event, at time.Time) {
	heard := m.Now(at)
	if m.replaying && e.Time.Before(heard) {
		heard = e.Time
	}
	m.stat(e, at)
	if n := len(m.Link.Breaks); m.replaying && n > 0 && m.Link.Breaks[n-1].To.IsZero() {
		m.Link.Breaks[n-1].Fetched++
	}
	if s := m.server(e.Server, heard); s != nil {
		m.said(s, e, heard, at)
	} else if e.Class() == event.Line {
		m.Log.push(lineOf(e.Server, e))
	}
	if e.Class() == event.State {
		m.Recent = pushEvent(m.Recent, MaxRecent, &Event{
			Type: e.Type, Server: e.Server, Place: e.ID, Time: e.Time, Data: keep(e.Data), Count: 1,
		})
	}
}

// said folds in what a server said.
func (m *Model) said(s *Server, e event.Event, heard, at time.Time) {
	s.Rev++
	if heard.After(s.Seen) {
		s.Seen = heard
	}
	category, action, _ := strings.Cut(e.Type, ":")
	known := false
	switch category {
	case "metrics":
		known = s.measure(e)
	case "logs":
		m.line(s, e, at)
		known = true
	case "server":
		was := s.Status.State
		if known = s.status(e, action); known {
			m.dirty = true
			m.Shape++
			m.turnedTo(s, was, e, at)
		}
	case "deployment":
		if known = s.deploy(e, action, m.picture); known {
			m.Shape++
			m.deployTurned(s, e, at)
		}
	}
	if !known {
		m.other(s, e)
	}
}

// keep copies an event's JSON, or nothing of it when it is longer than MaxData.
func keep(data []byte) []byte {
	if len(data) > MaxData {
		return nil
	}
	return slices.Clone(data)
}

// pushEvent appends e and drops the oldest beyond the bound. The array moves on only when it is used up.
func pushEvent(list []*Event, bound int, e *Event) []*Event {
	if len(list) >= bound {
		list[0] = nil
		list = list[1:]
	}
	return append(list, e)
}

// stat counts the event under its type.
func (m *Model) stat(e event.Event, at time.Time) {
	t := m.types[e.Type]
	if t == nil {
		if len(m.types) >= MaxTypes {
			if _, known := event.Lookup(e.Type); !known {
				return
			}
		}
		t = &TypeStat{Type: e.Type}
		m.types[e.Type] = t
		m.Shape++
	}
	t.Count++
	t.Bytes += uint64(len(e.Data))
	data := t.Newest.Data[:0]
	if len(e.Data) <= MaxData {
		data = append(data, e.Data...)
	}
	t.Newest = Event{Type: e.Type, Server: e.Server, Place: e.ID, Time: e.Time, Data: data, Count: t.Count}
	if !m.replaying {
		t.Rate.add(at, 1)
		m.Rate.add(at, 1)
	}
}

// other keeps an event that nothing else shows, as the newest of its type.
func (m *Model) other(s *Server, e event.Event) {
	n := &Event{Type: e.Type, Server: e.Server, Place: e.ID, Time: e.Time, Data: keep(e.Data), Count: 1}
	i := slices.IndexFunc(s.Events, func(old *Event) bool { return old.Type == e.Type })
	switch {
	case i >= 0:
		n.Count += s.Events[i].Count
	case len(s.Events) < MaxTypes:
		i = len(s.Events)
		s.Events = append(s.Events, nil)
	default:
		i = len(s.Events) - 1 // the one silent for longest gives way
	}
	copy(s.Events[1:i+1], s.Events[:i])
	s.Events[0] = n
	m.Shape++
}

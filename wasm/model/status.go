package model

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

func newServer(id string) *Server {
	s := &Server{ID: id, Status: Status{State: Unknown}}
	s.CPU = CPU{Usage: nan, Cores: nan, Processes: nan}
	s.Memory = Memory{Used: nan, Available: nan, Swap: nan, Percent: nan}
	s.Network = Network{In: nan, Out: nan, Connections: nan}
	s.Requests = Requests{Count: nan, AvgMs: nan, ErrorRate: nan}
	s.Storage = Storage{Used: nan, Available: nan, Percent: nan}
	return s
}

// status folds in a server:* event, and reports whether it is one we know.
func (s *Server) status(e event.Event, action string) bool {
	next := Status{Place: e.ID, Since: e.Time, At: e.Time, Load: nan, Connections: -1}
	_, next.Source, next.Flapped = common(e)
	switch action {
	case "starting":
		p, _ := event.ServerStarting.Decode(e.Data)
		next.State = Starting
		s.Started = p.StartTime
		if s.Started.IsZero() {
			s.Started = e.Time
		}
	case "online":
		p, _ := event.ServerOnline.Decode(e.Data)
		next.State = Online
		if up, ok := p.Uptime.Get(); ok {
			s.Started = e.Time.Add(-time.Duration(up * float64(time.Second)))
		}
		if p.URL != "" {
			s.URL = p.URL
		}
		if p.Version != "" {
			s.Version = p.Version
		}
	case "idle":
		p, _ := event.ServerIdle.Decode(e.Data)
		next.State = Idling
		next.IdleSince, next.Shutdown = p.IdleSince, p.AutoShutdownTime
	case "busy":
		p, _ := event.ServerBusy.Decode(e.Data)
		next.State = Busy
		next.Connections = int64(p.ConnectionCount.Or(-1))
		next.Load = p.Load.Or(nan)
	case "offline":
		p, _ := event.ServerOffline.Decode(e.Data)
		next.State = Offline
		if p.Reason == "stopped" || p.Reason == "idle" { // as the catalogue has it: these were asked for
			next.State = Stopped
		}
		next.Reason, next.Shutdown = clip(p.Reason), p.ShutdownTime
		s.Started = time.Time{}
	case "error":
		p, _ := event.ServerError.Decode(e.Data)
		next.State = Failing
		next.Reason, next.ErrorCode, next.Critical = clip(p.Message), p.ErrorCode, p.Critical
	default:
		return false
	}
	if next.State == s.Status.State {
		next.Since = s.Status.Since
	}
	s.Status = next
	return true
}

// common returns the id the event brought, "" where it brought none of its own, who says so, and the last of how many changes it
// is that the server held while they flapped; 0: of none. It is for what comes now and then: it reads the JSON the slow way.
func common(e event.Event) (id, source string, flapped int) {
	var c struct {
		ID      json.RawMessage
		Source  json.RawMessage
		Flapped json.RawMessage
	}
	if json.Unmarshal(e.Data, &c) != nil {
		return "", "", 0
	}
	text := func(raw json.RawMessage) (s string) {
		if json.Unmarshal(raw, &s) != nil {
			return string(raw) // a number names as well as a text does
		}
		return s
	}
	if id = text(c.ID); id == e.ID.String() {
		id = "" // its place: what AppendJSON writes where there was none
	}
	flapped, _ = strconv.Atoi(string(c.Flapped)) // whatever else a stranger calls by that name is none
	return id, text(c.Source), max(flapped, 0)
}

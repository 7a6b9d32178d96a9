package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// State is how a server is, as its newest server:* event says it. The order is the order of the fleet: trouble first.
type State uint8

const (
	Failing   State = iota // server:error
	Offline                // server:offline that nobody asked for
	Starting               // server:starting
	Busy                   // server:busy
	Online                 // server:online
	Idling                 // server:idle
	Stopped                // server:offline that was asked for, or an idle stop
	Unknown                // no server:* event was heard
	NumStates = iota
)

var stateNames = [NumStates]string{"error", "offline", "starting", "busy", "online", "idle", "stopped", "unknown"}

func (s State) String() string {
	if int(s) < NumStates {
		return stateNames[s]
	}
	return "unknown"
}

// Trouble reports whether the state asks for a look.
func (s State) Trouble() bool { return s == Failing || s == Offline }

// Alive reports whether a server in the state should be heard from.
func (s State) Alive() bool { return s != Offline && s != Stopped && s != Unknown }

// Status is the newest word on a server's state. Fields that the event did not carry are zero, if not said otherwise.
type Status struct {
	State  State
	Place  event.ID  // of the newest server:* event
	Since  time.Time // when the server came into this state, by the event's clock: the first event of an unbroken run
	At     time.Time // when the newest event of that run says so
	Source string    // who says so; "" is the server's own word
	Reason string    // offline: why; error: the message

	Flapped int // it is the last of so many changes that were held while the state flapped; 0: of none

	ErrorCode   string    // error
	Critical    bool      // error
	Connections int64     // busy; -1 when not said
	Load        float64   // busy, percent; NaN when not said
	IdleSince   time.Time // idle
	Shutdown    time.Time // idle: when it stops by itself; offline: when it stopped
}

// Server is all that is known of one server. It belongs to the Model: read it while you hold the Model, keep only copies.
type Server struct {
	ID     string
	Status Status
	Seen   time.Time // when it was last heard from, by the server's clock: see Model.Now

	Version string
	URL     string
	Started time.Time // when the process began, from starting's startTime or online's uptime; zero when not known

	CPU      CPU
	Memory   Memory
	Network  Network
	Requests Requests
	Storage  Storage
	// Gauges are the metrics the catalogue does not know, by type, in the order of their names; at most MaxTypes.
	Gauges []*Gauge

	// Deployments are those still remembered, oldest first; at most MaxDeployments.
	Deployments []*Deployment
	// Forgotten is how many before them were seen, at least.
	Forgotten int
	// Tail is what it said last; all else it said is in the Model's Log.
	Tail Tail
	// Events are the newest event of each type that no other field shows, such as backup:finished, newest first; at most
	// MaxTypes.
	Events []*Event

	// Rev rises with every event about the server: nothing to draw when it has not.
	Rev  uint64
	born uint64 // counts up: who came later has more
	// Past rises when samples of before were recalled: what is drawn of a series has changed though no sample came.
	Past uint64
}

// Under returns the deployment under way, the newest one if there are several, or nil. One that was overtaken is not.
func (s *Server) Under() *Deployment {
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		if d := s.Deployments[i]; !d.Ended() && d.Overtaken(s.Deployments) == nil {
			return d
		}
	}
	return nil
}

// Interval returns how often the server is heard from: the shortest interval of its metrics, or zero when it sends none.
func (s *Server) Interval() time.Duration {
	var least time.Duration
	for _, m := range s.metrics() {
		if i := m.Interval; i > 0 && (least == 0 || i < least) {
			least = i
		}
	}
	return least
}

// patience returns for how long the server may say nothing and pass for heard: for two of the shortest intervals of its metrics, those
// that the catalogue does not know included. Where a page has not seen an interval, as the server fell silent before it was
// opened, for silentFor. It is zero for a server that sends no metrics: nobody knows when it should be heard again.
func (s *Server) patience() time.Duration {
	var least time.Duration
	known := false
	of := func(m *Metric) {
		known = known || m.Known()
		every := m.Interval
		if every == 0 {
			every = m.Within
		}
		if every > 0 && (least == 0 || every < least) {
			least = every
		}
	}
	for _, m := range s.metrics() {
		of(m)
	}
	for _, g := range s.Gauges {
		of(&g.Metric)
	}
	switch {
	case least > 0:
		return max(2*least, agedFloor)
	case known:
		return silentFor
	}
	return 0
}

// Measured returns the time of the newest sample of any metric; zero when there is none.
func (s *Server) Measured() time.Time {
	var newest time.Time
	for _, m := range s.metrics() {
		if m.At.After(newest) {
			newest = m.At
		}
	}
	return newest
}

func (s *Server) metrics() [5]*Metric {
	return [...]*Metric{&s.CPU.Metric, &s.Memory.Metric, &s.Network.Metric, &s.Requests.Metric, &s.Storage.Metric}
}

// Event is a newest event kept as it came.
type Event struct {
	Type   string
	Server string
	Place  event.ID
	Time   time.Time
	Data   []byte // the JSON object readers get; never changed once here; nil when it was longer than MaxData
	Count  uint64 // how many of the type were seen, this one included
}

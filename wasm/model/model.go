// Package model is all the page shows, and how a message changes it. It is pure: no clock, no I/O, no go-app; time comes
// in with the messages and with the questions. Everything in it is bounded, whatever strangers publish.
//
// A Model and all that hangs on it has one owner at a time and no lock of its own: package live keeps it, and lends it to
// views for the length of a call.
package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of a Model.
const (
	MaxServers     = 500     // while a picture or what was missed comes in, twice that; see Model.Forgotten
	MaxAbsent      = 5000    // Model.Forgotten
	MaxTypes       = 100     // per server, for events and metrics the catalogue does not know; and of TypeStats
	MaxDeployments = 20      // per server
	MaxRecent      = 200     // Recent
	MaxLines       = 100_000 // Log
	MaxThread      = 200
	MaxBreaks      = 50
	MaxData        = 8 << 10  // of one event's JSON that is no line; longer ones are known without it
	MaxLogBytes    = 48 << 20 // Log, on its Shelf
)

// Model is all the page shows.
type Model struct {
	Link Link

	// Me is for whom the page is; nil where it does not say.
	Me *Me
	// Sessions and Cluster are what was asked for.
	Sessions Sessions
	Cluster  Cluster
	// Histories are answers about the past of metrics.
	Histories Histories

	// Log is the newest lines of all servers.
	Log Log
	// Tape is the newest events as they came, while somebody looks.
	Tape Tape
	// Recent is the newest events that are neither samples nor lines, newest last; at most MaxRecent.
	Recent []*Event
	// Deployed is how far back the deployments of all servers are known.
	Deployed Deployed
	// Rate counts the events that came in live, all types, by the local clock.
	Rate Rate
	// Counted is since when what comes is counted so, without a break: since the stream last caught up. Local clock; zero: it never did.
	Counted time.Time
	// Place is how far the Model is complete; zero before anything came.
	Place event.ID
	// Complete is set once a whole picture has come in; until then, a server that is not here may well exist.
	Complete bool
	// Forgotten is how many servers were heard that are not here, as there is no room: a new one takes the place of one that has been
	// silent for minutes, and is passed over where there is none. At most MaxAbsent are counted.
	Forgotten uint64
	// Life rises when all servers are forgotten: what was recalled of them is gone too.
	Life uint64

	// Rev rises with every message: nothing has changed when it has not.
	Rev uint64
	// Shape rises when something changes that is not drawn by a painter: servers come and go, states change, a
	// deployment moves on, a type is seen for the first time, the link changes its phase.
	Shape uint64

	servers   map[string]*Server
	sorted    []*Server
	absent    map[string]struct{} // those that Forgotten counts
	born      uint64              // how many servers came to be
	dirty     bool                // sorted is to be sorted anew
	types     map[string]*TypeStat
	skew      skew
	spared    uint64 // how many events of a batch were skipped after the last loss in it
	replaying bool   // what comes is picture or was missed
	picture   bool   // what comes is the picture, up to the next heartbeat
	borrowed  bool   // it is a picture that the stream does not go on from
	turns     []Turn
	turned    uint64 // how many there were
}

// New returns an empty Model that keeps its log in its own memory.
func New() *Model { return NewOn(new(heapShelf)) }

// NewOn returns an empty Model that keeps its log on the shelf, which is its own from now on.
func NewOn(shelf Shelf) *Model {
	return &Model{Log: newLog(shelf), servers: make(map[string]*Server), types: make(map[string]*TypeStat)}
}

// TypeStat is what was seen of one event type, on all servers.
type TypeStat struct {
	Type   string
	Count  uint64
	Bytes  uint64 // of JSON, all together
	Rate   Rate
	Newest Event // its Data is overwritten by the next event of the type: copy what you keep
}

// Server returns the server with that id, or nil.
func (m *Model) Server(id string) *Server { return m.servers[id] }

// Absent reports whether the server with that id was heard and is not here, as there is no room for it.
func (m *Model) Absent(id string) bool {
	_, ok := m.absent[id]
	return ok
}

// Now returns the server's time for a local time, by the clock readings that came with the stream.
func (m *Model) Now(local time.Time) time.Time { return local.Add(m.skew.offset()) }

// Skew returns how far the server's clock is ahead of the local one, as far as the stream lets us know: within the time
// the last heartbeats were under way. Zero until the first sync.
func (m *Model) Skew() time.Duration { return m.skew.offset() }

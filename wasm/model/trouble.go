package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// MaxTurns bounds Model.Turns: more at a time than anybody is told of one by one.
const MaxTurns = 64

// TurnKind is what a Turn is about.
type TurnKind uint8

const (
	TurnError   TurnKind = iota // the server came into an error
	TurnOffline                 // it went offline, and nobody asked for that
	TurnFailed                  // a deployment of it failed
	TurnWell                    // it was in trouble, and is not any more
)

// Turn is a turn for the worse, or back, that a server took while this page listened: not what a picture showed, and not
// what was missed and came more than a minute later. Saying once more that something is wrong is no turn.
type Turn struct {
	What    TurnKind
	Server  string
	Reason  string   // the message, the reason or the error, as the server says it; "" where it does not, or for TurnWell
	Version string   // TurnFailed: which was to be deployed, where that is known
	ID      string   // TurnFailed: of the deployment
	Place   event.ID // of the event
	At      time.Time
}

// InTrouble returns how many servers ask for a look.
func (m *Model) InTrouble() int {
	n := m.Counts()
	return n[Failing] + n[Offline]
}

// TurnsSince returns the Turns after the first n that this Model ever saw, oldest first, and how many it saw by now: what to ask
// with the next time. Of those that are no longer held, which is of more than MaxTurns, it returns none. The slice is the Model's.
func (m *Model) TurnsSince(n uint64) ([]Turn, uint64) {
	fresh := min(m.turned-min(n, m.turned), uint64(len(m.turns)))
	return m.turns[uint64(len(m.turns))-fresh:], m.turned
}

// stillNews is how old an event may be that comes with what was missed, and yet is news: a link that is replaced in order, by
// another tab or by a poll, brings all there is in this way.
const stillNews = time.Minute

// turn notes that a server took a turn, if what came is news.
func (m *Model) turn(t Turn, at time.Time) {
	if m.picture || !m.Complete || m.replaying && m.Now(at).Sub(t.At) > stillNews {
		return
	}
	m.turned++
	m.turns = tail(append(m.turns, t), MaxTurns)
}

// turnedTo notes what it means that the state of a server was another one before the event.
func (m *Model) turnedTo(s *Server, was State, e event.Event, at time.Time) {
	now := s.Status.State
	t := Turn{Server: s.ID, Reason: s.Status.Reason, Place: e.ID, At: e.Time}
	switch {
	case now == was:
		return
	case now == Failing:
		t.What = TurnError
	case now == Offline:
		t.What = TurnOffline
	case was.Trouble():
		t.What, t.Reason = TurnWell, ""
	default:
		return
	}
	m.turn(t, at)
}

// deployTurned notes what it means that a deployment of the server moved on with the event.
func (m *Model) deployTurned(s *Server, e event.Event, at time.Time) {
	for _, d := range s.Deployments {
		if d.Place == e.ID && d.Stage == DeployFailed {
			m.turn(Turn{What: TurnFailed, Server: s.ID, Reason: d.Error, Version: d.Version, ID: d.ID, Place: e.ID, At: e.Time}, at)
		}
	}
}

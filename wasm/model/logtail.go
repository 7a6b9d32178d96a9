package model

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/event"
)

const (
	lastLines   = 4   // of each server
	lastMessage = 300 // of their messages, in bytes: more than a card shows
)

// Said is one of the last lines of a server, for where there is no room for a log.
type Said struct {
	Time    time.Time
	Level   Level
	Message []byte // cut; it is overwritten when it is no longer one of the last
}

// Kinds of lines that are counted apart; all others are one.
var lineKinds = [...]string{event.LogsApp.Name(), event.LogsRequest.Name(), event.LogsSystem.Name(), event.LogsError.Name()}

// RateKinds is how many kinds of lines are counted apart.
const RateKinds = len(lineKinds) + 1

// Tail is what a server said last, and how fast it speaks.
type Tail struct {
	Lines uint64 // that came in
	// Failed is when the newest line said that something failed, at level error, by the event's clock; zero: none did.
	Failed time.Time
	Rates  [RateKinds]Rate
	last   [lastLines]Said
	n      int
}

// RateKind returns the name of a kind of line by its number in Rates: "app", "request", "system", "error", "other".
func RateKind(i int) string {
	if i < len(lineKinds) {
		l := Line{Type: lineKinds[i]}
		return l.Kind()
	}
	return "other"
}

// Spoke reports whether lines of a kind, by its number in Rates, have come in live.
func (t *Tail) Spoke(kind int) bool { return t.Rates[kind].second != 0 }

// PerSecondSince returns how many lines came in a second, of all kinds; see [Rate.PerSecondSince].
func (t *Tail) PerSecondSince(began, now time.Time) (sum float64) {
	for i := range t.Rates {
		sum += t.Rates[i].PerSecondSince(began, now)
	}
	return sum
}

// Last returns up to n of the last lines, oldest first, by time.
func (t *Tail) Last(n int) []Said { return t.last[max(t.n-n, 0):t.n] }

// push takes a line that came in; at is when, by the local clock, and zero for one that was missed.
func (t *Tail) push(line *Line, at time.Time) {
	t.Lines++
	if line.Level >= Error && line.Time.After(t.Failed) {
		t.Failed = line.Time
	}
	if !at.IsZero() {
		i := slices.Index(lineKinds[:], line.Type)
		if i < 0 {
			i = len(lineKinds)
		}
		t.Rates[i].add(at, 1)
	}
	i := t.n
	for i > 0 && t.last[i-1].Time.After(line.Time) {
		i--
	}
	if t.n == lastLines {
		if i == 0 {
			return
		}
		oldest := t.last[0]
		copy(t.last[:], t.last[1:i])
		i--
		t.last[i] = oldest
	} else {
		spare := t.last[t.n]
		copy(t.last[i+1:t.n+1], t.last[i:t.n])
		t.last[i] = spare
		t.n++
	}
	text := line.Message
	if len(text) > lastMessage {
		cut := lastMessage
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	t.last[i] = Said{Time: line.Time, Level: line.Level, Message: append(t.last[i].Message[:0], text...)}
}

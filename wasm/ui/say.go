package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// sayEvery is the shortest time between two sentences of the live region.
const sayEvery = 5 * time.Second

// announcer makes the sentences of the page's one polite live region: changes of the link and of servers' states, and
// nothing else. What changes while it must be silent is said in one sentence after.
type announcer struct {
	begun   bool
	word    string // of the link
	states  map[string]model.State
	shape   uint64
	at      time.Time // of the last sentence
	changed []string  // servers whose state differs from what was said, in the order they changed
	link    bool      // the link's word does
}

// sentence returns what is to be said now, or "".
func (a *announcer) sentence(m *model.Model, now time.Time) string {
	if !a.begun || m.Shape != a.shape || linkWord(&m.Link) != a.word {
		a.look(m)
	}
	if len(a.changed) == 0 && !a.link || now.Sub(a.at) < sayEvery {
		return ""
	}
	a.at = now
	var b []byte
	if a.link {
		switch l := &m.Link; {
		case sessionOver(l):
			b = add(b, linkWord(l))
			b = add(b, ". Sign in to go on.")
		case l.Phase.Fresh() && !l.Away.IsZero():
			b = add(b, "The hub cannot reach its record.")
		default:
			b = add(b, linkWord(l))
			b = append(b, '.')
		}
	}
	if n := len(a.changed); n == 1 {
		if s := m.Server(a.changed[0]); s != nil {
			b = spaced(b)
			b = append(b, s.ID...)
			b = add(b, " is ")
			b = append(b, s.Status.State.String()...)
			b = append(b, '.')
		}
	} else if n > 1 {
		trouble := 0
		for _, s := range m.Servers() {
			if s.Status.State.Trouble() {
				trouble++
			}
		}
		b = spaced(b)
		b = AppendCount(b, int64(n))
		b = add(b, " servers changed their state, ")
		b = AppendCount(b, int64(trouble))
		b = add(b, " in trouble.")
	}
	a.changed, a.link = a.changed[:0], false
	return string(b)
}

func spaced(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	return b
}

// look notes what differs from the last look. The first look is no change: the page is read as it is.
func (a *announcer) look(m *model.Model) {
	first := !a.begun
	a.begun = true
	word := linkWord(&m.Link)
	if word != a.word && !first {
		a.link = true
	}
	a.word, a.shape = word, m.Shape
	states := make(map[string]model.State, len(a.states))
	for _, s := range m.Servers() {
		states[s.ID] = s.Status.State
		if was, known := a.states[s.ID]; !first && m.Complete && (!known || was != s.Status.State) {
			a.changed = append(a.changed, s.ID)
		}
	}
	a.states = states
}

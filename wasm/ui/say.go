package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// sayEvery is the shortest time between two sentences of the live region.
const sayEvery = 5 * time.Second

// announcer makes the sentences of the page's one polite live region: changes of the link and of servers' states, and
// nothing else. What changes while it must be silent is said in one sentence after; what has changed back by then is not.
type announcer struct {
	begun bool
	whole bool                   // a whole picture has been looked at
	word  string                 // of the link, as it was said last
	said  map[string]model.State // of the servers, the same
	shape uint64                 // of the Model, at the last look
	at    time.Time              // of the last sentence
}

// sentence returns what is to be said now, or "".
func (a *announcer) sentence(m *model.Model, now time.Time) string {
	word := linkWord(&m.Link)
	if !a.begun { // the page is read as it is
		a.begun, a.word = true, word
		a.note(m)
		return ""
	}
	if m.Shape == a.shape && word == a.word || now.Sub(a.at) < sayEvery {
		return ""
	}
	changed, link := a.changed(m), word != a.word
	a.word = word
	a.note(m)
	if len(changed) == 0 && !link {
		return ""
	}
	a.at = now
	var b []byte
	if link {
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
	if n := len(changed); n == 1 {
		b = spaced(b)
		b = append(b, changed[0].ID...)
		b = add(b, " is ")
		b = append(b, changed[0].Status.State.String()...)
		b = append(b, '.')
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
	return string(b)
}

func spaced(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	return b
}

// changed returns the servers whose state differs from what was said. While a picture is coming in nothing is known to.
func (a *announcer) changed(m *model.Model) (changed []*model.Server) {
	if !a.whole || !m.Complete {
		return nil
	}
	for _, s := range m.Servers() {
		if was, known := a.said[s.ID]; !known || was != s.Status.State {
			changed = append(changed, s)
		}
	}
	return changed
}

// note takes what the page shows as said. The first whole picture is what it begins with.
func (a *announcer) note(m *model.Model) {
	a.shape = m.Shape
	if a.whole && !m.Complete {
		return
	}
	a.whole = m.Complete
	a.said = make(map[string]model.State, len(m.Servers()))
	for _, s := range m.Servers() {
		a.said[s.ID] = s.Status.State
	}
}

package ui

import "github.com/mcp-cloud/telltale/wasm/model"

// lampParts is what is drawn in a box of 16 by 16; colours come from the class alone.
type lampParts struct {
	class string // colour class when lit
	word  string
	was   string // the word when aged
	lit   string
	aged  string
}

const (
	ring       = `<circle class="o" cx="8" cy="8" r="5.25"/>`
	slashed    = `<path class="o" d="M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 0 1 0-10.5M3.6 12.4l8.8-8.8"/>`
	starting   = `<circle cx="8" cy="8" r="1.75"/><path class="o" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5"/>`
	dottedRing = `<circle class="o dots" cx="8" cy="8" r="5.5"/>`
)

// lamps holds the lamp of every state.
var lamps = [model.NumStates]lampParts{
	model.Failing:  {"c-err", "Error", "was in error", `<path d="M8 1.6L15 14H1z"/><path class="cut" d="M8 6v3.6M8 11.8v.01"/>`, `<path class="o" d="M8 2.6l5.9 10.6H2.1z"/><path class="o" d="M8 6.4v3M8 11.4v.01"/>`},
	model.Offline:  {"c-err", "Offline", "was offline", slashed, slashed},
	model.Starting: {"c-way", "Starting", "was starting", starting, starting},
	model.Busy:     {"c-ok", "Busy", "was busy", `<circle cx="8" cy="8" r="3.75"/><circle class="o" cx="8" cy="8" r="6.75"/>`, `<circle class="o" cx="8" cy="8" r="3"/><circle class="o" cx="8" cy="8" r="6.75"/>`},
	model.Online:   {"c-ok", "Online", "was online", `<circle cx="8" cy="8" r="5.5"/>`, `<circle class="o" cx="8" cy="8" r="4.75"/>`},
	model.Idling:   {"c-ok", "Idle", "was idle", ring + `<path d="M2.75 8a5.25 5.25 0 0 0 10.5 0z"/>`, ring + `<path class="o" d="M2.75 8h10.5"/>`},
	model.Stopped:  {"c-ink2", "Stopped", "was stopped", slashed, slashed},
	model.Unknown:  {"c-ink3", "Unknown", "unknown", dottedRing, dottedRing},
}

// StateWord returns the state's word: "Online", and for an aged lamp "was online".
func StateWord(s model.State, aged bool) string {
	if aged {
		return lamps[s].was
	}
	return lamps[s].word
}

// StateClass returns the class that colours the state's word and lamp.
func StateClass(s model.State, aged bool) string {
	if aged {
		return "c-ink3"
	}
	return lamps[s].class
}

// AppendLamp appends the lamp as an SVG element, size pixels square (16 in rows and cards, 28 in a title). It is hidden
// from screen readers, which read the word beside it. Aged, it keeps its outline and loses its fill and colour.
func AppendLamp(b []byte, s model.State, size int, aged bool) []byte {
	shape := lamps[s].lit
	if aged {
		shape = lamps[s].aged
	}
	class := "lamp " + StateClass(s, aged)
	if s == model.Starting && !aged {
		class += " turn" // as a whole: the compositor turns an element without the page's own thread, and no part of a drawing
	}
	return appendIcon(b, class, "0 0 16 16", size, size, shape)
}

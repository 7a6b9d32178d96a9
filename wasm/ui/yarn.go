package ui

import "github.com/mcp-cloud/telltale/shared/feed"

// sagging is the yarn with no wind behind it.
const sagging = `<path class="o" d="M6 8c7-.6 11 .6 15 3s6 3.4 9 3.2"/>`

// links is how each phase of the connection looks and what it is called.
var links = [feed.Polling + 1]struct{ class, word, strand string }{
	feed.Idle:         {"c-warn", "Not live yet", sagging},
	feed.Connecting:   {"c-warn", "Connecting", sagging},
	feed.CatchingUp:   {"c-way", "Catching up", `<path class="o" d="M10.5 8h3.5M17 8h3.5M23.5 8h3.5M29 3.8l4.2 4.2-4.2 4.2M34 3.8l4.2 4.2-4.2 4.2"/>`},
	feed.Live:         {"c-ok", "Live", `<path class="o" d="M6 8C12 5.6 18 10 24 8S34 6.6 38 7.4"/>`},
	feed.Stale:        {"c-warn", "Stale", sagging},
	feed.Reconnecting: {"c-warn", "Reconnecting", `<path class="o" d="M6 8C9 2.5 12.5 2 14.5 7s5 6.5 7.5 1 4.5-6 6.5-1.5 4.5 6 8.5.5"/>`},
	feed.Offline:      {"c-err", "Offline", `<path class="o" d="M6 8c7-.6 10 1.6 9.6 7"/>`},
	feed.Refused:      {"c-err", "Refused", `<path class="o" d="M6 8h15"/><path class="wall" d="M25.5 1.5v13"/><path class="o faint" d="M29.5 8h3M35.5 8h2.5"/>`},
	feed.Polling:      {"c-way", "Polling", `<path class="o" d="M8.5 8h5M18 8h5M27.5 8h5"/>`},
}

// LinkWord returns the phase's word, as the pill writes it.
func LinkWord(p feed.Phase) string { return links[p].word }

// LinkClass returns the class that colours what speaks for the link.
func LinkClass(p feed.Phase) string { return links[p].class }

// AppendYarn appends the yarn of the link's state, 40 by 16, hidden from screen readers. Its shape alone tells the state.
func AppendYarn(b []byte, p feed.Phase) []byte {
	return appendIcon(b, "yarn "+links[p].class, "0 0 40 16", 40, 16,
		`<path class="pole" d="M5 1v14"/>`+links[p].strand+`<circle cx="5" cy="8" r="3"/>`)
}

// AppendMark appends Telltale's mark, size pixels square; its lamp takes the colour of the link.
func AppendMark(b []byte, p feed.Phase, size int) []byte {
	return appendIcon(b, "mark "+links[p].class, "0 0 26 26", size, size,
		`<path class="pole" d="M6.5 2v22"/><path class="strand" d="M7 9.5C13 6 16.5 13.5 24.5 8.5"/>`+
			`<path class="strand second" d="M7 16.5c5 3 9-3 14-.6"/><circle class="knot" cx="6.5" cy="16.6" r="2"/>`+
			`<circle class="around" cx="6.5" cy="9.5" r="5.5"/><circle cx="6.5" cy="9.5" r="4"/>`)
}

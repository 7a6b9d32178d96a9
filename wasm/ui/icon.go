package ui

import "strconv"

// appendIcon appends an SVG element that is decoration: the words beside it say what it says.
func appendIcon(b []byte, class, box string, w, h int, shapes string) []byte {
	b = add(b, `<svg class="`)
	b = add(b, class)
	b = add(b, `" viewBox="`)
	b = append(b, box...)
	b = add(b, `" width="`)
	b = strconv.AppendInt(b, int64(w), 10)
	b = add(b, `" height="`)
	b = strconv.AppendInt(b, int64(h), 10)
	b = add(b, `" aria-hidden="true">`)
	b = append(b, shapes...)
	return add(b, `</svg>`)
}

// Icons of controls and navigation, 16 by 16, drawn with lines of 1.5.
const (
	iconFleet  = `<path d="M2 2h4.5v4.5H2zM9.5 2H14v4.5H9.5zM2 9.5h4.5V14H2zM9.5 9.5H14V14H9.5z"/>`
	iconDeploy = `<path d="M8 10.5v-8M4.5 6L8 2.5 11.5 6M3 13.5h10"/>`
	iconEvents = `<path d="M2 2.5h2v11H2M14 2.5h-2v11h2M8 4.5v.01M8 8v.01M8 11.5v.01"/>`
	iconSearch = `<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/>`
	iconDown   = `<path d="M4 6.5l4 4 4-4"/>`
	iconTheme  = `<circle cx="8" cy="8" r="5.5"/><path class="full" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>`
	iconDark   = `<path d="M13.2 9.6A5.7 5.7 0 0 1 6.4 2.8a5.7 5.7 0 1 0 6.8 6.8z"/>`
	iconLight  = `<circle cx="8" cy="8" r="2.75"/><path d="M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1.05 1.05M11.55 11.55l1.05 1.05M12.6 3.4l-1.05 1.05M4.45 11.55L3.4 12.6"/>`
	iconTick   = `<path d="M3 8.5l3.2 3.2L13 4.8"/>`
	iconPlay   = `<path class="full" d="M4 2.5v11l9-5.5z"/>`
	iconPause  = `<path d="M5 3v10M11 3v10"/>`
	iconUpdate = `<path d="M8 2v8M4.5 7L8 10.5 11.5 7M3 13.5h10"/>`
	iconSample = `<path d="M1.5 12h2.5V8h3V4.5h3V9h2.5v3h2"/>`
	iconState  = `<circle class="full" cx="8" cy="8" r="4.5"/>`
	iconLine   = `<path d="M2 4h12M2 8h9M2 12h11"/>`
	iconRows   = `<path d="M2 4h12M2 8h12M2 12h12"/>`
	iconVoice  = `<path d="M2 8C5 5 8 10.5 14 7"/>`
)

func appendLineIcon(b []byte, shapes string) []byte {
	return appendIcon(b, "icon", "0 0 16 16", 16, 16, shapes)
}

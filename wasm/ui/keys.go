package ui

import "github.com/maxence-charriere/go-app/v10/pkg/app"

// keysButton opens the list of keys for those who don't know that "?" does.
const keysButton = `<button class="link" type="button" data-do="keys">Keys</button>`

// keyList are all the keys there are, screen by screen.
var keyList = [...]struct {
	screen string
	keys   [][2]string // keys with a space between, and what they do
}{
	{"Everywhere", [][2]string{
		{"/", "search"},
		{"c", "continuity of the connection"},
		{"?", "this list"},
		{"Esc", "close what is open, clear a search, then leave it"},
	}},
	{"Fleet", [][2]string{
		{"j k", "next server, the one before"},
		{"Enter", "open the server"},
	}},
	{"Charts", [][2]string{
		{"← →", "move the crosshair of the chart that has the focus"},
		{"Enter", "keep it there, and in the address; Esc lets it go"},
	}},
	{"Log", [][2]string{
		{"p", "pause, go on"},
		{"↑ ↓", "next line, the one before"},
		{"Enter", "open the line; in the search the next match, with Shift the one before"},
	}},
}

// keysHelp is what the list says. It never changes.
var keysHelp = func() string {
	b := []byte(`<div><div class="ph"><h2>Keys</h2></div>`)
	for _, group := range keyList {
		b = add(b, `<h3>`)
		b = add(b, group.screen)
		b = add(b, `</h3><dl class="kv keys">`)
		for _, k := range group.keys {
			b = add(b, `<dt><kbd>`)
			for _, c := range k[0] {
				if c == ' ' {
					b = add(b, `</kbd> <kbd>`)
				} else {
					b = append(b, string(c)...)
				}
			}
			b = add(b, `</kbd></dt><dd>`)
			b = add(b, k[1])
			b = add(b, `</dd>`)
		}
		b = add(b, `</dl>`)
	}
	return string(add(b, `<div class="acts"><button class="btn" type="button" data-do="keys">Close</button><kbd>Esc</kbd></div></div>`))
}()

// showKeys opens or closes the list of keys.
func (s *Page) showKeys(ctx app.Context, open bool) {
	if s.keys = open; open {
		s.open = false
	}
	s.refocus(ctx, "keys", open)
}

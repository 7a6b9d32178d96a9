package ui

import (
	"net/url"
	"strings"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// drawCommands draws what shows the same events in a terminal.
func (v *liveEvents) drawCommands(p *pen, m *model.Model) {
	p.raw(`<section class="panel wire" aria-label="The same in a terminal"><div class="ph"><h2>The same in a terminal</h2></div>`)
	p.open(&v.commands, "div", "", "", "live-commands")
	guarded := m.Me != nil && !m.Me.Open
	for _, c := range [...]struct{ id, words, line string }{
		{"cmd-tail", "With Telltale's own program: it comes back by itself, from where it was", v.tailCommand(guarded)},
		{"cmd-curl", "With curl: the stream as it is", v.curlCommand(guarded)},
	} {
		p.put(`<div class="cmd"><p>`)
		p.put(c.words)
		p.put(`</p><button class="btn" type="button" data-do="copy" data-of="`)
		p.put(c.id)
		p.put(`">Copy</button><pre class="raw" id="`)
		p.put(c.id)
		p.put(`">`)
		p.b = AppendText(p.b, c.line)
		p.put(`</pre></div>`)
	}
	p.shut(&v.commands, "div")
	p.raw(`</section>`)
}

func (v *liveEvents) tailCommand(guarded bool) string {
	c := "telltale tail --url " + shellQuote(v.where)
	if guarded {
		c = `TELLTALE_TOKEN="$TOKEN" ` + c
	}
	if s := v.look.Filter.Servers(); s != "" {
		c += " --server " + shellQuote(s)
	}
	if s := v.look.Filter.Types(); s != "" {
		c += " --types " + shellQuote(s)
	}
	return c + v.grep()
}

func (v *liveEvents) curlCommand(guarded bool) string {
	q := make(url.Values)
	say(q, "servers", v.look.Filter.Servers())
	say(q, "types", v.look.Filter.Types())
	at := v.where + "/api/events"
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	c := "curl -N "
	if guarded {
		c += `-H "Authorization: Bearer $TOKEN" `
	}
	return c + shellQuote(at) + v.grep()
}

// grep finds the same text among the events. It knows no event from the lines of one, which are the place, the type and the JSON.
func (v *liveEvents) grep() string {
	if v.asked.find == "" {
		return ""
	}
	return " | grep --line-buffered -iF -e " + shellQuote(v.asked.find)
}

// shellQuote returns the word as a POSIX shell reads it back, whatever is in it but NUL, which no word can hold.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(word, "\x00", ""), "'", `'\''`) + "'"
}

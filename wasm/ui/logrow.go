package ui

import (
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// levels are the words and class names of the four levels; a word has at most five letters.
var levels = [model.NumLevels]struct{ word, class string }{
	model.Error: {"ERROR", "err"},
	model.Warn:  {"WARN", "warn"},
	model.Info:  {"INFO", "info"},
	model.Debug: {"DEBUG", "debug"},
}

// Row is one line of a log.
type Row struct {
	ID      string // the element's id; "" for none
	Time    time.Time
	Level   model.Level
	Kind    string // app, system, request, error
	Server  string // named only in a log of many servers
	Message string
	Stack   string // opens under the line
	Context string // opens under the line, after the stack
}

// AppendRow appends the row as HTML. What the row says was written by strangers and stays text; where it contains find,
// in any case of letters, it is marked. A row with a stack or a context opens on its own, with the keyboard too.
func AppendRow(b []byte, r Row, find string) []byte {
	opens := r.Stack != "" || r.Context != ""
	if opens {
		b = add(b, `<details`)
	} else {
		b = add(b, `<div`)
	}
	if r.ID != "" {
		b = add(b, ` id="`)
		b = AppendText(b, r.ID)
		b = append(b, '"')
	}
	b = add(b, ` class="r `)
	b = add(b, levels[r.Level].class)
	b = add(b, `">`)
	if opens {
		b = add(b, `<summary>`)
	}
	b = add(b, `<time>`)
	b = AppendLogTime(b, r.Time)
	b = add(b, `</time><b>`)
	b = add(b, levels[r.Level].word)
	b = add(b, `</b><i>`)
	b = AppendText(b, r.Kind)
	b = add(b, `</i><span>`)
	if r.Server != "" {
		b = add(b, `<u>`)
		b = AppendText(b, r.Server)
		b = add(b, `</u> `)
	}
	b = AppendFound(b, r.Message, find)
	b = add(b, `</span>`)
	if !opens {
		return add(b, `</div>`)
	}
	b = add(b, `</summary><pre>`)
	if r.Stack != "" {
		b = append(b, '\n') // a pre drops the first line end it begins with
		b = AppendFound(b, r.Stack, find)
		if r.Context != "" {
			b = append(b, '\n')
		}
	}
	if r.Context != "" {
		b = add(b, `<b>context</b> `)
		b = AppendFound(b, r.Context, find)
	}
	return add(b, `</pre></details>`)
}

// AppendFound appends s as HTML text with each place that reads find, in any case of ASCII letters, in a mark element.
func AppendFound(b []byte, s, find string) []byte {
	if find == "" {
		return AppendText(b, s)
	}
	for {
		i := indexFold(s, find)
		if i < 0 {
			return AppendText(b, s)
		}
		b = AppendText(b, s[:i])
		b = add(b, `<mark>`)
		b = AppendText(b, s[i:i+len(find)])
		b = add(b, `</mark>`)
		s = s[i+len(find):]
	}
}

// Found counts the places in s that read find.
func Found(s, find string) int {
	if find == "" {
		return 0
	}
	n := 0
	for i := indexFold(s, find); i >= 0; i = indexFold(s, find) {
		n++
		s = s[i+len(find):]
	}
	return n
}

// indexFold is strings.Index that takes ASCII letters of either case for the same. It never splits a character.
func indexFold(s, find string) int {
	if find == "" {
		return -1
	}
	first := lower(find[0])
	for i := 0; i+len(find) <= len(s); i++ {
		if lower(s[i]) != first || !utf8.RuneStart(s[i]) {
			continue
		}
		j := 1
		for j < len(find) && lower(s[i+j]) == lower(find[j]) {
			j++
		}
		if j == len(find) {
			return i
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// AppendSkipped appends the row that stands where n lines would have stood: how many, between when and when, and why.
// Read, when not "", has a button that asks for it.
func AppendSkipped(b []byte, n int64, from, to time.Time, why, read string) []byte {
	b = add(b, `<div class="r skipped"><span>`)
	b = AppendCount(b, n)
	b = add(b, plural(n, " line skipped", " lines skipped"))
	if !from.IsZero() && !to.IsZero() {
		b = add(b, ", ")
		b = AppendClock(b, from)
		b = add(b, " to ")
		b = AppendClock(b, to)
	}
	if why != "" {
		b = add(b, ": ")
		b = AppendText(b, why)
	}
	b = add(b, `</span>`)
	if read != "" {
		b = add(b, `<button class="link" type="button" data-do="read" data-of="`)
		b = AppendText(b, read)
		b = add(b, `">Read them</button>`)
	}
	return add(b, `</div>`)
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

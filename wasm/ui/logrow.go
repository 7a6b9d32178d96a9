package ui

import (
	"encoding/json"
	"strings"
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

// shortMessage is how much of a message a closed row has, in bytes: more than the widest screen shows of it.
const shortMessage = 800

// row is one line of a log as it is on the page.
type row struct {
	at   model.Spot
	hit  bool // what is searched for is in it
	cur  bool // the reader is at it
	open bool // its whole message is shown, with what came along
}

// id is that of the row's element.
func (r row) id() string {
	if r.at.IsGap() {
		return "G" + r.at.Place().String()
	}
	return "L" + r.at.Place().String()
}

// appendRow appends the row as HTML. What the line says was written by strangers and stays text; what the finder finds in it is
// marked.
func appendRow(b []byte, r row, l *model.Line, look *lineLook) []byte {
	b = add(b, `<div id="`)
	b = add(b, r.id())
	b = add(b, `" class="`)
	b = appendRowClass(b, r, l)
	b = add(b, `" tabindex="-1">`)
	b = appendRowInner(b, r, l, look)
	return add(b, `</div>`)
}

// lineLook is what rows of a log have in common.
type lineLook struct {
	now   time.Time // in the reader's zone
	find  *model.Finder
	named bool // each names its server
}

func appendRowClass(b []byte, r row, l *model.Line) []byte {
	if l.Gap != nil {
		return add(b, "r skipped")
	}
	b = add(b, "r ")
	b = add(b, levels[l.Level].class)
	for _, c := range [...]struct {
		on   bool
		name string
	}{{r.hit, " hit"}, {r.cur, " cur"}, {r.open, " open"}, {l.Stack != "" || l.Context != "", " more"}} {
		if c.on {
			b = add(b, c.name)
		}
	}
	return b
}

// appendRowInner appends what is inside of a row's element: the parts of the line, and of an open row, what came along and
// what can be done with it.
func appendRowInner(b []byte, r row, l *model.Line, look *lineLook) []byte {
	if l.Gap != nil {
		return appendGap(b, l)
	}
	b = add(b, `<time>`)
	if t := l.Time.In(look.now.Location()); sameDay(t, look.now) {
		b = AppendLogTime(b, t)
	} else {
		b = t.AppendFormat(b, "2 Jan 15:04")
	}
	b = add(b, `</time><b>`)
	b = add(b, levels[l.Level].word)
	b = add(b, `</b><i>`)
	b = AppendText(b, l.Kind())
	if look.named {
		b = add(b, `</i><i>`)
		b = AppendText(b, l.Server)
	}
	b = add(b, `</i><span>`)
	text := l.Message
	if !r.open {
		text = firstPart(text, shortMessage)
	}
	b = appendFound(b, text, look.find)
	b = add(b, `</span>`)
	if !r.open {
		if rest := len(l.Message) - len(text); rest > 0 {
			b = add(b, `<em>`)
			b = AppendQuantity(b, float64(rest), Bytes)
			b = add(b, ` more</em>`)
		}
		return b
	}
	b = add(b, `<div class="along">`)
	if l.Stack != "" {
		b = add(b, "<pre>\n") // a pre drops the first line end it begins with
		b = appendFound(b, l.Stack, look.find)
		b = add(b, `</pre>`)
	}
	if l.Context != "" {
		b = appendContext(b, l.Context, look.find)
	}
	place := l.Place.String()
	b = add(b, `<p><time>`)
	b = append(b, l.Time.In(look.now.Location()).Format("2 Jan 2006 15:04:05.000 MST")...)
	b = add(b, `</time> <code>`)
	b = add(b, place)
	b = add(b, `</code> <code>`)
	b = AppendText(b, l.Server)
	b = add(b, " ")
	b = AppendText(b, l.Type)
	b = add(b, `</code>`)
	for _, act := range [...]struct{ what, word string }{{"copy-line", "Copy"}, {"copy-json", "Copy JSON"}, {"copy-link", "Copy link"}} {
		b = add(b, `<button class="link" type="button" data-do="`)
		b = add(b, act.what)
		b = add(b, `" data-of="`)
		b = add(b, place)
		b = add(b, `">`)
		b = add(b, act.word)
		b = add(b, `</button>`)
	}
	if look.named {
		b = add(b, `<a class="link" href="`)
		b = AppendText(b, ServerPath(l.Server))
		b = add(b, `?line=`)
		b = add(b, place)
		b = add(b, `">In the server's log</a>`)
	}
	return add(b, `</p></div>`)
}

// firstPart returns the first bytes of s, and no half of a character.
func firstPart(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// appendContext appends the fields of a JSON object, one a line; other JSON as it is.
func appendContext(b []byte, context string, find *model.Finder) []byte {
	b = add(b, `<dl>`)
	fields := 0
	whole := eachField(context, func(name, value string) {
		fields++
		b = add(b, `<dt>`)
		b = AppendText(b, name)
		b = add(b, `</dt><dd>`)
		b = appendFound(b, value, find)
		b = add(b, `</dd>`)
	})
	if !whole || fields == 0 {
		b = add(b, `<dt>context</dt><dd>`)
		b = appendFound(b, context, find)
		b = add(b, `</dd>`)
	}
	return add(b, `</dl>`)
}

// eachField calls f with the name and the JSON of each field of an object that is valid JSON, of strings what they say; false
// where it is no object.
func eachField(object string, f func(name, value string)) bool {
	s := strings.TrimSpace(object)
	if len(s) < 2 || s[0] != '{' {
		return false
	}
	s = s[1:]
	for {
		s = strings.TrimLeft(s, " \t\r\n,")
		if s == "" || s[0] == '}' {
			return true
		}
		n := jsonLen(s)
		name := bare(s[:n])
		if s = strings.TrimLeft(s[n:], " \t\r\n"); s == "" || s[0] != ':' {
			return false
		}
		s = strings.TrimLeft(s[1:], " \t\r\n")
		if n = jsonLen(s); n == 0 {
			return false
		}
		f(name, bare(s[:n]))
		s = s[n:]
	}
}

// jsonLen returns how long the JSON value is that s begins with.
func jsonLen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(s))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// bare returns what a JSON string says; other JSON as it is.
func bare(s string) string {
	switch {
	case len(s) < 2 || s[0] != '"':
		return s
	case strings.IndexByte(s, '\\') < 0:
		return s[1 : len(s)-1]
	}
	var text string
	if json.Unmarshal([]byte(s), &text) != nil {
		return s
	}
	return text
}

// appendFound appends s as HTML text with each place in which something is found in a mark element.
func appendFound(b []byte, s string, find *model.Finder) []byte {
	if find == nil {
		return AppendText(b, s)
	}
	s = find.Mark(s)
	for {
		before, rest, marked := strings.Cut(s, string(model.MarkBegin))
		b = AppendText(b, before)
		if !marked {
			return b
		}
		found, after, _ := strings.Cut(rest, string(model.MarkEnd))
		if found != "" {
			b = add(b, `<mark>`)
			b = AppendText(b, found)
			b = add(b, `</mark>`)
		}
		s = after
	}
}

// appendGap appends what stands where lines are missing: how many, why, and a button that asks for them where they can be had.
func appendGap(b []byte, l *model.Line) []byte {
	g := l.Gap
	b = add(b, `<span>`)
	switch {
	case g.Reason == model.GapUnread:
		b = add(b, "Lines between are in the record and were not read")
	case g.Reason == model.GapTrimmed:
		b = appendSkippedCount(b, g.Count)
		b = add(b, " gone: retention took ")
		b = add(b, plural(int64(g.Count), "it", "them"))
	case g.Reason == "slow" || g.Reason == "":
		b = appendSkippedCount(b, g.Count)
		b = add(b, " skipped: this link was slower than the log")
	default:
		b = appendSkippedCount(b, g.Count)
		b = add(b, " skipped: ")
		b = add(b, gapReason(g.Reason))
	}
	b = add(b, `</span>`)
	if g.Reason == model.GapTrimmed || g.To.IsZero() {
		return b
	}
	b = add(b, `<button class="link" type="button" data-do="read" data-of="`)
	b = add(b, g.From.String())
	b = add(b, " ")
	b = add(b, g.To.String())
	b = add(b, " ")
	b = AppendText(b, l.Server)
	return add(b, `">Read them</button>`)
}

func appendSkippedCount(b []byte, n uint64) []byte {
	if n == 0 {
		return add(b, "Lines")
	}
	b = AppendCount(b, int64(n))
	return add(b, plural(int64(n), " line", " lines"))
}

// lineText is a line as one copies it.
func lineText(l *model.Line, zone *time.Location) string {
	s := l.Time.In(zone).Format("2006-01-02 15:04:05.000") + " " + levels[l.Level].word + " " + l.Server + " " + l.Kind() + " " + l.Message
	if l.Stack != "" {
		s += "\n" + l.Stack
	}
	if l.Context != "" {
		s += "\n" + l.Context
	}
	return s
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
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

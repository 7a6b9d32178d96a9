package model

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Level is how grave a log line is.
type Level uint8

const (
	Info Level = iota // also where none was said
	Debug
	Warn
	Error
	NumLevels = iota
)

var levelNames = [NumLevels]string{"info", "debug", "warn", "error"}

func (l Level) String() string {
	if int(l) < NumLevels {
		return levelNames[l]
	}
	return "info"
}

// ParseLevel reads the words that publishers use; what it does not know is Info.
func ParseLevel(s string) Level {
	switch strings.ToLower(s) {
	case "debug", "trace":
		return Debug
	case "warn", "warning":
		return Warn
	case "error", "fatal", "critical", "panic":
		return Error
	}
	return Info
}

// Line is one line of a log. It is a value: nothing in it is shared with the Log it came from.
type Line struct {
	Place   event.ID
	Time    time.Time // by the event's clock
	Server  string
	Type    string // "logs:app"
	Level   Level
	Message string // of a request: "GET /path 200 38 ms"; without the codes that colour a terminal
	Stack   string // opens under the line
	Context string // JSON text, opens under the line
	Data    []byte // the JSON object as it came

	// Gap is set on a line that stands for lines that are not here: Place and Time say where they would have stood, and
	// Message is empty. Of a gap in the lines of one server alone, Server is that.
	Gap *Gap
}

// Kind returns the part of the type after the colon: "app", "system", "request", "error".
func (l *Line) Kind() string {
	_, kind, _ := strings.Cut(l.Type, ":")
	return kind
}

// Gap is what the stream said it left out, or what of the record was not read.
type Gap struct {
	Reason   string // GapTrimmed, GapUnread; others: left out for a slow link
	From, To event.ID
	Count    uint64 // how many, where the stream counted
	At       time.Time
	Read     bool // the lines that were left out have been read from the record since
}

// Reasons of a Gap that are not the stream's word for a slow link.
const (
	GapTrimmed = "trimmed" // retention took the lines before they were read
	GapUnread  = "unread"  // the page went to older lines and passed these over
)

// A key says where a line stands: in the order of times, those of one instant in the order of places; a gap after the line
// it follows.
type key struct {
	ms    int64
	place event.ID
	gap   bool
}

func (k key) compare(o key) int {
	switch {
	case k.ms != o.ms:
		if k.ms < o.ms {
			return -1
		}
		return 1
	case k.place != o.place:
		return k.place.Compare(o.place)
	case k.gap != o.gap:
		if o.gap {
			return -1
		}
		return 1
	}
	return 0
}

func (l *Line) key() key { return key{l.Time.UnixMilli(), l.Place, l.Gap != nil} }

// lineOf reads a logs:* event. The line's Data is the event's, to be copied by who keeps it.
func lineOf(server string, e event.Event) Line {
	l := Line{Place: e.ID, Time: e.Time, Server: server, Type: e.Type, Data: e.Data}
	var level string
	switch e.Type {
	case event.LogsRequest.Name():
		p, _ := event.LogsRequest.Decode(e.Data)
		level = p.Level
		if level == "" && p.StatusCode >= 500 {
			level = "error"
		}
		l.Message = requestMessage(p)
	case event.LogsError.Name():
		p, _ := event.LogsError.Decode(e.Data)
		level, l.Message, l.Stack, l.Context = p.Level, p.Message, clean(p.Stack), string(p.Context)
		if level == "" {
			level = "error"
		}
	case event.LogsSystem.Name():
		p, _ := event.LogsSystem.Decode(e.Data)
		level, l.Message = p.Level, p.Message
		if p.Component != "" {
			l.Message = p.Component + ": " + p.Message
		}
	default: // logs:app, and those the catalogue does not know
		p, _ := event.LogsApp.Decode(e.Data)
		level, l.Message, l.Context = p.Level, p.Message, string(p.Context)
	}
	l.Level = ParseLevel(level)
	l.Message = clean(l.Message)
	return l
}

// requestMessage says a request in one line: "GET /path 200 38 ms", and what else was said of it.
func requestMessage(p event.RequestLine) string {
	b := make([]byte, 0, 64)
	b = append(b, p.Method...)
	b = append(b, ' ')
	b = append(b, p.Path...)
	if p.StatusCode != 0 {
		b = strconv.AppendInt(append(b, ' '), int64(p.StatusCode), 10)
	}
	if ms, ok := p.ResponseTime.Get(); ok {
		prec := 0
		if ms < 10 {
			prec = 1
		}
		b = strconv.AppendFloat(append(b, ' '), ms, 'f', prec, 64)
		b = append(b, " ms"...)
	}
	if p.Message != "" {
		b = append(b, "  "...)
		b = append(b, p.Message...)
	}
	return string(b)
}

// clean takes out what a terminal would obey, such as codes for colour, and shows what other control characters there are as
// U+FFFD. Tabs and line ends stay. So none of the characters below a space but those three are ever in a held text, and this
// package may use them.
func clean(s string) string {
	i := 0
	for i < len(s) && !control(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		switch c := s[i]; {
		case c == 0x1b:
			i += escapeLen(s[i:])
		case control(c):
			b = append(b, "\ufffd"...)
			i++
		default:
			b = append(b, c)
			i++
		}
	}
	return string(b)
}

func control(c byte) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f }

// escapeLen returns how long the escape sequence is that s begins with, as ECMA-48 has them; one that is cut off ends with s.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	i := 2
	switch s[1] {
	case '[': // parameters, then one final byte
		for i < len(s) && s[i] >= 0x20 && s[i] < 0x40 {
			i++
		}
		if i < len(s) && s[i] >= 0x40 && s[i] < 0x7f {
			i++
		}
		return i
	case ']', 'P', '^', '_': // a string, up to BEL or ESC \; one without an end is not believed to be one
		for ; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
		}
		return 2
	}
	if i = 1; s[i] >= 0x20 && s[i] < 0x30 {
		i++
	}
	if i < len(s) && s[i] >= 0x30 && s[i] < 0x7f {
		i++
	}
	return i
}

// line folds in a logs:* event; at is when it came.
func (m *Model) line(s *Server, e event.Event, at time.Time) {
	l := lineOf(s.ID, e)
	m.Log.push(l)
	if m.replaying {
		at = time.Time{}
	}
	s.Tail.push(&l, at)
}

// gap enters that something is missing, and puts a line where missing lines would have stood.
func (m *Model) gap(p event.Gap, at time.Time) {
	g := Gap{Reason: p.Reason, From: p.From, To: p.To, Count: uint64(max(p.Count, 0)), At: at}
	m.Link.Gaps = tail(append(m.Link.Gaps, g), MaxBreaks)
	if n := len(m.Link.Breaks); n > 0 && m.Link.Breaks[n-1].To.IsZero() {
		m.Link.Breaks[n-1].Lost = true
		m.Link.Breaks[n-1].Missed = 0
	}
	m.Shape++
	if len(p.Classes) > 0 && !slices.Contains(p.Classes, event.Line) {
		return
	}
	l := Line{Place: p.From, Time: m.Now(at), Gap: &g}
	m.Log.settle()
	if last := m.Log.last(); last != (key{}) { // after what is here, whatever its clock says
		l.Time = time.UnixMilli(last.ms)
		if last.place.Compare(l.Place) > 0 {
			l.Place = last.place
		}
	}
	m.Log.push(l)
}

// last returns where the last line stands.
func (l *Log) last() key {
	for i := len(l.blocks); i > 0; i-- {
		if b := l.blocks[i-1]; b.n > 0 {
			return b.last
		}
	}
	return key{}
}

// tail keeps the newest of a list that is too long, in an array of its own.
func tail[T any](list []T, bound int) []T {
	if len(list) > bound {
		return slices.Clone(list[len(list)-bound:])
	}
	return list
}

// maxMessage bounds what is kept of a message outside of the log, in bytes.
const maxMessage = 4 << 10

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

// Line is one line of a log. It is never changed once made, so a pointer to it may be kept.
type Line struct {
	Place   event.ID
	Time    time.Time // by the event's clock
	Server  string
	Type    string // "logs:app"
	Level   Level
	Message string // of a request: "GET /path 200 38 ms"
	Data    []byte // the JSON object as it came, for what opens under the line; nil when it was longer than MaxData

	// Gap is set on a line that stands for lines that are not here: Place and Time say where they would have stood, and
	// Message is empty.
	Gap *Gap
}

// Kind returns the part of the type after the colon: "app", "system", "request", "error".
func (l *Line) Kind() string {
	const prefix = "logs:"
	if len(l.Type) > len(prefix) {
		return l.Type[len(prefix):]
	}
	return ""
}

// Gap is what the stream said it left out.
type Gap struct {
	Reason   string // "trimmed": retention took it before we came back; others: left out for a slow link
	From, To event.ID
	Count    uint64 // how many, where the stream counted
	At       time.Time
	Read     bool // the lines that were left out have been read from the record since
}

// Log is the newest lines in the order of their times, those of one instant in the order of their places; a line where
// others are missing stands where it came, and keeps what is before it before it. Each line has a number, rising by one: a
// painter remembers the numbers it has drawn and sees what has come and what has gone. When a line came late and stands among
// older ones, Turn has risen and the numbers have moved. The zero Log is empty.
type Log struct {
	Turn   uint64
	Levels [NumLevels]int // how many lines of each level are held

	ring  []*Line // grows by doubling up to the bound; line number i stands at i modulo its length
	end   uint64  // number of the line that will come next
	n     int
	bytes int
}

// Span returns the numbers of the oldest line held and of the one that comes next: the lines are [from, end).
func (l *Log) Span() (from, end uint64) { return l.end - uint64(l.n), l.end }

// Len returns how many lines are held.
func (l *Log) Len() int { return l.n }

// At returns the line with that number, or nil when it is not held.
func (l *Log) At(number uint64) *Line {
	if from, end := l.Span(); number < from || number >= end {
		return nil
	}
	return l.ring[number%uint64(len(l.ring))]
}

// push appends the line and drops the oldest beyond the bounds.
func (l *Log) push(line *Line, maxLines, maxBytes int) {
	if l.n == len(l.ring) && l.n < maxLines {
		bigger := make([]*Line, min(max(64, 2*l.n), maxLines))
		from, end := l.Span()
		for i := from; i < end; i++ {
			bigger[i%uint64(len(bigger))] = l.ring[i%uint64(len(l.ring))]
		}
		l.ring = bigger
	}
	late := l.late(line)
	if l.n == len(l.ring) {
		if late == l.n {
			return // older than all there is room for
		}
		l.drop()
	}
	at := func(back int) **Line { return &l.ring[(l.end-uint64(back))%uint64(len(l.ring))] }
	for i := range late {
		*at(i) = *at(i + 1)
	}
	*at(late) = line
	if line.Gap == nil {
		l.Levels[line.Level]++
	}
	if late > 0 {
		l.Turn++
	}
	l.end++
	l.n++
	l.bytes += line.size()
	for l.bytes > maxBytes && l.n > 1 {
		l.drop()
	}
}

// late returns how many lines at the end belong behind the line.
func (l *Log) late(line *Line) int {
	n := 0
	for ; n < l.n && line.Gap == nil; n++ {
		last := l.ring[(l.end-1-uint64(n))%uint64(len(l.ring))]
		if c := last.Time.Compare(line.Time); last.Gap != nil || c < 0 || c == 0 && last.Place.Compare(line.Place) <= 0 {
			break
		}
	}
	return n
}

// refill puts other lines in the place of all: they get new numbers.
func (l *Log) refill(lines []*Line, maxLines, maxBytes int) {
	end := l.end
	turn := l.Turn + 1
	*l = Log{end: end}
	for _, line := range lines {
		l.push(line, maxLines, maxBytes)
	}
	l.Turn = turn
}

// all returns the lines that are held, oldest first.
func (l *Log) all() []*Line {
	lines := make([]*Line, 0, l.n)
	for from, end := l.Span(); from < end; from++ {
		lines = append(lines, l.At(from))
	}
	return lines
}

func (l *Log) drop() {
	from, _ := l.Span()
	i := from % uint64(len(l.ring))
	l.bytes -= l.ring[i].size()
	if line := l.ring[i]; line.Gap == nil {
		l.Levels[line.Level]--
	}
	l.ring[i] = nil
	l.n--
}

func (l *Log) clear() { *l = Log{end: l.end, Turn: l.Turn} }

// lineSize is what a Line takes by itself, in bytes, with what the allocator adds.
const lineSize = 208

func (l *Line) size() int { return lineSize + len(l.Message) + len(l.Data) }

// Detail returns what opens under the line: the stack of an error, and the context as JSON text; "" for what it has not.
func (l *Line) Detail() (stack, context string) {
	switch l.Type {
	case event.LogsApp.Name():
		p, _ := event.LogsApp.Decode(l.Data)
		return "", string(p.Context)
	case event.LogsError.Name():
		p, _ := event.LogsError.Decode(l.Data)
		return p.Stack, string(p.Context)
	}
	return "", ""
}

// maxMessage bounds what is kept of a message, in bytes.
const maxMessage = 4 << 10

// line folds in a logs:* event.
func (m *Model) line(s *Server, e event.Event) {
	l := lineOf(s.ID, e)
	m.Log.push(l, MaxLines, MaxLogBytes)
	s.Log.push(l, MaxServerLines, MaxServerBytes)
}

func lineOf(server string, e event.Event) *Line {
	l := &Line{Place: e.ID, Time: e.Time, Server: server, Type: e.Type, Data: keep(e.Data)}
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
		level, l.Message = p.Level, p.Message
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
		level, l.Message = p.Level, p.Message
	}
	l.Level = ParseLevel(level)
	l.Message = clip(l.Message)
	return l
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

// gap enters that something is missing, and puts a line where missing lines would have stood.
func (m *Model) gap(p event.Gap, place event.ID, at time.Time) {
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
	l := &Line{Place: place, Time: m.Now(at), Gap: &g}
	m.Log.push(l, MaxLines, MaxLogBytes)
	for _, s := range m.sorted {
		if s.Log.n > 0 {
			s.Log.push(l, MaxServerLines, MaxServerBytes)
			s.Rev++
		}
	}
}

// tail keeps the newest of a list that is too long, in an array of its own.
func tail[T any](list []T, bound int) []T {
	if len(list) > bound {
		return slices.Clone(list[len(list)-bound:])
	}
	return list
}

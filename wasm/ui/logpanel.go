package ui

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// logStep is how often the log is painted: faster than anyone reads, slow enough to leave the frame to the rest.
const logStep = 100 * time.Millisecond

const (
	// maxRows is how many lines are on the page at most, of however many there are: some that can be seen, and as many again
	// on either side, so that scrolling meets them drawn.
	maxRows = 300
	// rowHeight is what a line takes, in CSS pixels: two spacers stand for those that are not drawn.
	rowHeight = 20
	// findEvery is how often what is searched for is counted.
	findEvery = time.Second
)

// logPanel shows the lines of a log, one row each, of which a window is on the page. It follows the newest until the reader
// scrolls up; from then on nothing on it moves, what comes is counted, and the window follows the reader.
type logPanel struct {
	find   string
	hidden [model.NumLevels]bool
	paused time.Time // since when; zero while following
	at     int       // how many rows the reader has scrolled up

	step    int64
	next    uint64   // the number of the line that will be drawn next
	rows    []uint64 // the numbers of the lines that are drawn, oldest first
	found   int64    // places that read what is searched for
	foundAt time.Time
	all     bool // everything is to be drawn anew: another search, other levels
	turn    uint64

	above, below                                         slot
	list, status, fresh, freshClass, foundN, pauseButton slot
	chips                                                [model.NumLevels]struct{ pressed, text slot }
}

// logOrder is the order of the level chips.
var logOrder = [model.NumLevels]model.Level{model.Error, model.Warn, model.Info, model.Debug}

// draw draws the panel; there is now by the servers' clock.
func (v *logPanel) draw(p *pen, l *model.Log, there time.Time) {
	if step := there.UnixMilli() / logStep.Milliseconds(); p.making() || step != v.step || v.all {
		v.step = step
	} else {
		return
	}
	if l.Turn != v.turn { // lines came among those that are drawn
		v.turn, v.all = l.Turn, true
	}
	p.raw(`<section class="panel log" aria-label="Log"><div class="ph"><h2>Log</h2><label class="field">`)
	p.raw(string(appendLineIcon(nil, iconSearch)))
	p.raw(`<input type="search" id="log-find" data-in="log-find" placeholder="Find in the log" aria-label="Find in the log" autocomplete="off" spellcheck="false">`)
	p.open(&v.foundN, "span", "found", "", "log-found")
	if v.find != "" {
		if v.all || there.Sub(v.foundAt).Abs() >= findEvery {
			v.found, v.foundAt = v.count(l), there
		}
		p.b = AppendCount(p.b, v.found)
		p.put(" found")
	}
	p.shut(&v.foundN, "span")
	p.raw(`</label>`)
	v.drawChips(p, l)
	p.raw(`<span class="grow"></span>`)
	p.open(&v.status, "span", "", "", "log-status")
	if !v.paused.IsZero() {
		p.put("Paused at ")
		p.b = AppendClock(p.b, v.paused)
	}
	p.shut(&v.status, "span")
	p.open(&v.pauseButton, "span", "", "", "log-pause")
	p.put(`<button class="btn" type="button" data-do="pause">`)
	if v.paused.IsZero() {
		p.b = appendLineIcon(p.b, iconPause)
		p.put(`Pause`)
	} else {
		p.b = appendLineIcon(p.b, iconPlay)
		p.put(`Follow`)
	}
	p.put(`</button>`)
	p.shut(&v.pauseButton, "span")
	p.raw(`</div><div class="wrap"><div class="rows" id="log" tabindex="0" role="log" aria-live="off" aria-label="Log lines" data-follow="log">`)
	v.drawRows(p, l, there) // the log is laid out from its end: what stands below comes first
	p.raw(`</div>`)
	_, end := l.Span()
	waiting := int64(end - min(v.next, end))
	p.raw(`<button type="button" data-do="pause" id="log-fresh"`)
	p.attr(&v.freshClass, "log-fresh", "", "class")
	p.put("btn main fresh")
	if v.paused.IsZero() || waiting == 0 {
		p.put(" off")
	}
	p.shutAttr(&v.freshClass, "class")
	p.raw(`>`)
	p.open(&v.fresh, "span", "", "", "log-fresh-n")
	p.b = AppendCount(p.b, waiting)
	p.put(plural(waiting, " new line ↓", " new lines ↓"))
	p.shut(&v.fresh, "span")
	p.raw(`</button>`)
	p.raw(`</div></section>`)
}

func (v *logPanel) drawChips(p *pen, l *model.Log) {
	for _, level := range logOrder {
		c := &v.chips[level]
		key := "lv-" + levels[level].class
		p.raw(`<button type="button" class="chip `)
		p.raw(levels[level].class)
		p.raw(`" data-do="level" data-of="`)
		p.raw(strconv.Itoa(int(level)))
		p.raw(`" id="`)
		p.raw(key)
		p.raw(`"`)
		p.attr(&c.pressed, key, "", "aria-pressed")
		p.b = strconv.AppendBool(p.b, !v.hidden[level])
		p.shutAttr(&c.pressed, "aria-pressed")
		p.raw(`>`)
		p.raw(string(appendLineIcon(nil, iconTick)))
		p.raw(`<b>`)
		p.raw(levels[level].word)
		p.raw(`</b>`)
		p.open(&c.text, "span", "", key, "-n")
		if v.hidden[level] {
			p.put("hidden")
		} else {
			p.b = AppendCount(p.b, int64(l.Levels[level]))
		}
		p.shut(&c.text, "span")
		p.raw(`</button>`)
	}
}

// count returns how many places of the lines that are shown read what is searched for.
func (v *logPanel) count(l *model.Log) int64 {
	n := 0
	for from, end := l.Span(); from < end; from++ {
		if line := l.At(from); v.shows(line) && line.Gap == nil {
			n += Found(line.Message, v.find)
		}
	}
	return int64(n)
}

// shows reports whether a line has a row.
func (v *logPanel) shows(line *model.Line) bool {
	return line != nil && (line.Gap != nil || !v.hidden[line.Level])
}

// drawRows writes what has come as one fragment, and takes out what is no longer to be there in one range.
func (v *logPanel) drawRows(p *pen, l *model.Log, there time.Time) {
	from, end := l.Span()
	whole := p.making() || v.all
	v.all = false
	switch {
	case whole:
		v.drawWindow(p, l, from, end, there)
	case v.paused.IsZero():
		v.follow(p, l, from, end, there)
	}
}

// drawWindow draws the rows where the reader is. Paused, the log ends where it did when that began.
func (v *logPanel) drawWindow(p *pen, l *model.Log, from, end uint64, there time.Time) {
	if !v.paused.IsZero() {
		end = min(max(v.next, from), end)
	} else {
		v.at = 0
	}
	shown := make([]uint64, 0, end-from)
	for i := from; i < end; i++ {
		if v.shows(l.At(i)) {
			shown = append(shown, i)
		}
	}
	last := min(max(len(shown)-v.at+maxRows/2, min(maxRows, len(shown))), len(shown))
	first := max(last-maxRows, 0)
	v.rows = append(v.rows[:0], shown[first:last]...)
	v.next = end
	var b []byte
	for _, i := range v.rows {
		b = appendLogLine(b, l.At(i), v.find, there)
	}
	v.space(p, &v.below, "log-below", len(shown)-last)
	if p.making() {
		v.list.id = "log-rows"
		p.raw(`<div id="log-rows">`)
		p.b = append(p.b, b...)
		p.raw(`</div>`)
	} else {
		p.dom.HTML(v.list.id, string(b))
	}
	v.space(p, &v.above, "log-above", first)
}

// follow adds what has come, and takes out the oldest rows: those that are no longer held, and those beyond the window.
func (v *logPanel) follow(p *pen, l *model.Log, from, end uint64, there time.Time) {
	next := min(max(v.next, from), end)
	fresh := make([]uint64, 0, maxRows)
	for i := end; i > next && len(fresh) < maxRows; i-- {
		if v.shows(l.At(i - 1)) {
			fresh = append(fresh, i-1)
		}
	}
	slices.Reverse(fresh)
	gone := 0
	for gone < len(v.rows) && (v.rows[gone] < from || len(v.rows)-gone+len(fresh) > maxRows) {
		gone++
	}
	if gone > 0 {
		v.rows = append(v.rows[:0], v.rows[gone:]...)
		p.dom.Drop(v.list.id, gone)
	}
	v.next = end
	if len(fresh) > 0 {
		at := len(p.b)
		for _, i := range fresh {
			p.b = appendLogLine(p.b, l.At(i), v.find, there)
		}
		v.rows = append(v.rows, fresh...)
		p.dom.Insert(v.list.id, "beforeend", string(p.b[at:]))
		p.b = p.b[:at]
	}
	v.space(p, &v.below, "log-below", 0)
	v.space(p, &v.above, "log-above", v.total(l)-len(v.rows))
}

// total returns how many lines have a row, drawn or not.
func (v *logPanel) total(l *model.Log) int {
	n := l.Len()
	for level, hidden := range v.hidden {
		if hidden {
			n -= l.Levels[level]
		}
	}
	return n
}

// space draws what stands for so many rows that are not drawn.
func (v *logPanel) space(p *pen, s *slot, id string, rows int) {
	p.raw(`<div id="`)
	p.raw(id)
	p.raw(`"`)
	p.attr(s, id, "", "style")
	p.put("height:")
	p.b = strconv.AppendInt(p.b, int64(max(rows, 0)*rowHeight), 10)
	p.put("px")
	p.shutAttr(s, "style")
	p.raw(`></div>`)
}

func appendLogLine(b []byte, line *model.Line, find string, there time.Time) []byte {
	if g := line.Gap; g != nil {
		read := ""
		if g.Reason != "trimmed" && !g.To.IsZero() {
			read = g.From.String() + " " + g.To.String()
		}
		return AppendSkipped(b, int64(g.Count), time.Time{}, time.Time{}, gapReason(g.Reason), read)
	}
	r := Row{
		Time: line.Time.In(there.Location()), Level: line.Level, Kind: line.Kind(), Message: line.Message,
	}
	if line.Level >= model.Warn {
		r.Stack, r.Context = details(line.Data)
	}
	return AppendRow(b, r, find)
}

// details returns what opens under a line. Lines that carry any are few, so encoding/json will do.
func details(data []byte) (stack, context string) {
	var d struct {
		Stack   string          `json:"stack"`
		Context json.RawMessage `json:"context"`
	}
	if json.Unmarshal(data, &d) != nil {
		return "", ""
	}
	return d.Stack, string(d.Context)
}

// do carries out what a reader asked of the log and reports whether it was for it.
func (v *logPanel) do(what, of string, now time.Time) bool {
	switch what {
	case "log-find":
		v.find, v.all = of, true
	case "level":
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || n >= model.NumLevels {
			return false
		}
		v.hidden[n] = !v.hidden[n]
		v.all = true
	case "pause":
		if v.paused.IsZero() {
			v.paused = now
		} else {
			v.paused, v.all = time.Time{}, v.all || v.at > 0
		}
	case "away": // the reader has scrolled up
		if v.paused.IsZero() {
			v.paused = now
		}
	case "back":
		v.paused, v.all = time.Time{}, v.all || v.at > 0
	case "at": // where the reader is now
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || v.paused.IsZero() {
			return false
		}
		v.at, v.all = n, true
	default:
		return false
	}
	return true
}

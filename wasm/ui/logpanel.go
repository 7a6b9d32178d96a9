package ui

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// logStep is how often the log is painted: faster than anyone reads, slow enough to leave the frame to the rest.
const logStep = 100 * time.Millisecond

// logPanel shows the newest lines of a log, one row each. It follows the newest until the reader scrolls up; from then on
// nothing on it moves, and what comes is counted.
type logPanel struct {
	find   string
	hidden [model.NumLevels]bool
	paused time.Time // since when; zero while following

	step  int64
	next  uint64   // the number of the line that will be drawn next
	rows  []uint64 // the numbers of the lines that are drawn, oldest first
	begun bool
	all   bool // everything is to be drawn anew: another search, other levels

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
	p.raw(`<section class="panel log" aria-label="Log"><div class="ph"><h2>Log</h2><label class="field">`)
	p.raw(string(appendLineIcon(nil, iconSearch)))
	p.raw(`<input type="search" id="log-find" data-in="log-find" placeholder="Find in the log" aria-label="Find in the log" autocomplete="off" spellcheck="false">`)
	p.open(&v.foundN, "span", "found", "", "log-found")
	if v.find != "" {
		n := 0
		for from, end := l.Span(); from < end; from++ {
			if line := l.At(from); line != nil && line.Gap == nil && !v.hidden[line.Level] {
				n += Found(line.Message, v.find)
			}
		}
		p.b = AppendCount(p.b, int64(n))
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
	v.drawRows(p, l, there)
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
	var n [model.NumLevels]int
	from, end := l.Span()
	for i := from; i < end; i++ {
		if line := l.At(i); line != nil && line.Gap == nil {
			n[line.Level]++
		}
	}
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
			p.b = AppendCount(p.b, int64(n[level]))
		}
		p.shut(&c.text, "span")
		p.raw(`</button>`)
	}
}

// drawRows writes what has come as one fragment, and takes out what the log no longer holds in one range.
func (v *logPanel) drawRows(p *pen, l *model.Log, there time.Time) {
	from, end := l.Span()
	if p.making() || v.all {
		v.all = false
		v.rows = v.rows[:0]
		v.next = from
		b := v.appendRows(nil, l, max(from, v.next), end, there)
		if p.making() {
			v.list.id = "log-rows"
			p.b = append(p.b, `<div id="log-rows">`...)
			p.b = append(p.b, b...)
			p.b = append(p.b, `</div>`...)
			return
		}
		p.dom.HTML(v.list.id, string(b))
		return
	}
	if !v.paused.IsZero() {
		return
	}
	gone := 0
	for gone < len(v.rows) && v.rows[gone] < from {
		gone++
	}
	if gone > 0 {
		v.rows = append(v.rows[:0], v.rows[gone:]...)
		p.dom.Drop(v.list.id, gone)
	}
	if next := max(v.next, from); next < end {
		at := len(p.b)
		p.b = v.appendRows(p.b, l, next, end, there)
		if len(p.b) > at {
			p.dom.Insert(v.list.id, "beforeend", string(p.b[at:]))
			p.b = p.b[:at]
		}
	}
}

// appendRows appends the lines [from, end) that are not hidden, and notes them as drawn.
func (v *logPanel) appendRows(b []byte, l *model.Log, from, end uint64, there time.Time) []byte {
	for i := from; i < end; i++ {
		line := l.At(i)
		if line == nil || line.Gap == nil && v.hidden[line.Level] {
			continue
		}
		v.rows = append(v.rows, i)
		b = appendLogLine(b, line, v.find, there)
	}
	v.next = end
	return b
}

func appendLogLine(b []byte, line *model.Line, find string, there time.Time) []byte {
	if g := line.Gap; g != nil {
		return AppendSkipped(b, int64(g.Count), time.Time{}, time.Time{}, gapReason(g.Reason))
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
			v.paused = time.Time{}
		}
	case "away": // the reader has scrolled up
		if v.paused.IsZero() {
			v.paused = now
		}
	case "back":
		v.paused = time.Time{}
	default:
		return false
	}
	return true
}

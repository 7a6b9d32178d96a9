package ui

import (
	"slices"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

const (
	// logStep is how often what comes into a log is painted: faster than anyone reads, slow enough to leave the frame to the rest.
	logStep = 100 * time.Millisecond
	// logSlice is what a frame gives to a search, so that a search of all that is held takes a few frames and each is still in
	// time; logBlocks blocks of the log are searched in any case: more than is on the page.
	logSlice  = 8 * time.Millisecond
	logBlocks = 8
	// maxRows is how many lines are on the page at most, of however many there are: some that can be seen, and more on either
	// side, so that scrolling meets them drawn.
	maxRows = 300
	// briefRows is how many there are while a log is followed that brings more than a screenful with every step: nobody has
	// scrolled up, and laying out what nobody sees would take the frame.
	briefRows = 60
	// rowHeight is what a line takes, in CSS pixels: two spacers stand for those that are not drawn.
	rowHeight = 20
	// rowsSeen is how many are in sight as long as the page has not said.
	rowsSeen = 20
	// olderFrom is how near to the oldest line held a reader comes when older ones are read; fewRows is a log so short that
	// they are read without being asked for.
	olderFrom = 200
	fewRows   = 20
	// maxOpen bounds how many lines are open at once: the one opened first closes.
	maxOpen = 20
)

// logPanel shows the lines of a log, of one server or of all, one row each, of which a window is on the page. It follows the
// newest until the reader scrolls up; from then on nothing on it moves, what comes is counted, and the window follows the reader.
type logPanel struct {
	server string // "" is all
	asked  logAsk
	view   model.View
	set    bool   // the view has the filter that is asked for
	wrong  string // what is wrong with the expression
	lost   string // what became of a line that was looked for

	when   time.Time // the reader went to that time; zero: he did not, or went on from there
	paused time.Time // since when; zero while following
	held   bool      // the view holds still
	at     int       // how many rows the reader has scrolled up
	seen   int       // how many rows are in sight
	unseen bool      // the reader may see no lines
	opened []event.ID
	cur    model.Spot // the line the reader is at; zero: none
	goal   goal       // where the reader wants to go

	step  int64
	rev   uint64 // of the Log
	done  bool   // the view was up to date then
	rows  []row  // that are drawn, oldest first
	to    int    // how many rows are below them
	all   bool   // everything is to be drawn anew
	moved bool   // the window is to be looked at
	brief bool   // there are briefRows
	next  []row

	second  int64  // of which rates are
	loudest string // the server that says most, and how much
	most    float64
	ids     []string // of the servers there are to choose from
	shape   uint64   // of the Model then

	above, below, top, list, status, foundN                      slot
	chips                                                        [model.NumLevels]struct{ pressed, text slot }
	onlyShown, only, regexp, narrowed, kinds, servers, perSecond slot
	rates                                                        [model.RateKinds]struct{ class, n slot }
	loud                                                         struct{ class, of, name, n slot }
	follower                                                     follower
}

// logAsk is what a reader asks of a log; it is in the page's address.
type logAsk struct {
	find   string
	regexp bool // find is a regular expression
	only   bool // only lines in which it is found
	hidden [model.NumLevels]bool
	kind   string // "app"; "" is all
	server string // of the log of all servers; "" is all
}

// from returns whose lines are shown; "" is all.
func (v *logPanel) from() string {
	if v.server != "" {
		return v.server
	}
	return v.asked.server
}

// goal is where the reader wants to go, once the view is up to date.
type goal struct {
	on     bool
	spot   model.Spot
	place  event.ID  // the line with that place, to be found first
	time   time.Time // the first line of that time or later
	bottom bool      // the line is to be at the bottom edge, and not in the middle
	wished bool      // it was asked of the record
	rev    uint64    // of the Log, when it was: what was over before is no answer
}

// logOrder is the order of the level chips.
var logOrder = [model.NumLevels]model.Level{model.Error, model.Warn, model.Info, model.Debug}

// draw draws the panel.
func (v *logPanel) draw(p *pen, m *model.Model, now time.Time) {
	l, there := &m.Log, m.Now(now)
	if step := there.UnixMilli() / logStep.Milliseconds(); p.making() || step != v.step || v.all || v.moved || !v.done || v.goal.on {
		v.step = step
	} else {
		return
	}
	v.look(p, l)
	v.unseen = !m.Me.SeesAny("logs")
	p.raw(`<section class="panel log" aria-label="Log"><div class="ph"><h2>Log</h2>`)
	v.drawSearch(p)
	v.drawChips(p)
	p.open(&v.narrowed, "span", "", "", "log-narrow")
	p.b = v.appendNarrowed(p.b)
	p.shut(&v.narrowed, "span")
	v.drawRates(p, m, now)
	p.open(&v.status, "span", "", "", "log-status")
	p.b = v.appendStatus(p.b)
	p.shut(&v.status, "span")
	v.follower.drawPause(p, !v.paused.IsZero())
	v.drawMenu(p, m)
	p.raw(`</div><div class="wrap"><div class="rows" id="log" tabindex="0" role="region" aria-label="Log lines, newest last" data-follow="log">`)
	v.drawRows(p, l, there) // the log is laid out from its end: what stands below comes first
	p.raw(`</div>`)
	waiting := int64(0)
	if !v.paused.IsZero() {
		waiting = int64(v.view.Fresh())
	}
	v.follower.drawFresh(p, waiting, " new line ↓", " new lines ↓")
	p.raw(`</div></section>`)
}

// look brings the view up to date, or as near to it as a frame has time for.
func (v *logPanel) look(p *pen, l *model.Log) {
	if !v.set {
		v.set, v.wrong = true, ""
		f := model.Filter{Server: v.from(), Hidden: v.asked.hidden, Only: v.asked.only}
		if v.asked.kind != "" {
			f.Type = "logs:" + v.asked.kind
		}
		f.Find, v.wrong = finder(v.asked.find, v.asked.regexp)
		f.Until = v.view.Filter().Until // a reader who has paused sees no more lines by asking for others
		v.view.Set(f)
		v.done, v.all = false, true
	}
	if hold := !v.paused.IsZero(); hold != v.held {
		v.view.Hold(l, hold)
		v.held, v.done = hold, false
	}
	if v.done && v.rev == l.Rev && v.view.Current(l) {
		return
	}
	v.rev = l.Rev
	near := model.Spot{}
	if n := len(v.rows); n > 0 && !v.paused.IsZero() {
		near = v.rows[max(n-1-max(v.at-v.to, 0), 0)].at
	}
	v.view.Near(near)
	blocks, began := 0, time.Now()
	v.done = v.view.Step(l, func() bool {
		blocks++
		return blocks < logBlocks || time.Since(began) < logSlice
	})
	if !v.done {
		p.later = true
	}
}

// drawRows draws the window of rows the reader is at. What stays of it stays as it is on the page; what comes is one
// fragment, and what goes one range.
func (v *logPanel) drawRows(p *pen, l *model.Log, there time.Time) {
	arrive := v.seek(p, l)
	total := v.view.Rows()
	if following := v.paused.IsZero(); !p.making() && v.all && !v.view.Laid() && !(following && total >= v.seen) {
		return // what is on the page stays until it is known what takes its place
	}
	if v.paused.IsZero() {
		v.at = 0
	}
	to := max(min(v.at+(v.seen+rowsSeen)/2-maxRows/2, total-maxRows), 0)
	from := min(to+maxRows, total)
	v.older(p, l, total)

	v.next = v.next[:0]
	v.view.Window(l, from, to, func(at model.Spot, hit bool, _ func() model.Line) {
		v.next = append(v.next, row{at, hit, at == v.cur, slices.Contains(v.opened, at.Place()) && !at.IsGap()})
	})
	if n := v.newer(); v.brief || n > rowsSeen { // until a step brings nothing
		v.brief = n > 0 && v.paused.IsZero() && v.to == 0 && !v.moved && !v.all && !p.making()
	}
	if v.brief && len(v.next) > briefRows {
		v.next = v.next[len(v.next)-briefRows:]
		from = to + briefRows
	}
	look := lineLook{now: there, find: v.view.Filter().Find, named: v.server == ""}
	v.space(p, &v.below, "log-below", to)
	v.list.id = "log-rows"
	switch {
	case p.making():
		p.raw(`<div id="log-rows">`)
		p.b = v.appendRows(p.b, l, from, to, &look)
		p.raw(`</div>`)
	case v.all:
		p.dom.HTML(v.list.id, string(v.appendRows(nil, l, from, to, &look)))
	default:
		v.shift(p, l, from, to, &look)
	}
	v.rows, v.next = v.next, v.rows
	v.to, v.all, v.moved = to, false, false
	v.space(p, &v.above, "log-above", total-from)
	p.open(&v.top, "div", "log-top", "", "log-top")
	p.b = v.appendTop(p.b, l, there)
	p.shut(&v.top, "div")
	if arrive {
		p.dom.Scroll("log", -v.at*rowHeight)
	}
}

// newer counts the rows of v.next that came after those on the page.
func (v *logPanel) newer() int {
	if len(v.rows) == 0 {
		return len(v.next)
	}
	last := v.rows[len(v.rows)-1].at
	n := 0
	for n < len(v.next) && v.next[len(v.next)-1-n].at != last {
		n++
	}
	return n
}

// appendRows appends the rows from so many before the end to so many before it.
func (v *logPanel) appendRows(b []byte, l *model.Log, from, to int, look *lineLook) []byte {
	v.view.Window(l, from, to, func(at model.Spot, hit bool, line func() model.Line) {
		text := line()
		b = appendRow(b, row{at, hit, at == v.cur, slices.Contains(v.opened, at.Place()) && !at.IsGap()}, &text, look)
	})
	return b
}

// shift makes the rows on the page those of v.next, which are from so many before the end to so many before it.
func (v *logPanel) shift(p *pen, l *model.Log, from, to int, look *lineLook) {
	same := func(a, b row) bool { return a.at == b.at }
	old, next := v.rows, v.next
	// The rows that stay are a stretch of both.
	i, j := 0, 0
	if len(old) > 0 && len(next) > 0 {
		if j = slices.IndexFunc(next, func(r row) bool { return same(r, old[0]) }); j < 0 {
			j = 0
			i = slices.IndexFunc(old, func(r row) bool { return same(r, next[0]) })
		}
	}
	n := 0
	if i >= 0 && len(old) > 0 {
		n = min(len(old)-i, len(next)-j)
	}
	if n <= 0 || !slices.EqualFunc(old[i:i+n], next[j:j+n], same) {
		if len(old) > 0 || len(next) > 0 {
			p.dom.HTML(v.list.id, string(v.appendRows(nil, l, from, to, look)))
		}
		return
	}
	if tail := len(old) - i - n; tail > 0 {
		p.dom.Cut(v.list.id, tail)
	}
	if i > 0 {
		p.dom.Drop(v.list.id, i)
	}
	for k := range n {
		if was, is := old[i+k], next[j+k]; was != is {
			if line, ok := l.Line(is.at); ok {
				p.dom.Attr(is.id(), "class", string(appendRowClass(nil, is, &line)))
				if was.open != is.open {
					p.dom.HTML(is.id(), string(appendRowInner(nil, is, &line, look)))
				}
			}
		}
	}
	if j > 0 {
		p.dom.Insert(v.list.id, "afterbegin", string(v.appendRows(nil, l, from, from-j, look)))
	}
	if rest := len(next) - j - n; rest > 0 {
		p.dom.Insert(v.list.id, "beforeend", string(v.appendRows(nil, l, to+rest, to, look)))
	}
}

// seek finds what the reader wants to go to, in the record if need be, and reports whether he is to be taken there now.
func (v *logPanel) seek(p *pen, l *model.Log) bool {
	g := &v.goal
	if !g.on || p.making() || !v.view.Laid() {
		return false
	}
	if g.spot == (model.Spot{}) && !v.find(p, l) {
		return false
	}
	back := v.view.Back(l, g.spot)
	if !v.when.IsZero() && back > 0 { // the first line of that time, or after it
		v.view.Window(l, back, back-1, func(at model.Spot, _ bool, _ func() model.Line) { v.cur = at })
	}
	if !g.bottom {
		back -= v.seen / 2
	}
	v.at = max(back-1, 0)
	*g = goal{}
	return true
}

// find looks for the goal in what is held, and wants it read when it is not. It reports whether it is found.
func (v *logPanel) find(p *pen, l *model.Log) bool {
	g := &v.goal
	wish := model.Wish{Server: v.from(), Place: g.place, At: g.time}
	past := l.Past(v.from())
	asked := g.wished && past.Done == wish && past.DoneRev > g.rev
	if !g.place.IsZero() {
		at, ok := l.Find(g.place)
		if ok {
			g.spot, v.cur, v.lost = at, at, ""
			v.open(g.place)
			return true
		}
		if asked {
			v.lost, v.goal = "That line is not in the record any more", goal{}
			if past.Failed {
				v.lost = "That line could not be read from the record"
			}
			return false
		}
	} else if g.spot = model.SpotAt(g.time.UnixMilli()); asked || past.Begin || past.Trimmed || v.view.Back(l, g.spot) < v.view.Rows() {
		return true
	}
	g.spot = model.Spot{}
	if !g.wished {
		g.wished, g.rev = true, l.Rev
		p.wishes = append(p.wishes, wish)
	}
	return false
}

// open opens a line.
func (v *logPanel) open(place event.ID) {
	if slices.Contains(v.opened, place) {
		return
	}
	if len(v.opened) == maxOpen {
		v.opened = v.opened[1:]
	}
	v.opened = append(v.opened, place)
}

// older wants lines before those that are held, when the reader is about to come to where they belong.
func (v *logPanel) older(p *pen, l *model.Log, total int) {
	if p.making() || v.unseen || !v.done || l.Full || total-v.at-v.seen > olderFrom || v.paused.IsZero() && total >= fewRows {
		return
	}
	if past := l.Past(v.from()); !past.Begin && !past.Trimmed && !past.Reading && !past.Failed {
		p.wishes = append(p.wishes, model.Wish{Server: v.from()})
	}
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

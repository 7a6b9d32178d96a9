package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// livePath is the page of the events as they come.
const livePath = "/events/live"

const (
	// tapeRows is how many events are drawn while they are followed: more than fit the screen. Who has paused sees all there are.
	tapeRows = 60
	// tapeOpen bounds how many are open at once.
	tapeOpen = 10
)

// liveEvents shows the events as they come, one row each, newest last. It follows them until the reader scrolls up; from then on
// nothing moves, and what comes is counted.
type liveEvents struct {
	where string // the server's origin
	asked liveAsk
	look  model.TapeFilter
	set   bool   // what is taped is what is asked for
	wrong string // what is wrong with a pattern

	paused  time.Time
	passed  uint64 // how many had come when it was paused
	opened  []uint64
	picked  event.ID // the event the address names; zero: none
	wished  bool     // it was asked of the record
	lost    bool     // it is not there
	arrived bool     // the reader was taken to it

	step   int64
	rows   []*model.Raw // that are drawn
	retake bool         // rows are to be what is on the tape, though it is paused
	turned []uint64     // rows that were opened or closed

	list                                  typeList
	rate, wrongs, status, empty, commands slot
	follower                              follower
}

// liveAsk is what a reader asks for; it is in the page's address.
type liveAsk struct{ types, servers, find string }

func newLiveEvents() *liveEvents {
	v := &liveEvents{}
	v.list.chosen = v.chosen
	return v
}

func (v *liveEvents) title() string { return "Live events" }

// leave ends the taping: nobody looks any more.
func (v *liveEvents) leave(m *model.Model) { m.Unwatch() }

func (v *liveEvents) draw(p *pen, m *model.Model, now time.Time) {
	there := m.Now(now)
	if step := there.UnixMilli() / logStep.Milliseconds(); !p.making() && step == v.step && v.set && !v.retake && len(v.turned) == 0 {
		return
	} else {
		v.step = step
	}
	v.watch(m)
	v.list.seek(p)
	p.raw(`<div class="cat live">`)
	v.list.draw(p, m, now)
	p.raw(`<div><div class="row"><h1>Live events</h1>`)
	p.open(&v.rate, "span", "q", "", "live-rate")
	p.put("<b>")
	p.b = appendRate(p.b, m, m.PerSecond(&m.Rate, now), PerSecond)
	p.put("</b><i> events/s, of all</i>")
	p.shut(&v.rate, "span")
	p.raw(`</div><p class="lead">The stream as it comes. Open an event to see all of it.</p>`)
	v.drawPanel(p, m, there)
	v.drawCommands(p, m)
	p.raw(`</div></div>`)
}

// chosen reports whether it is asked for events of that type, and not of all.
func (v *liveEvents) chosen(typ string) bool {
	return v.asked.types != "" && v.wrong == "" && v.look.Filter.MatchType(typ)
}

// watch has taped what is asked for. What is no pattern leaves it as it was.
func (v *liveEvents) watch(m *model.Model) {
	if v.set {
		return
	}
	v.set, v.retake, v.wrong = true, true, ""
	filter, err := event.ParseFilter(v.asked.servers, v.asked.types)
	if err != nil {
		v.wrong = strings.TrimPrefix(err.Error(), event.ErrFilter.Error()+": ")
	} else {
		v.look.Filter = filter
	}
	v.look.Find, _ = finder(v.asked.find, false)
	m.Watch(v.look)
}

func (v *liveEvents) drawPanel(p *pen, m *model.Model, there time.Time) {
	p.raw(`<section class="panel log tape" aria-label="Live events"><div class="ph">`)
	field := func(id, label, value string) {
		p.raw(`<label class="field"><span>`)
		p.raw(label)
		p.raw(`</span><input type="search" id="`)
		p.raw(id)
		p.raw(`" data-in="`)
		p.raw(id)
		p.raw(`" autocomplete="off" spellcheck="false" value="`)
		p.text(value)
		p.raw(`"></label>`)
	}
	field("live-types", "Types", v.asked.types)
	field("live-servers", "Servers", v.asked.servers)
	field("log-find", "Text", v.asked.find)
	p.open(&v.wrongs, "span", "c-err", "", "live-wrong")
	p.b = AppendText(p.b, v.wrong)
	p.shut(&v.wrongs, "span")
	p.raw(`<span class="grow"></span>`)
	p.open(&v.status, "span", "", "", "live-status")
	switch {
	case v.lost:
		p.put(`<i class="c-warn">That event is not in the record any more</i>`)
	case !v.paused.IsZero():
		p.put("Paused at ")
		p.b = AppendClock(p.b, v.paused)
	}
	p.shut(&v.status, "span")
	v.follower.drawPause(p, !v.paused.IsZero())
	p.raw(`</div><div class="wrap"><div class="rows" id="log" tabindex="0" role="region" aria-label="Events, newest last" data-follow="log">`)
	v.drawRows(p, m, there)
	p.open(&v.empty, "p", "note", "", "live-empty")
	if len(v.rows) == 0 {
		p.put("Nothing has come that passes, and nothing of it is known from before. It appears here as soon as it does.")
	}
	p.shut(&v.empty, "p")
	p.raw(`</div>`)
	waiting := int64(0)
	if !v.paused.IsZero() {
		waiting = int64(m.Tape.Passed - v.passed)
	}
	v.follower.drawFresh(p, waiting, " new event ↓", " new events ↓")
	p.raw(`</div></section>`)
}

// drawRows draws the events. What stays stays as it is on the page.
func (v *liveEvents) drawRows(p *pen, m *model.Model, there time.Time) {
	next := v.rows
	if v.paused.IsZero() || v.retake {
		next = m.Tape.Events()
		v.passed = m.Tape.Passed
		if v.paused.IsZero() && len(next) > tapeRows {
			next = next[len(next)-tapeRows:]
		}
	}
	rows := func(list []*model.Raw) string {
		var b []byte
		for _, r := range list {
			b = v.appendRow(b, r, there)
		}
		return string(b)
	}
	switch {
	case p.making():
		p.raw(`<div id="tape-rows">`)
		p.b = add(p.b, rows(next))
		p.raw(`</div>`)
	default:
		for _, n := range v.turned {
			if r := v.raw(n); r != nil {
				p.dom.Attr(rawID(r), "class", v.rowClass(r))
				p.dom.HTML(rawID(r), string(v.appendRowInner(nil, r, there)))
			}
		}
		// The rows that stay are the end of what is there, or all of it.
		old := v.rows
		i, j := 0, -1
		if len(next) > 0 && len(old) > 0 {
			if i = slices.Index(old, next[0]); i < 0 {
				i, j = 0, slices.Index(next, old[0])
			} else {
				j = 0
			}
		}
		if n := len(old) - i; j < 0 || j+n > len(next) || !slices.Equal(old[i:], next[j:j+n]) {
			p.dom.HTML("tape-rows", rows(next))
		} else {
			if i > 0 {
				p.dom.Drop("tape-rows", i)
			}
			if j > 0 {
				p.dom.Insert("tape-rows", "afterbegin", rows(next[:j]))
			}
			if more := next[j+n:]; len(more) > 0 {
				p.dom.Insert("tape-rows", "beforeend", rows(more))
			}
		}
	}
	v.retake, v.turned = false, v.turned[:0]
	v.rows = append(v.rows[:0], next...)
	if !v.picked.IsZero() && !v.arrived && !v.lost && !p.making() {
		v.fetch(p, m)
	}
}

// fetch takes the reader to the event that the address names, and has it read from the record where it is not on the tape.
func (v *liveEvents) fetch(p *pen, m *model.Model) {
	if i := slices.IndexFunc(v.rows, func(r *model.Raw) bool { return r.Place == v.picked }); i >= 0 {
		v.arrived = true
		if n := v.rows[i].N; !slices.Contains(v.opened, n) {
			v.open(n)
			v.turned = append(v.turned, n)
			p.later = true
		}
		p.dom.Scroll("log", -max(len(v.rows)-1-i-rowsSeen/2, 0)*rowHeight)
		return
	}
	switch {
	case m.Tape.Find(v.picked) != nil:
		v.retake, p.later = true, true // it has come from the record
	case m.Tape.Lost == v.picked:
		v.lost = true
	case !v.wished:
		v.wished = true
		p.wishes = append(p.wishes, model.Wish{Event: true, Place: v.picked})
	}
}

func (v *liveEvents) open(n uint64) {
	if len(v.opened) == tapeOpen {
		v.opened = v.opened[1:]
	}
	v.opened = append(v.opened, n)
}

// raw returns the event with that number, of those on the page, or nil.
func (v *liveEvents) raw(n uint64) *model.Raw {
	for _, r := range v.rows {
		if r.N == n {
			return r
		}
	}
	return nil
}

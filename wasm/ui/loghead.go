package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// What stands above a log and around its lines.

// finder returns what finds the words, or the expression; nil where there are none, and what is wrong where it is none.
func finder(find string, expression bool) (f *model.Finder, wrong string) {
	if find == "" {
		return nil, ""
	}
	f, err := model.NewFinder(find, expression)
	if err != nil {
		return nil, err.Error()
	}
	return f, ""
}

func (v *logPanel) drawSearch(p *pen) {
	p.raw(`<label class="field">`)
	p.raw(string(appendLineIcon(nil, iconSearch)))
	p.raw(`<input type="search" id="log-find" data-in="log-find" data-enter="hit" placeholder="Find in the log" aria-label="Find in the log" autocomplete="off" spellcheck="false" value="`)
	p.text(v.asked.find)
	p.raw(`">`)
	p.open(&v.foundN, "span", "found", "", "log-found")
	switch {
	case v.wrong != "":
		p.put(`<i class="c-err">`)
		p.b = AppendText(p.b, v.wrong)
		p.put(`</i>`)
	case v.view.Filter().Find != nil:
		p.b = AppendCount(p.b, int64(v.view.Hits()))
		switch {
		case v.view.Filter().Find.Lost():
			p.put(` <i class="c-warn" title="This expression takes too long: it was given up, and there may be more.">found, given up</i>`)
		case !v.done:
			p.put(` found so far`)
		default:
			p.put(` found`)
		}
		p.put(`<button type="button" data-do="hit" data-of="up" aria-label="Match before">↑</button>` +
			`<button type="button" data-do="hit" data-of="down" aria-label="Next match">↓</button>`)
	}
	p.shut(&v.foundN, "span")
	p.raw(`<button type="button" class="re" id="log-regexp" data-do="regexp" title="Regular expression, as Go has them" aria-label="Regular expression"`)
	p.attr(&v.regexp, "log-regexp", "", "aria-pressed")
	p.b = strconv.AppendBool(p.b, v.asked.regexp)
	p.shutAttr(&v.regexp, "aria-pressed")
	p.raw(`>.*</button></label>`)
	p.raw(`<button type="button" data-do="only" id="log-only"`)
	p.attr(&v.onlyShown, "log-only", "", "class")
	p.put("chip")
	if v.asked.find == "" {
		p.put(" off")
	}
	p.shutAttr(&v.onlyShown, "class")
	p.attr(&v.only, "log-only", "", "aria-pressed")
	p.b = strconv.AppendBool(p.b, v.asked.only)
	p.shutAttr(&v.only, "aria-pressed")
	p.raw(`>`)
	p.raw(string(appendLineIcon(nil, iconTick)))
	p.raw(`Only found</button>`)
}

func (v *logPanel) drawChips(p *pen) {
	counts := v.view.Levels()
	p.raw(`<div class="levels">`)
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
		p.b = strconv.AppendBool(p.b, !v.asked.hidden[level])
		p.shutAttr(&c.pressed, "aria-pressed")
		p.raw(`>`)
		p.raw(string(appendLineIcon(nil, iconTick)))
		p.raw(`<b>`)
		p.raw(levels[level].word)
		p.raw(`</b>`)
		p.open(&c.text, "span", "", key, "-n")
		if v.asked.hidden[level] {
			p.put("hidden")
		} else {
			p.b = AppendCount(p.b, int64(counts[level]))
		}
		p.shut(&c.text, "span")
		p.raw(`</button>`)
	}
	p.raw(`</div>`)
}

func (v *logPanel) appendStatus(b []byte) []byte {
	switch {
	case v.lost != "":
		b = add(b, `<i class="c-warn">`)
		b = add(b, v.lost)
		return add(b, `</i>`)
	case !v.paused.IsZero():
		b = add(b, "Paused at ")
		b = AppendClock(b, v.paused)
	}
	return b
}

// follower is what a reader stops and follows a log with. Its buttons stay while their words change, as the focus is on one.
type follower struct{ pause, class, fresh slot }

// drawPause draws the button that has the log stand still, or follow what comes.
func (v *follower) drawPause(p *pen, paused bool) {
	p.raw(`<button class="btn" type="button" data-do="pause">`)
	p.open(&v.pause, "span", "", "", "log-pause")
	if paused {
		p.b = appendLineIcon(p.b, iconPlay)
		p.put(`Follow`)
	} else {
		p.b = appendLineIcon(p.b, iconPause)
		p.put(`Pause`)
	}
	p.shut(&v.pause, "span")
	p.raw(`</button>`)
}

// drawFresh draws how many have come since it stands still, as the way to them.
func (v *follower) drawFresh(p *pen, waiting int64, one, many string) {
	p.raw(`<button type="button" data-do="pause" id="log-fresh"`)
	p.attr(&v.class, "log-fresh", "", "class")
	p.put("btn main fresh")
	if waiting == 0 {
		p.put(" off")
	}
	p.shutAttr(&v.class, "class")
	p.raw(`>`)
	p.open(&v.fresh, "span", "", "", "log-fresh-n")
	p.b = AppendCount(p.b, waiting)
	p.put(plural(waiting, one, many))
	p.shut(&v.fresh, "span")
	p.raw(`</button>`)
}

// appendTop appends what stands above the oldest line held: whether there are older ones, and what became of them.
func (v *logPanel) appendTop(b []byte, l *model.Log, there time.Time) []byte {
	past := l.Past(v.from())
	again := func(words string) []byte {
		b = add(b, ` <button class="link" type="button" data-do="older">`)
		b = add(b, words)
		return add(b, `</button>`)
	}
	switch {
	case v.unseen:
		return add(b, "Lines are not among what you may see")
	case past.Reading:
		return add(b, "Reading older lines from the record")
	case past.Failed:
		b = add(b, "Older lines could not be read from the record.")
		return again("Try again")
	case past.Begin || past.Floor.Seq == 1:
		if v.view.Rows() == 0 && v.asked == (logAsk{}) {
			return add(b, "Nothing was said yet. The record begins here")
		}
		return add(b, "The record begins here")
	case past.Trimmed:
		return add(b, "Retention has taken what was before")
	case l.Full:
		b = AppendCount(b, int64(l.Len()))
		b = add(b, " lines are held, as many as this page keeps, from ")
		b = AppendWhen(b, l.Oldest(), there)
		return add(b, " on. Older ones are in the record: go to a time")
	}
	b = add(b, "There may be older lines.")
	return again("Read them")
}

package ui

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What stands above a log, and what a reader can ask of it.

// finder returns what finds the words, or the expression; nil where there are none, and what is wrong where it is none.
func finder(find string, regexp bool) (f model.Finder, wrong string) {
	switch {
	case find == "":
		return nil, ""
	case !regexp:
		return browser.NewWords(find), ""
	}
	pattern, err := browser.NewPattern(find)
	if err != nil {
		return nil, err.Error()
	}
	return pattern, ""
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
		p.put(` found<button type="button" data-do="hit" data-of="up" aria-label="Match before">↑</button>` +
			`<button type="button" data-do="hit" data-of="down" aria-label="Next match">↓</button>`)
	}
	p.shut(&v.foundN, "span")
	p.raw(`</label>`)
	v.drawToggle(p, &v.regexp, "log-regexp", "regexp", "Regular expression", ".*", v.asked.regexp)
	p.open(&v.onlyShown, "span", "", "", "log-onlys")
	if v.asked.find != "" {
		p.put(`<button type="button" class="chip" id="log-only" data-do="only" aria-pressed="`)
		p.b = strconv.AppendBool(p.b, v.asked.only)
		p.put(`">`)
		p.b = appendLineIcon(p.b, iconTick)
		p.put(`Only found</button>`)
	}
	p.shut(&v.onlyShown, "span")
}

// drawToggle draws a chip that is on or off.
func (v *logPanel) drawToggle(p *pen, s *slot, id, what, title, word string, on bool) {
	p.raw(`<button type="button" class="chip" id="` + id + `" data-do="` + what + `" title="` + title + `" aria-label="` + title + `"`)
	p.attr(s, id, "", "aria-pressed")
	p.b = strconv.AppendBool(p.b, on)
	p.shutAttr(s, "aria-pressed")
	p.raw(`>`)
	p.raw(string(appendLineIcon(nil, iconTick)))
	p.raw(word)
	p.raw(`</button>`)
}

func (v *logPanel) drawChips(p *pen, l *model.Log) {
	counts := l.Levels(v.server)
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
}

// appendRates appends how many lines come in a second: of a server by kind, of all with the one that says most.
func (v *logPanel) appendRates(b []byte, m *model.Model, now time.Time) []byte {
	rate := func(name string, perSecond float64) {
		b = AppendText(b, name)
		b = add(b, " <b>")
		text, _ := AppendNumber(nil, perSecond, Plain)
		b = append(b, text...)
		b = add(b, "</b>")
	}
	if s := m.Server(v.server); s != nil {
		sep := ""
		for i := range s.Tail.Rates {
			if r := s.Tail.Rates[i].PerSecond(now); r > 0 {
				b = add(b, sep)
				rate(model.RateKind(i), r)
				sep = " · "
			}
		}
		if sep != "" {
			b = add(b, " lines/s")
		}
		return b
	}
	if v.server != "" {
		return b
	}
	sum, most, loudest := 0.0, 0.0, ""
	for _, s := range m.Servers() {
		r := s.Tail.PerSecond(now)
		sum += r
		if r > most {
			most, loudest = r, s.ID
		}
	}
	if loudest == "" {
		return b
	}
	rate("All", sum)
	b = add(b, " lines/s · most: ")
	rate(loudest, most)
	return b
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

// drawMenu draws what is done with the log seldom.
func (v *logPanel) drawMenu(p *pen) {
	p.raw(`<details class="menu"><summary class="btn" aria-label="More">⋯</summary><div>` +
		`<label>Go to a time<span class="field"><input type="datetime-local" step="1" data-change="log-time"></span></label>` +
		`<button class="btn" type="button" data-do="download">Download the lines shown (NDJSON)</button></div></details>`)
}

func (v *logPanel) drawFresh(p *pen) {
	p.raw(`<button type="button" data-do="pause" id="log-fresh"`)
	waiting := int64(v.view.Fresh())
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
}

// appendTop appends what stands above the oldest line held: whether there are older ones, and what became of them.
func (v *logPanel) appendTop(b []byte, l *model.Log, there time.Time) []byte {
	past := l.Past(v.server)
	again := func(words string) []byte {
		b = add(b, ` <button class="link" type="button" data-do="older">`)
		b = add(b, words)
		return add(b, `</button>`)
	}
	switch {
	case past.Reading:
		return add(b, "Reading older lines from the record")
	case past.Failed:
		b = add(b, "Older lines could not be read from the record.")
		return again("Try again")
	case past.Begin:
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
	b = add(b, "Older lines are in the record.")
	return again("Read them")
}

// do carries out what a reader asked of the log and reports whether it was for it.
func (v *logPanel) do(what, of string, now time.Time) bool {
	ask := v.asked
	switch what {
	case "log-find":
		v.asked.find = of
	case "regexp":
		v.asked.regexp = !v.asked.regexp
	case "only":
		v.asked.only = !v.asked.only
	case "level":
		n, err := strconv.Atoi(of)
		if err != nil || n < 0 || n >= model.NumLevels {
			return false
		}
		v.asked.hidden[n] = !v.asked.hidden[n]
	case "pause":
		if v.paused.IsZero() {
			v.pause(now)
		} else {
			v.follow()
		}
	case "away": // the reader has scrolled up
		v.pause(now)
	case "back":
		v.follow()
	case "at": // where the reader is now, and how many rows he sees
		at, seen, _ := strings.Cut(of, " ")
		n, err := strconv.Atoi(at)
		if err != nil || n < 0 || v.paused.IsZero() {
			return false
		}
		if s, err := strconv.Atoi(seen); err == nil && s > 0 && s < maxRows/2 {
			v.seen = s
		}
		v.at, v.moved = n, true
		if v.goal.bottom { // he goes elsewhere himself
			v.goal = goal{}
		}
	case "open": // a row, by its element
		place, ok := strings.CutPrefix(of, "L")
		id, err := event.ParseID(place)
		if !ok || err != nil {
			return false
		}
		v.toggle(id)
		if v.at > 0 || len(v.opened) > 0 {
			v.pause(now)
		}
	case "goto":
		id, err := event.ParseID(of)
		if err != nil {
			return false
		}
		v.pause(now)
		v.goal, v.lost = goal{on: true, place: id}, ""
	case "log-time":
		at, err := time.ParseInLocation("2006-01-02T15:04:05", of+":00"[:max(0, min(3, 19-len(of)))], now.Location())
		if err != nil {
			return false
		}
		v.pause(now)
		v.goal, v.lost = goal{on: true, time: at}, ""
	default:
		return false
	}
	if ask != v.asked {
		v.set = false
		if !v.paused.IsZero() && !v.goal.on && len(v.rows) > 0 { // the reader stays where he is, or near
			i := max(len(v.rows)-1-max(v.at-v.to, 0), 0)
			v.goal = goal{on: true, spot: v.rows[i].at, bottom: true}
		}
	}
	return true
}

func (v *logPanel) pause(now time.Time) {
	if v.paused.IsZero() {
		v.paused, v.moved = now, true
	}
}

func (v *logPanel) follow() {
	v.paused, v.at, v.goal, v.cur, v.lost = time.Time{}, 0, goal{}, model.Spot{}, ""
	v.moved = true
}

// toggle opens a line or closes it.
func (v *logPanel) toggle(place event.ID) {
	v.moved = true
	for i, open := range v.opened {
		if open == place {
			v.opened = append(v.opened[:i:i], v.opened[i+1:]...)
			return
		}
	}
	v.open(place)
}

// hit goes to the next line in which something is found, or the one before; from the last on to the first.
func (v *logPanel) hit(l *model.Log, before bool, now time.Time) {
	if v.view.Hits() == 0 {
		return
	}
	at, ok := v.view.Hit(l, v.cur, before || v.cur == (model.Spot{}))
	if !ok {
		at, ok = v.view.Hit(l, model.Spot{}, before)
	}
	if ok {
		v.pause(now)
		v.cur, v.goal = at, goal{on: true, spot: at}
	}
}

// say sets in q what the reader asks of the log.
func (v *logPanel) say(q url.Values) {
	flag := func(name string, on bool) {
		value := ""
		if on {
			value = "1"
		}
		say(q, name, value)
	}
	var hidden []string
	for _, level := range logOrder {
		if v.asked.hidden[level] {
			hidden = append(hidden, level.String())
		}
	}
	say(q, "find", v.asked.find)
	flag("regexp", v.asked.regexp)
	flag("only", v.asked.only)
	say(q, "hide", strings.Join(hidden, ","))
	say(q, "line", "")
}

// visit takes what an address asks of the log.
func (v *logPanel) visit(q url.Values, now time.Time) {
	ask := logAsk{find: q.Get("find"), regexp: q.Get("regexp") != "", only: q.Get("only") != ""}
	for _, name := range strings.Split(q.Get("hide"), ",") {
		for _, level := range logOrder {
			if name == level.String() {
				ask.hidden[level] = true
			}
		}
	}
	if ask != v.asked {
		v.asked, v.set = ask, false
	}
	if line := q.Get("line"); line != "" {
		v.do("goto", line, now)
	}
}

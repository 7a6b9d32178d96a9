package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What a reader asks of a log, himself or by an address.

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
	case "log-kind":
		v.asked.kind = of
	case "log-server":
		if v.server != "" {
			return false
		}
		v.asked.server = of
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
		v.choose(id)
		if v.at > 0 || len(v.opened) > 0 {
			v.pause(now)
		}
	case "goto":
		id, err := event.ParseID(of)
		if err != nil {
			return false
		}
		v.pause(now)
		v.goal, v.lost, v.when = goal{on: true, place: id}, "", time.Time{}
	case "log-time": // as a field has it, in the reader's zone
		at, err := time.ParseInLocation("2006-01-02T15:04:05", of+":00"[:max(0, min(3, 19-len(of)))], now.Location())
		if err != nil {
			return false
		}
		v.goTo(at, now)
	case "goto-time": // in Unix milliseconds
		ms, err := strconv.ParseInt(of, 10, 64)
		if err != nil {
			return false
		}
		v.goTo(time.UnixMilli(ms), now)
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
	v.paused, v.at, v.goal, v.cur, v.lost, v.when = time.Time{}, 0, goal{}, model.Spot{}, "", time.Time{}
	v.moved = true
}

// goTo goes to the first line of that time or after it, so that what was said before it is above.
func (v *logPanel) goTo(at, now time.Time) {
	v.pause(now)
	v.goal, v.lost, v.when, v.cur = goal{on: true, time: at}, "", at, model.Spot{}
}

// choose opens a line, which is then the one the reader is at, or closes it.
func (v *logPanel) choose(place event.ID) {
	v.moved, v.when = true, time.Time{}
	v.cur = model.Spot{}
	if i := slices.Index(v.opened, place); i >= 0 {
		v.opened = slices.Delete(v.opened, i, i+1)
		return
	}
	v.open(place)
	if i := slices.IndexFunc(v.rows, func(r row) bool { return r.at.Place() == place && !r.at.IsGap() }); i >= 0 {
		v.cur = v.rows[i].at
	}
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
		v.cur, v.goal, v.when = at, goal{on: true, spot: at}, time.Time{}
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
	say(q, "kind", v.asked.kind)
	say(q, "server", v.asked.server)
	line, at := "", ""
	switch {
	case !v.when.IsZero():
		at = strconv.FormatInt(v.when.UnixMilli(), 10)
	case v.goal.on && !v.goal.place.IsZero():
		line = v.goal.place.String()
	case v.cur != (model.Spot{}) && !v.cur.IsGap():
		line = v.cur.Place().String()
	}
	say(q, "line", line)
	say(q, "at", at)
}

// visit takes what an address asks of the log.
func (v *logPanel) visit(q url.Values, now time.Time) {
	ask := logAsk{find: q.Get("find"), regexp: q.Get("regexp") != "", only: q.Get("only") != "", kind: q.Get("kind")}
	if v.server == "" {
		ask.server = q.Get("server")
	}
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
	said := make(url.Values)
	v.say(said)
	line, at := q.Get("line"), q.Get("at")
	switch {
	case line == said.Get("line") && at == said.Get("at"):
	case line != "":
		v.opened = nil
		v.do("goto", line, now)
	case at != "":
		v.do("goto-time", at, now)
	default: // Back leads to where no line was opened yet
		v.opened, v.cur, v.when, v.goal, v.moved = nil, model.Spot{}, time.Time{}, goal{}, true
	}
}

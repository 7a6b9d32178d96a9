package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// What a reader asks of the live events.

func (v *liveEvents) do(what, of string, now time.Time) bool {
	switch what {
	case "live-types":
		v.asked.types = of
	case "live-servers":
		v.asked.servers = of
	case "log-find":
		v.asked.find = of
	case "type": // a type of the list: it is asked for, and not any more
		v.asked.types = toggled(v.asked.types, of)
	case "pause":
		if v.paused.IsZero() {
			v.pause(now)
		} else {
			v.follow()
		}
		return true
	case "away":
		v.pause(now)
		return true
	case "back":
		v.follow()
		return true
	case "copy-raw":
		n, _ := strconv.ParseUint(of, 10, 64)
		if r := v.raw(n); r != nil {
			copyText(string(r.Data))
		}
		return true
	case "open":
		n, err := strconv.ParseUint(strings.TrimPrefix(of, "E"), 10, 64)
		r := v.raw(n)
		if err != nil || r == nil {
			return false
		}
		v.pause(now)
		v.picked, v.lost, v.arrived = event.ID{}, false, true
		v.turned = append(v.turned, n)
		if i := slices.Index(v.opened, n); i >= 0 {
			v.opened = slices.Delete(v.opened, i, i+1)
			return true
		}
		v.open(n)
		if event.ClassOf(r.Type) != event.Control {
			v.picked = r.Place
		}
		return true
	default:
		return false
	}
	v.set = false
	return true
}

// pause has what is on the page stay as it is. All that is taped is drawn then, as nobody has seen it.
func (v *liveEvents) pause(now time.Time) {
	if v.paused.IsZero() {
		v.paused, v.retake = now, true
	}
}

func (v *liveEvents) follow() {
	v.paused, v.picked, v.lost = time.Time{}, event.ID{}, false
	v.turned = append(v.turned, v.opened...)
	v.opened = nil
}

// toggled returns a list of patterns with one more, or without it if it is there.
func toggled(list, pattern string) string {
	var kept []string
	there := false
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p == pattern {
			there = true
		} else if p != "" {
			kept = append(kept, p)
		}
	}
	if !there {
		kept = append(kept, pattern)
	}
	return strings.Join(kept, ",")
}

// visit takes what an address asks for.
func (v *liveEvents) visit(q url.Values, now time.Time) {
	if ask := (liveAsk{q.Get("types"), q.Get("servers"), q.Get("find")}); ask != v.asked {
		v.asked, v.set = ask, false
	}
	var place event.ID
	if s := q.Get("event"); s != "" {
		_ = place.UnmarshalText([]byte(s)) // what is no place names no event
	}
	if place == v.picked {
		return
	}
	v.picked, v.wished, v.lost, v.arrived = place, false, false, false
	v.turned = append(v.turned, v.opened...)
	v.opened = nil
	if !place.IsZero() {
		v.pause(now)
	}
}

// say sets in q what the page shows.
func (v *liveEvents) say(q url.Values) {
	say(q, "types", v.asked.types)
	say(q, "servers", v.asked.servers)
	say(q, "find", v.asked.find)
	picked := ""
	if !v.picked.IsZero() {
		picked = v.picked.String()
	}
	say(q, "event", picked)
}

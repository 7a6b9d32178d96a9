package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// eventParameters are those of the URLs that give events.
var eventParameters = []string{"servers", "types", "rate", "lastEventId", "after", "before", "limit", "from", "to", "every"}

// otherWords are what else one may call a filter.
var otherWords = map[string]string{
	"server": "servers", "serverid": "servers", "serverids": "servers",
	"type": "types", "event": "types", "events": "types", "eventtype": "types", "eventtypes": "types", "category": "types", "categories": "types",
	"filter": "types", "filters": "types",
}

// misspelt refuses what looks like a parameter of ours and is none: who asks for "server=web-1" would be shown all servers, and who resumes with
// "last_event_id" would miss what came meanwhile without knowing. Parameters that look like none of ours are ignored, as ever, and so is what
// looks like "servers" where the path names one.
func misspelt(q url.Values, named bool) error {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if meant := meantBy(name); meant != name && meant != "" && !(named && meant == "servers") {
			p := fail(http.StatusBadRequest, "There is no parameter %.60q here, and without it you would get more than you asked for: did you mean %q?", name, meant)
			p.Field = cut(name, 60)
			return p
		}
	}
	return nil
}

// meantBy returns the parameter that a name is, or looks like; "" for none.
func meantBy(name string) string {
	if slices.Contains(eventParameters, name) || len(name) > 60 {
		return name
	}
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_[]. ", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, known := range eventParameters {
		if plain == strings.ToLower(known) {
			return known
		}
	}
	if meant, ok := otherWords[plain]; ok {
		return meant
	}
	for _, filter := range []string{"servers", "types"} {
		if within(plain, filter, len(filter)/3) {
			return filter
		}
	}
	return ""
}

// within reports whether a takes at most so many changes to become b: letters put in, left out, exchanged or swapped with the next.
func within(a, b string, most int) bool {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return false
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			exchange := 1
			if a[i-1] == b[j-1] {
				exchange = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+exchange)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)] <= most
}

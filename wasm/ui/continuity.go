package ui

import (
	"slices"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// interruption is one line of the Continuity panel: when, a sign, what happened, what came of it.
type interruption struct {
	at         time.Time
	sign       string // class of its sign on the thread
	what, then string // HTML, strangers' words escaped
}

// interruptions returns what interrupted the link, newest first, and the first picture last. Nothing older is promised.
func interruptions(m *model.Model, now time.Time) []interruption {
	l := &m.Link
	var list []interruption
	for _, br := range l.Breaks {
		i := interruption{at: br.From, sign: "away"}
		until := br.To
		if until.IsZero() {
			until = now
		}
		b := append([]byte(nil), "Away "...)
		b = AppendDuration(b, until.Sub(br.From))
		if br.Reason != "" {
			b = append(b, ": "...)
			b = AppendText(b, br.Reason)
		}
		i.what = string(append(b, '.'))
		switch {
		case br.To.IsZero():
			i.sign = "broken"
			i.then = "Not fetched yet."
		case br.Lost:
			i.sign = "broken"
			i.then = "Part of it cannot be had any more."
		default:
			b = AppendCount(nil, int64(br.Fetched))
			i.then = string(append(b, plural(int64(br.Fetched), " event fetched.", " events fetched.")...))
		}
		list = append(list, i)
	}
	for _, g := range l.Gaps {
		b := []byte("Events were skipped")
		if g.Count > 0 {
			b = AppendCount(nil, int64(g.Count))
			b = append(b, plural(int64(g.Count), " event skipped", " events skipped")...)
		}
		b = append(b, ": "...)
		b = append(b, gapReason(g.Reason)...)
		list = append(list, interruption{at: g.At, sign: "skip-mark", what: string(append(b, '.'))})
	}
	if !l.ResetAt.IsZero() {
		list = append(list, interruption{at: l.ResetAt, sign: "broken", what: "The server's log began anew.", then: "What was before it cannot be continued."})
	}
	if !l.Account.Since.IsZero() && l.ResetAt.IsZero() {
		list = append(list, interruption{at: l.Account.Since, sign: "at", what: "First picture.", then: "Nothing older is promised."})
	}
	slices.SortStableFunc(list, func(a, b interruption) int { return b.at.Compare(a.at) })
	return list
}

// gapReason says in words why a stream left something out, escaped.
func gapReason(reason string) string {
	switch reason {
	case "trimmed":
		return "they are older than what the server keeps"
	case "slow", "thinned", "":
		return "this link was slower than the events"
	}
	return string(AppendText(nil, reason))
}

// appendContinuity appends the panel the pill opens.
func appendContinuity(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	a := &l.Account
	b = append(b, `<div class="ph"><h2>`...)
	if a.Since.IsZero() {
		b = append(b, "Not connected yet</h2></div>"...)
	} else {
		b = append(b, "Continuous since "...)
		b = AppendWhen(b, a.Since, now)
		b = append(b, `</h2><small>`...)
		b = AppendDurationLong(b, now.Sub(a.Since))
		b = append(b, `</small></div><p>Every event since then is here, in order`...)
		if a.Skipped > 0 || a.Gaps > 0 {
			b = append(b, ", but for "...)
			if a.Skipped > 0 {
				b = AppendCount(b, int64(a.Skipped))
				b = append(b, " skipped"...)
			}
			if a.Gaps > 0 {
				if a.Skipped > 0 {
					b = append(b, " and "...)
				}
				b = AppendCount(b, int64(a.Gaps))
				b = append(b, plural(int64(a.Gaps), " stretch that is gone", " stretches that are gone")...)
			}
		}
		b = append(b, ".</p>"...)
	}
	b = append(b, `<div class="line">`...)
	b = appendThread(b, m, now)
	b = append(b, `</div><dl class="four"><div><dt>Last event</dt><dd>`...)
	if l.Event.IsZero() {
		b = append(b, "<b>"+missing+"</b>"...)
	} else {
		b = append(b, "<b>"...)
		b = AppendAge(b, now.Sub(l.Event).Truncate(ageStep))
		b = append(b, "</b><i> ago</i>"...)
	}
	for _, n := range []struct {
		name string
		n    uint64
	}{{"Received", a.Received}, {"Replayed", a.Replayed}, {"Repeats dropped", a.Repeated}} {
		b = append(b, `</dd></div><div><dt>`...)
		b = append(b, n.name...)
		b = append(b, `</dt><dd><b>`...)
		b = AppendCount(b, int64(n.n))
		b = append(b, `</b>`...)
	}
	b = append(b, `</dd></div></dl><ol>`...)
	for _, i := range interruptions(m, now) {
		b = append(b, `<li><time>`...)
		b = AppendWhen(b, i.at, now)
		b = append(b, `</time><u class="`...)
		b = append(b, i.sign...)
		b = append(b, `"></u><span><b>`...)
		b = append(b, i.what...)
		b = append(b, `</b> `...)
		b = append(b, i.then...)
		b = append(b, `</span></li>`...)
	}
	b = append(b, `</ol><dl class="kv"><dt>Place</dt><dd class="mono">`...)
	if m.Place.IsZero() {
		b = append(b, missing...)
	} else {
		b = AppendText(b, m.Place.String())
	}
	b = append(b, `</dd><dt>Connection</dt><dd>this tab`...)
	if l.Beat > 0 {
		b = append(b, "; heartbeat every "...)
		b = AppendDuration(b, l.Beat)
	}
	if l.Version != "" {
		b = append(b, "; server "...)
		b = AppendText(b, l.Version)
	}
	return append(b, `</dd></dl>`...)
}

// ContinuityText is what "Copy as text" copies: the Continuity panel, line by line.
func ContinuityText(m *model.Model, now time.Time) string {
	l := &m.Link
	a := &l.Account
	b := []byte("Telltale, " + now.Format("2006-01-02 15:04:05 -07:00") + "\n")
	if !a.Since.IsZero() {
		b = append(b, "Continuous since "...)
		b = AppendWhen(b, a.Since, now)
		b = append(b, '\n')
	}
	b = append(b, "Link "+l.Phase.String()+" since "...)
	b = AppendWhen(b, l.Since, now)
	b = append(b, "\nReceived "...)
	b = AppendCount(b, int64(a.Received))
	b = append(b, ", replayed "...)
	b = AppendCount(b, int64(a.Replayed))
	b = append(b, ", repeats dropped "...)
	b = AppendCount(b, int64(a.Repeated))
	b = append(b, ", skipped "...)
	b = AppendCount(b, int64(a.Skipped))
	b = append(b, "\nPlace "+m.Place.String()+"\n"...)
	for _, i := range interruptions(m, now) {
		b = AppendWhen(b, i.at, now)
		b = append(b, "  "+unescape(i.what)+" "+unescape(i.then)+"\n"...)
	}
	return string(b)
}

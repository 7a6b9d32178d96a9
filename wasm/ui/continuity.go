package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
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
		how := "Away "
		switch {
		case br.Polled:
			how = "Polled for "
		case br.Record:
			how = "Nothing new for "
		}
		b := append([]byte(nil), how...)
		b = AppendDuration(b, until.Sub(br.From))
		if br.Reason != "" {
			b = add(b, ": ")
			b = AppendText(b, strings.TrimSuffix(br.Reason, "."))
		}
		i.what = string(append(b, '.'))
		switch {
		case br.Polled && br.To.IsZero():
			i.then = "What comes is fetched every few seconds."
		case br.To.IsZero():
			i.sign = "broken"
			i.then = "Not fetched yet."
		case br.Record && !br.Lost:
			i.then = "What was recorded meanwhile came then."
		case br.Lost:
			i.sign = "broken"
			i.then = "Part of it cannot be had any more."
		default:
			b = AppendCount(nil, int64(br.Fetched))
			i.then = string(add(b, plural(int64(br.Fetched), " event fetched.", " events fetched.")))
		}
		list = append(list, i)
	}
	for _, g := range l.Gaps {
		b := []byte("Events were skipped")
		if g.Count > 0 {
			b = AppendCount(nil, int64(g.Count))
			b = add(b, plural(int64(g.Count), " event skipped", " events skipped"))
		}
		b = add(b, ": ")
		b = add(b, gapReason(g.Reason))
		then := ""
		if g.Read {
			then = "They have been read since."
		}
		list = append(list, interruption{at: g.At, sign: "skip-mark", what: string(append(b, '.')), then: then})
	}
	if !l.ResetAt.IsZero() {
		list = append(list, interruption{at: l.ResetAt, sign: "broken", what: "The server's log began anew.", then: "What was before it cannot be continued."})
	}
	if !l.First.IsZero() {
		list = append(list, interruption{at: l.First, sign: "at", what: "First picture.", then: "Nothing older is promised."})
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
	case "picture":
		return "the connection was lost and began again with a picture of the moment"
	}
	return string(AppendText(nil, reason))
}

// wholeUntil returns until when all that the server recorded is here, while it is not known to be up to now: since the link was lost, since
// the last fetch of a page that polls, or since the server can't reach its record. Zero: it is all here.
func wholeUntil(l *model.Link) (until time.Time) {
	if br := lastBreak(l); br != nil && br.To.IsZero() {
		until = br.From
	}
	if l.Phase == feed.Polling {
		until = l.Lost
	}
	if until.Before(l.Account.Since) { // it began anew meanwhile
		return time.Time{}
	}
	return until
}

// appendWhole appends since when nothing is missing, and until when where that is over: "Continuous since 12:04:09", "Continuous from
// 12:04:09 to 12:40:02".
func appendWhole(b []byte, l *model.Link, now time.Time) []byte {
	until := wholeUntil(l)
	if until.IsZero() {
		return AppendWhen(add(b, "Continuous since "), l.Account.Since, now)
	}
	b = AppendWhen(add(b, "Continuous from "), l.Account.Since, now)
	return AppendWhen(add(b, " to "), until, now)
}

// skewShown is how far two clocks are apart when it matters: a time that is read off the one can't be compared with one of the other, and no
// network takes so long.
const skewShown = 5 * time.Second

// appendSkew appends how far this device's clock is from the server's; nothing where that is too little to matter.
func appendSkew(b []byte, m *model.Model) []byte {
	skew, way := m.Skew(), " behind the server's"
	if skew < 0 {
		skew, way = -skew, " ahead of the server's"
	}
	if skew < skewShown {
		return b
	}
	b = add(b, "this device's clock is ")
	b = AppendDuration(b, skew)
	return add(b, way)
}

// appendContinuity appends the panel the pill opens.
func appendContinuity(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	a := &l.Account
	b = add(b, `<div class="ph"><h2>`)
	if a.Since.IsZero() {
		b = add(b, "Not connected yet</h2></div>")
	} else {
		b = appendWhole(b, l, now)
		b = add(b, `</h2><small>`)
		if until := wholeUntil(l); until.IsZero() {
			b = AppendDurationLong(b, now.Sub(a.Since))
			b = add(b, `</small></div><p>Every event since then is here, in order`)
		} else {
			b = AppendDurationLong(b, until.Sub(a.Since))
			b = add(b, `</small></div><p>Every event of that time is here, in order`)
		}
		sep := ", but for "
		if a.Skipped > l.Before { // with each stretch that is gone Since begins anew
			b = add(b, sep)
			b = AppendCount(b, int64(a.Skipped-l.Before))
			b = add(b, " skipped")
			sep = " and "
		}
		if a.Bad > 0 {
			b = add(b, sep)
			b = AppendCount(b, int64(a.Bad))
			b = add(b, " that could not be read")
		}
		b = add(b, ".</p>")
	}
	b = add(b, `<div class="line">`)
	b = appendThread(b, m, now)
	b = add(b, `</div><dl class="four"><div><dt>Last event</dt><dd>`)
	if l.Event.IsZero() {
		b = add(b, "<b>"+missing+"</b>")
	} else {
		b = add(b, "<b>")
		b = AppendAge(b, now.Sub(l.Event).Truncate(ageStep))
		b = add(b, "</b><i> ago</i>")
	}
	for _, n := range []struct {
		name string
		n    uint64
	}{{"Received", a.Received}, {"Replayed", a.Replayed}, {"Repeats dropped", a.Repeated}} {
		b = add(b, `</dd></div><div><dt>`)
		b = add(b, n.name)
		b = add(b, `</dt><dd><b>`)
		b = AppendCount(b, int64(n.n))
		b = add(b, `</b>`)
	}
	b = add(b, `</dd></div></dl><ol>`)
	for _, i := range interruptions(m, now) {
		b = add(b, `<li><time>`)
		b = AppendWhen(b, i.at, now)
		b = add(b, `</time><u class="`)
		b = add(b, i.sign)
		b = add(b, `"></u><span><b>`)
		b = add(b, i.what)
		b = add(b, `</b> `)
		b = add(b, i.then)
		b = add(b, `</span></li>`)
	}
	b = add(b, `</ol><dl class="kv"><dt>Place</dt><dd class="mono">`)
	if m.Place.IsZero() {
		b = add(b, missing)
	} else {
		b = AppendText(b, m.Place.String())
	}
	b = add(b, `</dd><dt>Connection</dt><dd>`)
	if l.Shared {
		b = add(b, "this tab reads through another one")
	} else {
		b = add(b, "this tab")
	}
	if l.Beat > 0 {
		b = add(b, "; heartbeat every ")
		b = AppendDuration(b, l.Beat)
	}
	if l.Version != "" {
		b = add(b, "; server ")
		b = AppendText(b, l.Version)
	}
	if m.Me != nil && m.Me.Shared {
		b = add(b, `; <a class="link" href="`+clusterPath+`">instances</a>`)
	}
	if skew := appendSkew(nil, m); len(skew) > 0 {
		b = add(b, `</dd><dt>Clocks</dt><dd>`)
		b = append(b, skew...)
		b = add(b, "; ages are counted by the server's")
	}
	if m.Me != nil {
		b = add(b, `</dd><dt>Access</dt><dd>`)
		b = appendMe(b, m.Me, now)
	}
	return add(b, `</dd></dl>`)
}

// ContinuityText is what "Copy as text" copies: the Continuity panel, line by line.
func ContinuityText(m *model.Model, now time.Time) string {
	l := &m.Link
	a := &l.Account
	b := []byte("Telltale, " + now.Format("2006-01-02 15:04:05 -07:00") + "\n")
	if !a.Since.IsZero() {
		b = append(appendWhole(b, l, now), '\n')
	}
	b = append(b, "Link "+l.Phase.String()+" since "...)
	b = AppendWhen(b, l.Since, now)
	b = add(b, "\nReceived ")
	b = AppendCount(b, int64(a.Received))
	b = add(b, ", replayed ")
	b = AppendCount(b, int64(a.Replayed))
	b = add(b, ", repeats dropped ")
	b = AppendCount(b, int64(a.Repeated))
	b = add(b, ", skipped ")
	b = AppendCount(b, int64(a.Skipped))
	if a.Bad > 0 {
		b = add(b, ", not understood ")
		b = AppendCount(b, int64(a.Bad))
	}
	b = append(b, "\nPlace "+m.Place.String()+"\n"...)
	if skew := appendSkew(nil, m); len(skew) > 0 {
		b = append(append(b, skew...), '\n')
	}
	for _, i := range interruptions(m, now) {
		b = AppendWhen(b, i.at, now)
		b = append(b, "  "+unescape(i.what)+" "+unescape(i.then)+"\n"...)
	}
	return string(b)
}

package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// threadSpan is how much of the link's life the thread shows.
const threadSpan = 30 * time.Minute

// appendThreadLine appends the strip under the header: since when nothing is missing, what interrupted, the thread, now.
// Times are of the local clock.
func appendThreadLine(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	b = add(b, `<span>`)
	switch {
	case dated(l), l.Account.Since.IsZero() && !l.Picture.IsZero():
		b = add(b, "Picture of <b>")
		b = AppendWhen(b, l.Picture, now)
		b = add(b, "</b>")
	case l.Account.Since.IsZero():
		b = add(b, "Not connected yet")
	default:
		until := wholeUntil(l)
		if until.IsZero() {
			b = add(b, "Continuous since <b>")
		} else {
			b = add(b, "Continuous <b>")
		}
		b = AppendWhen(b, l.Account.Since, now)
		if !until.IsZero() { // a phone has room for no more words
			b = add(b, "–")
			b = AppendWhen(b, until, now)
		}
		b = add(b, "</b>")
	}
	b = add(b, `</span>`)
	if n := int64(l.Account.Reconnects); n > 0 {
		b = add(b, `<span class="recs">`)
		b = AppendCount(b, n)
		b = add(b, plural(n, " reconnect", " reconnects"))
		if l.Phase.Fresh() && !anyLost(l) {
			b = add(b, `<span class="long">, caught up</span>`)
		}
		b = add(b, `</span>`)
	}
	if n := int64(l.Account.Skipped); n > 0 {
		b = add(b, `<span class="skips">▾ `)
		b = AppendCount(b, n)
		b = add(b, `<span class="long">`)
		b = add(b, plural(n, " event", " events"))
		b = add(b, `</span> skipped</span>`)
	}
	if sessionOver(l) {
		b = add(b, `<span class="over">`)
		b = add(b, linkWord(l))
		b = add(b, ` <b>`)
		b = AppendWhen(b, overAt(l), now)
		b = add(b, `</b></span>`)
	}
	b = add(b, `<div class="line">`)
	b = appendThread(b, m, now)
	b = add(b, `</div><span class="clock">now <b>`)
	b = AppendClock(b, now)
	b = add(b, `</b>`)
	if skew := m.Skew(); skew.Abs() >= skewShown {
		b = add(b, ` server <b>`)
		b = AppendClock(b, m.Now(now))
		b = add(b, `</b>`)
	}
	return add(b, `</span>`)
}

func anyLost(l *model.Link) bool {
	for _, br := range l.Breaks {
		if br.Lost {
			return true
		}
	}
	return false
}

// appendThread appends the thread itself: the last half hour of the link, breaks and all. It is decoration for the eye; the
// Continuity panel says the same in words.
func appendThread(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	now = now.Truncate(time.Second)
	start := now.Add(-threadSpan)
	share := func(t time.Time) float64 {
		return min(max(float64(t.Sub(start))/float64(threadSpan), 0), 1)
	}
	piece := func(class string, from, to time.Time) {
		if to.IsZero() || to.After(now) {
			to = now
		}
		if !to.After(start) || to.Before(from) {
			return
		}
		left := share(from)
		b = add(b, `<span class="`)
		b = add(b, class)
		b = add(b, `" style="left:`)
		b = appendShare(b, left)
		b = add(b, `;width:`)
		b = appendShare(b, share(to)-left)
		b = add(b, `"></span>`)
	}
	spot := func(class string, t time.Time) {
		if t.Before(start) || t.After(now) {
			return
		}
		b = add(b, `<span class="`)
		b = add(b, class)
		b = add(b, `" style="left:`)
		b = appendShare(b, share(t))
		b = add(b, `"></span>`)
	}
	b = add(b, `<span class="tl" aria-hidden="true">`)
	for _, s := range l.Thread {
		if s.Phase.Fresh() {
			piece("on", s.From, s.To)
		}
	}
	for _, br := range l.Breaks {
		switch {
		case (br.To.IsZero() && !br.Polled) || br.Lost:
			piece("broken", br.From, br.To)
		default:
			piece("away", br.From, br.To)
		}
	}
	for _, g := range l.Gaps {
		spot("skip-mark", g.At)
	}
	for t := start.Truncate(time.Minute); t.Before(now); t = t.Add(time.Minute) {
		// Leave room for the dot's own word, "now", at the right, and at the left for the words before the thread.
		if t.Minute()%5 != 0 || t.Sub(start) < time.Minute || now.Sub(t) < time.Minute {
			continue
		}
		b = add(b, `<span class="tick" style="left:`)
		b = appendShare(b, share(t))
		b = add(b, `">`)
		b = t.AppendFormat(b, "15:04")
		b = add(b, `</span>`)
	}
	b = add(b, `<span class="at `)
	b = add(b, LinkClass(shownPhase(l)))
	return add(b, `" style="left:100%"></span></span>`)
}

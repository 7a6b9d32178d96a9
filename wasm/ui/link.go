package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// manyFailures is how many tries in a row fail before the page says more than that it goes on trying.
const manyFailures = 5

// dated reports whether the page shows a prerendered picture and nothing newer.
func dated(l *model.Link) bool {
	return !l.Picture.IsZero() && (l.Phase == feed.Idle || l.Phase == feed.Connecting)
}

// appendPill appends what stands in the pill: yarn, word, age. All times of l are of the local clock, and so is now.
func appendPill(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	b = AppendYarn(b, l.Phase)
	b = append(b, `<b class="`...)
	b = append(b, LinkClass(l.Phase)...)
	b = append(b, `">`...)
	if dated(l) {
		b = append(b, "Picture of "...)
		b = AppendWhen(b, l.Picture, now)
		return append(b, `</b><span class="age">not live yet</span>`...)
	}
	b = append(b, LinkWord(l.Phase)...)
	b = append(b, `</b><span class="age">`...)
	switch l.Phase {
	case feed.Live:
		switch age := now.Sub(l.Event); {
		case !l.Event.IsZero() && age < max(l.Beat, 10*time.Second):
			b = append(b, "<i>event </i>"...)
			b = AppendAge(b, age.Truncate(ageStep))
			b = append(b, "<i> ago</i>"...)
		case !l.Heard.IsZero(): // a quiet fleet: the heartbeat is the evidence
			b = append(b, "<i>heartbeat </i>"...)
			b = AppendDuration(b, now.Sub(l.Heard))
			b = append(b, "<i> ago</i>"...)
		}
	case feed.CatchingUp:
		if br := lastBreak(l); br != nil && !br.From.IsZero() {
			b = append(b, "<i>behind </i>"...)
			b = AppendAge(b, now.Sub(br.From).Truncate(ageStep))
		}
	case feed.Stale:
		b = append(b, "<i>since </i>"...)
		b = AppendWhen(b, firstOf(l.Heard, l.Since), now)
	case feed.Reconnecting:
		if since := firstOf(l.Lost, l.Picture); !since.IsZero() {
			b = append(b, "<i>stale </i>"...)
			b = AppendDuration(b, now.Sub(since))
		}
	case feed.Offline:
		b = append(b, "<i>since </i>"...)
		b = AppendWhen(b, firstOf(l.Lost, l.Since), now)
	case feed.Refused:
		b = append(b, "<i>at </i>"...)
		b = AppendWhen(b, l.Since, now)
	}
	return append(b, `</span>`...)
}

func firstOf(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func lastBreak(l *model.Link) *model.Break {
	if len(l.Breaks) == 0 {
		return nil
	}
	return &l.Breaks[len(l.Breaks)-1]
}

// resetShown is how long the page tells that the log began anew, when nothing more pressing is to be told.
const resetShown = 2 * time.Minute

// notice is what the banner says: what happened, when, what happens next, and at most one button.
type notice struct {
	on     bool
	button string // what the button that tries again says; "" for no button
}

// appendNotice appends the sentences that the state of the link calls for. It appends nothing while all is well.
func appendNotice(b []byte, m *model.Model, now time.Time) ([]byte, notice) {
	l := &m.Link
	switch l.Phase {
	case feed.Live:
		if l.ResetAt.IsZero() || now.Sub(l.ResetAt) >= resetShown {
			return b, notice{}
		}
		b = append(b, "<b>The server's log began anew at "...)
		b = AppendWhen(b, l.ResetAt, now)
		b = append(b, ".</b> What was before it cannot be continued; the picture below is fresh."...)
		return b, notice{on: true}
	case feed.CatchingUp:
		br := lastBreak(l)
		if br == nil || br.From.IsZero() {
			return b, notice{}
		}
		b = append(b, "<b>"...)
		b = AppendCount(b, int64(br.Fetched))
		b = append(b, plural(int64(br.Fetched), " missed event fetched.", " missed events fetched.")...)
		b = append(b, "</b> Back at "...)
		b = AppendWhen(b, l.Since, now)
		b = append(b, ", away "...)
		b = AppendDuration(b, l.Since.Sub(br.From))
		return append(b, '.'), notice{on: true}
	case feed.Stale:
		b = append(b, "<b>Nothing heard for "...)
		b = AppendDuration(b, now.Sub(firstOf(l.Heard, l.Since)))
		b = append(b, ".</b>"...)
		if l.Beat > 0 {
			b = append(b, " A heartbeat comes every "...)
			b = AppendDuration(b, l.Beat)
			b = append(b, "; two are missing."...)
		}
		return append(b, "<small>Opening a new connection now.</small>"...), notice{on: true}
	case feed.Reconnecting:
		return appendReconnecting(b, l, now), notice{true, "Try now"}
	case feed.Offline:
		of := firstOf(firstOf(l.Lost, l.Picture), l.Since)
		b = append(b, "<b>This is the picture of "...)
		b = AppendWhen(b, of, now)
		b = append(b, ", "...)
		b = appendMinutes(b, now.Sub(of))
		b = append(b, " old.</b><small>This device has no network. Telltale will connect by itself when it returns.</small>"...)
		return b, notice{true, "Try now"}
	case feed.Refused:
		return appendRefusal(append(b, "<b>"...), l, now), notice{true, "Try again"}
	}
	return b, notice{}
}

// banner is the place under the header where the link's notice stands. Its button is an element of its own, so that a
// sentence that counts seconds does not take it from under a finger.
type banner struct{ class, yarn, say, doing, button slot }

func (v *banner) draw(p *pen, m *model.Model, now time.Time) {
	said, n := appendNotice(nil, m, now)
	p.raw(`<div id="banner"`)
	p.attr(&v.class, "banner", "", "class")
	p.put("banner ")
	p.put(LinkClass(m.Link.Phase))
	if !n.on {
		p.put(" off")
	}
	p.shutAttr(&v.class, "class")
	p.raw(`>`)
	p.open(&v.yarn, "span", "", "", "banner-yarn")
	p.b = AppendYarn(p.b, m.Link.Phase)
	p.shut(&v.yarn, "span")
	p.open(&v.say, "div", "say", "", "banner-say")
	p.b = append(p.b, said...)
	p.shut(&v.say, "div")
	p.raw(`<button type="button" data-do="retry" id="banner-do"`)
	p.attr(&v.doing, "banner-do", "", "class")
	p.put("btn")
	if n.button == "" {
		p.put(" off")
	}
	p.shutAttr(&v.doing, "class")
	p.raw(`>`)
	p.open(&v.button, "span", "", "", "banner-word")
	p.put(n.button)
	p.shut(&v.button, "span")
	p.raw(`</button></div>`)
}

func appendReconnecting(b []byte, l *model.Link, now time.Time) []byte {
	if l.Failures >= manyFailures {
		b = append(b, "<b>"...)
		b = append(b, small(l.Failures)...)
		b = append(b, " tries failed, the last "...)
		if l.Status != 0 {
			b = append(b, "with "...)
			b = strconv.AppendInt(b, int64(l.Status), 10)
		} else if l.Reason != "" {
			b = append(b, "because: "...)
			b = AppendText(b, l.Reason)
		} else {
			b = append(b, "without an answer"...)
		}
		b = append(b, ".</b>"...)
	} else {
		if l.Lost.IsZero() {
			b = append(b, "<b>No connection yet"...)
		} else {
			b = append(b, "<b>Connection lost at "...)
			b = AppendWhen(b, l.Lost, now)
		}
		b = append(b, ".</b> Attempt "...)
		b = strconv.AppendInt(b, int64(l.Failures+1), 10)
		if l.Next.After(now) {
			b = append(b, ","...)
		} else {
			b = append(b, " under way."...)
		}
	}
	if l.Next.After(now) {
		if l.Failures >= manyFailures {
			b = append(b, " Next"...)
		} else {
			b = append(b, " next"...)
		}
		b = append(b, ` try in <span class="num">`...)
		b = AppendDuration(b, l.Next.Sub(now)+999*time.Millisecond)
		b = append(b, `</span>.`...)
	}
	b = append(b, "<small>"...)
	if of := firstOf(l.Lost, l.Picture); !of.IsZero() {
		b = append(b, "Everything below is as of "...)
		b = AppendWhen(b, of, now)
		b = append(b, ". "...)
	}
	return append(b, "What is missed meanwhile will be fetched.</small>"...)
}

// small writes a small number as a word that begins a sentence.
func small(n int) string {
	words := [...]string{5: "Five", 6: "Six", 7: "Seven", 8: "Eight", 9: "Nine", 10: "Ten", 11: "Eleven", 12: "Twelve"}
	if n < len(words) && words[n] != "" {
		return words[n]
	}
	return string(AppendCount(nil, int64(n)))
}

func appendRefusal(b []byte, l *model.Link, now time.Time) []byte {
	switch l.Status {
	case 401:
		b = append(b, "Your session ended at "...)
		b = AppendWhen(b, l.Since, now)
		return append(b, ".</b> Telltale stopped asking."...)
	case 403:
		return append(b, "You may not see this fleet.</b> Ask who runs it for the role viewer."...)
	case 429:
		return append(b, "You have as many streams open as you may.</b> Close one, or wait 30 s."...)
	}
	b = append(b, "The server refused the stream at "...)
	b = AppendWhen(b, l.Since, now)
	b = append(b, ".</b> "...)
	if l.Reason != "" {
		b = AppendText(b, l.Reason)
		b = append(b, ' ')
	}
	return append(b, "Telltale stopped asking."...)
}

func appendMinutes(b []byte, d time.Duration) []byte {
	if d < 2*time.Minute || d >= time.Hour {
		return AppendDuration(b, d)
	}
	b = strconv.AppendInt(b, int64(d/time.Minute), 10)
	return append(b, " minutes"...)
}

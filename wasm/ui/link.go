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
	b = add(b, `<b class="`)
	b = add(b, LinkClass(l.Phase))
	b = add(b, `">`)
	if dated(l) {
		b = add(b, "Picture of ")
		b = AppendWhen(b, l.Picture, now)
		return add(b, `</b><span class="age">not live yet</span>`)
	}
	b = add(b, LinkWord(l.Phase))
	b = add(b, `</b><span class="age">`)
	switch l.Phase {
	case feed.Live:
		switch age := now.Sub(l.Event); {
		case !l.Event.IsZero() && age < max(l.Beat, 10*time.Second):
			b = add(b, "<i>event </i>")
			b = AppendAge(b, age.Truncate(ageStep))
			b = add(b, "<i> ago</i>")
		case !l.Heard.IsZero(): // a quiet fleet: the heartbeat is the evidence
			b = add(b, "<i>heartbeat </i>")
			b = AppendDuration(b, now.Sub(l.Heard))
			b = add(b, "<i> ago</i>")
		}
	case feed.CatchingUp:
		if br := lastBreak(l); br != nil && !br.From.IsZero() {
			b = add(b, "<i>behind </i>")
			b = AppendAge(b, now.Sub(br.From).Truncate(ageStep))
		}
	case feed.Stale:
		b = add(b, "<i>since </i>")
		b = AppendWhen(b, firstOf(l.Heard, l.Since), now)
	case feed.Reconnecting:
		if since := firstOf(l.Lost, l.Picture); !since.IsZero() {
			b = add(b, "<i>stale </i>")
			b = AppendDuration(b, now.Sub(since))
		}
	case feed.Offline:
		b = add(b, "<i>since </i>")
		b = AppendWhen(b, firstOf(l.Lost, l.Since), now)
	case feed.Refused:
		b = add(b, "<i>at </i>")
		b = AppendWhen(b, l.Since, now)
	}
	return add(b, `</span>`)
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
		b = add(b, "<b>The server's log began anew at ")
		b = AppendWhen(b, l.ResetAt, now)
		b = add(b, ".</b> What was before it cannot be continued; the picture below is fresh.")
		return b, notice{on: true}
	case feed.CatchingUp:
		br := lastBreak(l)
		if br == nil || br.From.IsZero() {
			return b, notice{}
		}
		b = add(b, "<b>")
		b = AppendCount(b, int64(br.Fetched))
		n := br.Fetched
		if br.Missed > br.Fetched {
			n = br.Missed
			b = add(b, " of ")
			b = AppendCount(b, int64(n))
		}
		b = add(b, plural(int64(n), " missed event fetched.", " missed events fetched."))
		b = add(b, "</b> Back at ")
		b = AppendWhen(b, l.Since, now)
		b = add(b, ", away ")
		b = AppendDuration(b, l.Since.Sub(br.From))
		return append(b, '.'), notice{on: true}
	case feed.Stale:
		b = add(b, "<b>Nothing heard for ")
		b = AppendDuration(b, now.Sub(firstOf(l.Heard, l.Since)))
		b = add(b, ".</b>")
		if l.Beat > 0 {
			b = add(b, " A heartbeat comes every ")
			b = AppendDuration(b, l.Beat)
			b = add(b, "; two are missing.")
		}
		return add(b, "<small>Opening a new connection now.</small>"), notice{on: true}
	case feed.Reconnecting:
		return appendReconnecting(b, l, now), notice{true, "Try now"}
	case feed.Offline:
		of := firstOf(firstOf(l.Lost, l.Picture), l.Since)
		b = add(b, "<b>This is the picture of ")
		b = AppendWhen(b, of, now)
		b = add(b, ", ")
		b = appendMinutes(b, now.Sub(of))
		b = add(b, " old.</b><small>This device has no network. Telltale will connect by itself when it returns.</small>")
		return b, notice{true, "Try now"}
	case feed.Refused:
		return appendRefusal(add(b, "<b>"), l, now), notice{true, "Try again"}
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
		b = add(b, "<b>")
		b = add(b, small(l.Failures))
		b = add(b, " tries failed, the last ")
		if l.Status != 0 {
			b = add(b, "with ")
			b = strconv.AppendInt(b, int64(l.Status), 10)
		} else if l.Reason != "" {
			b = add(b, "because: ")
			b = AppendText(b, l.Reason)
		} else {
			b = add(b, "without an answer")
		}
		b = add(b, ".</b>")
	} else {
		if l.Lost.IsZero() {
			b = add(b, "<b>No connection yet")
		} else {
			b = add(b, "<b>Connection lost at ")
			b = AppendWhen(b, l.Lost, now)
		}
		b = add(b, ".</b> Attempt ")
		b = strconv.AppendInt(b, int64(l.Failures+1), 10)
		if l.Next.After(now) {
			b = add(b, ",")
		} else {
			b = add(b, " under way.")
		}
	}
	if l.Next.After(now) {
		if l.Failures >= manyFailures {
			b = add(b, " Next")
		} else {
			b = add(b, " next")
		}
		b = add(b, ` try in <span class="num">`)
		b = AppendDuration(b, l.Next.Sub(now)+999*time.Millisecond)
		b = add(b, `</span>`)
		if l.Watched {
			b = add(b, ", sooner if the server answers")
		}
		b = add(b, `.`)
	}
	b = add(b, "<small>")
	if of := firstOf(l.Lost, l.Picture); !of.IsZero() {
		b = add(b, "Everything below is as of ")
		b = AppendWhen(b, of, now)
		if age := now.Sub(of); age >= time.Minute {
			b = add(b, ", ")
			b = appendMinutes(b, age)
			b = add(b, " old")
		}
		b = add(b, ". ")
	}
	return add(b, "What is missed meanwhile will be fetched.</small>")
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
		b = add(b, "Your session ended at ")
		b = AppendWhen(b, l.Since, now)
		return add(b, ".</b> Telltale stopped asking.")
	case 403:
		return add(b, "You may not see this fleet.</b> Ask who runs it for the role viewer.")
	case 429:
		return add(b, "You have as many streams open as you may.</b> Close one, or wait 30 s.")
	}
	b = add(b, "The server refused the stream at ")
	b = AppendWhen(b, l.Since, now)
	b = add(b, ".</b> ")
	if l.Reason != "" {
		b = AppendText(b, l.Reason)
		b = append(b, ' ')
	}
	return add(b, "Telltale stopped asking.")
}

func appendMinutes(b []byte, d time.Duration) []byte {
	if d < 2*time.Minute || d >= time.Hour {
		return AppendDuration(b, d)
	}
	b = strconv.AppendInt(b, int64(d/time.Minute), 10)
	return add(b, " minutes")
}

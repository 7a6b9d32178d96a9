package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// manyFailures is how many tries in a row fail before the page says more than that it goes on trying.
const manyFailures = 5

// dated reports whether the page shows a prerendered picture and nothing newer.
func dated(l *model.Link) bool {
	return !l.Picture.IsZero() && (l.Phase == feed.Idle || l.Phase == feed.Connecting)
}

// shownPhase is the phase as the page shows it, which may be worse than that of the connection: a session that is over is not being
// reconnected, and a stream whose server can't reach its record is not live.
func shownPhase(l *model.Link) feed.Phase {
	switch {
	case sessionOver(l):
		return feed.Refused
	case l.Phase.Fresh() && !l.Away.IsZero():
		return feed.Stale
	}
	return l.Phase
}

// lit reports whether lamps shine: the link is fresh, and there is something that can come over it.
func lit(l *model.Link) bool { return l.Phase.Fresh() && l.Away.IsZero() }

// linkWord is what the pill calls it.
func linkWord(l *model.Link) string {
	switch {
	case l.Closing == event.ClosingExpired:
		return "Session expired"
	case l.Closing == event.ClosingRevoked:
		return "Access withdrawn"
	case l.Phase == feed.Refused && l.Closing == event.ClosingEnded:
		return "Ended"
	case l.Phase.Fresh() && !l.Away.IsZero():
		return "No record"
	}
	return LinkWord(l.Phase)
}

// appendPill appends what stands in the pill: yarn, word, age. All times of l are of the local clock, and so is now.
func appendPill(b []byte, m *model.Model, now time.Time) []byte {
	l := &m.Link
	shown := shownPhase(l)
	b = AppendYarn(b, shown)
	b = add(b, `<b class="`)
	b = add(b, LinkClass(shown))
	b = add(b, `">`)
	if dated(l) {
		b = add(b, "Picture of ")
		b = AppendWhen(b, l.Picture, now)
		return add(b, `</b><span class="age">not live yet</span>`)
	}
	b = add(b, linkWord(l))
	b = add(b, `</b><span class="age">`)
	switch shown {
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
		b = AppendWhen(b, firstOf(firstOf(l.Away, l.Heard), l.Since), now)
	case feed.Polling:
		b = add(b, "<i>as of </i>")
		b = AppendWhen(b, l.Lost, now)
	case feed.Reconnecting:
		switch since := firstOf(l.Lost, l.Picture); {
		case since.IsZero():
		case since.After(now): // it is of the server's clock, which is not this one
			b = add(b, "<i>as of </i>")
			b = AppendWhen(b, since, now)
		default:
			b = add(b, "<i>stale </i>")
			b = AppendDuration(b, now.Sub(since))
		}
	case feed.Offline:
		b = add(b, "<i>since </i>")
		b = AppendWhen(b, firstOf(l.Lost, l.Since), now)
	case feed.Refused:
		b = add(b, "<i>at ")
		if !sessionOver(l) {
			b = add(b, "</i>") // of long words a narrow pill has no room for more
		}
		b = AppendWhen(b, overAt(l), now)
		if sessionOver(l) {
			b = add(b, "</i>")
		}
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
	link   string // what a link says that stands there instead, and
	to     string // where it leads
}

// appendNotice appends the sentences that the state of the link calls for. It appends nothing while all is well.
func appendNotice(b []byte, m *model.Model, now time.Time) ([]byte, notice) {
	l := &m.Link
	switch {
	case sessionOver(l):
		return appendSessionOver(b, l, now), notice{on: true, link: "Sign in", to: signInPath}
	case l.Phase.Fresh() && !l.Away.IsZero():
		b = add(b, "<b>The hub cannot reach its record since ")
		b = AppendWhen(b, l.Away, now)
		b = add(b, ".</b> Nothing new comes until it can.")
		return add(b, "<small>What is recorded meanwhile follows by itself. Nothing can be published until then.</small>"), notice{on: true}
	}
	switch l.Phase {
	case feed.Polling:
		b = add(b, "<b>Polling every ")
		b = AppendDuration(b, time.Duration(l.Limit.RetryMs)*time.Millisecond)
		b = add(b, ", as of ")
		b = AppendWhen(b, l.Lost, now)
		b = add(b, ".</b> ")
		b = AppendText(b, l.Reason)
		b = add(b, "<small>")
		b = AppendText(b, l.Limit.Help)
		b = add(b, "</small>")
		if l.Limit.Reason == event.LimitAll {
			return b, notice{on: true}
		}
		return b, notice{on: true, link: "Open streams", to: accessPath}
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
		return appendReconnecting(b, l, now), notice{on: true, button: "Try now"}
	case feed.Offline:
		of := firstOf(firstOf(l.Lost, l.Picture), l.Since)
		b = add(b, "<b>This is the picture of ")
		b = AppendWhen(b, of, now)
		b = appendOld(b, now.Sub(of))
		b = add(b, ".</b><small>This device has no network. Telltale will connect by itself when it returns.</small>")
		return b, notice{on: true, button: "Try now"}
	case feed.Refused:
		if l.Closing == event.ClosingEnded {
			b = add(b, "<b>This stream was ended ")
			if endedHere(m) {
				b = add(b, "here at ")
			} else {
				b = add(b, "from another session at ")
			}
			b = AppendWhen(b, overAt(l), now)
			b = add(b, ".</b> It is not opened again until you ask for it.")
			return appendAsOf(b, l, now), notice{on: true, button: "Resume"}
		}
		return appendRefusal(add(b, "<b>"), l, now), notice{on: true, button: "Try again"}
	}
	return b, notice{}
}

// banner is the place under the header where the link's notice stands. Its button is an element of its own, so that a
// sentence that counts seconds does not take it from under a finger.
type banner struct{ class, yarn, say, doing, button, leads, to, link slot }

func (v *banner) draw(p *pen, m *model.Model, now time.Time) {
	said, n := appendNotice(nil, m, now)
	p.raw(`<div id="banner"`)
	p.attr(&v.class, "banner", "", "class")
	p.put("banner ")
	p.put(LinkClass(shownPhase(&m.Link)))
	if !n.on {
		p.put(" off")
	}
	p.shutAttr(&v.class, "class")
	p.raw(`>`)
	p.open(&v.yarn, "span", "", "", "banner-yarn")
	p.b = AppendYarn(p.b, shownPhase(&m.Link))
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
	p.raw(`</button><a id="banner-to"`)
	p.attr(&v.leads, "banner-to", "", "class")
	p.put("btn main")
	if n.link == "" {
		p.put(" off")
	}
	p.shutAttr(&v.leads, "class")
	p.attr(&v.to, "banner-to", "", "href")
	p.put(n.to)
	p.shutAttr(&v.to, "href")
	p.raw(`>`)
	p.open(&v.link, "span", "", "", "banner-link")
	p.put(n.link)
	p.shut(&v.link, "span")
	p.raw(`</a></div>`)
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
		if age := now.Sub(of); age >= time.Minute || age < 0 {
			b = appendOld(b, age)
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

// appendOld appends how old a picture is. One that is not yet made has its time from the server's clock, which is not this one: nobody
// knows how old it is.
func appendOld(b []byte, age time.Duration) []byte {
	if age < 0 {
		return add(b, " by the server's clock")
	}
	b = add(b, ", ")
	return add(appendMinutes(b, age), " old")
}

func appendMinutes(b []byte, d time.Duration) []byte {
	if d < 2*time.Minute || d >= time.Hour {
		return AppendDuration(b, d)
	}
	b = strconv.AppendInt(b, int64(d/time.Minute), 10)
	return add(b, " minutes")
}

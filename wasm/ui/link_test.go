package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// The words of the link, state by state: what the pill says, what the banner says, and what its button says.
func TestLinkWords(t *testing.T) {
	at := func(clock string) time.Time {
		c, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 5, 12, c.Hour(), c.Minute(), c.Second(), 0, testZone)
	}
	now := at("12:41:07")
	for _, c := range []struct {
		name                 string
		link                 model.Link
		pill, notice, button string
	}{
		{"live", model.Link{State: feed.State{Phase: feed.Live, Beat: 15 * time.Second, Event: now.Add(-200 * time.Millisecond), Heard: now}},
			"Live event 0.2 s ago", "", ""},
		{"a quiet fleet", model.Link{State: feed.State{Phase: feed.Live, Beat: 15 * time.Second, Event: now.Add(-time.Hour), Heard: now.Add(-3 * time.Second)}},
			"Live heartbeat 3 s ago", "", ""},
		{"live and nothing heard yet", model.Link{State: feed.State{Phase: feed.Live}},
			"Live ", "", ""},
		{"catching up", model.Link{State: feed.State{Phase: feed.CatchingUp, Since: at("12:40:58")}, Breaks: []model.Break{{From: at("12:40:17"), Fetched: 1184}}},
			"Catching up behind 50 s", "1 184 missed events fetched. Back at 12:40:58, away 41 s.", ""},
		{"the first picture", model.Link{State: feed.State{Phase: feed.CatchingUp, Since: now}},
			"Catching up ", "", ""},
		{"stale", model.Link{State: feed.State{Phase: feed.Stale, Beat: 15 * time.Second, Heard: at("12:40:36")}},
			"Stale since 12:40:36", "Nothing heard for 31 s. A heartbeat comes every 15 s; two are missing. Opening a new connection now.", ""},
		{"reconnecting", model.Link{State: feed.State{Phase: feed.Reconnecting, Lost: at("12:40:53"), Failures: 2, Next: now.Add(4 * time.Second)}},
			"Reconnecting stale 14 s", "Connection lost at 12:40:53. Attempt 3, next try in 4 s. Everything below is as of 12:40:53. What is missed meanwhile will be fetched.", "Try now"},
		{"a try is under way", model.Link{State: feed.State{Phase: feed.Reconnecting, Lost: at("12:40:53"), Failures: 2}},
			"Reconnecting stale 14 s", "Connection lost at 12:40:53. Attempt 3 under way. Everything below is as of 12:40:53. What is missed meanwhile will be fetched.", "Try now"},
		{"a start without a network's other end", model.Link{State: feed.State{Phase: feed.Reconnecting, Failures: 1, Next: now.Add(2 * time.Second)}, Picture: at("12:41:00")},
			"Reconnecting stale 7 s", "No connection yet. Attempt 2, next try in 2 s. Everything below is as of 12:41:00. What is missed meanwhile will be fetched.", "Try now"},
		{"five failures", model.Link{State: feed.State{Phase: feed.Reconnecting, Lost: at("12:38:00"), Failures: 5, Status: 502, Next: now.Add(30 * time.Second)}},
			"Reconnecting stale 3 min 07 s", "Five tries failed, the last with 502. Next try in 30 s. Everything below is as of 12:38:00, 3 minutes old. What is missed meanwhile will be fetched.", "Try now"},
		{"offline", model.Link{State: feed.State{Phase: feed.Offline, Lost: at("12:04:31")}},
			"Offline since 12:04:31", "This is the picture of 12:04:31, 36 minutes old. This device has no network. Telltale will connect by itself when it returns.", "Try now"},
		{"offline, with a picture by a clock that is ahead", model.Link{State: feed.State{Phase: feed.Offline, Since: now}, Picture: at("14:41:07")},
			"Offline since 12:41:07", "This is the picture of 14:41:07 by the server's clock. This device has no network. Telltale will connect by itself when it returns.", "Try now"},
		{"a start with such a picture", model.Link{State: feed.State{Phase: feed.Reconnecting, Failures: 1, Next: now.Add(2 * time.Second)}, Picture: at("14:41:07")},
			"Reconnecting as of 14:41:07", "No connection yet. Attempt 2, next try in 2 s. Everything below is as of 14:41:07 by the server's clock. What is missed meanwhile will be fetched.", "Try now"},
		{"expired, with such a picture", model.Link{State: feed.State{Phase: feed.Reconnecting, Closing: event.ClosingExpired, Since: now}, Picture: at("14:41:07")},
			"Session expired at 12:41:07", "Session expired at 12:41:07. Sign in to go on where you were. Everything below is as of 14:41:07 by the server's clock.", "Sign in /signin"},
		{"refused 401", model.Link{State: feed.State{Phase: feed.Refused, Status: 401, Since: now}},
			"Refused at 12:41:07", "Your session ended at 12:41:07. Sign in to go on where you were.", "Sign in /signin"},
		{"expired, asked for once more later", model.Link{State: feed.State{Phase: feed.Reconnecting, Closing: event.ClosingExpired, Lost: at("12:40:53"), Failures: 1, Next: now.Add(4 * time.Second), Reason: "Your session has expired."}},
			"Session expired at 12:40:53", "Session expired at 12:40:53. Sign in to go on where you were. Everything below is as of 12:40:53, 14 s old.", "Sign in /signin"},
		{"expired, and refused since", model.Link{State: feed.State{Phase: feed.Refused, Closing: event.ClosingExpired, Status: 401, Lost: at("12:35:53"), Since: at("12:36:01"), Reason: "The token has expired."}},
			"Session expired at 12:35:53", "Session expired at 12:35:53. Sign in to go on where you were. Everything below is as of 12:35:53, 5 minutes old.", "Sign in /signin"},
		{"revoked", model.Link{State: feed.State{Phase: feed.Refused, Closing: event.ClosingRevoked, Status: 401, Lost: at("12:40:53"), Since: now, Reason: "Access was withdrawn: gone <fishing>."}},
			"Access withdrawn at 12:40:53", "Access withdrawn at 12:40:53. Access was withdrawn: gone <fishing>. Everything below is as of 12:40:53, 14 s old.", "Sign in /signin"},
		{"ended from elsewhere", model.Link{State: feed.State{Phase: feed.Refused, Closing: event.ClosingEnded, Lost: at("12:40:53"), Since: at("12:40:54"), Reason: "You signed out."}},
			"Ended at 12:40:53", "This stream was ended from another session at 12:40:53. It is not opened again until you ask for it. Everything below is as of 12:40:53, 14 s old.", "Resume"},
		{"ended here", model.Link{State: feed.State{Phase: feed.Refused, Closing: event.ClosingEnded, Lost: at("12:41:06"), Since: at("12:41:06")}},
			"Ended at 12:41:06", "This stream was ended here at 12:41:06. It is not opened again until you ask for it. Everything below is as of 12:41:06, 1 s old.", "Resume"},
		{"polling", model.Link{State: feed.State{Phase: feed.Polling, Lost: at("12:41:04"), Next: now.Add(2 * time.Second), Reason: "You have 10 streams open, which is as many as one user may have.",
			Limit: event.Limit{Reason: event.LimitUser, RetryMs: 5400, Help: "End one of your other streams."}}},
			"Polling as of 12:41:04", "Polling every 5 s, as of 12:41:04. You have 10 streams open, which is as many as one user may have. End one of your other streams.", "Open streams /access"},
		{"polling, and nothing one can do", model.Link{State: feed.State{Phase: feed.Polling, Lost: at("12:41:04"), Reason: "900 streams are open.", Limit: event.Limit{Reason: event.LimitAll, RetryMs: 5000, Help: "Nothing."}}},
			"Polling as of 12:41:04", "Polling every 5 s, as of 12:41:04. 900 streams are open. Nothing.", ""},
		{"the record is away", model.Link{State: feed.State{Phase: feed.Live, Beat: 15 * time.Second, Heard: now}, Away: at("12:40:36")},
			"No record since 12:40:36", "The hub cannot reach its record since 12:40:36. Nothing new comes until it can. What is recorded meanwhile follows by itself. Nothing can be published until then.", ""},
		{"refused 403", model.Link{State: feed.State{Phase: feed.Refused, Status: 403, Since: now}},
			"Refused at 12:41:07", "You may not see this fleet. Ask who runs it for the role viewer.", "Try again"},
		{"refused otherwise", model.Link{State: feed.State{Phase: feed.Refused, Status: 400, Since: now, Reason: "no type <x>."}},
			"Refused at 12:41:07", "The server refused the stream at 12:41:07. no type <x>. Telltale stopped asking.", "Try again"},
		{"reset", model.Link{State: feed.State{Phase: feed.Live, Event: now, Heard: now}, ResetAt: at("12:40:02")},
			"Live event 0.0 s ago", "The server's log began anew at 12:40:02. What was before it cannot be continued; the picture below is fresh.", ""},
		{"first load", model.Link{State: feed.State{Phase: feed.Idle}, Picture: at("12:41:05")},
			"Picture of 12:41:05 not live yet", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := model.New()
			m.Link = c.link
			m.Sessions.Ended = at("12:41:05")
			words := func(b []byte) string {
				s := strings.NewReplacer("</b><span", "</b> <span", "<small>", " <small>", nnbsp, " ").Replace(string(b))
				return wellFormed(t, s)
			}
			if got := words(appendPill(nil, m, now)); got != c.pill {
				t.Errorf("pill: got %q, want %q", got, c.pill)
			}
			b, n := appendNotice(nil, m, now)
			if got := words(b); got != c.notice {
				t.Errorf("notice: got %q, want %q", got, c.notice)
			}
			if got := strings.TrimSpace(n.button + n.link + " " + n.to); got != c.button || n.on != (c.notice != "") {
				t.Errorf("notice: got %+v, want the button %q", n, c.button)
			}
		})
	}
}

func TestContinuityText(t *testing.T) {
	w := broken(t)
	got := strings.ReplaceAll(ContinuityText(w.m, noon), nnbsp, " ")
	for _, want := range []string{
		"Telltale, 2026-05-12 12:41:07 +02:00\n",
		"Continuous since 12:04:07\n",
		"12:36:07  14 events skipped: this link was slower than the events.",
		"12:28:07  Away 21 s: the server restarted. 0 events fetched.",
		"12:20:07  Away 1 min 00 s: this device slept. 0 events fetched.",
		"12:04:07  First picture. Nothing older is promised.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// What is promised since a time says what was left out since that time; the first picture stands where it came.
func TestContinuitySaysWhatIsMissingSinceItsBeginning(t *testing.T) {
	w := newWorld(t)
	w.begin(noon)
	at := noon
	slow := func(n int) {
		at = at.Add(time.Minute)
		w.acc.Skipped += uint64(n)
		w.control("stream:gap", at, fmt.Sprintf(`{"reason":"slow","count":%d}`, n))
	}
	says := func(when, want string) {
		t.Helper()
		got := plain(appendContinuity(nil, w.m, at))
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q is not in %q", when, want, got)
		}
		text := strings.ReplaceAll(ContinuityText(w.m, at), nnbsp, " ")
		if !strings.Contains(text, "12:41:07  First picture.") || !strings.Contains(text, fmt.Sprintf("skipped %d\n", w.acc.Skipped)) {
			t.Errorf("%s: %s", when, text)
		}
	}
	slow(14)
	says("skipped", "Every event since then is here, in order, but for 14 skipped.")
	at = at.Add(time.Minute)
	w.acc.Gaps, w.acc.Since = 1, at
	w.control("stream:gap", at, `{"reason":"trimmed"}`)
	says("after a loss", "Continuous since 12:43:07")
	says("after a loss", "Every event since then is here, in order.")
	slow(3)
	says("and skipped again", "in order, but for 3 skipped.")
	at = at.Add(time.Minute)
	w.acc.Resets, w.acc.Since = 1, at
	w.control("stream:reset", at, `{"reason":"epoch"}`)
	says("after a new beginning", "Every event since then is here, in order.")

	// All of it at once, as a link brings it that was held back.
	at = at.Add(time.Minute)
	w.acc.Gaps, w.acc.Since = 2, at
	w.acc.Skipped += 9
	gap := func(data string) event.Event { return event.Event{Type: "stream:gap", Data: []byte(data)} }
	w.update(feed.Batch{At: at, State: w.link, Account: w.acc, Events: []event.Event{
		gap(`{"reason":"slow","count":4}`), gap(`{"reason":"trimmed"}`), gap(`{"reason":"slow","count":5}`)}})
	says("a loss amid", "in order, but for 5 skipped.")
}

// Nothing is promised of the time since the link was lost, since a page that polls fetched last, or since the server lost its record; and
// what could not be read is told.
func TestContinuityPromisesNoMoreThanIsHere(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) } // noon is 12:41:07
	away := func(w *world) { w.control("stream:gap", at(60), `{"reason":"pending"}`) }
	lost := func(p feed.Phase) func(w *world) {
		return func(w *world) {
			w.phase(p, at(75), func(s *feed.State) { s.Lost, s.Reason = at(60), "gone" })
		}
	}
	back := func(p feed.Phase) func(w *world) {
		return func(w *world) { w.phase(p, at(80), func(s *feed.State) { s.Lost = time.Time{} }) }
	}
	const (
		whole  = "Continuous since 12:41:07|2 min 00 s|Every event since then is here, in order."
		broken = "Continuous from 12:41:07 to 12:42:07|1 min 00 s|Every event of that time is here, in order."
	)
	for _, tt := range []struct {
		name string
		then []func(w *world)
		want string
	}{
		{"live", nil, whole},
		{"lost at once", []func(w *world){func(w *world) {
			w.phase(feed.Reconnecting, at(0), func(s *feed.State) { s.Lost = noon })
		}}, "Continuous from 12:41:07 to 12:41:07|0 s|Every event of that time is here, in order."},
		{"silent", []func(w *world){lost(feed.Stale)}, broken},
		{"reconnecting", []func(w *world){lost(feed.Reconnecting)}, broken},
		{"offline", []func(w *world){lost(feed.Offline)}, broken},
		{"refused", []func(w *world){lost(feed.Refused)}, broken},
		{"catching up", []func(w *world){lost(feed.Reconnecting), back(feed.CatchingUp)}, broken},
		{"live again", []func(w *world){lost(feed.Reconnecting), back(feed.CatchingUp), back(feed.Live)}, whole},
		{"polling", []func(w *world){func(w *world) { w.phase(feed.Polling, at(60), func(s *feed.State) { s.Lost = at(60) }) }}, broken},
		{"without its record", []func(w *world){away}, broken},
		{"not all understood", []func(w *world){func(w *world) { w.acc.Bad = 2; w.publish(at(60)) }}, strings.Replace(whole, "order.", "order, but for 2 that could not be read.", 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon)
			for _, then := range tt.then {
				then(w)
			}
			words := func(b []byte) string {
				return strings.ReplaceAll(wellFormed(t, "<div>"+string(b)+"</div>"), nnbsp, " ")
			}
			if got := words(appendContinuity(nil, w.m, at(120))); !strings.HasPrefix(got, strings.ReplaceAll(tt.want, "|", "")) {
				t.Errorf("the panel says %q, want %q first", got, tt.want)
			}
			line, _, _ := strings.Cut(tt.want, "|")
			if strip := words(appendThreadLine(nil, w.m, at(120))); !strings.HasPrefix(strip, strings.NewReplacer(" from", "", " to ", "–").Replace(line)) {
				t.Errorf("the strip says %q, want %q first", strip, line)
			}
			if text := ContinuityText(w.m, at(120)); !strings.Contains(text, "\n"+line+"\n") || strings.Contains(text, "not understood 2") != (w.acc.Bad > 0) {
				t.Errorf("copied as text: %s", text)
			}
		})
	}
}

// How far the clocks are apart is said where it matters, and which of them is which.
func TestClocksThatDisagree(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration // of the server's clock
		want  string        // "": nothing
		clock string        // of the server, in the strip
	}{
		{0, "", ""}, {4 * time.Second, "", ""}, {-4 * time.Second, "", ""},
		{5*time.Minute + 12*time.Second, "this device's clock is 5 min 12 s behind the server's", "server 12:46:19"},
		{-time.Hour, "this device's clock is 1 h ahead of the server's", "server 11:41:07"},
	} {
		w := newWorld(t)
		w.begin(noon)
		for i := range 8 {
			at := noon.Add(time.Duration(i-8) * time.Second)
			w.control("stream:heartbeat", at, `{"serverTime":"`+at.Add(tt.ahead).UTC().Format(time.RFC3339)+`"}`)
		}
		words := func(b []byte) string {
			return strings.ReplaceAll(wellFormed(t, "<div>"+string(b)+"</div>"), nnbsp, " ")
		}
		for where, says := range map[string]string{
			"the panel": words(appendContinuity(nil, w.m, noon)), "the text": strings.ReplaceAll(ContinuityText(w.m, noon), nnbsp, " "),
		} {
			if strings.Contains(says, "this device's clock") != (tt.want != "") || !strings.Contains(says, tt.want) {
				t.Errorf("%v: %s says %q, want %q", tt.ahead, where, says, tt.want)
			}
		}
		if strip := words(appendThreadLine(nil, w.m, noon)); strings.Contains(strip, "server ") != (tt.clock != "") || !strings.HasSuffix(strip, tt.clock) {
			t.Errorf("%v: the strip says %q, want %q", tt.ahead, strip, tt.clock)
		}
	}
}

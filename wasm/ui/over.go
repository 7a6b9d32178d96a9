package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// signInPath is where one signs in. The page is the server's own, and boot.js has the link to it say where to go on afterwards.
const signInPath = "/signin"

// sessionOver reports whether the reader's right to read has ended: asking again is of use only once somebody has signed in.
func sessionOver(l *model.Link) bool {
	return l.Closing == event.ClosingExpired || l.Closing == event.ClosingRevoked || l.Phase == feed.Refused && l.Status == 401
}

// overAt is when the stream ended that will not come back by itself.
func overAt(l *model.Link) time.Time {
	if l.Closing != "" {
		return firstOf(l.Lost, l.Since)
	}
	return l.Since
}

// endedHere reports whether the stream that was ended is the one this page asked to end: what it asked for is done within seconds.
func endedHere(m *model.Model) bool {
	asked := m.Sessions.Ended
	return !asked.IsZero() && m.Link.Since.Sub(asked).Abs() < 10*time.Second
}

// appendSessionOver says how the reader's right to read ended.
func appendSessionOver(b []byte, l *model.Link, now time.Time) []byte {
	switch l.Closing {
	case event.ClosingExpired:
		b = add(b, "<b>Session expired at ")
	case event.ClosingRevoked:
		b = add(b, "<b>Access withdrawn at ")
	default:
		b = add(b, "<b>Your session ended at ")
	}
	b = AppendWhen(b, overAt(l), now)
	b = add(b, ".</b> ")
	if l.Closing == event.ClosingRevoked && l.Reason != "" {
		b = AppendText(b, l.Reason)
	} else {
		b = add(b, "Sign in to go on where you were.")
	}
	return appendAsOf(b, l, now)
}

// appendAsOf says how old what the page shows is, as nothing newer will come by itself.
func appendAsOf(b []byte, l *model.Link, now time.Time) []byte {
	of := firstOf(l.Lost, l.Picture)
	if of.IsZero() {
		return b
	}
	b = add(b, "<small>Everything below is as of ")
	b = AppendWhen(b, of, now)
	b = appendOld(b, now.Sub(of))
	return add(b, ".</small>")
}

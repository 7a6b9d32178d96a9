package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// Stretch is a time during which the link stayed in one phase.
type Stretch struct {
	Phase feed.Phase
	From  time.Time // local clock
	To    time.Time // zero: it is going on
}

// Break is an interruption of the link: from the last moment it was fresh to the moment it was live again.
type Break struct {
	From, To time.Time // local clock; To is zero while it goes on
	Reason   string    // as feed.State says it
	Tries    int       // connections tried
	Fetched  uint64    // missed events that came in afterwards
	Missed   uint64    // how many there are to fetch, where that is known: the stream has no filter, and nothing was trimmed
	Lost     bool      // part of what was missed can't be had any more, or the log began anew
	Polled   bool      // what came meanwhile was fetched every few seconds, as there was no place for a stream
	Record   bool      // it was not the link: the server could not reach its record
}

// Link is the connection as the page shows it.
type Link struct {
	feed.State
	Account feed.Account
	// First is when the first picture began to come, local clock; zero before that. Account.Since is later when something was lost.
	First time.Time
	// Before is how many of Account.Skipped were skipped before Account.Since.
	Before uint64

	// Shared is set while this tab reads through another one, which has the connection.
	Shared bool
	// Picture is the time of the picture the page began with, prerendered or kept: by the local clock where that is known, else by the
	// server's; zero when it began with nothing.
	Picture time.Time
	// Thread is the last 30 minutes, oldest first; at most MaxThread.
	Thread []Stretch
	// Breaks are the newest interruptions, oldest first; at most MaxBreaks. One may be going on.
	Breaks []Break
	// Gaps are the newest announcements of what is not here, oldest first; at most MaxBreaks.
	Gaps []Gap
	// Away is since when the server can't reach its record, local clock, as far as the open stream says: what is recorded meanwhile
	// comes when it can. Zero: it can.
	Away time.Time
	// ResetAt is when the log last began anew while this page watched, local clock; zero: never.
	ResetAt time.Time
}

// threadSpan is how far back the Thread goes.
const threadSpan = 30 * time.Minute

// link folds in the state of the connection.
func (m *Model) link(b feed.Batch) {
	l := &m.Link
	was, now := l.Phase, b.State.Phase
	if a := &b.Account; a.Gaps != l.Account.Gaps || a.Resets != l.Account.Resets { // and with them Since
		l.Before = a.Skipped - min(m.spared, a.Skipped)
	}
	if l.First.IsZero() {
		l.First = b.Account.Since
	}
	l.State, l.Account = b.State, b.Account
	if br := l.open(); br != nil && !now.Fresh() {
		br.Polled = now == feed.Polling
		br.Record = false // not only
	}
	if was == now {
		if br := l.open(); br != nil {
			br.Tries = max(br.Tries, b.State.Failures+1)
		}
		return
	}
	m.Shape++
	since := b.State.Since
	if was.Fresh() && !now.Fresh() && !b.State.Lost.IsZero() {
		since = b.State.Lost // it was lost when it was last heard, not when that was noticed
	}
	if n := len(l.Thread); n > 0 {
		if last := l.Thread[n-1].From; since.Before(last) {
			since = last
		}
		l.Thread[n-1].To = since
	}
	l.Thread = tail(append(l.Thread, Stretch{Phase: now, From: since}), MaxThread)
	for len(l.Thread) > 1 && b.At.Sub(l.Thread[0].To) > threadSpan {
		l.Thread = l.Thread[1:]
	}

	br := l.open()
	switch {
	case now == feed.Live:
		l.Picture = time.Time{} // what is shown is newer from now on
		if br != nil && l.Away.IsZero() {
			br.To = b.At
		}
	case was == feed.Live && now == feed.CatchingUp:
		l.Breaks = tail(append(l.Breaks, Break{From: since, Reason: "the server's log began anew", Lost: true}), MaxBreaks)
	case was.Fresh() && br == nil:
		reason := b.State.Reason
		if now == feed.Idle {
			reason = "this page stopped listening"
		}
		l.Breaks = tail(append(l.Breaks, Break{From: since, Reason: reason, Tries: 1, Polled: now == feed.Polling}), MaxBreaks)
	case br != nil:
		br.Tries = max(br.Tries, b.State.Failures+1)
		if br.Reason == "" {
			br.Reason = b.State.Reason
		}
	}
}

// open returns the interruption that is going on, or nil.
func (l *Link) open() *Break {
	if n := len(l.Breaks); n > 0 && l.Breaks[n-1].To.IsZero() {
		return &l.Breaks[n-1]
	}
	return nil
}

// away notes that the server can't reach its record, or with a zero time that it can again.
func (m *Model) away(at, now time.Time) {
	l := &m.Link
	if l.Away.IsZero() == at.IsZero() {
		return
	}
	l.Away = at
	m.Shape++
	br := l.open()
	switch {
	case br == nil && !at.IsZero():
		l.Breaks = tail(append(l.Breaks, Break{From: at, Reason: "the server could not reach its record", Record: true}), MaxBreaks)
	case br != nil && (br.Record || l.Phase == feed.Live):
		br.To = now
	}
}

package feed

import (
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Phase is what a connection is doing. The page's words for it are its reader's business.
type Phase uint8

const (
	Idle         Phase = iota // Run has not begun, or has ended
	Connecting                // the first connection is being opened
	CatchingUp                // connected; the picture, or what was missed, is coming in
	Live                      // complete up to now
	Stale                     // connected, but nothing was heard for two heartbeats; a new connection is being opened
	Reconnecting              // the connection is lost; the next try is under way or awaited
	Offline                   // as Reconnecting, and the device says it has no network
	Refused                   // told to stop: waiting would not mend it, or the stream is over
	Polling                   // there is no place for a stream: what was missed is fetched every few seconds; see State.Limit
	phaseCount   = iota
)

var phaseNames = [phaseCount]string{"idle", "connecting", "catching up", "live", "stale", "reconnecting", "offline", "refused", "polling"}

func (p Phase) String() string {
	if int(p) < phaseCount {
		return phaseNames[p]
	}
	return "unknown"
}

// Fresh reports whether what the reader holds is as new as can be: live, or about to be.
func (p Phase) Fresh() bool { return p == Live || p == CatchingUp }

// Answered reports whether the server answers what it is asked: by a stream, or while Polling every few seconds. What no stream brings
// can be asked for then.
func (p Phase) Answered() bool { return p.Fresh() || p == Polling }

// State says how the connection is, as a value: nothing in it changes behind the reader's back. All times are of the
// local clock.
type State struct {
	Phase Phase
	Since time.Time // when the phase began

	Heard    time.Time     // when bytes last came in; zero before the first
	Event    time.Time     // when an event last came in; zero before the first
	Beat     time.Duration // the server's heartbeat interval; zero until it said so
	Lost     time.Time     // since when the picture is not kept up: zero while Fresh, and before the first connection; while Polling, the last fetch
	Failures int           // tries that failed in a row; back to zero once events flow
	Next     time.Time     // the next try; zero while one is under way or none is planned
	Watched  bool          // until then the server is asked every other second whether it is back: the next try may be sooner
	Status   int           // HTTP status of the last answer that was not a stream, else zero
	Reason   string        // why the connection ended or was refused, or is none; one plain sentence or the error's text; "" while Fresh
	// Closing is the word by which the server ended the last stream, such as event.ClosingExpired: then asking again is refused
	// unless somebody has signed in meanwhile. "" while Fresh, and where the connection just broke.
	Closing string
	Limit   event.Limit // while Polling: which bound there is no place under, in words too, and what to do; else zero
	Version string      // the server's version, from its last sync
}

// Account is the stream's bookkeeping since Run began. Received is what the reader got; each other event the server sent
// is counted once under what became of it.
type Account struct {
	Since time.Time // nothing is missing since then, by the local clock; zero before the first sync

	Received   uint64 // events delivered, control events not counted
	Replayed   uint64 // of Received: those that came before the stream was live, the picture and what was missed
	Repeated   uint64 // came again, or after a later one had been given out, or will come again as the connection was lost before it was their turn
	Reordered  uint64 // came out of order and were put in their place
	Bad        uint64 // frames that are no event of ours, dropped
	Skipped    uint64 // lines and samples the server left out for a slow link, as its stream:gap counted them
	Gaps       int    // announced stretches that can't be had any more
	Resets     int    // times the log began anew
	Reconnects int    // connections after the first that were accepted, those of polls not counted
	Polls      int    // connections that only fetched what was missed, as there was no place for a stream
}

// String says the account in one line: since when nothing is missing, what happened on the way, and what became of each event.
func (a Account) String() string {
	var b strings.Builder
	if a.Since.IsZero() {
		b.WriteString("not connected yet")
	} else {
		b.WriteString("continuous since " + a.Since.Format("15:04:05"))
	}
	count := func(n uint64, one, many string) {
		if n == 1 {
			many = one
		}
		if n > 0 {
			b.WriteString(", " + strconv.FormatUint(n, 10) + many)
		}
	}
	count(uint64(a.Reconnects), " reconnect", " reconnects")
	count(uint64(a.Polls), " poll", " polls")
	count(uint64(a.Resets), " reset", " resets")
	count(a.Skipped, " event skipped", " events skipped")
	count(uint64(a.Gaps), " stretch lost", " stretches lost")
	b.WriteString("; received " + strconv.FormatUint(a.Received, 10))
	count(a.Replayed, " replayed", " replayed")
	count(a.Repeated, " repeat dropped", " repeats dropped")
	count(a.Reordered, " put in order", " put in order")
	count(a.Bad, " not understood", " not understood")
	return b.String()
}

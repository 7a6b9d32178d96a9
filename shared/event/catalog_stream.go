package event

import "time"

// Sync modes.
const (
	SyncFresh   = "fresh"   // the current picture follows
	SyncResumed = "resumed" // exactly what was missed follows
	SyncReset   = "reset"   // what the client had is no longer true: the current picture follows
)

// Sync begins every stream. What it promises follows it: the current picture or what was missed, and the heartbeat
// after that says that it is complete.
type Sync struct {
	Mode        string    `json:"mode" intern:"yes"`               // "fresh" or "reset": the current picture follows. "resumed": what was missed follows.
	Place       ID        `json:"place,omitzero"`                  // Live events follow this place. Missing where the record holds nothing that this reader may see.
	After       ID        `json:"after,omitzero"`                  // Where the client said it was.
	HeartbeatMs int64     `json:"heartbeatMs" unit:"milliseconds"` // Time from one heartbeat to the next.
	ServerTime  time.Time `json:"serverTime"`                      // The server's clock.
	Version     string    `json:"version,omitzero" intern:"yes"`   // The server's version.
	Reason      string    `json:"reason,omitzero" intern:"yes"`    // Why a reset: "epoch" (the record began anew), "ahead" (it ends before the client's place, as far as this reader may see it) or "unknown" (the place is none of this server's making).
	Poll        bool      `json:"poll,omitzero"`                   // True where this answer ends when what it promised is out: there is no place free for a stream. stream:limit then says why and when to come again.
}

// Heartbeat is sent when all that Sync promised is out, and then every interval. Its place is up to where the stream is
// complete, so a client may resume from there.
type Heartbeat struct {
	ServerTime time.Time `json:"serverTime"`     // The server's clock.
	Place      ID        `json:"place,omitzero"` // Everything up to this place that passes the filter has been sent. Missing where there is no such place.
}

// Reasons of a stream:gap by which nothing is lost: between the two events are late, see Gap.Reason.
const (
	GapPending = "pending"
	GapSettled = "settled"
)

// Gap is sent where events are missing from the stream that would otherwise be there, and says which and why.
type Gap struct {
	Reason  string  `json:"reason" intern:"yes"`          // "trimmed": no longer in the record. "slow": left out because this link is slower than the events. "pending": the server can't reach its record: what is recorded meanwhile comes when it can. "settled": it can again; a new stream:sync says so too.
	From    ID      `json:"from,omitzero"`                // The gap begins after this place.
	To      ID      `json:"to,omitzero"`                  // The gap ends with this place. Missing where this reader may not know it: the gap then ends before the event that follows.
	Classes []Class `json:"classes,omitempty"`            // Only events of these classes are missing.
	Count   int64   `json:"count,omitzero" unit:"events"` // How many are missing, where that is known.
}

// Reset is sent when the record begins anew while the stream is open: nothing that was sent before is true any longer.
type Reset struct {
	Reason string `json:"reason" intern:"yes"` // Why: "epoch" or "ahead", as in stream:sync.
	Place  ID     `json:"place,omitzero"`      // Where the stream was.
}

// Which bound a stream is held to, in stream:limit.
const (
	LimitUser    = "user"    // streams of one user
	LimitAddress = "address" // streams from one address
	LimitAll     = "all"     // streams of this server
)

// Limit is the last event of an answer that could not become a stream, because as many are open as may be. It follows
// everything that was missed, or the current picture, so who comes again when it says has lost nothing: it polls.
type Limit struct {
	Reason  string `json:"reason" intern:"yes"`                  // Which bound: "user", "address" or "all".
	Message string `json:"message,omitzero"`                     // The same for people.
	Max     Number `json:"max,omitzero"`                         // The bound as a number, where it has one.
	Help    string `json:"help,omitzero"`                        // What to do about it, for people.
	RetryMs int64  `json:"retryMs,omitzero" unit:"milliseconds"` // When to come again.
	Place   ID     `json:"place,omitzero"`                       // Everything up to this place that passes the filter has been sent, as in stream:heartbeat.
}

// Why the server ends a stream, in stream:closing. Other words may come.
const (
	ClosingShutdown = "shutdown" // the server ends
	ClosingNotReady = "notReady" // it still reads its record
	ClosingMaxAge   = "maxAge"   // a stream lasts only so long
	ClosingSlow     = "slow"     // this link is too slow for the events
	ClosingFailed   = "failed"   // something here failed
	ClosingExpired  = "expired"  // the right to read has ended by time: sign in again
	ClosingRevoked  = "revoked"  // the right to read was taken away
	ClosingEnded    = "ended"    // its user, or who runs the server, ended it: do not come back unasked
	ClosingBalance  = "balance"  // this instance has more streams than others: come back, to another one
)

// Closing is the last event of a stream that the server ends.
type Closing struct {
	Reason  string `json:"reason" intern:"yes"`                  // Why: "shutdown" (the server ends), "notReady" (it still reads its record), "maxAge" (a stream lasts only so long), "slow" (this link is too slow for the events), "failed" (something here failed), "expired" (the right to read has ended by time: sign in again), "revoked" (the right to read was taken away), "ended" (its user, or who runs the server, ended it) or "balance" (another instance has more room).
	Message string `json:"message,omitzero"`                     // The same for people, with what to do.
	RetryMs int64  `json:"retryMs,omitzero" unit:"milliseconds"` // When to come back.
}

// Package feed follows one stream of a Telltale server: it connects, waits, resumes where it was, and gives out each event
// once, in order, with an account of what happened on the way. It is used by the browser and by `telltale tail`, and any Go
// program may. It does no I/O of its own: a [Source] opens the stream; package httpsource has the one over net/http.
//
// # Thinking and waiting
//
// [Backoff] and [Sequencer] are values without a clock, and so is all that [State] and [Account] say. [Client.Run] is the
// only one that waits.
//
// # What a reader can rely on
//
// There is one timeline. Run calls Handle from its own goroutine, one [Batch] at a time, and each sees the log later than
// the one before: within an epoch places only rise. An event comes once, however often the connection is lost. What can't
// be had any more is said in its place, by a stream:gap or stream:reset among the events: there are no silent holes but
// those the filter makes. While Handle runs nothing is read, so a slow Handle slows the server's writing to this stream,
// and to no other.
//
// Where the server has no place for one more stream it answers with what was missed, says stream:limit and ends. The client then
// asks again when it is told to, and goes on so until there is a place: it is Polling, gets every event all the same, and says which
// bound it is under. A stream that was ended on purpose, by its user from elsewhere, is not opened again unasked. One whose right to
// read has ended is asked for once more, later than others, and what the server answers then decides.
//
// A picture that was cut off is no picture: until the server has said that it is complete, a new connection asks for a
// fresh one, and the events that came already are not given out again. What came between the two, or in the place of what was
// missed, is only the newest of each kind: a stream:gap with the reason "picture" says from where to where.
//
// What a link was too slow for, the server leaves out and says so in a stream:gap with the reason "slow". That is given out, with what
// was left of the stretch, when the stretch is past: if the connection is lost before, the next one brings all of it.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Source opens streams.
type Source interface {
	// Open asks for the stream and returns the head of the answer, whatever its status; an error means there was no
	// answer. When ctx ends, Open, and Read on the body, return soon after with an error.
	Open(ctx context.Context, r Request) (*Response, error)
}

// Request says where to begin. What to subscribe to is the Source's own business.
type Request struct {
	// LastEventID is the place to resume after, "" for the current picture. Send it as the Last-Event-ID header.
	LastEventID string
}

// Response is the head of an answer, and its body to come.
type Response struct {
	Status      int
	ContentType string // the header
	RetryAfter  string // the header
	// Body gives what has come in as soon as it has, in pieces of any size. Run reads it from one goroutine and closes it.
	Body io.ReadCloser
}

// Batch is what one piece of the stream brought, or a change of the connection's state, or both. It is good, and its
// Events' Data with it, until Handle returns: copy what you keep.
type Batch struct {
	At      time.Time // when it came in, local clock
	State   State
	Account Account

	// Events are in order. Those of the stream itself (event.Control) stand among the others where they came, so that a
	// reader knows what was picture, what was caught up and where something is missing; the stream:heartbeat is one.
	Events []event.Event

	// Place is how far the reader has everything, this batch included: give it as Client.After to go on later. It is zero
	// while the first picture is not complete.
	Place event.ID
}

// RefusedError is returned by Run when the server said that asking again will not help: 204, or a 4xx that waiting does not
// mend; or that this stream was ended on purpose, which coming back would undo. A Source whose Open returns one is not asked again either.
type RefusedError struct {
	Status int    // 200 for a stream that was ended, 0 where no server was asked
	Detail string // the server's own words, where it gave any
}

func (e *RefusedError) Error() string {
	switch {
	case e.Status == 204:
		return "feed: the server says there is nothing to follow (204)"
	case e.Status == 200:
		return "feed: ended: " + e.Detail
	case e.Status == 0:
		return "feed: " + e.Detail
	case e.Detail != "":
		return fmt.Sprintf("feed: refused (%d): %s", e.Status, e.Detail)
	}
	return fmt.Sprintf("feed: refused (%d)", e.Status)
}

// ErrMoved is for a Source whose body can't go on and knows that another one will: when Read returns it, a new stream is
// opened at once, where this one was, and the connection counts as the same. It is not for what failed.
var ErrMoved = errors.New("feed: the stream goes on in another connection")

// Why a connection ended, when it was this end that ended it.
var (
	errSilent  = errors.New("nothing was heard for two heartbeats")
	errWoken   = errors.New("nothing was heard while this device slept")
	errMute    = errors.New("the server did not answer when it was asked")
	errNetwork = errors.New("this device had no network")
	errAsked   = errors.New("a new connection was asked for")
)

// Package journal is the ordered record of everything published: one log with one rising sequence. It holds the contract
// ([Log], its errors, the [Retention] that bounds it); engines live in the packages below it, and each must pass the suite
// in journaltest.
package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Log is the record. All its methods may be called at once from any number of goroutines.
//
// An event is recorded when Append has returned, and never before it is durable does any reader see it. Readers see
// events in the order of their places, and a place is never seen before a lower one of the same epoch. Events returned
// are shared: nobody may change their Data.
type Log interface {
	// Append records the events in the order given, all or none, and returns when they are durable (fsync), or with an
	// error when none of them is recorded. Their ID fields are ignored; the Receipts, one for each, say the place each got.
	//
	// An event whose Key is not empty and whose server, type and key were seen within the dedup window, or earlier in the
	// same call, is not recorded again: its Receipt has the first one's place and Repeated set. What the repeat says
	// otherwise is not compared.
	//
	// Calls that wait at the same time share one commit. When ctx ends before the events were given to a commit they are
	// not recorded and Append returns ctx's error; after that Append waits for the commit and tells its outcome.
	//
	// After an error such as a full disk the next Append may well succeed. Only where the disk left it open whether it
	// holds what it was given does the record take nothing more until it is opened again, which settles it.
	Append(ctx context.Context, events []event.Event) ([]Receipt, error)

	// Read returns recorded events in order. See Query for what is chosen and Page for what comes back. It returns a
	// *GoneError (errors.Is ErrGone) when the record does not hold all that the query asks for.
	Read(ctx context.Context, q Query) (Page, error)

	// Tail calls fn with everything recorded after the place, in order and in batches as large as are at hand, first what
	// is recorded already, then each commit as it comes, until ctx ends or fn returns an error, and returns that. The zero
	// place is the oldest event held. Trimmed stretches are passed over; a place of another life of the log, or one that is
	// ahead of it, is a *GoneError. The batch is the callee's to keep, though not to change. While fn runs, nobody but this Tail waits.
	Tail(ctx context.Context, after event.ID, fn func(batch []event.Event) error) error

	// At returns the place after which what was recorded from the time t on begins: that of the newest event held that was recorded
	// before t, in whole milliseconds. What events say of their time themselves does not count. Its Seq is 0 when all that is held
	// was recorded at t or later, it is the newest place ever given when nothing held was, and it is the zero place as long as nothing was ever recorded.
	//
	// Times of recording rise with the places as far as clocks allow. Where a clock was put back by d, or those of instances
	// differ by d, what comes after the place was recorded at t-d or later, and what comes up to it before t+d; but of a time with less than half as many
	// places since then as since the clock was wrong, that does not matter. What retention has taken out between the place and the next
	// event held counts as recorded after t, for nobody knows any more.
	//
	// It looks at some hundred events at most, however many there are, and at fewer the nearer t is to now.
	At(ctx context.Context, t time.Time) (event.ID, error)

	// Bounds returns what the record holds now.
	Bounds(ctx context.Context) (Bounds, error)

	// Close ends all calls with ErrClosed, waits for the commit under way and releases the record. Later calls return
	// ErrClosed; a second Close does nothing.
	Close() error
}

// Receipt says where an event stands in the record.
type Receipt struct {
	ID       event.ID
	Repeated bool // it was there before
}

// Query chooses recorded events.
type Query struct {
	After  event.ID     // only events after this place; zero: from the oldest held
	Before event.ID     // only events before this place; zero: up to the newest; with an epoch and Seq 0: none
	Filter event.Filter // only events that pass
	Limit  int          // at most this many; zero or less: DefaultLimit; more than MaxLimit counts as MaxLimit

	// AcrossTrimmed reads what is left where retention has trimmed events after After, instead of failing with ErrGone.
	// Who reads on from a first page that began with the oldest held wants it: behind that page there may be such stretches.
	AcrossTrimmed bool
}

// Bounds of one Page.
const (
	DefaultLimit = 1000
	MaxLimit     = 10_000
	// MaxPageBytes ends a page early, after at least one event, so that a page never takes much memory.
	MaxPageBytes = 4 << 20
)

// Page is a stretch of the record.
type Page struct {
	Events []event.Event // in order

	// Next is the place to read on after: every event up to it that the filter passes is in Events. It may lie behind the
	// last event, where others followed that the filter does not pass, and equals Query.After when there was nothing.
	// It is zero only where no place comes before the end of what was asked for, as in a record that never held an event.
	// A page may be empty and still have More, when nothing in a long stretch passed.
	Next event.ID
	// More reports that events after Next were already recorded when the page was made, and not ruled out by Before.
	More bool
	// Trimmed is the stretch that retention has taken out of all that was asked for, of this page and those to come; zero
	// when nothing is missing. Classes of which no event passes the filter are not missed.
	Trimmed Trimmed
}

// Trimmed names events that were recorded and are no longer held: those of some Classes with a place after From up to and
// including To. Not all of them need have passed the filter.
type Trimmed struct {
	From, To event.ID
	Classes  []event.Class
}

// IsZero reports that nothing is missing.
func (t Trimmed) IsZero() bool { return t.To.IsZero() }

// Bounds describes a record.
type Bounds struct {
	Epoch  uint32   // this life of the log; never zero
	Oldest event.ID // the oldest event held; zero when none is
	Head   event.ID // the newest place ever given in this epoch; zero when none was
	Bytes  int64    // size of the events held, as retention counts them
}

var (
	// ErrGone means that a place is no longer held: trimmed by retention, of another life of the log, or ahead of it.
	ErrGone = errors.New("place no longer held")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("journal closed")
	// ErrUnavailable means that the record can't be reached, or takes nothing at present, such as when its store is away or
	// full. Of an Append it says that nothing was recorded and nothing will be. The same call may well succeed later.
	ErrUnavailable = errors.New("record not available")
	// ErrUnsettled is returned by an Append whose store, in another process, was given the events and did not answer in time:
	// it is open whether they are recorded. All or none of them are, and it is settled which by the time a later Append of the
	// same Log has returned without an error: they are never recorded after that. Who repeats events that have Keys gets the
	// receipts of the first ones, or records them.
	ErrUnsettled = errors.New("open whether the events are recorded")
)

// GoneReason says why a place is not held.
type GoneReason string

const (
	GoneTrimmed GoneReason = "trimmed" // retention took events after the place; the rest can be read with AcrossTrimmed
	GoneEpoch   GoneReason = "epoch"   // the place belongs to another life of the log: begin anew
	GoneAhead   GoneReason = "ahead"   // the log ends before the place: it was restored from an older copy; begin anew
)

// GoneError is the ErrGone of Read and Tail.
type GoneError struct {
	Reason  GoneReason
	Place   event.ID // what was asked for
	Trimmed Trimmed  // for GoneTrimmed
	Head    event.ID // the newest place of the log as it is
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("journal: %s: %s (%s), newest is %s", e.Place, ErrGone, e.Reason, e.Head)
}

func (e *GoneError) Unwrap() error { return ErrGone }

// Retention bounds the record. Each class is trimmed from its oldest event on, by age and by bytes, whichever comes first;
// the latest state of each type per server stays whatever its age, since newcomers are shown it, and is not counted in the
// bytes of its class. Of types that are not in the catalogue, which anybody may invent, at most event.MaxUnknown of each server stay so,
// the newest of those that their class has no more room or time for. Age counts from when an event was recorded: its Time is the word of a stranger, and a backfill of last
// month's deployments is not to vanish on arrival.
type Retention struct {
	State, Sample, Line Limit
	// DedupWindow is for how long a publisher's id is remembered; 0 means DefaultRetention's.
	DedupWindow time.Duration
}

// Limit bounds the events of one class. Zero means no bound.
type Limit struct {
	Age   time.Duration
	Bytes int64
}

// DefaultRetention suits a laptop: at most some 180 MB of events on disk. A month of what happened, three days of what was
// said, six hours of what was measured (four samples a second of one machine come to 25 MB): of ten machines it is the last hour, so that their
// day takes less than 60 MB with all its history, which charts are drawn of. See server/history.
var DefaultRetention = Retention{
	State:       Limit{Age: 30 * 24 * time.Hour, Bytes: 64 << 20},
	Sample:      Limit{Age: 6 * time.Hour, Bytes: 32 << 20},
	Line:        Limit{Age: 3 * 24 * time.Hour, Bytes: 64 << 20},
	DedupWindow: 24 * time.Hour,
}

// For returns the limit of a recorded class.
func (r Retention) For(c event.Class) Limit {
	switch c {
	case event.Sample:
		return r.Sample
	case event.Line:
		return r.Line
	}
	return r.State
}

package journal

import "time"

// Remote is what an engine implements beside Log when its store is another process, which may be away for a while. Its
// Tails survive that, its Reads and Appends wait for a bounded time and then fail with ErrUnavailable (or ErrUnsettled).
type Remote interface {
	// Away says since when the store can't be reached, and a channel that is closed when that changes: ask again then. It
	// costs no more than a lock.
	Away() (Away, <-chan struct{})
}

// Away is since when, and why, a store can't be reached. The zero Away: it can be.
type Away struct {
	Since time.Time
	Err   error
}

// IsZero reports that the store can be reached.
func (a Away) IsZero() bool { return a.Since.IsZero() }

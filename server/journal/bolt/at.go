package bolt

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/shared/event"
)

// At implements journal.Log. It goes back from the newest event in steps that double, until one was recorded before t, and halves what lies
// behind that: so a clock that was wrong long ago does not mislead who asks for the last minutes.
func (l *Log) At(ctx context.Context, t time.Time) (event.ID, error) {
	if err := l.alive(ctx); err != nil {
		return event.ID{}, fmt.Errorf("journal: at: %w", err)
	}
	head := l.recent.head.Load()
	if head == 0 {
		return event.ID{}, nil
	}
	place := event.ID{Epoch: l.epoch}
	err := l.view(func(tx *bbolt.Tx) error {
		// What is held at low was recorded before t, or low is 0; the next that is held from high on was not, or there is none.
		low, high, later := uint64(0), head+1, false
		for step := uint64(1); high-low > 1; {
			mid := low + (high-low)/2
			if low == 0 && step < high {
				mid, step = high-step, 2*step
			}
			next := newScan(tx, event.Classes[:], mid-1)
			if next.seq >= high { // nothing is held between
				high = mid
				continue
			}
			var r record
			if err := r.parse(next.key, next.value); err != nil {
				return l.damaged(next.seq, err)
			}
			if r.at < t.UnixMilli() {
				low = next.seq
			} else {
				high, later = mid, true
			}
		}
		if place.Seq = low; !later {
			place.Seq = head
		}
		return nil
	})
	if err != nil {
		return event.ID{}, fmt.Errorf("journal: at: %w", err)
	}
	return place, nil
}

package journal

import (
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/stat"
)

// Counters are what an engine counts of its commits. Make them with NewCounters; they may be used by any number of goroutines.
type Counters struct {
	commits, failed, events, repeated atomic.Int64
	took, batch                       *stat.Histogram
}

// NewCounters returns Counters of commits that record at most so many events, more than a thousand.
func NewCounters(most int) *Counters {
	bounds := []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}
	if most > 2000 {
		bounds = append(bounds, 2000)
	}
	return &Counters{took: stat.NewDurations(), batch: stat.NewHistogram(append(bounds, int64(most))...)}
}

// Committed counts one commit: of how many events that were given how many were recorded, the others being repeats, and how long it took.
func (c *Counters) Committed(given, recorded int, took time.Duration, err error) {
	if err != nil {
		c.failed.Add(1)
		return
	}
	c.repeated.Add(int64(given - recorded))
	if recorded == 0 {
		return
	}
	c.commits.Add(1)
	c.events.Add(int64(recorded))
	c.batch.Add(int64(recorded), 1)
	c.took.Add(int64(took), 1)
}

// Stats returns what was counted, and how many bytes the record has. The counts are read one after the other, not all at one moment.
func (c *Counters) Stats(bytes int64) Stats {
	return Stats{
		Commits: c.commits.Load(), Failed: c.failed.Load(), Events: c.events.Load(), Repeated: c.repeated.Load(),
		Commit: c.took.Snapshot(), Batch: c.batch.Snapshot(), Bytes: bytes,
	}
}

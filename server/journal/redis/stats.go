package redis

import (
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/stat"
)

// counters are what the committer counts.
type counters struct {
	commits, failed, events, repeated atomic.Int64
	took, batch                       *stat.Histogram
}

func newCounters() counters {
	return counters{took: stat.NewDurations(), batch: stat.NewHistogram(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, maxBatchEvents)}
}

// committed counts one batch.
func (c *counters) committed(given, recorded int, took time.Duration, err error) {
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

// Stats returns what this instance counted since Open; Bytes is of the whole record. The counts are read one after the other, not
// all at one moment.
func (l *Log) Stats() journal.Stats {
	c := &l.count
	return journal.Stats{
		Commits: c.commits.Load(), Failed: c.failed.Load(), Events: c.events.Load(), Repeated: c.repeated.Load(),
		Commit: c.took.Snapshot(), Batch: c.batch.Snapshot(), Bytes: l.bytes.Load(),
	}
}

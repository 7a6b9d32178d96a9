package journal

import "github.com/mcp-cloud/telltale/server/stat"

// Stats are what an engine counts since it was opened, for metrics.
type Stats struct {
	Commits, Failed  int64         // commits that recorded something; those that failed
	Events, Repeated int64         // events recorded; those seen before
	Commit           stat.Snapshot // how long commits took, durable included: nanoseconds
	Batch            stat.Snapshot // events in one commit
	Bytes            int64         // held now, as retention counts them
}

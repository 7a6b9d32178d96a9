package bolt

import "github.com/mcp-cloud/telltale/server/journal"

// Stats returns what was counted since Open.
func (l *Log) Stats() journal.Stats { return l.count.Stats(l.bytes.Load()) }

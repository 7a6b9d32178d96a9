package redis

import "github.com/mcp-cloud/telltale/server/journal"

// Stats returns what this instance counted since Open; Bytes is of the whole record.
func (l *Log) Stats() journal.Stats { return l.count.Stats(l.bytes.Load()) }

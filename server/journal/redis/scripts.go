package redis

import (
	_ "embed"

	goredis "github.com/redis/go-redis/v9"
)

var (
	//go:embed common.lua
	commonSource string
	//go:embed open.lua
	openSource string
	//go:embed append.lua
	appendSource string
	//go:embed at.lua
	atSource string
	//go:embed trim.lua
	trimSource string
	//go:embed note.lua
	noteSource string
	//go:embed shelf.lua
	shelfSource string

	openScript   = goredis.NewScript(commonSource + openSource)
	appendScript = goredis.NewScript(commonSource + appendSource)
	atScript     = goredis.NewScript(commonSource + atSource)
	trimScript   = goredis.NewScript(commonSource + trimSource)
	noteScript   = goredis.NewScript(commonSource + noteSource)
	shelfScript  = goredis.NewScript(commonSource + shelfSource)
)

// The keys of a record, in the order in which every script is given them.
const (
	keyMeta    = iota // hash: epoch, newest place, bytes and trimmed of each class, which life of the server wrote last
	keyState          // streams of records, their ids "place-0"
	keySample         //
	keyLine           //
	keyKept           // zset by place: states that outlived retention for being the latest of their type and server
	keyLatest         // hash: the place of the latest state of each type and server
	keySeen           // hash: publishers' ids of the dedup window, with place and time
	keySeenLog        // stream: the same in the order they came
	keyWriters        // hash: the last batch of each writer and how it was answered
	keyBreaks         // zset: where places were left out; by the last of those, the newest place before them
	keyNudge          // stream of one entry, changed so that who waits looks again
	keyNotes          // hash
	keyDrawers        // zset: the drawers of the shelf, each a hash of its own
	keyStrays         // zset in the order of its members: the kept states of types that are not in the catalogue, see common.lua
	keyCount
)

// keysOf returns the keys of a record, which all lie in one slot of a Cluster.
func keysOf(name string) []string {
	keys := make([]string, keyCount)
	for i, k := range [keyCount]string{"meta", "state", "sample", "line", "kept", "latest", "seen", "seenlog", "writers", "breaks", "nudge", "notes", "drawers", "strays"} {
		keys[i] = Prefix(name) + k
	}
	return keys
}

// Package hub hands out what is recorded. It tails the log once, encodes each event once, and appends the bytes to a feed
// for each filter that somebody reads; a subscriber is a [Cursor], a place in those shared bytes. There is no queue per
// subscriber and no work per subscriber until it asks for bytes. The package knows nothing of HTTP.
//
// # Promises
//
// A cursor hands out, once and in order, each event that passes its filter after the place where it starts, from the moment
// it starts until it is closed, whatever it has to read to do so: the feed's memory, or the record where that holds no more.
// Where that can't be, it says so and never skips in silence: a [*GapError] for what retention took, [ErrReset] when the log
// began anew. A new reader first gets the [Picture].
//
// A reader that is slow delays nobody and grows nothing: it pins the chunk it stands in and at most one page or picture of its
// own, and reads the rest from the record when it gets there.
//
// # Concurrency
//
// One goroutine, in [Hub.Run], writes all feeds. It holds Hub.mu while it hands out at most applyEvents events, and
// never waits for a cursor. Cursors read without a lock, see a feed only grow, and see whole frames. Some may be ahead of others.
// What needs the lock is short: to find or make a feed, to find one's place in it, to give it back; only one caller at a time may copy
// references out of the picture. Reading the record happens in the goroutine of the cursor that needs it, in a few at a time.
//
// Waiting costs nothing to the others either: all who wait on one feed wait for one channel, made by the first who waits
// and closed by the loop after it has published. With nobody waiting, as under load, publishing wakes nobody.
//
// # Memory
//
// Feeds: Options.Memory and a chunk for each. A cursor that reads along: some 200 bytes. One that catches up: a page of
// Options.PageEvents events, at most journal.MaxPageBytes. Pictures: see [Options.MaxServers] and [Options.Lines]; one that is being
// handed out is shared by those who came at the same time.
package hub

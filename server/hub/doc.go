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
// A reader to whom few samples are enough, see [Hub.SubscribeEvery], gets of each interval the newest of each server and type, and
// all else as above: in the order of places, every state event at once, and with a place that never vouches for what still waits.
//
// A reader that is slow delays nobody and grows nothing: it pins the chunk it stands in and at most one page or picture, and
// reads the rest from the record when it gets there. What it did not take it can give back: see [Cursor.Return]. One that is too slow for
// all there is can have less: see [Cursor.Thin].
//
// Those who take compressed bytes share them as the others share the plain ones: see [Cursor.Deflate]. They are made by the first who
// looks, so they cost nothing where nobody wants them, and publishing never waits for them.
//
// # Who may not see everything
//
// Events have places in one sequence, so a place that is newer than what a reader has seen tells him that something happened which he
// may not see, and how much. For a [Subscription] that is Restricted therefore no place is ever named but that of an event which passes the filter,
// or the one he came with: not in [Start], [Cursor.Place], a [*GapError] or [Skipped]. Whether a place he names is ahead of the log is answered
// by what passes as well: he resumes after a place up to which something passed, or of an event that he may see, and begins anew with any
// other, as if the log ended with the last event he may see. So guessing finds no other event. He is woken by what passes and by nothing else.
//
// Such a reader comes back with the place of the last event he saw, however much has happened since. Each feed knows up to where
// nothing more passes, also from the picture where the feed is new, so that he joins it without a search, unless something may
// have been trimmed since that nobody saw.
//
// What he can still infer: the distance between the places of two events that he may see is how many of all were recorded between them. Places are
// shared by all readers, so that identical filters share their bytes and any reader can resume anywhere; to hide the distance
// would take a numbering for each filter, kept for as long as the record. A publisher who may read learns the present place from his own
// events' receipts; and from what [Hub.Fits] refuses about how much there is of types of a server that he may publish for and not see, and a power of two that the number of servers is between. That something of his own is trimmed tells, where retention is by bytes, that others filled the record; that a
// trimmed stretch is announced does not mean that any of it was his. And a resume from a place long ago takes longer the more of
// everything there is to look through.
//
// # Concurrency
//
// One goroutine, in [Hub.Run], writes all feeds, and a second one shows what some of them show later (see pacing in rate.go); they
// take turns by Hub.mu. The first holds it while it hands out at most applyEvents events, with what has to go before them, the second
// while it moves at most releaseFrames for each feed, and neither waits for a cursor. Cursors read without a lock, see a feed only
// grow, and see whole frames. Some may be ahead of others.
// What needs the lock is short: to find or make a feed, to find one's place in it, to give it back; only one caller at a time may copy
// references out of the picture. Reading the record happens in the goroutine of the cursor that needs it, in a few at a time.
//
// Waiting costs nothing to the others either: all who wait on one feed wait for one channel, made by the first who waits
// and closed by the loop after it has published. With nobody waiting, as under load, publishing wakes nobody. One who drives
// thousands of cursors does not wait but watches their feeds: an event costs it one call for each feed the event went to.
//
// # Memory
//
// Feeds: Options.Memory and a chunk for each, and as much again for what waits where readers ask for few samples; where there are
// readers of compressed bytes, a quarter of Options.FeedBytes for those. A cursor that reads along: some 250 bytes. One that catches up: a
// page of Options.PageEvents events, at most journal.MaxPageBytes, which those share who missed the same; pages are kept up to
// Options.PageBytes, and for half a minute. Pictures: see
// [Options.MaxServers], [Options.Lines] and [Options.PictureBytes]; one that is being handed out is shared by those who came at the same time.
package hub

// Package redis keeps the record in Redis Streams, so that any number of instances share it. Redis 6.2 or newer is asked for.
//
// # One order
//
// What changes the record is a script, which Redis runs as a whole or not at all: append.lua looks up the publishers' ids, takes the
// next places and adds a batch of any size to the streams, one for each class, under ids that are the places. So there is one order
// for all instances, and a place is never seen before a lower one. The Appends that wait in one instance share one run of the script;
// meanwhile the next ones gather.
//
// Reading takes what it needs of all streams in one request, in an order by which it sees whole batches only. The place of a time
// is found by a script as well, for that takes some hundred looks, one after the other. One goroutine of each instance follows the record, for all its
// Tails; it waits in XREAD, which only tells it to look. Nothing is published: what woke nobody is found a second later.
//
// # Once
//
// Each batch bears the name of its writer and a number, which the script remembers with its answer. When the answer was lost on the way the
// batch is sent again, and told what it was told. It also bears a time, by Redis's own clock, after which the script refuses it:
// a batch that was given up does not come up later from a socket of a Redis that stood still. What remains open, because Redis
// may have run the script and went away before it said so, is an ErrUnsettled, and settled by the next batch: of one writer, no batch is
// taken after a later one.
//
// # Places are never used twice
//
// The epoch lies in Redis; one that was emptied gets a new one, at random. One that was put back to an older state (started
// again from a file that lacks the last second, restored, or replaced by a replica that lagged) is known by its run id and
// replication id, which the script compares: with the first event that such a server takes, the record leaves out a stretch of places, a thousand
// for each millisecond since 2026, which is more than were ever given. Whoever saw what was lost stands in that stretch, is told
// (GoneAhead) and begins anew; all others notice nothing, and go on in the same epoch. Where nothing was lost nobody is told anything.
//
// # What an acknowledged event survives
//
// Redis's appendfsync decides what its own end costs: with always nothing, also when the machine loses power. With everysec one to two
// seconds, and when only the process is killed mostly nothing: but while the disk is busy Redis answers before it writes. With no it is what
// the system had not written, and so it is with any while the file is rewritten and no-appendfsync-on-rewrite is set; without appendonly all since the last
// snapshot. Open warns of these. A failover costs what the replica had not received, unless Options.Replicas is set: then an event is acknowledged when so many
// replicas have it, in memory; one that they do not have in time is an ErrUnsettled, and recorded here all the same. Readers may have seen an event before
// that, and what is lost in spite of all is announced as above.
//
// An allkeys maxmemory-policy may throw any of it away, and Open warns. A stream that is not there although events of it are counted is told of as
// trimmed; that publishers' ids were forgotten so nobody notices.
//
// # When Redis is away
//
// Append and Read wait for Options.Timeout and then fail with journal.ErrUnavailable, or ErrUnsettled. Tails wait until it is back and
// then read on from their last place. Log.Away says since when. Everything that tries again does so with growing, random pauses.
//
// # When Redis refuses
//
// What Redis denies, as its password was changed, its user may not, it is full, can't write its file or has something else under a key of ours, is an
// ErrUnavailable at once: it is no fault of who asks. Nothing is recorded by halves, for scripts look before they write. While the follower is refused, or Redis
// has become a replica, the record is away as above, for nobody can know what is new; while only writing is refused it is not. All goes on by itself when
// Redis does what it is asked.
//
// # Notes
//
// They are a hash, each with the number of its change. An instance that watches them remembers them all, and gives them back to a Redis that was
// emptied or put back.
//
// # The shelf
//
// Its drawers are hashes of their own, and a script sees to it that no instance puts what it made of fewer events over what another made of more,
// nor what it made of events that this Redis has lost.
//
// # Client
//
// go-redis: one request on one connection, so that it is known when nothing was sent; it knows Sentinel, Cluster and TLS, and
// reaches no net/http. What rueidis would add, pipelining by itself, is of no use where one connection sends one batch at a time.
// Its own retries are off: what may be sent again is decided here.
package redis

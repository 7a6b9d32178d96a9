// Package cluster is what the instances that share one record know of each other: who has which streams, which tickets wait to be used,
// and who there is. It lies in the record's Redis, under keys that begin with the record's prefix and so lie in one slot of a Cluster. It knows
// nothing of HTTP, and of events only how many there are.
//
// # Leases
//
// [Leases] count a user's streams over all instances: a sorted set for each user, scored by when each lease runs out, by Redis's own
// clock, so that no clock of an instance matters. One script looks and takes, so two instances never both take the last place. Leases last
// for as long as package limit says (15 s) and are renewed in batches at every third of that; what an instance that died had
// is free when its leases have run out.
//
// Whatever is lost on the way, a lease that no open stream renews is gone within that time. Each call says until when it is wanted, by Redis's clock, so that what was
// given up is not done later by a Redis that stood still; what can't be given back is tried again until it has run out; and what was cut off and may
// be done yet is waited for, and given back once more. A replica that takes over with a clock behind makes nothing last longer.
//
// While Redis is away nobody can be asked, and at most what a user may have in all is what he may have on each instance: package limit
// falls back to its own count. Streams are then neither refused nor ended for want of a Redis. When it is back the next renewal takes a lease for every
// stream that is open; who has too many by then keeps them, and gets no more until he is below the limit. The same is true for the seconds
// after a Redis lost its memory.
//
// # Tickets
//
// [Vault] keeps tickets so that any instance redeems what another issued. Each is taken once, by a script. Redis sees neither tickets nor tokens: keys
// are hashes, values are sealed. Without Redis no ticket is issued or taken: the error says so.
//
// # Members
//
// [Members] writes every two seconds what this instance is and does, and reads the same of all others in the same call. One that has not written for six
// seconds is gone, and is listed as such for ten minutes; one that ended said so. The list is kept here, so that it can be shown, with its age,
// while Redis is away. With no Redis there is one instance, this one.
//
// # Peers
//
// [Peers] reach the streams that others have. A question, which streams a user has or that one be ended, goes into a list that every instance
// listens to, and answers into one of its own; nothing is kept of streams in Redis beside their leases, and nothing asked while nobody looks. Who asks waits
// for the instances that live, for a second at most, and is told who was silent.
//
// What is to be ended by all, as when somebody signs out, is an entry of another list, which is kept for an hour and has ten thousand at most: an instance that could
// not hear it then hears it when it can, and ends what was open at that time, not what was opened since. Where Redis is away it is told when it is back.
//
// # Balance
//
// Streams last long, so an instance that was added has none and one that never ended has most. One that has clearly more than the mean (a fifth more
// and at least fifty) for six seconds lets the surplus go, at most one in fifty a second, and then leaves it at that for five minutes, whatever comes: who decides where
// they go is the balancer in front, and where it sends them all back to us there is nothing to be won by trying again. Nothing is let go
// while Redis is away or this instance drains.
//
// # Concurrency
//
// All methods may be called at once from any number of goroutines. Each Run belongs to one goroutine and returns when its context ends and nothing
// that it started runs any more.
package cluster

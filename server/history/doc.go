// Package history keeps what samples came to: of every metric of every server, how many there were in each second of the last hour and
// in each minute of the last day or longer, with the least, mean and greatest of each number. Charts are drawn of it, long after retention
// has taken the samples themselves.
//
// # One reader
//
// Recorder.Run follows the record once and folds each metrics:* event into its second and its minute, by the event's own time. A sample
// that comes late is folded in where it belongs, up to Late behind the newest of the same metric of the same server; what is older
// than that, or further ahead of our clock, is not. So what lies more than Late behind a metric's newest sample never changes: Answer.Complete. It
// is counted from the newest sample and not from the clock, so that a server that was cut off for an hour and then sends what it
// measured meanwhile has its whole hour.
//
// # Nothing twice
//
// Blocks of sixty buckets lie on the journal.Shelf, in the record's own store. Each says which event was folded in last, and whatever
// comes up to that is passed over; all that changed is written once a minute, and the place it is made up to in the last step. So after
// a kill -9 the record is read on from there and every sample counts once. The record must still hold those samples: so after
// many of them it is written sooner.
//
// Where instances share a record each of them reads all of it, as it has to answer for the newest seconds, and so all have the same blocks:
// the one that finds that nobody has written for a minute does, and the shelf takes nothing that is made of less than it has. A
// lease would add nothing but the time until it runs out.
//
// A new life of the record adds to what is kept. What it has lost of itself is lost here too, as far as the shelf was put back with it.
//
// # How much
//
// In memory are the blocks that changed in the last minute or two: 25 to 50 KB for a server that measures five metrics once a second. On the
// shelf it takes 130 KB for its hour of seconds and 140 KB for its day of minutes, and a sample costs a microsecond. There
// are at most MaxTypes metrics of a server that are not the catalogue's, and MaxSeries in all; what is beyond
// is not kept, and the log says so once. Metrics of the catalogue are kept before others.
//
// # Concurrency
//
// Query may be called by any number of goroutines from the moment New has returned; Run once. While the shelf can't be read or written Run goes on
// trying, and says so once.
package history

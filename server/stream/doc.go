// Package stream delivers what a hub hands out: it is everything between a [hub.Cursor] and a socket. What a stream says of
// itself (sync, heartbeat, gap, reset, closing) stands in talk.go, and is the same whoever writes it.
//
// # Two writers
//
// Detached, on Linux for HTTP/1.1 without TLS: the connection is taken from net/http, and of it only the socket and a struct of some
// hundred bytes are kept: no goroutine, no buffer. A worker for each CPU writes, without ever blocking. It is told by the hub
// which feeds were written to, and by epoll which sockets have hung up or have room again.
//
// Portable, for everything else: one goroutine, its request's own, through http.ResponseWriter.
//
// # Framing
//
// A detached stream ends with its connection ("Connection: close", no Content-Length, no chunks). HTTP/1.0 knows nothing else, and
// that is what nginx speaks to those behind it unless told otherwise; Caddy and HAProxy take it as well. Chunks would cost each
// subscriber bytes of its own around the shared ones, and would buy a reader nothing: the format itself shows a frame cut short, and
// stream:closing is the end that is meant.
//
// # Slow readers
//
// The socket takes little that is not sent yet (TCP_NOTSENT_LOWAT), so a reader that falls behind shows here. What it is behind by
// costs nothing: it is a place in the hub's bytes, and then in the record. Once live, a reader that keeps us waiting while more than
// Options.SlowBytes are ready for it, or more than the feed holds, is thinned: see [hub.Cursor.Thin]. One that takes nothing at
// all for Options.Stuck is closed. So a slow reader holds the rest of one frame or block, and one page.
//
// # When the record is away
//
// Where it is in another process that can't be reached (Options.Record), streams stay open and beat on. After a second of it each says
// stream:gap with the reason "pending", and with "settled" when that is over; one that is opened meanwhile says it at its beginning. Who would have
// to read the record waits until it is back, without being ended. So does who is to begin anew while the hub is not ready: whoever
// waits for it holds up nobody's heartbeat.
//
// # Compressed once
//
// A reader that accepts gzip gets a gzip header of its own, and then blocks that are compressed once for all: see [hub.Batch]. What is
// for it alone (its picture, what it missed, frames of the stream's own) is compressed for it, as such blocks too. The last
// block and the checksum of the gzip format never come: a stream has no end that a reader could check.
//
// # The end
//
// Close tells every stream that it is over and when to come back, each another time. [Server.Run], when its context ends, does that,
// waits at most Options.Drain for it to be read, and then closes what is left.
package stream

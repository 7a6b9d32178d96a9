// Package flood puts a stream server under load and says what became of every event: it is behind `telltale flood`.
//
// # What is checked
//
// Each event it publishes carries a mark: the run, the topic (one server id is one topic), the class, a number that rises by
// one within topic and class, and the time it was due. A [follower] is one subscriber; it knows which number must come next,
// so that what is lost, doubled or out of order is counted for each connection and each event, and nothing is sampled. What
// the server says it left out (stream:gap) is counted apart, as thinned. At the end each follower must have the last of all.
//
// # What is measured
//
// Latency runs from when an event was due to when its bytes were read from the socket, so a publisher that falls behind its
// rate makes it worse and not better. Recording, where the server does that, is inside it. The CPU and memory of the server are those of its own
// process, as the system tells them; those of the client are beside them, since both share the machine.
//
// Flat out means as fast as the subscribers take it: publishers stay at most Load.Window events ahead of what they have on
// average. Where nothing held the publishers back, one would measure how far a server falls behind, and not how fast it is.
//
// # How
//
// The client has to be cheap, or one measures the client. On Linux plain HTTP/1.1 streams are bare sockets read by one epoll
// loop per core into one shared buffer, and events are found by their marks. Gzip, HTTP/2 and other systems take a
// goroutine for each stream, through net/http.
//
// All load stays on this machine: a target that is not a loopback address is refused.
package flood

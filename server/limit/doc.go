// Package limit says how much one may have at once: streams of one user, from one address and in all, requests and publishes a second,
// and new names. It knows who has which streams open, so that they can be listed and ended. It knows nothing of HTTP.
//
// # Streams
//
// A stream is admitted before it is opened, and its [Place] is given back when it has ended:
//
//	place, err := registry.Admit(ctx, owner)
//	var over *limit.Over
//	switch {
//	case errors.As(err, &over):
//		done, over := registry.Poll(owner)
//		if over != nil {
//			// 429 with Retry-After: over.RetryAfter
//		}
//		request.Poll = over.Event()
//		request.Ended = func(stream.Reason) { done() }
//	case err == nil:
//		request.Who = place
//		request.Opened = func(h *stream.Handle) { place.Opened(h) }
//		request.Ended = func(stream.Reason) { place.Release() }
//	}
//
// A stream that was admitted is ended by [Registry.End] and [Registry.EndWhere] from then on, even before Opened tells how. So who
// checks a right, has the stream admitted and then checks the right again lets no stream slip through a revocation.
//
// Users are counted by [Leases], so that several instances can count together; addresses and all streams are counted by each
// instance for itself. IPv6 addresses count by their first 64 bits, which is what one customer has. Whoever has no name, User being
// empty, is not counted as a user; whoever has no address not as one.
//
// # Polls
//
// Who finds no place is served as a poller: he gets what he missed and comes again. Such answers are short, and there may
// be no more of them at once, of one user, address and in all, than there may be streams.
//
// # Concurrency
//
// All methods may be called at once from any number of goroutines. No method calls back, but for the test that is given to EndWhere and
// the End of streams, which are called without a lock held. The number of streams admitted and not released never exceeds a limit
// at any moment.
//
// # Memory
//
// Some hundred bytes for each stream and for each user and address that has one. Agents and filters are kept once for streams of one user
// that say the same of themselves.
package limit

package web

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of what a request says before its body. Above them net/http itself refuses, in fewer words.
const (
	maxAddress = 32 << 10 // bytes of the path and query: two lists of a hundred patterns, and a token
	maxHeaders = 32 << 10 // bytes of all headers
	maxAgent   = 512      // what is looked at of a User-Agent
	maxAccept  = 1 << 10  // what is looked at of an Accept: more only costs time, and nobody was asked for a token yet
	// maxEvent bounds one event as it arrives: its data, and room for what stands beside that.
	maxEvent = event.MaxData + 16<<10
)

// bounded refuses a request that says more than it has to, before anything is made of it.
func bounded(r *http.Request) error {
	if len(r.RequestURI) > maxAddress {
		return fail(http.StatusRequestURITooLong, "The address has more than %d bytes: ask for fewer servers or types at once.", maxAddress).code("address")
	}
	size := 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	if size > maxHeaders {
		return fail(http.StatusRequestHeaderFieldsTooLarge, "The headers have more than %d bytes: clear the cookies of this site, or send fewer headers.", maxHeaders).code("headers")
	}
	return nil
}

// mayAsk takes a request, or a stream, from what its user may ask now, or returns the 429. Who opens a stream with a ticket has asked for the ticket.
func (s *Server) mayAsk(r *http.Request) *problem {
	if visitOf(r).by == byTicket {
		return nil
	}
	after, ok := s.asking.Allow(askerOf(r), 1)
	if ok {
		return nil
	}
	return s.tooOften(fmt.Sprintf("You ask more than %v times a second, which is as often as one user may", s.asking.Rate().PerSecond), after)
}

// bodyUnit is how much of a publishing request counts as one of the requests that its user may make: to unfold and read it is work, whether or not
// something is recorded of it. What is smaller costs nothing, unless it is refused.
const bodyUnit = 256 << 10

// mayBring takes a body of so many bytes from what its publisher may bring now, or returns the 429.
func (s *Server) mayBring(r *http.Request, size int) error {
	after, ok := s.bringing.Allow(askerOf(r), min(size/bodyUnit, s.bringing.Rate().Burst))
	if ok {
		return nil
	}
	return s.tooOften(fmt.Sprintf("You publish bodies of more than %v bytes a second, which is as much as one user may. None of these events was recorded",
		int(s.bringing.Rate().PerSecond*bodyUnit)), after)
}

// forgiving refuses publishing requests of who has made too many that were refused: each takes work that nobody has anything of.
func (s *Server) forgiving(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if after, spent := s.bringing.Spent(askerOf(r)); spent {
			return s.tooOften("You publish too much, or too much of what you publish is refused. None of these events was recorded", after)
		}
		err := next(w, r)
		if err != nil && r.Context().Err() == nil {
			if status := problemOf(err).Status; status >= 400 && status < 500 && status != http.StatusTooManyRequests {
				s.bringing.Allow(askerOf(r), 1)
			}
		}
		return err
	}
}

// askerOf returns by what a request counts: its user, or where nobody is asked who he is its address.
func askerOf(r *http.Request) string {
	v := visitOf(r)
	return cmp.Or(v.grant.User, addrText(v.addr))
}

func (s *Server) tooOften(what string, after time.Duration) *problem {
	p := fail(http.StatusTooManyRequests, "%s: try again in %v.", what, after.Round(time.Millisecond)).code("requests")
	p.retryAfter = seconds(after)
	return p
}

// mayPublish takes n events from what the publisher may record now, or returns the 429.
func (s *Server) mayPublish(r *http.Request, n int) error {
	v := visitOf(r)
	after, ok := s.rates.Allow(cmp.Or(v.grant.TokenID, addrText(v.addr)), n)
	if ok {
		return nil
	}
	rate := s.rates.Rate()
	if after == 0 {
		return fail(http.StatusRequestEntityTooLarge, "%d events at once are more than the %d that may come at once: send fewer in one request. None of them was recorded.",
			n, rate.Burst).code("burst")
	}
	p := fail(http.StatusTooManyRequests, "You publish more than %v events a second, which is as many as one token may. None of these was recorded: send them again in %v.",
		rate.PerSecond, after.Round(time.Millisecond)).code("rate")
	p.retryAfter = seconds(after)
	return p
}

// mayName takes from what the publisher's user may bring of servers that the picture does not have, or returns the 429. The picture remembers
// so many servers only, and who brings new ones without end would push out everybody else's.
func (s *Server) mayName(r *http.Request, events []event.Event) error {
	to := s.names
	select {
	case <-s.hub.Ready():
	default:
		to = s.early
	}
	if to.Rate().PerSecond <= 0 {
		return nil
	}
	var names []string
	for i := range events {
		if name := events[i].Server; (i == 0 || name != events[i-1].Server) && !s.hub.Knows(name) {
			names = append(names, name)
		}
	}
	fresh, after, ok := to.Allow(askerOf(r), names)
	if ok {
		return nil
	}
	rate := to.Rate()
	if after == 0 {
		return fail(http.StatusRequestEntityTooLarge, "These events are of %d servers that have not been heard of lately, and one user may bring at most %d of those at once: send fewer in one request. None of the events was recorded.",
			fresh, rate.Burst).code("names")
	}
	p := fail(http.StatusTooManyRequests, "You publish events of too many servers that have not been heard of lately: one user may bring %d of those at once, and then %v a second. None of these events was recorded: send them again in %v.",
		rate.Burst, rate.PerSecond, after.Round(time.Millisecond)).code("names")
	p.retryAfter = seconds(after)
	return p
}

// mayGrow returns the 413 where what the picture shows of a server would come to more than its share: whoever publishes a little to each of many
// servers and types would fill the memory of this server, of whoever opens a page, and what of the record retention leaves.
func (s *Server) mayGrow(r *http.Request, events []event.Event, single bool) error {
	much, is := errors.AsType[*hub.TooMuchError](s.hub.Fits(events))
	if !is {
		return nil
	}
	s.grown.Add(1)
	field := fieldOf(much.Index, single)
	says := fmt.Sprintf("come to %d bytes together, and may come to %d", much.Would, much.May)
	if veiled(r) { // some of it may be of types that he may not see, and a share tells how many servers there are
		says = "come to more than may be together"
	}
	p := fail(http.StatusRequestEntityTooLarge, "%s: with it the latest states and samples of %.200q %s: "+
		"publish smaller ones, or fewer types. None of the events was recorded.", field, much.Server, says).code("picture")
	p.Field = field
	return p
}

// seconds is a time as Retry-After says it: whole, and never too little.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// openStream has a stream admitted and puts into ask how it is ended, listed and named in log lines. Who is over a limit gets what he
// missed and polls: done is then to be called when the answer is out. Only where there are too many of those too is it an error.
func (s *Server) openStream(r *http.Request, ask *stream.Request) (done func(), err error) {
	v := visitOf(r)
	owner := limit.Owner{User: v.grant.User, Addr: v.addr, Agent: cut(r.UserAgent(), maxAgent), Filter: filterText(ask.Filter)}
	var to *right
	if !s.guard.Open() {
		to = &right{grant: v.grant, opened: time.Now()}
		if v.by == byCookie {
			to.session = sessionOf(r)
		}
		owner.Right = to
		ask.Until = v.grant.Expires
	}
	ask.Restricted, ask.See = veiled(r), v.grant.See
	place, err := s.registry.Admit(r.Context(), owner)
	if over, is := errors.AsType[*limit.Over](err); is {
		done, over2 := s.registry.Poll(owner)
		if over2 != nil {
			p := fail(http.StatusTooManyRequests, "%s Come back after the time that Retry-After says.", over2.Event().Message).code("streams")
			p.retryAfter = seconds(over2.RetryAfter)
			return nil, p
		}
		ask.Poll, ask.Who = over.Event(), owner
		s.openPoll(ask, to, done)
		return func() {}, nil
	}
	if err != nil {
		return nil, errClientGone // it is the error of the request's context
	}
	ask.Who = place
	ask.Opened = func(h *stream.Handle) { place.Opened(h) }
	ask.Ended = func(stream.Reason) { place.Release() }
	// A revocation between the check and the admission has not seen this stream.
	if err := s.guard.Still(v.grant); err != nil {
		place.Release()
		return nil, err
	}
	return func() {}, nil
}

// filterText says for people what a stream shows: what was asked for, as far as it may be seen.
func filterText(f event.Filter) string {
	var parts []string
	if v := f.Servers(); v != "" {
		parts = append(parts, "servers="+v)
	}
	if v := f.Types(); v != "" {
		parts = append(parts, "types="+v)
	}
	return cut(strings.Join(parts, "&"), 200)
}

// cut returns at most n bytes of what is text anyway, or is cleaned of what is none.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}

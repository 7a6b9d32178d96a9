package web

import (
	"context"
	"net/http"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/journal"
)

// instances answers with who shares the record, this instance first and those that are gone last. Addresses are for who has the scope admin: they say
// where the instances can be reached past whatever stands in front. How much goes on is for him too, and for who may see all: else it would tell
// of events that the asker may not see.
func (s *Server) instances() handler {
	type instance struct {
		ID      string        `json:"id"`
		Self    bool          `json:"self,omitempty"` // it is the one that answers
		Version string        `json:"version"`
		Address string        `json:"address,omitempty"`
		Since   time.Time     `json:"since"`
		State   cluster.State `json:"state"`              // "up", "draining", "ended" or "gone"
		Gone    time.Time     `json:"goneSince,omitzero"` // it was last heard of; of those ended and gone

		Streams *int     `json:"streams,omitempty"`
		Events  *float64 `json:"eventsPerSecond,omitempty"` // handed out, each counted once
		Lag     *uint64  `json:"lag,omitempty"`             // events recorded and not handed out yet
	}
	type answer struct {
		Record    string     `json:"record"` // "embedded": there is this instance alone; "shared"
		At        time.Time  `json:"at"`     // the list was true
		Away      time.Time  `json:"recordAwaySince,omitzero"`
		Instances []instance `json:"instances"`
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		list, at := s.members.List()
		out := answer{Record: "embedded", At: millis(at), Instances: make([]instance, 0, len(list))}
		if s.members.Shared() {
			out.Record = "shared"
		}
		if away := s.recordAway(); !away.IsZero() {
			out.Away = millis(away.Since)
		}
		admin := grantOf(r).May(auth.Admin)
		for _, i := range list {
			one := instance{ID: i.ID, Self: i.Self, Version: i.Version, Since: millis(i.Since), State: i.State}
			if admin {
				one.Address = i.Address
			}
			if i.State == cluster.Gone || i.State == cluster.Ended {
				one.Gone = millis(i.Seen)
			} else if admin || !veiled(r) {
				if i.Self { // who looks from a stream of this instance is to find it counted
					i.Streams = int(s.streams.Stats().Open)
				}
				one.Streams, one.Events, one.Lag = &i.Streams, &i.Events, &i.Lag
			}
			out.Instances = append(out.Instances, one)
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// recordAway says since when the record can't be reached; zero: it can be.
func (s *Server) recordAway() journal.Away {
	if s.remote == nil {
		return journal.Away{}
	}
	away, _ := s.remote.Away()
	return away
}

// ready answers 200 when streams are served and the record can be reached. It says no before that, from the moment the server begins to
// drain, and while the record is away. A balancer that has nobody else to ask, as the others lost the same record, had better let
// readers in: with "but=record" that does not count.
func (s *Server) ready() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.whenReady(); err != nil {
			return err
		}
		if s.draining.Load() {
			return later(2, "The server is about to end, and takes no new streams from a balancer: ask another.")
		}
		if away := s.recordAway(); !away.IsZero() && r.URL.Query().Get("but") != "record" {
			return later(2, "The server can't reach its record since %s.", millis(away.Since).Format(time.RFC3339))
		}
		return writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}

// later tells a balancer to ask another instance, or this one again.
func later(retryAfter int, format string, args ...any) *problem {
	p := fail(http.StatusServiceUnavailable, format, args...)
	p.retryAfter, p.meant = retryAfter, true
	return p
}

// retries is the header by which a balancer says, with the value "502", that it asks another instance where this one answers so. What another may well
// be able to do, as this one is starting or about to end, is answered with it, and nothing else: a balancer counts that status against the instance, and
// what 503 tells, a record that is away or a crowd, must not take all of them out of use at once. From who does not say so a stream
// must never get such an answer: it would stop an EventSource for good.
const retries = "Telltale-Retries"

// triesOthers reports whether the request comes by a balancer that asks another instance.
func triesOthers(r *http.Request) bool { return r.Header.Get(retries) == "502" }

// passOn has a balancer that asks others do so. What is published it would not send again, so there the answer is for the publisher.
func (p *problem) passOn(r *http.Request) *problem {
	if p.elsewhere && triesOthers(r) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		p.Status, p.Title = http.StatusBadGateway, http.StatusText(http.StatusBadGateway)
	}
	return p
}

// elsewhere refuses a stream that a balancer had better take to another instance, where there is one.
func (s *Server) elsewhere(r *http.Request) error {
	if !triesOthers(r) || !s.draining.Load() && s.whenReady() == nil {
		return nil
	}
	list, _ := s.members.List()
	for _, i := range list {
		if !i.Self && i.State == cluster.Up {
			p := later(1, "This instance takes no streams now: ask another.")
			p.elsewhere = true
			return p
		}
	}
	return nil
}

// Report says what this instance does: see cluster.Options. Where the record can't be asked it says that nothing lags.
func (s *Server) Report(ctx context.Context) cluster.Report {
	r := cluster.Report{
		Streams: int(s.streams.Stats().Open), Events: s.hub.Stats().Events, Draining: s.draining.Load() || s.closing.Err() != nil,
	}
	if b, err := s.log.Bounds(ctx); err == nil {
		if place := s.hub.Place(); place.Epoch == b.Epoch && b.Head.Seq > place.Seq {
			r.Lag = b.Head.Seq - place.Seq
		}
	}
	return r
}

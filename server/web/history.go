package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// timeOf reads an instant from a query parameter; absent or empty is the zero time.
func timeOf(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p := fail(http.StatusBadRequest, `%s=%.60q: want a time such as "2026-11-22T15:04:05Z" (RFC 3339; write a "+" as %%2B).`, name, text)
		p.Field = name
		return t, p
	}
	return t, nil
}

// everyOf reads the length of time of which one sample is enough; absent or empty is zero: all of them.
func everyOf(q url.Values) (time.Duration, error) {
	text := q.Get("every")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		p := fail(http.StatusBadRequest, `every=%.60q: want a length of time such as "5s" or "2m", from 1s to 24h.`, text)
		p.Field = "every"
		return 0, p
	}
	return d, nil
}

// between narrows the query to what was recorded from one instant to another, of which either may be zero. The record is
// in the order of arrival, and an event's time is its publisher's word: so this finds the place where a time begins, and
// what came late or with a wrong clock is read where it stands, whatever it says.
func (s *Server) between(ctx context.Context, ask *journal.Query, from, to time.Time) error {
	if from.IsZero() && to.IsZero() {
		return nil
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		p := fail(http.StatusBadRequest, "to=%s is not after from=%s: there is nothing between them.", to.Format(time.RFC3339), from.Format(time.RFC3339))
		p.Field = "to"
		return p
	}
	if !from.IsZero() {
		place, err := s.placeAt(ctx, from)
		if err != nil {
			return err
		}
		if ask.After.IsZero() || ask.After.Epoch == place.Epoch && ask.After.Seq < place.Seq {
			ask.After = afterOf(place)
		}
	}
	if !to.IsZero() {
		place, err := s.placeAt(ctx, to)
		if err != nil {
			return err
		}
		// Before is the first place that is not wanted. In an empty record there is none, and nothing to keep out.
		if place.Seq++; place.Epoch != 0 && (ask.Before.IsZero() || ask.Before.Epoch == place.Epoch && place.Seq < ask.Before.Seq) {
			ask.Before = place
		}
	}
	return nil
}

// probe is how many events are asked for the time at one place: their median is right though a few of them lie.
const probe = 9

// placeAt returns the place after which the events of a time begin, by halving the record: some twenty short reads of a million
// events. Its number is 0 when they begin with the first ever, its epoch is 0 when the record never held an event.
func (s *Server) placeAt(ctx context.Context, at time.Time) (event.ID, error) {
	bounds, err := s.log.Bounds(ctx)
	if err != nil || bounds.Head.IsZero() {
		return event.ID{}, err
	}
	if bounds.Oldest.IsZero() { // all of it has been trimmed
		return bounds.Head, nil
	}
	first := bounds.Oldest.Seq - 1
	var failed error
	n := sort.Search(int(bounds.Head.Seq-first), func(i int) bool {
		if failed != nil {
			return true
		}
		var got journal.Page
		got, failed = s.log.Read(ctx, journal.Query{
			After: event.ID{Epoch: bounds.Epoch, Seq: first + uint64(i)}, Limit: probe, AcrossTrimmed: true,
		})
		if failed != nil || len(got.Events) == 0 {
			return true
		}
		times := make([]time.Time, len(got.Events))
		for i, e := range got.Events {
			times[i] = e.Time
		}
		slices.SortFunc(times, time.Time.Compare)
		return !times[len(times)/2].Before(at)
	})
	if failed != nil {
		return event.ID{}, failed
	}
	// The median looks ahead by half of what it is made of: go on, one by one, to the first that is of the time itself.
	place := event.ID{Epoch: bounds.Epoch, Seq: first + uint64(n)}
	got, err := s.log.Read(ctx, journal.Query{After: afterOf(place), Limit: probe, AcrossTrimmed: true})
	if err != nil {
		return event.ID{}, err
	}
	for _, e := range got.Events {
		if !e.Time.Before(at) {
			break
		}
		place = e.ID
	}
	return place, nil
}

// afterOf is a place to read after: before the first there is no place.
func afterOf(place event.ID) event.ID {
	if place.Seq == 0 {
		return event.ID{}
	}
	return place
}

// maxThinned bounds the events one thinned answer reads, whether it gives them or not.
const maxThinned = 100_000

// reader is the Read of a journal.Log, or of as much of it as somebody may see.
type reader func(ctx context.Context, ask journal.Query) (journal.Page, error)

// thinned reads as Read does, and of the samples gives the first of each server and type in each stretch of that length. What
// is no sample is all there. A page may end early; its Next and More say so.
func thinned(ctx context.Context, read reader, ask journal.Query, every time.Duration) (journal.Page, error) {
	limit := ask.Limit
	if limit <= 0 {
		limit = journal.DefaultLimit
	}
	limit = min(limit, journal.MaxLimit)
	type series struct{ server, typ string }
	given := make(map[series]int64) // the stretch of which the newest was given
	var out journal.Page
	for seen, size := 0, 0; ; {
		ask.Limit = journal.MaxLimit
		got, err := read(ctx, ask)
		if err != nil {
			return out, err
		}
		if len(out.Trimmed.Classes) == 0 {
			out.Trimmed = got.Trimmed
		}
		for _, e := range got.Events {
			if e.Class() == event.Sample {
				k, stretch := series{e.Server, e.Type}, e.Time.UnixMilli()/every.Milliseconds()
				if last, ok := given[k]; ok && last == stretch {
					out.Next = e.ID
					continue
				}
				given[k] = stretch
			}
			if size += len(e.Data); len(out.Events) == limit || size > journal.MaxPageBytes && len(out.Events) > 0 {
				out.More = true
				return out, nil
			}
			out.Events, out.Next = append(out.Events, e), e.ID
		}
		seen += len(got.Events)
		out.Next, out.More = got.Next, got.More
		if !got.More || seen >= maxThinned {
			return out, nil
		}
		ask.After = got.Next
	}
}

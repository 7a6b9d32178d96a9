package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// timeOf reads an instant, in RFC 3339 or as milliseconds since 1970, from a query parameter; absent or empty is the zero time.
func timeOf(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 && ms <= maxTime {
		return time.UnixMilli(ms), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, noTime(name, text)
	}
	return t, nil
}

func noTime(name, text string) error {
	return wrongField(name, `%s=%.60q: want a time such as "2026-11-22T15:04:05Z" (RFC 3339; write a "+" as %%2B) or milliseconds since 1970.`, name, text)
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

// clockSlack is how much more is read on both sides of a range of time: the clocks of publishers and instances that are kept differ by less,
// so what somebody calls an event of that time is in it. It is short, for who reads a page of lines from a time on wants those of that time.
const clockSlack = time.Second

// between narrows the query to what was recorded from one instant to another, of which either may be zero, and clockSlack more. It goes
// by when events were recorded, not by what they say of themselves, which is a stranger's word: what came late or with a wrong clock
// is read where it stands in the record, and moves nothing else.
func (s *Server) between(ctx context.Context, ask *journal.Query, from, to time.Time) error {
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		p := fail(http.StatusBadRequest, "to=%s is not after from=%s: there is nothing between them.", to.Format(time.RFC3339), from.Format(time.RFC3339))
		p.Field = "to"
		return p
	}
	if !from.IsZero() {
		place, err := s.log.At(ctx, from.Add(-clockSlack))
		if err != nil {
			return err
		}
		if place.Seq > 0 && (ask.After.IsZero() || ask.After.Epoch == place.Epoch && ask.After.Seq < place.Seq) {
			ask.After = place
		}
	}
	if !to.IsZero() {
		place, err := s.log.At(ctx, to.Add(clockSlack))
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

package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Who may not see everything gets each list, picture, page of the record and stream through the filter of what he may see. And as the
// places of events are numbers without holes, he is told no place but those of events that he may see: else he could count the others.
// What he asks for and may not see is answered without a look at the record, as is what does not exist for all he can know.

// filterOf returns what a request asks for, as far as it may see it.
func (s *Server) filterOf(r *http.Request, q url.Values) (event.Filter, error) {
	f, err := filterOf(r, q)
	if err != nil {
		return f, err
	}
	return f.And(grantOf(r).See)
}

// picture returns the present picture as a reader gets it who may see only so much.
func (s *Server) picture(f, see event.Filter) hub.Picture { return veil(s.hub.Picture(f), see) }

// veil makes the place of a picture that of its newest event for who may not see everything.
func veil(p hub.Picture, see event.Filter) hub.Picture {
	if see.IsZero() {
		return p
	}
	p.Place = event.ID{}
	if n := len(p.Events); n > 0 {
		p.Place = p.Events[n-1].ID
	}
	return p
}

// readVeiled reads as journal.Read does, for one who may see only so much of what the filter passes, which the filter has been narrowed
// to already. In what it returns Next is the place of an event he may see or the one he came with, More means further events
// that he gets, and Trimmed does not say where what is missing ended.
func (s *Server) readVeiled(ctx context.Context, ask journal.Query, came event.ID, see event.Filter) (journal.Page, error) {
	out := journal.Page{Next: came}
	if ask.Filter.IsNone() {
		return out, nil
	}
	if err := s.known(ctx, came, see); err != nil {
		return out, err
	}
	limit := ask.Limit
	if limit <= 0 {
		limit = journal.DefaultLimit
	}
	limit = min(limit, journal.MaxLimit)
	for size := 0; ; {
		ask.Limit = min(limit-len(out.Events)+1, journal.MaxLimit)
		got, err := s.log.Read(ctx, ask)
		if err != nil {
			return journal.Page{}, unnamed(err)
		}
		if !got.Trimmed.IsZero() && out.Trimmed.IsZero() && len(out.Events) == 0 {
			out.Trimmed = journal.Trimmed{From: came, Classes: slices.Clone(got.Trimmed.Classes)}
		}
		for _, e := range got.Events {
			if size += len(e.Data); len(out.Events) == limit || size > journal.MaxPageBytes && len(out.Events) > 0 {
				out.More = true
				return out, nil
			}
			out.Events, out.Next = append(out.Events, e), e.ID
		}
		if !got.More {
			return out, nil
		}
		ask.After = got.Next
	}
}

// known returns an error for a place that this reader can't have from us: one past the newest event that he may see, unless it is
// that of an event he may see itself. Otherwise he could find out by trying where the record ends.
func (s *Server) known(ctx context.Context, place event.ID, see event.Filter) error {
	if place.IsZero() {
		return nil
	}
	newest := veil(s.hub.Picture(see), see).Place
	if newest.Epoch == place.Epoch && newest.Seq >= place.Seq {
		return nil
	}
	one := journal.Query{Before: event.ID{Epoch: place.Epoch, Seq: place.Seq + 1}, Filter: see, Limit: 1, AcrossTrimmed: true}
	if one.Before.Seq == 0 {
		return &journal.GoneError{Reason: journal.GoneAhead, Place: place}
	}
	if place.Seq > 1 {
		one.After = event.ID{Epoch: place.Epoch, Seq: place.Seq - 1}
	}
	got, err := s.log.Read(ctx, one)
	if gone, ok := errors.AsType[*journal.GoneError](err); ok { // of the place before it
		return &journal.GoneError{Reason: gone.Reason, Place: place}
	}
	if err != nil {
		return err
	}
	if len(got.Events) == 0 {
		return &journal.GoneError{Reason: journal.GoneAhead, Place: place}
	}
	return nil
}

// unnamed takes out of an error at which place the record ends.
func unnamed(err error) error {
	if gone, ok := errors.AsType[*journal.GoneError](err); ok {
		return &journal.GoneError{Reason: gone.Reason, Place: gone.Place}
	}
	return err
}

// forbidden names the events of a body that its token may not publish.
func forbidden(r *http.Request, events []event.Event, single bool) error {
	see := grantOf(r).See
	if see.IsZero() {
		return nil
	}
	var wrong []fieldError
	for i, e := range events {
		if see.Match(e.Server, e.Type) {
			continue
		}
		wrong = append(wrong, fieldError{Index: i, Field: fieldOf(i, single), Message: "this token may not publish " + e.Type + " of " + e.Server})
		if len(wrong) == maxErrors {
			break
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	p := fail(http.StatusForbidden, "%s: %s. None of the events was recorded.", wrong[0].Field, wrong[0].Message).code("forbidden")
	if n := len(wrong) - 1; n > 0 {
		p = fail(http.StatusForbidden, "%s: %s; and %d more, see errors. None of the events was recorded.", wrong[0].Field, wrong[0].Message, n).code("forbidden")
	}
	p.Field, p.Errors = wrong[0].Field, wrong
	return p
}

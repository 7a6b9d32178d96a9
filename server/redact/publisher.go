package redact

import (
	"context"
	"slices"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Recorder takes events: a journal.Log, or what stands before one.
type Recorder interface {
	Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error)
}

// Publisher stands before a Recorder, so that whatever is published through it goes on without its secrets.
type Publisher struct {
	r    *Redactor
	next Recorder
}

// Before returns a Publisher that hands on to next.
func (r *Redactor) Before(next Recorder) *Publisher { return &Publisher{r, next} }

// Append redacts the events and hands them on. The caller's slice stays as it is.
func (p *Publisher) Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error) {
	copied := false
	for i, e := range events {
		clean := p.r.Event(e)
		if clean.Key == e.Key && sameBytes(clean.Data, e.Data) {
			continue
		}
		if !copied {
			events, copied = slices.Clone(events), true
		}
		events[i] = clean
	}
	return p.next.Append(ctx, events)
}

// sameBytes reports that a and b are the same memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

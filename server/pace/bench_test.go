package pace

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// nowhere is a record that costs nothing.
type nowhere struct{}

func (nowhere) Append(_ context.Context, events []event.Event) ([]journal.Receipt, error) {
	out := make([]journal.Receipt, len(events))
	for i := range out {
		out[i].ID = event.ID{Epoch: 1, Seq: 1}
	}
	return out, nil
}

// BenchmarkAppend is what pacing adds to a call of Append of a hundred events of ten servers, beside the record's work.
func BenchmarkAppend(b *testing.B) {
	for _, row := range []struct {
		name, typ string
		step      time.Duration // from one call to the next, by the events' clock
		o         Options
	}{
		{"off", "metrics:cpu", time.Second, Options{}},
		{"lines", "logs:app", time.Second, knobs},
		{"samples-pass", "metrics:cpu", time.Second, knobs},
		{"samples-held", "metrics:cpu", time.Millisecond, knobs},
		{"lamps", "server:online", time.Second, knobs},
	} {
		b.Run(row.name, func(b *testing.B) {
			p := New(nowhere{}, row.o)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			events := make([]event.Event, 100)
			for i := range events {
				events[i] = ev(i, row.typ, 0)
				events[i].Server = fmt.Sprint("web-", i%10)
			}
			b.ReportAllocs()
			for b.Loop() {
				for i := range events {
					events[i].Time = events[i].Time.Add(row.step)
				}
				if _, err := p.Append(ctx, events); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			<-ended
		})
	}
}

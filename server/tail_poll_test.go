package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// Who finds no place is told so once, and with -v each time that he asks.
func TestTailSaysThatItPolls(t *testing.T) {
	limit := event.Limit{Reason: event.LimitUser, Message: "Ten are open.", Help: "End one.\x1b[2J"}
	draft, err := event.StreamLimit.Draft("", limit)
	if err != nil {
		t.Fatal(err)
	}
	said := []event.Event{{Type: event.StreamLimit.Name(), Data: draft.Data}}
	polling := feed.State{Phase: feed.Polling, Reason: limit.Message, Limit: limit}
	lost := feed.State{Phase: feed.Reconnecting, Reason: "no route"}
	live := feed.State{Phase: feed.Live}
	const told = `telltale: not live, asking every few seconds: Ten are open. End one.\u001b[2J` + "\n"
	for _, row := range []struct {
		name    string
		verbose bool
		want    string
	}{
		{"plain", false, told + "telltale: the connection is lost, trying again: no route\n" + told + "telltale: live again\n"},
		{"verbose", true, "telltale: stream:limit " + string(draft.Data)},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, notes bytes.Buffer
			tail := &tailer{c: &tailCmd{Verbose: row.verbose}, out: &out, notes: &notes}
			for _, state := range []feed.State{polling, polling, lost, polling, live} {
				if err := tail.show(feed.Batch{State: state, Events: said}); err != nil {
					t.Fatal(err)
				}
			}
			if got := notes.String(); !row.verbose && got != row.want || row.verbose && strings.Count(got, row.want) != 5 || out.Len() > 0 {
				t.Errorf("got %q and %q, want %q", got, &out, row.want)
			}
		})
	}
}

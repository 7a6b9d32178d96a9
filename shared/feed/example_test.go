package feed_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// recorded is a feed.Source that plays back a text, and then says that there is no more.
type recorded struct{ text string }

func (r *recorded) Open(context.Context, feed.Request) (*feed.Response, error) {
	if r.text == "" {
		return &feed.Response{Status: 204, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	text := r.text
	r.text = ""
	return &feed.Response{Status: 200, ContentType: "text/event-stream", Body: io.NopCloser(strings.NewReader(text))}, nil
}

func ExampleClient() {
	client := feed.Client{
		// From a Go program: &httpsource.Source{URL: "http://127.0.0.1:8080/api/events?types=server:*"}
		Source: &recorded{`event: stream:sync
data: {"mode":"fresh","place":"a.7","heartbeatMs":15000,"serverTime":"2026-11-22T12:00:00.000Z"}

id: a.7
event: server:busy
data: {"id":"a.7","timestamp":"2026-11-22T11:59:58.000Z","serverId":"web-1","connectionCount":41}

id: a.7
event: stream:heartbeat
data: {"serverTime":"2026-11-22T12:00:00.000Z","place":"a.7"}

`},
		Handle: func(b feed.Batch) {
			for _, e := range b.Events {
				if e.Class() != event.Control {
					fmt.Println(e.ID, e.Server, e.Type)
				}
			}
		},
	}
	err := client.Run(context.Background())
	fmt.Println(err)
	fmt.Println("to go on later:", client.After)
	// Output:
	// a.7 web-1 server:busy
	// feed: the server says there is nothing to follow (204)
	// to go on later: a.7
}

func ExampleSequencer() {
	var s feed.Sequencer
	for _, seq := range []uint64{3, 1, 2, 1} {
		s.Push(event.Event{ID: event.ID{Epoch: 0x7f3a1c09, Seq: seq}})
	}
	for _, e := range s.Flush(nil) {
		fmt.Println(e.ID)
	}
	// Output:
	// 7f3a1c09.1
	// 7f3a1c09.2
	// 7f3a1c09.3
}

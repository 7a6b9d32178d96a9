// Package event holds what both ends of Telltale must agree on: what an event is, the place it has in the record, the
// catalogue of types with their Go payloads, and the filters that choose among them. It is compiled into the server and
// into the browser, and depends on nothing but small packages of the standard library.
//
// # One event, three forms
//
// A publisher sends a [Draft]. [Draft.Event] checks it and turns it into an [Event], whose Data is the flat JSON object
// every reader will get. The record gives the Event its ID. [AppendFrame] writes it to a stream, [Parse] reads it there.
//
// # Payloads only grow
//
// A browser may run last year's app.wasm from its cache: fields are added, never renamed, removed or given another
// meaning; unknown fields and unknown types pass through untouched; and the samples stored in this package keep decoding.
package event

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/mcp-cloud/telltale/shared/sse"
)

// Event is one recorded, or about to be recorded, event. It is a value; its Data is shared and must not be changed by
// anyone after the Event is made.
type Event struct {
	ID     ID        // the place in the record; zero until recorded
	Type   string    // "category:action"
	Server string    // which server it is about
	Time   time.Time // when it happened, to the millisecond, UTC: the payload's word, else the publisher's, else time of arrival
	Key    string    // the publisher's own id: server, type and key seen before are the same event; "" when it gave none

	// Data is a compact JSON object on one line: "id" (first, where the payload or the publisher gave one), then
	// "timestamp", "serverId", "source" where given, then the payload's own fields in their order, unknown ones included.
	Data []byte
}

// Class returns the policy class of the event's type.
func (e Event) Class() Class { return ClassOf(e.Type) }

var idPrefix = []byte(`{"id":`)

// AppendJSON appends the object that readers get: e.Data, with the event's place as its "id" where it brought none.
func AppendJSON(b []byte, e Event) []byte {
	if e.ID.IsZero() || len(e.Data) < 2 || bytes.HasPrefix(e.Data, idPrefix) {
		return append(b, e.Data...)
	}
	b = append(b, `{"id":"`...)
	b = e.ID.Append(b)
	b = append(b, '"')
	if e.Data[1] != '}' {
		b = append(b, ',')
	}
	return append(b, e.Data[1:]...)
}

// AppendFrame appends the event as it stands in a text/event-stream: "id:" its place, if it has one, "event:" its type,
// "data:" its JSON. An event from Draft.Event or from a record can hold nothing that would break the line.
func AppendFrame(b []byte, e Event) []byte {
	if !e.ID.IsZero() {
		b = append(b, "id: "...)
		b = e.ID.Append(b)
		b = append(b, '\n')
	}
	b = append(b, "event: "...)
	b = append(b, e.Type...)
	b = append(b, "\ndata: "...)
	b = AppendJSON(b, e)
	return append(b, '\n', '\n')
}

// ErrData reports a frame whose data is not what AppendFrame writes.
var ErrData = errors.New("not an event of this stream")

// Parse reads a frame back into an Event. The Event's Data is the whole JSON object as it came and shares the frame's
// memory: clone it to keep it longer than the frame. Type and Server are interned, so a stream of a million events of ten
// servers holds ten server names. Key is not on the wire.
//
// Parse reads as far as it must: it relies on AppendFrame having written "timestamp" and "serverId" once each, and leaves
// what follows them to [Kind.Decode].
//
// Control frames (category "stream") parse too; their ID is the place the stream vouches for, and zero when it names none.
func Parse(f sse.Frame) (Event, error) {
	e := Event{Type: intern(f.Event), Data: f.Data}
	if len(f.ID) > 0 {
		id, ok := parseID(f.ID)
		if !ok {
			return e, fmt.Errorf("event: id %.40q: %w", f.ID, ErrID)
		}
		e.ID = id
	}
	if when, server, rest := head(f.Data); rest > 0 {
		if t, ok := parseMillis(when); ok {
			e.Time, e.Server = t, intern(server)
			return e, nil
		}
	}
	m := walk(f.Data)
	for need := 2; need > 0 && m.next(); {
		switch string(m.key) {
		case "timestamp":
			if t, ok := parseTime(m.val); ok {
				e.Time = t
			}
			need--
		case "serverId":
			e.Server = m.interned()
			need--
		}
	}
	if m.err != nil {
		return e, fmt.Errorf("event: %s: %w", e.Type, m.err)
	}
	return e, nil
}

// Package sse is the text/event-stream format of the WHATWG HTML standard, section 9.2 "Server-sent events"
// (https://html.spec.whatwg.org/multipage/server-sent-events.html), both ways: [Append] writes a frame, [Decoder] reads
// frames from bytes in any chunking. It knows nothing of Telltale.
package sse

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// ContentType is the media type of a stream.
const ContentType = "text/event-stream"

// Frame is one event of a stream.
type Frame struct {
	// ID is the last event ID of the stream when the frame was dispatched: the frame's own "id:", or the one before it
	// where it has none. When encoding, an "id:" line is written unless ID is nil; an ID of length zero writes an empty
	// one, which resets the reader's.
	ID []byte
	// Event is the type, "" for a plain message.
	Event []byte
	// Data is the text of the "data:" lines, joined by "\n".
	Data []byte
}

// ErrLine is returned by Append for an ID or Event that does not fit on one line, or an ID that holds a NUL: a reader
// would take it for something else.
var ErrLine = errors.New("sse: line break or NUL in id or event")

// Append appends the frame as it stands on the wire, ending in a blank line. Data may hold line breaks; "\r\n" and "\r"
// in it reach the reader as "\n", as the format has no way to say otherwise. A frame without data is never dispatched by a
// reader, but its id counts; Append writes it so.
func Append(b []byte, f Frame) ([]byte, error) {
	if bytes.ContainsAny(f.ID, "\r\n\x00") || bytes.ContainsAny(f.Event, "\r\n") {
		return b, ErrLine
	}
	if f.ID != nil {
		b = appendField(b, "id", f.ID)
	}
	if len(f.Event) > 0 {
		b = appendField(b, "event", f.Event)
	}
	if f.Data != nil {
		b = appendLines(b, "data", f.Data)
	}
	return append(b, '\n'), nil
}

// AppendRetry appends a "retry:" line, which sets the reader's reconnection time to whole milliseconds, never below zero.
func AppendRetry(b []byte, d time.Duration) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, max(0, d.Milliseconds()), 10)
	return append(b, '\n', '\n')
}

// AppendComment appends text as comment lines, which readers skip, and which keep a connection from looking idle.
func AppendComment(b []byte, text string) []byte {
	b = appendLines(b, "", []byte(text))
	return append(b, '\n')
}

func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	b = append(b, ':', ' ')
	b = append(b, value...)
	return append(b, '\n')
}

// appendLines writes one field for each line of value; "\r\n", "\r" and "\n" end a line.
func appendLines(b []byte, name string, value []byte) []byte {
	for {
		i := bytes.IndexAny(value, "\r\n")
		if i < 0 {
			return appendField(b, name, value)
		}
		b = appendField(b, name, value[:i])
		if value[i] == '\r' && i+1 < len(value) && value[i+1] == '\n' {
			i++
		}
		value = value[i+1:]
	}
}

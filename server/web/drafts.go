package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/event"
)

// maxErrors bounds how many mistakes of one body are told at once.
const maxErrors = 10

// parseEvents turns a body into events without places. The body is one object, an array of objects, or objects one after
// the other (NDJSON); which of them, its first byte says. Server is what the path names, or "". The error is a *problem
// that names each mistake by index and field, up to maxErrors. An event has at most so many bytes.
func parseEvents(body []byte, server string, arrival time.Time, most int) ([]event.Event, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	if !utf8.Valid(body) {
		return nil, fail(http.StatusBadRequest, "The body is not valid UTF-8, which is what JSON is made of.")
	}
	parts, array, err := split(body)
	if err != nil {
		return nil, err
	}
	single := !array && len(parts) == 1
	events := make([]event.Event, 0, len(parts))
	var wrong []fieldError
	for i, part := range parts {
		if len(part) > most {
			p := fail(http.StatusRequestEntityTooLarge, "%s has %d bytes, and an event may have %d. None of the events was recorded.", fieldOf(i, single), len(part), most).code("event")
			p.Field = fieldOf(i, single)
			return nil, p
		}
		e, err := parseEvent(part, server, arrival)
		if err == nil {
			events = append(events, e)
			continue
		}
		wrong = append(wrong, describe(i, single, err))
		if len(wrong) == maxErrors {
			break
		}
	}
	if len(wrong) == 0 {
		return events, nil
	}
	p := fail(http.StatusBadRequest, "%s: %s. None of the events was recorded.", wrong[0].Field, wrong[0].Message)
	if n := len(wrong) - 1; n > 0 {
		p.Detail = fmt.Sprintf("%s: %s; and %d more mistakes, see errors. None of the events was recorded.", wrong[0].Field, wrong[0].Message, n)
	}
	p.Field, p.Errors = wrong[0].Field, wrong
	return nil, p
}

// fieldOf names one event of a body.
func fieldOf(i int, single bool) string {
	if single {
		return "event"
	}
	return fmt.Sprintf("events[%d]", i)
}

// isSingle reports whether a body of n events is the one itself, and no list.
func isSingle(body []byte, n int) bool {
	rest := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\uFEFF")), " \t\r\n")
	return n == 1 && len(rest) > 0 && rest[0] != '['
}

func describe(i int, single bool, err error) fieldError {
	out := fieldError{Index: i, Field: fieldOf(i, single), Message: err.Error()}
	var fe *event.FieldError
	if errors.As(err, &fe) && fe.Field != "" {
		out.Message = fe.Reason
		if single {
			out.Field = fe.Field
		} else {
			out.Field += "." + fe.Field
		}
	}
	return out
}

// split cuts a body into the JSON texts of its events, and says whether they stood in an array. The texts share the
// decoder's memory, not the body's.
func split(body []byte) (parts []json.RawMessage, array bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	rest := bytes.TrimLeft(body, " \t\r\n")
	if len(rest) == 0 {
		return nil, false, fail(http.StatusBadRequest, `The body is empty: send one event, such as {"type":"backup:finished","data":{"size":12}}.`)
	}
	array = rest[0] == '['
	if array {
		if _, err := dec.Token(); err != nil {
			return nil, true, badJSON(body, dec, 0, err)
		}
	}
	for !array || dec.More() {
		var part json.RawMessage
		err := dec.Decode(&part)
		if !array && errors.Is(err, io.EOF) {
			return parts, false, nil
		}
		if err != nil {
			return nil, array, badJSON(body, dec, len(parts), err)
		}
		if len(parts) == maxEvents {
			return nil, array, fail(http.StatusRequestEntityTooLarge, "The body holds more than %d events: send fewer at once.", maxEvents)
		}
		parts = append(parts, part)
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return nil, true, badJSON(body, dec, len(parts), err)
	}
	if len(bytes.TrimSpace(body[dec.InputOffset():])) > 0 {
		return nil, true, fail(http.StatusBadRequest, "Something follows the array's end, at byte %d.", dec.InputOffset())
	}
	return parts, true, nil
}

// badJSON says where a body stops being JSON.
func badJSON(body []byte, dec *json.Decoder, index int, err error) *problem {
	at := dec.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	at = min(at, int64(len(body)))
	what := strings.TrimPrefix(err.Error(), "json: ")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		what, at = "it ends too early", int64(len(body))
	}
	line := 1 + bytes.Count(body[:at], []byte{'\n'})
	p := fail(http.StatusBadRequest, "events[%d]: not valid JSON, line %d, byte %d: %s. None of the events was recorded.", index, line, at, what)
	p.Field = fmt.Sprintf("events[%d]", index)
	return p
}

// parseEvent reads one event. A field of value null counts as absent.
func parseEvent(text []byte, server string, arrival time.Time) (event.Event, error) {
	var d event.Draft
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return event.Event{}, fmt.Errorf(`want an object such as {"type":"backup:finished","data":{}}, got %s`, kindOf(text))
	}
	seen := make(map[string]bool, 6)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return event.Event{}, err
		}
		name, _ := key.(string)
		var val json.RawMessage
		if err := dec.Decode(&val); err != nil {
			return event.Event{}, err
		}
		if seen[name] {
			return event.Event{}, &event.FieldError{Field: name, Reason: "given twice"}
		}
		seen[name] = true
		if err := setField(&d, name, val); err != nil {
			return event.Event{}, err
		}
	}
	return d.Event(server, arrival)
}

func setField(d *event.Draft, name string, val json.RawMessage) error {
	null := string(val) == "null"
	text := func(to *string) error {
		if null {
			return nil
		}
		if json.Unmarshal(val, to) != nil {
			return &event.FieldError{Field: name, Reason: "want a string, got " + kindOf(val)}
		}
		return nil
	}
	switch name {
	case "id":
		return text(&d.ID)
	case "type":
		return text(&d.Type)
	case "serverId":
		return text(&d.ServerID)
	case "source":
		return text(&d.Source)
	case "timestamp":
		if null {
			return nil
		}
		var s string
		if json.Unmarshal(val, &s) == nil {
			if t, err := time.Parse(time.RFC3339, s); err == nil {
				d.Timestamp = t
				return nil
			}
		}
		return &event.FieldError{Field: name, Reason: fmt.Sprintf("want RFC 3339 such as 2006-01-02T15:04:05.000Z, got %s", brief(val))}
	case "data":
		if !null {
			d.Data = val
		}
		return nil
	}
	return &event.FieldError{Field: fmt.Sprintf("%.60s", name),
		Reason: `not a field of an event, which are id, type, timestamp, serverId, source and data: what it carries belongs in "data"`}
}

// kindOf names the kind of a JSON value.
func kindOf(val []byte) string {
	val = bytes.TrimSpace(val)
	if len(val) == 0 {
		return "nothing"
	}
	switch val[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

func brief(val []byte) string { return fmt.Sprintf("%.40s", val) }

package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Draft is what a publisher sends: one event before it has a place.
type Draft struct {
	// ID makes publishing idempotent: server, type and ID seen before within the dedup window are the same event, and
	// the place of the first is given again. It is optional, and nothing inside Data does this.
	ID string `json:"id,omitempty"`

	Type      string    `json:"type"`               // "category:action"; "stream:…" is the hub's own and refused
	Timestamp time.Time `json:"timestamp,omitzero"` // when it happened, if not now
	ServerID  string    `json:"serverId,omitempty"` // where the URL does not say it
	Source    string    `json:"source,omitempty"`   // who says so, such as "host" or "ci"

	// Data is the payload, one JSON object. Its own fields pass through untouched, its own "id" included; only
	// "serverId" is always the hub's word.
	Data json.RawMessage `json:"data,omitempty"`
}

// FieldError says which field of a draft is wrong and what would be right.
type FieldError struct {
	Field  string // such as "type" or "data.usage"
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func fieldErr(field string, err error) error { return &FieldError{field, err.Error()} }

// MaxData bounds the Data of one event, in bytes, as it arrives and as it is recorded.
const MaxData = 256 << 10

// Event checks the draft against the catalogue and returns it as an Event without a place. Server, when not empty, is
// what the URL says, and ServerID may only repeat it. Arrival is the time used when neither the payload nor the draft
// has one. All errors are a *FieldError.
//
// The Event owns its Data; the draft may be reused.
func (d *Draft) Event(server string, arrival time.Time) (Event, error) {
	if err := CheckType(d.Type); err != nil {
		return Event{}, fieldErr("type", err)
	}
	if ClassOf(d.Type) == Control {
		return Event{}, fieldErr("type", errors.New(`"stream:…" events are the hub's own and can't be published`))
	}
	switch {
	case server == "":
		server = d.ServerID
	case d.ServerID != "" && d.ServerID != server:
		return Event{}, fieldErr("serverId", fmt.Errorf("%.40q differs from the server in the URL", d.ServerID))
	}
	if err := CheckServer(server); err != nil {
		return Event{}, fieldErr("serverId", err)
	}
	if len(d.ID) > MaxKeyLen {
		return Event{}, fieldErr("id", fmt.Errorf("longer than %d bytes", MaxKeyLen))
	}
	if err := CheckText(d.ID); err != nil {
		return Event{}, fieldErr("id", err)
	}
	if len(d.Source) > MaxSourceLen {
		return Event{}, fieldErr("source", fmt.Errorf("longer than %d bytes", MaxSourceLen))
	}
	if err := CheckText(d.Source); err != nil {
		return Event{}, fieldErr("source", err)
	}
	if !d.Timestamp.IsZero() {
		arrival = d.Timestamp
	}
	e := Event{Type: d.Type, Server: server, Time: Millis(arrival), Key: d.ID}
	if err := e.flatten(d); err != nil {
		return Event{}, err
	}
	return e, nil
}

// flatten makes e.Data from the draft's payload, and takes e.Time from it where it has one.
func (e *Event) flatten(d *Draft) error {
	payload := bytes.TrimSpace(d.Data)
	if len(payload) == 0 || string(payload) == "null" {
		payload = []byte("{}")
	}
	if len(payload) > MaxData {
		return fieldErr("data", fmt.Errorf("longer than %d bytes", MaxData))
	}
	if payload[0] != '{' || !json.Valid(payload) {
		return fieldErr("data", errors.New("want a JSON object"))
	}
	if !utf8.Valid(payload) {
		return fieldErr("data", errors.New("not valid UTF-8"))
	}
	var id, source []byte
	var hasType, hasValue, echo bool
	rest := make([]byte, 0, len(payload)) // the members that stay where they are, a comma before each
	m := walk(payload)
	for m.next() {
		switch string(m.key) {
		case "id":
			id = m.val
			continue
		case "timestamp":
			t, ok := parseTime(m.val)
			if !ok {
				return fieldErr("data.timestamp", errors.New("want RFC 3339 such as 2006-01-02T15:04:05.000Z"))
			}
			e.Time = t
			continue
		case "serverId":
			continue
		case "source":
			source = m.val
			continue
		case "type":
			hasType = true
		case "value":
			hasValue = true
		default:
			echo = echo || bytes.EqualFold(m.key, []byte("serverId"))
		}
		rest = append(rest, ',')
		rest = append(rest, m.name...)
		rest = append(rest, ':')
		rest = append(rest, m.val...)
	}
	if m.err != nil {
		return fieldErr("data", m.err)
	}
	if y := e.Time.Year(); y < 1 || y > 9999 {
		return fieldErr("timestamp", errors.New("want a year between 1 and 9999"))
	}

	b := make([]byte, 0, len(rest)+len(e.Server)+len(d.Source)+128)
	b = append(b, '{')
	switch {
	case id != nil:
		b = append(b, `"id":`...)
		b = append(b, id...)
		b = append(b, ',')
	case d.ID != "":
		b = append(b, `"id":`...)
		b = appendQuoted(b, []byte(d.ID))
		b = append(b, ',')
	}
	b = append(b, `"timestamp":"`...)
	b = appendTime(b, e.Time)
	b = append(b, `","serverId":`...)
	b = appendQuoted(b, []byte(e.Server))
	switch {
	case source != nil:
		b = append(b, `,"source":`...)
		b = append(b, source...)
	case d.Source != "":
		b = append(b, `,"source":`...)
		b = appendQuoted(b, []byte(d.Source))
	}
	b = append(b, rest...)
	if echo {
		// A payload's "serverid" is its own to have, but encoding/json would take it for ours, and believes the last one.
		b = append(b, `,"serverId":`...)
		b = appendQuoted(b, []byte(e.Server))
	}
	b = append(b, '}')

	compact := bytes.NewBuffer(make([]byte, 0, len(b)+64))
	if err := json.Compact(compact, b); err != nil {
		return fieldErr("data", err)
	}
	e.Data = compact.Bytes()
	if err := check(e.Type, e.Data); err != nil {
		return err
	}
	if ClassOf(e.Type) == Sample {
		e.Data = headline(e.Type, e.Data, hasType, hasValue)
	}
	if len(e.Data) > MaxData {
		return fieldErr("data", fmt.Errorf("longer than %d bytes with what the hub adds", MaxData))
	}
	return nil
}

func appendQuoted(b, s []byte) []byte {
	q, err := json.Marshal(string(s))
	if err != nil { // a string always marshals
		panic(err)
	}
	return append(b, q...)
}

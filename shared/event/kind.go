package event

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is one type of the catalogue with its Go payload: typed outside, a row of a plain table inside, so that another
// kind adds next to no code to the browser's download. The zero Kind is not usable; the catalogue has them all.
type Kind[T any] struct {
	name   string
	class  Class
	decode func(data []byte) (T, error)
}

// define makes the face of a row that gen.go has written.
func define[T any](name string, class Class) Kind[T] {
	r := find(name)
	if r == nil {
		panic("event: " + name + " is not in generated.go: run `go generate ./shared/event`")
	}
	return Kind[T]{name, class, r.decode.(func([]byte) (T, error))}
}

// A row is what gen.go knows of a type, from its declaration and its comments.
type row struct {
	name        string
	class       Class
	description string
	fields      []Field
	decode      any // func([]byte) (T, error)
}

// find returns the row of a type, or nil. The table is short and its names differ early in length or letters, so looking
// through it costs less than hashing would.
func find(name string) *row {
	for i := range rows {
		if rows[i].name == name {
			return &rows[i]
		}
	}
	return nil
}

// Name returns the "category:action".
func (k Kind[T]) Name() string { return k.name }

// Class returns the policy class.
func (k Kind[T]) Class() Class { return k.class }

// Draft returns an event of this kind about a server, ready to be published. It fails only where json.Marshal does: on a
// json.RawMessage that is not JSON.
func (k Kind[T]) Draft(server string, payload T) (Draft, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return Draft{}, fmt.Errorf("event: %s: %w", k.name, err)
	}
	return Draft{Type: k.name, ServerID: server, Data: data}, nil
}

// Decode reads the payload from an event's Data, and keeps nothing of its memory. It is lenient, as what comes over the
// wire may be of another version: unknown fields are passed over, and a field of the wrong type counts as missing. It fails
// with ErrData only where data is not a JSON object, and then still returns what it found.
//
// It agrees with json.Unmarshal into the same struct but for this: keys are matched exactly, not in any case; null is missing
// everywhere; times are in UTC, cut to milliseconds; an "id" may be a number; classes of events that we do not know are left out.
// Of repeated keys the last whose value has the right type counts.
func (k Kind[T]) Decode(data []byte) (T, error) { return k.decode(data) }

// AppendFrame appends a control event as it stands in a stream. It has an "id:" line unless place is zero.
func (k Kind[T]) AppendFrame(b []byte, place ID, payload T) ([]byte, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return b, fmt.Errorf("event: %s: %w", k.name, err)
	}
	if !place.IsZero() {
		b = append(b, "id: "...)
		b = place.Append(b)
		b = append(b, '\n')
	}
	b = append(b, "event: "...)
	b = append(b, k.name...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return append(b, '\n', '\n'), nil
}

// Type describes one type of the catalogue for people and programs.
type Type struct {
	Name        string          `json:"name"` // "category:action"
	Category    string          `json:"category"`
	Action      string          `json:"action"`
	Description string          `json:"description"` // what it says and when it is sent
	Class       Class           `json:"class"`
	SlowLink    string          `json:"slowLink"` // what a link slower than the events does to it
	Newcomer    string          `json:"newcomer"` // what of it a new stream begins with
	Fields      []Field         `json:"fields"`   // of the payload; CommonFields come with every recorded event
	Sample      json.RawMessage `json:"sample"`   // the data of such an event
}

// Field describes one field of a payload.
type Field struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // string, number, integer, boolean, time, place, strings (an array) or any
	Unit     string `json:"unit,omitempty"`
	Meaning  string `json:"meaning"`
	Optional bool   `json:"optional,omitempty"` // it may be missing
}

// What the JSON value of a field is.
const (
	textField    = "string"
	numberField  = "number"
	integerField = "integer"
	boolField    = "boolean"
	timeField    = "time"    // a string, RFC 3339
	placeField   = "place"   // a string, as ID writes it
	textsField   = "strings" // an array of strings
	anyField     = "any"     // any value, an object as a rule
)

// CommonFields describes what every recorded event carries beside its payload; see [Common].
func CommonFields() []Field { return slices.Clone(commonFields) }

// MaxUnknown is how many types that the catalogue does not have are remembered of one server, in the picture and as latest states
// in the record; beyond it the one that was silent longest goes first. Types are a publisher's to invent, and without a bound one server would hold
// as many for ever.
const MaxUnknown = 100

// Known reports whether the catalogue has the type.
func Known(name string) bool { return find(name) != nil }

// Lookup returns the description of a type, if the catalogue has it.
func Lookup(name string) (Type, bool) {
	r := find(name)
	if r == nil {
		return Type{}, false
	}
	return r.describe(), true
}

// Catalogue returns all types: by category, and within one in the order of a life.
func Catalogue() []Type {
	types := make([]Type, len(rows))
	for i := range rows {
		types[i] = rows[i].describe()
	}
	return types
}

func (r *row) describe() Type {
	category, action, _ := strings.Cut(r.name, ":")
	return Type{
		Name: r.name, Category: category, Action: action, Description: r.description,
		Class: r.class, SlowLink: r.class.SlowLink(), Newcomer: r.class.Newcomer(),
		Fields: r.fields, Sample: sample(r.name),
	}
}

//go:embed samples/*.json
var samples embed.FS

// sample returns the stored example of a type's data: one file for each, which a test holds to the payload's fields.
func sample(name string) json.RawMessage {
	b, err := samples.ReadFile("samples/" + strings.Replace(name, ":", "_", 1) + ".json")
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}

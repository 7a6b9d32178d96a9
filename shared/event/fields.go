package event

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// What follows reads the value of the member that a walker is at into one field of a payload. A value of another type, and
// null, leave the field as it is.

// string returns the text of a string, "" for anything else.
func (m *walker) string() string {
	if m.plain {
		return string(m.val[1 : len(m.val)-1])
	}
	return unquote(m.val)
}

// interned is string for texts that recur.
func (m *walker) interned() string {
	if m.plain {
		return intern(m.val[1 : len(m.val)-1])
	}
	return unquote(m.val)
}

func (m *walker) text(s *string) {
	if m.val[0] == '"' {
		*s = m.string()
	}
}

// word is text for fields whose texts recur.
func (m *walker) word(s *string) {
	if m.val[0] == '"' {
		*s = m.interned()
	}
}

// ownID is text for "id" fields, which pass as the publisher wrote them: a number is taken as its digits.
func (m *walker) ownID(s *string) {
	if _, ok := parseNumber(m.val); ok {
		*s = string(m.val)
		return
	}
	m.text(s)
}

func (m *walker) number(n *Number) {
	f, ok := parseShort(m.val)
	if !ok {
		f, ok = parseNumber(m.val)
	}
	if ok {
		*n = Number{f, true}
	}
}

func (m *walker) int(i *int) {
	if n, err := strconv.Atoi(string(m.val)); err == nil {
		*i = n
	}
}

func (m *walker) int64(i *int64) {
	if n, err := strconv.ParseInt(string(m.val), 10, 64); err == nil {
		*i = n
	}
}

func (m *walker) bool(b *bool) {
	switch string(m.val) {
	case "true":
		*b = true
	case "false":
		*b = false
	}
}

func (m *walker) time(t *time.Time) {
	if p, ok := parseTime(m.val); ok {
		*t = p
	}
}

func (m *walker) place(id *ID) {
	if p, err := ParseID(unquote(m.val)); err == nil {
		*id = p
	}
}

// raw copies the value, so that the payload does not hold on to the frame's memory.
func (m *walker) raw(raw *json.RawMessage) {
	if string(m.val) != "null" {
		*raw = slices.Clone(m.val)
	}
}

func (m *walker) texts(list *[]string) {
	if l := parseTexts(m.val); l != nil {
		*list = l
	}
}

// classes passes over the classes it does not know.
func (m *walker) classes(list *[]Class) {
	names := parseTexts(m.val)
	if names == nil {
		return
	}
	known := make([]Class, 0, len(names))
	for _, name := range names {
		var c Class
		if c.UnmarshalText([]byte(name)) == nil {
			known = append(known, c)
		}
	}
	*list = known
}

// parseTexts returns nil when val is anything but an array of strings.
func parseTexts(val []byte) []string {
	var list []string
	if json.Unmarshal(val, &list) != nil {
		return nil
	}
	return list
}

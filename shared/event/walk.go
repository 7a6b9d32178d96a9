package event

import (
	"bytes"
	"fmt"
)

// A walker goes through the members of a JSON object: `for m := walk(obj); m.next(); {` gives each in order, and m.err
// says afterwards why it ended early, if it did. It checks only as much of the syntax as it needs to find its way; it
// neither panics nor recurses, whatever obj holds. Everything shares obj's memory, but a key with escapes.
type walker struct {
	key   []byte // unescaped, without quotes
	name  []byte // the key as it stands in obj
	val   []byte // as it stands in obj, never empty
	plain bool   // val is a string without escapes
	err   error

	obj []byte
	pos int // after the value last given; 0 before the first, below zero after the last
}

func walk(obj []byte) walker { return walker{obj: obj} }

// walkPayload is walk without the "id", "timestamp" and "serverId" that begin the data of a recorded event.
func walkPayload(obj []byte) walker {
	_, _, rest := head(obj)
	return walker{obj: obj, pos: rest}
}

// head reads the beginning that AppendFrame gives to the data of every event with a text for its id: half of what there
// is to walk through, at a fraction of the cost. When is the JSON string, server the plain text, and rest is where the walk
// goes on; rest is 0 where data begins otherwise.
func head(data []byte) (when, server []byte, rest int) {
	const id, timestamp, serverID = `{"id":"`, `,"timestamp":"`, `,"serverId":"`
	if len(data) < len(id) || string(data[:len(id)]) != id {
		return nil, nil, 0
	}
	i, _ := skipString(data, len(id)-1)
	j := i + len(timestamp) + len(timeLayout) + 1 // after the quote that ends the time
	k := j + len(serverID)
	if i < 0 || len(data) < k || string(data[i:i+len(timestamp)]) != timestamp || string(data[j:k]) != serverID {
		return nil, nil, 0
	}
	when = data[i+len(timestamp)-1 : j]
	end, plain := skipString(data, k-1)
	if !plain {
		return nil, nil, 0
	}
	return when, data[k : end-1], end
}

func (m *walker) next() bool {
	obj, i := m.obj, m.pos
	if i <= 0 {
		if i < 0 || !m.open() {
			return false
		}
		i = m.pos
	} else {
		i = space(obj, i)
		switch {
		case i < len(obj) && obj[i] == ',':
			i = space(obj, i+1)
		case i < len(obj) && obj[i] == '}':
			m.pos = -1
			return false
		default:
			return m.fail(i, "a comma or the end of the object")
		}
	}

	end, plain := skipString(obj, i)
	if end < 0 {
		return m.fail(i, "a key")
	}
	m.name, m.key = obj[i:end], obj[i+1:end-1]
	if !plain {
		if m.key, plain = unescape(m.key); !plain {
			return m.fail(i, "a key")
		}
	}
	i = space(obj, end)
	if i >= len(obj) || obj[i] != ':' {
		return m.fail(i, "a colon")
	}
	i = space(obj, i+1)
	if end, m.plain = skipText(obj, i); end < 0 {
		end = skipValue(obj, i)
	}
	if end < 0 {
		return m.fail(i, "a value")
	}
	m.val, m.pos = obj[i:end], end
	return true
}

// open goes to the first key.
func (m *walker) open() bool {
	i := space(m.obj, 0)
	if i >= len(m.obj) || m.obj[i] != '{' {
		return m.fail(i, "a JSON object")
	}
	i = space(m.obj, i+1)
	if i < len(m.obj) && m.obj[i] == '}' {
		m.pos = -1
		return false
	}
	m.pos = i
	return true
}

func (m *walker) fail(at int, want string) bool {
	m.pos = -1
	m.err = fmt.Errorf("%w: want %s at byte %d", ErrData, want, at)
	return false
}

// space returns the index of the first byte from i on that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index after the JSON string that begins at i, and whether it is without escapes; -1 when there is
// no string, or no end to it.
func skipString(b []byte, i int) (end int, plain bool) {
	if i >= len(b) || b[i] != '"' {
		return -1, false
	}
	i++
	plain = true
	for i < len(b) {
		c := b[i]
		i++
		if c == '"' {
			return i, plain
		}
		if c == '\\' {
			plain = false
			i++
		}
	}
	return -1, false
}

// skipText is skipString for strings that may be long, as values are.
func skipText(b []byte, i int) (end int, plain bool) {
	if i >= len(b) || b[i] != '"' {
		return -1, false
	}
	n := bytes.IndexByte(b[i+1:], '"')
	if n < 0 {
		return -1, false
	}
	if bytes.IndexByte(b[i+1:i+1+n], '\\') >= 0 {
		return skipString(b, i)
	}
	return i + n + 2, true
}

// skipValue returns the index after the JSON value that begins at i, or -1.
func skipValue(b []byte, i int) int {
	if i < len(b) && (b[i] == '{' || b[i] == '[') {
		return skipNested(b, i)
	}
	start := i
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			if i == start {
				return -1
			}
			return i
		case '"', '{', '[', ':':
			return -1
		}
	}
	return -1
}

func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i, _ = skipString(b, i); i < 0 {
				return -1
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

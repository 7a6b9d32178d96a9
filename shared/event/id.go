package event

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"strconv"
)

// ID is the place of an event in the record: an epoch, which names the life of the log, and a sequence number that rises
// by one with each recorded event and is never used twice within an epoch. A filtered stream has holes in Seq by design.
//
// Its text form is "epoch.seq", the epoch in lower-case hexadecimal, the sequence in decimal: "7f3a1c09.658512". Clients
// treat that text as opaque. Two IDs are ordered only within one epoch.
//
// The zero ID is no place at all: "from the beginning" where a place to read after is asked for. With an epoch and a Seq of zero
// it is the place before the first event of that life of the log, which a reader has who was there when nothing was recorded yet.
type ID struct {
	Epoch uint32
	Seq   uint64
}

// ErrID reports text that is not an ID.
var ErrID = errors.New(`not a place in the record: want "epoch.seq" such as "7f3a1c09.658512"`)

// ParseID reads the text form that [ID.String] writes, and only that: one text for each place, so that places can be
// compared as text. It returns ErrID for anything else, the empty string included.
func ParseID(s string) (ID, error) {
	id, ok := parseID([]byte(s))
	if !ok {
		return ID{}, ErrID
	}
	return id, nil
}

// parseID is by hand because every frame that reaches a browser has one.
func parseID(b []byte) (ID, bool) {
	dot := bytes.IndexByte(b, '.')
	if dot < 1 || dot > 8 || b[0] == '0' {
		return ID{}, false
	}
	var id ID
	for _, c := range b[:dot] {
		switch {
		case '0' <= c && c <= '9':
			id.Epoch = id.Epoch<<4 | uint32(c-'0')
		case 'a' <= c && c <= 'f':
			id.Epoch = id.Epoch<<4 | uint32(c-'a'+10)
		default:
			return ID{}, false
		}
	}
	b = b[dot+1:]
	if len(b) == 0 || b[0] == '0' && len(b) > 1 {
		return ID{}, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if c < '0' || c > '9' || id.Seq > (math.MaxUint64-d)/10 {
			return ID{}, false
		}
		id.Seq = id.Seq*10 + d
	}
	return id, true
}

// IsZero reports whether the ID is no place.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the text form, or "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.Append(nil))
}

// Append appends the text form to b; it appends nothing for the zero ID.
func (id ID) Append(b []byte) []byte {
	if id.IsZero() {
		return b
	}
	b = strconv.AppendUint(b, uint64(id.Epoch), 16)
	b = append(b, '.')
	return strconv.AppendUint(b, id.Seq, 10)
}

// Compare orders two places of the same epoch by sequence. Places of different epochs have no order in time; they are
// kept apart by epoch so that sorting is still well defined.
func (id ID) Compare(other ID) int {
	if c := cmp.Compare(id.Epoch, other.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(id.Seq, other.Seq)
}

// MarshalText and UnmarshalText let an ID stand as a JSON string.
func (id ID) MarshalText() ([]byte, error) { return id.Append(nil), nil }

// UnmarshalText accepts the text form, and the empty text for the zero ID.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	p, ok := parseID(b)
	if !ok {
		return ErrID
	}
	*id = p
	return nil
}

package redis

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A record is one event as it lies in Redis, the field "e" of the stream entry whose id is "place-0":
//
//	1 byte    version, recordVersion
//	6 bytes   when it was recorded, in milliseconds since 1970, big-endian
//	2 bytes   length of Type, a zero byte and Server, big-endian; then those
//	varint    Time, in milliseconds since 1970
//	uvarint   length of Key; then that
//	the rest  Data
//
// The scripts read the first three of these.
const (
	recordVersion = 1
	recordHead    = 1 + 6 + 2
)

// errRecord reports bytes that appendRecord did not write.
var errRecord = errors.New("damaged record")

// recordRoom is at least the size of e's record.
func recordRoom(e *event.Event) int {
	return recordHead + 1 + 2*binary.MaxVarintLen64 + len(e.Type) + len(e.Server) + len(e.Key) + len(e.Data)
}

// appendRecord appends the record of e, recorded at the given time.
func appendRecord(b []byte, e *event.Event, at time.Time) ([]byte, error) {
	topic := len(e.Type) + 1 + len(e.Server)
	if topic > math.MaxUint16 {
		return b, errors.New("type and server are too long")
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(at.UnixMilli(), 0)))
	b = append(b, recordVersion)
	b = append(b, ms[2:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(topic))
	b = append(b, e.Type...)
	b = append(b, 0)
	b = append(b, e.Server...)
	b = binary.AppendVarint(b, e.Time.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(e.Key)))
	b = append(b, e.Key...)
	return append(b, e.Data...), nil
}

// A record's fields; the strings share its memory.
type record struct {
	time             int64 // milliseconds since 1970
	typ, server, key string
	data             string
}

// parse reads a record. It never panics, whatever s holds; all errors are errRecord.
func (r *record) parse(s string) error {
	if len(s) < recordHead {
		return fmt.Errorf("%w: %d bytes", errRecord, len(s))
	}
	if s[0] != recordVersion {
		return fmt.Errorf("%w: version %d, this telltale reads %d", errRecord, s[0], recordVersion)
	}
	topic := int(s[7])<<8 | int(s[8])
	rest := s[recordHead:]
	if topic > len(rest) {
		return fmt.Errorf("%w: length of type and server", errRecord)
	}
	cut := 0
	for cut < topic && rest[cut] != 0 {
		cut++
	}
	if cut == topic {
		return fmt.Errorf("%w: no server", errRecord)
	}
	r.typ, r.server, rest = rest[:cut], rest[cut+1:topic], rest[topic:]
	u, n := uvarint(rest)
	if n <= 0 {
		return fmt.Errorf("%w: time", errRecord)
	}
	r.time, rest = int64(u>>1), rest[n:]
	if u&1 != 0 {
		r.time = ^r.time
	}
	size, n := uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return fmt.Errorf("%w: length of the key", errRecord)
	}
	r.key, r.data = rest[n:n+int(size)], rest[n+int(size):]
	return nil
}

// uvarint is binary.Uvarint for a string.
func uvarint(s string) (uint64, int) {
	var b [binary.MaxVarintLen64]byte
	return binary.Uvarint(b[:copy(b[:], s)])
}

// event returns the record as an event. Names holds one copy of each type and server.
func (r *record) event(id event.ID, names map[string]string) event.Event {
	return event.Event{
		ID:     id,
		Type:   name(names, r.typ),
		Server: name(names, r.server),
		Time:   time.UnixMilli(r.time).UTC(),
		Key:    string([]byte(r.key)), // a copy, or it would hold the whole record
		Data:   []byte(r.data),
	}
}

// maxNames bounds how many names are kept: a copy more does no harm.
const maxNames = 50_000

func name(names map[string]string, s string) string {
	if n, ok := names[s]; ok {
		return n
	}
	if len(names) >= maxNames {
		clear(names)
	}
	n := string([]byte(s))
	names[n] = n
	return n
}

// keyOf stands for a server, type and publisher's id: 16 bytes of their SHA-256, so that a million of them take the same room
// whatever publishers call their events, and no two that differ are ever taken for one another. It is empty where there is no id.
func keyOf(e *event.Event) []byte {
	if e.Key == "" {
		return nil
	}
	b := make([]byte, 0, 256)
	b = append(b, e.Server...)
	b = append(b, 0)
	b = append(b, e.Type...)
	b = append(b, 0)
	b = append(b, e.Key...)
	sum := sha256.Sum256(b)
	return sum[:16]
}

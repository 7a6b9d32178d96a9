package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A record is one event as it lies in the file, under its sequence number as key:
//
//	1 byte    version, recordVersion
//	4 bytes   CRC-32C of all that follows and the key, big-endian
//	varint    Time, in milliseconds since 1970
//	varint    when it was recorded, in milliseconds after Time (often negative or zero)
//	3 times   uvarint length and bytes: Type, Server, Key
//	the rest  Data
//
// The place is not in it, so nearly all is done by the publisher's goroutine, before the place is known; seal does the rest.
const (
	recordVersion = 1
	recordHead    = 1 + 4
	// perRecord is what the file needs for a record besides its bytes: the key and bbolt's entry in the page.
	perRecord = 8 + 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord reports bytes that appendRecord did not write.
var errRecord = errors.New("damaged record")

// appendRecord appends the record of e, recorded at the given time. It must be sealed.
func appendRecord(b []byte, e *event.Event, at time.Time) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	ms := e.Time.UnixMilli()
	b = binary.AppendVarint(b, ms)
	b = binary.AppendVarint(b, at.UnixMilli()-ms)
	for _, s := range [...]string{e.Type, e.Server, e.Key} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.Data...)
	b[start] = recordVersion
	binary.BigEndian.PutUint32(b[start+1:], crc32.Checksum(b[start+recordHead:], castagnoli))
	return b
}

// seal makes the checksum of a new record hold for its key too, so that a record is not taken for that of another place.
func seal(b, key []byte) {
	binary.BigEndian.PutUint32(b[1:], crc32.Update(binary.BigEndian.Uint32(b[1:]), castagnoli, key))
}

// recordRoom is at least the size of e's record.
func recordRoom(e *event.Event) int {
	return recordHead + 5*binary.MaxVarintLen64 + len(e.Type) + len(e.Server) + len(e.Key) + len(e.Data)
}

// A record's fields as they lie in the file; the slices share its memory.
type record struct {
	time, at         int64 // milliseconds since 1970
	typ, server, key []byte
	data             []byte
}

// parse reads the record under a key. It never panics, whatever b holds; all errors are errRecord.
func (r *record) parse(key, b []byte) error {
	if len(b) < recordHead {
		return fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	if b[0] != recordVersion {
		return fmt.Errorf("%w: version %d, this telltale reads %d", errRecord, b[0], recordVersion)
	}
	rest := b[recordHead:]
	if crc32.Update(crc32.Checksum(rest, castagnoli), castagnoli, key) != binary.BigEndian.Uint32(b[1:]) {
		return fmt.Errorf("%w: wrong checksum", errRecord)
	}
	ms, n := binary.Varint(rest)
	if n <= 0 {
		return fmt.Errorf("%w: time", errRecord)
	}
	rest = rest[n:]
	after, n := binary.Varint(rest)
	if n <= 0 {
		return fmt.Errorf("%w: time", errRecord)
	}
	rest = rest[n:]
	r.time, r.at = ms, ms+after
	for _, field := range [...]*[]byte{&r.typ, &r.server, &r.key} {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return fmt.Errorf("%w: length of a field", errRecord)
		}
		*field = rest[n : n+int(size)]
		rest = rest[n+int(size):]
	}
	r.data = rest
	return nil
}

// event returns the record as an event that shares nothing with it. Names holds one copy of each type and server.
func (r *record) event(id event.ID, names map[string]string) event.Event {
	return event.Event{
		ID:     id,
		Type:   name(names, r.typ),
		Server: name(names, r.server),
		Time:   time.UnixMilli(r.time).UTC(),
		Key:    string(r.key),
		Data:   append(make([]byte, 0, len(r.data)), r.data...),
	}
}

func name(names map[string]string, b []byte) string {
	s, ok := names[string(b)]
	if !ok {
		s = string(b)
		names[s] = s
	}
	return s
}

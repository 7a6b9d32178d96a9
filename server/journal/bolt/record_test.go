package bolt

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

func FuzzRecord(f *testing.F) {
	f.Add(int64(1_772_000_000_000), int64(3), "metrics:cpu", "web-1", "", []byte(`{"value":1}`))
	f.Add(int64(-62135596800000), int64(-1), "", "", "\x00", []byte{})
	f.Fuzz(func(t *testing.T, ms, at int64, typ, server, key string, data []byte) {
		e := event.Event{ID: event.ID{Epoch: 1, Seq: 2}, Type: typ, Server: server, Time: time.UnixMilli(ms).UTC(), Key: key, Data: data}
		b := appendRecord([]byte("before"), &e, time.UnixMilli(at))[len("before"):]
		k := seqKey(e.ID.Seq)
		seal(b, k)
		if len(b) > recordRoom(&e) {
			t.Errorf("record of %d bytes, with room for %d", len(b), recordRoom(&e))
		}
		var r record
		if err := r.parse(k, b); err != nil {
			t.Fatal(err)
		}
		got := r.event(e.ID, make(map[string]string))
		if got.ID != e.ID || got.Type != typ || got.Server != server || got.Key != key || !got.Time.Equal(e.Time) || string(got.Data) != string(data) || r.at != at {
			t.Errorf("got %v recorded at %d, want %v at %d", got, r.at, e, at)
		}
		if err := new(record).parse(seqKey(3), b); !errors.Is(err, errRecord) {
			t.Errorf("under another key: got %v, want errRecord", err)
		}
		for i := range b {
			if err := new(record).parse(k, b[:i]); !errors.Is(err, errRecord) {
				t.Fatalf("cut to %d of %d bytes: got %v, want errRecord", i, len(b), err)
			}
		}
	})
}

// Whatever lies in the file, with a checksum that fits, is read within its bounds.
func FuzzParseRecord(f *testing.F) {
	e := event.Event{Type: "a:b", Server: "s", Time: time.UnixMilli(1), Data: []byte("{}")}
	f.Add(appendRecord(nil, &e, e.Time)[recordHead:])
	f.Add(slices.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, rest []byte) {
		b := append([]byte{recordVersion, 0, 0, 0, 0}, rest...)
		binary.BigEndian.PutUint32(b[1:], crc32.Checksum(rest, castagnoli))
		var r record
		if err := r.parse(nil, b); err != nil {
			if !errors.Is(err, errRecord) {
				t.Errorf("got %v, want errRecord", err)
			}
			return
		}
		got := r.event(event.ID{}, make(map[string]string))
		if n := len(got.Type) + len(got.Server) + len(got.Key) + len(got.Data); n > len(rest) {
			t.Errorf("read %d bytes of %d", n, len(rest))
		}
	})
}

func TestRecordOfANewerVersion(t *testing.T) {
	e := event.Event{Type: "a:b", Server: "s", Data: []byte("{}")}
	b := appendRecord(nil, &e, time.UnixMilli(0))
	b[0]++
	if err := new(record).parse(nil, b); !errors.Is(err, errRecord) {
		t.Errorf("got %v, want errRecord", err)
	}
}

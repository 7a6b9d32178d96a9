package bolt

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/shared/event"
)

// seenKey stands for a server, type and publisher's id: 16 bytes of their SHA-256, so that a million of them take the
// same room whatever publishers call their events, and no two that differ are ever taken for one another.
type seenKey [16]byte

func keyOf(e *event.Event) (k seenKey) {
	b := make([]byte, 0, 256)
	b = append(b, e.Server...)
	b = append(b, 0)
	b = append(b, e.Type...)
	b = append(b, 0)
	b = append(b, e.Key...)
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

// seen is the publishers' ids of the dedup window, in slices of time: buckets within "seen", each named by the
// milliseconds of its beginning and end and holding key -> (sequence number, milliseconds). The keys come in no order, so
// taking out single ones would rewrite a page each; a whole slice goes for next to nothing.
type seen struct {
	root   *bbolt.Bucket
	window int64 // milliseconds
	now    int64
	slices []*bbolt.Bucket // newest first
	today  *bbolt.Bucket   // the slice of now, nil until something is added
}

// slicesPerWindow is a bargain: each new key is looked for in all slices, and each slice outlives the window by its length.
const slicesPerWindow = 4

func openSeen(tx *bbolt.Tx, window time.Duration, now time.Time) *seen {
	s := &seen{root: tx.Bucket(seenBucket), window: window.Milliseconds(), now: now.UnixMilli()}
	c := s.root.Cursor()
	for name, _ := c.Last(); name != nil; name, _ = c.Prev() {
		if b := s.root.Bucket(name); b != nil {
			s.slices = append(s.slices, b)
		}
	}
	return s
}

// find returns the place under which a key was recorded within the window.
func (s *seen) find(k seenKey) (seq uint64, ok bool) {
	for _, b := range s.slices {
		if v := b.Get(k[:]); len(v) == 16 && s.now-int64(binary.BigEndian.Uint64(v[8:])) < s.window {
			return binary.BigEndian.Uint64(v), true
		}
	}
	return 0, false
}

// add remembers a key.
func (s *seen) add(k seenKey, seq uint64) error {
	if s.today == nil {
		length := max(s.window/slicesPerWindow, 1)
		begin := s.now - s.now%length
		name := binary.BigEndian.AppendUint64(nil, uint64(begin))
		name = binary.BigEndian.AppendUint64(name, uint64(begin+length))
		b := s.root.Bucket(name)
		if b == nil {
			var err error
			if b, err = s.root.CreateBucket(name); err != nil {
				return err
			}
			s.slices = append([]*bbolt.Bucket{b}, s.slices...)
		}
		s.today = b
	}
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 16), seq)
	return s.today.Put(k[:], binary.BigEndian.AppendUint64(v, uint64(s.now)))
}

// expire drops the oldest slice when all in it is older than the window; it reports whether it did.
func (s *seen) expire() (bool, error) {
	name, _ := s.root.Cursor().First()
	if len(name) != 16 || int64(binary.BigEndian.Uint64(name[8:]))+s.window > s.now {
		return false, nil
	}
	return true, s.root.DeleteBucket(append([]byte(nil), name...))
}

package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A block on the shelf:
//
//	1 byte    version, codeVersion
//	4 bytes   CRC-32C of all that follows, drawer and name, big-endian
//	uvarint   epoch of the last event folded in; then its sequence number
//	uvarint   fields
//	8 bytes   which slots there are, as bits, the first the lowest, big-endian
//	uvarint   samples of each slot there is; a single 0 where each has one
//	of each field:
//	1 byte    what it is like, see the flags below
//	uvarint   unless all: samples that had it, of each slot
//	varint    the means, each as the difference to the one before: with constant only the first
//	uvarint   unless single, behind each mean: how far the least is below and the greatest above it
//
// Numbers are float32 without their last nine bits, as whole numbers in the order of size: so each is exact to more than four
// digits, whatever its size, and numbers that are near each other have short differences.
const (
	codeVersion = 1
	codeHead    = 1 + 4

	all      = 1 // every sample of every slot had the field
	single   = 2 // least, mean and greatest are the same in every slot
	constant = 4 // and in all slots
)

// codeBits are those of a float32 that are left out.
const codeBits = 9

// maxCode is the code of the greatest number.
const maxCode = int64(0x7F7FFFFF) >> codeBits

// errBlock reports bytes that encode did not write.
var errBlock = errors.New("damaged block of history")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// code returns the number that stands for v, in the order of size.
func code(v float32) int64 {
	b := math.Float32bits(v)
	c := min((int64(b&^(1<<31))+1<<(codeBits-1))>>codeBits, maxCode)
	if b>>31 != 0 {
		return -c
	}
	return c
}

// decode returns what a code stands for.
func decode(c int64) float32 {
	if c < 0 {
		return -math.Float32frombits(uint32(-c) << codeBits)
	}
	return math.Float32frombits(uint32(c) << codeBits)
}

// coded returns the number as it will be when it comes from the shelf, so that an answer does not depend on where it is from.
func coded(v float32) float32 { return decode(code(v)) }

// seal puts a version and a checksum, for which there is room, before what b holds.
func seal(b []byte, key journal.BlockKey) []byte {
	b[0] = codeVersion
	binary.BigEndian.PutUint32(b[1:], sum(b[codeHead:], key))
	return b
}

func sum(b []byte, key journal.BlockKey) uint32 {
	return crc32.Update(crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(key.Drawer)), castagnoli, []byte(key.Name))
}

// unseal returns what seal was given, or an errBlock.
func unseal(b []byte, key journal.BlockKey) (*reader, error) {
	switch {
	case len(b) < codeHead:
		return nil, fmt.Errorf("%w: %d bytes", errBlock, len(b))
	case b[0] != codeVersion:
		return nil, fmt.Errorf("%w: version %d, this telltale reads %d", errBlock, b[0], codeVersion)
	case sum(b[codeHead:], key) != binary.BigEndian.Uint32(b[1:]):
		return nil, fmt.Errorf("%w: wrong checksum", errBlock)
	}
	return &reader{b: b[codeHead:]}, nil
}

// encode returns the block for the shelf.
func (b *block) encode(key journal.BlockKey) []byte {
	out := make([]byte, codeHead, codeHead+24+len(b.rows)*(1+4*b.fields))
	out = binary.AppendUvarint(out, uint64(b.last.Epoch))
	out = binary.AppendUvarint(out, b.last.Seq)
	out = binary.AppendUvarint(out, uint64(b.fields))
	var which uint64
	ones := true
	for _, r := range b.rows {
		which |= 1 << r.slot
		ones = ones && r.n == 1
	}
	out = binary.BigEndian.AppendUint64(out, which)
	if ones {
		out = append(out, 0)
	} else {
		for _, r := range b.rows {
			out = binary.AppendUvarint(out, uint64(r.n))
		}
	}
	for f := range b.fields {
		out = b.encodeField(out, f)
	}
	return seal(out, key)
}

func (b *block) encodeField(out []byte, f int) []byte {
	flags := byte(all | single | constant)
	first, some := int64(0), false
	for i, r := range b.rows {
		c := &b.cells[i*b.fields+f]
		if c.n != r.n {
			flags &^= all
		}
		if c.n == 0 {
			continue
		}
		mean := code(c.mean)
		if code(c.min) != mean || code(c.max) != mean {
			flags &^= single | constant
		}
		if !some {
			first, some = mean, true
		}
		if mean != first {
			flags &^= constant
		}
	}
	out = append(out, flags)
	if flags&all == 0 {
		for i := range b.rows {
			out = binary.AppendUvarint(out, uint64(b.cells[i*b.fields+f].n))
		}
	}
	if flags&constant != 0 {
		return binary.AppendVarint(out, first)
	}
	before := int64(0)
	for i := range b.rows {
		c := &b.cells[i*b.fields+f]
		if c.n == 0 {
			continue
		}
		mean := code(c.mean)
		out = binary.AppendVarint(out, mean-before)
		before = mean
		if flags&single == 0 {
			out = binary.AppendUvarint(out, uint64(mean-code(c.min)))
			out = binary.AppendUvarint(out, uint64(code(c.max)-mean))
		}
	}
	return out
}

// decodeBlock reads a block of a metric that has so many fields. It never panics, whatever raw holds; all errors are errBlock. Fields
// that an older telltale did not know are empty, and those of a newer one are left out.
func decodeBlock(raw []byte, key journal.BlockKey, fields int) (*block, error) {
	r, err := unseal(raw, key)
	if err != nil {
		return nil, err
	}
	b := &block{fields: fields}
	b.last.Epoch, b.last.Seq = uint32(r.uint(math.MaxUint32)), r.uint(math.MaxUint64)
	there := int(r.uint(64))
	which := r.bits()
	n := bits.OnesCount64(which)
	if r.bad || which>>slots != 0 || n == 0 {
		return nil, fmt.Errorf("%w: head", errBlock)
	}
	b.rows = make([]row, 0, n)
	for slot := range uint8(slots) {
		if which>>slot&1 != 0 {
			b.rows = append(b.rows, row{slot: slot, n: 1})
		}
	}
	if len(r.b) > 0 && r.b[0] == 0 {
		r.b = r.b[1:]
	} else {
		for i := range b.rows {
			if b.rows[i].n = uint32(r.uint(math.MaxUint32)); b.rows[i].n == 0 {
				r.bad = true
			}
		}
	}
	if r.bad {
		return nil, fmt.Errorf("%w: counts", errBlock)
	}
	b.cells = make([]cell, n*fields)
	spare := make([]cell, n) // for fields we don't know
	for f := range there {
		if f < fields {
			r.field(b.rows, b.cells[f:], fields)
		} else {
			r.field(b.rows, spare, 1)
		}
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: numbers", errBlock)
	}
	return b, nil
}

// reader reads numbers from bytes that may be anything. After what can't be read it is bad and all numbers are 0.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if r.bad || len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bits() uint64 {
	if r.bad || len(r.b) < 8 {
		r.bad = true
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// number returns the number of a code that must be one.
func (r *reader) number(c int64) float32 {
	if c < -maxCode || c > maxCode {
		r.bad = true
		return 0
	}
	return decode(c)
}

// field reads one field of all rows into every stride-th cell.
func (r *reader) field(rows []row, cells []cell, stride int) {
	flags := r.byte()
	if flags > all|single|constant || flags&constant != 0 && flags&single == 0 {
		r.bad = true
	}
	for i := range rows {
		n := rows[i].n
		if flags&all == 0 {
			n = uint32(r.uint(uint64(n)))
		}
		cells[i*stride].n = n
	}
	mean := int64(0)
	if flags&constant != 0 {
		mean = r.int()
	}
	for i := range rows {
		c := &cells[i*stride]
		if c.n == 0 || r.bad {
			continue
		}
		if flags&constant == 0 {
			if d := r.int(); d < -2*maxCode || d > 2*maxCode {
				r.bad = true
			} else {
				mean += d
			}
		}
		c.mean = r.number(mean)
		c.min, c.max = c.mean, c.mean
		if flags&single == 0 {
			below, above := r.uint(uint64(2*maxCode)), r.uint(uint64(2*maxCode))
			c.min, c.max = r.number(mean-int64(below)), r.number(mean+int64(above))
		}
	}
}

// A head says of one metric of one server, in the drawer of heads:
//
//	version and checksum as of a block
//	uvarint  epoch of the last event folded in; then its sequence number
//	uvarint  the time of the newest sample, in milliseconds since 1970
type head struct {
	last   event.ID
	newest int64
}

func (h head) encode(key journal.BlockKey) []byte {
	out := make([]byte, codeHead, codeHead+24)
	out = binary.AppendUvarint(out, uint64(h.last.Epoch))
	out = binary.AppendUvarint(out, h.last.Seq)
	return seal(binary.AppendUvarint(out, uint64(h.newest)), key)
}

func decodeHead(raw []byte, key journal.BlockKey) (h head, err error) {
	r, err := unseal(raw, key)
	if err != nil {
		return h, err
	}
	h.last.Epoch, h.last.Seq = uint32(r.uint(math.MaxUint32)), r.uint(math.MaxUint64)
	h.newest = int64(r.uint(math.MaxInt64))
	if r.bad || len(r.b) > 0 {
		return head{}, fmt.Errorf("%w: head of a metric", errBlock)
	}
	return h, nil
}

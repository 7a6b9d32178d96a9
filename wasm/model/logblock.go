package model

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Shelf keeps blocks of bytes where they are no burden: in a browser that is outside of the memory of this program, which
// grows and never shrinks. It belongs to the Model, and so has one user at a time.
type Shelf interface {
	// Put keeps a copy of the block and returns its number, which is never zero.
	Put(block []byte) int
	// Get appends the block to b.
	Get(n int, b []byte) []byte
	// Drop lets go of the block.
	Drop(n int)
}

// heapShelf is the Shelf of where there is no other.
type heapShelf struct {
	blocks map[int][]byte
	next   int
}

func (s *heapShelf) Put(block []byte) int {
	if s.blocks == nil {
		s.blocks = make(map[int][]byte)
	}
	s.next++
	s.blocks[s.next] = slices.Clone(block)
	return s.next
}

func (s *heapShelf) Get(n int, b []byte) []byte { return append(b, s.blocks[n]...) }
func (s *heapShelf) Drop(n int)                 { delete(s.blocks, n) }

// rec is a line as it is held: what it is found by, and where its text and its JSON are in the body of its block. The text is
// the message, then the stack and the context where it has them, with detailMark before each.
type rec struct {
	key
	off, msg, text, data uint32
	server, typ          uint16 // numbers of names
	level                Level
}

const (
	recSize    = 8 + 8 + 4 + 4*4 + 2*2 + 1 + 1
	detailMark = "\x1f"
)

// packed is lines in order, and their texts and JSON in any.
type packed struct {
	recs []rec
	body []byte
}

// append appends the lines from i to j in the form that read takes, their bodies in order.
func (p *packed) append(b []byte, i, j int) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(j-i))
	off := uint32(0)
	for _, r := range p.recs[i:j] {
		b = le.AppendUint64(b, uint64(r.ms))
		b = le.AppendUint64(b, r.place.Seq)
		b = le.AppendUint32(b, r.place.Epoch)
		b = le.AppendUint32(b, off)
		b = le.AppendUint32(b, r.msg)
		b = le.AppendUint32(b, r.text)
		b = le.AppendUint32(b, r.data)
		b = le.AppendUint16(b, r.server)
		b = le.AppendUint16(b, r.typ)
		gap := byte(0)
		if r.gap {
			gap = 1
		}
		b = append(b, byte(r.level), gap)
		off += r.text + r.data
	}
	for _, r := range p.recs[i:j] {
		b = append(b, p.body[r.off:r.off+r.text+r.data]...)
	}
	return b
}

// read makes p what was appended; it goes on using b.
func (p *packed) read(b []byte) {
	le := binary.LittleEndian
	n := int(le.Uint32(b))
	p.recs = p.recs[:0]
	for i := range n {
		h := b[4+i*recSize:][:recSize]
		var r rec
		r.ms = int64(le.Uint64(h))
		r.place = event.ID{Seq: le.Uint64(h[8:]), Epoch: le.Uint32(h[16:])}
		r.off, r.msg, r.text, r.data = le.Uint32(h[20:]), le.Uint32(h[24:]), le.Uint32(h[28:]), le.Uint32(h[32:])
		r.server, r.typ = le.Uint16(h[36:]), le.Uint16(h[38:])
		r.level, r.gap = Level(h[40]), h[41] != 0
		p.recs = append(p.recs, r)
	}
	p.body = b[4+n*recSize:]
}

// take makes p the lines of from that stand at i and after, in the memory that p has.
func (p *packed) take(from *packed, i int) {
	p.recs, p.body = p.recs[:0], p.body[:0]
	for _, r := range from.recs[i:] {
		text := from.body[r.off : r.off+r.text+r.data]
		r.off = uint32(len(p.body))
		p.body = append(p.body, text...)
		p.recs = append(p.recs, r)
	}
}

// insert puts the line where it belongs, and reports false when it is there already.
func (p *packed) insert(l *Line, r rec) bool {
	i := len(p.recs)
	if i > 0 && p.recs[i-1].compare(r.key) >= 0 { // lines come in order but for a few
		there := false
		if i, there = slices.BinarySearchFunc(p.recs, r.key, func(r rec, k key) int { return r.compare(k) }); there {
			return false
		}
	}
	r.off = uint32(len(p.body))
	p.body = append(p.body, l.Message...)
	r.msg = uint32(len(l.Message))
	if l.Gap != nil {
		p.body = append(p.body, l.Gap.Reason...)
	}
	if l.Stack != "" || l.Context != "" {
		p.body = append(append(p.body, detailMark...), l.Stack...)
		p.body = append(append(p.body, detailMark...), l.Context...)
	}
	r.text = uint32(len(p.body)) - r.off
	if g := l.Gap; g != nil {
		p.body = append(p.body, g.From.String()+" "+g.To.String()+" "...)
		p.body = strconv.AppendUint(p.body, g.Count, 10)
		p.body = strconv.AppendInt(append(p.body, ' '), g.At.UnixMilli(), 10)
	}
	p.body = append(p.body, l.Data...)
	r.data = uint32(len(p.body)) - r.off - r.text
	p.recs = slices.Insert(p.recs, i, r)
	return true
}

// text returns what of the line is searched.
func (p *packed) text(r *rec) []byte { return p.body[r.off : r.off+r.text] }

// line returns the line by itself.
func (p *packed) line(r *rec, names *names) Line {
	l := Line{Place: r.place, Time: time.UnixMilli(r.ms).UTC(), Server: names.word(r.server), Type: names.word(r.typ), Level: r.level}
	text, data := string(p.text(r)), p.body[r.off+r.text:r.off+r.text+r.data]
	if r.gap {
		g := &Gap{Reason: text}
		from, rest, _ := strings.Cut(string(data), " ")
		to, rest, _ := strings.Cut(rest, " ")
		count, at, _ := strings.Cut(rest, " ")
		_ = g.From.UnmarshalText([]byte(from))
		_ = g.To.UnmarshalText([]byte(to))
		g.Count, _ = strconv.ParseUint(count, 10, 64)
		ms, _ := strconv.ParseInt(at, 10, 64)
		g.At = time.UnixMilli(ms)
		l.Gap = g
		return l
	}
	l.Message = text[:r.msg]
	if detail, ok := strings.CutPrefix(text[r.msg:], detailMark); ok {
		l.Stack, l.Context, _ = strings.Cut(detail, detailMark)
	}
	l.Data = slices.Clone(data)
	return l
}

// names gives numbers to the names of servers and types for as long as lines with them are held.
type names struct {
	list []name
	find map[string]uint16
	free []uint16
}

type name struct {
	word string
	uses int
}

// maxNames bounds how many there are at once.
const maxNames = 4096

func (n *names) word(i uint16) string { return n.list[i].word }

// number returns the number of the name and counts one use of it; false where there is no room for another.
func (n *names) number(word string) (uint16, bool) {
	if n.find == nil {
		n.find = map[string]uint16{"": 0}
		n.list = make([]name, 1, 64)
	}
	i, ok := n.find[word]
	if !ok {
		switch {
		case len(n.free) > 0:
			i = n.free[len(n.free)-1]
			n.free = n.free[:len(n.free)-1]
			n.list[i] = name{word: word}
		case len(n.list) < maxNames:
			i = uint16(len(n.list))
			n.list = append(n.list, name{word: word})
		default:
			return 0, false
		}
		n.find[word] = i
	}
	n.list[i].uses++
	return i, true
}

func (n *names) release(i uint16) {
	if n.list[i].uses--; n.list[i].uses == 0 && i != 0 {
		delete(n.find, n.list[i].word)
		n.list[i] = name{}
		n.free = append(n.free, i)
	}
}

package browser

import "syscall/js"

// Shelf keeps blocks of bytes in the memory of JavaScript: this program's own never shrinks once it has grown. It is a
// model.Shelf. The zero Shelf is empty.
type Shelf struct {
	blocks map[int]js.Value
	next   int
}

// Put keeps a copy of the block and returns its number, which is never used again.
func (s *Shelf) Put(block []byte) int {
	if s.blocks == nil {
		s.blocks = make(map[int]js.Value)
	}
	array := js.Global().Get("Uint8Array").New(len(block))
	js.CopyBytesToJS(array, block)
	s.next++
	s.blocks[s.next] = array
	return s.next
}

// Get appends the block to b.
func (s *Shelf) Get(n int, b []byte) []byte {
	array, ok := s.blocks[n]
	if !ok {
		return b
	}
	at, size := len(b), array.Get("length").Int()
	if cap(b)-at < size {
		b = append(make([]byte, 0, at+size+size/8), b...)
	}
	b = b[:at+size]
	js.CopyBytesToGo(b[at:], array)
	return b
}

// Drop lets go of the block.
func (s *Shelf) Drop(n int) { delete(s.blocks, n) }

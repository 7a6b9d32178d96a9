//go:build !js

package browser

import "slices"

// Shelf keeps blocks of bytes. It is a model.Shelf. The zero Shelf is empty.
type Shelf struct {
	blocks map[int][]byte
	next   int
}

// Put keeps a copy of the block and returns its number, which is never used again.
func (s *Shelf) Put(block []byte) int {
	if s.blocks == nil {
		s.blocks = make(map[int][]byte)
	}
	s.next++
	s.blocks[s.next] = slices.Clone(block)
	return s.next
}

// Get appends the block to b.
func (s *Shelf) Get(n int, b []byte) []byte { return append(b, s.blocks[n]...) }

// Drop lets go of the block.
func (s *Shelf) Drop(n int) { delete(s.blocks, n) }

package sse

import "unicode/utf8"

// repair returns b as UTF-8: b itself when it is valid, else a copy in d.scratch with U+FFFD for each maximal part of
// an ill-formed sequence, as the WHATWG Encoding standard's decoder does. (Ranging over a Go string gives one per byte.)
func (d *Decoder) repair(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := d.scratch[:0]
	for len(b) > 0 {
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			out = append(out, b[:n]...)
			b = b[n:]
			continue
		}
		out = append(out, "\uFFFD"...)
		b = b[maximalPart(b):]
	}
	d.scratch = out
	return out
}

// maximalPart returns the length, at least 1, of the longest beginning of b that is also the beginning of some
// well-formed sequence (Unicode standard, table 3-7). It is asked only where b does not begin with a whole one.
func maximalPart(b []byte) int {
	lo, hi, need := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case 0xC2 <= c && c <= 0xDF:
		need = 1
	case c == 0xE0:
		need, lo = 2, 0xA0
	case c == 0xED:
		need, hi = 2, 0x9F
	case 0xE1 <= c && c <= 0xEF:
		need = 2
	case c == 0xF0:
		need, lo = 3, 0x90
	case c == 0xF4:
		need, hi = 3, 0x8F
	case 0xF1 <= c && c <= 0xF3:
		need = 3
	}
	n := 1
	for n <= need && n < len(b) && lo <= b[n] && b[n] <= hi {
		n++
		lo, hi = 0x80, 0xBF
	}
	return n
}

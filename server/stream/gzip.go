package stream

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// gzipHead begins a gzip stream: deflate, no time, no name, of no particular system (RFC 1952).
const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// zipPiece is how much is compressed at once for one stream alone.
const zipPiece = 64 << 10

// appendDeflate appends p as blocks of deflate that refer to nothing before them and end on a byte.
func appendDeflate(b []byte, p []byte) []byte {
	if len(p) == 0 {
		return b
	}
	w := bytes.NewBuffer(b)
	if err := flate.StatelessDeflate(w, p, false, nil); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return w.Bytes()
}

package hub

import "bytes"

// The wire bytes are their own index. Each frame begins "id: epoch.seq\n", rises in seq, and ends in the only "\n\n" it
// holds, since an event's data is one line; so any place can be found in a chunk by halving it, and nothing has to be
// kept beside the bytes. The functions here take stretches of whole frames that event.AppendFrame wrote.

var frameEnd = []byte("\n\n")

// cut returns the length of the whole frames at the beginning of b that fit in limit bytes; of the first frame when it
// alone is longer.
func cut(b []byte, limit int) int {
	if len(b) <= limit {
		return len(b)
	}
	if i := bytes.LastIndex(b[:max(limit, 0)], frameEnd); i >= 0 {
		return i + len(frameEnd)
	}
	return frameLen(b)
}

// frameLen returns the length of the first frame of b.
func frameLen(b []byte) int {
	i := bytes.Index(b, frameEnd)
	if i < 0 {
		return len(b)
	}
	return i + len(frameEnd)
}

// seqOf returns the sequence number of the first frame of b.
func seqOf(b []byte) (seq uint64) {
	i := bytes.IndexByte(b, '.')
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' {
			break
		}
		seq = seq*10 + uint64(c-'0')
	}
	return seq
}

// lastSeq returns the sequence number of the last frame of b, and zero when b is empty.
func lastSeq(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return seqOf(b[frameStart(b, len(b)-len(frameEnd)):])
}

// frameStart returns where the frame that holds byte i begins.
func frameStart(b []byte, i int) int {
	if j := bytes.LastIndex(b[:i], frameEnd); j >= 0 {
		return j + len(frameEnd)
	}
	return 0
}

// seek returns the offset in b of the first frame after the place, or len(b) when there is none.
func seek(b []byte, after uint64) int {
	lo, hi := 0, len(b) // frames before lo are not after the place; the frame at hi is, or hi is the end
	for lo < hi {
		mid := lo + frameStart(b[lo:hi], (hi-lo)/2)
		if seqOf(b[mid:]) > after {
			hi = mid
		} else {
			lo = mid + frameLen(b[mid:])
		}
	}
	return lo
}

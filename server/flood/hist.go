package flood

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts durations in buckets whose width is at most 1/128 of what they hold: HdrHistogram's layout, in which
// each power of two is cut into the same number of parts. So a percentile is at most 0.8 % above the true one, and never
// below it. It is 42 KB, never grows, and takes anything from 0 to 78 hours; what is beyond counts as the bound. The zero
// histogram is ready for use. It must not be used by two goroutines at once.
type histogram struct {
	counts   [histBuckets]uint64
	n        uint64
	sum      uint64
	low, top int64
}

const (
	histParts   = 7  // bits: parts of a power of two
	histBits    = 48 // bits of the largest value
	histBuckets = (histBits - histParts + 1) << histParts
)

// bucket returns the bucket of v, which is at least 0 and has at most histBits bits.
func bucket(v int64) int {
	shift := max(0, bits.Len64(uint64(v))-histParts-1)
	return shift<<histParts + int(v>>shift)
}

// ceiling returns the largest value that belongs to the bucket.
func ceiling(b int) int64 {
	shift := max(0, b>>histParts-1)
	return (int64(b-shift<<histParts)+1)<<shift - 1
}

// add counts one duration in nanoseconds. A negative one counts as 0.
func (h *histogram) add(ns int64) {
	ns = min(max(ns, 0), 1<<histBits-1)
	if h.n == 0 || ns < h.low {
		h.low = ns
	}
	h.top = max(h.top, ns)
	h.counts[bucket(ns)]++
	h.n++
	h.sum += uint64(ns)
}

// merge adds all that o has counted.
func (h *histogram) merge(o *histogram) {
	if o.n == 0 {
		return
	}
	if h.n == 0 || o.low < h.low {
		h.low = o.low
	}
	h.top = max(h.top, o.top)
	h.n += o.n
	h.sum += o.sum
	for i, c := range o.counts {
		h.counts[i] += c
	}
}

// at returns the duration that the share q of all, 0 to 1, do not exceed; 0 when nothing was counted.
func (h *histogram) at(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	seen := uint64(0)
	for b, c := range h.counts {
		if seen += c; c > 0 && seen >= rank {
			return time.Duration(min(ceiling(b), h.top))
		}
	}
	return 0
}

// Latency is a distribution of durations in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	Min   float64 `json:"minMs"`
	Mean  float64 `json:"meanMs"`
	P50   float64 `json:"p50Ms"`
	P90   float64 `json:"p90Ms"`
	P99   float64 `json:"p99Ms"`
	P999  float64 `json:"p999Ms"`
	Max   float64 `json:"maxMs"`
}

func (h *histogram) latency() Latency {
	if h.n == 0 {
		return Latency{}
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Latency{
		Count: h.n, Min: ms(time.Duration(h.low)), Mean: ms(time.Duration(h.sum / h.n)),
		P50: ms(h.at(0.5)), P90: ms(h.at(0.9)), P99: ms(h.at(0.99)), P999: ms(h.at(0.999)), Max: ms(time.Duration(h.top)),
	}
}

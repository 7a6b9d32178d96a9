// Package stat is what the server's packages count with. It knows nothing of metrics systems: package admin reads the counts
// and gives them names.
package stat

import (
	"sync/atomic"
	"time"
)

// Histogram counts values in buckets with fixed bounds. All its methods may be called at once from any number of goroutines.
// Its writers take no lock and wait for nobody.
type Histogram struct {
	bounds []int64
	counts []atomic.Int64 // one more than bounds: the last is for what is above all of them
	sum    atomic.Int64
}

// NewHistogram returns a histogram whose buckets hold values up to and including each bound. Bounds rise.
func NewHistogram(bounds ...int64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Int64, len(bounds)+1)}
}

// NewDurations returns a histogram of nanoseconds, from 100 µs to 10 s in steps of about two: what disks, networks and
// schedulers take.
func NewDurations() *Histogram {
	var bounds []int64
	for _, unit := range []time.Duration{100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		for _, n := range []time.Duration{1, 2, 5} {
			bounds = append(bounds, int64(n*unit))
		}
	}
	return NewHistogram(append(bounds, int64(10*time.Second))...)
}

// Add counts n times the value v.
func (h *Histogram) Add(v, n int64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(n)
	h.sum.Add(v * n)
}

// Snapshot is what a histogram has counted. Its parts are read one after the other, not all at one moment.
type Snapshot struct {
	Bounds []int64 // shared: do not change it
	Counts []int64 // by bucket, not cumulative; one more than Bounds
	Sum    int64
}

// Snapshot returns what was counted so far.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Bounds: h.bounds, Counts: make([]int64, len(h.counts)), Sum: h.sum.Load()}
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
	}
	return s
}

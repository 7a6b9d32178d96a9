package flood

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	for shift := range histBits {
		for _, v := range []int64{1<<shift - 1, 1 << shift, 1<<shift + 1, 3 << shift / 2} {
			if v >= 1<<histBits {
				continue
			}
			b := bucket(v)
			if b < 0 || b >= histBuckets {
				t.Fatalf("%d is in bucket %d of %d", v, b, histBuckets)
			}
			c := ceiling(b)
			if c < v || float64(c-v) > float64(v)/128 {
				t.Errorf("the ceiling of %d is %d, more than 1/128 above", v, c)
			}
			if bucket(c) != b || bucket(c+1) != b+1 {
				t.Errorf("%d is not the last of its bucket", c)
			}
		}
	}
}

// Percentiles against sorting, for values of very different sizes, in one histogram and in two that are merged.
func TestPercentiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var one, left, right histogram
	var all []int64
	for i := range 20_000 {
		v := rng.Int64N(1 << (1 + rng.IntN(40)))
		all = append(all, v)
		one.add(v)
		if i%3 == 0 {
			left.add(v)
		} else {
			right.add(v)
		}
	}
	left.merge(&right)
	if one != left {
		t.Error("two histograms merged are not the one of both")
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(0, min(len(all)-1, int(q*float64(len(all))+0.999999)-1))]
		got := int64(one.at(q))
		if got < want || float64(got-want) > float64(want)/128 {
			t.Errorf("at %v: got %d, want %d to 1/128 more", q, got, want)
		}
	}
	lat := one.latency()
	if lat.Count != 20_000 || lat.Min != float64(all[0]/1000)/1000 || lat.Max != float64(all[len(all)-1]/1000)/1000 {
		t.Errorf("got %+v", lat)
	}
}

func TestHistogramEdges(t *testing.T) {
	var h histogram
	if h.at(0.5) != 0 || h.latency() != (Latency{}) {
		t.Error("an empty histogram has a percentile")
	}
	h.add(-5)
	h.add(1 << 60)
	if got := h.at(0); got != 0 {
		t.Errorf("a negative duration counts as %v, want 0", got)
	}
	if got := h.at(1); got != time.Duration(1<<histBits-1) {
		t.Errorf("one beyond the bound counts as %v", got)
	}
}

func BenchmarkHistogramAdd(b *testing.B) {
	var h histogram
	v := int64(1)
	for b.Loop() {
		v = v*6364136223846793005 + 1442695040888963407
		h.add(v >> 20 & (1<<30 - 1))
	}
}

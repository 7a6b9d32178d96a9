package stat_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/stat"
)

func TestHistogram(t *testing.T) {
	h := stat.NewHistogram(1, 10, 100)
	for _, v := range []int64{-5, 0, 1, 2, 10, 11, 100, 101, 1 << 40} {
		h.Add(v, 2)
	}
	got := h.Snapshot()
	if want := []int64{6, 4, 4, 4}; !slices.Equal(got.Counts, want) {
		t.Errorf("got %v, want %v", got.Counts, want)
	}
	if want := int64(2 * (-5 + 1 + 2 + 10 + 11 + 100 + 101 + 1<<40)); got.Sum != want {
		t.Errorf("sum %d, want %d", got.Sum, want)
	}
}

func TestHistogramAtOnce(t *testing.T) {
	h := stat.NewDurations()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				h.Add(int64(time.Duration(i)*20*time.Millisecond), 1)
			}
		})
	}
	all.Wait()
	s, n := h.Snapshot(), int64(0)
	for _, c := range s.Counts {
		n += c
	}
	if n != 8000 || s.Sum != 8*int64(20*time.Millisecond)*999*1000/2 || !slices.IsSorted(s.Bounds) || s.Counts[len(s.Counts)-1] != 8*499 {
		t.Errorf("%d counted, sum %d, %v", n, s.Sum, s)
	}
}

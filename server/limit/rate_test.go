package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRates(Rate{PerSecond: 10, Burst: 5}, 0)
		for range 5 {
			if _, ok := r.Allow("ada", 1); !ok {
				t.Fatal("refused within the burst")
			}
		}
		after, ok := r.Allow("ada", 2)
		if ok || after != 200*time.Millisecond {
			t.Errorf("got %t after %v, want to come back in 200 ms", ok, after)
		}
		if _, ok := r.Allow("bob", 5); !ok {
			t.Error("one pays for another")
		}
		time.Sleep(after) // of the bubble's clock
		if _, ok := r.Allow("ada", 2); !ok {
			t.Error("refused after the time it was told")
		}
		time.Sleep(time.Hour)
		if after, ok := r.Allow("ada", 6); ok || after != 0 {
			t.Errorf("got %t after %v, want never: it is more than the burst", ok, after)
		}
		if r.Refused() != 2 {
			t.Errorf("counted %d refused", r.Refused())
		}
	})
	for range 1000 {
		if _, ok := NewRates(Rate{}, 0).Allow("ada", 1000); !ok {
			t.Fatal("refused without a rate")
		}
	}
	if got := NewRates(Rate{PerSecond: 2.5}, 0).Rate(); got.Burst != 3 {
		t.Errorf("got %+v, want a burst of one second", got)
	}
}

// However many keys come, a bounded number is kept, and the one in use is not forgotten.
func TestRatesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRates(Rate{PerSecond: 1, Burst: 1}, 10)
		if _, ok := r.Allow("busy", 1); !ok {
			t.Fatal("refused")
		}
		for i := range 10_000 {
			r.Allow(fmt.Sprint("key ", i), 1)
			if _, ok := r.Allow("busy", 1); ok {
				t.Fatalf("forgotten after %d others", i)
			}
			if n := r.Keys(); n > 10 {
				t.Fatalf("%d keys", n)
			}
		}
	})
}

// Within a time nobody gets more than the burst and what the time brings, however many ask at once.
func TestRatesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRates(Rate{PerSecond: 100, Burst: 20}, 0)
		var got atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 1000 {
					if _, ok := r.Allow("ada", 1); ok {
						got.Add(1)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		wg.Wait()
		if n := got.Load(); n < 115 || n > 121 {
			t.Errorf("got %d in a second, want some 120", n)
		}
	})
}

// Spent says what Allow of one would, and takes nothing.
func TestSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRates(Rate{PerSecond: 0.5, Burst: 2}, 0)
		for i, want := range []bool{false, false, true} {
			for range 3 {
				if after, spent := r.Spent("ada"); spent != want || spent && after != 2*time.Second {
					t.Errorf("after %d: got %v, %v", i, after, spent)
				}
			}
			r.Allow("ada", 1)
		}
		if _, spent := r.Spent("bob"); spent {
			t.Error("another key's are spent too")
		}
		time.Sleep(2 * time.Second) // of the bubble's clock
		if _, spent := r.Spent("ada"); spent {
			t.Error("spent after the time it was told")
		}
		if n := r.Refused(); n != 4 {
			t.Errorf("counted %d refused, want three by Spent and one by Allow", n)
		}
	})
	if _, spent := NewRates(Rate{}, 0).Spent("ada"); spent {
		t.Error("spent without a bound")
	}
}

package limit

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNames(Rate{PerSecond: 1, Burst: 5})
		for _, row := range []struct {
			user, names string
			fresh       int
			after       time.Duration
			ok          bool
		}{
			{"ada", "aba", 2, 0, true},
			{"ada", "abab", 0, 0, true},
			{"bob", "ab", 0, 0, true}, // whoever paid
			{"ada", "abcdef", 4, time.Second, false},
			{"ada", "cde", 3, 0, true},
			{"ada", "fg", 2, 2 * time.Second, false},
			{"ada", "fghijk", 6, 0, false},
			{"ada", "cde", 0, 0, true},
			{"bob", "fghij", 5, 0, true},
			{"ada", "f", 0, 0, true},
		} {
			var names []string
			for _, r := range row.names {
				names = append(names, string(r))
			}
			if fresh, after, ok := n.Allow(row.user, names); fresh != row.fresh || after != row.after || ok != row.ok {
				t.Errorf("%s %s: got %d, %v, %t, want %d, %v, %t", row.user, row.names, fresh, after, ok, row.fresh, row.after, row.ok)
			}
		}
		time.Sleep(2 * time.Second) // of the bubble's clock
		if _, _, ok := n.Allow("ada", []string{"k", "l"}); !ok {
			t.Error("refused after the time it was told")
		}
		if n.Refused() != 3 {
			t.Errorf("counted %d refused, want 3", n.Refused())
		}
	})
	if _, _, ok := NewNames(Rate{}).Allow("ada", []string{"a", "b"}); !ok {
		t.Error("refused without a bound")
	}
}

// The newest names paid for are remembered, and not many more.
func TestNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNames(Rate{PerSecond: 1, Burst: 100 * maxPaid})
		var all []string
		for i := range 5 * maxPaid {
			all = append(all, fmt.Sprint("name ", i))
		}
		for names := range slices.Chunk(all, 7) {
			n.Allow("ada", names)
			if kept := len(n.paid) + len(n.before); kept > 2*maxPaid {
				t.Fatalf("%d names are kept", kept)
			}
		}
		if fresh, _, _ := n.Allow("ada", all[len(all)-maxPaid+7:]); fresh != 0 {
			t.Errorf("%d of the newest were forgotten", fresh)
		}
		if fresh, _, _ := n.Allow("ada", all[:7]); fresh != 7 {
			t.Errorf("%d of the oldest seven are new again", fresh)
		}
	})
}

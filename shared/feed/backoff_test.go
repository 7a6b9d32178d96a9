package feed_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

func TestBackoff(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name   string
		b      feed.Backoff
		random float64
		want   []time.Duration
	}{
		{"zero", feed.Backoff{}, 0, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s}},
		{"jitter comes after the cap", feed.Backoff{}, 0.5, []time.Duration{1250 * time.Millisecond, 2500 * time.Millisecond, 5 * s, 10 * s, 20 * s, 37500 * time.Millisecond}},
		{"a floor", feed.Backoff{Floor: 5 * s}, 0, []time.Duration{5 * s, 5 * s, 5 * s, 8 * s}},
		{"a floor above the cap", feed.Backoff{Floor: 60 * s}, 0, []time.Duration{60 * s, 60 * s}},
		{"its own bounds", feed.Backoff{Min: 3 * s, Max: 7 * s}, 0, []time.Duration{3 * s, 6 * s, 7 * s, 7 * s}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // and the same again after Reset
				var got []time.Duration
				for range tt.want {
					got = append(got, tt.b.Next(tt.random))
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
				tt.b.Reset()
			}
		})
	}
}

func TestBackoffNeverOverflows(t *testing.T) {
	b := feed.Backoff{Max: 1 << 62}
	for i := range 200 {
		if d := b.Next(0); d <= 0 {
			t.Fatalf("try %d waits %v", i, d)
		}
	}
}

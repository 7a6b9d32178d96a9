package model

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// samples returns CPU samples of a server at those seconds, each saying its own.
func samples(t *testing.T, server string, begin time.Time, seconds ...int) []event.Event {
	t.Helper()
	var all []event.Event
	for _, n := range seconds {
		at := begin.Add(time.Duration(n) * time.Second)
		d := event.Draft{Type: "metrics:cpu", ServerID: server, Timestamp: at, Data: fmt.Appendf(nil, `{"usage":%d}`, n)}
		e, err := d.Event("", at)
		if err != nil {
			t.Fatal(err)
		}
		e.ID = event.ID{Epoch: 1, Seq: uint64(n + 1000)}
		all = append(all, e)
	}
	return all
}

func drawn(s *Series) string {
	var b strings.Builder
	for i := range s.Len() {
		fmt.Fprintf(&b, "%v ", s.At(i).V[0])
	}
	return strings.TrimSpace(b.String())
}

func TestRecall(t *testing.T) {
	begin := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		streamed []int
		recalled [][]int
		every    time.Duration
		want     string
		thin     Thin
	}{
		{"before what is there", []int{10, 11}, [][]int{{7, 8, 9}}, 0, "7 8 9 10 11", Thin{}},
		{"with repeats", []int{10, 11, 12}, [][]int{{8, 9, 10, 11}}, 0, "8 9 10 11 12", Thin{}},
		{"into a hole", []int{10, 11, 20, 21}, [][]int{{9, 12, 15}}, 0, "9 10 11 12 15 20 21", Thin{}},
		{"twice", []int{10}, [][]int{{8, 9}, {8, 9}}, 0, "8 9 10", Thin{}},
		{"thinned", []int{10, 11}, [][]int{{0, 5}}, 5 * time.Second, "0 5 10 11", Thin{begin.Add(5 * time.Second).UnixMilli(), 5000}},
		{"older than the window", []int{700}, [][]int{{50, 99, 100, 101}}, 0, "100 101 700", Thin{}},
		{"what never came by the stream", nil, [][]int{{1, 2}}, 0, "", Thin{}},
		{"nothing", []int{10}, [][]int{{}}, 0, "10", Thin{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New()
			m.Update(feed.Batch{At: begin, Events: samples(t, "a", begin, tt.streamed...)})
			m.server("a", noon)
			newest := m.Server("a").CPU.Usage
			for _, r := range tt.recalled {
				m.Recall(append(samples(t, "a", begin, r...), samples(t, "stranger", begin, r...)...), tt.every)
			}
			s := m.Server("a")
			if got := drawn(&s.CPU.Series); got != tt.want || s.CPU.Series.Thin != tt.thin {
				t.Errorf("got %s, %v, want %s, %v", got, s.CPU.Series.Thin, tt.want, tt.thin)
			}
			if len(tt.streamed) > 0 && (s.CPU.Usage != newest || m.Type("metrics:cpu").Count != uint64(len(tt.streamed))) {
				t.Errorf("reads %v and counts %d: what was recalled is no news", s.CPU.Usage, m.Type("metrics:cpu").Count)
			}
			if m.Server("stranger") != nil {
				t.Error("a server came from the past")
			}
			// The stream goes on behind it.
			m.Update(feed.Batch{At: begin, Events: samples(t, "a", begin, 701)})
			if x, _ := m.Server("a").CPU.Series.Last(); x.V[0] != 701 {
				t.Errorf("the newest sample is %v, want 701", x.V[0])
			}
		})
	}
}

func TestRecallInFullAfterThinned(t *testing.T) {
	begin := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	m := New()
	m.Update(feed.Batch{At: begin, Events: samples(t, "a", begin, 10)})
	m.Recall(samples(t, "a", begin, 0, 5), 5*time.Second)
	if cpu := &m.Server("a").CPU; cpu.Interval != 0 {
		t.Errorf("interval %v taken from thinned samples", cpu.Interval)
	}
	m.Recall(samples(t, "a", begin, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 0)
	cpu := &m.Server("a").CPU
	if got := drawn(&cpu.Series); got != "0 1 2 3 4 5 6 7 8 9 10" || cpu.Series.Thin != (Thin{}) || cpu.Interval != time.Second {
		t.Errorf("got %s, %v, every %v", got, cpu.Series.Thin, cpu.Interval)
	}
}

package flood

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	rep := NewReport("fanout")
	rep.Results = []*Result{
		{Target: Ours, Load: Load{Connections: 1000, Topics: 1}, Deliveries: 31_000_000, DeliveryRate: 3_100_000, CPUPerMillion: 0.38, Latency: Latency{P50: 2}},
		{Target: Naive, Load: Load{Connections: 1000, Topics: 1}, Deliveries: 3_200_000, DeliveryRate: 320_000, CPUPerMillion: 5, Latency: Latency{P50: 8}, Closed: map[string]uint64{"slow": 3}},
	}
	rep.atLeast("times the naive hub's", 3_100_000./320_000, 8, "")
	rep.atMost("CPU", 0.076, 0.1, "")
	if err := rep.Failed(); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	var out strings.Builder
	if err := rep.Write(&out); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string][]string)
	for line := range strings.Lines(out.String()) {
		if words := strings.Fields(line); len(words) > 1 {
			lines[words[0]] = words[1:]
		}
	}
	for first, want := range map[string]string{
		"deliveries/s": "3.10 M 320.0 k 9.69",
		"server":       "CPU s/M 0.380 5.000 0.08",
		"closed:":      "slow 0 3",
		"lost":         "0 0",
		"connections":  "1000 1000",
	} {
		if got := strings.Join(lines[first], " "); got != want {
			t.Errorf("%s: got %q, want %q", first, got, want)
		}
	}
	if !strings.Contains(out.String(), "true   times the naive hub's: 9.688 (want at least 8)") {
		t.Errorf("no verdict in\n%s", &out)
	}
	if strings.Contains(out.String(), "refused") || strings.Contains(out.String(), "memory peak") {
		t.Errorf("rows of nothing in\n%s", &out)
	}

	text, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || back.Results[0].DeliveryRate != 3_100_000 || !back.Checks[0].OK || back.Machine.CPUs == 0 {
		t.Errorf("%v: %s", err, text)
	}

	rep.atMost("something", 2, 1, " MB")
	rep.Results[0].Lost = 3
	err = rep.Failed()
	if !errors.Is(err, ErrMissed) || !strings.Contains(err.Error(), "3 events lost") || !strings.Contains(err.Error(), "got 2 MB, want at most 1 MB") {
		t.Errorf("got %v", err)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12: "12", 0.5: "0.5", 9999: "9999", 31_240: "31.2 k", 3_100_000: "3.10 M", 2e9: "2.00 G"} {
		if got := countText(v); got != want {
			t.Errorf("countText(%v): got %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{512: "512 B", 1536: "1.50 KB", 20 << 20: "20.0 MB", 3 << 30: "3.0 GB", -2048: "-2.00 KB"} {
		if got := bytesText(v); got != want {
			t.Errorf("bytesText(%v): got %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 1: "1", 20: "20", 0.1: "0.1", 1. / 3: "0.333", 5000: "5000", 3e6: "3.00 M"} {
		if got := number(v); got != want {
			t.Errorf("number(%v): got %q, want %q", v, got, want)
		}
	}
}

func TestPresets(t *testing.T) {
	var out strings.Builder
	if err := List(&out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fanout", "latency", "topics", "gzip", "resume", "slow", "idle", "storm"} {
		if !strings.Contains(out.String(), name+" ") {
			t.Errorf("%s is not in the list", name)
		}
	}
	b := &Bench{}
	if _, err := b.Preset(t.Context(), "nonesuch", 0); err == nil || !strings.Contains(err.Error(), "fanout") {
		t.Errorf("got %v, want the names there are", err)
	}
	b.Target = &Target{URL: "http://127.0.0.1:1"}
	if _, err := b.Preset(t.Context(), "fanout", 0); err == nil {
		t.Error("a preset took a target")
	}
}

// Every preset, a hundred times smaller and for moments: what it measures then says nothing, but that nothing is lost, doubled or
// left behind has to be true at every size.
func TestPresetsInSmall(t *testing.T) {
	// These hold however slow and busy the machine is.
	always := []string{
		"delivered, of what was published", "lost, doubled or out of order from", "state events that slow ones", "streams alive after", "streams that ended on the way",
		"streams that a published event reached", "descriptors the server has more", "the server ended as it should", "streams that were told why",
	}
	seen := make(map[string]bool)
	for _, p := range presets {
		t.Run(p.name, func(t *testing.T) {
			b := &Bench{small: 100}
			rep, err := b.Preset(t.Context(), p.name, 300*time.Millisecond)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil && !errors.Is(err, ErrMissed) {
				t.Fatal(err)
			}
			if len(rep.Checks) == 0 {
				t.Error("nothing was checked")
			}
			for _, r := range rep.Results {
				if err := r.Failed(); err != nil {
					t.Error(err)
				}
			}
			for _, c := range rep.Checks {
				for _, what := range always {
					if strings.HasPrefix(c.What, what) {
						seen[what] = true
						if !c.OK {
							t.Errorf("%s: got %s, want %s", c.What, c.Got, c.Want)
						}
					}
				}
			}
			var out strings.Builder
			if err := rep.Write(&out); err != nil || !strings.Contains(out.String(), p.name) {
				t.Errorf("%v: %s", err, &out)
			}
		})
	}
	for _, what := range always {
		if !seen[what] && runtime.GOOS == "linux" {
			t.Errorf("no preset checked %q", what)
		}
	}
}

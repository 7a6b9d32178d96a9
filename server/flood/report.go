package flood

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// Report is what one run of flood has measured.
type Report struct {
	Preset  string    `json:"preset,omitempty"`
	Machine Machine   `json:"machine"`
	Begun   time.Time `json:"begun"`
	Results []*Result `json:"results,omitempty"`
	Checks  []Check   `json:"checks,omitempty"`
	Table   Table     `json:"table,omitzero"` // of presets that measure something else than deliveries
}

// Machine says what it was measured on. Numbers without it mean nothing.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model,omitempty"`
	Memory int64  `json:"memory,omitempty"` // bytes
	System string `json:"system"`
	Go     string `json:"go"`
}

// Check is one sentence that must be true, and whether it is.
type Check struct {
	What string `json:"what"`
	Got  string `json:"got"`
	Want string `json:"want"`
	OK   bool   `json:"ok"`
}

// Table is a table of text.
type Table struct {
	Head []string   `json:"head,omitempty"`
	Rows [][]string `json:"rows,omitempty"`
}

// IsZero reports whether there is nothing in the table.
func (t Table) IsZero() bool { return len(t.Head) == 0 }

// ErrMissed is returned where a preset's numbers are not reached.
var ErrMissed = errors.New("not all that must be true is")

// NewReport returns an empty report of this machine.
func NewReport(preset string) *Report {
	return &Report{Preset: preset, Machine: thisMachine(), Begun: time.Now().UTC().Truncate(time.Second)}
}

func thisMachine() Machine {
	m := Machine{CPUs: runtime.GOMAXPROCS(0), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(b), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		m.Model = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kb); err == nil {
			m.Memory = kb << 10
		}
	}
	return m
}

// Failed returns what is wrong with any of the results, and ErrMissed where a check is not met.
func (r *Report) Failed() error {
	var errs []error
	for _, res := range r.Results {
		errs = append(errs, res.Failed())
	}
	for _, c := range r.Checks {
		if !c.OK {
			errs = append(errs, fmt.Errorf("flood: %w: %s: got %s, want %s", ErrMissed, c.What, c.Got, c.Want))
		}
	}
	return errors.Join(errs...)
}

// Write writes the report as a table for people.
func (r *Report) Write(w io.Writer) error {
	memory := ""
	if r.Machine.Memory > 0 {
		memory = ", " + bytesText(float64(r.Machine.Memory)) + " of memory"
	}
	title := cmp.Or(r.Preset, "flood")
	if _, err := fmt.Fprintf(w, "%s, %s UTC: %d CPUs (%s)%s, %s, %s; client and server share them\n\n", title, r.Begun.Format(time.DateTime),
		r.Machine.CPUs, cmp.Or(r.Machine.Model, "unknown"), memory, r.Machine.System, r.Machine.Go); err != nil {
		return err
	}
	if len(r.Results) > 0 {
		if err := resultsTable(r.Results).write(w); err != nil {
			return err
		}
	}
	if !r.Table.IsZero() {
		if err := r.Table.write(w); err != nil {
			return err
		}
	}
	for _, c := range r.Checks {
		verdict := "true "
		if !c.OK {
			verdict = "FALSE"
		}
		if _, err := fmt.Fprintf(w, "%s  %s: %s (want %s)\n", verdict, c.What, c.Got, c.Want); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) write(w io.Writer) error {
	wide := 0 // the first column is text, and stands to the left
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		wide = max(wide, utf8.RuneCountInString(row[0]))
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		fmt.Fprintf(tw, "%-*s\t%s\t\n", wide, row[0], strings.Join(row[1:], "\t"))
	}
	fmt.Fprintln(tw)
	return tw.Flush()
}

// resultsTable has a row for each number and a column for each result, and one for how the first compares with each other.
func resultsTable(list []*Result) Table {
	t := Table{Head: []string{""}}
	for i, r := range list {
		t.Head = append(t.Head, r.Target)
		if i > 0 {
			t.Head = append(t.Head, "ratio")
		}
	}
	// better: 1 where more is better, -1 where less is, 0 where a ratio says nothing.
	row := func(name string, ratio bool, value func(*Result) float64, text func(float64) string) {
		cells, any := []string{name}, false
		for i, r := range list {
			v := value(r)
			any = any || v != 0
			cells = append(cells, text(v))
			if first := value(list[0]); i > 0 && ratio && v != 0 {
				cells = append(cells, fmt.Sprintf("%.2f", first/v))
			} else if i > 0 {
				cells = append(cells, "")
			}
		}
		if any {
			t.Rows = append(t.Rows, cells)
		}
	}
	ms := func(v float64) string { return fmt.Sprintf("%.2f ms", v) }
	count := func(f func(*Result) uint64) func(*Result) float64 {
		return func(r *Result) float64 { return float64(f(r)) }
	}
	row("connections", false, func(r *Result) float64 { return float64(r.Load.Connections) }, countText)
	row("topics", false, func(r *Result) float64 { return float64(r.Load.Topics) }, countText)
	row("published/s", true, func(r *Result) float64 { return r.PublishRate }, countText)
	row("behind schedule", false, func(r *Result) float64 { return max(0, r.BehindMs) }, ms)
	row("deliveries", false, count(func(r *Result) uint64 { return r.Deliveries }), countText)
	row("deliveries/s", true, func(r *Result) float64 { return r.DeliveryRate }, countText)
	row("latency p50", true, func(r *Result) float64 { return r.Latency.P50 }, ms)
	row("latency p90", true, func(r *Result) float64 { return r.Latency.P90 }, ms)
	row("latency p99", true, func(r *Result) float64 { return r.Latency.P99 }, ms)
	row("latency p99.9", true, func(r *Result) float64 { return r.Latency.P999 }, ms)
	row("latency max", true, func(r *Result) float64 { return r.Latency.Max }, ms)
	row("server CPU s/M", true, func(r *Result) float64 { return r.CPUPerMillion }, func(v float64) string { return fmt.Sprintf("%.3f", v) })
	row("server CPU", false, func(r *Result) float64 { return r.CPUSeconds }, func(v float64) string { return fmt.Sprintf("%.2f s", v) })
	row("client CPU", false, func(r *Result) float64 { return r.ClientCPU }, func(v float64) string { return fmt.Sprintf("%.2f s", v) })
	row("bytes/delivery", true, func(r *Result) float64 { return r.EventBytes }, func(v float64) string { return fmt.Sprintf("%.1f", v) })
	row("memory/connection", true, func(r *Result) float64 { return r.PerConnection }, bytesText)
	row("memory idle", false, func(r *Result) float64 { return float64(r.MemoryIdle) }, bytesText)
	row("memory open", false, func(r *Result) float64 { return float64(r.MemoryOpen) }, bytesText)
	row("memory peak", false, func(r *Result) float64 { return float64(r.MemoryPeak) }, bytesText)
	row("memory end", false, func(r *Result) float64 { return float64(r.MemoryEnd) }, bytesText)
	row("came and went", false, func(r *Result) float64 { return float64(r.Passed) }, countText)
	row("to slow and passing", false, count(func(r *Result) uint64 { return r.Others }), countText)
	row("thinned", false, count(func(r *Result) uint64 { return r.Thinned }), countText)
	row("told of thinning", false, count(func(r *Result) uint64 { return r.Told }), countText)
	row("cut", false, count(func(r *Result) uint64 { return r.Cut }), countText)
	for _, why := range keys(list, func(r *Result) map[string]uint64 { return r.Closed }) {
		row("closed: "+why, false, count(func(r *Result) uint64 { return r.Closed[why] }), countText)
	}
	for _, why := range keys(list, func(r *Result) map[string]uint64 { return r.Refused }) {
		row("refused: "+why, false, count(func(r *Result) uint64 { return r.Refused[why] }), countText)
	}
	row("resets", false, count(func(r *Result) uint64 { return r.Resets }), countText)
	row("others' events", false, count(func(r *Result) uint64 { return r.Foreign }), countText)
	wrong := func(name string, f func(*Result) uint64) { // shown though it is nothing: that is the news
		cells := []string{name}
		for i, r := range list {
			cells = append(cells, countText(float64(f(r))))
			if i > 0 {
				cells = append(cells, "")
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	wrong("lost", func(r *Result) uint64 { return r.Lost })
	wrong("doubled", func(r *Result) uint64 { return r.Doubled })
	wrong("out of order", func(r *Result) uint64 { return r.Disordered })
	wrong("astray or broken", func(r *Result) uint64 { return r.Strays + r.Broken })
	return t
}

func keys(list []*Result, of func(*Result) map[string]uint64) []string {
	all := make(map[string]bool)
	for _, r := range list {
		for k := range of(r) {
			all[k] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// countText writes a number for people: 3.10 M, 31,240, 12.
func countText(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.2f G", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	case v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func bytesText(v float64) string {
	switch {
	case v >= 1<<30:
		return fmt.Sprintf("%.1f GB", v/(1<<30))
	case v >= 1<<20 || v <= -1<<20:
		return fmt.Sprintf("%.1f MB", v/(1<<20))
	case v >= 1<<10 || v <= -1<<10:
		return fmt.Sprintf("%.2f KB", v/(1<<10))
	}
	return fmt.Sprintf("%.0f B", v)
}

// String is a progress line.
func (p Progress) String() string {
	return fmt.Sprintf("%-9s %-10s %4.0fs  open %s  published %s  delivered %s (%s/s)  p99 %v  wrong %d  server %.2f CPU, %s",
		p.Target, p.Phase, p.Elapsed.Seconds(), countText(float64(p.Open)), countText(float64(p.Published)), countText(float64(p.Deliveries)),
		countText(p.Rate), p.P99.Round(10*time.Microsecond), p.Wrong, p.CPU, bytesText(float64(p.Memory)))
}

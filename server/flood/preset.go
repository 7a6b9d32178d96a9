package flood

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// preset is a load with a name and what must be true of it.
type preset struct {
	name string
	what string
	d    time.Duration // of its loads, unless the user says otherwise
	run  func(ctx context.Context, b *Bench, rep *Report, d time.Duration) error
}

var presets = []preset{
	{"fanout", "1,000 subscribers of one topic, flat out, against the naive hub and one write for each event", 15 * time.Second, fanout},
	{"latency", "10,000 subscribers of one topic at 10 events a second, against the naive hub", 30 * time.Second, latency},
	{"topics", "1,000 topics with 10 subscribers each at 5,000 events a second, against one write for each event", 20 * time.Second, topics},
	{"gzip", "1,000 subscribers of one topic on gzip, 20 events a batch, against the same without gzip", 20 * time.Second, gzipped},
	{"resume", "100 subscribers that come back at once and missed 10,000 events, from memory and from disk", 0, resume},
	{"slow", "1,000 subscribers flat out, beside them 10 that never read and 10 that read 64 KB a second, against none such", time.Minute, stalling},
	{"idle", "5,000, 10,000 and 18,000 idle streams: memory of each further one; then all are held, and get one event", 5 * time.Minute, idle},
	{"storm", "connections that come and go by the thousand under load, and SIGTERM in the middle of it", 20 * time.Second, storming},
}

// List writes the names of the presets and what they are.
func List(w io.Writer) error {
	for _, p := range presets {
		if _, err := fmt.Fprintf(w, "%-8s  %s\n", p.name, p.what); err != nil {
			return err
		}
	}
	return nil
}

// Preset runs the preset of the name, and reports whether what must be true of it is. A duration of 0 is the preset's own.
func (b *Bench) Preset(ctx context.Context, name string, d time.Duration) (*Report, error) {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == name })
	if i < 0 {
		var names []string
		for _, p := range presets {
			names = append(names, p.name)
		}
		return nil, fmt.Errorf("flood: there is no preset %q: want one of %s", name, strings.Join(names, ", "))
	}
	if b.Target != nil {
		return nil, errors.New("flood: a preset starts its own servers, so it can't be given a target")
	}
	rep := NewReport(name)
	if err := presets[i].run(ctx, b, rep, cmp.Or(d, presets[i].d)); err != nil {
		return rep, err
	}
	return rep, rep.Failed()
}

// compare measures the load on servers of the names and returns their results in that order.
func (b *Bench) compare(ctx context.Context, rep *Report, o Load, names ...string) ([]*Result, error) {
	for _, name := range names {
		r, err := b.measure(ctx, name, o)
		if r != nil {
			rep.Results = append(rep.Results, r)
		}
		if err != nil {
			return nil, err
		}
	}
	return rep.Results, nil
}

// atLeast and atMost add a check of a number.
func (r *Report) atLeast(what string, got, want float64, unit string) {
	r.Checks = append(r.Checks, Check{what, number(got) + unit, "at least " + number(want) + unit, got >= want})
}

func (r *Report) atMost(what string, got, want float64, unit string) {
	r.Checks = append(r.Checks, Check{what, number(got) + unit, "at most " + number(want) + unit, got <= want})
}

func number(v float64) string {
	if v >= 1000 {
		return countText(v)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}

func fanout(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	r, err := b.compare(ctx, rep, Load{Connections: b.of(1000), Duration: d}, Ours, Naive, OneWrite)
	if err != nil {
		return err
	}
	rep.atLeast("deliveries a second, times the naive hub's", r[0].DeliveryRate/r[1].DeliveryRate, 8, "")
	rep.atMost("CPU of a delivery, times the naive hub's", r[0].CPUPerMillion/r[1].CPUPerMillion, 0.1, "")
	return nil
}

func latency(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	// Client and server need a descriptor each; where a process may not have so many, fewer subscribers are measured.
	n := room(b.of(10_000))
	r, err := b.compare(ctx, rep, Load{Connections: n, Rate: 10, Batch: 1, Duration: d}, Ours, Naive)
	if err != nil {
		return err
	}
	rep.atMost("median latency, times the naive hub's", r[0].Latency.P50/r[1].Latency.P50, 0.5, "")
	rep.atMost("p99 latency, times the naive hub's", r[0].Latency.P99/r[1].Latency.P99, 0.5, "")
	return nil
}

func topics(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	n := room(b.of(10_000)) / 10
	r, err := b.compare(ctx, rep, Load{Connections: 10 * n, Topics: n, Rate: 5000, Batch: 10, Duration: d}, Ours, OneWrite)
	if err != nil {
		return err
	}
	rep.atLeast("delivered, of what was published", float64(r[0].Deliveries)/float64(10*r[0].Published), 1, "")
	rep.atMost("p99 latency, times one write for each event", r[0].Latency.P99/r[1].Latency.P99, 2, "")
	return nil
}

func gzipped(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	o := Load{Connections: b.of(1000), Rate: 200, Batch: 20, Duration: d}
	for _, o.Gzip = range []bool{true, false} {
		r, err := b.measure(ctx, Ours, o)
		if r != nil {
			r.Target = "plain"
			if o.Gzip {
				r.Target = "gzip"
			}
			rep.Results = append(rep.Results, r)
		}
		if err != nil {
			return err
		}
	}
	zipped, plain := rep.Results[0], rep.Results[1]
	rep.atMost("bytes of a delivery on gzip, times plain", zipped.EventBytes/plain.EventBytes, 1./3, "")
	rep.atMost("CPU of a delivery on gzip, times plain", zipped.CPUPerMillion/plain.CPUPerMillion, 1.3, "")
	return nil
}

func stalling(ctx context.Context, b *Bench, rep *Report, d time.Duration) error {
	o := Load{Connections: b.of(1000), Samples: 60, Lines: 30, SlowRate: 64 << 10, Duration: d}
	for _, n := range []int{10, 0} {
		o.Stalled, o.Slow = n, n
		r, err := b.measure(ctx, Ours, o)
		if r != nil {
			r.Target = fmt.Sprintf("with %d slow ones", 2*n)
			rep.Results = append(rep.Results, r)
		}
		if err != nil {
			return err
		}
	}
	some, none := rep.Results[0], rep.Results[1]
	rep.atLeast("deliveries a second to the others, times those without slow ones", some.DeliveryRate/none.DeliveryRate, 0.95, "")
	rep.atMost("memory at its peak, beyond that without slow ones", float64(some.MemoryPeak-none.MemoryPeak)/(1<<20), 20, " MB")
	rep.atLeast("events the slow ones were told they miss", float64(some.Told), 1, "")
	closed := some.Cut // a last word to somebody whose socket is full may not arrive
	for _, n := range some.Closed {
		closed += n
	}
	rep.atLeast("slow ones that were closed", float64(closed), float64(some.Load.Stalled), "")
	rep.atMost("state events that slow ones, once awake, do not have", float64(some.Lost), 0, "")
	return nil
}

// room returns want, or as many connections as this process may open.
func room(want int) int {
	const others = 500 // descriptors beside the streams
	if limit := fileLimit(); limit > 0 {
		return min(want, limit-others)
	}
	return want
}

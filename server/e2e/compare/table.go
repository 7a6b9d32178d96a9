//go:build compare

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// result is what one run of one page measured.
type result struct {
	Seconds    float64
	Frames     float64
	Longest    float64 // between two frames, ms
	P50, P99   float64 // ms from when an event was due to the frame that shows it
	P99Lines   float64
	P99Samples float64
	Main       float64 // share of the time that the main thread worked
	Line       int     // the number of the newest line on screen
	Lines      int     // events timed
	Samples    int

	Thinned int           // events the server left out for this reader
	Lag     float64       // seconds that the newest line on screen was behind, at the end
	Behind  time.Duration // the furthest that publishing was behind its schedule
}

// mostBehind is how late publishing may be in a run that counts: later, other programs had the machine, and what was measured is
// them.
const mostBehind = 500 * time.Millisecond

func (r result) fps() float64 { return r.Frames / r.Seconds }

func (r result) String() string {
	return fmt.Sprintf("%.1f frames a second (longest %.0f ms), to paint p50 %.0f ms, p99 %.0f ms (lines %.0f, samples %.0f), main thread %.0f %%, thinned %d, behind %.1f s, publisher late by %d ms",
		r.fps(), r.Longest, r.P50, r.P99, r.P99Lines, r.P99Samples, 100*r.Main, r.Thinned, r.Lag, r.Behind.Milliseconds())
}

// median returns, measure by measure, the median of several runs.
func median(runs []result) result {
	of := func(get func(result) float64) float64 {
		var all []float64
		for _, r := range runs {
			all = append(all, get(r))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return result{
		Seconds:    1,
		Frames:     of(result.fps),
		Longest:    of(func(r result) float64 { return r.Longest }),
		P50:        of(func(r result) float64 { return r.P50 }),
		P99:        of(func(r result) float64 { return r.P99 }),
		P99Lines:   of(func(r result) float64 { return r.P99Lines }),
		P99Samples: of(func(r result) float64 { return r.P99Samples }),
		Main:       of(func(r result) float64 { return r.Main }),
		Thinned:    int(of(func(r result) float64 { return float64(r.Thinned) })),
		Lag:        of(func(r result) float64 { return r.Lag }),
		Behind:     time.Duration(of(func(r result) float64 { return float64(r.Behind) })),
	}
}

// write writes one setting's table and reports whether all is as promised. That the load itself came late is said, as nothing
// can be promised of such a machine.
func write(out io.Writer, set setting, ours, theirs result) bool {
	all := true
	verdict := func(ok bool, want string) string {
		if ok {
			return want
		}
		all = false
		return want + "  MISSED"
	}
	frames, paint, mainThread := "", "", ""
	if set.throttle > 1 {
		frames = verdict(ours.fps() >= 3*theirs.fps(), "at least 3")
		paint = verdict(ours.P99 <= theirs.P99/3, "at most 0.33")
	} else {
		frames = verdict(ours.fps() >= 50, "at least 50 a second")
		mainThread = verdict(ours.Main <= .6*theirs.Main, "at most 0.6")
	}
	fmt.Fprintln(out, set.name)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tTelltale\tReact\tratio\twanted")
	row := func(name, unit string, digits int, a, b float64, want string) {
		fmt.Fprintf(w, "  %s\t%.*f%s\t%.*f%s\t%.2f\t%s\n", name, digits, a, unit, digits, b, unit, a/b, want)
	}
	row("frames a second", "", 1, ours.fps(), theirs.fps(), frames)
	row("longest frame", " ms", 0, ours.Longest, theirs.Longest, "")
	row("event to paint, median", " ms", 0, ours.P50, theirs.P50, "")
	row("event to paint, p99", " ms", 0, ours.P99, theirs.P99, paint)
	row("  of lines", " ms", 0, ours.P99Lines, theirs.P99Lines, "")
	row("  of samples", " ms", 0, ours.P99Samples, theirs.P99Samples, "")
	row("main thread", " %", 0, 100*ours.Main, 100*theirs.Main, mainThread)
	fmt.Fprintf(w, "  left out by the server\t%d\t%d\n", ours.Thinned, theirs.Thinned)
	fmt.Fprintf(w, "  behind at the end\t%.1f s\t%.1f s\n", ours.Lag, theirs.Lag)
	fmt.Fprintf(w, "  publisher late by up to\t%d ms\t%d ms\n", ours.Behind.Milliseconds(), theirs.Behind.Milliseconds())
	w.Flush()
	if max(ours.Behind, theirs.Behind) > mostBehind {
		fmt.Fprintln(out, "  This machine had no time for the load itself, so nothing is shown by this: measure again when it is idle.")
		all = false
	}
	fmt.Fprintln(out)
	return all
}

package ui

import (
	"math"
	"strconv"
	"time"
)

// The signs numbers are written with.
const (
	nnbsp   = "\u202f" // narrow no-break space: before a unit and between thousands
	missing = "—"      // what is not known; never 0
)

// Unit is what a number counts, and with it how it is written: its prefixes, its decimals, its sign.
type Unit uint8

const (
	Plain      Unit = iota // a bare number
	Percent                // 0 to 100
	Bytes                  // held: memory, storage; binary prefixes
	ByteRate               // moved, bytes per second: network; decimal prefixes
	PerSecond              // things per second
	Milli                  // milliseconds; seconds from 1000 on
	Count                  // whole things, in full
	countUnits = iota
)

type scale struct {
	size  float64
	name  string
	whole bool // no decimal: a fraction of this unit says nothing
}

// scales are each unit's steps, smallest first.
var scales = [countUnits][]scale{
	Plain:     {{1, "", false}},
	Percent:   {{1, "%", false}},
	Bytes:     {{1, "B", true}, {1 << 10, "KiB", false}, {1 << 20, "MiB", false}, {1 << 30, "GiB", false}, {1 << 40, "TiB", false}, {1 << 50, "PiB", false}},
	ByteRate:  {{1, "B/s", true}, {1e3, "kB/s", false}, {1e6, "MB/s", false}, {1e9, "GB/s", false}, {1e12, "TB/s", false}},
	PerSecond: {{1, "/s", false}},
	Milli:     {{1, "ms", true}, {1e3, "s", false}},
	Count:     {{1, "", true}},
}

// AppendNumber appends v without its unit and returns the unit to write after it: three figures at most, one decimal under
// 100, thousands set apart. NaN and infinities are "—" without a unit.
func AppendNumber(b []byte, v float64, u Unit) ([]byte, string) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return add(b, missing), ""
	}
	steps := scales[u]
	i := 0
	// 999.5 would be written 1000: the next prefix writes it 1.0.
	for i+1 < len(steps) && math.Abs(v)/steps[i].size >= 999.5 {
		i++
	}
	s := steps[i]
	v /= s.size
	if s.whole || math.Abs(v) >= 99.95 {
		return appendThousands(b, v), s.name
	}
	if math.Abs(v) < 0.05 {
		v = 0 // never "-0.0"
	}
	return strconv.AppendFloat(b, v, 'f', 1, 64), s.name
}

// appendThousands appends v rounded to a whole number, its thousands set apart: 1 204. What nobody could read so is written
// as powers are: 1e+300.
func appendThousands(b []byte, v float64) []byte {
	if math.Abs(v) >= 1e12 {
		return strconv.AppendFloat(b, v, 'g', 3, 64)
	}
	n := int64(math.RoundToEven(v))
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	if d[0] == '-' {
		b = append(b, '-')
		d = d[1:]
	}
	for i, c := range d {
		if i > 0 && (len(d)-i)%3 == 0 {
			b = add(b, nnbsp)
		}
		b = append(b, c)
	}
	return b
}

// AppendQuantity appends v and its unit as plain text: "42.1 %".
func AppendQuantity(b []byte, v float64, u Unit) []byte {
	b, unit := AppendNumber(b, v, u)
	if unit != "" {
		b = add(b, nnbsp)
		b = add(b, unit)
	}
	return b
}

// AppendQuantityHTML is AppendQuantity with the number and its unit apart for the eye: <b>42.1</b><i> %</i>.
func AppendQuantityHTML(b []byte, v float64, u Unit) []byte {
	b = add(b, "<b>")
	b, unit := AppendNumber(b, v, u)
	b = add(b, "</b>")
	if unit != "" {
		b = add(b, "<i>"+nnbsp)
		b = add(b, unit)
		b = add(b, "</i>")
	}
	return b
}

// AppendCount appends a whole number: 1 204.
func AppendCount(b []byte, n int64) []byte { return appendThousands(b, float64(n)) }

// AppendClock appends the time of day, 24 h, in t's own zone: 12:04:31. The zero time is "—".
func AppendClock(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return add(b, missing)
	}
	return t.AppendFormat(b, "15:04:05")
}

// AppendWhen appends a time as read at now: 12:04:31 today, Tue 09:30 within the last six days, 12 May 09:30 before that.
// Both times count in now's zone.
func AppendWhen(b []byte, t, now time.Time) []byte {
	if t.IsZero() {
		return add(b, missing)
	}
	t = t.In(now.Location())
	switch {
	case sameDay(t, now):
		return t.AppendFormat(b, "15:04:05")
	case now.Sub(t).Abs() < 6*24*time.Hour:
		return t.AppendFormat(b, "Mon 15:04")
	default:
		return t.AppendFormat(b, "2 Jan 15:04")
	}
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

// AppendLogTime appends the time of a log line, with milliseconds: 12:04:31.482. The part after the seconds is in a span,
// which a narrow screen hides.
func AppendLogTime(b []byte, t time.Time) []byte {
	b = t.AppendFormat(b, "15:04:05")
	b = add(b, `<span class="ms">`)
	b = t.AppendFormat(b, ".000")
	return add(b, `</span>`)
}

// AppendDuration appends a length of time as it is read at a glance: 45 s, 2 min 15 s, 38 min, 4 h, 2 d. A negative one,
// which only two clocks that disagree can make, is 0 s.
func AppendDuration(b []byte, d time.Duration) []byte {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return appendUnit(b, int64(d/time.Second), "s")
	case d < 10*time.Minute:
		b = appendUnit(b, int64(d/time.Minute), "min")
		b = append(b, ' ')
		return appendPadded(b, int64(d%time.Minute/time.Second), "s")
	case d < time.Hour:
		return appendUnit(b, int64(d/time.Minute), "min")
	case d < 24*time.Hour:
		return appendUnit(b, int64(d/time.Hour), "h")
	default:
		return appendUnit(b, int64(d/(24*time.Hour)), "d")
	}
}

// AppendDurationLong appends a length of time with two units, for a place that has room: 38 min 50 s, 4 h 12 min, 2 d 3 h.
func AppendDurationLong(b []byte, d time.Duration) []byte {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return appendUnit(b, int64(d/time.Second), "s")
	case d < time.Hour:
		b = append(appendUnit(b, int64(d/time.Minute), "min"), ' ')
		return appendPadded(b, int64(d%time.Minute/time.Second), "s")
	case d < 24*time.Hour:
		b = append(appendUnit(b, int64(d/time.Hour), "h"), ' ')
		return appendPadded(b, int64(d%time.Hour/time.Minute), "min")
	default:
		b = append(appendUnit(b, int64(d/(24*time.Hour)), "d"), ' ')
		return appendUnit(b, int64(d%(24*time.Hour)/time.Hour), "h")
	}
}

// AppendTook appends how long a piece of work took: 214 ms, 38.2 s, 2 min 41 s.
func AppendTook(b []byte, d time.Duration) []byte {
	if d < 59950*time.Millisecond {
		return AppendQuantity(b, float64(max(d, 0))/1e6, Milli)
	}
	return AppendDuration(b, max(d, time.Minute))
}

// AppendAge appends how old something is: 0.2 s under ten seconds, then 14 s, 2 min, 4 h, 2 d.
func AppendAge(b []byte, d time.Duration) []byte {
	d = max(d, 0)
	switch {
	case d < 9950*time.Millisecond:
		b = strconv.AppendFloat(b, d.Seconds(), 'f', 1, 64)
		return add(b, nnbsp+"s")
	case d < time.Minute:
		return appendUnit(b, int64(d/time.Second), "s")
	case d < time.Hour:
		return appendUnit(b, int64(d/time.Minute), "min")
	default:
		return AppendDuration(b, d)
	}
}

func appendUnit(b []byte, n int64, unit string) []byte {
	b = strconv.AppendInt(b, n, 10)
	b = add(b, nnbsp)
	return add(b, unit)
}

func appendPadded(b []byte, n int64, unit string) []byte {
	if n < 10 {
		b = append(b, '0')
	}
	return appendUnit(b, n, unit)
}

package ui

import (
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Ages on screen are steps of this length: more often a number can't be read.
const ageStep = 200 * time.Millisecond

// ServerPath returns the address of a server's page.
func ServerPath(id string) string { return "/servers/" + url.PathEscape(id) }

// aged reports whether what is shown of a server is the past. While the link is not fresh all is, the prerendered picture
// included: it is dated, and a lamp that shines is evidence. Trouble that was told over a fresh link stays lit, however
// silent the server is now: silence is what is to be expected of it.
func aged(m *model.Model, s *model.Server, now time.Time) bool {
	if !lit(&m.Link) {
		return true
	}
	return !s.Status.State.Trouble() && m.Aged(s, now)
}

// appendSince appends since when a server is in its state and how long that is. now is by the server's clock, in the local
// zone. A narrow screen shows the time alone.
func appendSince(b []byte, s *model.Server, now time.Time, aged bool) []byte {
	if s.Status.Since.IsZero() {
		return b
	}
	b = add(b, "<u>since </u>")
	b = AppendWhen(b, s.Status.Since, now)
	if aged {
		return b // how long it stayed so is not known
	}
	b = add(b, "<s> · ")
	b = AppendDuration(b, now.Sub(s.Status.Since))
	return add(b, "</s>")
}

// appendEvidence appends, in one sentence without its full stop, what the state rests on. What the server only says of
// itself is marked as its own word.
func appendEvidence(b []byte, s *model.Server, now time.Time) []byte {
	b = appendGrounds(b, s, now)
	if n := s.Status.Flapped; n > 1 {
		b = add(b, ", the last of ")
		b = AppendCount(b, int64(n))
		b = add(b, " changes in a row")
	}
	return b
}

func appendGrounds(b []byte, s *model.Server, now time.Time) []byte {
	st := &s.Status
	switch st.State {
	case model.Failing:
		if st.Reason == "" {
			b = add(b, "Reported an error without a message")
		} else {
			b = AppendText(b, st.Reason)
		}
		if st.Critical {
			b = add(b, ", critical")
		}
		return b
	case model.Offline:
		if st.Reason == "" {
			return add(b, "Went offline, no reason given")
		}
		b = add(b, "Went offline: ")
		return AppendText(b, st.Reason)
	case model.Stopped:
		b = add(b, "Ended as asked")
		if st.Reason != "" {
			b = add(b, ": ")
			b = AppendText(b, st.Reason)
		}
		return b
	case model.Starting:
		b = add(b, "Told to start")
		if !s.Started.IsZero() {
			b = add(b, " at ")
			b = AppendWhen(b, s.Started, now)
		}
		return add(b, ", not online yet")
	case model.Busy:
		b = add(b, word(st.Source))
		switch {
		case math.IsNaN(st.Load) && st.Connections < 0:
			return add(b, "busy")
		case st.Load <= 1:
			b = add(b, "load ")
			b = strconv.AppendFloat(b, st.Load, 'f', 2, 64)
		case st.Load > 1:
			b = add(b, "load ")
			b = AppendQuantity(b, st.Load, Percent)
		}
		if st.Connections >= 0 {
			if !math.IsNaN(st.Load) {
				b = add(b, ", ")
			}
			b = AppendCount(b, st.Connections)
			b = add(b, plural(st.Connections, " connection", " connections"))
		}
		return b
	case model.Idling:
		if st.IdleSince.IsZero() {
			return append(add(b, word(st.Source)), "idle"...)
		}
		b = add(b, "No calls since ")
		b = AppendWhen(b, st.IdleSince, now)
		if st.Shutdown.IsZero() {
			return add(b, ", never stops")
		}
		b = add(b, ", stops at ")
		return AppendWhen(b, st.Shutdown, now)
	}
	if !s.Measured().IsZero() {
		b = add(b, "Measured")
		switch every := s.Interval(); {
		case every == 0: // one sample tells no interval
		case every < 950*time.Millisecond:
			b = add(b, " every ")
			b = AppendTook(b, every)
		default:
			b = add(b, " every ")
			b = AppendDuration(b, every.Round(time.Second))
		}
		return appendMeasures(b, s)
	}
	if st.State == model.Unknown {
		return add(b, "No word on its state yet")
	}
	return append(add(b, word(st.Source)), "online"...)
}

func word(source string) string {
	if source == "" {
		return "Its own word: "
	}
	return string(AppendText(nil, source)) + " says: "
}

// appendMeasures appends what is measured: ": CPU, memory".
func appendMeasures(b []byte, s *model.Server) []byte {
	sep := ": "
	for _, m := range []struct {
		m    *model.Metric
		name string
	}{
		{&s.CPU.Metric, "CPU"}, {&s.Memory.Metric, "memory"}, {&s.Network.Metric, "network"},
		{&s.Requests.Metric, "requests"}, {&s.Storage.Metric, "storage"},
	} {
		if m.m.Known() {
			b = add(b, sep)
			b = add(b, m.name)
			sep = ", "
		}
	}
	return b
}

// appendAgo appends an age in steps that can be read: "0.2 s ago".
func appendAgo(b []byte, d time.Duration) []byte {
	b = AppendAge(b, d.Truncate(ageStep))
	return add(b, " ago")
}

// points copies a part of a series, oldest first, from the first sample at or after from. buf is reused.
func points(buf []Point, s *model.Series, k int, from int64) []Point {
	buf = buf[:0]
	// The one before the window lets a line come in from the edge, and shows a gap that began out of sight.
	for i := max(s.From(from)-1, 0); i < s.Len(); i++ {
		x := s.At(i)
		v := float64(x.V[k])
		if math.IsInf(v, 0) {
			v = math.NaN() // a number beyond all scales: there is no place for it
		}
		buf = append(buf, Point{x.T, v})
	}
	return buf
}

// spanOf returns how far back a drawing of samples goes: at most most, and less while there is less to show, so that a page
// that has just been opened is not an empty one. oldest is the first sample there is, Unix milliseconds; 0: there is none.
func spanOf(oldest, to int64, most time.Duration) time.Duration {
	for _, span := range [...]time.Duration{2 * time.Minute, 5 * time.Minute} {
		if span >= most || oldest == 0 || to-oldest <= span.Milliseconds() {
			return min(span, most)
		}
	}
	return most
}

// oldestOf returns the time of the first sample of a server that is held, or 0.
func oldestOf(s *model.Server) int64 {
	var oldest int64
	for _, m := range [...]*model.Metric{&s.CPU.Metric, &s.Memory.Metric, &s.Network.Metric, &s.Requests.Metric, &s.Storage.Metric} {
		if m.Series.Len() > 0 {
			if t := m.Series.At(0).T; oldest == 0 || t < oldest {
				oldest = t
			}
		}
	}
	return oldest
}

// largest returns the greatest value from the time from on, 0 when there is none.
func largest(points []Point, from int64) float64 {
	top := 0.0
	for _, p := range points {
		if p.T >= from && p.V > top {
			top = p.V
		}
	}
	return top
}

// gapOf returns the pause, in milliseconds, that has room for two missed samples: what a gap is.
func gapOf(m *model.Metric) int64 {
	every := m.Interval
	if every <= 0 {
		every = 5 * time.Second
	}
	return max(int64(every*28/10/time.Millisecond), 2500)
}

// memoryScale returns the top of a scale for what is used of total, which may not be known.
func memoryScale(total, used float64) float64 {
	if total >= used && total > 0 {
		return total
	}
	return NiceMemory(used)
}

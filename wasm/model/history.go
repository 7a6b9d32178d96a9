package model

import (
	"math"
	"slices"
	"time"
)

// Period is a part of the past of one metric of one server, in steps: what the record is asked for. Once it is over its answer
// never changes, so a Period is the name of its answer.
type Period struct {
	Server, Type   string
	From, To, Step int64 // Unix milliseconds and milliseconds; From and To are multiples of Step
}

// Points returns in how many steps the period is asked for.
func (s Period) Points() int64 { return (s.To - s.From) / s.Step }

// History is the answer to a Period. It belongs to the Model and is never changed: an answer that is newer is another one.
type History struct {
	From, Step int64      // of the first bucket, and of each: not always what was asked for, as the record keeps old times more coarsely
	Complete   int64      // up to there nothing changes any more
	Unreadable [][2]int64 // stretches of which the server can't read what it kept, oldest first, in Unix milliseconds
	Fields     map[string]Spread
	Count      []float32 // samples in each bucket

	Asked  time.Time // by the local clock
	Failed string    // why the last answer is none, in words; the one before it is kept
	Final  bool      // asking again is of no use: it is over, or it was refused
}

// Spread is what a field was in each bucket; NaN where it was not measured.
type Spread struct{ Min, Mean, Max []float32 }

// Bounds of what is held of histories, and their age.
const (
	MaxHistories   = 48   // of at most some 20 KB each
	maxBuckets     = 2000 // of one answer
	historyAgain   = time.Minute
	historyFailed  = 10 * time.Second // a server that starts needs no longer
	historyLasting = 24 * time.Hour   // longer than any page draws: see Due
)

// Histories are the answers held, those used last. The zero Histories is empty.
type Histories struct {
	// Rev rises with every answer.
	Rev uint64

	list []heldHistory
	uses uint64
}

type heldHistory struct {
	of   Period
	used uint64
	*History
}

// Get returns the answer held for a period, or nil. One without Fields is there to say why there is none.
func (h *Histories) Get(of Period) *History {
	for i := range h.list {
		if h.list[i].of == of {
			h.uses++
			h.list[i].used = h.uses
			return h.list[i].History
		}
	}
	return nil
}

// Due returns how long it is until a period is to be asked for: nothing for one not held, a while for one that goes on or
// failed, and longer than it matters for one that never changes.
func (h *Histories) Due(of Period, now time.Time) time.Duration {
	i := slices.IndexFunc(h.list, func(l heldHistory) bool { return l.of == of })
	if i < 0 {
		return 0
	}
	switch l := h.list[i]; {
	case l.Final:
		return historyLasting
	case l.Failed != "":
		return max(historyFailed-now.Sub(l.Asked), 0)
	default:
		return max(historyAgain-now.Sub(l.Asked), 0)
	}
}

// Retry forgets what failed, so that it is asked for again at once.
func (h *Histories) Retry() {
	for i := range h.list {
		if l := &h.list[i]; l.Failed != "" {
			again := *l.History
			again.Failed, again.Final, again.Asked = "", false, time.Time{}
			l.History = &again
		}
	}
	h.list = slices.DeleteFunc(h.list, func(l heldHistory) bool { return l.Asked.IsZero() && l.Fields == nil })
	h.Rev++
}

// SetHistory takes what became of asking for a period: the body of the answer, or in failed why there is none. Refused is set
// where asking again would be answered in the same way.
func (m *Model) SetHistory(of Period, body []byte, failed string, refused bool, now time.Time) {
	m.Rev++
	h := &m.Histories
	h.Rev++
	got := &History{Asked: now}
	if failed == "" {
		if read, ok := readHistory(body); ok {
			*got = read
			got.Asked, got.Final = now, read.Complete >= of.To
		} else {
			failed = "the answer can't be read"
		}
	}
	was := h.Get(of)
	if failed != "" {
		if was != nil {
			*got = *was
		}
		got.Asked, got.Failed, got.Final = now, failed, refused
	}
	h.uses++
	held := heldHistory{of, h.uses, got}
	if i := slices.IndexFunc(h.list, func(l heldHistory) bool { return l.of == of }); i >= 0 {
		h.list[i] = held
		return
	}
	if len(h.list) >= MaxHistories {
		oldest := 0
		for i := range h.list {
			if h.list[i].used < h.list[oldest].used {
				oldest = i
			}
		}
		h.list = slices.Delete(h.list, oldest, oldest+1)
	}
	h.list = append(h.list, held)
}

// Bucket is what was measured between two instants: its least, its mean and its greatest.
type Bucket struct {
	From, To       int64 // Unix milliseconds
	Min, Mean, Max float64
	N              float64 // samples
}

// AppendBuckets appends the buckets of a field between two instants that hold anything, oldest first, of answers that follow each
// other; of two that overlap the first stands. An answer that is nil has none.
func AppendBuckets(b []Bucket, field string, from, to int64, parts ...*History) []Bucket {
	for _, h := range parts {
		if h == nil {
			continue
		}
		f := h.Fields[field]
		for i, mean := range f.Mean {
			t := h.From + int64(i)*h.Step
			if n := len(b); t+h.Step <= from || t >= to || math.IsNaN(float64(mean)) || n > 0 && t < b[n-1].To {
				continue
			}
			n := 1.0
			if i < len(h.Count) {
				n = float64(h.Count[i])
			}
			x := Bucket{t, t + h.Step, float64(f.Min[i]), float64(mean), float64(f.Max[i]), n}
			if math.IsNaN(x.Min) {
				x.Min = x.Mean
			}
			if math.IsNaN(x.Max) {
				x.Max = x.Mean
			}
			b = append(b, x)
		}
	}
	return b
}

// AppendSamples goes on after the buckets with samples that came since: those from the instant on take the place of the buckets
// that begin there or later. Step is the length of a bucket.
func AppendSamples(b []Bucket, s *Series, k int, since, step int64) []Bucket {
	for len(b) > 0 && b[len(b)-1].From >= since {
		b = b[:len(b)-1]
	}
	for i := s.From(since); i < s.Len(); i++ {
		x := s.At(i)
		v := float64(x.V[k])
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		t := floor(x.T, step)
		if n := len(b); n > 0 && b[n-1].From == t {
			l := &b[n-1]
			l.Min, l.Max = min(l.Min, v), max(l.Max, v)
			l.Mean += (v - l.Mean) / (l.N + 1)
			l.N++
			continue
		}
		b = append(b, Bucket{t, t + step, v, v, v, 1})
	}
	return b
}

// Mean returns the mean of all samples of the field that the record has between two instants, and how many there were; NaN where
// there were none.
func (h *History) Mean(field string, from, to int64) (mean, n float64) {
	if h == nil {
		return nan, 0
	}
	sum := 0.0
	for _, b := range AppendBuckets(nil, field, from, to, h) {
		sum += b.Mean * b.N
		n += b.N
	}
	return sum / n, n
}

// floor returns the last multiple of step that is not after t.
func floor(t, step int64) int64 {
	if t -= t % step; t < 0 {
		return t - step
	}
	return t
}

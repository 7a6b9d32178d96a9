package model

import (
	"math"
	"sort"
	"time"
)

// Window is how far back a Series goes.
const Window = 10 * time.Minute

// minSpacing bounds a Series: samples closer together than this replace one another, the latest wins, as the policy of
// samples has it everywhere.
const minSpacing = 500 // milliseconds

// Sample is one measurement. What V holds stands with each metric; NaN is "not said".
type Sample struct {
	T int64 // Unix milliseconds, by the event's clock
	V [3]float32
}

// Series is the samples of the last Window in order of time, at most 1,200. The zero Series is empty.
type Series struct {
	Thin Thin // what of it was thinned out

	ring  []Sample
	first int // index in ring of the oldest
	n     int
}

// Len returns how many samples there are.
func (s *Series) Len() int { return s.n }

// At returns the i-th sample, 0 is the oldest.
func (s *Series) At(i int) Sample { return s.ring[(s.first+i)%len(s.ring)] }

// Last returns the newest sample, and false when there is none.
func (s *Series) Last() (Sample, bool) {
	if s.n == 0 {
		return Sample{}, false
	}
	return s.At(s.n - 1), true
}

// From returns the index of the first sample at or after t (Unix milliseconds); Len when all are older.
func (s *Series) From(t int64) int {
	return sort.Search(s.n, func(i int) bool { return s.At(i).T >= t })
}

// Metric is what all metrics share.
type Metric struct {
	At       time.Time     // of the newest sample; zero: never measured
	Interval time.Duration // between samples, as observed; zero until two came
	Within   time.Duration // it is no longer than that, as far as thinned samples tell; zero: they don't
	Series   Series
}

// Known reports whether the metric was ever heard.
func (m *Metric) Known() bool { return !m.At.IsZero() }

// CPU is metrics:cpu. Series: V[0] usage. Numbers not said are NaN.
type CPU struct {
	Metric
	Usage     float64 // percent, 0 to 100
	Cores     float64
	Processes float64
}

// Memory is metrics:memory, in bytes. Series: V[0] used, V[1] available, V[2] swap used. Numbers not said are NaN.
type Memory struct {
	Metric
	Used, Available, Swap float64
	Percent               float64 // the headline: what is used of used and available
}

// Total returns used and available together; NaN when one was not said.
func (m *Memory) Total() float64 { return m.Used + m.Available }

// Network is metrics:network, bytes per second. Series: V[0] in, V[1] out, V[2] connections. Numbers not said are NaN.
type Network struct {
	Metric
	In, Out     float64
	Connections float64
}

// Requests is metrics:requests. Series: V[0] requests per second, V[1] average response time in
// milliseconds, V[2] error rate in percent. Numbers not said are NaN.
type Requests struct {
	Metric
	Count     float64 // per second
	AvgMs     float64
	ErrorRate float64 // percent
}

// Storage is metrics:storage, in bytes. Series: V[0] used, V[1] available. Numbers not said are NaN.
type Storage struct {
	Metric
	Used, Available float64
	Percent         float64
}

// Total returns used and available together; NaN when one was not said.
func (m *Storage) Total() float64 { return m.Used + m.Available }

// Gauge is a metric the catalogue does not know: its headline number alone. Series: V[0] value.
type Gauge struct {
	Metric
	Type  string
	Value float64 // NaN when the newest sample brought none
}

var nan = math.NaN()

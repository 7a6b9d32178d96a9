package model

import (
	"slices"
	"strings"

	"github.com/mcp-cloud/telltale/shared/event"
)

// measure folds in a metrics:* event, and reports whether there is room for it.
func (s *Server) measure(e event.Event) bool {
	switch e.Type {
	case event.MetricsCPU.Name():
		p, _ := event.MetricsCPU.Decode(e.Data)
		m := &s.CPU
		m.Usage = p.Usage.Or(p.Value.Or(nan))
		m.Cores, m.Processes = p.Cores.Or(nan), p.Processes.Or(nan)
		m.add(e, m.Usage, nan, nan)
	case event.MetricsMemory.Name():
		p, _ := event.MetricsMemory.Decode(e.Data)
		m := &s.Memory
		m.Used, m.Available, m.Swap = p.Used.Or(nan), p.Available.Or(nan), p.SwapUsed.Or(nan)
		m.Percent = p.Value.Or(100 * m.Used / m.Total())
		m.add(e, m.Used, m.Available, m.Swap)
	case event.MetricsNetwork.Name():
		p, _ := event.MetricsNetwork.Decode(e.Data)
		m := &s.Network
		m.In, m.Out, m.Connections = p.BytesIn.Or(p.Value.Or(nan)), p.BytesOut.Or(nan), p.Connections.Or(nan)
		m.add(e, m.In, m.Out, m.Connections)
	case event.MetricsRequests.Name():
		p, _ := event.MetricsRequests.Decode(e.Data)
		m := &s.Requests
		m.Count, m.AvgMs, m.ErrorRate = p.Count.Or(p.Value.Or(nan)), p.AvgResponseTime.Or(nan), p.ErrorRate.Or(nan)
		m.add(e, m.Count, m.AvgMs, m.ErrorRate)
	case event.MetricsStorage.Name():
		p, _ := event.MetricsStorage.Decode(e.Data)
		m := &s.Storage
		m.Used, m.Available = p.Used.Or(nan), p.Available.Or(nan)
		m.Percent = p.Value.Or(100 * m.Used / m.Total())
		m.add(e, m.Used, m.Available, nan)
	default:
		i, ok := slices.BinarySearchFunc(s.Gauges, e.Type, func(g *Gauge, t string) int { return strings.Compare(g.Type, t) })
		if !ok {
			if len(s.Gauges) >= MaxTypes {
				return false
			}
			s.Gauges = slices.Insert(slices.Clone(s.Gauges), i, &Gauge{Type: e.Type})
		}
		p, _ := event.MetricsCPU.Decode(e.Data) // every metric has its headline in "value"
		g := s.Gauges[i]
		g.Value = p.Value.Or(nan)
		g.add(e, g.Value, nan, nan)
	}
	return true
}

// add appends a sample and keeps the interval between samples.
func (m *Metric) add(e event.Event, a, b, c float64) {
	const smoothing = 8 // samples
	if d := e.Time.Sub(m.At); !m.At.IsZero() && d > 0 {
		switch {
		case m.Interval == 0 || d < m.Interval/4:
			m.Interval = d
		case d < 4*m.Interval: // else it was away: no sign of how often it speaks
			m.Interval += (d - m.Interval) / smoothing
		}
	}
	if e.Time.After(m.At) {
		m.At = e.Time
	}
	m.Series.push(Sample{T: e.Time.UnixMilli(), V: [3]float32{float32(a), float32(b), float32(c)}})
}

// push appends a sample; one that is not newer than the last is dropped, as a Series is in order of time.
func (s *Series) push(x Sample) {
	if s.n > 0 {
		last := s.at(s.n - 1)
		if x.T <= last.T {
			return
		}
		if s.n > 1 && last.T-s.at(s.n-2).T < minSpacing {
			*last = x
			return
		}
	}
	for s.n > 0 && x.T-s.at(0).T > Window.Milliseconds() {
		s.first = (s.first + 1) % len(s.ring)
		s.n--
	}
	if s.n == len(s.ring) {
		s.grow()
	}
	s.n++
	*s.at(s.n - 1) = x
}

func (s *Series) at(i int) *Sample { return &s.ring[(s.first+i)%len(s.ring)] }

// grow makes room for a quarter more: a Series has its full length for most of its life, and there are many.
func (s *Series) grow() {
	bigger := make([]Sample, max(16, s.n+s.n/4))
	for i := range s.n {
		bigger[i] = *s.at(i)
	}
	s.ring, s.first = bigger, 0
}

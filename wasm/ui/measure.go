package ui

import (
	"math"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// measure is what a chart shows.
type measure uint8

const (
	measureCPU measure = iota
	measureMemory
	measureNetwork
	measureRequests
	measureStorage
)

// measures are what the record calls them, and the fields that are drawn with their places in a series.
var measures = [...]struct {
	typ, name string
	fields    []string
}{
	measureCPU:      {"metrics:cpu", "CPU", []string{"usage"}},
	measureMemory:   {"metrics:memory", "Memory", []string{"used"}},
	measureNetwork:  {"metrics:network", "Network", []string{"bytesIn", "bytesOut"}},
	measureRequests: {"metrics:requests", "Requests", []string{"count", "avgResponseTime"}},
	measureStorage:  {"metrics:storage", "Storage", []string{"used"}},
}

// unmeasured reports whether a metric that is followed live has stopped coming: its last number is not what is now. A page
// that is not live itself can't know, and shows what it last heard as the past.
func unmeasured(m *model.Metric, there time.Time) bool {
	return there.Sub(m.At) > max(time.Duration(gapOf(m))*time.Millisecond, 10*time.Second)
}

func metricOf(what measure, s *model.Server) *model.Metric {
	switch what {
	case measureMemory:
		return &s.Memory.Metric
	case measureNetwork:
		return &s.Network.Metric
	case measureRequests:
		return &s.Requests.Metric
	case measureStorage:
		return &s.Storage.Metric
	}
	return &s.CPU.Metric
}

// appendMeasureName appends "CPU, of 4 cores".
func appendMeasureName(b []byte, what measure, s *model.Server) []byte {
	of := func(total float64) []byte {
		if total > 0 { // not NaN
			b = add(b, ", of ")
			b = appendTick(b, total, Bytes)
		}
		return b
	}
	b = add(b, measures[what].name)
	switch what {
	case measureMemory:
		return of(s.Memory.Total())
	case measureStorage:
		return of(s.Storage.Total())
	case measureCPU:
		if n := s.CPU.Cores; n > 0 {
			b = add(b, ", of ")
			b = AppendCount(b, int64(n))
			b = add(b, plural(int64(n), " core", " cores"))
		}
	}
	return b
}

// appendReadings appends what is measured now, or dashes.
func appendReadings(b []byte, what measure, s *model.Server, gone bool) []byte {
	m := metricOf(what, s)
	reading := func(name string, v float64, u Unit) {
		if gone || !m.Known() {
			v = math.NaN()
		}
		if name != "" {
			b = add(b, `<u>`)
			b = add(b, name)
			b = add(b, `</u>`)
		}
		b = add(b, `<span class="q">`)
		b = AppendQuantityHTML(b, v, u)
		b = add(b, `</span>`)
	}
	switch what {
	case measureCPU:
		reading("", s.CPU.Usage, Percent)
	case measureMemory:
		reading("", s.Memory.Used, Bytes)
	case measureStorage:
		reading("", s.Storage.Used, Bytes)
	case measureNetwork:
		reading("in", s.Network.In, ByteRate)
		reading("out", s.Network.Out, ByteRate)
	case measureRequests:
		reading("rate", s.Requests.Count, PerSecond)
		reading("mean", s.Requests.AvgMs, Milli)
	}
	return b
}

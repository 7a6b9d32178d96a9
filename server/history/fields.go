package history

import (
	"math"

	"github.com/mcp-cloud/telltale/shared/event"
)

// maxFields is how many numbers one sample has at most.
const maxFields = 3

// fields are the numbers of a type of the catalogue, by their names in its JSON. Their order is that of the blocks: a new one is
// added at the end.
var fields = map[string][]string{
	event.MetricsCPU.Name():      {"usage", "cores", "processes"},
	event.MetricsMemory.Name():   {"used", "available", "swapUsed"},
	event.MetricsNetwork.Name():  {"bytesIn", "bytesOut", "connections"},
	event.MetricsRequests.Name(): {"count", "avgResponseTime", "errorRate"},
	event.MetricsStorage.Name():  {"used", "available"},
}

var otherFields = []string{"value"}

// Fields returns the names of the numbers that are kept of a type: the catalogue's own, and of any other metric its headline, "value".
func Fields(typ string) []string {
	if f, ok := fields[typ]; ok {
		return f
	}
	return otherFields
}

// values are the numbers of one sample in the order of Fields; NaN where there is none.
type values [maxFields]float32

// measured returns the numbers of a sample, and false where it has none. A headline that is missing is taken from "value", as the app does.
func measured(e *event.Event) (v values, any bool) {
	var a, b, c event.Number
	switch e.Type {
	case event.MetricsCPU.Name():
		p, _ := event.MetricsCPU.Decode(e.Data) // of data that is damaged there is nothing
		a, b, c = either(p.Usage, p.Value), p.Cores, p.Processes
	case event.MetricsMemory.Name():
		p, _ := event.MetricsMemory.Decode(e.Data)
		a, b, c = p.Used, p.Available, p.SwapUsed
	case event.MetricsNetwork.Name():
		p, _ := event.MetricsNetwork.Decode(e.Data)
		a, b, c = either(p.BytesIn, p.Value), p.BytesOut, p.Connections
	case event.MetricsRequests.Name():
		p, _ := event.MetricsRequests.Decode(e.Data)
		a, b, c = either(p.Count, p.Value), p.AvgResponseTime, p.ErrorRate
	case event.MetricsStorage.Name():
		p, _ := event.MetricsStorage.Decode(e.Data)
		a, b = p.Used, p.Available
	default:
		p, _ := event.MetricsCPU.Decode(e.Data) // every metric has its headline in "value"
		a = p.Value
	}
	for i, n := range [maxFields]event.Number{a, b, c} {
		v[i] = nan
		if f, ok := n.Get(); ok {
			v[i] = float32(min(max(f, -math.MaxFloat32), math.MaxFloat32))
			any = true
		}
	}
	return v, any
}

func either(a, b event.Number) event.Number {
	if a.IsZero() {
		return b
	}
	return a
}

var nan = float32(math.NaN())

package limit

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkPlace is what Go's memory holds for each further stream of one user, and of as many users as streams.
func BenchmarkPlace(b *testing.B) {
	for _, row := range []struct {
		name string
		one  bool
	}{{"one user", true}, {"many users", false}} {
		b.Run(row.name, func(b *testing.B) {
			const streams = 20_000
			for b.Loop() {
				r := New(Limits{}, nil, nil)
				places := make([]*Place, 0, streams)
				heap := func() uint64 {
					runtime.GC()
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return m.HeapAlloc
				}
				before := heap()
				for i := range streams {
					o := Owner{User: "ada", Addr: addr("192.0.2.1"), Agent: strings.Repeat("Mozilla ", 10), Filter: strings.Clone("servers=web-*")}
					if !row.one {
						o.User, o.Addr = strings.Repeat("u", 1+i%40)+string(rune('a'+i/40)), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
					}
					places = append(places, admit(b, r, o))
				}
				b.ReportMetric(float64(heap()-before)/streams, "B/stream")
				b.ReportMetric(0, "ns/op")
				for _, p := range places {
					p.Release()
				}
			}
		})
	}
}

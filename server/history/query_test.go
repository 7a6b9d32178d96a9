package history

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestGrid(t *testing.T) {
	for _, row := range []struct{ from, to, base, points, first, end, step int64 }{
		{0, 1000, 1000, 1, 0, 1000, 1000},
		{1, 2, 1000, 300, 0, 1000, 1000},
		{999, 1001, 1000, 2, 0, 2000, 1000},
		{999, 1001, 1000, 1, 0, 2000, 2000},
		{3600_000, 7200_000, 1000, 300, 3600_000, 7200_000, 12_000},
		{3600_000, 7200_000, 1000, 3600, 3600_000, 7200_000, 1000},
		{3600_001, 7200_001, 1000, 300, 3600_000 - 3600_000%13_000, 7202_000, 13_000},
		{86400_000, 2 * 86400_000, 60_000, 1440, 86400_000, 2 * 86400_000, 60_000},
		{86400_000, 2 * 86400_000, 60_000, 1439, 86400_000, 2 * 86400_000, 120_000},
	} {
		first, end, step := grid(row.from, row.to, row.base, row.points)
		if first != row.first || end != row.end || step != row.step {
			t.Errorf("%+v: got %d to %d by %d", row, first, end, step)
		}
	}
}

func FuzzGrid(f *testing.F) {
	f.Add(int64(1795374906000-1), int64(1795374906000), int64(1), true)
	f.Add(int64(0), int64(253402300799999), int64(2000), false)
	f.Add(int64(62_999_999_999), int64(63_000_000_001), int64(1), false)
	f.Fuzz(func(t *testing.T, from, to, points int64, seconds bool) {
		from, to, points = from&(1<<48-1), to&(1<<48-1), points&1023+1
		if from >= to {
			return
		}
		base := int64(60_000)
		if seconds {
			base = 1000
		}
		first, end, step := grid(from, to, base, points)
		if first > from || from-first >= step || end < to || end-to >= step || step%base != 0 || first%step != 0 || end%step != 0 || (end-first)/step > points {
			t.Fatalf("%d to %d in %d of %d: got %d to %d by %d", from, to, points, base, first, end, step)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, row := range []struct {
		v      float64
		exact  bool
		toward float64
		want   string
	}{
		{0, true, 0, "0"}, {0, false, 1, "0"}, {1, true, 0, "1"}, {-1, true, 0, "-1"}, {10, true, 0, "10"}, {100, true, 0, "100"}, {12345, true, 0, "12340"}, {12355, true, 0, "12360"},
		{123456, true, 0, "123500"}, {1234567, true, 0, "1235e3"}, {1e9, true, 0, "1e9"}, {0.5, true, 0, "0.5"}, {0.0625, true, 0, "0.0625"}, {0.00123, true, 0, "0.00123"},
		{0.000123, true, 0, "123e-6"}, {37.25, true, 0, "37.25"}, {-37.25, true, 0, "-37.25"}, {3.4e38, true, 0, "34e37"}, {1e-40, true, 0, "1e-40"},
		{37.25, false, -1, "37.2"}, {37.25, false, 1, "37.3"}, {37.2, false, -1, "37.2"}, {37.2, false, 1, "37.2"}, {-37.25, false, -1, "-37.3"}, {-37.25, false, 1, "-37.2"},
		{999.6, false, 1, "1e3"}, {999.6, false, -1, "999"}, {-999.6, false, -1, "-1e3"}, {1001, false, -1, "1e3"}, {1001, false, 1, "1010"}, {8.126e9, false, -1, "812e7"}, {8.121e9, false, 1, "813e7"},
	} {
		got := string(appendNumber(nil, 0, float32(row.v), row.exact, row.toward))
		if got != row.want {
			t.Errorf("%v, exact %v, toward %v: got %s, want %s", row.v, row.exact, row.toward, got, row.want)
		}
	}
	if got := string(appendNumber([]byte("x"), 1, nan, true, 0)); got != "x,null" {
		t.Errorf("got %q", got)
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add(uint32(0x42150000))
	f.Add(math.Float32bits(math.MaxFloat32))
	f.Add(uint32(1))
	f.Fuzz(func(t *testing.T, bits uint32) {
		v := float64(math.Float32frombits(bits))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		read := func(text []byte) float64 {
			var f float64
			if err := json.Unmarshal(text, &f); err != nil {
				t.Fatalf("%v is written %s", v, text)
			}
			return f
		}
		if got, want := read(appendNumber(nil, 0, float32(v), true, 0)), strconv.FormatFloat(v, 'e', 3, 64); strconv.FormatFloat(got, 'e', 3, 64) != want {
			t.Fatalf("%v: got %v, want %s", v, got, want)
		}
		slack := 1.01e-4 * math.Abs(v)
		low, high := read(appendNumber(nil, 0, float32(v), false, -1)), read(appendNumber(nil, 0, float32(v), false, 1))
		if low > v+slack || high < v-slack || high-low > 0.0101*math.Abs(v) {
			t.Fatalf("%v: got %v to %v", v, low, high)
		}
	})
}

// How long a day takes, from the shelf and as JSON.
func BenchmarkDay(b *testing.B) {
	bench := newBench(b)
	r := bench.recorder(bench.log, Options{})
	for range 24 * 60 {
		var events []event.Event
		for s := range 6 {
			events = append(events, cpu("web-1", bench.now().Add(time.Duration(s)*10*time.Second), float64(s)*1.7))
		}
		bench.publish(events...)
		bench.pass(time.Minute)
	}
	bench.write(r)
	bench.write(r)
	now := bench.now().UnixMilli()
	n := 0
	for b.Loop() {
		a, err := r.Query(b.Context(), Query{"web-1", "metrics:cpu", now - 86400_000, now, 1440})
		if err != nil {
			b.Fatal(err)
		}
		n = len(a.AppendJSON(nil))
	}
	b.ReportMetric(float64(n), "bytes")
}

// What a sample costs whoever follows the record.
func BenchmarkFold(b *testing.B) {
	bench := newBench(b)
	r := bench.recorder(bench.log, Options{})
	all := machines(100)
	seq, samples := uint64(0), 0
	for b.Loop() {
		b.StopTimer()
		var events []event.Event
		for _, m := range all {
			events = append(events, m.measure(bench.now())...)
		}
		for i := range events {
			seq++
			events[i].ID = event.ID{Epoch: 1, Seq: seq}
		}
		bench.pass(time.Second)
		b.StartTimer()
		if err := r.fold(b.Context(), events); err != nil {
			b.Fatal(err)
		}
		samples += len(events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(samples), "ns/sample")
}

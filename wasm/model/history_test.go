package model

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func milli(n int64) time.Time { return time.UnixMilli(n) }

func TestReadHistory(t *testing.T) {
	for _, c := range []struct {
		name, body string
		ok         bool
		mean       string // of usage
	}{
		{"as the contract has it", `{"serverId":"a","type":"metrics:cpu","from":60000,"to":180000,"step":60000,"complete":120000,` +
			`"fields":{"usage":{"min":[1,null],"mean":[2.5,1e300],"max":[1e300,null]}},"count":[60,0]}`, true, "[2.5 NaN]"},
		{"what nobody knows yet is passed over", `{"new":{"a":[{}]},"from":0,"step":1000,"fields":{"usage":{"min":[-5],"mean":[-0.5],"max":[0],"p99":[7]}},"count":[1]}`, true, "[-0.5]"},
		{"white space", `{"from":0,"step":1000,"fields":{"usage":{"min":[ 1 , 2 ],"mean":[ 1 ,` + "\n" + `2 ],"max":[1,2]}}}`, true, "[1 2]"},
		{"lists that don't match", `{"from":0,"step":1000,"fields":{"usage":{"min":[1],"mean":[1,2],"max":[1,2]}}}`, true, "[]"},
		{"nothing was measured", `{"from":0,"step":1000,"fields":{},"count":[]}`, true, "[]"},
		{"no step", `{"from":0,"fields":{}}`, false, ""},
		{"words for numbers", `{"step":1,"fields":{"usage":{"mean":["a"]}}}`, false, ""},
		{"no answer at all", `<html>`, false, ""},
	} {
		h, ok := readHistory([]byte(c.body))
		if ok != c.ok {
			t.Errorf("%s: read is %v, want %v", c.name, ok, c.ok)
		}
		if got := fmt.Sprint(h.Fields["usage"].Mean); ok && got != c.mean {
			t.Errorf("%s: mean %s, want %s", c.name, got, c.mean)
		}
	}
	damaged := `{"step":1,"unreadable":[[1,2,3],[],[9,5],[7,8]],"fields":{},"count":[]}`
	if h, ok := readHistory([]byte(damaged)); !ok || fmt.Sprint(h.Unreadable) != "[[1 2] [7 8]]" {
		t.Errorf("got %v unreadable", h.Unreadable)
	}
	long := []byte(`{"step":1,"fields":{"v":{"mean":[` + string(slices.Repeat([]byte("1,"), 3*maxBuckets)) + `1]}}}`)
	if h, ok := readHistory(long); !ok || len(h.Fields["v"].Mean) > maxBuckets {
		t.Error("an answer without end is taken whole")
	}
}

func historyOf(from, step int64, complete int64, mean ...float32) *History {
	f := Spread{}
	h := &History{From: from, Step: step, Complete: complete, Fields: map[string]Spread{}}
	for _, v := range mean {
		f.Mean, f.Min, f.Max = append(f.Mean, v), append(f.Min, v-1), append(f.Max, v+1)
		h.Count = append(h.Count, 2)
	}
	h.Fields["v"] = f
	return h
}

func TestBuckets(t *testing.T) {
	gone := float32(math.NaN())
	write := func(list []Bucket) string {
		s := ""
		for _, b := range list {
			s += fmt.Sprintf("%d-%d:%.4g<%.4g<%.4g*%.0f ", b.From, b.To, b.Min, b.Mean, b.Max, b.N)
		}
		return s
	}
	var live Series
	for _, x := range []Sample{{T: 3100, V: [3]float32{10}}, {T: 4100, V: [3]float32{gone}}, {T: 5000, V: [3]float32{20}}, {T: 5900, V: [3]float32{40}}} {
		live.push(x)
	}
	for _, c := range []struct {
		name string
		got  []Bucket
		want string
	}{
		{"one answer, of which a part", AppendBuckets(nil, "v", 2000, 4000, historyOf(0, 1000, 9000, 1, 2, 3, 4, 5)), "2000-3000:2<3<4*2 3000-4000:3<4<5*2 "},
		{"what was not measured is none", AppendBuckets(nil, "v", 0, 4000, historyOf(0, 1000, 9000, 1, gone, gone, 4)), "0-1000:0<1<2*2 3000-4000:3<4<5*2 "},
		{"answers that follow each other, one with another step", AppendBuckets(nil, "v", 0, 9000, historyOf(0, 2000, 9000, 1, 2), nil, historyOf(3000, 1000, 9000, 7, 8)),
			"0-2000:0<1<2*2 2000-4000:1<2<3*2 4000-5000:7<8<9*2 "},
		{"no such field", AppendBuckets(nil, "w", 0, 9000, historyOf(0, 2000, 9000, 1, 2)), ""},
		{"what came since", AppendSamples(AppendBuckets(nil, "v", 0, 9000, historyOf(0, 2000, 4000, 1, 2, 99)), &live, 0, 4000, 2000), "0-2000:0<1<2*2 2000-4000:1<2<3*2 4000-6000:20<30<40*2 "},
		{"into a bucket that is not over", AppendSamples(AppendBuckets(nil, "v", 0, 9000, historyOf(0, 2000, 4000, 1, 2, 30)), &live, 0, 5500, 2000), "0-2000:0<1<2*2 2000-4000:1<2<3*2 4000-6000:29<33.33<40*3 "},
	} {
		if got := write(c.got); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	if mean, n := historyOf(0, 1000, 0, 1, 2, gone, 5).Mean("v", 1000, 4000); mean != 3.5 || n != 4 {
		t.Errorf("the mean is %v of %v, want 3.5 of 4", mean, n)
	}
	if mean, _ := (*History)(nil).Mean("v", 0, 1); !math.IsNaN(mean) {
		t.Errorf("the mean of nothing is %v", mean)
	}
}

// What is held of the past is bounded, goes stale while it goes on, and never when it is over.
func TestHistories(t *testing.T) {
	const good = `{"from":0,"step":1000,"complete":5000,"fields":{"v":{"min":[1],"mean":[1],"max":[1]}},"count":[1]}`
	m := New()
	h := &m.Histories
	past, now := Period{"a", "metrics:cpu", 0, 5000, 1000}, Period{"a", "metrics:cpu", 5000, 9000, 1000}
	due := func(of Period, when int64, want time.Duration) {
		t.Helper()
		if got := h.Due(of, milli(when)); got != want {
			t.Errorf("at %d due in %v, want %v", when, got, want)
		}
	}
	due(past, 0, 0)
	m.SetHistory(past, []byte(good), "", false, milli(0))
	m.SetHistory(now, []byte(good), "", false, milli(0))
	due(past, 1e9, historyLasting)
	due(now, 1000, historyAgain-time.Second)
	due(now, 1e6, 0)

	m.SetHistory(now, nil, "it rains", false, milli(1e6))
	if got := h.Get(now); got.Failed != "it rains" || got.Fields["v"].Mean == nil {
		t.Errorf("after a failure there is %+v, want the words, and the answer of before", got)
	}
	due(now, 1e6, historyFailed)
	never := Period{Server: "a", Type: "metrics:x", To: 1, Step: 1}
	m.SetHistory(never, nil, "not for you", true, milli(0))
	due(never, 1e12, historyLasting)
	m.SetHistory(never, []byte("]"), "", false, milli(0))
	if h.Get(never).Failed == "" {
		t.Error("an answer that is none is taken for one")
	}
	rev := h.Rev
	h.Retry()
	due(now, 1e6, 0)
	due(never, 0, 0)
	if h.Get(now) == nil || h.Get(never) != nil || h.Rev == rev {
		t.Error("what is held stays while it is asked for again, and what is none goes")
	}

	for i := range int64(2 * MaxHistories) {
		h.Get(past) // still drawn
		m.SetHistory(Period{"a", "metrics:cpu", i * 1000, i*1000 + 2000, 1000}, []byte(good), "", false, milli(0))
	}
	if len(h.list) > MaxHistories || h.Get(past) == nil {
		t.Errorf("%d answers are held, the one in use is %v", len(h.list), h.Get(past))
	}
	m.clear()
	if h.Get(past) != nil {
		t.Error("the log began anew, and the past is still there")
	}
}

func FuzzReadHistory(f *testing.F) {
	f.Add([]byte(`{"from":0,"step":1000,"complete":5000,"fields":{"v":{"min":[1],"mean":[1],"max":[1]}},"count":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, ok := readHistory(b); ok {
			AppendBuckets(nil, "v", 0, 1<<60, &h)
			h.Mean("v", 0, 1<<60)
		}
	})
}

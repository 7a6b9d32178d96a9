package model

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

func TestSeriesIsTenMinutes(t *testing.T) {
	var s Series
	start := noon.UnixMilli()
	for i := range int64(2000) {
		s.push(Sample{T: start + i*1000, V: [3]float32{float32(i)}})
	}
	equal(t, "length", s.Len(), 601)
	for i := range s.Len() {
		if got := s.At(i); got.V[0] != float32(1399+i) || got.T != start+int64(1399+i)*1000 {
			t.Fatalf("sample %d: got %v", i, got)
		}
	}
	equal(t, "from", s.From(start+1500*1000), 101)
	equal(t, "from the beginning", s.From(0), 0)
	equal(t, "from the end", s.From(start+1<<40), 601)
	if n := len(s.ring); n > 800 {
		t.Errorf("room for %d samples, to hold 601", n)
	}
	s.push(Sample{T: start})
	equal(t, "length after one from the past", s.Len(), 601)

	// However fast they come, they are thinned to two a second; the newest always shows.
	s = Series{}
	for i := range int64(100_000) {
		s.push(Sample{T: start + i*10, V: [3]float32{float32(i)}})
	}
	if n := s.Len(); n > 1201 {
		t.Errorf("%d samples of ten minutes, want at most 1,201", n)
	}
	last, _ := s.Last()
	equal(t, "newest", last.V[0], 99_999)
}

func skipSlow(t *testing.T) {
	if testing.Short() || runtime.GOOS == "js" {
		t.Skip("takes long")
	}
}

func TestNothingGrowsWithoutBound(t *testing.T) {
	skipSlow(t)
	w := newWorld(t)
	long := strings.Repeat("x", 3000)
	for i := range 20_000 {
		w.pass(10 * time.Millisecond)
		server := "one"
		if i%2 == 0 {
			server = fmt.Sprint("server-", i%1400)
		}
		switch i % 7 {
		case 0:
			w.say(server, fmt.Sprint("x:", i), `{"a":"`+long+`"}`)
		case 1:
			w.say(server, fmt.Sprint("metrics:m", i), `{"value":1}`)
		case 2:
			w.say(server, "logs:app", `{"message":"`+long+`"}`)
		case 3:
			w.say(server, "deployment:started", fmt.Sprintf(`{"id":"%d"}`, i))
		case 4:
			w.say(server, "server:online", "")
		case 5:
			w.control("stream:gap", `{"reason":"slow","count":1}`)
		case 6:
			w.state.Lost = w.now
			w.link([]feed.Phase{feed.Live, feed.Stale, feed.Reconnecting}[i/7%3])
		}
	}
	m := w.m
	one := m.Server("one")
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"servers", len(m.Servers()), MaxServers}, {"recent", len(m.Recent), MaxRecent}, {"types", len(m.Types()), MaxTypes},
		{"thread", len(m.Link.Thread), MaxThread}, {"breaks", len(m.Link.Breaks), MaxBreaks}, {"gaps", len(m.Link.Gaps), MaxBreaks},
		{"events of a server", len(one.Events), MaxTypes}, {"gauges", len(one.Gauges), MaxTypes}, {"deployments", len(one.Deployments), MaxDeployments},
	} {
		equal(t, c.what, c.got, c.want)
	}
	check(t, &m.Log)
	if len(m.Log.past) > MaxServers+1 {
		t.Errorf("the past of %d servers is known", len(m.Log.past))
	}
}

func TestMemoryOfAFleet(t *testing.T) {
	skipSlow(t)
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	w := newWorld(t)
	w.m = NewOn(newFileShelf(t))
	rounds := func() {
		for range 1100 {
			w.pass(time.Second)
			for i := range 11 {
				id := fmt.Sprint("web-", i)
				w.say(id, "metrics:cpu", `{"usage":42.5,"cores":8,"processes":312}`)
				w.say(id, "metrics:memory", `{"used":3000000000,"available":1000000000,"swapUsed":0}`)
				w.say(id, "metrics:network", `{"bytesIn":10000,"bytesOut":20000,"connections":3}`)
				w.say(id, "logs:request", `{"method":"GET","path":"/tools/list","statusCode":200,"responseTime":38}`)
			}
		}
	}
	before := heap()
	rounds()
	first := heap()
	rounds()
	second := heap()
	runtime.KeepAlive(w)
	t.Logf("after 1,100 rounds %d KB, after as many again %d KB", (first-before)/1024, (int64(second)-int64(before))/1024)
	if used := int64(first) - int64(before); used > 8<<20 {
		t.Errorf("a fleet of eleven takes %d bytes, want at most 8 MB", used)
	}
	if grown := int64(second) - int64(first); grown > 256<<10 {
		t.Errorf("the second 1,100 rounds added %d bytes", grown)
	}
}

// fileShelf keeps blocks in a file, and so outside of the memory that is measured, as a browser does.
type fileShelf struct {
	t     *testing.T
	file  *os.File
	end   int64
	at    map[int]int64
	sizes map[int]int
}

func newFileShelf(t *testing.T) *fileShelf {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "shelf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &fileShelf{t, file, 0, make(map[int]int64), make(map[int]int)}
}

func (s *fileShelf) Put(block []byte) int {
	n := len(s.at) + 1
	for s.sizes[n] != 0 {
		n++
	}
	if _, err := s.file.WriteAt(block, s.end); err != nil {
		s.t.Fatal(err)
	}
	s.at[n], s.sizes[n] = s.end, len(block)
	s.end += int64(len(block))
	return n
}

func (s *fileShelf) Get(n int, b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, s.sizes[n])...)
	if _, err := s.file.ReadAt(b[at:], s.at[n]); err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *fileShelf) Drop(n int) { delete(s.at, n) }

// A full log takes little of this program's memory, whatever is done with it.
func TestFullLogIsSmall(t *testing.T) {
	skipSlow(t)
	heap := func() int64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	m := NewOn(newFileShelf(t))
	for i := range MaxLines + 10_000 {
		m.Update(feed.Batch{At: noon, Place: id(uint64(i + 1)), Events: []event.Event{lineAt(t, fmt.Sprint("web-", i%40), uint64(i+1), i)}})
	}
	var v View
	v.Set(Filter{Find: words("line 9")})
	for !v.Step(&m.Log, always) {
		t.Fatal("not done")
	}
	n := 0
	v.Window(&m.Log, 60_000, 50_000, func(Spot, bool, func() Line) { n++ })
	used := heap() - before
	runtime.KeepAlive(m)
	t.Logf("%d lines of %d KB take %d KB of memory", m.Log.Len(), m.Log.Bytes()>>10, used>>10)
	if m.Log.Len() < MaxLines-openLines || n != 10_000 || used > 2<<20 {
		t.Errorf("%d lines take %d bytes of memory, want at most 2 MB", m.Log.Len(), used)
	}
}

func FuzzUpdate(f *testing.F) {
	for _, typ := range event.Catalogue() {
		f.Add(typ.Name, []byte(typ.Sample))
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		m := New()
		e := event.Event{ID: event.ID{Epoch: 1, Seq: 1}, Type: typ, Server: "s", Time: noon, Data: data}
		m.Update(feed.Batch{At: noon, Events: []event.Event{e, e}})
		m.Servers()
		if s := m.Server("s"); s != nil {
			m.Aged(s, noon)
			s.Under()
			s.Tail.Last(1)
			check(t, &m.Log)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	w := newWorld(b)
	var events []event.Event
	for i := range 100 {
		typ := event.Catalogue()[12+i%5] // metrics
		d := event.Draft{Type: typ.Name, Data: []byte(typ.Sample)}
		e, err := d.Event(fmt.Sprint("s", i%10), noon)
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.pass(time.Second)
		for i := range events {
			events[i].Time = w.now
		}
		w.batch(events...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
	if !slices.ContainsFunc(w.m.Types(), func(s *TypeStat) bool { return s.Type == "metrics:cpu" }) {
		b.Fatal("these were no metrics")
	}
}

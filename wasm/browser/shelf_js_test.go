package browser

import (
	"fmt"
	"runtime"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

func TestShelf(t *testing.T) {
	var s Shelf
	a, b := s.Put([]byte("one")), s.Put(nil)
	c := s.Put([]byte(strings.Repeat("x", 100_000)))
	if a == 0 || a == b || b == c || a == c {
		t.Fatalf("numbers %d, %d, %d", a, b, c)
	}
	if got := string(s.Get(a, []byte("and "))); got != "and one" {
		t.Errorf("got %q", got)
	}
	if got := s.Get(b, nil); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if got := s.Get(c, nil); len(got) != 100_000 || got[99_999] != 'x' {
		t.Errorf("got %d bytes", len(got))
	}
	s.Drop(a)
	if got := s.Get(a, nil); len(got) != 0 {
		t.Errorf("got %q, which was dropped", got)
	}
}

// The whole log as a browser has it: a hundred thousand lines are on the shelf, and this program's memory is not what holds them.
func TestFullLogInWasm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	m := model.NewOn(new(Shelf))
	at := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	var events []event.Event
	for i := range model.MaxLines + 1000 {
		d := event.Draft{Type: "logs:app", ServerID: fmt.Sprint("web-", i%20), Timestamp: at.Add(time.Duration(i) * time.Millisecond),
			Data: fmt.Appendf(nil, `{"level":"info","message":"request %d of customer %d was answered within its time","context":{"n":%d}}`, i, i%977, i)}
		e, err := d.Event("", at)
		if err != nil {
			t.Fatal(err)
		}
		e.ID = event.ID{Epoch: 1, Seq: uint64(i + 1)}
		if events = append(events, e); len(events) == 500 {
			m.Update(feed.Batch{At: at, Events: events, Place: e.ID})
			events = events[:0]
		}
	}
	busy := func() time.Duration { // what the machine's other programs take is not ours
		used := js.Global().Get("process").Call("cpuUsage")
		return time.Duration(used.Get("user").Int()+used.Get("system").Int()) * time.Microsecond
	}
	search := func(find string, expression bool, f model.Filter) (first, all time.Duration, hits int) {
		var v model.View
		v.Step(&m.Log, func() bool { return true }) // the reader sees the log
		from := busy()
		if find != "" {
			finder, err := model.NewFinder(find, expression)
			if err != nil {
				t.Fatal(err)
			}
			f.Find = finder
		}
		v.Set(f)
		v.Step(&m.Log, func() bool { return false }) // one block: more than is on the page
		first = busy() - from
		v.Step(&m.Log, func() bool { return true })
		return first, busy() - from, v.Hits()
	}
	for _, c := range []struct {
		find       string
		expression bool
		hits       int
	}{{"CUSTOMER 97 was", false, 102}, {"e", false, 99_000}, {"größe", false, 0}, {`customer 9\d+ was`, true, 8_800}, {`\d{5}`, true, 90_000}, {`(a+)+$`, true, 0}, {"answer|question", true, 99_000}} {
		first, all, hits := search(c.find, c.expression, model.Filter{})
		t.Logf("%-20s of the processor: %6.1f ms for what is on the page, %6.1f ms for all; %d found", c.find, ms(first), ms(all), hits)
		if hits < c.hits || c.hits < 99_000 && hits > c.hits+1_500 {
			t.Errorf("%s: %d found, want some %d", c.find, hits, c.hits)
		}
	}
	_, one, _ := search("", false, model.Filter{Server: "web-7"})
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	t.Logf("%d lines, %d KB on the shelf; Go heap %d KB, of the system %d KB; one server %.1f ms",
		m.Log.Len(), m.Log.Bytes()>>10, s.HeapAlloc>>10, s.Sys>>10, ms(one))
	if m.Log.Len() < model.MaxLines-1000 {
		t.Errorf("%d lines", m.Log.Len())
	}
	if s.HeapAlloc > 4<<20 {
		t.Errorf("the Go heap is %d bytes with a full log, want at most 4 MB", s.HeapAlloc)
	}
	runtime.KeepAlive(m)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

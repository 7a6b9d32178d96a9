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

func TestPattern(t *testing.T) {
	for _, tt := range []struct{ source, text, want string }{
		{`b+`, "aBba", "a<Bb>a"}, {`^a|c$`, "abc", "<a>b<c>"}, {`größe`, "die Größe", "die <Größe>"}, {`.😀`, "ab😀", "a<b😀>"},
		{`x*`, "y", "<>y<>"}, {`none`, "text", "text"}, {`a\-b`, "a-b", "<a-b>"}, {`$`, "", "<>"},
	} {
		p, err := NewPattern(tt.source)
		if err != nil {
			t.Errorf("%s: %v", tt.source, err)
			continue
		}
		got := strings.NewReplacer("\x01", "<", "\x02", ">").Replace(p.Mark(tt.text))
		if got != tt.want {
			t.Errorf("%s in %q: got %q, want %q", tt.source, tt.text, got, tt.want)
		}
		var hits []int
		p.Find([]byte(tt.text+"\x00\x00"+tt.text), 3, func(i int) { hits = append(hits, i) })
		if found := strings.Contains(tt.want, "<"); (len(hits) > 1) != found || found && (hits[0] != 0 || hits[len(hits)-1] != 2) {
			t.Errorf("%s in %q: found in %v", tt.source, tt.text, hits)
		}
	}
	if got := NewWords(`a.b\(*`).Mark(`x A.B\(*y`); got != "x \x01A.B\\(*\x02y" {
		t.Errorf("words: got %q", got)
	}
	p, err := NewPattern(`^$`)
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	p.Find(nil, 1, func(int) { hits++ })
	if hits != 1 {
		t.Errorf("the empty text has %d hits", hits)
	}
	if _, err := NewPattern("(a"); err == nil || strings.Contains(err.Error(), "(a") {
		t.Errorf("got %v, want what is wrong, and no more", err)
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
	search := func(f model.Filter) (time.Duration, int) {
		var v model.View
		from := busy()
		v.Set(f)
		v.Step(&m.Log, func() bool { return true })
		return busy() - from, v.Hits()
	}
	p, err := NewPattern(`customer 9\d+ was`)
	if err != nil {
		t.Fatal(err)
	}
	plain, n := search(model.Filter{Find: NewWords("CUSTOMER 97 was")})
	re, n2 := search(model.Filter{Find: p})
	all, _ := search(model.Filter{Server: "web-7"})
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	t.Logf("%d lines, %d KB on the shelf; Go heap %d KB, of the system %d KB; of the processor, words take %v (%d found), a pattern %v (%d), one server %v",
		m.Log.Len(), m.Log.Bytes()>>10, s.HeapAlloc>>10, s.Sys>>10, plain, n, re, n2, all)
	if m.Log.Len() < model.MaxLines-1000 || n != 102 && n != 103 || n2 < 8500 {
		t.Errorf("%d lines, %d and %d found", m.Log.Len(), n, n2)
	}
	if s.HeapAlloc > 4<<20 {
		t.Errorf("the Go heap is %d bytes with a full log, want at most 4 MB", s.HeapAlloc)
	}
	runtime.KeepAlive(m)
}

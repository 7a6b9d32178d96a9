package ui

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What an hour of a busy fleet may take of a browser's memory.
const (
	mostHeap   = 4 << 20  // what Go holds, when the collector has run
	mostMemory = 16 << 20 // what Go has of the browser; it never gives any back
)

// hour is the text of a stream on which a million events come in an hour, from twenty servers: samples, lines and changes of state.
type hour struct {
	seq  uint64
	text []byte
}

const (
	hourEvents  = 1_000_000
	hourServers = 20
)

func (h *hour) publish(at time.Time) {
	h.seq++
	typ, fields := "logs:app", `"level":"info","message":"GET /v1/items/`+strconv.FormatUint(h.seq, 10)+` answered 200 in 12 ms"`
	switch h.seq % 100 {
	case 0:
		typ, fields = []string{"server:busy", "server:online", "deployment:building", "backup:finished"}[h.seq/100%4], `"id":"`+strconv.FormatUint(h.seq/5000, 10)+`"`
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		typ, fields = "metrics:cpu", `"usage":`+strconv.FormatUint(h.seq%1000/10, 10)+`,"cores":8`
	case 11, 12, 13, 14, 15, 16, 17, 18, 19, 20:
		typ, fields = "metrics:memory", `"used":`+strconv.FormatUint(h.seq<<16%(1<<33), 10)+`,"available":8589934592`
	case 21, 22, 23, 24, 25, 26, 27, 28, 29, 30:
		typ, fields = "metrics:network", `"bytesIn":`+strconv.FormatUint(h.seq, 10)+`,"bytesOut":1200`
	}
	id := event.ID{Epoch: 1, Seq: h.seq}
	server := "web-" + strconv.FormatUint(h.seq*7919%hourServers, 10)
	place := id.String()
	for _, part := range [...]string{"id: ", place, "\nevent: ", typ, "\ndata: {\"id\":\"", place,
		"\",\"timestamp\":\"", at.UTC().Format("2006-01-02T15:04:05.000Z"), "\",\"serverId\":\"", server, "\",", fields, "}\n\n"} {
		h.text = append(h.text, part...)
	}
}

// nowhere is a page that takes what is written to it and holds nothing.
type nowhere struct{ written int }

func (d *nowhere) HTML(_, html string)      { d.written += len(html) }
func (d *nowhere) Attr(_, _, value string)  { d.written += len(value) }
func (d *nowhere) Insert(_, _, html string) { d.written += len(html) }
func (d *nowhere) Move(string, string)      {}
func (d *nowhere) Drop(string, int)         {}
func (d *nowhere) Cut(string, int)          {}
func (d *nowhere) Remove(string)            {}
func (d *nowhere) Scroll(string, int)       {}

// A million events and an hour of time later the app holds no more than it did in the middle of it, and little. Time is what the
// Model and the pages are told it is.
//
// Memory is that of the whole process, which never gives any back: `make test` runs this test in one of its own.
func TestMemoryOfAnHour(t *testing.T) {
	if flag.Lookup("test.run").Value.String() != "^TestMemoryOfAnHour$" {
		t.Skip("other tests have been here: run it alone, with -run='^TestMemoryOfAnHour$'")
	}
	before := held()
	source := &hour{}
	m := model.NewOn(new(browser.Shelf))
	var kept model.Keeper
	var decoder sse.Decoder
	world := &hourWorld{m: m, now: noon}
	var pages []*Page
	for _, path := range []string{"/", "/servers/web-7", "/events"} {
		page := NewPage(world, nil, path)
		page.dom, page.placed, page.open = &nowhere{}, true, true
		pages = append(pages, page)
	}
	state := feed.State{Phase: feed.Live, Since: noon, Beat: 15 * time.Second}
	var middle uint64
	for now := noon; source.seq < hourEvents; now = now.Add(time.Second) {
		source.text = source.text[:0]
		for range hourEvents / 3600 {
			source.publish(now)
		}
		batch := feed.Batch{At: now}
		if err := decoder.Push(source.text, func(f sse.Frame) bool {
			e, err := event.Parse(f)
			if err != nil {
				t.Fatal(err)
			}
			e.Data = append([]byte(nil), e.Data...)
			batch.Events = append(batch.Events, e)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		state.Heard, state.Event = now, now
		batch.State, batch.Place = state, batch.Events[len(batch.Events)-1].ID
		m.Update(batch)
		kept.Update(batch)
		world.now = now
		if now.Second()%10 == 0 { // every frame would show the same, and take minutes
			for _, page := range pages {
				page.Paint(m, now)
			}
		}
		if middle == 0 && source.seq >= hourEvents/2 {
			middle = held() - before
		}
	}
	end := held() - before
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	if m.Place.Seq < hourEvents || len(m.Servers()) != hourServers || m.Log.Len() < model.MaxLines/2 {
		t.Errorf("at %v with %d servers and %d lines", m.Place, len(m.Servers()), m.Log.Len())
	}
	t.Logf("the heap holds %d KB in the middle and %d KB at the end; memory is %d KB; %d lines; %d KB painted",
		middle>>10, end>>10, mem.Sys>>10, m.Log.Len(), pages[1].dom.(*nowhere).written>>10)
	if end > mostHeap {
		t.Errorf("the heap holds %d bytes, want %d at most", end, mostHeap)
	}
	if end > middle+middle/10 {
		t.Errorf("the heap held %d bytes in the middle and %d at the end", middle, end)
	}
	if mem.Sys > mostMemory {
		t.Errorf("%d bytes of memory, want %d at most", mem.Sys, mostMemory)
	}
	runtime.KeepAlive(&kept)
}

// hourWorld is a Source of that Model.
type hourWorld struct {
	world
	m   *model.Model
	now time.Time
}

func (w *hourWorld) View(f func(m *model.Model, now time.Time)) { f(w.m, w.now) }

// held returns what the heap holds when the collector has run.
func held() uint64 {
	runtime.GC()
	runtime.GC() // what the first one found to be finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// Who has no place for a stream is answered all the same, and so asks for the past.
func TestThePastIsReadWhilePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, src := &archive{status: 200}, &source{full: true}
		src.publish(t, event.Draft{Type: "metrics:cpu", Data: []byte(`{"usage":1}`)})
		time.Sleep(time.Second)
		src.publish(t, event.Draft{Type: "metrics:cpu", Data: []byte(`{"usage":2}`)})
		rec := &record{src: &source{log: src.log}, page: 10}
		src.log = src.log[1:] // a picture is the newest of each type
		p := New(src, Options{Cached: a.call, Record: rec})
		p.frames = func(draw func()) frames { return &screen{draw: draw} }
		p.Recall("web-1")
		detach := p.Attach(func(*model.Model, time.Time) {})
		defer p.Stop()
		defer detach()
		synctest.Wait()
		p.Histories([]model.Period{period(0)})
		synctest.Wait()
		p.View(func(m *model.Model, _ time.Time) {
			if m.Link.Phase != feed.Polling {
				t.Fatalf("the link is %v", m.Link.Phase)
			}
			if h := m.Histories.Get(period(0)); h == nil || h.Fields == nil {
				t.Errorf("of what a chart shows there is %+v", h)
			}
			if n := m.Server("web-1").CPU.Series.Len(); n != 2 {
				t.Errorf("%d samples are held, want the one of the picture and the one before", n)
			}
		})
	})
}

// What was wanted while nobody answered is asked for as soon as somebody does, if only to polls.
func TestThePastIsReadOncePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, src := &archive{status: 200}, &source{refuse: true, full: true}
		p := New(src, Options{Cached: a.call})
		p.frames = func(draw func()) frames { return &screen{draw: draw} }
		detach := p.Attach(func(*model.Model, time.Time) {})
		defer p.Stop()
		defer detach()
		p.Histories([]model.Period{period(0)})
		synctest.Wait()
		src.mu.Lock()
		src.refuse = false
		src.mu.Unlock()
		p.Retry()
		synctest.Wait() // and no time goes by
		if _, n := a.told(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

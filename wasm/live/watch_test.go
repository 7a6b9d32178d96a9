package live

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// watcher notes what it is shown.
type watcher struct {
	mu    sync.Mutex // guards what follows
	looks int
	place uint64
	leads bool
	awake bool
}

func (w *watcher) Watch(m *model.Model, _ time.Time, leads bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	w.place, w.leads = m.Place.Seq, leads
}

func (w *watcher) Awake() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.awake
}

func (w *watcher) since() (looks int, place uint64, leads bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	looks, w.looks = w.looks, 0
	return looks, w.place, w.leads
}

// Who looks on sees every batch, and that time passes, whether or not a frame is ever drawn; and a page that has somebody to tell stays
// connected though nobody looks.
func TestWatcherLooksOnUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &watcher{awake: true}
		src.publish(t, busy)
		p, _ := program(src, nil)
		p.watcher = w
		p.client.Silence = -1 // this server sends one heartbeat
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		r := p.running
		p.unseen(r, false)
		time.Sleep(2 * unseenFor)
		w.since()
		src.publish(t, busy)
		synctest.Wait()
		if looks, place, leads := w.since(); looks == 0 || place != 2 || !leads {
			t.Errorf("after an event: %d looks, the last at 1.%d, leading %v", looks, place, leads)
		}
		time.Sleep(10 * agesEvery)
		synctest.Wait()
		if looks, _, _ := w.since(); looks < 9 || looks > 11 {
			t.Errorf("%d looks in ten quarters of a second", looks)
		}

		// With nobody to tell it lets go, as any page.
		p.seen(r)
		w.mu.Lock()
		w.awake = false
		w.mu.Unlock()
		p.unseen(r, false)
		time.Sleep(unseenFor)
		synctest.Wait()
		if _, hungUp := src.state(); hungUp != 1 {
			t.Error("holds on to the stream though nobody looks and nobody is to be told")
		}
		detach()
		p.Stop()
	})
}

// Of all tabs one leads, and when it closes another.
func TestOneTabLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, w := &source{}, &window{}
		src.publishSome(t, 1)
		var tabs []*reading
		for range 4 {
			tabs = append(tabs, w.read(t, src))
		}
		for len(tabs) > 0 {
			time.Sleep(5 * time.Second)
			synctest.Wait()
			leads := 0
			for _, r := range tabs {
				if r.Leads() {
					leads++
				}
			}
			if leads != 1 || !tabs[0].Leads() {
				t.Errorf("of %d tabs %d lead", len(tabs), leads)
			}
			tabs[0].close()
			if tabs[0].Leads() {
				t.Error("one that is closed leads")
			}
			tabs = tabs[1:]
		}
	})
}

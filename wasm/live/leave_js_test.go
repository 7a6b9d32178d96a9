package live

import (
	"context"
	"errors"
	"io"
	"syscall/js"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// quiet is a stream that is whole, and then silent until it is hung up.
type quiet struct{}

func (quiet) Open(ctx context.Context, _ feed.Request) (*feed.Response, error) {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		b, err := event.StreamSync.AppendFrame(nil, event.ID{}, event.Sync{Mode: event.SyncFresh, HeartbeatMs: 15_000, ServerTime: time.Now()})
		b, err2 := event.StreamHeartbeat.AppendFrame(b, event.ID{}, event.Heartbeat{ServerTime: time.Now()})
		if err = errors.Join(err, err2); err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			w.CloseWithError(err)
		}
	}()
	return &feed.Response{Status: 200, ContentType: sse.ContentType, Body: r}, nil
}

// When the page is left, nothing of it is left in JavaScript's hands: no listener, no frame, no function.
func TestLeavingReleasesEveryCallback(t *testing.T) {
	// What a page has and node has not: listeners, and frames, which come soon.
	js.Global().Call("eval", `
		globalThis.heard = 0;
		globalThis.document ??= {hidden: false};
		for (const target of [globalThis, document]) {
			target.addEventListener = () => { heard++ };
			target.removeEventListener = () => { heard-- };
		}
		globalThis.requestAnimationFrame = (f) => setTimeout(f, 1);
		globalThis.cancelAnimationFrame = clearTimeout;`)
	defer js.Global().Call("eval", `delete globalThis.document; delete globalThis.addEventListener; delete globalThis.removeEventListener;
		delete globalThis.requestAnimationFrame; delete globalThis.cancelAnimationFrame`)
	before := browser.Held()
	p := New(quiet{}, Options{})
	for range 2 { // it comes back, too
		live := make(chan struct{}, 1)
		detach := p.Attach(func(m *model.Model, _ time.Time) {
			if m.Link.Phase == feed.Live {
				select {
				case live <- struct{}{}:
				default:
				}
			}
		})
		<-live
		if browser.Held() == before || js.Global().Get("heard").Int() == 0 {
			t.Error("a page that runs holds no callbacks: there is nothing to see here")
		}
		detach()
		p.Stop()
		if n := browser.Held() - before; n != 0 {
			t.Errorf("%d callbacks were not released", n)
		}
		if n := js.Global().Get("heard").Int(); n != 0 {
			t.Errorf("%d listeners were not removed", n)
		}
	}
}

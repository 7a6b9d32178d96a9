package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// A picture is kept under a time of which it is whole: what was missed belongs to none until all of it has come in.
func TestKeptUnderATimeOfWhichItIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := program(&source{}, nil)
		var kept []time.Time
		p.keep = func(_ context.Context, picture []byte) error {
			got, err := model.ReadPicture(picture, time.Now())
			kept = append(kept, got.Taken)
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.preserve(ctx)

		begin := time.Now()
		var heard, lost time.Time
		seq := uint64(0)
		tell := func(phase feed.Phase, control ...event.Event) {
			if phase == feed.Reconnecting {
				lost = heard
			} else {
				heard, lost = time.Now(), time.Time{}
			}
			seq++
			e, err := busy.Event("web-1", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			e.ID = event.ID{Epoch: 1, Seq: seq}
			p.fold(feed.Batch{At: time.Now(), State: feed.State{Phase: phase, Heard: heard, Lost: lost, Since: time.Now()}, Events: append(control, e), Place: e.ID})
			time.Sleep(2 * keepEvery)
			synctest.Wait()
		}
		expect := func(what string, want ...time.Duration) {
			t.Helper()
			if len(kept) != len(want) {
				t.Fatalf("%s: kept %d times, want %d", what, len(kept), len(want))
			}
			for i, after := range want {
				if got := kept[i].Sub(begin).Round(time.Second); got != after {
					t.Errorf("%s: picture %d is kept as of %v, want %v", what, i, got, after)
				}
			}
		}
		control := func(typ, data string) event.Event { return event.Event{Type: typ, Data: []byte(data)} }

		tell(feed.Live, control("stream:sync", `{"mode":"fresh"}`), control("stream:heartbeat", `{}`))
		expect("live", 0)
		p.fold(feed.Batch{At: time.Now(), State: feed.State{Phase: feed.Reconnecting, Heard: begin, Lost: begin}})
		time.Sleep(time.Minute)
		tell(feed.CatchingUp, control("stream:sync", `{"mode":"resumed"}`))
		expect("half of what was missed", 0)
		tell(feed.Reconnecting)
		expect("lost again", 0, 0)
		now := time.Since(begin)
		tell(feed.Live)
		expect("live again", 0, 0, now)
		p.fold(feed.Batch{At: time.Now(), State: feed.State{Phase: feed.Reconnecting, Heard: heard, Lost: heard}})
		now2 := time.Since(begin)
		tell(feed.Polling)
		expect("polling", 0, 0, now, now2)
	})
}

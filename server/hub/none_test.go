package hub

import (
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Who may see nothing gets nothing, new or resumed, live or read from the record, and his feed is asked about no event.
func TestNothingPassesNone(t *testing.T) {
	log := newMemLog()
	put(t, log, ev("a", "server:online", 1), ev("a", "logs:app", 2), ev("b", "metrics:cpu", 3))
	h := start(t, log, Options{})
	fresh := subscribe(t, h, event.None(), event.ID{})
	resumed := subscribe(t, h, event.None(), place(1))
	paced, err := h.SubscribeEvery(t.Context(), event.None(), time.Second, event.ID{})
	if err != nil {
		t.Fatal(err)
	}
	defer paced.Close()
	everything := subscribe(t, h, event.Filter{}, event.ID{})
	last := put(t, log, ev("a", "server:offline", 4), ev("b", "server:online", 5), ev("c", "logs:app", 6))
	for _, r := range []*reader{fresh, resumed, {Cursor: paced, t: t}, everything} {
		r.until(last)
	}
	for _, r := range []*reader{fresh, resumed} {
		r.want(nil)
	}
	everything.want(log.All(event.Filter{}, 0))
	if fresh.feed == everything.feed {
		t.Error("it shares the feed of those who see everything")
	}
	if p := h.Picture(event.None()); len(p.Events) != 0 {
		t.Errorf("its picture shows %d events", len(p.Events))
	}
	h.mu.Lock()
	wide, named := len(h.life.wide), len(h.life.named["a"])
	h.mu.Unlock()
	if wide != 1 || named != 0 {
		t.Errorf("%d feeds are asked about every event and %d about those of a server, want one and none", wide, named)
	}
	if got := journal.Classes(event.None()); len(got) != 0 {
		t.Errorf("classes %v are read for it", got)
	}
}

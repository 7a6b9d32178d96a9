package live

import (
	"io"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
)

// While a stretch of which the server left something out is coming in, its place says too much: who joined a leader there would not be
// told, and who left its own connection there would lose the rest.
func TestTabsDoNotMeetInMidStretch(t *testing.T) {
	frame := func(place string) []byte {
		return []byte("id: " + place + "\nevent: server:busy\ndata: {\"serverId\":\"web-1\"}\n\n")
	}
	gap := event.Gap{Reason: "slow", Count: 12}
	if gap.From.UnmarshalText([]byte("a.6")) != nil || gap.To.UnmarshalText([]byte("a.20")) != nil {
		t.Fatal("no places")
	}
	said, err := event.StreamGap.AppendFrame(nil, event.ID{}, gap)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		frames []byte
		offers string // the place a leader offers
		joins  bool   // whether a tab that heard of a leader at a.1 goes over to it
	}{
		{frame("a.6"), "a.6", true},
		{append(frame("a.6"), said...), "a.20", false},
		{frame("a.12"), "a.20", false},
		{frame("a.20"), "a.20", true},
		{append(append([]byte(nil), said...), frame("a.12")...), "a.20", false},
		{frame("a.21"), "a.21", true},
	} {
		var offered string
		leader := &Tabs{leading: true, post: func(n browser.Note) { offered = n.Place }}
		other := &Tabs{}
		one, two := &tabBody{t: leader, complete: true}, &tabBody{t: other, complete: true, wake: make(chan struct{}, 1)}
		two.own, two.hangUp = io.NopCloser(strings.NewReader("")), func() {}
		leader.body, other.body = one, two
		two.session, two.from = "leader.1", "a.1"
		for _, b := range []*tabBody{one, two} {
			if string(step.frames[:3]) == "id:" && strings.Contains(string(step.frames), "a.12") {
				b.note(append(append([]byte(nil), frame("a.6")...), said...)) // what came before
			}
			b.note(step.frames)
		}
		leader.here("")
		two.join()
		if offered != step.offers || two.joined != step.joins {
			t.Errorf("after %q: offers %q and joins %v, want %q and %v", step.frames, offered, two.joined, step.offers, step.joins)
		}
	}
}

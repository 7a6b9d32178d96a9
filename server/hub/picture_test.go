package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// fold makes a picture of events with places from 1 on, and returns a function that shows what of it passes a filter.
func fold(t *testing.T, lines, maxServers int, events []event.Event) func(servers, types string) []string {
	t.Helper()
	p := newPicture(lines, maxServers)
	for i, e := range events {
		e.ID = place(uint64(i + 1))
		p.fold(e, event.AppendFrame(nil, e))
	}
	return func(servers, types string) (out []string) {
		for _, e := range inOrder(p.collect(filter(t, servers, types))) {
			out = append(out, fmt.Sprintf("%d %s %s", e.event.ID.Seq, e.event.Server, e.event.Type))
			if want := string(event.AppendFrame(nil, e.event)); string(e.frame) != want {
				t.Errorf("frame is %q, want the event's %q", e.frame, want)
			}
		}
		return out
	}
}

func TestPictureIsTheLatestOfEachType(t *testing.T) {
	show := fold(t, 3, 10, []event.Event{
		ev("a", "server:starting", 1),    // 1
		ev("a", "server:online", 2),      // 2
		ev("a", "metrics:cpu", 3),        // 3: not the latest
		ev("b", "metrics:cpu", 4),        // 4
		ev("a", "metrics:cpu", 5),        // 5
		ev("a", "backup:finished", 6),    // 6
		ev("a", "server:online", 7),      // 7
		ev("b", "deployment:started", 8), // 8
	})
	for _, row := range []struct{ servers, types, want string }{
		{"", "", "1 a server:starting, 4 b metrics:cpu, 5 a metrics:cpu, 6 a backup:finished, 7 a server:online, 8 b deployment:started"},
		{"a", "", "1 a server:starting, 5 a metrics:cpu, 6 a backup:finished, 7 a server:online"},
		{"b,c", "metrics", "4 b metrics:cpu"},
		{"*", "server:*,backup:*", "1 a server:starting, 6 a backup:finished, 7 a server:online"},
		{"c*", "", ""},
	} {
		if got := strings.Join(show(row.servers, row.types), ", "); got != row.want {
			t.Errorf("servers %q, types %q: got %s, want %s", row.servers, row.types, got, row.want)
		}
	}
}

func TestPictureHasTheNewestLines(t *testing.T) {
	var events []event.Event
	for i := range 6 {
		events = append(events, ev("quiet", "logs:app", i)) // 1 to 6
	}
	for i := range 50 {
		events = append(events, ev("loud", "logs:request", i)) // 7 to 56
	}
	events = append(events, ev("loud", "logs:error", 0)) // 57
	show := fold(t, 10, 10, events)
	want := []string{"3 quiet logs:app", "4 quiet logs:app", "5 quiet logs:app", "6 quiet logs:app"}
	for seq := 48; seq <= 56; seq++ {
		want = append(want, fmt.Sprintf("%d loud logs:request", seq))
	}
	want = append(want, "57 loud logs:error")
	if got := show("", ""); !slices.Equal(got, want) {
		t.Errorf("all: got %v, want %v", got, want)
	}
	if got, want := show("", "logs:error"), []string{"57 loud logs:error"}; !slices.Equal(got, want) {
		t.Errorf("errors: got %v, want %v", got, want)
	}
	if got := show("quiet", "logs"); len(got) != 6 {
		t.Errorf("the quiet one alone: got %v, want its six lines", got)
	}
}

// The newest lines of many servers, compared with what sorting them all gives.
func TestPictureLinesOfManyServers(t *testing.T) {
	var events []event.Event
	for i := range 5000 {
		events = append(events, ev(fmt.Sprint("s", i*i%37), "logs:app", i))
	}
	show := fold(t, 100, 100, events)
	want := map[int]bool{}
	count := map[string]int{}
	for i := len(events) - 1; i >= 0; i-- {
		s := events[i].Server
		if len(events)-i <= 100 || count[s] < perServer {
			want[i+1] = true
		}
		count[s]++
	}
	got := show("", "")
	for _, line := range got {
		var seq int
		fmt.Sscan(line, &seq)
		if !want[seq] {
			t.Errorf("has %s, which is neither of the newest 100 nor of its server's newest %d", line, perServer)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

func TestPictureIsBounded(t *testing.T) {
	t.Run("types nobody knows", func(t *testing.T) {
		events := []event.Event{ev("a", "server:online", 0), ev("a", "logs:app", 0)}
		for i := range 1000 {
			events = append(events, ev("a", fmt.Sprintf("x:t%d", i), i), ev("a", "x:often", i))
		}
		got := fold(t, 5, 10, events)("", "")
		if want := event.MaxUnknown + 2; len(got) != want {
			t.Errorf("got %d events, want %d", len(got), want)
		}
		for _, want := range []string{"1 a server:online", "2 a logs:app", "2002 a x:often", "2001 a x:t999"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is missing", want)
			}
		}
	})
	t.Run("servers", func(t *testing.T) {
		var events []event.Event
		for i := range 100 {
			events = append(events, ev(fmt.Sprint("s", i), "server:online", i), ev("often", "server:idle", i))
		}
		got := fold(t, 5, 3, events)("", "")
		if want := []string{"197 s98 server:online", "199 s99 server:online", "200 often server:idle"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("long lines", func(t *testing.T) {
		var events []event.Event
		for i := range 50 {
			e := ev("a", "logs:app", i)
			e.Data = []byte(`{"message":"` + strings.Repeat("x", 20<<10) + `"}`)
			events = append(events, e)
		}
		got := fold(t, 100, 10, events)("", "")
		if len(got) != perServer {
			t.Errorf("got %d lines of 20 KiB, want the server's newest %d", len(got), perServer)
		}
	})
}

func TestPictureOfTheHub(t *testing.T) {
	log := newMemLog()
	h := New(log, Options{})
	if p := h.Picture(event.Filter{}); !p.Place.IsZero() || len(p.Events) > 0 {
		t.Errorf("before Run: got %v, want an empty picture", p)
	}
	// More than one page of the record, so that its beginning is known only by reading all of it.
	put(t, log, ev("old", "server:online", 0))
	for i := range 25_000 {
		put(t, log, ev("a", "metrics:cpu", i))
	}
	h = start(t, log, Options{})
	p := h.Picture(event.Filter{})
	if len(p.Events) != 2 || p.Events[0].Server != "old" || p.Events[1].ID != place(25_001) || p.Place != place(25_001) {
		t.Errorf("got %v at %s, want the event of the old server and the last of the other", p.Events, p.Place)
	}
	r := subscribe(t, h, event.Filter{}, event.ID{})
	if err := r.next(1 << 20); err != nil {
		t.Fatal(err)
	}
	r.want(p.Events)
	again := &reader{t: t}
	again.take([][]byte{p.AppendFrames(nil)})
	again.want(p.Events)
	if got, want := string(again.got[1].Data), string(p.Events[1].Data); got != want {
		t.Errorf("a reader gets %s, Picture says %s", got, want)
	}
}

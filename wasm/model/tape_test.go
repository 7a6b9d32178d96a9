package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

func taped(m *Model) string {
	var all []string
	for _, r := range m.Tape.Events() {
		s := r.Server + " " + r.Type
		if r.Before {
			s = "(" + s + ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func filter(t *testing.T, servers, types string) event.Filter {
	f, err := event.ParseFilter(servers, types)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// While nobody looks nothing is taped; who begins to look sees the newest of each type, and then all that comes and passes.
func TestTape(t *testing.T) {
	w := newWorld(t)
	w.say("a", "metrics:cpu", `{"usage":1}`)
	w.say("b", "metrics:cpu", `{"usage":2}`)
	w.say("a", "server:online", `{"version":"1"}`)
	if m := &w.m.Tape; len(m.Events()) != 0 || m.Rev != 0 {
		t.Errorf("taped %s though nobody looks", taped(w.m))
	}
	w.m.Watch(TapeFilter{})
	equal(t, "known before", taped(w.m), "(b metrics:cpu), (a server:online)")
	w.say("a", "logs:app", `{"message":"needle <b>"}`)
	w.beat()
	equal(t, "what comes", taped(w.m), "(b metrics:cpu), (a server:online), a logs:app,  stream:heartbeat")
	if w.m.Tape.Passed != 2 {
		t.Errorf("%d passed", w.m.Tape.Passed)
	}
	last := w.m.Tape.Events()[2]
	wire, err := sse.Append(nil, sse.Frame{ID: []byte(last.Place.String()), Event: []byte(last.Type), Data: last.Data})
	if err != nil || last.Wire() != len(wire) {
		t.Errorf("it takes %d bytes on the wire, and %d (%v)", last.Wire(), len(wire), err)
	}

	w.m.Watch(TapeFilter{Filter: filter(t, "a", "logs,server")})
	equal(t, "another filter", taped(w.m), "(a server:online), a logs:app")
	if again := w.m.Tape.Events()[1]; again != last {
		t.Error("an event that stays is another one")
	}
	w.say("b", "logs:app", `{"message":"of another server"}`)
	w.say("a", "logs:error", `{"message":"boom"}`)
	equal(t, "another filter", taped(w.m), "(a server:online), a logs:app, a logs:error")
	w.m.Watch(TapeFilter{Find: words("NEEDLE")})
	w.say("a", "logs:app", `{"message":"no"}`)
	w.say("needle-1", "logs:app", `{"message":"a haystack"}`)
	equal(t, "a text", taped(w.m), "a logs:app, needle-1 logs:app")
	if ns := numbers(w.m); !slices.IsSorted(ns) || len(slices.Compact(ns)) != 2 {
		t.Errorf("their numbers are %v", ns)
	}

	place := event.ID{Epoch: 1, Seq: 2}
	e := event.Event{ID: place, Type: "metrics:cpu", Server: "b", Time: noon, Data: []byte(`{"usage":2}`)}
	w.m.ReadEvent(place, []event.Event{e})
	w.m.ReadEvent(place, []event.Event{e})
	equal(t, "one from the record", taped(w.m), "(b metrics:cpu), a logs:app, needle-1 logs:app")
	if w.m.Tape.Find(place) == nil || !w.m.Tape.Lost.IsZero() {
		t.Error("it is not found")
	}
	w.m.ReadEvent(event.ID{Epoch: 1, Seq: 99}, []event.Event{e})
	if w.m.Tape.Lost.Seq != 99 {
		t.Error("nothing is said of one that is not recorded")
	}

	w.m.Unwatch()
	w.say("needle-1", "logs:app", "")
	equal(t, "nobody looks any more", taped(w.m), "")
}

func numbers(m *Model) (all []uint64) {
	for _, r := range m.Tape.Events() {
		all = append(all, r.N)
	}
	return all
}

// However much comes, little is held: so many events, and so many bytes.
func TestTapeIsBounded(t *testing.T) {
	w := newWorld(t)
	w.m.Watch(TapeFilter{Filter: filter(t, "", "logs:*")})
	for i := range 2 * TapeEvents {
		w.say("a", "logs:app", fmt.Sprintf(`{"message":"line %d"}`, i))
	}
	list := w.m.Tape.Events()
	if len(list) != TapeEvents || !strings.Contains(string(list[len(list)-1].Data), fmt.Sprint("line ", 2*TapeEvents-1)) {
		t.Errorf("%d events", len(list))
	}
	long := strings.Repeat("x", 60<<10)
	for range 40 {
		w.say("a", "logs:app", `{"message":"`+long+`"}`)
	}
	sum := 0
	for _, r := range w.m.Tape.Events() {
		sum += len(r.Data)
	}
	if sum > TapeBytes || sum < TapeBytes/2 || sum != w.m.Tape.bytes {
		t.Errorf("%d bytes are held, and counted as %d", sum, w.m.Tape.bytes)
	}
}

// What was read from the record because somebody asked for it is not what the next event takes the place of, and however many are asked
// for the bounds hold.
func TestTapeKeepsWhatWasRead(t *testing.T) {
	for _, long := range []int{0, 60 << 10} {
		w := newWorld(t)
		w.m.Watch(TapeFilter{})
		say := func() { w.say("a", "logs:app", `{"message":"`+strings.Repeat("x", long)+`"}`) }
		for range 2 * TapeEvents {
			say()
		}
		var place event.ID
		for i := range uint64(20) {
			place = event.ID{Epoch: 1, Seq: 1_000_000 + i}
			w.m.ReadEvent(place, []event.Event{{ID: place, Type: "metrics:cpu", Server: "far", Data: []byte(`{"usage":1}`)}})
			for range 3 {
				say()
			}
		}
		list, sum := w.m.Tape.Events(), 0
		for _, r := range list {
			sum += len(r.Data)
		}
		if len(list) > TapeEvents || sum > TapeBytes || sum != w.m.Tape.bytes {
			t.Errorf("%d events of %d bytes, counted as %d", len(list), sum, w.m.Tape.bytes)
		}
		if list[0].Place != place || w.m.Tape.Find(place) == nil || list[1].Server != "a" {
			t.Errorf("the first are %v of %s and %v of %s", list[0].Place, list[0].Server, list[1].Place, list[1].Server)
		}
	}
}

// It costs nothing while nobody looks.
func TestTapeCostsNothing(t *testing.T) {
	w := newWorld(t)
	e := event.Event{ID: event.ID{Epoch: 1, Seq: 1}, Type: "logs:app", Server: "a", Data: []byte(`{}`)}
	if n := testing.AllocsPerRun(100, func() { w.m.Tape.push(e, noon) }); n > 0 || w.m.Tape.Passed > 0 {
		t.Errorf("%v allocations, %d taped", n, w.m.Tape.Passed)
	}
}

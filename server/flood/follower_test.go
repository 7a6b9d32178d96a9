package flood

import (
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

const testRun = 0xabcdef01

// wire writes a stream by hand. Places rise by ten, so that a gap fits between.
type wire struct {
	b     []byte
	place uint64
}

func (w *wire) events(class event.Class, numbers ...uint64) *wire {
	for _, n := range numbers {
		w.place += 10
		w.b = event.AppendFrame(w.b, published(mark{run: testRun, class: class, topic: 5, n: n}, 0, w.place))
	}
	return w
}

func (w *wire) marked(m mark) *wire {
	w.place += 10
	w.b = event.AppendFrame(w.b, published(m, 0, w.place))
	return w
}

func control[T any](w *wire, k event.Kind[T], place uint64, payload T) *wire {
	var id event.ID
	if place > 0 {
		id = at(place)
	}
	b, err := k.AppendFrame(w.b, id, payload)
	if err != nil {
		panic(err)
	}
	w.b = b
	return w
}

func at(place uint64) event.ID { return event.ID{Epoch: 0x7f3a1c09, Seq: place} }

func TestFollower(t *testing.T) {
	gap := func(w *wire, from, to uint64, classes ...event.Class) *wire {
		return control(w, event.StreamGap, 0, event.Gap{Reason: "slow", From: at(from), To: at(to), Classes: classes, Count: 7})
	}
	begun := func() *wire {
		w := control(new(wire), event.StreamSync, 0, event.Sync{Mode: event.SyncFresh})
		return control(w, event.StreamHeartbeat, 0, event.Heartbeat{})
	}
	for _, tt := range []struct {
		name string
		wire *wire
		want tally
	}{
		{"all in order", begun().events(event.State, 1, 2, 3).events(event.Line, 1, 2), tally{Deliveries: 5}},
		{"one is missing", begun().events(event.State, 1, 3), tally{Deliveries: 2, Lost: 1}},
		{"the first is missing", begun().events(event.State, 2), tally{Deliveries: 1, Lost: 1}},
		{"one twice", begun().events(event.State, 1, 2, 2), tally{Deliveries: 2, Doubled: 1}},
		{"an old one again", begun().events(event.State, 1, 2, 3, 1), tally{Deliveries: 3, Doubled: 1}},
		{"two change places", begun().events(event.State, 1, 3, 2, 4), tally{Deliveries: 4, Disordered: 1}},
		{"the middle of a hole comes late, twice", begun().events(event.State, 1, 5, 3, 3, 6), tally{Deliveries: 4, Lost: 2, Disordered: 1, Doubled: 1}},
		{"classes are counted apart", begun().events(event.State, 1).events(event.Sample, 1).events(event.State, 2).events(event.Sample, 2), tally{Deliveries: 4}},
		{"announced", gap(begun().events(event.Sample, 1), 10, 19, event.Sample).events(event.Sample, 5), tally{Deliveries: 2, Thinned: 3, Told: 7}},
		{"announced for all classes", gap(begun().events(event.Line, 1), 10, 19).events(event.Line, 5), tally{Deliveries: 2, Thinned: 3, Told: 7}},
		{"announced before others", gap(begun().events(event.Sample, 1), 10, 39, event.Sample).events(event.State, 1, 2).events(event.Sample, 5), tally{Deliveries: 4, Thinned: 3, Told: 7}},
		{"announced long before", control(gap(begun().events(event.Sample, 1), 10, 19, event.Sample).events(event.State, 1, 2, 3), event.StreamHeartbeat, 60,
			event.Heartbeat{Place: at(60)}).events(event.Sample, 5), tally{Deliveries: 5, Thinned: 3, Told: 7}},
		{"announced and done", gap(begun().events(event.Sample, 1), 10, 19, event.Sample).events(event.Sample, 5, 9), tally{Deliveries: 3, Thinned: 3, Lost: 3, Told: 7}},
		{"announced for several", gap(begun().events(event.Sample, 1), 10, 39, event.Sample).events(event.Sample, 5, 9), tally{Deliveries: 3, Thinned: 6, Told: 7}},
		{"another class announced", gap(begun().events(event.Sample, 1), 10, 19, event.Line).events(event.Sample, 5), tally{Deliveries: 2, Lost: 3, Told: 7}},
		{"announced for elsewhere", gap(begun().events(event.Sample, 1, 2), 1, 5, event.Sample).events(event.Sample, 5), tally{Deliveries: 3, Lost: 2, Told: 7}},
		{"state can't be announced", gap(begun().events(event.State, 1), 10, 19, event.State).events(event.State, 5), tally{Deliveries: 2, Lost: 3, Told: 7}},
		{"another topic's", begun().marked(mark{run: testRun, topic: 6, n: 1}), tally{Strays: 1}},
		{"another run's", begun().marked(mark{run: 1, topic: 5, n: 9}).events(event.State, 1), tally{Deliveries: 1, Foreign: 1}},
		{"no frame of ours", &wire{b: []byte("hello\n\n")}, tally{Broken: 1}},
		{"a gap that can't be read", &wire{b: []byte("event: stream:gap\ndata: {\n\n")}, tally{Broken: 1}},
		{"begun anew", control(begun().events(event.State, 1, 2), event.StreamSync, 0, event.Sync{Mode: event.SyncReset, Reason: "epoch"}).events(event.State, 9, 10),
			tally{Deliveries: 4, Resets: 1}},
		{"retry and comments", &wire{b: sse.AppendComment(sse.AppendRetry(nil, 5e8), "hello")}, tally{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 64, len(tt.wire.b)} {
				f := &follower{lane: &lane{s: &session{run: testRun}, closings: map[string]uint64{}}, topic: 5, first: true, next: [classes]uint64{1, 1, 1}}
				f.begin()
				for b := tt.wire.b; len(b) > 0; {
					n := min(piece, len(b))
					if err := f.push(b[:n:n], 0); err != nil {
						t.Fatal(err)
					}
					b = b[n:]
				}
				got := f.lane.tally
				got.Latency, got.Bytes = histogram{}, 0
				if got != tt.want {
					t.Errorf("in pieces of %d bytes:\n got %+v\nwant %+v", piece, counts(&got), counts(&tt.want))
				}
			}
		})
	}
}

// counts is a tally without its histogram, for messages.
func counts(t *tally) map[string]uint64 {
	return map[string]uint64{"deliveries": t.Deliveries, "others": t.Others, "lost": t.Lost, "doubled": t.Doubled, "disordered": t.Disordered, "thinned": t.Thinned,
		"told": t.Told, "strays": t.Strays, "resets": t.Resets, "foreign": t.Foreign, "broken": t.Broken}
}

// What a follower says when it comes back is the newest place it has seen, of events and heartbeats.
func TestFollowerComesBack(t *testing.T) {
	f := &follower{lane: &lane{s: &session{run: testRun}, closings: map[string]uint64{}}, topic: 5, first: true, next: [classes]uint64{1, 1, 1}}
	f.begin()
	w := new(wire).events(event.State, 1, 2)
	for i := range w.b { // the place must outlive the piece it came in
		b := []byte{w.b[i]}
		if err := f.push(b, 0); err != nil {
			t.Fatal(err)
		}
		clear(b)
	}
	if got, want := f.lastID(), at(20).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w = control(new(wire), event.StreamHeartbeat, 77, event.Heartbeat{Place: at(77)})
	w = control(w, event.StreamClosing, 0, event.Closing{Reason: "shutdown"})
	w.b = append(w.b, "id: 7f3a1c09.99\nda"...)
	if err := f.push(w.b, 0); err != nil {
		t.Fatal(err)
	}
	clear(w.b)
	if got, want := f.lastID(), at(77).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if f.closing != "shutdown" || f.lane.closings["shutdown"] != 1 || !f.live || f.lane.s.live.Load() != 1 {
		t.Errorf("closing %q, closings %v, live %v", f.closing, f.lane.closings, f.live)
	}
	f.begin()
	if f.live || f.closing != "" {
		t.Error("a new connection begins with what the old one was")
	}
	resumed := control(new(wire), event.StreamSync, 0, event.Sync{Mode: event.SyncResumed})
	resumed.place = 100
	if err := f.push(resumed.events(event.State, 3).b, 0); err != nil {
		t.Fatal(err)
	}
	if tl := &f.lane.tally; tl.Lost+tl.Doubled+tl.Disordered+tl.Broken != 0 || tl.Deliveries != 3 {
		t.Errorf("%v", counts(tl))
	}
}

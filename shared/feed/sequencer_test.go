package feed_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

func places(events []event.Event) string {
	var s []string
	for _, e := range events {
		if e.Class() == event.Control {
			p, _ := event.StreamGap.Decode(e.Data)
			s = append(s, "gap("+p.From.String()+"-"+p.To.String()+")")
			continue
		}
		s = append(s, e.ID.String())
	}
	return strings.Join(s, " ")
}

func TestSequencer(t *testing.T) {
	// A step pushes places; "flush", "release", "pass P", "settle P" and "reset P" do what they say.
	for _, tt := range []struct{ name, steps, want string }{
		{"in order", "a.1 a.2 a.5 flush a.7 flush", "a.1 a.2 a.5 a.7"},
		{"what came together is put in order", "a.5 a.2 a.9 a.1 flush", "a.1 a.2 a.5 a.9"},
		{"repeats", "a.1 a.1 a.2 flush a.2 a.1 a.3 a.3 flush", "a.1 a.2 a.3"},
		{"late ones are as good as repeats", "a.5 flush a.3 flush", "a.5"},
		{"another epoch is not taken", "a.5 b.1 flush b.2 flush", "a.5"},
		{"another epoch after a reset", "a.5 flush reset b.1 b.1 b.2 a.6 flush", "a.5 b.2"},
		{"an epoch's beginning", "a.5 flush reset a.0 a.1 a.2 flush", "a.5 a.1 a.2"},
		{"what is held is forgotten by a reset", "a.5 reset - a.2 flush", "a.2"},
		{"back to an epoch that was", "a.5 flush reset b.0 b.1 flush reset a.0 a.1 flush", "a.5 b.1 a.1"},
		{"pass", "a.5 pass a.9 a.7 a.10 flush", "a.5 a.10"},
		{"pass gives out", "a.7 a.5 pass a.9", "a.5 a.7"},
		{"pass another epoch", "a.5 flush pass b.9 a.6 flush", "a.5 a.6"},
		{"pass before anything", "pass a.9 a.7 a.10 flush", "a.10"},

		{"early ones wait", "a.1 a.3 release a.2 release", "a.1 a.2 a.3"},
		{"until the window is full", "a.1 a.3 a.4 a.6 release a.8 release", "a.1 gap(a.1-a.2) a.3 a.4"},
		{"settle gives up", "a.1 a.3 release settle a.3 a.4 release", "a.1 gap(a.1-a.2) a.3 a.4"},
		{"settle knows of what is behind the last", "a.1 release settle a.3 a.4 release", "a.1 gap(a.1-a.3) a.4"},
		{"settle with nothing missing", "a.1 a.2 release settle a.2", "a.1 a.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := feed.Sequencer{Window: 3}
			var got []event.Event
			place := func(p string) event.ID {
				switch {
				case p == "-":
					return event.ID{}
				case strings.HasSuffix(p, ".0"):
					return event.ID{Epoch: id(strings.TrimSuffix(p, "0") + "1").Epoch}
				}
				return id(p)
			}
			for words := strings.Fields(tt.steps); len(words) > 0; words = words[1:] {
				switch w := words[0]; w {
				case "flush":
					got = s.Flush(got)
				case "release":
					got = s.Release(got)
				case "pass", "settle", "reset":
					words = words[1:]
					switch p := place(words[0]); w {
					case "pass":
						got = s.Pass(got, p)
					case "settle":
						got = s.Settle(got, p)
					case "reset":
						s.Reset(p)
					}
				default:
					s.Push(evAt(w))
				}
			}
			if got := places(got); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	var s feed.Sequencer
	for _, tt := range []struct {
		place string
		want  feed.Verdict
	}{
		{"a.5", feed.Taken}, {"a.5", feed.Repeated}, {"a.9", feed.Taken}, {"a.7", feed.Swapped}, {"a.7", feed.Repeated}, {"b.1", feed.Foreign},
	} {
		if got := s.Push(evAt(tt.place)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.place, got, tt.want)
		}
	}
	if got := s.Push(event.Event{}); got != feed.Repeated {
		t.Errorf("no place: got %v, want %v", got, feed.Repeated)
	}
}

// What is held must not change when the memory it came in is used again.
func TestSequencerOwnsWhatItHolds(t *testing.T) {
	var s feed.Sequencer
	e := evAt("a.2")
	want := string(e.Data)
	s.Push(e)
	got := s.Release(nil)
	clear(e.Data)
	s.Push(evAt("a.1"))
	got = s.Release(got)
	if len(got) != 2 || string(got[1].Data) != want {
		t.Errorf("got %q, want %q", got[1].Data, want)
	}
}

// FuzzSequencer shuffles a list within the window, repeats some of it, cuts it into pieces, and wants the list back.
func FuzzSequencer(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint8(8), uint8(3))
	f.Add(uint64(7), uint16(1000), uint8(200), uint8(1))
	f.Add(uint64(9), uint16(3), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, window, piece uint8) {
		random := rand.New(rand.NewPCG(seed, 1))
		total := int(n)%2000 + 1
		var want []event.Event
		for i := range total {
			want = append(want, event.Event{ID: event.ID{Epoch: 1, Seq: uint64(i) + 1}, Type: "x:y"})
		}

		// Each event is late by at most the window: sorting by place plus up to window does that.
		type arrival struct {
			at int
			e  event.Event
		}
		var coming []arrival
		for i, e := range want {
			for range 1 + random.IntN(3) {
				coming = append(coming, arrival{i + random.IntN(int(window)+1), e})
			}
		}
		slices.SortStableFunc(coming, func(a, b arrival) int { return a.at - b.at })

		s := feed.Sequencer{Window: int(window) + 1}
		var got []event.Event
		pieces := int(piece) + 1
		for i, a := range coming {
			s.Push(a.e)
			if i%pieces == 0 {
				before := s.Place()
				got = s.Release(got)
				if s.Place().Compare(before) < 0 {
					t.Fatalf("the place went back from %v to %v", before, s.Place())
				}
				if s.Held() > int(window)+1 {
					t.Fatalf("%d held, with a window of %d", s.Held(), window+1)
				}
			}
		}
		got = s.Settle(got, want[total-1].ID)
		if !slices.EqualFunc(got, want, func(a, b event.Event) bool { return a.ID == b.ID && a.Type == b.Type }) {
			t.Errorf("got %s, want 1 to %d", places(got), total)
		}

		// Within one piece, any shuffle at all, holes and all.
		var u feed.Sequencer
		var sparse []event.Event
		for _, e := range want {
			if random.IntN(3) == 0 {
				sparse = append(sparse, e)
			}
		}
		for _, i := range append(random.Perm(len(sparse)), random.Perm(len(sparse))...) {
			u.Push(sparse[i])
		}
		if got := u.Flush(nil); places(got) != places(sparse) {
			t.Errorf("got %s, want %s", places(got), places(sparse))
		}
	})
}

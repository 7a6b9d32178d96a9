package flood

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// cut calls push with b in pieces.
func cut(rng *rand.Rand, b []byte, push func([]byte) error) error {
	for len(b) > 0 {
		n := 1 + rng.IntN(min(len(b), 1+rng.IntN(60)))
		if err := push(slices.Clone(b[:n])); err != nil { // a copy, so that a piece kept too long is seen to change
			return err
		}
		b = b[n:]
	}
	return nil
}

// scanned returns what the scanner makes of a stream, and decoded what sse.Decoder does: type, id and data of each frame that
// has data.
func scanned(rng *rand.Rand, stream []byte) (list []string, err error) {
	var s scanner
	err = cut(rng, stream, func(b []byte) error {
		err := s.push(b, func(f []byte) {
			if data := dataOf(append([]byte{'\n'}, f...)); len(data) > 0 || bytes.Contains(f, []byte("data: ")) {
				list = append(list, fmt.Sprintf("%s|%s|%s", eventOf(f), idOf(f), data))
			}
		})
		clear(b)
		return err
	})
	return list, err
}

func decoded(stream []byte) (list []string) {
	var d sse.Decoder
	last := ""
	_ = d.Push(stream, func(f sse.Frame) bool {
		id := ""
		if string(f.ID) != last { // the decoder hands the last id on; ours are all different
			last = string(f.ID)
			id = last
		}
		list = append(list, fmt.Sprintf("%s|%s|%s", f.Event, id, f.Data))
		return true
	})
	return list
}

// stream returns frames as servers of ours write them: events with and without padding, controls, retry lines, comments.
func stream(rng *rand.Rand, n int) []byte {
	var b []byte
	for i := range n {
		switch rng.IntN(6) {
		case 0:
			b = sse.AppendRetry(b, time.Second)
		case 1:
			b = sse.AppendComment(b, "hello")
		case 2:
			b, _ = event.StreamGap.AppendFrame(b, event.ID{}, event.Gap{Reason: "slow", Count: int64(i)})
		default:
			b = event.AppendFrame(b, published(mark{run: 7, topic: 3, n: uint64(i + 1), at: int64(i)}, rng.IntN(400), uint64(i+1)))
		}
	}
	return b
}

// published is the event that a draft of ours becomes.
func published(m mark, size int, place uint64) event.Event {
	var d event.Draft
	if err := json.Unmarshal(appendDraft(nil, m, size), &d); err != nil {
		panic(err)
	}
	e, err := d.Event("", time.UnixMilli(1_790_000_000_000))
	if err != nil {
		panic(err)
	}
	e.ID = event.ID{Epoch: 0x7f3a1c09, Seq: place}
	return e
}

func TestScannerAgreesWithDecoder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		b := stream(rng, rng.IntN(20))
		got, err := scanned(rng, b)
		if want := decoded(b); err != nil || !slices.Equal(got, want) {
			t.Fatalf("error %v\n got %q\nwant %q", err, got, want)
		}
	}
}

// FuzzScanner: whatever a stream of "\n" lines holds, cut anywhere, the blocks are those between blank lines, and with the pieces put
// together again nothing is missing.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("id: 1\ndata: x\n\nretry: 5\n\n\n\n:c\n\ndata"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		var s scanner
		var got []byte
		err := cut(rand.New(rand.NewPCG(seed, 0)), b, func(piece []byte) error {
			return s.push(piece, func(frame []byte) {
				if i := blankLine(frame); i >= 0 {
					t.Errorf("a frame holds a blank line: %q", frame)
				}
				got = append(append(got, frame...), '\n', '\n')
			})
		})
		if got = append(got, s.held...); err != nil || !bytes.Equal(got, b) || blankLine(s.held) >= 0 {
			t.Errorf("error %v, got %q, want %q", err, got, b)
		}
	})
}

func TestScannerBounds(t *testing.T) {
	var s scanner
	none := func([]byte) { t.Error("half a frame was handed out") }
	piece := bytes.Repeat([]byte{'x'}, 100<<10)
	var err error
	for range 11 {
		err = errors.Join(err, s.push(piece, none))
	}
	if !errors.Is(err, errFrame) {
		t.Errorf("a frame without end: got %v, want %v", err, errFrame)
	}
}

// A mark comes through everything an event comes through, and its event is about as large as was asked for.
func TestMarkComesThrough(t *testing.T) {
	for class := range classes {
		for _, size := range []int{0, 190, 2000} {
			want := mark{run: 0xdeadbeef, class: event.Class(class), topic: 1<<24 - 2, n: 1<<48 - 3, at: 123_456_789_012}
			e := published(want, size, 4711)
			if e.Class() != event.Class(class) {
				t.Errorf("%s has class %v, want %v", e.Type, e.Class(), event.Class(class))
			}
			frame := bytes.TrimSuffix(event.AppendFrame(nil, e), []byte("\n\n"))
			got, ok := markOf(frame)
			if !ok || got != want {
				t.Errorf("got %+v %v, want %+v, in %s", got, ok, want, frame)
			}
			if n := len(event.AppendJSON(nil, e)); size > 150 && (n < size-20 || n > size+60) {
				t.Errorf("asked for %d bytes, got %d", size, n)
			}
			if string(idOf(frame)) != "7f3a1c09.4711" || string(eventOf(frame)) != e.Type {
				t.Errorf("got id %q, type %q", idOf(frame), eventOf(frame))
			}
		}
	}
	for _, tt := range []struct {
		frame string
		want  bool
	}{
		{`data: {"data":{"flood":"` + strings.Repeat("0", markLen) + `"}}`, true},        // nested, as baselines have it
		{`data: {"flood":"` + strings.Repeat("0", markLen) + `","later":{"x":1}}`, true}, // a field was added
		{`data: {"flood":"` + strings.Repeat("0", markLen-1) + `"}`, false},
		{`data: {"flood":"` + strings.Repeat("g", markLen) + `"}`, false},
		{`data: {"flood":"` + strings.Repeat("f", markLen) + `"}`, false}, // no such class
		{`data: {"flood":"00`, false},
		{`}}`, false}, {``, false},
	} {
		if _, ok := markOf([]byte(tt.frame)); ok != tt.want {
			t.Errorf("%s: got %v, want %v", tt.frame, ok, tt.want)
		}
	}
}

// Bodies by either framing, cut anywhere, are what was written.
func TestBody(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for i := range 200 {
		want := stream(rng, rng.IntN(10))
		var wire bytes.Buffer
		framed := i%2 == 0
		if framed {
			wire.WriteString(text + "transfer-encoding: Chunked\r\n\r\n")
			w := httputil.NewChunkedWriter(&wire)
			_ = cut(rng, want, func(b []byte) error { _, err := w.Write(b); return err })
			w.Close()
			wire.WriteString("Trailer: x\r\n\r\n")
		} else {
			wire.WriteString(text + "\r\n")
			wire.Write(want)
		}
		var r body
		var got []byte
		ended := false
		err := cut(rng, wire.Bytes(), func(b []byte) error {
			done, err := r.push(b, func(b []byte) error { got = append(got, b...); return nil })
			ended = done
			return err
		})
		if err != nil || !bytes.Equal(got, want) || r.status != 200 || ended != framed {
			t.Fatalf("chunked %v: error %v, status %d, ended %v\n got %q\nwant %q", framed, err, r.status, ended, got, want)
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, wire string
		status     int
		fails      bool
	}{
		{"an answer that is none of HTTP/1", "HTTP/2 200 OK\r\n\r\n", 0, true},
		{"a status that is no number", "HTTP/1.1 OK\r\n\r\n", 0, true},
		{"a refusal", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\nwait", 503, false},
		{"a size that is none", ok + "zz\r\n", 200, true},
		{"a chunk that goes on", ok + "2\r\nabc\r\n", 200, true},
		{"bytes behind the end", ok + "0\r\n\r\nx", 200, true},
		{"a size without end", ok + strings.Repeat("0", 5000), 200, true},
		{"a head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 65<<10), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r body
			yield := func(b []byte) error {
				if tt.status != 200 {
					t.Errorf("yields %q", b)
				}
				return nil
			}
			_, err := r.push([]byte(tt.wire), yield)
			if (err != nil) != tt.fails || r.status != tt.status {
				t.Errorf("got %v, status %d, want failure %v, status %d", err, r.status, tt.fails, tt.status)
			}
		})
	}
	var r body
	stop := errors.New("stop")
	if _, err := r.push([]byte(ok+"1\r\nx\r\n"), func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want what yield returned", err)
	}
}

// BenchmarkFollow is what the client does with each event: it has to be little beside what the server does.
func BenchmarkFollow(b *testing.B) {
	const n = 256
	s := &session{run: 7}
	f := &follower{lane: &lane{s: s, closings: map[string]uint64{}}, topic: 3, first: true}
	var wire []byte
	for i := range n {
		wire = event.AppendFrame(wire, published(mark{run: 7, topic: 3, n: uint64(i + 1)}, 190, uint64(i+1)))
	}
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		f.next[event.State] = 1
		if err := f.push(wire, 1); err != nil {
			b.Fatal(err)
		}
	}
	if f.lane.tally.Lost+f.lane.tally.Doubled > 0 || f.lane.tally.Deliveries == 0 {
		b.Fatalf("%+v", f.lane.tally)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}

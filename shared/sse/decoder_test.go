package sse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// decode pushes the chunks and returns what the stream says, as text: "event|data|id", "retry 3s", "# comment".
func decode(t testing.TB, d *Decoder, chunks ...string) []string {
	t.Helper()
	var seen []string
	d.Retry = func(r time.Duration) { seen = append(seen, "retry "+r.String()) }
	d.Comment = func(text []byte) { seen = append(seen, "# "+string(text)) }
	for _, c := range chunks {
		err := d.Push([]byte(c), func(f Frame) bool {
			seen = append(seen, fmt.Sprintf("%s|%s|%s", f.Event, f.Data, f.ID))
			return true
		})
		if err != nil {
			t.Fatalf("Push(%q): %v", c, err)
		}
	}
	return seen
}

// The rows follow section 9.2 of the HTML standard, sentence by sentence. Each is decoded whole, byte by byte, and with an
// empty chunk at each place.
func TestDecoder(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		want         []string
	}{
		{"empty", "", nil},
		{"one line", "data: x\n\n", []string{"|x|"}},
		{"two lines", "data: x\ndata: y\n\n", []string{"|x\ny|"}},
		{"all fields, any order", "id: 1\ndata: x\nevent: e\n\n", []string{"e|x|1"}},

		{"LF", "data: x\n\ndata: y\n\n", []string{"|x|", "|y|"}},
		{"CR", "data: x\r\rdata: y\r\r", []string{"|x|", "|y|"}},
		{"CRLF", "data: x\r\n\r\ndata: y\r\n\r\n", []string{"|x|", "|y|"}},
		{"CR then LF lines", "data: x\r\ndata: y\r\rdata: z\n\n", []string{"|x\ny|", "|z|"}},
		{"LF CR is two breaks", "data: x\n\rdata: y\n\r", []string{"|x|", "|y|"}},
		{"LF CRLF is two breaks", "data: x\n\r\ndata: y\n\r\n", []string{"|x|", "|y|"}},
		{"CR CRLF is two breaks", "data: x\r\r\ndata: y\n\n", []string{"|x|", "|y|"}},
		{"CRLF LF is two breaks", "data: x\r\n\ndata: y\r\n\n", []string{"|x|", "|y|"}},
		{"other separators are text", "data: a\u0085b\u2028c\vd\fe\n\n", []string{"|a\u0085b\u2028c\vd\fe|"}},

		{"BOM", "\uFEFFdata: x\n\n", []string{"|x|"}},
		{"BOM before a blank line", "\uFEFF\n\ndata: x\n\n", []string{"|x|"}},
		{"only the first BOM", "\uFEFF\uFEFFdata: x\n\ndata: y\n\n", []string{"|y|"}},
		{"BOM on the second line", "data: x\n\uFEFFdata: y\n\n", []string{"|x|"}},
		{"BOM in a value", "data: \uFEFFx\n\n", []string{"|\uFEFFx|"}},
		{"half a BOM", "\xef\xbbdata: x\n\ndata: y\n\n", []string{"|y|"}},

		{"no space", "data:x\n\n", []string{"|x|"}},
		{"two spaces", "data:  x\n\n", []string{"| x|"}},
		{"a tab is not a space", "data:\tx\n\n", []string{"|\tx|"}},
		{"trailing space", "data: x \n\n", []string{"|x |"}},
		{"colon in the value", "data: a: b\n\n", []string{"|a: b|"}},
		{"data without colon", "data\n\n", []string{"||"}},
		{"data twice without colon", "data\ndata\n\n", []string{"|\n|"}},
		{"data empty", "data:\n\n", []string{"||"}},
		{"data empty, then a line", "data:\ndata: x\n\n", []string{"|\nx|"}},
		{"data, then an empty line of it", "data: x\ndata\n\n", []string{"|x\n|"}},
		{"NUL in data", "data: a\x00b\n\n", []string{"|a\x00b|"}},

		{"names are exact", "Data: a\n data: b\ndata : c\nDATA: d\ndata: x\n\n", []string{"|x|"}},
		{"NUL in a name", "data\x00: a\ndata: x\n\n", []string{"|x|"}},
		{"unknown field", "colour: red\ndata: x\n\n", []string{"|x|"}},
		{"unknown without colon", "colour\ndata: x\n\n", []string{"|x|"}},

		{"comment", ": hello\ndata: x\n:\n\n", []string{"# hello", "# ", "|x|"}},
		{"comment alone", ":\n\n:a\n\n", []string{"# ", "# a"}},
		{"comment between lines of data", "data: x\n:\ndata: y\n\n", []string{"# ", "|x\ny|"}},

		{"no data, no frame", "event: e\nid: 1\n\n", nil},
		{"event does not outlive its block", "event: e\n\ndata: x\n\n", []string{"|x|"}},
		{"event of one frame only", "event: e\ndata: x\n\ndata: y\n\n", []string{"e|x|", "|y|"}},
		{"last event counts", "event: e\nevent: f\ndata: x\n\n", []string{"f|x|"}},
		{"empty event", "event: e\nevent\ndata: x\n\n", []string{"|x|"}},
		{"event with spaces", "event:  e \ndata: x\n\n", []string{" e |x|"}},
		{"event called message", "event: message\ndata: x\n\n", []string{"message|x|"}},

		{"cut off in the data", "data: x\n\ndata: y", []string{"|x|"}},
		{"cut off after the line", "data: x\n\ndata: y\n", []string{"|x|"}},
		{"cut off in mid CRLF", "data: x\r\n\r", []string{"|x|"}},
		{"blank lines", "\n\n\ndata: x\n\n\n\n", []string{"|x|"}},

		{"id stays", "id: 1\ndata: x\n\ndata: y\n\n", []string{"|x|1", "|y|1"}},
		{"id without data counts", "id: 1\n\ndata: y\n\n", []string{"|y|1"}},
		{"empty id resets", "id: 1\ndata: x\n\nid\ndata: y\n\nid:\ndata: z\n\n", []string{"|x|1", "|y|", "|z|"}},
		{"NUL in id", "id: 1\ndata: x\n\nid: 2\x00\ndata: y\n\n", []string{"|x|1", "|y|1"}},
		{"NUL in id after a good one", "id: 2\nid: \x003\ndata: y\n\n", []string{"|y|2"}},
		{"last id counts", "id: 1\nid: 2\ndata: x\n\n", []string{"|x|2"}},
		{"id with spaces", "id:  1 \ndata: x\n\n", []string{"|x| 1 "}},

		{"retry", "retry: 3000\n\n", []string{"retry 3s"}},
		{"retry needs no blank line", "retry:10\n", []string{"retry 10ms"}},
		{"retry zero", "retry: 0\n", []string{"retry 0s"}},
		{"retry with leading zeros", "retry: 007\n", []string{"retry 7ms"}},
		{"retry is digits only", "retry: 1.5\nretry: -1\nretry: +1\nretry: 1 \nretry:  1\nretry: 1e3\nretry: 0x9\nretry: ٣\n", nil},
		{"retry empty", "retry\nretry:\nretry: \n", nil},
		{"retry beyond any use", "retry: 99999999999999999999999999\n", []string{"retry 24h0m0s"}},

		{"UTF-8", "data: ok…€😀\n\n", []string{"|ok…€😀|"}},
		{"lone bytes", "data: \x80a\xffb\xc0\xafc\n\n", []string{"|\uFFFDa\uFFFDb\uFFFD\uFFFDc|"}},
		{"cut sequences are one each", "data: \xe2\x82a\xf0\x9f\x98b\xf1\x80\xf2c\n\n", []string{"|\uFFFDa\uFFFDb\uFFFD\uFFFDc|"}},
		{"surrogates are three", "data: \xed\xa0\x80\n\n", []string{"|\uFFFD\uFFFD\uFFFD|"}},
		{"overlong and too large", "data: \xf0\x80\x80\x80 \xe0\x80\x80 \xf4\x90\x80\x80\n\n", []string{"|\uFFFD\uFFFD\uFFFD\uFFFD \uFFFD\uFFFD\uFFFD \uFFFD\uFFFD\uFFFD\uFFFD|"}},
		{"cut by the line break", "data: \xe2\x82\ndata: \xacx\n\n", []string{"|\uFFFD\n\uFFFDx|"}},
		{"repaired everywhere", "event: \xff\nid: a\xff\n: c\xff\ndata: x\n\n", []string{"# c\uFFFD", "\uFFFD|x|a\uFFFD"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := decode(t, new(Decoder), tt.stream); !slices.Equal(got, tt.want) {
				t.Errorf("whole:\n got %q\nwant %q", got, tt.want)
			}
			if got := decode(t, new(Decoder), strings.Split(tt.stream, "")...); !slices.Equal(got, tt.want) {
				t.Errorf("by runes:\n got %q\nwant %q", got, tt.want)
			}
			bytewise := make([]string, len(tt.stream))
			for i := range len(tt.stream) {
				bytewise[i] = tt.stream[i : i+1]
			}
			if got := decode(t, new(Decoder), bytewise...); !slices.Equal(got, tt.want) {
				t.Errorf("by bytes:\n got %q\nwant %q", got, tt.want)
			}
			for i := range len(tt.stream) + 1 {
				if got := decode(t, new(Decoder), tt.stream[:i], "", tt.stream[i:]); !slices.Equal(got, tt.want) {
					t.Errorf("cut at %d:\n got %q\nwant %q", i, got, tt.want)
				}
			}
		})
	}
}

// A frame is out with the byte that completes its blank line, and not before.
func TestDecoderIsPrompt(t *testing.T) {
	for _, tt := range []struct{ head, last string }{
		{"data: x\n", "\n"},
		{"data: x\r", "\r"},
		{"data: x\r\n", "\r"}, // the "\n" after it may come whenever it likes
	} {
		var d Decoder
		if got := decode(t, &d, tt.head); got != nil {
			t.Errorf("after %q: got %q, want nothing", tt.head, got)
		}
		if got, want := decode(t, &d, tt.last), []string{"|x|"}; !slices.Equal(got, want) {
			t.Errorf("after %q and %q: got %q, want %q", tt.head, tt.last, got, want)
		}
	}
}

func TestDecoderLastID(t *testing.T) {
	var d Decoder
	for _, step := range []struct{ push, want string }{
		{"id: 1\n", ""}, // not before the block ends
		{"\n", "1"},
		{"id: 2\ndata: x", "1"},
		{"\n\n", "2"},
		{"data: y\n\n", "2"},
		{"id\n\n", ""},
	} {
		decode(t, &d, step.push)
		if got := string(d.LastID()); got != step.want {
			t.Errorf("after %q: LastID %q, want %q", step.push, got, step.want)
		}
	}
}

func TestDecoderTellsOfAnIDWithoutData(t *testing.T) {
	var d Decoder
	var got []string
	d.Moved = func(id []byte) { got = append(got, string(id)) }
	decode(t, &d, "id: 1\n\n:\n\nid: 1\n\nid: 2\ndata: x\n\n", "\n\nid: 3\nevent: y\n\n", "id\n\n", "id: 4\n")
	if want := []string{"1", "3", ""}; !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
}

func TestDecoderStopsWhenToldTo(t *testing.T) {
	var d Decoder
	var got []string
	stop := func(f Frame) bool { got = append(got, string(f.Data)); return false }
	if err := d.Push([]byte("data: 1\n\ndata: 2\n\nda"), stop); err != nil {
		t.Fatal(err)
	}
	if err := d.Push([]byte("data: 3\n\n"), stop); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1", "3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDecoderBounds(t *testing.T) {
	long := strings.Repeat("x", 20)
	for _, tt := range []struct {
		name, stream string
		want         []string // what comes before the end
		err          error
	}{
		{"a line that just fits", "data: " + long[:10] + "\n\n", []string{"|" + long[:10] + "|"}, nil},
		{"a line too long", "data: 1\n\ndata: " + long + "\n\ndata: 2\n\n", []string{"|1|"}, ErrTooLarge},
		{"a line without end", "data: 1\n\n" + long, []string{"|1|"}, ErrTooLarge},
		{"a comment too long", ":" + long + "\n", nil, ErrTooLarge},
		{"data that adds up", "data: 1234567\ndata: 1234567\n\n", []string{"|1234567\n1234567|"}, nil},
		{"data that adds up to too much", "data: 12345678\ndata: 12345678\n\n", nil, ErrTooLarge},
		{"many lines without data", strings.Repeat("data\n", 17), nil, ErrTooLarge},
		{"repaired data that grows", "data: " + strings.Repeat("\xff", 6) + "\n\n", nil, ErrTooLarge},
	} {
		for _, size := range []int{1, 3, 1000} {
			t.Run(fmt.Sprintf("%s in chunks of %d", tt.name, size), func(t *testing.T) {
				d := Decoder{MaxSize: 16}
				var got []string
				var err error
				for chunk := range slices.Chunk([]byte(tt.stream), size) {
					if err = d.Push(chunk, func(f Frame) bool {
						got = append(got, fmt.Sprintf("%s|%s|%s", f.Event, f.Data, f.ID))
						return true
					}); err != nil {
						break
					}
				}
				if !errors.Is(err, tt.err) || !slices.Equal(got, tt.want) {
					t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
				}
				if tt.err == nil {
					return
				}
				if err := d.Push([]byte("\n\ndata: more\n\n"), func(f Frame) bool { t.Errorf("a frame after the end: %q", f.Data); return true }); err != tt.err {
					t.Errorf("Push after the end: %v, want %v", err, tt.err)
				}
			})
		}
	}
}

// What the decoder holds is bounded by MaxSize, however much passes through it.
func TestDecoderHoldsLittle(t *testing.T) {
	d := Decoder{MaxSize: 1 << 10}
	stream := []byte(strings.Repeat("id: 17\nevent: metrics:cpu\ndata: "+strings.Repeat("x", 900)+"\n\n", 100))
	for chunk := range slices.Chunk(stream, 77) {
		if err := d.Push(chunk, func(Frame) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	held := cap(d.line) + cap(d.data) + cap(d.event) + cap(d.id) + cap(d.lastID) + cap(d.scratch)
	if held > 8<<10 {
		t.Errorf("holds %d bytes after lines of 900", held)
	}
	avg := testing.AllocsPerRun(10, func() {
		if err := d.Push(stream, func(Frame) bool { return true }); err != nil {
			t.Fatal(err)
		}
	})
	if avg != 0 {
		t.Errorf("%v allocations for frames that fit the buffers, want none", avg)
	}
	avg = testing.AllocsPerRun(10, func() {
		for chunk := range slices.Chunk(stream, 77) { // lines that come in pieces are put together in what there is
			if err := d.Push(chunk, func(Frame) bool { return true }); err != nil {
				t.Fatal(err)
			}
		}
	})
	if avg != 0 {
		t.Errorf("%v allocations for 100 frames in pieces, want none", avg)
	}
}

// Time is linear in the size of a chunk, whatever ends its lines: with a search that begins anew at each line this test
// would look at some 10^11 bytes.
func TestDecoderIsLinear(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n", "\n\r"} {
		var d Decoder
		n := 0
		if err := d.Push([]byte(strings.Repeat("data"+end+end, 1<<17)), func(Frame) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		if n != 1<<17 {
			t.Errorf("lines ended by %q: %d frames, want %d", end, n, 1<<17)
		}
	}
}

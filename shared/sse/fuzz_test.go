package sse

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// reference decodes a whole stream as slowly and as close to the words of the standard as can be.
func reference(stream []byte) []string {
	text := strings.TrimPrefix(decodeUTF8(stream), "\uFEFF")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	lines = lines[:len(lines)-1] // what no line break ends is discarded

	var seen []string
	var data, event, idBuffer, lastID string
	for _, line := range lines {
		if line == "" {
			lastID = idBuffer
			if data != "" {
				seen = append(seen, fmt.Sprintf("%s|%s|%s", event, strings.TrimSuffix(data, "\n"), lastID))
			}
			data, event = "", ""
			continue
		}
		if strings.HasPrefix(line, ":") {
			seen = append(seen, "# "+strings.TrimPrefix(line[1:], " "))
			continue
		}
		field, value := line, ""
		if i := strings.Index(line, ":"); i >= 0 {
			field, value = line[:i], strings.TrimPrefix(line[i+1:], " ")
		}
		switch field {
		case "event":
			event = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				idBuffer = value
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				ms, err := strconv.Atoi(value)
				if day := 24 * 60 * 60 * 1000; err != nil || ms > day {
					ms = day
				}
				seen = append(seen, "retry "+(time.Duration(ms)*time.Millisecond).String())
			}
		}
	}
	return append(seen, "last "+lastID)
}

// decodeUTF8 is the "UTF-8 decoder" of the WHATWG Encoding standard, step by step, with replacement on errors.
func decodeUTF8(b []byte) string {
	var out []rune
	var codePoint rune
	var seen, needed int
	lower, upper := byte(0x80), byte(0xBF)
	for i := 0; i < len(b); i++ {
		c := b[i]
		if needed == 0 {
			switch {
			case c <= 0x7F:
				out = append(out, rune(c))
			case 0xC2 <= c && c <= 0xDF:
				needed, codePoint = 1, rune(c&0x1F)
			case 0xE0 <= c && c <= 0xEF:
				if c == 0xE0 {
					lower = 0xA0
				}
				if c == 0xED {
					upper = 0x9F
				}
				needed, codePoint = 2, rune(c&0xF)
			case 0xF0 <= c && c <= 0xF4:
				if c == 0xF0 {
					lower = 0x90
				}
				if c == 0xF4 {
					upper = 0x8F
				}
				needed, codePoint = 3, rune(c&0x7)
			default:
				out = append(out, utf8.RuneError)
			}
			continue
		}
		if c < lower || c > upper {
			codePoint, needed, seen, lower, upper = 0, 0, 0, 0x80, 0xBF
			out = append(out, utf8.RuneError)
			i-- // "restore byte to ioQueue"
			continue
		}
		lower, upper = 0x80, 0xBF
		codePoint = codePoint<<6 | rune(c&0x3F)
		if seen++; seen == needed {
			out = append(out, codePoint)
			codePoint, needed, seen = 0, 0, 0
		}
	}
	if needed != 0 {
		out = append(out, utf8.RuneError)
	}
	return string(out)
}

// FuzzDecoder: whatever the bytes and whatever pieces they come in, the frames are those of the reference.
func FuzzDecoder(f *testing.F) {
	for _, s := range []string{
		"data: x\n\n",
		"\uFEFFid: 1\nevent: metrics:cpu\ndata: {\"a\":1}\n\nretry: 1000\n\n: hi\n\n",
		"data\r\rdata\r\n\r\ndata\n\ndata",
		"id: a\x00b\ndata: \xe2\x82\r\n\xed\xa0\x80: \xff\n\r\n\r",
		"retry: 99999999999999999999\nretry: 0\nretry: x\n",
		"id\nid:\nid: \nid:  1\ndata:  x\ndata\n\n",
	} {
		f.Add([]byte(s), []byte{1, 2, 3})
		f.Add([]byte(s), []byte{})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		want := reference(stream)
		var chunks []string
		rest := string(stream)
		for _, n := range cuts {
			n := min(int(n), len(rest))
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		chunks = append(chunks, rest)
		for name, chunks := range map[string][]string{"whole": {string(stream)}, "in pieces": chunks} {
			d := Decoder{MaxSize: 4*len(stream) + 1}
			got := decode(t, &d, chunks...)
			got = append(got, "last "+string(d.LastID()))
			if !slices.Equal(got, want) {
				t.Errorf("%s %q:\n got %q\nwant %q", name, chunks, got, want)
			}
		}
	})
}

// FuzzBound: with a small MaxSize any chunking yields the same frames before the same end.
func FuzzBound(f *testing.F) {
	f.Add([]byte("data: 12345678\ndata: 12345678\n\n"), uint8(16), uint8(1))
	f.Add([]byte("data: 1\n\n:aaaaaaaaaaaaaaaaaaaaaaa\n\ndata: 2\n\n"), uint8(9), uint8(4))
	f.Fuzz(func(t *testing.T, stream []byte, bound, size uint8) {
		run := func(size int) (frames []string, err error) {
			d := Decoder{MaxSize: int(bound) + 1}
			for chunk := range slices.Chunk(stream, size) {
				if err = d.Push(chunk, func(f Frame) bool {
					if len(f.Data) > d.MaxSize {
						t.Errorf("%d bytes of data, MaxSize %d", len(f.Data), d.MaxSize)
					}
					frames = append(frames, string(f.Data))
					return true
				}); err != nil {
					break
				}
			}
			return frames, err
		}
		whole, err1 := run(len(stream) + 1)
		pieces, err2 := run(int(size) + 1)
		if !slices.Equal(whole, pieces) || err1 != err2 {
			t.Errorf("whole %q, %v; in pieces %q, %v", whole, err1, pieces, err2)
		}
	})
}

// FuzzAppend: what Append writes, a Decoder reads, and nothing else; comments and retries between frames change nothing.
func FuzzAppend(f *testing.F) {
	f.Add([]byte("7f3a1c09.1"), []byte("metrics:cpu"), []byte(`{"a":1}`))
	f.Add([]byte(""), []byte(""), []byte("a\r\nb\rc\n\n d"))
	f.Add([]byte("\xff"), []byte(": "), []byte("\uFEFF\x00\xe2\x82"))
	f.Fuzz(func(t *testing.T, id, event, data []byte) {
		in := Frame{ID: id, Event: event, Data: data}
		wire, err := Append(nil, in)
		bad := bytes.ContainsAny(id, "\r\n\x00") || bytes.ContainsAny(event, "\r\n")
		if (err != nil) != bad {
			t.Fatalf("Append(%q): %v", in, err)
		}
		if bad {
			return
		}
		wire = AppendComment(AppendRetry(wire, 0), string(data))
		wire, _ = Append(wire, Frame{Data: []byte("end")})
		var want []string
		norm := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
		if data != nil {
			want = append(want, fmt.Sprintf("%s|%s|%s", decodeUTF8(event), decodeUTF8([]byte(norm)), decodeUTF8(id)))
		}
		want = append(want, fmt.Sprintf("|end|%s", decodeUTF8(id)))
		got := slices.DeleteFunc(decode(t, &Decoder{MaxSize: 4*len(wire) + 1}, string(wire)), func(s string) bool {
			return s == "retry 0s" || strings.HasPrefix(s, "# ")
		})
		// An event may itself look like a comment or a retry in decode's text; then count only.
		if strings.HasPrefix(string(event), "# ") || strings.HasPrefix(string(event), "retry 0s") {
			return
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", wire, got, want)
		}
	})
}

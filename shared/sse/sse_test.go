package sse

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    Frame
		want string
		err  error
	}{
		{"all", Frame{ID: []byte("1"), Event: []byte("e"), Data: []byte("x")}, "id: 1\nevent: e\ndata: x\n\n", nil},
		{"data only", Frame{Data: []byte("x")}, "data: x\n\n", nil},
		{"empty data is data", Frame{Data: []byte{}}, "data: \n\n", nil},
		{"empty id resets", Frame{ID: []byte{}, Data: []byte("x")}, "id: \ndata: x\n\n", nil},
		{"id without data", Frame{ID: []byte("1")}, "id: 1\n\n", nil},
		{"lines", Frame{Data: []byte("a\nb\rc\r\nd\n")}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n", nil},
		{"leading space is kept", Frame{Data: []byte(" x")}, "data:  x\n\n", nil},
		{"line break in id", Frame{ID: []byte("1\n2")}, "", ErrLine},
		{"CR in id", Frame{ID: []byte("1\r")}, "", ErrLine},
		{"NUL in id", Frame{ID: []byte("\x00")}, "", ErrLine},
		{"line break in event", Frame{Event: []byte("a\ndata: injected")}, "", ErrLine},
		{"CR in event", Frame{Event: []byte("\r")}, "", ErrLine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Append([]byte("before "), tt.f)
			if string(got) != "before "+tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, "before "+tt.want, tt.err)
			}
		})
	}
}

func TestAppendRetry(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second:             "retry: 1000\n\n",
		1999 * time.Microsecond: "retry: 1\n\n",
		0:                       "retry: 0\n\n",
		-time.Second:            "retry: 0\n\n",
	} {
		if got := string(AppendRetry(nil, d)); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestAppendComment(t *testing.T) {
	for text, want := range map[string]string{
		"":           ": \n\n",
		"hello":      ": hello\n\n",
		"a\ndata: b": ": a\n: data: b\n\n",
		"a\r\nb\rc":  ": a\n: b\n: c\n\n",
	} {
		if got := string(AppendComment(nil, text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func BenchmarkDecoder(b *testing.B) {
	frame := "id: 7f3a1c09.658512\nevent: metrics:cpu\ndata: {\"timestamp\":\"2026-09-14T12:04:31.207Z\"," + strings.Repeat(`"x":1,`, 20) + "\"y\":2}\n\n"
	chunk := []byte(strings.Repeat(frame, 1000))
	var d Decoder
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := d.Push(chunk, func(Frame) bool { n++; return true }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
}

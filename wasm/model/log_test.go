package model

import (
	"fmt"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		typ, data string
		level     Level
		message   string
	}{
		{"logs:app", `{"level":"warn","message":"slow","context":{"n":1}}`, Warn, "slow"},
		{"logs:app", `{"message":"plain"}`, Info, "plain"},
		{"logs:app", `{"level":"DEBUG","message":"x"}`, Debug, "x"},
		{"logs:app", `{"level":"notice","message":"x"}`, Info, "x"},
		{"logs:system", `{"level":"error","message":"gone","component":"scheduler"}`, Error, "scheduler: gone"},
		{"logs:request", `{"method":"GET","path":"/x","statusCode":200,"responseTime":38.2}`, Info, "GET /x 200 38 ms"},
		{"logs:request", `{"method":"GET","path":"/x","statusCode":503,"responseTime":1.25}`, Error, "GET /x 503 1.2 ms"},
		{"logs:error", `{"message":"boom","stack":"main.go:1"}`, Error, "boom"},
		{"logs:audit", `{"level":"warn","message":"who"}`, Warn, "who"},
	} {
		w := newWorld(t)
		w.say("s", tt.typ, tt.data)
		l := w.m.Log.At(0)
		if l.Level != tt.level || l.Message != tt.message || l.Server != "s" || l != w.m.Server("s").Log.At(0) {
			t.Errorf("%s %s: got %v %q", tt.typ, tt.data, l.Level, l.Message)
		}
	}
	w := newWorld(t)
	w.say("s", "logs:error", `{"message":"boom","stack":"main.go:1","context":{"a":1}}`)
	stack, context := w.m.Log.At(0).Detail()
	equal(t, "stack", stack, "main.go:1")
	equal(t, "context", context, `{"a":1}`)
	equal(t, "kind", w.m.Log.At(0).Kind(), "error")
	w.say("s", "logs:app", `{"message":"`+strings.Repeat("é", 5000)+`"}`)
	if l := w.m.Log.At(1); len(l.Message) > maxMessage+8 || l.Data != nil || !strings.HasSuffix(l.Message, "é …") {
		t.Errorf("a message of 10 KB is kept in %d bytes, its JSON in %d", len(l.Message), len(l.Data))
	}
}

func TestLogKeepsNumbersAndBounds(t *testing.T) {
	var l Log
	for i := range 5000 {
		l.push(&Line{Message: fmt.Sprint(i)}, 100, 1<<20)
		from, end := l.Span()
		if l.Len() > 100 || int(end) != i+1 || int(end-from) != l.Len() {
			t.Fatalf("after %d: [%d, %d), %d lines", i, from, end, l.Len())
		}
		for n := from; n < end; n++ {
			if got := l.At(n).Message; got != fmt.Sprint(n) {
				t.Fatalf("after %d: line %d is %q", i, n, got)
			}
		}
		if l.At(end) != nil || from > 0 && l.At(from-1) != nil {
			t.Fatalf("after %d: lines beyond [%d, %d)", i, from, end)
		}
	}
	l = Log{}
	for range 1000 {
		l.push(&Line{Message: strings.Repeat("x", 1000)}, 1000, 50_000)
		if l.bytes > 50_000 {
			t.Fatalf("%d bytes, want at most 50,000", l.bytes)
		}
	}
	if l.Len() < 30 {
		t.Errorf("%d lines of 1,200 bytes within 50,000, want 30 or more", l.Len())
	}
}

func TestGapStandsWhereTheLinesWouldHaveStood(t *testing.T) {
	w := newWorld(t)
	w.say("a", "logs:app", `{"message":"one"}`)
	w.say("b", "server:online", "")
	w.control("stream:gap", `{"reason":"slow","from":"1.2","to":"1.16","classes":["line"],"count":14}`)
	w.control("stream:gap", `{"reason":"trimmed","from":"1.2","to":"1.16","classes":["sample"]}`)
	w.say("a", "logs:app", `{"message":"two"}`)
	equal(t, "lines", w.m.Log.Len(), 3)
	g := w.m.Log.At(1).Gap
	if g == nil || g.Count != 14 || g.Reason != "slow" || w.m.Server("a").Log.At(1).Gap != g {
		t.Errorf("got gap %+v", g)
	}
	equal(t, "a log without lines", w.m.Server("b").Log.Len(), 0)
	equal(t, "gaps", len(w.m.Link.Gaps), 2)
}

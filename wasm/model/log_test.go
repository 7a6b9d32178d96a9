package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// all returns what is held, oldest first.
func (l *Log) all() (lines []Line) {
	l.Each(func(line Line) { lines = append(lines, line) })
	return lines
}

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
		{"logs:app", `{"message":"\u001b[1;31mred\u001b[0m and\u0000 not"}`, Info, "red and\ufffd not"},
		{"logs:app", `{"message":"` + strings.Repeat("é", 30_000) + `"}`, Info, strings.Repeat("é", 30_000)},
	} {
		w := newWorld(t)
		w.say("s", tt.typ, tt.data)
		l := w.m.Log.all()[0]
		if l.Level != tt.level || l.Message != tt.message || l.Server != "s" || l.Type != tt.typ || !strings.Contains(string(l.Data), tt.data[1:]) {
			t.Errorf("%s %.200s: got %v %.200q", tt.typ, tt.data, l.Level, l.Message)
		}
	}
	w := newWorld(t)
	w.say("s", "logs:error", `{"message":"boom","stack":"main.go:1","context":{"a":1}}`)
	l := w.m.Log.all()[0]
	equal(t, "message", l.Message, "boom")
	equal(t, "stack", l.Stack, "main.go:1")
	equal(t, "context", l.Context, `{"a":1}`)
	equal(t, "kind", l.Kind(), "error")
}

func TestTerminalCodesAreTakenOut(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"a\tb\nc\r", "a\tb\nc\r"},
		{"\x1b[0;1;38;5;208mwarn\x1b[m!", "warn!"},
		{"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ end", "link end"},
		{"\x1b[2K\x1b[1Gprogress", "progress"},
		{"\x1b(B\x1b7x\x1b8", "x"},
		{"cut \x1b[12", "cut "},
		{"cut \x1b", "cut "},
		{"never ends \x1b]8;; all of this", "never ends 8;; all of this"},
		{"\x00\x01\x1f\x7f", "\ufffd\ufffd\ufffd\ufffd"},
	} {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

// in makes a line of that second and place.
func in(second, seq int) Line {
	return Line{Time: time.UnixMilli(int64(second) * 1000).UTC(), Place: event.ID{Epoch: 1, Seq: uint64(seq)}, Server: "s",
		Type: "logs:app", Message: fmt.Sprint("line ", seq), Data: fmt.Appendf(nil, `{"n":%d}`, seq)}
}

// check fails unless the log is what its index says.
func check(t *testing.T, l *Log) {
	t.Helper()
	var lines, gaps, bytes int
	var before *Line
	for i, b := range l.blocks {
		p := l.load(b)
		if (b.shelf == 0) != (i == len(l.blocks)-1) || b.n != len(p.recs) || b.n == 0 && b.shelf != 0 || b.n > 0 && (b.first != p.recs[0].key || b.last != p.recs[b.n-1].key) {
			t.Fatalf("block %d of %d: %+v holds %d", i, len(l.blocks), b, len(p.recs))
		}
		least, ngaps := event.ID{}, 0
		for j := range p.recs {
			line := p.line(&p.recs[j], &l.names)
			if before != nil && before.Spot().compare(line.Spot()) >= 0 {
				t.Fatalf("%v stands before %v", before, line)
			}
			before = &line
			if j == 0 || line.Place.Compare(least) < 0 {
				least = line.Place
			}
			if line.Gap != nil {
				ngaps++
				continue
			}
			lines++
		}
		if b.n > 0 && least.Compare(b.least) < 0 || ngaps != b.gaps {
			t.Fatalf("block %d: least place %v, %d gaps; its index says %v, %d", i, least, ngaps, b.least, b.gaps)
		}
		gaps += ngaps
		bytes += b.bytes
	}
	if lines != l.lines || bytes != l.bytes {
		t.Fatalf("%d lines %d bytes, the index says %d %d", lines, bytes, l.lines, l.bytes)
	}
	if heap, ok := l.shelf.(*heapShelf); ok && len(heap.blocks) != len(l.blocks)-1 {
		t.Fatalf("%d blocks on the shelf, %d in the index", len(heap.blocks), len(l.blocks)-1)
	}
	uses := 0
	for _, n := range l.names.list {
		uses += n.uses
	}
	if uses != 2*(lines+gaps) {
		t.Fatalf("names are used %d times by %d lines", uses, lines+gaps)
	}
}

// However late lines come, and in whatever batches, they stand in order and each once.
func TestAnyOrderGivesTheSameLog(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := newLog(new(heapShelf))
		var lines []Line
		for i := range 3000 {
			line := in(i/3+r.IntN(5), i+1)
			line.Level = Level(r.IntN(NumLevels))
			line.Message = strings.Repeat("x", r.IntN(200)*r.IntN(3))
			lines = append(lines, line)
		}
		reach := []int{1, 10, 600, 3000}[seed%4] // how far lines may be from their place
		shuffled := slices.Clone(lines)
		for i := range shuffled {
			j := min(i+r.IntN(reach), len(shuffled)-1)
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		for len(shuffled) > 0 {
			n := min(1+r.IntN(400), len(shuffled))
			if r.IntN(3) == 0 {
				l.merge(append(slices.Clone(shuffled[:n]), shuffled[0])) // as if read from the record
			} else {
				for _, line := range shuffled[:n] {
					l.push(line)
				}
				l.settle()
			}
			shuffled = shuffled[n:]
			check(t, &l)
		}
		slices.SortFunc(lines, func(a, b Line) int { return a.Spot().compare(b.Spot()) })
		got := l.all()
		if len(got) != len(lines) {
			t.Fatalf("seed %d: %d lines, want %d", seed, len(got), len(lines))
		}
		for i := range got {
			if got[i].Place != lines[i].Place || got[i].Message != lines[i].Message || got[i].Level != lines[i].Level || string(got[i].Data) != string(lines[i].Data) || !got[i].Time.Equal(lines[i].Time) {
				t.Fatalf("seed %d, line %d: got %+v, want %+v", seed, i, got[i], lines[i])
			}
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	l := newLog(new(heapShelf))
	for i := range MaxLines + 5000 {
		l.push(in(i, i+1))
		if i%100 == 99 {
			l.settle()
		}
	}
	check(t, &l)
	if l.Len() > MaxLines || l.Len() < MaxLines-2*blockLines || !l.Full {
		t.Errorf("%d lines, full %v, want nearly %d", l.Len(), l.Full, MaxLines)
	}
	oldest := l.all()[0]
	if floor := l.Past("").Floor; floor != oldest.Place || !l.Oldest().Equal(oldest.Time) {
		t.Errorf("held from %v, want %v", floor, oldest.Place)
	}

	long := newLog(new(heapShelf))
	for i := range 400 {
		line := in(i, i+1)
		line.Message = strings.Repeat("x", 250_000)
		long.push(line)
		long.settle()
		if long.Bytes() > MaxLogBytes {
			t.Fatalf("%d bytes, want at most %d", long.Bytes(), MaxLogBytes)
		}
	}
	if long.Bytes() < MaxLogBytes*9/10 {
		t.Errorf("only %d bytes are held", long.Bytes())
	}
	check(t, &long)

	many := newLog(new(heapShelf))
	for i := range 50_000 {
		line := in(i, i+1)
		line.Server, line.Type = fmt.Sprint("server-", i), fmt.Sprint("logs:", i)
		many.push(line)
	}
	many.settle()
	check(t, &many)
	if n := len(many.names.list); n > maxNames || many.Len() < 1000 {
		t.Errorf("%d names of %d lines", n, many.Len())
	}
}

func TestGapStandsWhereTheLinesWouldHaveStood(t *testing.T) {
	w := newWorld(t)
	w.say("a", "logs:app", `{"message":"one"}`)
	w.say("b", "server:online", "")
	w.control("stream:gap", `{"reason":"slow","from":"1.2","to":"1.16","classes":["line"],"count":14}`)
	w.control("stream:gap", `{"reason":"trimmed","from":"1.2","to":"1.16","classes":["sample"]}`)
	w.say("a", "logs:app", `{"message":"two"}`)
	got := w.m.Log.all()
	if len(got) != 3 || got[1].Gap == nil || got[1].Gap.Count != 14 || got[1].Gap.Reason != "slow" || got[1].Gap.To.Seq != 16 || !got[1].Gap.At.Equal(w.now) {
		t.Errorf("got %+v", got)
	}
	equal(t, "lines", w.m.Log.Len(), 2)
	equal(t, "gaps", len(w.m.Link.Gaps), 2)
	check(t, &w.m.Log)
}

func TestTail(t *testing.T) {
	var tail Tail
	for i, second := range []int{1, 2, 3, 9, 4, 5, 0} {
		line := in(second, i)
		line.Message = fmt.Sprint(second)
		tail.push(&line, noon)
	}
	var got []string
	for _, s := range tail.Last(10) {
		got = append(got, string(s.Message))
	}
	equal(t, "last", strings.Join(got, " "), "3 4 5 9")
	equal(t, "the last one", string(tail.Last(1)[0].Message), "9")
	equal(t, "rate", tail.PerSecondSince(time.Time{}, noon.Add(time.Second)), 0.7)
	equal(t, "lines", tail.Lines, 7)
	line := in(10, 8)
	line.Message = strings.Repeat("é", 1000)
	tail.push(&line, time.Time{})
	equal(t, "a long one", string(tail.Last(1)[0].Message), strings.Repeat("é", lastMessage/2))
}

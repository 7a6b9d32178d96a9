package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

func always() bool { return true }

// rows returns the rows of a view from so many before the end to so many before it, oldest first, a hit with a star.
func rows(v *View, l *Log, from, to int) string {
	var got []string
	v.Window(l, from, to, func(at Spot, hit bool, line func() Line) {
		s := fmt.Sprint(at.Place().Seq)
		if line().Place != at.Place() {
			s += "?"
		}
		if at.IsGap() {
			s = "gap"
		}
		if hit {
			s += "*"
		}
		got = append(got, s)
	})
	return strings.Join(got, " ")
}

func some(n int) *Log {
	l := newLog(new(heapShelf))
	for i := range n {
		line := in(i, i+1)
		line.Server = []string{"a", "b"}[i%2]
		line.Level = Level(i % NumLevels)
		l.push(line)
	}
	l.settle()
	return &l
}

func TestView(t *testing.T) {
	l := some(2000)
	var v View
	if !v.Step(l, always) || v.Rows() != 2000 || v.Hits() != 0 {
		t.Fatalf("%d rows, %d hits", v.Rows(), v.Hits())
	}
	equal(t, "the newest", rows(&v, l, 3, 0), "1998 1999 2000")
	equal(t, "over blocks", rows(&v, l, 2000, 0), strings.Trim(fmt.Sprint(seq(1, 2000)), "[]"))
	equal(t, "in the middle", rows(&v, l, 1500, 1497), "501 502 503")
	equal(t, "too many", rows(&v, l, 9999, 1998), "1 2")
	at, ok := l.Find(event.ID{Epoch: 1, Seq: 700})
	if !ok || v.Back(l, at) != 1301 {
		t.Errorf("700 is row %d from the end", v.Back(l, at))
	}
	if line, ok := l.Line(at); !ok || line.Message != "line 700" {
		t.Errorf("got %v %v", line, ok)
	}

	v.Set(Filter{Server: "a", Hidden: [NumLevels]bool{Info: true}, Find: words("LINE 19"), Until: event.ID{Epoch: 1, Seq: 1990}})
	v.Step(l, always)
	equal(t, "a's lines that are not info", rows(&v, l, 4, 0), "1979* 1983* 1987*"[0:0]+"1975* 1979* 1983* 1987*")
	equal(t, "fresh", v.Fresh(), 3-0-0)
	equal(t, "rows", v.Rows(), 497)
	equal(t, "hits", v.Hits(), len(hitsOf(1990)))

	v.Set(Filter{Find: words("line 7"), Only: true})
	v.Step(l, always)
	equal(t, "only hits", rows(&v, l, 4, 0), "796* 797* 798* 799*")
	equal(t, "hits", v.Hits(), 111)
	next, ok := v.Hit(l, at, false)
	equal(t, "next", fmt.Sprint(next.Place().Seq, ok), "701 true")
	prev, ok := v.Hit(l, at, true)
	equal(t, "previous", fmt.Sprint(prev.Place().Seq, ok), "79 true")
	last, _ := v.Hit(l, Spot{}, true)
	equal(t, "the last", last.Place().Seq, 799)
	if _, ok := v.Hit(l, last, false); ok {
		t.Error("there is a hit after the last")
	}
}

func seq(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// hitsOf are the lines of a that are not info, and read "line 19", up to a place.
func hitsOf(until int) (n []int) {
	for i := 1; i <= until; i++ {
		if i%2 == 1 && (i-1)%NumLevels != int(Info) && strings.HasPrefix(fmt.Sprint(i), "19") {
			n = append(n, i)
		}
	}
	return n
}

// A view that is kept up to date is what a new one would be, whatever comes and goes.
func TestViewKeepsUp(t *testing.T) {
	l := some(1000)
	re := finding(`7|LATE`, true)
	var v View
	v.Set(Filter{Server: "b", Find: re})
	v.Step(l, always)
	steps := []func(){
		func() { line := in(2000, 2001); line.Server = "b"; l.push(line); l.settle() },
		func() { line := in(300, 2002); line.Server, line.Message = "b", "late"; l.push(line); l.settle() },
		func() {
			var lines []Line
			for i := range 500 {
				line := in(-i-1, 5000+i)
				line.Server = "b"
				lines = append(lines, line)
			}
			l.merge(lines)
		},
		func() { l.dropOldest() },
		func() {
			l.push(Line{Time: time.UnixMilli(3_000_000), Place: event.ID{Epoch: 1, Seq: 9000}, Gap: &Gap{Reason: "slow"}})
		},
		func() {
			l.push(Line{Time: time.UnixMilli(3_000_000), Place: event.ID{Epoch: 1, Seq: 9001}, Server: "a", Gap: &Gap{Reason: GapUnread}})
		},
	}
	for i, step := range steps {
		step()
		v.Step(l, always)
		n, hits, got := v.Rows(), v.Hits(), rows(&v, l, v.Rows(), 0)
		var fresh View
		fresh.Set(v.Filter())
		fresh.Step(l, always)
		if want := rows(&fresh, l, fresh.Rows(), 0); got != want || n != fresh.Rows() || hits != fresh.Hits() {
			t.Errorf("step %d: %d rows, %d hits, want %d, %d:\ngot  %.300s\nwant %.300s", i, n, hits, fresh.Rows(), fresh.Hits(), got, want)
		}
		v.Step(l, always)
	}
	if !strings.HasSuffix(rows(&v, l, 2, 0), "gap") {
		t.Errorf("the end is %s", rows(&v, l, 2, 0))
	}
	if strings.Count(rows(&v, l, v.Rows(), 0), "gap") != 1 {
		t.Error("the gap of another server is shown")
	}
}

func words(s string) *Finder { return finding(s, false) }

func finding(s string, expression bool) *Finder {
	f, err := NewFinder(s, expression)
	if err != nil {
		panic(err)
	}
	return f
}

// Held, a view stays as it is while lines come, whatever their time; let go, it has them all.
func TestViewHolds(t *testing.T) {
	l := some(1000)
	var v View
	v.Set(Filter{Server: "b"})
	v.Step(l, always)
	v.Hold(l, true)
	for i := range 700 {
		line := in(2000+i, 2001+i)
		if i%10 == 0 {
			line = in(i, 2001+i)
		}
		line.Server = []string{"a", "b"}[i%2]
		l.push(line)
		l.settle()
		v.Step(l, always)
		if v.Rows() != 500 || v.Fresh() != (i+1)/2 {
			t.Fatalf("after %d lines: %d rows, %d fresh", i+1, v.Rows(), v.Fresh())
		}
	}
	v.Hold(l, false)
	v.Step(l, always)
	if v.Rows() != 850 || v.Fresh() != 0 {
		t.Errorf("let go: %d rows, %d fresh", v.Rows(), v.Fresh())
	}

	// Of a view of what is found, only what would be found is waited for.
	v.Set(Filter{Find: words("needle"), Only: true})
	v.Hold(l, true)
	for i := range 9 {
		line := in(3000+i, 3001+i)
		line.Message = []string{"hay", "hay", "a needle"}[i%3]
		l.push(line)
	}
	l.settle()
	v.Step(l, always)
	if v.Rows() != 0 || v.Fresh() != 3 {
		t.Errorf("searched for: %d rows, %d fresh, want 3", v.Rows(), v.Fresh())
	}
	v.Hold(l, false)
	v.Step(l, always)
	equal(t, "rows, let go", v.Rows(), 3)
}

// A view is brought up to date in slices: the newest first, and what is not looked at yet is not there.
func TestViewInSlices(t *testing.T) {
	l := some(5000)
	var v View
	steps, asked := 0, 0
	for !v.Step(l, func() bool { asked++; return asked%3 != 0 }) {
		steps++
		if v.Rows() == 0 || v.Rows() >= 5000 || !strings.HasSuffix(rows(&v, l, 2, 0), "4999 5000") {
			t.Fatalf("after slice %d: %d rows, the last %s", steps, v.Rows(), rows(&v, l, 2, 0))
		}
	}
	if steps < 3 || v.Rows() != 5000 {
		t.Errorf("%d slices, %d rows", steps, v.Rows())
	}
}

// Of all servers, lines that are only some servers' are not shown as if they were all there were.
func TestStraysAreNotShownAmongAll(t *testing.T) {
	l := some(1000)
	l.pictured()
	floor := l.Past("").Floor
	equal(t, "floor", floor.Seq, 901)
	var v View
	v.Step(l, always)
	equal(t, "rows of all", v.Rows(), 100)
	v.Set(Filter{Server: "a"})
	v.Step(l, always)
	equal(t, "rows of a", v.Rows(), 500)
	v.Set(Filter{})
	v.Step(l, always)
	l.pastOf("").Floor.Seq = 1
	v.Step(l, always)
	equal(t, "rows of all, once they are known to be whole", v.Rows(), 1000)
}

func TestPast(t *testing.T) {
	l := some(100)
	head := event.ID{Epoch: 1, Seq: 100}
	equal(t, "nothing known of all", l.Floor("", head).Seq, 101)
	equal(t, "the oldest of b", l.Floor("b", head).Seq, 2)
	equal(t, "of one that said nothing", l.Floor("c", head).Seq, 101)
	l.pastOf("").Floor = event.ID{Epoch: 1, Seq: 51}
	equal(t, "all", l.Floor("", head).Seq, 51)
	equal(t, "b", l.Floor("b", head).Seq, 2)
	equal(t, "one that said nothing", l.Floor("c", head).Seq, 51)
	*l.pastOf("") = Past{Floor: event.ID{Epoch: 1, Seq: 1}, Begin: true}
	if p := l.Past("c"); !p.Begin {
		t.Error("what holds for all does not hold for one")
	}
	*l.pastOf("c") = Past{Floor: event.ID{Epoch: 1, Seq: 40}, Trimmed: true}
	if p := l.Past("c"); !p.Begin || p.Trimmed || p.Floor.Seq != 1 {
		t.Errorf("got %+v", p)
	}
}

func BenchmarkView(b *testing.B) {
	l := some(MaxLines)
	var v View
	for b.Loop() {
		v.Set(Filter{Find: words("line 77")})
		v.Step(l, always)
	}
	if v.Hits() == 0 || !slices.IsSorted([]int{v.Hits(), v.Rows()}) {
		b.Fatal("nothing is found")
	}
}

// A search tells at once what is near the reader, and then counts on; what lines there are is known all the while.
func TestViewSearchesNearTheReader(t *testing.T) {
	l := some(20_000)
	var v View
	v.Step(l, always)
	at, _ := l.Find(event.ID{Epoch: 1, Seq: 7000})
	v.Near(at)
	v.Set(Filter{Find: words("line")})
	if v.Step(l, func() bool { return false }); v.Hits() == 0 || v.Hits() > 2*openLines || v.Rows() != 20_000 || !v.Laid() {
		t.Fatalf("%d hits of %d rows after one block", v.Hits(), v.Rows())
	}
	got := rows(&v, l, 13_001, 12_998) // 7000 is 13001 rows before the end
	if got != "7000* 7001* 7002*" && got != "7000 7001 7002" {
		t.Fatalf("got %s", got)
	}
	steps, was := 0, v.Hits()
	for more := 2; !v.Step(l, func() bool { more--; return more > 0 }); more = 2 {
		if v.Hits() < was || v.Rows() != 20_000 {
			t.Fatalf("%d hits after %d, of %d rows", v.Hits(), was, v.Rows())
		}
		if steps++; steps == 2 {
			equal(t, "near the reader", rows(&v, l, 13_001, 12_998), "7000* 7001* 7002*")
		}
		was = v.Hits()
	}
	if v.Hits() != 20_000 || steps < 10 {
		t.Errorf("%d hits in %d steps", v.Hits(), steps)
	}
	v.Set(Filter{Find: words("line 77"), Only: true})
	for !v.Step(l, func() bool { return false }) {
		if v.Laid() && v.Hits() < 111 {
			t.Fatal("all rows are known before all lines were searched")
		}
	}
	if v.Rows() != v.Hits() || v.Hits() != 111 || !v.Laid() {
		t.Errorf("%d rows, %d hits", v.Rows(), v.Hits())
	}
}

// Of one kind, and what there is of each level of it, whatever is hidden.
func TestViewOfAKind(t *testing.T) {
	l := newLog(new(heapShelf))
	for i := range 1000 {
		line := in(i, i+1)
		line.Type, line.Level = []string{"logs:app", "logs:request"}[i%2], Level(i/2%NumLevels)
		l.push(line)
	}
	l.settle()
	var v View
	v.Set(Filter{Type: "logs:request", Hidden: [NumLevels]bool{Warn: true}})
	v.Step(&l, always)
	if v.Rows() != 375 || v.Levels() != [NumLevels]int{125, 125, 125, 125} {
		t.Errorf("%d rows, levels %v", v.Rows(), v.Levels())
	}
	equal(t, "the last", rows(&v, &l, 3, 0), "994 996 1000")
	v.Set(Filter{Type: "logs:none"})
	v.Step(&l, always)
	if v.Rows() != 0 {
		t.Errorf("%d rows of a kind that there is not", v.Rows())
	}
}

package ui

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// reader is somebody who reads the log of a server, a second of time between what he does.
type reader struct {
	*clocked
	t    *testing.T
	page *Page
	d    *document
	asks []model.Wish
}

func (r *reader) ReadLog(w model.Wish) {
	if !w.Deployments { // the page of a server asks for those too
		r.asks = append(r.asks, w)
	}
}

func reading(t *testing.T, w *world, path string) *reader {
	r := &reader{clocked: &clocked{w, noon}, t: t}
	r.page, r.d = mounted(t, r, path)
	return r
}

func (r *reader) paint() {
	r.t.Helper()
	r.now = r.now.Add(time.Second)
	r.page.Paint(r.m, r.now)
	if len(r.d.lost) > 0 {
		r.t.Fatalf("written to what is not there: %v", r.d.lost)
	}
}

func (r *reader) ask(what, of string) {
	r.t.Helper()
	if what == "hit" {
		r.page.doLog(r.page.log(), what, of)
	} else {
		r.page.ask(what, of)
	}
	r.paint()
}

func (r *reader) say(level, message string) {
	r.publish(r.now, r.event("logs:app", "a", r.now, map[string]any{"level": level, "message": message}))
}

func (r *reader) text(id string) string { return r.d.root.find(id).words() }

// rows returns the messages of the rows on the page.
func (r *reader) rows() (all []string) {
	for _, row := range r.d.root.find("log-rows").kids {
		text := row.kids[0].words()
		if len(row.kids) > 3 {
			text = row.kids[3].words()
		}
		all = append(all, text)
	}
	return all
}

func (r *reader) class(row int) string { return r.d.root.find("log-rows").kids[row].attrs["class"] }

// about returns what stands for the rows above and below.
func (r *reader) about() (above, below int) {
	fmt.Sscanf(r.d.root.find("log-above").attrs["style"], "height:%dpx", &above)
	fmt.Sscanf(r.d.root.find("log-below").attrs["style"], "height:%dpx", &below)
	return above / rowHeight, below / rowHeight
}

// long is a log of so many lines, every other one info and debug.
func long(t *testing.T, lines int) *world {
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	var list []event.Event
	for i := range lines {
		list = append(list, w.event("logs:app", "a", noon, map[string]any{"level": []string{"info", "debug"}[i%2], "message": fmt.Sprint("line ", i, ".")}))
	}
	w.publish(noon, list...)
	return w
}

// Of a long log a window is drawn, and the reader moves it; spacers stand for the rest, so that nothing jumps.
func TestLogWindow(t *testing.T) {
	const lines = 2000
	r := reading(t, long(t, lines), "/servers/a")
	waiting := 0
	expect := func(what, of string, first, last int) {
		t.Helper()
		if what != "" {
			r.ask(what, of)
		} else {
			r.paint()
		}
		rows := r.rows()
		if rows[0] != fmt.Sprintf("line %d.", first) || rows[len(rows)-1] != fmt.Sprintf("line %d.", last) {
			t.Errorf("%s %s: from %s to %s, want %d to %d", what, of, rows[0], rows[len(rows)-1], first, last)
		}
		above, below := r.about()
		if total := r.page.log().view.Rows(); above+below+len(rows) != total || len(rows) > maxRows {
			t.Errorf("%s %s: %d rows and room for %d above and %d below, of %d", what, of, len(rows), above, below, total)
		}
		if got := r.page.log().view.Fresh(); got != waiting {
			t.Errorf("%s %s: %d lines wait, want %d", what, of, got, waiting)
		}
	}
	expect("", "", 1700, 1999)
	expect("away", "", 1700, 1999)
	expect("at", "500 20", 1330, 1629)
	waiting = 1
	r.say("info", "line 2000.")
	expect("", "", 1330, 1629)
	expect("at", "440 20", 1390, 1689)
	expect("at", "1980 20", 0, 299)
	expect("at", "1000000 20", 0, 299)
	expect("level", fmt.Sprint(int(model.Debug)), 0, 2*(maxRows-1))
	expect("level", fmt.Sprint(int(model.Debug)), 0, maxRows-1)
	waiting = 0
	expect("back", "", 1701, 2000)
}

// While the window moves, what stays of it is not drawn again: the focus, and what is selected, stay with it.
func TestLogWindowMovesInPieces(t *testing.T) {
	r := reading(t, long(t, 2000), "/servers/a")
	r.ask("away", "")
	r.ask("at", "500 20")
	kept := r.d.root.find("log-rows").kids[40:260]
	for _, at := range []string{"520 20", "490 20", "505 20"} {
		r.ask("at", at)
		now := r.d.root.find("log-rows").kids
		for _, k := range kept {
			if !slices.Contains(now, k) {
				t.Fatalf("at %s: a row was drawn again", at)
			}
		}
		var seen []string
		for _, text := range r.rows() {
			if slices.Contains(seen, text) {
				t.Fatalf("at %s: %s is there twice", at, text)
			}
			seen = append(seen, text)
		}
	}
}

func TestLogPauses(t *testing.T) {
	r := reading(t, long(t, 30), "/servers/a")
	before := len(r.rows())
	r.ask("away", "")
	r.say("warn", "while away")
	r.say("info", "while away")
	r.publish(r.now, r.event("logs:app", "a", r.now.Add(-time.Hour), map[string]any{"message": "late"}))
	r.paint()
	if len(r.rows()) != before {
		t.Errorf("rows moved under the reader: %d, want %d", len(r.rows()), before)
	}
	if got := r.text("log-fresh"); got != "3 new lines ↓" || strings.Contains(r.d.root.find("log-fresh").attrs["class"], "off") {
		t.Errorf("the button says %q", got)
	}
	if got := r.text("log-status"); got != "Paused at 12:41:08"[:len("Paused at 12:41:0")]+"7" {
		t.Errorf("the status says %q", got)
	}
	r.ask("back", "")
	if rows := r.rows(); len(rows) != before+3 || rows[0] != "late" || rows[before+2] != "while away" {
		t.Errorf("after coming back %d rows, want %d: %v", len(rows), before+3, rows)
	}
	if !strings.Contains(r.d.root.find("log-fresh").attrs["class"], "off") {
		t.Error("the button stays")
	}
}

func TestLogFilters(t *testing.T) {
	r := reading(t, long(t, 30), "/servers/a")
	r.ask("level", fmt.Sprint(int(model.Info)))
	if len(r.rows()) != 15 || strings.Contains(r.text("log-rows"), "INFO") || r.text("lv-info-n") != "hidden" || r.text("lv-debug-n") != "15" {
		t.Errorf("info is hidden: %d rows, chips %q and %q", len(r.rows()), r.text("lv-info-n"), r.text("lv-debug-n"))
	}
	r.say("info", "hidden too")
	r.paint()
	if len(r.rows()) != 15 {
		t.Error("a hidden line made a row")
	}
	r.ask("level", fmt.Sprint(int(model.Info)))
	r.ask("log-find", "LINE 2")
	if got := r.text("log-found"); got != "11 found↑↓" {
		t.Errorf("found: %q", got)
	}
	if n := strings.Count(fmt.Sprint(r.classes()), " hit"); n != 11 || len(r.rows()) != 31 {
		t.Errorf("%d of %d rows are marked", n, len(r.rows()))
	}
	r.ask("only", "")
	if rows := r.rows(); len(rows) != 11 || rows[0] != "line 2." {
		t.Errorf("only found: %v", rows)
	}
	r.ask("log-find", `^LINE \d\.$`)
	r.ask("regexp", "")
	if rows := r.rows(); len(rows) != 10 || rows[9] != "line 9." {
		t.Errorf("by an expression: %v", rows)
	}
	r.ask("log-find", `(`)
	if got := r.text("log-found"); got == "" || len(r.rows()) != 31 {
		t.Errorf("what is no expression: %q, %d rows", got, len(r.rows()))
	}
	if r.page.screen.(asker).do("level", "99", r.now) || r.page.screen.(asker).do("level", "x", r.now) {
		t.Error("a level that is none was taken")
	}
}

func (r *reader) classes() (all []string) {
	for i := range r.d.root.find("log-rows").kids {
		all = append(all, r.class(i))
	}
	return all
}

// The reader goes from match to match, round and round, and what is around it is drawn.
func TestLogGoesToMatches(t *testing.T) {
	r := reading(t, long(t, 2000), "/servers/a")
	r.ask("log-find", "line 7.")
	for range 2 {
		r.ask("hit", "up")
		r.paint()
		rows := r.rows()
		i := slices.Index(rows, "line 7.")
		if i < 0 || !strings.Contains(r.class(i), "cur") || !strings.Contains(r.class(i), "hit") {
			t.Fatalf("the match is at %d of %d rows", i, len(rows))
		}
	}
	if r.d.scrolled != -(1993-1-rowsSeen/2)*rowHeight {
		t.Errorf("scrolled to %d", r.d.scrolled)
	}
	r.ask("log-find", "line 19")
	r.ask("hit", "down") // from line 7 on
	r.paint()
	if line, _ := r.m.Log.Line(r.page.log().cur); line.Message != "line 19." {
		t.Errorf("after line 7 comes %q", line.Message)
	}
	r.ask("hit", "up")
	if line, _ := r.m.Log.Line(r.page.log().cur); line.Message != "line 1999." {
		t.Errorf("before the first comes %q", line.Message)
	}
}

func TestLogOpensLines(t *testing.T) {
	r := reading(t, long(t, 100), "/servers/a")
	r.publish(r.now, r.event("logs:error", "a", r.now, map[string]any{"message": "boom", "stack": "main.go:1"}))
	r.paint()
	last := func() *node { kids := r.d.root.find("log-rows").kids; return kids[len(kids)-1] }
	id, was := last().attrs["id"], last()
	if strings.Contains(last().words(), "main.go") {
		t.Error("it is open already")
	}
	r.ask("open", id)
	if last() != was || !strings.Contains(last().words(), "main.go:1") || !strings.Contains(last().attrs["class"], "open") {
		t.Errorf("opened: %s", last().words())
	}
	if r.page.log().paused.IsZero() {
		t.Error("a reader who opened a line is not left to read it")
	}
	r.ask("open", id)
	if strings.Contains(last().words(), "main.go:1") || last() != was {
		t.Errorf("closed: %s", last().words())
	}
	if r.page.screen.(asker).do("open", "nonsense", r.now) {
		t.Error("a line that is none was opened")
	}
}

// A view is sent as an address, and opens as it was.
func TestLogInTheAddress(t *testing.T) {
	w := long(t, 2000)
	r := reading(t, w, "/servers/a")
	r.ask("log-find", `7\.`)
	r.ask("regexp", "")
	r.ask("only", "")
	r.ask("level", fmt.Sprint(int(model.Debug)))
	q := r.page.said()
	if q.Encode() != `find=7%5C.&hide=debug&only=1&regexp=1` {
		t.Errorf("the address says %s", q.Encode())
	}
	other := &Page{src: r, theme: "system", query: q}
	other.enter("/servers/a")
	if other.log().asked != r.page.log().asked || other.log().asked == (logAsk{}) {
		t.Errorf("got %+v, want %+v", other.log().asked, r.page.log().asked)
	}

	// A line that is held is gone to, and open.
	place := event.ID{Epoch: 0x7f3a, Seq: 100}
	r = reading(t, w, "/servers/a")
	r.page.log().visit(url.Values{"line": {place.String()}}, r.now)
	r.paint()
	if row := r.d.root.find("L" + place.String()); row == nil || !strings.Contains(row.attrs["class"], "cur") || !strings.Contains(row.attrs["class"], "open") {
		t.Errorf("the line is not there: %v", row)
	}
	if slices.ContainsFunc(r.asks, func(w model.Wish) bool { return !w.Place.IsZero() }) {
		t.Errorf("the record was asked: %+v", r.asks)
	}

	// One that is not held is read; while it is not there nothing is said, afterwards that it is gone.
	r = reading(t, w, "/servers/a")
	gone := event.ID{Epoch: 0x7f3a, Seq: 1_000_000}
	r.page.log().visit(url.Values{"line": {gone.String()}}, r.now)
	r.paint()
	r.paint()
	want := model.Wish{Server: "a", Place: gone}
	if len(r.asks) != 1 || r.asks[0] != want || r.text("log-status") == "" || strings.Contains(r.text("log-status"), "not in the record") {
		t.Errorf("asked %+v, said %q", r.asks, r.text("log-status"))
	}
	for failed, words := range map[bool]string{false: "That line is not in the record any more", true: "That line could not be read from the record"} {
		r.page.log().visit(url.Values{}, r.now)
		r.page.log().visit(url.Values{"line": {gone.String()}}, r.now)
		r.paint()
		r.m.Reading("a")
		r.paint()
		r.m.ReadDone(want, failed)
		r.paint()
		r.paint()
		if got := r.text("log-status"); got != words {
			t.Errorf("said %q, want %q", got, words)
		}
	}
}

func TestLogGoesToATime(t *testing.T) {
	w := newWorld(t)
	w.begin(noon.Add(-time.Hour))
	for i := range 1000 {
		at := noon.Add(time.Duration(i-1000) * time.Second)
		w.publish(at, w.event("logs:app", "a", at, map[string]any{"message": fmt.Sprint("line ", i, ".")}))
	}
	r := reading(t, w, "/servers/a")
	r.ask("log-time", "2026-05-12T12:30:00")
	want := 1000 - 667 // 11 min 7 s before noon
	if r.d.scrolled != -(667-1-rowsSeen/2)*rowHeight || !slices.Contains(r.rows(), fmt.Sprint("line ", want, ".")) || len(r.asks) > 0 {
		t.Errorf("scrolled to %d, asked %v", r.d.scrolled, r.asks)
	}
	r.ask("log-time", "2026-05-12T10:30")
	if len(r.asks) != 1 || !r.asks[0].At.Equal(noon.Add(-2*time.Hour-11*time.Minute-7*time.Second)) {
		t.Errorf("asked %v", r.asks)
	}
	if r.page.screen.(asker).do("log-time", "nonsense", r.now) || r.page.screen.(asker).do("log-time", "", r.now) {
		t.Error("a time that is none was taken")
	}
}

// Older lines are wanted when the reader comes near to where they belong, once, and what becomes of them is said.
func TestLogWantsOlderLines(t *testing.T) {
	r := reading(t, long(t, 1000), "/servers/a")
	r.ask("away", "")
	r.ask("at", "300 20")
	if len(r.asks) != 0 || r.text("log-top") != "There may be older lines. Read them" {
		t.Fatalf("far from them: asked %v, said %q", r.asks, r.text("log-top"))
	}
	r.ask("at", "900 20")
	if len(r.asks) != 1 || r.asks[0] != (model.Wish{Server: "a"}) {
		t.Fatalf("near: asked %v", r.asks)
	}
	r.m.Reading("a")
	r.ask("at", "910 20")
	if len(r.asks) != 1 || r.text("log-top") != "Reading older lines from the record" {
		t.Errorf("asked %v, said %q", r.asks, r.text("log-top"))
	}
	r.m.ReadDone(r.asks[0], true)
	r.ask("at", "911 20")
	if len(r.asks) != 1 || !strings.HasSuffix(r.text("log-top"), "Try again") {
		t.Errorf("failed: asked %v, said %q", r.asks, r.text("log-top"))
	}
	r.m.ReadOlder("a", nil, event.ID{Epoch: 0x7f3a, Seq: 1}, true, false)
	r.ask("at", "912 20")
	if len(r.asks) != 1 || r.text("log-top") != "The record begins here" {
		t.Errorf("asked %v, said %q", r.asks, r.text("log-top"))
	}
}

// A log of few lines is filled without being asked for.
func TestShortLogIsFilled(t *testing.T) {
	r := reading(t, long(t, 4), "/servers/a")
	r.paint()
	if len(r.asks) != 1 || r.asks[0] != (model.Wish{Server: "a"}) {
		t.Errorf("asked %v", r.asks)
	}
}

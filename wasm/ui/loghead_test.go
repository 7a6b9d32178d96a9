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

// crowd is what three servers say, of three kinds, b most.
func crowd(t *testing.T) *world {
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	for second := range 20 {
		at := noon.Add(time.Duration(second-20) * time.Second)
		var list []event.Event
		for i, server := range []string{"a", "b", "b", "b", "c"} {
			typ := []string{"logs:app", "logs:request", "logs:app", "logs:odd", "logs:app"}[i]
			list = append(list, w.event(typ, server, at, map[string]any{"level": "info", "message": fmt.Sprint(server, " ", second, " ", i), "path": "/x"}))
		}
		w.publish(at, list...)
	}
	return w
}

// The log of all servers is narrowed to one of them and to one kind of line, and says who says most.
func TestLogIsNarrowed(t *testing.T) {
	r := reading(t, crowd(t), "/log")
	r.paint()
	if got := r.rates(); got != "most: b 2.7, app 2.7, request 0.9,  lines/s" {
		t.Errorf("rates: %q", got)
	}
	if n := len(r.rows()); n != 100 {
		t.Fatalf("%d rows", n)
	}
	r.ask("log-server", "b")
	if n := len(r.rows()); n != 60 || r.text("lv-info-n") != "60" || r.text("log-narrow") != "b only" {
		t.Errorf("of b %d rows, %q, chips %q", n, r.text("lv-info-n"), r.text("log-narrow"))
	}
	if got := r.rates(); got != "app 0.8, request 0.8, other 0.8,  lines/s" {
		t.Errorf("rates of b: %q", got)
	}
	r.ask("log-kind", "app")
	if n := len(r.rows()); n != 20 || r.text("lv-info-n") != "20" || r.text("log-narrow") != "app onlyb only" {
		t.Errorf("of b's app %d rows, %q, chips %q", n, r.text("lv-info-n"), r.text("log-narrow"))
	}
	q := r.page.said()
	if q.Encode() != "kind=app&server=b" {
		t.Errorf("the address says %s", q.Encode())
	}
	other := &Page{src: r, theme: "system", query: q}
	other.enter("/log")
	if other.log().asked != r.page.log().asked {
		t.Errorf("got %+v, want %+v", other.log().asked, r.page.log().asked)
	}
	r.ask("log-server", "")
	r.ask("log-kind", "")
	if n := len(r.rows()); n != 100 || r.text("log-narrow") != "" {
		t.Errorf("all again: %d rows, chips %q", n, r.text("log-narrow"))
	}
	r.ask("log-kind", "nonsense")
	if n := len(r.rows()); n != 0 || !strings.Contains(r.text("log-kinds"), "nonsense") {
		t.Errorf("of a kind there is not: %d rows, to choose from %q", n, r.text("log-kinds"))
	}
	one := reading(t, crowd(t), "/servers/b")
	if one.page.screen.(asker).do("log-server", "a", one.now) {
		t.Error("the log of a server was narrowed to another")
	}
	one.page.log().visit(url.Values{"server": {"a"}}, one.now)
	if one.page.log().from() != "b" {
		t.Error("the log of a server shows another's")
	}
}

// rates returns what is shown of how much comes.
func (r *reader) rates() string {
	var all []string
	for _, k := range r.d.root.find("log-rates").kids {
		if k.attrs["class"] != "off" {
			all = append(all, k.words())
		}
	}
	return strings.Join(all, ", ")
}

// A reader goes to a time, as another page names it, and to a line: both stand in the address, one after the other, and Back leads
// to where he was.
func TestLogPlacesInTheAddress(t *testing.T) {
	w := newWorld(t)
	w.begin(noon.Add(-time.Hour))
	for i := range 1000 {
		at := noon.Add(time.Duration(i-1000) * time.Second)
		w.publish(at, w.event("logs:app", "a", at, map[string]any{"message": fmt.Sprint("line ", i, ".")}))
	}
	r := reading(t, w, "/servers/a")
	said := func() string { return r.page.said().Encode() }
	at := noon.Add(-667 * time.Second).Add(-300 * time.Millisecond)
	r.ask("goto-time", fmt.Sprint(at.UnixMilli()))
	r.paint()
	if want := fmt.Sprint("at=", at.UnixMilli()); said() != want {
		t.Errorf("the address says %s, want %s", said(), want)
	}
	if row := r.d.root.find("log-rows"); !slices.Contains(r.rows(), "line 333.") || !strings.Contains(cursor(row), "line 333.") {
		t.Errorf("the reader is at %q", cursor(row))
	}
	if line, _ := r.m.Log.Line(r.page.log().cur); line.Message != "line 333." {
		t.Errorf("the first line of that time is %q", line.Message)
	}
	before := r.page.said()

	r.ask("open", "L"+(event.ID{Epoch: 0x7f3a, Seq: 331}).String())
	if want := "line=7f3a.331"; !strings.HasPrefix(said(), "line=") || strings.Contains(said(), "at=") {
		t.Errorf("the address says %s, want %s", said(), want)
	}
	after := r.page.said()
	r.page.log().visit(after, r.now) // what it has itself just said
	r.paint()
	if r.page.log().goal.on || !strings.Contains(cursor(r.d.root.find("log-rows")), "line 330.") {
		t.Errorf("it moved: the reader is at %q", cursor(r.d.root.find("log-rows")))
	}
	r.page.log().visit(before, r.now)
	r.paint()
	r.paint()
	if !strings.Contains(cursor(r.d.root.find("log-rows")), "line 333.") {
		t.Errorf("back, the reader is at %q", cursor(r.d.root.find("log-rows")))
	}
	r.page.log().visit(url.Values{}, r.now)
	r.paint()
	if said() != "" || cursor(r.d.root.find("log-rows")) != "" || strings.Contains(fmt.Sprint(r.classes()), " open") {
		t.Errorf("at first: %s, the reader is at %q", said(), cursor(r.d.root.find("log-rows")))
	}

	other := reading(t, w, "/servers/a")
	other.page.log().visit(after, other.now)
	other.paint()
	other.paint()
	if got := cursor(other.d.root.find("log-rows")); !strings.Contains(got, "line 330.") || other.page.said().Encode() != after.Encode() {
		t.Errorf("another reader is at %q, and his address says %s", got, other.page.said().Encode())
	}
	if other.page.screen.(asker).do("goto-time", "noon", other.now) {
		t.Error("a time that is none was taken")
	}
}

// cursor returns what the row says that the reader is at.
func cursor(rows *node) string {
	for _, row := range rows.kids {
		if slices.Contains(strings.Fields(row.attrs["class"]), "cur") {
			return row.words()
		}
	}
	return ""
}

// A search of much says at once what is on the page, and then counts on; one that would take for ever is given up, and says so.
func TestLogSearchIsTold(t *testing.T) {
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	random := uint32(1)
	for i := range 4_000 {
		text := fmt.Appendf(nil, "line %d ", i)
		for range 200 * (i % 2) {
			random = random*1664525 + 1013904223
			text = append(text, 'a'+byte(random>>31))
		}
		w.publish(noon, w.event("logs:app", "a", noon, map[string]any{"message": string(text)}))
	}
	r := reading(t, w, "/servers/a")
	v := r.page.log()
	r.paint()
	v.do("log-find", "line", r.now)
	v.set = true // as look does, but for one block of the log
	f := v.view.Filter()
	f.Find, _ = finder("line", false)
	v.view.Set(f)
	v.view.Step(&r.m.Log, func() bool { return false })
	v.done = false
	var p pen
	v.drawSearch(&p)
	if got := string(p.b); !strings.Contains(got, " found so far<button") || v.view.Hits() == 0 || v.view.Hits() >= 4_000 {
		t.Errorf("after one block %d are found: %s", v.view.Hits(), got)
	}
	for range 200 {
		r.paint()
	}
	if got := strings.ReplaceAll(r.text("log-found"), nnbsp, " "); got != "4 000 found↑↓" {
		t.Errorf("in the end: %q", got)
	}
	if n := strings.Count(fmt.Sprint(r.classes()), " hit"); n != len(r.rows()) {
		t.Errorf("%d of %d rows are marked", n, len(r.rows()))
	}
	r.ask("log-find", `a[ab]{100}c`)
	r.ask("regexp", "")
	for range 400 {
		r.paint()
	}
	if !v.view.Filter().Find.Lost() {
		t.Errorf("it was not given up")
	}
	if got := r.text("log-found"); !strings.Contains(got, "given up") {
		t.Errorf("given up: %q", got)
	}
}

// Whatever a line says, it is text, one row high, and whole when it is opened.
func TestOddLines(t *testing.T) {
	frames := make([]string, 500)
	for i := range frames {
		frames[i] = fmt.Sprintf("frame.%d(<T>)\n\t/src/<x>/%d.go:%d", i, i, i)
	}
	stack := strings.Join(frames, "\n")
	for _, c := range []struct {
		name    string
		payload map[string]any
		closed  string // is in the closed row
		open    string // is in the open one, or ""
		none    []string
	}{
		{"markup", map[string]any{"message": `<img src=x onerror="alert(1)"></span><script>`}, `<img src=x onerror="alert(1)"></span><script>`, "", nil},
		{"entities", map[string]any{"message": `&lt;b&gt; &amp; &#60;`}, `&lt;b&gt; &amp; &#60;`, "", nil},
		{"64 KB", map[string]any{"message": strings.Repeat("0123456789abcde ", 4096) + "the end"}, "KiB more", "the end", nil},
		{"right to left", map[string]any{"message": "שלום עולם 12 abc"}, "שלום עולם 12 abc", "", nil},
		{"reversed", map[string]any{"message": "a\u202eb\u2066c"}, "a\ufffdb\ufffdc", "", []string{"\u202e", "\u2066"}},
		{"emoji", map[string]any{"message": "👩‍👩‍👧 😀"}, "👩‍👩‍👧 😀", "", nil},
		{"cut emoji", map[string]any{"message": strings.Repeat("😀", 1000)}, "more", strings.Repeat("😀", 1000), nil},
		{"colours", map[string]any{"message": "\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain"}, "red plain", "", []string{"[1;31m", "title", "\x1b"}},
		{"control characters", map[string]any{"message": "a\x00b\x07c\x7fd\u0085e"}, "a\ufffdb\ufffdc\ufffdd\ufffde", "", []string{"\x00", "\x07"}},
		{"marks of a search", map[string]any{"message": "a\x01b\x02c\x1fd"}, "a\ufffdb\ufffdc\ufffdd", "", []string{"\x01", "\x1f"}},
		{"500 frames", map[string]any{"message": "panic", "stack": stack}, "panic", stack, nil},
		{"nothing", map[string]any{}, "", "", nil},
		{"a level of its own", map[string]any{"message": "x", "level": "<b>"}, "INFO", "", []string{"<b>"}},
		{"a context that nests", map[string]any{"message": "x", "context": map[string]any{"<k>": map[string]any{"a": []any{1, "</dd>"}}}}, "x", `{"a":[1,"\u003c/dd\u003e"]}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(noon.Add(-time.Minute))
			w.publish(noon, w.event("logs:error", "a<i>", noon, c.payload))
			var line model.Line
			w.m.Log.Each(func(l model.Line) { line = l })
			for _, open := range []bool{false, true} {
				html := drawn(line, "e", open)
				text := wellFormed(t, html)
				if want := c.closed; !open && !strings.Contains(text, want) {
					t.Errorf("closed: %q is not in %.200q", want, text)
				}
				if !strings.Contains(text, c.open) && open {
					t.Errorf("open: %.100q is not in %.200q", c.open, text)
				}
				for _, none := range c.none {
					if strings.Contains(text, none) {
						t.Errorf("%q is in %.200q", none, text)
					}
				}
				if !open && len(text) > 2*shortMessage {
					t.Errorf("closed, it has %d bytes", len(text))
				}
				if strings.Contains(html, "<img") || strings.Contains(html, "<script") || strings.Contains(html, "<T>") {
					t.Errorf("markup got through: %.300s", html)
				}
			}
		})
	}
}

// A button that is pressed says so and stays: the focus is on it.
func TestPressedButtonsStay(t *testing.T) {
	for _, path := range []string{logPath, livePath} {
		r := reading(t, harbour(t), path)
		r.paint()
		pause := r.d.root.find("log-pause").up
		for _, want := range []string{"Follow", "Pause"} {
			r.ask("pause", "")
			if got := r.d.root.find("log-pause"); got.up != pause || got.words() != want {
				t.Errorf("%s: it says %q, want %q, or was drawn anew", path, got.words(), want)
			}
		}
	}
	r := reading(t, harbour(t), logPath)
	only := r.d.root.find("log-only")
	if only.attrs["class"] != "chip off" {
		t.Errorf("nothing is searched for, and its class is %q", only.attrs["class"])
	}
	r.ask("log-find", "a")
	r.ask("only", "")
	if now := r.d.root.find("log-only"); now != only || now.attrs["class"] != "chip" || now.attrs["aria-pressed"] != "true" {
		t.Errorf("pressed it is %v", now.attrs)
	}
}

// Where a server comes in the place of another there are as many to choose from, and others.
func TestServersToChooseFrom(t *testing.T) {
	w := manyServers(t, model.MaxServers)
	var v logPanel
	v.named(w.m)
	w.publish(noon.Add(time.Hour), w.event("server:online", "new", noon.Add(time.Hour), nil))
	if ids := v.named(w.m); len(ids) != model.MaxServers || !slices.Contains(ids, "new") || !slices.IsSorted(ids) {
		t.Errorf("%d servers, with the new one: %v", len(ids), slices.Contains(ids, "new"))
	}
}

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
)

// rowAt returns the message of the log line that a reader sees at the top of the log.
const rowAt = `(() => { const box = document.getElementById("log").getBoundingClientRect();
	return document.elementFromPoint(box.left + 300, box.top + 60)?.closest(".r")?.querySelector(":scope > span")?.textContent ?? "nothing"; })()`

// Of a long log only a part is drawn, which follows the reader: wherever one scrolls there are lines, and what one reads
// stays where it is while more come.
func TestLongLogScrolls(t *testing.T) {
	s := serve(t, "--no-host")
	s.publish("web-1", lines(1, 900))
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	s.publish("web-1", lines(901, 1800))
	b.wait("the newest line", rowsShow("line 1800"))
	if n := eval[int](b, `document.querySelectorAll("#log-rows .r").length`); n > 300 {
		t.Errorf("%d rows are drawn", n)
	}
	eval[any](b, `document.getElementById("log").scrollIntoView({block: "center", behavior: "instant"}); null`)
	for _, up := range []int{2000, 9000, 15000, 4000} {
		eval[any](b, fmt.Sprintf(`document.getElementById("log").scrollTop = -%d; null`, up))
		b.wait(fmt.Sprintf("lines %d px up", up), rowAt+`.startsWith("line ")`)
	}
	eval[any](b, `window.reading = `+rowAt+`; null`)
	s.publish("web-1", lines(1801, 1850))
	b.wait("word of new lines", `document.getElementById("log-fresh").innerText.startsWith("50 new lines")`)
	if was, is := eval[string](b, `reading`), eval[string](b, rowAt); was != is || !strings.HasPrefix(is, "line ") {
		t.Errorf("the reader was at %q and is at %q", was, is)
	}
	eval[any](b, `document.getElementById("log-fresh").click(); null`)
	b.wait("the newest line", rowsShow("line 1850"))
	b.wait("it in sight", `document.getElementById("log").scrollTop > -5`)
	if rows := b.texts("#log-rows .r > span"); rows[len(rows)-1] != "line 1850" || len(rows) != 300 {
		t.Errorf("%d rows, the last says %q", len(rows), rows[len(rows)-1])
	}
	b.quiet()
}

// top scrolls the log to its oldest line.
func (b *browser) top() {
	b.t.Helper()
	eval[any](b, `(() => { const log = document.getElementById("log"); log.scrollIntoView({block: "center", behavior: "instant"}); log.scrollTop = -log.scrollHeight; return null })()`)
}

// findInLog writes into the field above the log.
func (b *browser) findInLog(text string) {
	b.t.Helper()
	eval[any](b, `(() => { const f = document.getElementById("log-find"); f.value = `+quote(text)+`; f.dispatchEvent(new Event("input", {bubbles: true})); return null })()`)
}

// searchTimes writes into the field above the log and says when, in milliseconds after, what is found was painted with its marks and
// a count, and when the count of all that is held was; and how many were found.
func (b *browser) searchTimes(text string) (first, all float64, found int) {
	b.t.Helper()
	b.findInLog("")
	b.wait("nothing to be searched for", `document.getElementById("log-found").textContent === ""`)
	got := eval[[]float64](b, `new Promise(done => {
		const field = document.getElementById("log-find"), found = document.getElementById("log-found"), from = performance.now();
		let first = 0;
		const look = () => requestAnimationFrame(() => setTimeout(() => { // which is after the frame was painted
			const words = found.textContent, now = performance.now() - from, so = words.includes("so far");
			if (!words.includes("found")) return look();
			if (!first && (document.querySelector("#log-rows mark") || !so)) first = now;
			so ? look() : done([first, now, parseInt(words.replace(/[^0-9]/g, ""))]);
		}));
		field.value = `+quote(text)+`;
		field.dispatchEvent(new Event("input", {bubbles: true}));
		look();
	})`)
	return got[0], got[1], int(got[2])
}

// costs returns what the page's main thread has spent of the processor since it began, in milliseconds: in all, and of that for
// scripts, which Go is, and for style and layout. What other programs take of this machine is not in it.
func (b *browser) costs() (all, script, layout float64) {
	b.t.Helper()
	call(b, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"})
	for _, m := range call(b, performance.GetMetrics, struct{}{}).Metrics {
		switch m.Name {
		case "TaskDuration":
			all = m.Value * 1000
		case "ScriptDuration":
			script = m.Value * 1000
		case "LayoutDuration", "RecalcStyleDuration":
			layout += m.Value * 1000
		}
	}
	return all, script, layout
}

// A hundred thousand lines are held, found and scrolled through, outside of the app's own memory.
func TestHundredThousandLines(t *testing.T) {
	const all = 101_000
	s := serve(t, "--no-host")
	s.publish("web-1", lines(1, 1))
	b := open(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		const was = WebAssembly.instantiate, streaming = WebAssembly.instantiateStreaming;
		WebAssembly.instantiate = async (...a) => { const r = await was.apply(WebAssembly, a); window.wasm = r.instance ?? r; return r };
		WebAssembly.instantiateStreaming = async (...a) => { const r = await streaming.apply(WebAssembly, a); window.wasm = r.instance; return r };`})
	b.visit(s.url + "/servers/web-1")
	b.live()
	for from := 2; from <= all; from += 5000 {
		to := min(from+4999, all)
		s.publish("web-1", lines(from, to))
		b.wait(fmt.Sprint("line ", to), rowsShow(fmt.Sprint("line ", to)))
	}
	if n := eval[int](b, `document.querySelectorAll("#log-rows .r").length`); n > 300 {
		t.Errorf("%d rows are drawn", n)
	}
	b.wait("word of what is held", `document.getElementById("log-top").textContent.includes("lines are held, as many as this page keeps")`)

	for _, search := range []struct {
		text       string
		expression bool
		found      int
	}{{"e", false, 99_000}, {"line 7777", false, 11}, {"größe", false, 0}, {`(a+)+$`, true, 0}, {`\d{5}`, true, 90_000}} {
		if pressed := eval[bool](b, `document.getElementById("log-regexp").ariaPressed === "true"`); pressed != search.expression {
			eval[any](b, `document.getElementById("log-regexp").click(); null`)
		}
		wasAll, wasScript, wasLayout := b.costs()
		first, whole, found := b.searchTimes(search.text)
		isAll, isScript, isLayout := b.costs()
		t.Logf("%-10s marks and a count painted after %.0f ms, all counted after %.0f ms: %d found; of the processor %.0f ms, %.0f in scripts, %.0f for layout",
			search.text, first, whole, found, isAll-wasAll, isScript-wasScript, isLayout-wasLayout)
		if found < search.found || search.found < 90_000 && found != search.found {
			t.Errorf("%s: %d found, want %d", search.text, found, search.found)
		}
	}
	eval[any](b, `document.getElementById("log-regexp").click(); null`)
	b.findInLog("LINE 77777")
	b.wait("one to be found", `document.getElementById("log-found").textContent.startsWith("1 found")`)
	eval[any](b, `document.querySelector('#log-found [data-of="up"]').click(); null`)
	b.wait("the reader to be there", `document.querySelector("#log-rows .cur > span")?.textContent === "line 77777"`)
	b.wait("it in sight", `(() => { const r = document.querySelector("#log-rows .cur").getBoundingClientRect(), log = document.getElementById("log").getBoundingClientRect(); return r.top >= log.top && r.bottom <= log.bottom })()`)
	b.findInLog("")
	b.wait("the line to be one among others", `document.querySelector("#log-rows .cur:not(.hit) > span")?.textContent === "line 77777"`)

	b.top()
	b.wait("the oldest line", `document.getElementById("log-above").style.height === "0px" && `+rowAt+`.startsWith("line ")`)
	oldest := eval[string](b, `document.querySelector("#log-rows .r > span").textContent`)
	var n int
	if _, err := fmt.Sscanf(oldest, "line %d", &n); err != nil || n < all-100_000 || n > all-98_000 {
		t.Errorf("the oldest line is %q of %d", oldest, all)
	}
	wasAll, wasScript, wasLayout := b.costs()
	took := eval[float64](b, `new Promise(done => { const log = document.getElementById("log"); let left = 60, from = performance.now();
		const step = () => { log.scrollTop += 100; if (--left) requestAnimationFrame(step); else done((performance.now() - from) / 60) }; requestAnimationFrame(step) })`)
	memory := eval[int](b, `(wasm.exports.mem ?? wasm.exports.memory).buffer.byteLength`)
	isAll, isScript, isLayout := b.costs()
	t.Logf("Wasm memory %.1f MB; %.1f ms a frame while scrolling 100 px a frame; of the processor %.1f ms a frame, %.1f in scripts, %.1f for layout",
		float64(memory)/(1<<20), took, (isAll-wasAll)/60, (isScript-wasScript)/60, (isLayout-wasLayout)/60)
	if memory > 16<<20 {
		t.Errorf("the app's memory is %d bytes, want at most 16 MB", memory)
	}
	b.quiet()
}

// Older lines come from the record as the reader gets to them, until it begins; a line can be sent as an address, and a view too.
func TestOlderLinesAndLinks(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", lines(1, 3000))
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	b.wait("the newest line", rowsShow("line 3000"))
	for range 10 {
		b.top()
		b.wait("what is above", `!document.getElementById("log-top").textContent.startsWith("Reading")`)
		if strings.HasPrefix(b.text("#log-top"), "The record begins here") {
			break
		}
		was := eval[int](b, `document.getElementById("log").scrollHeight`)
		b.wait("older lines", fmt.Sprintf(`document.getElementById("log").scrollHeight > %d || document.getElementById("log-top").textContent.startsWith("The record")`, was))
	}
	b.top()
	b.wait("the first line", rowsShow("line 1"))
	b.wait("word of the beginning", `document.getElementById("log-top").textContent === "The record begins here"`)
	if rows := eval[int](b, `Math.round((document.getElementById("log").scrollHeight - 36) / 20)`); rows != 3000 {
		t.Errorf("%d rows, want each of 3000 lines once", rows)
	}

	record := s.record("web-1", "logs:app")
	b2 := open(t)
	b2.visit(s.url + "/servers/web-1?line=" + record[499].ID)
	b2.wait("the line", `document.querySelector("#log-rows .cur > span")?.textContent === "line 500"`)
	b2.wait("what came along with it", `document.querySelector("#log-rows .cur.open .along")?.textContent.includes(`+quote(record[499].ID)+`)`)
	b2.wait("word of what lies between", `document.querySelector("#log-rows .skipped") || document.getElementById("log-below").style.height !== "0px"`)
	b2.findInLog(`^line 299.$`)
	eval[any](b2, `document.getElementById("log-regexp").click(); null`)
	b2.wait("them to be found", `document.getElementById("log-found").textContent.startsWith("10 found")`)
	eval[any](b2, `document.getElementById("log-only").click(); null`)
	b2.wait("only them", `document.querySelectorAll("#log-rows .r:not(.skipped)").length === 10`)
	eval[any](b2, `document.querySelector("#log-rows .r:not(.skipped) > span").click(); null`)
	b2.wait("an address that says so", `location.search.includes("only=1") && location.search.includes("regexp=1") && location.search.includes("line=")`)
	address := eval[string](b2, `location.href`)
	b.visit(s.url + "/log")
	b.wait("the log of all servers", `[...document.querySelectorAll("#log-rows .r > i")].at(-1)?.textContent === "web-1"`)
	b.visit(address)
	b.wait("the same view", `document.getElementById("log-find").value === "^line 299.$" && document.querySelectorAll("#log-rows .r.hit:not(.skipped)").length === 10 && document.querySelector("#log-rows .r.cur.open")`)
	b.quiet()
	b2.quiet()
}

// Whatever a line says, it is a line: one row high, and whole when it is opened.
func TestOddLines(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	long := strings.Repeat("0123456789abcde ", 4096)
	for _, message := range []string{long, `<img src=x onerror="document.title='broken'">`, "שלום עולם \u202e abc", "😀 \x00\x07 \x1b[31mred\x1b[0m", "two\nlines\ttab"} {
		body, err := json.Marshal(map[string]any{"type": "logs:app", "data": map[string]any{"level": "info", "message": message, "context": map[string]any{"<b>": message[:5]}}})
		if err != nil {
			t.Fatal(err)
		}
		s.publish("web-1", string(body))
	}
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	b.wait("five rows", `document.querySelectorAll("#log-rows .r").length === 5`)
	if heights := eval[[]float64](b, `[...document.querySelectorAll("#log-rows .r")].map(r => r.getBoundingClientRect().height)`); slices.Max(heights) > 20 {
		t.Errorf("rows are %v high", heights)
	}
	if n := eval[int](b, `document.querySelectorAll("#log img, #log dt b").length`); n > 0 {
		t.Error("a line became markup")
	}
	if got := b.texts("#log-rows .r > span"); !strings.Contains(got[3], "red") || strings.Contains(got[3], "[31m") || len(got[0]) > 1000 {
		t.Errorf("rows say %.100q", got)
	}
	eval[any](b, `document.querySelector("#log-rows .r > span").click(); null`)
	b.wait("the whole line", fmt.Sprintf(`document.querySelector("#log-rows .r.open > span")?.textContent.length >= %d`, len(strings.TrimSpace(long))))
	b.wait("its fields", `document.querySelector("#log-rows .r.open dd")?.textContent === "01234"`)
	// By keyboard: from line to line, and open.
	eval[any](b, `document.querySelector("#log-rows .r:last-child").focus(); null`)
	key := func(name string) {
		eval[any](b, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: `+quote(name)+`, bubbles: true, cancelable: true})); null`)
	}
	key("ArrowUp")
	key("Enter")
	b.wait("the line before the last to be open", `document.querySelector("#log-rows .r:nth-last-child(2).open") === document.activeElement`)
	b.quiet()
}

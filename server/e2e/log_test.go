package e2e

import (
	"fmt"
	"strings"
	"testing"
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

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
)

// The fleet in a real browser, on one page: filters, orders and the table stand in the address, and Back leads through them; the
// keyboard goes through cards and rows; servers out of sight are neither drawn nor painted; and what is cut can be read.
func TestFleetPage(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host", "--throttle", "0", "--debounce", "0")
	s.publish("a-"+strings.Repeat("long", 49), `{"type":"server:error","data":{"message":"`+strings.Repeat("cannot serve tools: database unreachable, ", 8)+`"}}`)
	var body strings.Builder
	for i := range 99 {
		fmt.Fprintf(&body, `{"type":"server:online","serverId":"web-%d","data":{"version":"2.8.0"}}`+"\n", i)
		fmt.Fprintf(&body, `{"type":"metrics:cpu","serverId":"web-%d","data":{"usage":%d}}`+"\n", i, i)
	}
	if status, answer := s.postAs("application/x-ndjson", "/api/events", body.String()); status != 202 {
		t.Fatalf("publishing: %d: %s", status, answer)
	}
	b := open(t)
	names := func(want string) {
		t.Helper()
		b.wait("servers "+want, `[...document.querySelectorAll("#cards a bdi")].map(a => a.textContent).join(" ").startsWith(`+quote(want)+`)`)
	}
	address := func(want string) {
		t.Helper()
		b.wait("the address "+want, `location.search === `+quote(want))
	}
	b.visit(s.url + "/?find=WEB&sort=cpu&view=table")
	names("web-98 web-97 web-96")
	b.live()
	b.wait("all rows", `document.querySelectorAll("#cards > [role=row]").length === 99`)
	if got := b.text("#found"); got != "99 of 100 servers" {
		t.Errorf("it says %q", got)
	}
	if got := eval[string](b, `[document.getElementById("find").value, order.value, document.querySelector("#v-table").ariaPressed].join()`); got != "WEB,cpu,true" {
		t.Errorf("the tools stand at %s", got)
	}

	// Rows: keys, and what is out of sight.
	b.key("j")
	b.key("j")
	b.wait("the focus on the second row", `document.activeElement.closest(".tr") === document.querySelectorAll("#cards > *")[1]`)
	drawn := `(n) => document.querySelectorAll("#cards > *")[n].firstElementChild.checkVisibility({contentVisibilityAuto: true})`
	b.wait("the first row drawn and the last not", `(`+drawn+`)(0) && !(`+drawn+`)(98)`)
	s.publish("web-0", `{"type":"server:busy","data":{"load":0.5,"connectionCount":7}}`)
	s.publish("web-98", `{"type":"server:busy","data":{"load":0.5,"connectionCount":7}}`)
	b.wait("the word on the first row", `document.querySelector("#cards > *").innerText.includes("7 connections")`)
	if eval[bool](b, `[...document.querySelectorAll("#cards > *")].at(-1).textContent.includes("7 connections")`) {
		t.Error("a row out of sight was painted")
	}
	b.wait("an order that waits for the reader", `document.querySelectorAll("#cards a bdi")[0].textContent === "web-98"`)
	eval[any](b, `[...document.querySelectorAll("#cards > *")].at(-1).scrollIntoView({behavior: "instant"}); null`)
	b.wait("the word on the last row, now that it is in sight", `[...document.querySelectorAll("#cards > *")].at(-1).textContent.includes("7 connections")`)

	// Choices, and the way back through them.
	eval[any](b, `document.getElementById("v-cards").click(); null`)
	b.wait("cards", `document.querySelector("#cards > article")`)
	address("?find=WEB&sort=cpu")
	eval[any](b, `order.value = "name"; order.dispatchEvent(new Event("change", {bubbles: true})); null`)
	names("web-0 web-1 web-2")
	address("?find=WEB&sort=name")
	eval[any](b, `document.getElementById("n-busy").click(); null`)
	names("web-0 web-98")
	address("?find=WEB&sort=name&state=busy")
	eval[any](b, `history.back(); null`)
	names("web-0 web-1 web-2")
	eval[any](b, `history.go(-2); null`)
	b.wait("the table again", `document.querySelector("#cards > [role=row]") && order.value === "cpu"`)
	eval[any](b, `history.go(3); null`)
	names("web-0 web-98")

	// A search that matches nothing says so; Escape clears it first and leaves it then.
	b.key("/")
	b.wait("the focus in the field", `document.activeElement.id === "find"`)
	eval[any](b, `const f = document.getElementById("find"); f.value = "posgres"; f.dispatchEvent(new Event("input", {bubbles: true})); null`)
	b.wait("the sentence", `nothing.innerText === 'No server matches "posgres". 100 hidden. Clear'`)
	b.key("Escape")
	b.wait("an empty field that has the focus", `document.getElementById("find").value === "" && document.activeElement.id === "find"`)
	names("web-0 web-98")
	b.key("Escape")
	b.wait("the page", `document.activeElement === document.body`)
	address("?sort=name&state=busy")
	eval[any](b, `document.getElementById("n-busy").click(); null`)
	names("a-long")

	// The list of keys takes the focus and gives it back.
	b.key("j")
	b.wait("the focus on the first card", `document.activeElement.closest("article") === document.querySelector("#cards > *")`)
	b.key("?")
	b.wait("the list of keys", `document.activeElement.id === "keys" && document.activeElement.innerText.includes("next server")`)
	b.key("Escape")
	b.wait("the focus where it was", `document.activeElement.closest("article") === document.querySelector("#cards > *")`)

	// What is cut says all of it to who points at it, and a click on it opens the server as one anywhere on the card does.
	at := eval[[]float64](b, `(() => { const r = document.querySelector("#cards .ev").getBoundingClientRect(); return [r.left + 20, r.top + 8]; })()`)
	mouse := func(typ string) {
		call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventType(typ), X: at[0], Y: at[1], Button: "left", ClickCount: 1})
	}
	call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: "mouseMoved", X: at[0], Y: at[1]})
	b.wait("the whole sentence", `document.querySelector("#cards .ev").title.length > 300`)

	mouse("mousePressed")
	mouse("mouseReleased")
	b.wait("the server's page", `location.pathname.startsWith("/servers/a-long")`)
	b.quiet()
}

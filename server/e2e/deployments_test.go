package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The page of all deployments shows what the record holds, goes on as they do, narrows to what is asked for, has that in its address, and
// leads to the server and to its log at that time.
func TestDeployments(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	stamp := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339) }
	for i, id := range []string{"web-1", "web-2"} {
		var all []string
		for n := range 3 { // of each stage a stream begins with the newest alone
			end := `"deployment:completed","data":{"durationMs":60000,`
			if n == 1 {
				end = `"deployment:failed","data":{"error":"no room for ` + id + `","stage":"provisioning",`
			}
			at := time.Duration(10*(3-n)+i) * time.Minute
			all = append(all,
				fmt.Sprintf(`{"type":"deployment:started","timestamp":%q,"data":{"id":"d%d","version":"2.%d"}}`, stamp(at), n, n),
				fmt.Sprintf(`{"timestamp":%q,"type":%s"id":"d%d"}}`, stamp(at-time.Minute), end, n))
		}
		s.publish(id, "["+strings.Join(all, ",")+"]")
	}
	b := open(t)
	b.visit(s.url + "/deployments")
	b.live()
	rows := func(want ...string) {
		t.Helper()
		b.wait("the rows "+strings.Join(want, ", "), `[...document.querySelectorAll(".dpr")].map(r => r.querySelector(".s").textContent + " " + r.querySelector("b").textContent).join() === `+quote(strings.Join(want, ",")))
	}
	rows("web-1 2.2 Ready", "web-2 2.2 Ready", "web-1 2.1 Failed at provisioning", "web-2 2.1 Failed at provisioning", "web-1 2.0 Ready", "web-2 2.0 Ready")

	s.publish("web-2", `{"type":"deployment:started","data":{"id":"d3","version":"2.3"}}`)
	b.wait("one under way", `document.querySelectorAll("#dpl-under .dpr").length === 1`)
	eval[any](b, `window.row = document.querySelector("#dpl-under .dpr"); row.querySelector("a").focus(); null`)
	s.publish("web-2", `{"type":"deployment:building","data":{"id":"d3","progress":40,"stage":"compile"}}`)
	b.wait("it to go on", `row.isConnected && row.innerText.includes("Building 40") && row.contains(document.activeElement)`)

	at := func(want string) {
		t.Helper()
		b.wait("the address "+want, `location.search === `+quote(want))
	}
	eval[any](b, `document.querySelector('[data-do=kind][data-of=failed]').click(); null`)
	rows("web-1 2.1 Failed at provisioning", "web-2 2.1 Failed at provisioning")
	at("?state=failed")
	b.key("/")
	b.wait("the field", `document.activeElement.id === "find"`)
	b.key("r")
	at("?find=r&state=failed")
	eval[any](b, `{ const f = document.getElementById("find"); f.value = "FOR WEB-2"; f.dispatchEvent(new InputEvent("input", {bubbles: true})) }; null`)
	rows("web-2 2.1 Failed at provisioning")
	at("?find=FOR+WEB-2&state=failed")
	eval[any](b, `history.back(); null`)
	at("")
	b.wait("all of them, and an empty field", `document.querySelectorAll(".dpr").length === 7 && document.getElementById("find").value === ""`)
	eval[any](b, `history.forward(); null`)
	rows("web-2 2.1 Failed at provisioning")

	log := eval[string](b, `document.querySelector(".dpr .link").getAttribute("href")`)
	if !strings.HasPrefix(log, "/servers/web-2?at=") {
		t.Errorf("its log is at %s", log)
	}
	eval[any](b, `document.querySelector(".dpr .s").click(); null`)
	b.wait("the page of the server", `location.pathname + location.search === "/servers/web-2?deployment=d1"`)
	b.quiet()
}

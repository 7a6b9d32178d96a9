package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// The events as they come, in one page: filtered, stopped, opened and sent to somebody else, by keyboard too, on a phone too; and the
// command that it gives shows the same in a terminal.
func TestInspector(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host", "--throttle", "0")
	s.publish("web-1", `{"type":"server:online","data":{"version":"1 <b>"}}`)
	b := open(t)
	b.visit(s.url + "/events/live")
	b.live()
	b.wait("what was known before", `document.querySelector("#tape-rows .r.before b")?.textContent === "server:online"`)
	s.publish("web-2", `[{"type":"logs:app","data":{"message":"<img src=x onerror=\"document.title='broken'\">"}},{"type":"metrics:cpu","data":{"usage":42.5,"cores":4}}]`)
	b.wait("what comes", `[...document.querySelectorAll("#tape-rows .r > b")].slice(-2).map(e => e.textContent).join() === "logs:app,metrics:cpu"`)
	if n := eval[int](b, `document.querySelectorAll("#tape-rows img").length`); n > 0 {
		t.Error("an event became markup")
	}

	// By its list of types, and with the keyboard alone into an event.
	eval[any](b, `document.querySelector('[data-do="type"][data-of="metrics:cpu"]').click(); null`)
	b.wait("one type", `document.querySelectorAll("#tape-rows .r").length === 1 && document.getElementById("live-types").value === "metrics:cpu" && location.search === "?types=metrics%3Acpu"`)
	eval[any](b, `document.getElementById("log").focus(); null`)
	for _, key := range []string{"ArrowUp", "Enter"} {
		eval[any](b, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: `+quote(key)+`, bubbles: true, cancelable: true})); null`)
	}
	b.wait("it open", `document.querySelector("#tape-rows .r.open.cur pre")?.textContent.includes('"usage": 42.5')`)
	b.wait("it in the address", `new URLSearchParams(location.search).get("event")`)
	if got := b.text("#tape-rows .along p"); !strings.Contains(got, "on the wire") || !strings.Contains(got, "place ") {
		t.Errorf("of the event it says %q", got)
	}
	address := eval[string](b, `location.href`)
	s.publish("web-2", `{"type":"metrics:cpu","data":{"usage":1}}`)
	b.wait("word of what came", `document.getElementById("log-fresh").innerText.startsWith("1 new event")`)
	if n := eval[int](b, `document.querySelectorAll("#tape-rows .r").length`); n != 1 {
		t.Errorf("%d rows while it stands still", n)
	}
	b.key("p")
	b.wait("it to go on", `document.querySelectorAll("#tape-rows .r").length === 2 && document.getElementById("log-fresh").classList.contains("off")`)

	// The same command, as a shell reads it.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tail := exec.CommandContext(ctx, "sh", "-c", "exec "+b.text("#cmd-tail"))
	tail.Env = append(os.Environ(), "PATH="+asTelltale(t, binary)+":"+os.Getenv("PATH"))
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "metrics:cpu") || !strings.Contains(line, `web-2`) {
		t.Errorf("%s says %q, %v", b.text("#cmd-tail"), line, err)
	}
	cancel()
	_ = tail.Wait() // it was killed

	// On a phone, and for whom the address was sent to, long after.
	s.publish("web-2", `{"type":"metrics:cpu","data":{"usage":2}}`)
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 320, Height: 700, DeviceScaleFactor: 1, Mobile: true})
	b.visit(address)
	b.live()
	b.wait("the event", `document.querySelector("#tape-rows .r.open.cur pre")?.textContent.includes('"usage": 42.5')`)
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("the page is %d px too wide", over)
	}
	b.quiet()
}

// asTelltale returns a directory in which that program is called telltale.
func asTelltale(t *testing.T, program string) string {
	t.Helper()
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "telltale")); err != nil {
		t.Fatal(err)
	}
	return dir
}

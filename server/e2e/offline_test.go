package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// pastShown is true when the words are on the page and the pill says that they are the past; when that began is noted.
const pastShown = `(%WORDS%.every(w => document.body.innerText.includes(w)) &&
	/Picture of|Reconnecting|Offline/.test(document.getElementById("pill-in").innerText) && !!(window.pastAt ??= performance.now()))`

// keptPicture is what the browser keeps for the next time, as text.
const keptPicture = `new Promise(done => { const open = indexedDB.open("telltale"); open.onsuccess = () => {
	const get = open.result.transaction("kept").objectStore("kept").get("picture");
	get.onsuccess = () => { done(new TextDecoder().decode(get.result ?? new Uint8Array())); open.result.close(); } } })`

// The server is stopped and the browser restarted. The app opens all the same, wherever one enters, with the newest picture
// that it had, marked as the past and with its age; and when the server is back it comes alive by itself.
func TestOpensOffline(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", picture)
	profile := t.TempDir()
	b := openIn(t, profile)
	b.visit(s.url + "/servers/web-1")
	b.live()
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	b.visit(s.url + "/")
	b.live()
	b.wait("the worker to answer", `navigator.serviceWorker.controller?.state === "activated"`)
	// What comes by the stream is in no page that was ever loaded.
	s.publish("web-1", `[{"type":"server:busy","data":{"load":91,"connectionCount":17}},{"type":"logs:app","data":{"level":"info","message":"the last words"}}]`)
	b.wait("the last words", `document.body.innerText.includes("the last words")`)
	eventually(t, "them to be kept", func() (bool, string) {
		text := eval[string](b, keptPicture)
		return strings.Contains(text, "the last words"), text
	})
	b.quiet()
	b.close()
	s.kill()

	b = openIn(t, profile)
	for _, enter := range []struct{ path, words string }{
		{"/", `["web-1", "17 connections", "the last words"]`},
		{"/servers/web-1", `["web-1", "17 connections", "the last words", "was busy"]`},
		{"/servers/web-1?tab=log&x=1", `["web-1", "17 connections", "the last words"]`},
		{"/events/live", `["server:busy", "web-1"]`},
	} {
		b.visit(s.url + enter.path)
		b.wait("the last picture", strings.Replace(pastShown, "%WORDS%", enter.words, 1))
		took := eval[float64](b, `pastAt`)
		t.Logf("%s: the last picture %v after the start of the page", enter.path, time.Duration(took)*time.Millisecond)
		b.wait("the age of the picture", `/as of \d\d:\d\d:\d\d/.test(document.getElementById("banner").innerText)`)
		if lit := eval[int](b, `document.querySelectorAll("#screen .c-ok").length`); lit > 0 && enter.path != "/events/live" {
			t.Errorf("%s: %d lamps or words are lit, though nothing is known of now", enter.path, lit)
		}
	}
	b.visit(s.url + "/servers/web-1")
	s.start()
	s.publish("web-1", `{"type":"logs:app","data":{"level":"info","message":"and on"}}`)
	b.live()
	b.wait("what comes now", `document.body.innerText.includes("and on")`)
	b.quiet(append(cut, "ERR_FAILED")...)
}

// A network may take what is sent and never answer. The app opens all the same, with the newest picture that it had, and comes alive
// when there is an answer.
func TestOpensBehindASilentNetwork(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host")
	s.publish("web-1", picture)
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	b.visit(s.url + "/")
	b.live()
	b.wait("the worker to answer", `navigator.serviceWorker.controller?.state === "activated"`)
	s.publish("web-1", `{"type":"logs:app","data":{"level":"info","message":"the last words"}}`)
	b.wait("the last words", `document.body.innerText.includes("the last words")`)
	eventually(t, "them to be kept", func() (bool, string) {
		text := eval[string](b, keptPicture)
		return strings.Contains(text, "the last words"), text
	})
	b.quiet()

	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // the system goes on taking connections for it
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/servers/web-1"} {
		b.visit(s.url + path)
		b.wait("the last picture", strings.Replace(pastShown, "%WORDS%", `["web-1", "the last words"]`, 1))
	}
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.live()
}

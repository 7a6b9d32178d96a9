package browser

import (
	"strings"
	"syscall/js"
)

// Online reports whether the browser believes to have a network. It may be wrong in both ways.
func Online() bool {
	navigator := js.Global().Get("navigator")
	if !navigator.Truthy() {
		return true
	}
	v := navigator.Get("onLine")
	return v.Type() != js.TypeBoolean || v.Bool()
}

// OnNetwork calls f when the browser finds or loses its network. Remove ends that and releases what it holds.
func OnNetwork(f func(online bool)) (remove func()) {
	window := js.Global()
	on := listen(window, "online", func() { f(true) })
	off := listen(window, "offline", func() { f(false) })
	return func() { on(); off() }
}

// Visible reports whether the page can be seen.
func Visible() bool {
	document := js.Global().Get("document")
	return !document.Truthy() || !document.Get("hidden").Truthy()
}

// OnWake calls f when the page may have slept: it became visible, was taken from the back-forward cache, or was thawed.
// Timers may have slept through the time before. Remove ends that and releases what it holds.
func OnWake(f func()) (remove func()) {
	window, document := js.Global(), js.Global().Get("document")
	return all(
		listen(window, "pageshow", f),
		listen(document, "resume", f),
		listen(document, "visibilitychange", func() {
			if Visible() {
				f()
			}
		}),
	)
}

// OnHide calls f when the page can't be seen any more: hidden, which may pass, or left, which the back-forward cache may
// undo: then it begins anew with OnWake. Remove ends that and releases what it holds.
func OnHide(f func(left bool)) (remove func()) {
	window, document := js.Global(), js.Global().Get("document")
	return all(
		listen(window, "pagehide", func() { f(true) }),
		listen(document, "visibilitychange", func() {
			if !Visible() {
				f(false)
			}
		}),
	)
}

// readerKey is where a page that is loaded in any tab leaves for whom it is, and one that is signed out that it is for nobody: see boot.js.
const (
	readerKey = "telltale.reader"
	nobody    = "[null,"
)

// OnReader calls f when a page for a reader was loaded in another tab: he may have signed in there. F must not wait for anything.
// Remove ends that and releases what it holds.
func OnReader(f func()) (remove func()) {
	return listenTo(js.Global(), "storage", func(e js.Value) {
		if of := e.Get("newValue"); e.Get("key").Equal(js.ValueOf(readerKey)) && of.Type() == js.TypeString && !strings.HasPrefix(of.String(), nobody) {
			f()
		}
	})
}

func all(removes ...func()) (remove func()) {
	return func() {
		for _, remove := range removes {
			remove()
		}
	}
}

// listen calls f at each such event. f must not wait for anything.
func listen(target js.Value, event string, f func()) (remove func()) {
	return listenTo(target, event, func(js.Value) { f() })
}

// listenTo is listen, and gives f the event.
func listenTo(target js.Value, event string, f func(event js.Value)) (remove func()) {
	if !target.Truthy() || !target.Get("addEventListener").Truthy() { // a worker, or node
		return func() {}
	}
	callback := funcOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
	target.Call("addEventListener", event, callback.Func)
	return func() {
		target.Call("removeEventListener", event, callback.Func)
		callback.Release()
	}
}

// Picture returns the stream text that the prerendered page carries in <script type="text/event-stream" id="picture">, or
// nothing. Ask before the app takes the page over, which throws it away.
func Picture() []byte { return carried("picture") }

// Me returns what the page carries in <script type="application/json" id="me"> of who reads it, or nothing.
func Me() []byte { return carried("me") }

func carried(id string) []byte {
	document := js.Global().Get("document")
	if !document.Truthy() {
		return nil
	}
	script := document.Call("getElementById", id)
	if !script.Truthy() {
		return nil
	}
	return []byte(script.Get("textContent").String())
}

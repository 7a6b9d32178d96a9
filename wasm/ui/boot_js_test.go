package ui

import (
	"os"
	"syscall/js"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"
)

// browsing puts boot.js into a browser that has nothing on its page, and what the script adds to it; the test's end takes it away.
func browsing(t *testing.T, script string) {
	t.Helper()
	boot, err := os.ReadFile("../../public/boot.js")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"window", "document", "location", "history", "localStorage", "addEventListener", "getComputedStyle", "navigator", "telltale"}
	was := make(map[string]js.Value)
	for _, name := range names {
		was[name] = js.Global().Get(name)
	}
	t.Cleanup(func() {
		for _, name := range names {
			js.Global().Set(name, was[name])
		}
	})
	run := func(script string) { js.Global().Get("Function").New(script).Invoke() }
	run(`
		globalThis.window = { set telltale(t) { globalThis.telltale = t } };
		globalThis.addEventListener = () => {};
		globalThis.getComputedStyle = () => ({ getPropertyValue: () => "" });
		globalThis.document = { documentElement: { dataset: {} }, querySelector: () => null, getElementById: () => null, addEventListener() {} };
		globalThis.localStorage = { getItem: () => null, setItem() {} };
		globalThis.navigator ??= {};
		globalThis.location = { href: "http://a/" };
	` + script)
	run(string(boot))
}

// A key may be pressed on any page: what it is for may not be there.
func TestKeysOfWhatIsNotThere(t *testing.T) {
	browsing(t, ``)
	for _, path := range []string{"/", deploymentsPath, "/servers/nobody", "/events"} {
		page := NewPage(&clocked{newWorld(t), noon}, &nowhere{}, path)
		for _, what := range []string{"pause", "clear", "type"} {
			page.do(app.Context{}, what, "")
		}
	}
}

// A browser that refuses to say another address is asked again, and the page goes on; the newest address is the one that is said.
func TestAddressIsRefused(t *testing.T) {
	browsing(t, `
		globalThis.history = { refuse: 2, said: [], replaceState(state, title, url) {
			if (this.refuse-- > 0) throw new Error("SecurityError");
			this.said.push(url);
			this.told();
		} };
		globalThis.history.then = new Promise((told) => { globalThis.history.told = told });
	`)
	sayAddress("replaceState", "/?find=a")
	sayAddress("replaceState", "/?find=ab")
	told := make(chan struct{})
	f := js.FuncOf(func(js.Value, []js.Value) any { close(told); return nil })
	defer f.Release()
	js.Global().Get("history").Get("then").Call("then", f)
	<-told
	if got := js.Global().Get("history").Get("said").Call("join", " ").String(); got != "/?find=ab" {
		t.Errorf("it says %q", got)
	}
}

// A notification that never comes to be shown, as its picture does not come, holds the next one up for seconds and not for good.
func TestNotificationsGoOn(t *testing.T) {
	was := js.Global().Get("setTimeout")
	t.Cleanup(func() { js.Global().Set("setTimeout", was) })
	browsing(t, `
		const later = globalThis.setTimeout;
		globalThis.setTimeout = (f, ms, ...rest) => later(f, ms === 5000 ? 1 : ms, ...rest);
		const shown = [];
		const registration = { addEventListener() {}, showNotification(title) {
			shown.push(title);
			if (title === "bad") return Promise.reject(new Error("no"));
			if (title === "stuck") return new Promise(() => {});
			if (title === "last") this.told(shown.join(" "));
			return Promise.resolve();
		} };
		registration.then_ = new Promise((told) => { registration.told = told });
		globalThis.registration = registration;
		globalThis.navigator = { serviceWorker: { addEventListener() {}, ready: Promise.resolve(registration) } };
	`)
	t.Cleanup(func() { js.Global().Delete("registration") })
	told := make(chan string, 1)
	f := js.FuncOf(func(_ js.Value, args []js.Value) any { told <- args[0].String(); return nil })
	defer f.Release()
	ready := js.FuncOf(func(js.Value, []js.Value) any {
		for _, title := range []string{"first", "stuck", "bad", "last"} {
			js.Global().Get("telltale").Call("notify", title, title, "", "/")
		}
		return nil
	})
	defer ready.Release()
	js.Global().Get("navigator").Get("serviceWorker").Get("ready").Call("then", ready)
	js.Global().Get("registration").Get("then_").Call("then", f)
	select {
	case got := <-told:
		if got != "first stuck bad last" {
			t.Errorf("shown were %q", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("the last one was never shown")
	}
}

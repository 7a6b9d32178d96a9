package browser

import (
	"syscall/js"
	"testing"
)

// What a browser can do is done, what it can't is not, and nothing is held after an answer.
func TestAlerts(t *testing.T) {
	stub(t, "telltale", script(t, `return {log: [], badge(n) { this.log.push("badge " + n) },
		notify(...all) { this.log.push("notify " + all.join("|")) }, unnotify(tag) { this.log.push("unnotify " + tag) }}`))
	stub(t, "document", script(t, `return {hidden: false, hasFocus: () => globalThis.focused}`))
	stub(t, "focused", false)
	stub(t, "isSecureContext", true)
	stub(t, "Notification", script(t, `return {permission: "default", requestPermission() { return globalThis.answer }}`))
	stub(t, "answer", script(t, `return Promise.resolve("granted")`))
	var a Alerts
	a.Title("(2) Fleet")
	if got := js.Global().Get("document").Get("title").String(); got != "(2) Fleet" {
		t.Errorf("the title is %q", got)
	}
	a.Badge(2)
	a.Badge(-1)
	a.Show(Notice{Tag: "t", Title: "<b>", Body: "c", Path: "/d"})
	a.Close("t")
	if got := js.Global().Get("telltale").Get("log").Call("join", ", ").String(); got != "badge 2, badge -1, notify t|<b>|c|/d, unnotify t" {
		t.Errorf("boot.js was told %q", got)
	}
	if a.Focused() {
		t.Error("a page without the focus has it")
	}
	js.Global().Set("focused", true)
	if !a.Focused() {
		t.Error("a page with the focus has it not")
	}

	held := Held()
	ask := func(want string) {
		t.Helper()
		answers := make(chan string, 1)
		a.Ask(func(permission string) { answers <- permission })
		if got := <-answers; got != want || Held() != held {
			t.Errorf("answered %q, want %q; %d callbacks are held, were %d", got, want, Held(), held)
		}
	}
	ask(PermissionGranted)
	js.Global().Set("answer", script(t, `return Promise.reject(new Error("no"))`))
	ask(PermissionDefault)
	js.Global().Set("answer", js.Undefined())
	ask("<undefined>")
	if got := a.Permission(); got != PermissionDefault {
		t.Errorf("permission %q", got)
	}
	js.Global().Set("isSecureContext", false)
	if got := a.Permission(); got != PermissionNone {
		t.Errorf("permission %q where there can be none", got)
	}
}

// What is remembered is there the next time; where nothing may be, nothing breaks.
func TestRemember(t *testing.T) {
	var a Alerts
	stub(t, "localStorage", script(t, `const m = new Map(); return {getItem: k => m.get(k) ?? null, setItem: (k, v) => m.set(k, v)}`))
	if got := a.Remembered("x"); got != "" {
		t.Errorf("remembers %q", got)
	}
	a.Remember("x", "a\nשלום")
	if got := a.Remembered("x"); got != "a\nשלום" {
		t.Errorf("remembers %q", got)
	}
	js.Global().Set("localStorage", script(t, `const no = () => { throw new Error("forbidden") }; return {getItem: no, setItem: no}`))
	a.Remember("x", "b")
	if got := a.Remembered("x"); got != "" {
		t.Errorf("remembers %q though nothing may be", got)
	}
	js.Global().Set("localStorage", js.Undefined())
	a.Remember("x", "b")
	if got := a.Remembered("x"); got != "" {
		t.Errorf("remembers %q though there is no storage", got)
	}
}

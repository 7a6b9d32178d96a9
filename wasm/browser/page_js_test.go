package browser

import (
	"syscall/js"
	"testing"
)

// stub sets a global of JavaScript for the length of a test.
func stub(t *testing.T, name string, value any) {
	old := js.Global().Get(name)
	js.Global().Set(name, value)
	t.Cleanup(func() { js.Global().Set(name, old) })
}

func script(t *testing.T, code string) js.Value {
	t.Helper()
	return js.Global().Get("Function").New(code).Invoke()
}

func TestFramesAreAskedForOnce(t *testing.T) {
	page := script(t, `
		const page = {asked: 0, waiting: new Map()};
		page.request = f => { page.waiting.set(++page.asked, f); return page.asked };
		page.cancel = id => page.waiting.delete(id);
		page.frame = () => { const w = [...page.waiting.values()]; page.waiting.clear(); w.forEach(f => f(0)) };
		return page`)
	stub(t, "requestAnimationFrame", page.Get("request"))
	stub(t, "cancelAnimationFrame", page.Get("cancel"))
	drawn := 0
	f := NewFrames(func() { drawn++ })
	for range 3 {
		f.Request()
		f.Request()
		page.Call("frame")
		page.Call("frame")
	}
	if asked := page.Get("asked").Int(); drawn != 3 || asked != 3 {
		t.Errorf("drew %d, asked for %d frames, want 3 and 3", drawn, asked)
	}
	f.Request()
	f.Close()
	page.Call("frame")
	if drawn != 3 {
		t.Error("drew after Close")
	}
}

func TestListenersEnd(t *testing.T) {
	document := script(t, `const d = new EventTarget(); d.hidden = true; return d`)
	window := script(t, `
		const w = new EventTarget();
		globalThis.addEventListener = w.addEventListener.bind(w);
		globalThis.removeEventListener = w.removeEventListener.bind(w);
		return w`)
	stub(t, "document", document)
	fire := func(target js.Value, name string) {
		target.Call("dispatchEvent", js.Global().Get("Event").New(name))
	}
	woken, network := 0, ""
	wake := OnWake(func() { woken++ })
	net := OnNetwork(func(online bool) {
		if online {
			network += "+"
		} else {
			network += "-"
		}
	})
	read := 0
	reader := OnReader(func() { read++ })
	stored := func(key, value any) {
		e := js.Global().Get("Event").New("storage")
		e.Set("key", key)
		e.Set("newValue", value)
		window.Call("dispatchEvent", e)
	}
	stored("telltale.theme", "dark")
	stored(nil, nil) // all was cleared
	stored("telltale.reader", nil)
	stored("telltale.reader", `[null,1]`) // signed out
	stored("telltale.reader", `["alice",2]`)
	reader()
	stored("telltale.reader", `["alice",3]`)
	if read != 1 {
		t.Errorf("told %d times of a reader, want once", read)
	}
	fire(document, "visibilitychange") // to hidden: no reason to wake
	fire(document, "resume")
	document.Set("hidden", false)
	fire(document, "visibilitychange")
	fire(window, "pageshow")
	fire(window, "offline")
	fire(window, "online")
	wake()
	net()
	for _, name := range []string{"visibilitychange", "resume"} {
		fire(document, name)
	}
	for _, name := range []string{"pageshow", "offline", "online"} {
		fire(window, name)
	}
	if woken != 3 || network != "-+" {
		t.Errorf("woken %d times, network %q, want 3 and -+", woken, network)
	}
}

func TestPicture(t *testing.T) {
	stub(t, "document", script(t, `return {getElementById: id => id == "picture" ? {textContent: "event: x:y\n"} : null}`))
	if got := string(Picture()); got != "event: x:y\n" {
		t.Errorf("got %q", got)
	}
	stub(t, "document", script(t, `return {getElementById: id => null}`))
	if got := Picture(); got != nil {
		t.Errorf("got %q from a page without one", got)
	}
}

func TestDOM(t *testing.T) {
	// Just enough of a page to see which calls come; that they do what they should is seen in a real browser.
	page := script(t, `
		const page = {said: [], looked: 0, els: {}};
		class El {
			constructor(id) { this.id = id; this.isConnected = true }
			set innerHTML(v) { page.said.push(this.id + " innerHTML " + v) }
			set textContent(v) { page.said.push(this.id + " textContent " + v) }
			setAttribute(k, v) { page.said.push([this.id, k, v].join(" ")) }
			insertAdjacentHTML(w, v) { page.said.push([this.id, w, v].join(" ")) }
			get nextSibling() { return {id: "what follows " + this.id} }
			get parentNode() { return {insertBefore: (x, before) => page.said.push(x.id + " before " + before.id)} }
			remove() { page.said.push(this.id + " remove"); this.isConnected = false; delete page.els[this.id] }
		}
		page.put = id => { if (page.els[id]) page.els[id].isConnected = false; page.els[id] = new El(id) };
		page.put("a"); page.put("b");
		page.getElementById = id => { page.looked++; return page.els[id] ?? null };
		return page`)
	stub(t, "document", page)
	d := NewDOM()
	d.HTML("a", "plain")
	d.HTML("a", "<b>bold</b>")
	d.Attr("b", "title", "1 &lt; 2")
	d.Insert("b", "beforeend", "<i></i>")
	d.Move("a", "b")
	if looked := page.Get("looked").Int(); looked != 2 {
		t.Errorf("looked up %d times, want once for each of 2 elements", looked)
	}
	page.Call("put", "a") // the screen was drawn anew: another element has the id
	d.HTML("a", "new")
	d.HTML("gone", "nothing")
	d.Remove("a")
	d.HTML("a", "nothing")
	d.Scroll("b", -40)
	if top := page.Get("els").Get("b").Get("scrollTop").Int(); top != -40 {
		t.Errorf("scrolled to %d", top)
	}
	want := []string{"a textContent plain", "a innerHTML <b>bold</b>", "b title 1 < 2", "b beforeend <i></i>", "a before what follows b", "a textContent new", "a remove"}
	said := page.Get("said")
	for i := range max(len(want), said.Length()) {
		got := said.Index(i)
		if i >= len(want) || got.Type() != js.TypeString || got.String() != want[i] {
			t.Errorf("call %d: got %v, want %v", i, got, want[min(i, len(want)-1)])
		}
	}
}

func TestNothingIsHeldInTheEnd(t *testing.T) {
	before := Held()
	stub(t, "requestAnimationFrame", script(t, `return () => 1`))
	stub(t, "cancelAnimationFrame", script(t, `return () => {}`))
	stub(t, "document", script(t, `return new EventTarget()`))
	f := NewFrames(func() {})
	f.Request()
	ends := []func(){f.Close, OnNetwork(func(bool) {}), OnWake(func() {}), OnHide(func(bool) {})}
	srv := serve(t, func(r request) { r.head(200, "application/json"); r.res.Call("end") })
	if !Probe(t.Context(), srv.url) || Probe(t.Context(), "http://127.0.0.1:1/") {
		t.Error("the probe is wrong about who answers")
	}
	page, err := (&Record{URL: srv.url}).Read(t.Context(), "limit=1")
	if err != nil {
		t.Fatal(err)
	}
	if Held() == before {
		t.Fatal("nothing is counted")
	}
	page.Body.Close()
	page.Body.Close()
	for _, end := range ends {
		end()
	}
	if n := Held() - before; n != 0 {
		t.Errorf("%d callbacks are still held", n)
	}
}

package browser

import (
	"syscall/js"
	"testing"
)

func TestChannel(t *testing.T) {
	before := Held()
	heard := make(chan Note, 1)
	hear, endHear := Tabs{}.Channel("test", func(n Note) { heard <- n })
	say, endSay := Tabs{}.Channel("test", func(Note) { t.Error("a tab hears itself") })
	want := Note{Kind: "chunk", From: "a", To: "b", Session: "a.1", Place: "7f.12", Seen: true, Data: []byte("\x00data\xff")}
	say(want)
	if got := <-heard; string(got.Data) != string(want.Data) || got.From != "a" || got.To != "b" || got.Session != "a.1" || got.Place != "7f.12" || !got.Seen || got.Kind != "chunk" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	endHear()
	endSay()
	endSay()
	hear(want) // goes nowhere
	if n := Held() - before; n != 0 {
		t.Errorf("%d callbacks are still held", n)
	}
}

// Locks as the standard has them, as far as Lock uses them.
const lockManager = `
	const queue = [];
	let held = null;
	const next = () => {
		if (held || queue.length === 0) return;
		held = queue.shift();
		const mine = held;
		Promise.resolve(mine.run({})).then(v => { if (held === mine) { held = null; mine.good(v); next(); } });
	};
	return {locks: {request(name, options, run) {
		return new Promise((good, bad) => {
			const r = {run, good, bad};
			if (options.steal) {
				if (held) held.bad(new Error("stolen"));
				held = null;
				queue.unshift(r);
			} else {
				queue.push(r);
				options.signal.addEventListener("abort", () => {
					const i = queue.indexOf(r);
					if (i >= 0) { queue.splice(i, 1); bad(new Error("aborted")); }
				});
			}
			setTimeout(next, 0);
		});
	}}}`

func TestLock(t *testing.T) {
	old := js.Global().Get("Object").Call("getOwnPropertyDescriptor", js.Global(), "navigator")
	define := func(d js.Value) { js.Global().Get("Object").Call("defineProperty", js.Global(), "navigator", d) }
	d := js.Global().Get("Object").New()
	d.Set("value", script(t, lockManager))
	d.Set("configurable", true)
	define(d)
	t.Cleanup(func() {
		if old.Truthy() {
			define(old)
		}
	})
	if !(Tabs{}).Shared() {
		t.Fatal("tabs can't find each other")
	}
	before := Held()
	said := make(chan string, 10)
	lock := func(name string, steal bool) (release func()) {
		return Tabs{}.Lock("test", steal, func() { said <- name + " got" }, func() { said <- name + " lost" })
	}
	expect := func(want string) {
		t.Helper()
		if got := <-said; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a := lock("a", false)
	expect("a got")
	b, c := lock("b", false), lock("c", false)
	b() // withdrawn
	a()
	expect("c got")
	d2 := lock("d", true)
	expect("c lost")
	expect("d got")
	c() // lost already
	e := lock("e", false)
	d2()
	d2()
	expect("e got")
	e()
	settle := make(chan struct{})
	done := funcOf(func(js.Value, []js.Value) any { close(settle); return nil })
	js.Global().Call("setTimeout", done.Func, 20) // promises come first
	<-settle
	done.Release()
	if n := Held() - before; n != 0 {
		t.Errorf("%d callbacks are still held", n)
	}
	select {
	case s := <-said:
		t.Errorf("and then %s", s)
	default:
	}
}

package browser

import "syscall/js"

// Tabs are the other tabs of this browser at the same origin: a BroadcastChannel to speak to them, and a Web Lock to be the
// one of them that does what only one should.
type Tabs struct{}

// Shared reports whether this browser has both; locks are for secure contexts only.
func (Tabs) Shared() bool {
	return js.Global().Get("BroadcastChannel").Truthy() && locks().Truthy()
}

func locks() js.Value {
	navigator := js.Global().Get("navigator")
	if !navigator.Truthy() {
		return js.Undefined()
	}
	return navigator.Get("locks")
}

// Channel begins to receive what other tabs post under the name. HangUp ends that and releases what it holds; a post after it
// goes nowhere.
func (Tabs) Channel(name string, receive func(Note)) (post func(Note), hangUp func()) {
	channel := js.Global().Get("BroadcastChannel").New(name)
	open := true
	on := funcOf(func(_ js.Value, args []js.Value) any {
		if m := args[0].Get("data"); open && m.Type() == js.TypeObject {
			receive(noteOf(m))
		}
		return nil
	})
	channel.Set("onmessage", on.Func)
	post = func(n Note) {
		if !open {
			return
		}
		m := js.Global().Get("Object").New()
		m.Set("kind", n.Kind)
		m.Set("from", n.From)
		m.Set("to", n.To)
		m.Set("session", n.Session)
		m.Set("place", n.Place)
		m.Set("seen", n.Seen)
		if len(n.Data) > 0 {
			data := js.Global().Get("Uint8Array").New(len(n.Data))
			js.CopyBytesToJS(data, n.Data)
			m.Set("data", data)
		}
		channel.Call("postMessage", m)
	}
	return post, func() {
		if open {
			open = false
			channel.Set("onmessage", js.Null())
			channel.Call("close")
			on.Release()
		}
	}
}

func noteOf(m js.Value) Note {
	text := func(name string) string {
		if v := m.Get(name); v.Type() == js.TypeString {
			return v.String()
		}
		return ""
	}
	n := Note{Kind: text("kind"), From: text("from"), To: text("to"), Session: text("session"), Place: text("place"), Seen: m.Get("seen").Truthy()}
	if data := m.Get("data"); data.Type() == js.TypeObject {
		n.Data = make([]byte, data.Get("byteLength").Int())
		js.CopyBytesToGo(n.Data, data)
	}
	return n
}

// Lock asks for the lock of that name. Got is called when this tab has it; lost when another tab took it away by steal.
// Release gives it back or withdraws the request; after it neither is called.
func (Tabs) Lock(name string, steal bool, got, lost func()) (release func()) {
	var (
		over  bool // released, or lost
		give  js.Value
		funcs []function
		keep  = func(f func(args []js.Value) any) js.Func {
			fn := funcOf(func(_ js.Value, args []js.Value) any { return f(args) })
			funcs = append(funcs, fn)
			return fn.Func
		}
		object = js.Global().Get("Object")
	)
	options := object.New()
	abort := js.Global().Get("AbortController").New()
	if steal {
		options.Set("steal", true) // which can't be withdrawn
	} else {
		options.Set("signal", abort.Get("signal"))
	}
	held := keep(func([]js.Value) any {
		if over {
			return nil
		}
		executor := funcOf(func(_ js.Value, args []js.Value) any {
			give = args[0]
			return nil
		})
		defer executor.Release()
		promise := js.Global().Get("Promise").New(executor.Func) // the lock is held until it is kept
		got()
		return promise
	})
	settle := func(ours bool) js.Func {
		return keep(func([]js.Value) any {
			taken := !over && !ours
			over = true
			for _, f := range funcs {
				f.Release()
			}
			if taken {
				lost()
			}
			return nil
		})
	}
	locks().Call("request", name, options, held).Call("then", settle(true), settle(false))
	return func() {
		if over {
			return
		}
		over = true
		if give.Truthy() {
			give.Invoke()
		} else if !steal {
			abort.Call("abort")
		}
	}
}

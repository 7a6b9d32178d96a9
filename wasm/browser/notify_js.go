package browser

import "syscall/js"

// Alerts is what the browser does to be noticed while nobody looks at the page: its title, the count on the icon of an installed
// app, notifications. What of that it can't do is not done. See boot.js.
type Alerts struct{}

func boot() js.Value { return js.Global().Get("telltale") }

// Title sets the title of the page.
func (Alerts) Title(title string) {
	if document := js.Global().Get("document"); document.Truthy() {
		document.Set("title", title)
	}
}

// Badge sets the count on the app's icon; 0 takes it away, less is a mark without a number.
func (Alerts) Badge(n int) {
	if b := boot(); b.Truthy() {
		b.Call("badge", n)
	}
}

// Focused reports whether the page can be seen and has the focus.
func (Alerts) Focused() bool {
	document := js.Global().Get("document")
	return Visible() && document.Truthy() && document.Call("hasFocus").Bool()
}

// Permission reports whether notifications may be shown.
func (Alerts) Permission() string {
	n := js.Global().Get("Notification")
	if !n.Truthy() || !js.Global().Get("isSecureContext").Truthy() {
		return PermissionNone
	}
	return n.Get("permission").String()
}

// Ask has the browser ask its user whether notifications may be shown, and calls answered with the answer. It is for clicks: at other
// times browsers do not ask.
func (Alerts) Ask(answered func(permission string)) {
	var kept, broken function
	settle := func(permission string) {
		kept.Release()
		broken.Release()
		answered(permission)
	}
	kept = funcOf(func(_ js.Value, args []js.Value) any {
		settle(args[0].String())
		return nil
	})
	broken = funcOf(func(js.Value, []js.Value) any {
		settle(PermissionDefault)
		return nil
	})
	// An older browser returns no promise, and has then not been answered yet.
	asked := js.Global().Get("Notification").Call("requestPermission")
	js.Global().Get("Promise").Call("resolve", asked).Call("then", kept.Func, broken.Func)
}

// Show shows a notification.
func (Alerts) Show(n Notice) {
	if b := boot(); b.Truthy() {
		b.Call("notify", n.Tag, n.Title, n.Body, n.Path)
	}
}

// Close takes the notification with that tag away, if it is still shown.
func (Alerts) Close(tag string) {
	if b := boot(); b.Truthy() {
		b.Call("unnotify", tag)
	}
}

// Remembered returns what Remember stored under the name; "" where there is nothing, or nothing can be stored.
func (Alerts) Remembered(name string) (value string) {
	defer forbidden()
	if v := js.Global().Get("localStorage").Call("getItem", name); v.Type() == js.TypeString {
		value = v.String()
	}
	return value
}

// Remember stores a value for all pages of this origin, for good. Where that can't be, nothing is.
func (Alerts) Remember(name, value string) {
	defer forbidden()
	js.Global().Get("localStorage").Call("setItem", name, value)
}

// forbidden passes over the exception that storage throws for who may not use it, or where there is none.
func forbidden() {
	switch e := recover().(type) {
	case nil, js.Error, *js.ValueError:
	default:
		panic(e)
	}
}

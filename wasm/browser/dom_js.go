package browser

import (
	"html"
	"strings"
	"syscall/js"
)

// DOM writes to the page by element id, at once. It remembers the elements it has found, since looking one up costs more
// than asking whether it is still on the page. An id that is not on the page is passed over. It belongs to one goroutine.
type DOM struct {
	document js.Value
	found    map[string]js.Value
}

// maxFound bounds what is remembered: pages come and go with their ids.
const maxFound = 4096

// NewDOM returns the DOM of the page.
func NewDOM() *DOM {
	return &DOM{document: js.Global().Get("document"), found: make(map[string]js.Value)}
}

func (d *DOM) element(id string) (js.Value, bool) {
	if el, ok := d.found[id]; ok {
		if el.Get("isConnected").Bool() {
			return el, true
		}
		delete(d.found, id)
	}
	el := d.document.Call("getElementById", id)
	if !el.Truthy() {
		return el, false
	}
	if len(d.found) >= maxFound {
		clear(d.found)
	}
	d.found[id] = el
	return el, true
}

// HTML replaces what is inside the element.
func (d *DOM) HTML(id, markup string) {
	if el, ok := d.element(id); ok {
		if strings.ContainsAny(markup, "<&") {
			el.Set("innerHTML", markup)
		} else {
			el.Set("textContent", markup) // the same, without the parser
		}
	}
}

// Attr sets an attribute of the element; the value is escaped, as it would stand in markup.
func (d *DOM) Attr(id, name, value string) {
	if el, ok := d.element(id); ok {
		el.Call("setAttribute", name, html.UnescapeString(value))
	}
}

// Insert adds markup relative to the element, where insertAdjacentHTML says.
func (d *DOM) Insert(id, where, markup string) {
	if el, ok := d.element(id); ok {
		el.Call("insertAdjacentHTML", where, markup)
	}
}

// Move puts the element first in its parent when after is "", else right after the element with that id.
func (d *DOM) Move(id, after string) {
	el, ok := d.element(id)
	if !ok {
		return
	}
	if after != "" {
		if before, ok := d.element(after); ok {
			d.put(el, before.Get("nextSibling"))
		}
		return
	}
	if parent := el.Get("parentNode"); parent.Truthy() {
		d.put(el, parent.Get("firstChild"))
	}
}

// put moves an element before another of the same parent, or with null to its end. It keeps the focus where the browser can.
func (d *DOM) put(el, before js.Value) {
	if before.Equal(el) {
		return
	}
	parent := el.Get("parentNode")
	if parent.Get("moveBefore").Truthy() {
		parent.Call("moveBefore", el, before)
	} else {
		parent.Call("insertBefore", el, before)
	}
}

// Drop removes the first n child elements of the element, in one cut.
func (d *DOM) Drop(id string, n int) {
	el, ok := d.element(id)
	if !ok || n <= 0 {
		return
	}
	children := el.Get("children")
	have := children.Get("length").Int()
	if have == 0 {
		return
	}
	cut := d.document.Call("createRange")
	cut.Call("setStart", el, 0)
	cut.Call("setEndAfter", children.Call("item", min(n, have)-1))
	cut.Call("deleteContents")
}

// Cut removes the last n child elements of the element, in one cut.
func (d *DOM) Cut(id string, n int) {
	el, ok := d.element(id)
	if !ok || n <= 0 {
		return
	}
	children := el.Get("children")
	have := children.Get("length").Int()
	if have == 0 {
		return
	}
	cut := d.document.Call("createRange")
	cut.Call("setStartBefore", children.Call("item", max(have-n, 0)))
	cut.Call("setEndAfter", children.Call("item", have-1))
	cut.Call("deleteContents")
}

// Scroll scrolls the element.
func (d *DOM) Scroll(id string, top int) {
	if el, ok := d.element(id); ok {
		el.Set("scrollTop", top)
	}
}

// Remove removes the element itself.
func (d *DOM) Remove(id string) {
	if el, ok := d.element(id); ok {
		delete(d.found, id)
		el.Call("remove")
	}
}

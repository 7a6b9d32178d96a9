//go:build !js

package browser

// DOM writes to the page, which is not there.
type DOM struct{}

// NewDOM returns a DOM.
func NewDOM() *DOM { return &DOM{} }

// HTML does nothing.
func (*DOM) HTML(id, html string) {}

// Attr does nothing.
func (*DOM) Attr(id, name, value string) {}

// Insert does nothing.
func (*DOM) Insert(id, where, html string) {}

// Move does nothing.
func (*DOM) Move(id, after string) {}

// Drop does nothing.
func (*DOM) Drop(id string, n int) {}

// Cut does nothing.
func (*DOM) Cut(id string, n int) {}

// Scroll does nothing.
func (*DOM) Scroll(id string, top int) {}

// Remove does nothing.
func (*DOM) Remove(id string) {}

package ui

// DOM is the page as a painter writes it: by element id, write-only, so that an implementation may collect what it is told
// and hand it to the browser in one crossing, in order, before the frame is drawn. An id that is not on the page is passed
// over: the element has gone with the screen it was on.
//
// html is markup the painter made, what strangers wrote in it escaped. Painters call DOM only from within Paint, and so on
// the goroutine that calls Paint.
type DOM interface {
	// HTML replaces what is inside the element.
	HTML(id, html string)
	// Attr sets an attribute of the element.
	Attr(id, name, value string)
	// Insert adds html at a place relative to the element, as insertAdjacentHTML names it: "beforebegin", "afterbegin",
	// "beforeend", "afterend".
	Insert(id, where, html string)
	// Move puts the element first in its parent when after is "", else right after the element with that id, which has
	// the same parent.
	Move(id, after string)
	// Drop removes the first n children elements of the element.
	Drop(id string, n int)
	// Cut removes the last n children elements of the element.
	Cut(id string, n int)
	// Scroll scrolls the element to that place, in CSS pixels from where it begins to be laid out.
	Scroll(id string, top int)
	// Remove removes the element itself.
	Remove(id string)
}

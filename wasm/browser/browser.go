// Package browser is what Telltale needs of the browser, at its thinnest: a stream by fetch, the animation frame, writing to
// the page, and what the browser tells of visibility and network. Files ending _js.go speak to JavaScript; their twins
// ending _other.go have the same names on other platforms, where there is no page: reading gives nothing, writing does
// nothing, and streams can't be opened.
//
// Everything here that listens or holds a js.Func has a way to end, which releases it.
package browser

import "errors"

// ErrNoBrowser is returned where there is none.
var ErrNoBrowser = errors.New("browser: not in a browser")

// The app in the browser: `GOOS=js GOARCH=wasm go build ./wasm`. On other platforms it compiles, and does nothing.
package main

import (
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/live"
	"github.com/mcp-cloud/telltale/wasm/ui"
)

// One stream of everything serves all screens, so that going from one to another costs no connection and loses no history.
const stream = "/api/events"

func main() {
	program := live.New(&browser.Fetch{URL: stream}, browser.Picture())
	ui.Routes(program, browser.NewDOM())
	app.RunWhenOnBrowser()
}

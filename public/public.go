// Package public holds every file the browser is served as it is: the stylesheet, the icons, the scripts that run before
// the app does, the service worker's template and, once `make build` has made them, app.wasm with its precompressed twins
// app.wasm.br and app.wasm.gz.
package public

import "embed"

// Files is this folder, compiled in. app.wasm and its twins are built into the folder and are not part of the
// repository, so a program compiled before them has none: whoever serves Files must expect fs.ErrNotExist for those three.
//
//go:embed *
var Files embed.FS

// Screenshots of the app for who is about to install it, one for wide screens and one for phones. `make screenshots` takes them.
const (
	ScreenshotWide   = "screenshot-wide.png"
	ScreenshotNarrow = "screenshot-narrow.png"
)

// Worker is the template of the service worker, for go-app's Handler.ServiceWorkerTemplate. go-app replaces
// {{.Version}} and {{.ResourcesToCache}} in it.
//
//go:embed worker.js
var Worker string

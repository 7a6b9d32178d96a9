// The app in the browser: `GOOS=js GOARCH=wasm go build ./wasm`. On other platforms it compiles, and does nothing.
package main

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/live"
	"github.com/mcp-cloud/telltale/wasm/model"
	"github.com/mcp-cloud/telltale/wasm/ui"
)

const (
	// One stream of everything serves all screens, so that going from one to another costs no connection and loses no history.
	events = "/api/events"
	// ready says 200 when streams are served.
	ready = "/readyz"
	// kept names the last picture in the browser's store.
	kept = "picture"
	// keptTime is how long the page waits for that.
	keptTime = time.Second
)

func main() {
	// What the app holds is small and much passes through: collecting at half as much more keeps the memory small that a browser
	// has to give, and never gets back.
	debug.SetGCPercent(50)
	me := browser.Me()
	tabs := live.NewTabs(&browser.Fetch{URL: events}, browser.Tabs{}, strconv.FormatUint(rand.Uint64(), 36), model.ReadMe(me).Key())
	watch := ui.NewWatch(browser.Alerts{})
	program := live.New(tabs, live.Options{
		Picture: picture(),
		Me:      me,
		Call:    browser.Call,
		Cached:  browser.Cached,
		Watcher: watch,
		Record:  &browser.Record{URL: events},
		Probe:   func(ctx context.Context) bool { return browser.Probe(ctx, ready) },
		Keep:    func(ctx context.Context, picture []byte) error { return browser.Keep(ctx, kept, picture) },
	})
	ui.Routes(program, browser.NewDOM(), watch)
	app.RunWhenOnBrowser()
}

// picture returns the newest picture there is: the page's own, or where the page comes out of a cache, as it does without a
// server, the one that was kept last. Which it is the page can't know: so it looks.
func picture() []byte {
	own := browser.Picture()
	now := time.Now()
	p, err := model.ReadPicture(own, now)
	ctx, cancel := context.WithTimeout(context.Background(), keptTime)
	defer cancel()
	last, _ := browser.Kept(ctx, kept) // where nothing can be kept, nothing was
	switch l, err2 := model.ReadPicture(last, now); {
	case err2 != nil:
	case err != nil || l.Time.After(p.Time):
		return last
	case !l.Taken.IsZero(): // what the one kept last tells of the two clocks
		return model.AppendTaken(own, p.Time.Add(l.Taken.Sub(l.Time)))
	}
	return own
}

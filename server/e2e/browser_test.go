package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// A browser is one Chromium with a profile of its own and one tab, whose console is listened to.
type browser struct {
	t     *testing.T
	ctx   context.Context // of the tab
	said  console
	close func() // ends Chromium; the test's end does it too
}

// The names Chromium goes by, in the order they are looked for.
var chromiums = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

func open(t *testing.T) *browser {
	t.Helper()
	return openIn(t, t.TempDir())
}

// openIn starts a browser with the profile in dir, which an earlier one may have left there.
func openIn(t *testing.T, dir string) *browser {
	t.Helper()
	var path string
	for _, name := range chromiums {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatalf("no Chromium here (looked for %s): `make e2e` and `make test` install it", strings.Join(chromiums, ", "))
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.WindowSize(1280, 900),
		// A test machine may have no network but loopback and no GPU; Chromium is not to look for either.
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root, as CI often is
	}
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...),
		chromedp.WithErrorf(t.Logf))
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	messages := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.said.add(m)
		}
	})
	b.close = sync.OnceFunc(func() {
		// The browser is asked to close and waited for, so that nothing of it writes to a profile that is being removed.
		closing, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("closing Chromium: %v", err)
		}
		stop()
		listening.Wait()
	})
	t.Cleanup(b.close)
	return b
}

// visit navigates to url and returns when the page has loaded, which is before the app runs.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression, of the promise it makes if it makes one.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// call runs a command of the browser's own protocol on the tab.
func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

// wait returns when the JavaScript expression is true. What it waits for is named for people; when it does not come the
// test fails with what the page shows instead.
func (b *browser) wait(what, js string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// In the page, on a timer: an evaluation is allowed where the page's own policy forbids eval, and hidden pages have no
	// frames. A navigation meanwhile ends the promise, and the next page is asked.
	poll := `new Promise(done => { const look = () => { try { if (` + js + `) return done(true) } catch {} setTimeout(look, 20) }; look() })`
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](poll, chromedp.EvalAwaitPromise))
		if ok && err == nil {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("waited %v for %s; last error %v; the page says:\n%s\nand its console:\n%s", patience, what, err, b.text("body"), &b.said)
		}
	}
}

// text returns what a reader sees of the first element that sel finds, or "" when there is none.
func (b *browser) text(sel string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(`+quote(sel)+`)?.innerText ?? ""`))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return s
}

// texts returns the trimmed text of every element that sel finds, in the order of the page.
func (b *browser) texts(sel string) []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll(`+quote(sel)+`)].map(e => e.textContent.trim())`)
}

// quiet fails the test when the console said anything above information. Of what the browser itself reports about the
// network, lines that hold one of expected are let through.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	for _, m := range b.said.all() {
		switch m.Type {
		case chromedp.ConsoleWarning, chromedp.ConsoleError, chromedp.ConsoleException, "assert":
			known := m.Source == "network" && slices.ContainsFunc(expected, func(s string) bool { return strings.Contains(m.Text, s) })
			if !known {
				b.t.Errorf("console: %s (%s)", m, m.URL)
			}
		}
	}
}

// console gathers what a page says, while a test goes on.
type console struct {
	mu       sync.Mutex // guards messages
	messages []chromedp.ConsoleMessage
}

func (c *console) add(m chromedp.ConsoleMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
}

func (c *console) all() []chromedp.ConsoleMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

func (c *console) String() string {
	var b strings.Builder
	for _, m := range c.all() {
		b.WriteString(m.String() + "\n")
	}
	return b.String()
}

// quote writes s as a JavaScript string.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(b)
}

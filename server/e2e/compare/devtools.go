//go:build compare

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// chromium is one browser, spoken to over a pipe in the DevTools protocol as it is: JSON messages, each ended by a zero byte.
// No domain is enabled but those that a call here names. With Network on Chromium reports every event of a stream, with DOM on
// every change of a page, and either costs more than what is measured.
type chromium struct {
	cmd  *exec.Cmd
	to   *os.File
	from *os.File
	gone chan struct{} // closed when nothing more can be read

	mu      sync.Mutex // guards what follows, and writing to the pipe
	last    int
	waiting map[int]chan<- message
}

type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

var errGone = errors.New("Chromium has ended")

// The names Chromium goes by, in the order they are looked for.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// startChromium starts a browser whose profile is in dir.
func startChromium(dir string) (*chromium, error) {
	path := ""
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, fmt.Errorf("no Chromium here, looked for %s", strings.Join(names, ", "))
	}
	args := []string{
		"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + filepath.Join(dir, "profile"), "--window-size=1280,900",
		"--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-extensions", "--disable-sync", "--mute-audio",
		"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--no-proxy-server", "--disable-quic",
		"--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium has no sandbox for root, as CI often is
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &chromium{to: ourOut, from: ourIn, gone: make(chan struct{}), waiting: make(map[int]chan<- message)}
	c.cmd = exec.Command(path, args...)
	c.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the flag has it
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	theirIn.Close()
	theirOut.Close()
	go c.read()
	return c, nil
}

// read hands each answer to who waits for it. Events are passed over: nobody asks for any.
func (c *chromium) read() {
	defer close(c.gone)
	for r := bufio.NewReaderSize(c.from, 1<<20); ; {
		b, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(b[:len(b)-1], &m) != nil || m.ID == 0 {
			continue
		}
		c.mu.Lock()
		answer := c.waiting[m.ID]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// call sends a command, to a tab or with "" to the browser, and decodes its answer into result unless that is nil.
func (c *chromium) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	b, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{c.last, session, method, params})
	if err == nil {
		c.waiting[c.last] = answer
		_, err = c.to.Write(append(b, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case <-c.gone:
		return fmt.Errorf("%s: %w", method, errGone)
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}

// close asks the browser to end, and waits until it has: then nothing of it writes to its profile any more.
func (c *chromium) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = c.call(ctx, "", "Browser.close", nil, nil) // one that has gone already needs no asking
	select {
	case <-c.gone:
	case <-ctx.Done():
		c.cmd.Process.Kill()
	}
	err := c.cmd.Wait()
	return errors.Join(err, c.to.Close(), c.from.Close())
}

// tab is one page of the browser.
type tab struct {
	browser         *chromium
	target, session string
}

func (c *chromium) open(ctx context.Context) (*tab, error) {
	t := &tab{browser: c}
	var made struct{ TargetID string }
	if err := c.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &made); err != nil {
		return nil, err
	}
	t.target = made.TargetID
	var on struct{ SessionID string }
	if err := c.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": t.target, "flatten": true}, &on); err != nil {
		return nil, err
	}
	t.session = on.SessionID
	return t, nil
}

func (t *tab) call(ctx context.Context, method string, params, result any) error {
	return t.browser.call(ctx, t.session, method, params, result)
}

func (t *tab) close(ctx context.Context) error {
	return t.browser.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": t.target}, nil)
}

// eval evaluates a JavaScript expression, waits for the promise if it makes one, and decodes its value into v unless that is nil.
func (t *tab) eval(ctx context.Context, js string, v any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage
		}
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := t.call(ctx, "Runtime.evaluate", map[string]any{"expression": js, "awaitPromise": true, "returnByValue": true}, &answer); err != nil {
		return err
	}
	if e := answer.ExceptionDetails; e != nil {
		return fmt.Errorf("in the page: %s %s", e.Text, e.Exception.Description)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, v)
}

// wait returns when the JavaScript expression is true; a navigation meanwhile only makes it ask again.
func (t *tab) wait(ctx context.Context, what, js string) error {
	poll := `new Promise(done => { const look = () => { try { if (` + js + `) return done(true) } catch {} setTimeout(look, 50) }; look() })`
	for {
		var ok bool
		err := t.eval(ctx, poll, &ok)
		if ok && err == nil {
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errGone) {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// mainThread returns how long the tab's main thread has worked so far, by the CPU's clock of that thread: what other programs
// take meanwhile is not in it, and neither is being throttled.
func (t *tab) mainThread(ctx context.Context) (time.Duration, error) {
	var m struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	if err := t.call(ctx, "Performance.getMetrics", nil, &m); err != nil {
		return 0, err
	}
	for _, metric := range m.Metrics {
		if metric.Name == "TaskDuration" {
			return time.Duration(metric.Value * float64(time.Second)), nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

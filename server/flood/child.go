package flood

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Child is a server that runs as a process of its own, so that what it uses is told apart from what the client does.
type Child struct {
	Target
	cmd    *exec.Cmd
	stderr tail
	copied sync.WaitGroup
	done   chan struct{}
	err    error // set before done is closed
}

// startPatience bounds how long a child may take to say where it listens, and stopPatience how long to end.
const (
	startPatience = 30 * time.Second
	stopPatience  = 20 * time.Second
)

// Start runs this program again with args and waits until it has written lines lines to its standard output, which it
// returns too; the first is the URL where it serves. Its environment has nothing that configures Telltale. Stop it.
func Start(ctx context.Context, t Target, lines int, args ...string) (*Child, []string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("flood: %w", err)
	}
	c := &Child{Target: t, cmd: exec.Command(exe, args...), done: make(chan struct{})}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TELLTALE_") {
			c.cmd.Env = append(c.cmd.Env, v)
		}
	}
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = childAttr() // a Ctrl-C in the terminal is for us: we end the child when we have no use for it
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("flood: start a server: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("flood: start a server: %w", err)
	}
	said := make(chan string, lines)
	c.copied.Go(func() {
		defer close(said)
		r := bufio.NewScanner(out)
		for range lines {
			if !r.Scan() {
				return
			}
			said <- r.Text()
		}
		_, _ = io.Copy(io.Discard, out)
	})
	go func() {
		defer close(c.done)
		c.copied.Wait()
		c.err = c.cmd.Wait()
	}()
	timeout := time.NewTimer(startPatience)
	defer timeout.Stop()
	var first []string
	for len(first) < lines {
		select {
		case line, ok := <-said:
			if ok {
				first = append(first, line)
				continue
			}
			<-c.done
			return nil, nil, fmt.Errorf("flood: the server ended at its start: %w: %s", errors.Join(c.err), c.stderr.String())
		case <-timeout.C:
			return nil, nil, errors.Join(fmt.Errorf("flood: the server did not say where it serves within %v: %s", startPatience, c.stderr.String()), c.Stop())
		case <-ctx.Done():
			return nil, nil, errors.Join(ctx.Err(), c.Stop())
		}
	}
	c.URL, c.PID = first[0], c.cmd.Process.Pid
	return c, first, nil
}

// Stop has the child end as SIGTERM does, and waits until it has. It returns an error when it ended badly, or had to be
// killed.
func (c *Child) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	timeout := time.NewTimer(stopPatience)
	defer timeout.Stop()
	select {
	case <-c.done:
	case <-timeout.C:
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("flood: %s did not end within %v", c.Name, stopPatience)
	}
	if c.err != nil {
		return fmt.Errorf("flood: %s ended with %w: %s", c.Name, c.err, c.stderr.String())
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - 4<<10; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}

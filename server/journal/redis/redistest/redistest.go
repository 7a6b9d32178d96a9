// Package redistest runs a real redis-server for tests: on a free port of loopback, in a folder of its own, with nothing of the
// machine's configuration. It can be killed, paused and started again, with its file and without.
package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server. Its methods fail the test when they can't do what they say; they are for one goroutine.
type Server struct {
	t      testing.TB
	conf   string // of a Sentinel
	args   []string
	port   int
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	log    *tail
}

// Start starts a redis-server with the arguments given, such as "--appendonly", "yes", in place of its defaults here: no file at
// all. It is ready when Start returns, and gone when the test is over. The test is skipped where there is no redis-server.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, "", args)
}

// StartSentinel starts a Sentinel with that configuration file, which it will write to.
func StartSentinel(t testing.TB, conf string) *Server {
	t.Helper()
	return start(t, conf, nil)
}

func start(t testing.TB, conf string, args []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server here; .scripts/need redis-server installs it")
	}
	s := &Server{t: t, conf: conf, args: args, dir: t.TempDir()}
	for attempt := 0; ; attempt++ {
		s.port = freePort(t)
		err := s.start()
		if err == nil {
			break
		}
		if attempt == 5 { // else another took the port meanwhile
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Kill)
	return s
}

// Addr returns the address it listens on, or will when it is started again.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the same as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Dir returns the folder of its files.
func (s *Server) Dir() string { return s.dir }

// Start starts it again, with the files as they are, after Stop or Kill. It returns when it has read them.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// StartEmpty starts it again without its files.
func (s *Server) StartEmpty() {
	s.t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
			s.t.Fatal(err)
		}
	}
	s.Start()
}

// Kill ends it at once.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Pause makes it stand still: connections stay, and nothing is answered until Resume. Kill ends it all the same.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Do sends one command, each argument as it is, and returns the answer as text: the lines of a nested one one after the other. An
// error of Redis is returned as "-ERR …".
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	answer, err := do(s.Addr(), args...)
	if err != nil {
		s.t.Fatalf("redis-server: %s: %v", strings.Join(args, " "), err)
	}
	return answer
}

func (s *Server) start() error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--daemonize", "no", "--protected-mode", "no",
	}, s.args...)
	if s.conf != "" {
		args = []string{s.conf, "--sentinel", "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir}
	}
	s.cmd, s.exited, s.log = exec.Command("redis-server", args...), make(chan struct{}), &tail{}
	cmd, log, exited := s.cmd, s.log, s.exited
	cmd.SysProcAttr = dieWithUs()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = log
	started, ready := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the server ends with the thread
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(exited)
		once := sync.OnceFunc(func() { close(ready) })
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "Sentinel ID is") {
				once()
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // it was killed, and says so
	}()
	if err := <-started; err != nil {
		return err
	}
	select {
	case <-ready:
		return nil
	case <-s.exited:
	case <-time.After(time.Minute):
		s.Kill()
	}
	return fmt.Errorf("redis-server did not start:\n%s", s.log)
}

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) end(sig syscall.Signal) {
	select {
	case <-s.exited:
		return
	default:
	}
	_ = s.cmd.Process.Signal(sig) // an error says that it has ended already
	<-s.exited
}

func freePort(t testing.TB) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// do speaks just enough of Redis's protocol for one command.
func do(addr string, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return "", err
	}
	var out []string
	err = answer(bufio.NewReader(conn), &out)
	return strings.Join(out, "\n"), err
}

func answer(r *bufio.Reader, out *[]string) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return io.ErrUnexpectedEOF
	}
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$':
		if n < 0 {
			*out = append(*out, "")
			return nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		*out = append(*out, string(b[:n]))
	case '*':
		for range n {
			if err := answer(r, out); err != nil {
				return err
			}
		}
	case '-':
		*out = append(*out, line)
	default:
		*out = append(*out, line[1:])
	}
	return nil
}

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - 16<<10; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

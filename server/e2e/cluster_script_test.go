package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clusterScript is what `make cluster` runs once everything is built, in a folder of temporary files of its own.
func clusterScript(t *testing.T, port, temp string) *exec.Cmd {
	t.Helper()
	nginxProgram(t)
	program, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(within(t), "../../.scripts/cluster", port)
	cmd.Env = append(os.Environ(), "TELLTALE_BIN="+program, "TMPDIR="+temp)
	return cmd
}

// `make cluster` shows three instances that know of each other, and Ctrl-C ends all of it and leaves nothing, also with a Redis that was stopped
// as it proposes.
func TestClusterToLookAt(t *testing.T) {
	_, port, _ := net.SplitHostPort(freeAddress(t))
	temp := t.TempDir()
	cmd := clusterScript(t, port, temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var stop string
	for lines := bufio.NewScanner(out); !strings.HasPrefix(lines.Text(), "Ctrl-C") && lines.Scan(); {
		if m := regexp.MustCompile(`kill -STOP (\d+)`).FindStringSubmatch(lines.Text()); m != nil {
			stop = m[1]
		}
	}
	redis, err := strconv.Atoi(stop)
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("it did not say how to stop Redis, but\n%s", said.String())
	}
	ctx := within(t)
	for up := 0; up < 3; <-time.After(50 * time.Millisecond) { // nobody tells when
		var answer struct{ Instances []struct{ State string } }
		resp, err := http.Get("http://127.0.0.1:" + port + "/api/cluster")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		up = 0
		for _, i := range answer.Instances {
			if i.State == "up" {
				up++
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("%d instances are up, want 3", up)
		}
	}
	if err := syscall.Kill(redis, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, said.String())
	}
	if err := syscall.Kill(redis, 0); err == nil {
		_ = syscall.Kill(redis, syscall.SIGKILL)
		t.Error("Redis runs on")
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// Where the port is taken it says so, and shows nobody the way to what somebody else serves there.
func TestClusterToLookAtElsewhere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, row := range []struct{ port, want string }{{port, "Something else listens on 127.0.0.1:" + port}, {"http", "PORT is a number"}, {"70000", "PORT is a number"}} {
		out, err := clusterScript(t, row.port, t.TempDir()).CombinedOutput()
		if err == nil || !strings.Contains(string(out), row.want) || strings.Contains(string(out), "http://") {
			t.Errorf("PORT=%s: got %v and\n%s\nwant an error, %q and no address", row.port, err, out, row.want)
		}
	}
}

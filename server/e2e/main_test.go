// Package e2e drives the real binary as users do: `telltale serve` as a process, over HTTP and in a real Chromium. Every
// test has a server with its own data and, where it looks at pages, a browser with its own profile.
//
// Nothing here sleeps: a test waits for what it wants to see, until a deadline that is far longer than it should take.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for something that should take a second or two.
const patience = 30 * time.Second

// binary is the telltale that is tested: the one TELLTALE_BIN names, or one built here.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if binary = os.Getenv("TELLTALE_BIN"); binary != "" {
		return m.Run()
	}
	if _, err := os.Stat("../../public/app.wasm"); err != nil {
		fmt.Fprintln(os.Stderr, "public/app.wasm is not built: `make e2e` and `make test` do that first")
		return 1
	}
	dir, err := os.MkdirTemp("", "telltale-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "telltale")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// within returns a context that ends after patience, or with the test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

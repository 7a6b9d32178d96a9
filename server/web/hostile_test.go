package web_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/e2e/hostile"
	"github.com/mcp-cloud/telltale/server/web"
)

// longer is what slow machines take with all attacks at once.
const longer = 4 * time.Minute

// All attacks at once harm no ordinary client: each reader gets each event, once and in order, and each publisher its answer.
// When they are over, nothing of them is left: no goroutine, no descriptor, no memory.
func TestHeldAgainstAll(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Heartbeat = time.Second })
	s.client.Timeout = longer
	s.large(t)
	before := measure(t)

	ctx, cancel := context.WithTimeout(t.Context(), longer)
	defer cancel()
	ordinary, err := hostile.Follow(ctx, s.url, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer ordinary.End()
	many := 60
	if raced {
		many = 20
	}
	if os.Getenv("TELLTALE_SOAK") != "" {
		many = 300
	}
	var waits []func() error
	for _, a := range hostile.Attacks(many) {
		wait, err := a.Run(ctx, strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
		if err := ordinary.Publish(ctx, 5); err != nil {
			t.Fatalf("with %s: %v", a.Name, err)
		}
		t.Logf("%-26s %v", a.Name, measure(t))
	}
	if err := errors.Join(ordinary.Publish(ctx, 100), ordinary.Check(longer)); err != nil {
		t.Error(err)
	}
	during := measure(t)
	if during.RSS > 900<<20 && !raced {
		t.Errorf("with all attacks: %v, want less memory, of attackers and server together", during)
	}
	ordinary.End()
	cancel()
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	s.client.CloseIdleConnections()
	var after vitals
	eventually(t, func() bool {
		after = measure(t)
		return after.goroutines <= before.goroutines+20 && after.Descriptors <= before.Descriptors+20
	}, func() string { return fmt.Sprintf("before: %v, afterwards: %v", before, after) })
	debug.FreeOSMemory()
	after = measure(t)
	if after.heap > before.heap+64<<20 {
		t.Errorf("before: %v, afterwards: %v, want as much memory", before, after)
	}
	t.Logf("before %v, with all of it %v, afterwards %v", before, during, after)
	if strings.Contains(s.logged.String(), "panic") {
		t.Errorf("a request panicked: %s", s.logged)
	}
}

// large records a few megabytes, so that a page of them is worth not reading.
func (s *site) large(t *testing.T) {
	t.Helper()
	one := `{"type":"logs:app","data":{"level":"info","message":"` + strings.Repeat("x", 1000) + `"}}`
	body := "[" + strings.TrimSuffix(strings.Repeat(one+",", 3000), ",") + "]"
	for range 2 {
		s.publish(t, "/api/servers/large/events", body)
	}
}

// vitals are what a server must not lose.
type vitals struct {
	hostile.Vitals
	goroutines int
	heap       int64
}

func (v vitals) String() string {
	return fmt.Sprintf("%d goroutines, %v, %d MiB heap", v.goroutines, v.Vitals, v.heap>>20)
}

func measure(t *testing.T) vitals {
	t.Helper()
	of, err := hostile.VitalsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return vitals{of, runtime.NumGoroutine(), int64(m.HeapAlloc)}
}

// eventually waits for what has to come true by itself.
func eventually(t *testing.T, ok func() bool, state func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	enough := time.After(longer)
	for !ok() {
		select {
		case <-tick.C:
		case <-enough:
			t.Fatal(state())
		}
	}
}

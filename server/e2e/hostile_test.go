package e2e

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/e2e/hostile"
)

// The real server, with all attacks on it at once: its ordinary readers get everything, its publishers are answered, its memory stays within
// bounds, and when it is over nothing of it is left. TELLTALE_SOAK has it held by 300 connections each and for a minute.
func TestHostile(t *testing.T) {
	many, hold := 60, 0*time.Second
	if os.Getenv("TELLTALE_SOAK") != "" {
		many, hold = 300, time.Minute
	}
	const longest = 5 * time.Minute
	s := serve(t, "--no-host")
	big := `{"type":"logs:app","data":{"level":"info","message":"` + strings.Repeat("x", 1000) + `"}}`
	for range 3 {
		s.publish("large", "["+strings.TrimSuffix(strings.Repeat(big+",", 1000), ",")+"]")
	}
	vitals := func() hostile.Vitals {
		v, err := hostile.VitalsOf(s.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := vitals()

	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	ordinary, err := hostile.Follow(ctx, s.url, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer ordinary.End()
	var waits []func() error
	most := before
	for _, a := range hostile.Attacks(many) {
		wait, err := a.Run(ctx, strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
		if err := ordinary.Publish(ctx, 5); err != nil {
			t.Fatalf("with %s: %v", a.Name, err)
		}
		now := vitals()
		most.RSS = max(most.RSS, now.RSS)
		t.Logf("%-26s %v", a.Name, now)
	}
	for end := time.Now().Add(hold); ; {
		if err := ordinary.Publish(ctx, 20); err != nil {
			t.Fatal(err)
		}
		most.RSS = max(most.RSS, vitals().RSS)
		if time.Now().After(end) {
			break
		}
	}
	if err := ordinary.Check(longest); err != nil {
		t.Error(err)
	}
	if most.RSS > 800<<20 {
		t.Errorf("it took %d MiB, want less than 800", most.RSS>>20)
	}
	ordinary.End()
	cancel()
	for _, wait := range waits {
		if err := wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	var after hostile.Vitals
	eventually(t, "the descriptors to be given back", func() (bool, string) {
		after = vitals()
		return after.Descriptors <= before.Descriptors+10, after.String()
	})
	t.Logf("before %v, at most %d MiB, afterwards %v", before, most.RSS>>20, after)
	if said := s.stderr.String(); strings.Contains(said, "panic") || strings.Contains(said, "fatal error") {
		t.Error("a request panicked")
	}
	s.publish("good", `{"type":"test:last"}`)
	s.stop()
}

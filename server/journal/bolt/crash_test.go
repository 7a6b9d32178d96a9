package bolt_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

// crashDir, in the environment, makes this test binary the process that is killed.
const crashDir = "TELLTALE_CRASH_DIR"

// publishUntilKilled publishes from 64 goroutines into the record in dir, each from the number on that it reads from
// standard input, and writes a line for each event once it is acknowledged: publisher, number, place.
func publishUntilKilled(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := bolt.Open(dir, bolt.Options{})
	if err != nil {
		fail(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range benchPublishers {
		var n int
		if _, err := fmt.Scan(&n); err != nil {
			fail(err)
		}
		wg.Go(func() {
			for ; ; n++ {
				name := fmt.Sprintf("%d %d", p, n)
				receipts, err := l.Append(context.Background(), []event.Event{{
					Type: [...]string{"server:busy", "metrics:cpu", "logs:app"}[n%3], Server: "s", Time: time.Now(), Key: name, Data: []byte(name),
				}})
				if err != nil {
					fail(err)
				}
				mu.Lock()
				fmt.Printf("%s %d\n", name, receipts[0].ID.Seq) // one write, so a whole line or nothing
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// The process is killed again and again while 64 publish. Each time it comes back, publishers repeat what was not
// acknowledged, as a client would; in the end each event is there once.
func TestKilledWhilePublishing(t *testing.T) {
	rounds := 4
	if os.Getenv("TELLTALE_SOAK") != "" {
		rounds = 200
	}
	dir := t.TempDir()
	var next [benchPublishers]int // of each publisher
	places := make(map[string]uint64)
	var head uint64
	for round := range rounds {
		acknowledged := killAfter(t, dir, next, 500+(round*2357)%3000)
		l := open(t, dir, bolt.Options{})
		for _, line := range acknowledged {
			var p, n int
			var seq uint64
			if _, err := fmt.Sscan(line, &p, &n, &seq); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			if n != next[p] {
				t.Fatalf("publisher %d: %d acknowledged, want %d", p, n, next[p])
			}
			next[p]++
			places[fmt.Sprintf("%d %d", p, n)] = seq
		}

		var seen [benchPublishers]int
		last, found := uint64(0), 0
		for q := (journal.Query{Limit: journal.MaxLimit}); ; {
			page, err := l.Read(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				if e.ID.Seq != last+1 {
					t.Fatalf("place %d follows %d", e.ID.Seq, last)
				}
				last = e.ID.Seq
				var p, n int
				if _, err := fmt.Sscan(string(e.Data), &p, &n); err != nil {
					t.Fatal(err)
				}
				if n != seen[p] {
					t.Fatalf("publisher %d: event %d stands where %d should", p, n, seen[p])
				}
				seen[p]++
				if seq, ok := places[string(e.Data)]; ok {
					if found++; seq != last {
						t.Fatalf("event %s was acknowledged with place %d and has %d", e.Data, seq, last)
					}
				}
			}
			if q.After = page.Next; !page.More {
				break
			}
		}
		if found != len(places) {
			t.Fatalf("round %d: %d of %d acknowledged events are in the record", round, found, len(places))
		}
		for p := range seen {
			if seen[p] > next[p]+1 {
				t.Fatalf("publisher %d: %d events, with %d acknowledged and one under way", p, seen[p], next[p])
			}
		}
		if last <= head {
			t.Fatalf("round %d: newest place is %d, was %d", round, last, head)
		}
		head = last
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds, %d events", rounds, len(places))
}

// killAfter runs publishUntilKilled until it has acknowledged some events, kills it and returns all that it acknowledged.
func killAfter(t *testing.T, dir string, next [benchPublishers]int, events int) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stdin = strings.NewReader(strings.Trim(fmt.Sprint(next), "[]"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Error(err)
			break
		}
		if lines = append(lines, line); len(lines) == events {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); len(lines) < events {
		t.Fatalf("ended by itself: %v\n%s", err, &stderr)
	}
	return lines
}

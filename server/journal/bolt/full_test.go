//go:build unix

package bolt

import (
	"errors"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A file that may not grow stands for a full disk: the same calls fail, with another number.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	if _, err := l.Append(t.Context(), []event.Event{line(0)}); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 400_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	lifted := sync.OnceFunc(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	})
	defer lifted()

	// 64 publishers until each of them has failed.
	var mu sync.Mutex
	recorded := map[string]bool{string(line(0).Data): true}
	var wg sync.WaitGroup
	for p := range 64 {
		wg.Go(func() {
			for n := 1; ; n++ {
				e := line(1000*p + n)
				if _, err := l.Append(t.Context(), []event.Event{e}); err != nil {
					if !errors.Is(err, syscall.EFBIG) {
						t.Errorf("got %v, want the system's error", err)
					}
					return
				}
				mu.Lock()
				recorded[string(e.Data)] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	same := func(when string, l *Log) {
		t.Helper()
		page, err := l.Read(t.Context(), journal.Query{Limit: journal.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range page.Events {
			if !recorded[string(e.Data)] || e.ID.Seq != uint64(i+1) {
				t.Errorf("%s: place %s was not acknowledged", when, e.ID)
			}
		}
		if len(page.Events) != len(recorded) {
			t.Errorf("%s: got %d events, %d were acknowledged", when, len(page.Events), len(recorded))
		}
	}
	same("full", l)
	lifted()
	e := line(999_999)
	if _, err := l.Append(t.Context(), []event.Event{e}); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	recorded[string(e.Data)] = true
	same("with room again", l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	same("after a new start", openLog(t, dir))
}

package pace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var errFull = errors.New("disk full")

func TestACallThatFailsHasHeldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(record)
		p, stop := begin(t, log, knobs)
		must := func(events ...event.Event) {
			if _, err := p.Append(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
		must(ev(1, "metrics:cpu", 0))
		must(ev(2, "metrics:cpu", 10*ms)) // held
		log.fail = func() error { return errFull }
		// One that passes and would take the place of what is held, one that would be held, and a lamp that flaps.
		_, err := p.Append(t.Context(), []event.Event{ev(3, "metrics:cpu", 100*ms), ev(4, "metrics:cpu", 110*ms),
			ev(5, "server:online", 0), ev(6, "server:offline", 0), ev(7, "server:online", 0), ev(8, "server:offline", 0)})
		if !errors.Is(err, errFull) {
			t.Fatalf("got %v, want %v", err, errFull)
		}
		log.fail = nil
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got, want := log.list(), []string{"metrics:cpu 1", "metrics:cpu 2"}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		checkStats(t, p, log)
	})
}

func TestARecordThatFailsGetsItLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(record)
		var told bytes.Buffer
		o := knobs
		o.Logger = slog.New(slog.NewTextHandler(&told, nil))
		p, stop := begin(t, log, o)
		if _, err := p.Append(t.Context(), []event.Event{ev(1, "metrics:cpu", 0), ev(2, "metrics:cpu", 10*ms)}); err != nil {
			t.Fatal(err)
		}
		tries := 0
		log.mu.Lock()
		log.fail = func() error { tries++; return errFull }
		log.mu.Unlock()
		time.Sleep(time.Minute)
		log.mu.Lock()
		log.fail = nil
		log.mu.Unlock()
		time.Sleep(lastRetry)
		synctest.Wait()
		if got, want := log.list(), []string{"metrics:cpu 1", "metrics:cpu 2"}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if tries < 5 || tries > 20 {
			t.Errorf("tried %d times in a minute", tries)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n := strings.Count(told.String(), "\n"); n != 2 {
			t.Errorf("logged %d lines, want one for the failure and one for its end:\n%s", n, &told)
		}
		checkStats(t, p, log)
	})
}

func TestTheEnd(t *testing.T) {
	hold := func(t *testing.T, p *Pacer) {
		t.Helper()
		_, err := p.Append(t.Context(), []event.Event{ev(1, "metrics:cpu", 0), ev(2, "metrics:cpu", 10*ms), ev(3, "server:online", 0),
			ev(4, "server:offline", 0), ev(5, "server:online", 0), ev(6, "server:offline", 0)})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("records what is held, and holds no more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			log := new(record)
			p, stop := begin(t, log, knobs)
			hold(t, p)
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := p.Append(t.Context(), []event.Event{ev(7, "metrics:cpu", 11*ms), ev(8, "server:online", 0)}); err != nil {
				t.Fatal(err)
			}
			want := []string{"metrics:cpu 1", "server:online 3", "server:offline 4", "server:online 5", "metrics:cpu 2", "server:offline 6x1",
				"metrics:cpu 7", "server:online 8"}
			if got := log.list(); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			checkStats(t, p, log)
		})
	})
	t.Run("waits for calls under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			log := new(record)
			log.delay = func() time.Duration { return time.Second }
			p, stop := begin(t, log, knobs)
			done := make(chan struct{})
			go func() { defer close(done); hold(t, p) }()
			synctest.Wait()
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			<-done
			checkStats(t, p, log)
			if got := log.list(); len(got) != 6 {
				t.Errorf("got %q, want all six", got)
			}
		})
	})
	t.Run("says what is lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			log := new(record)
			p, stop := begin(t, log, knobs)
			hold(t, p)
			log.fail = func() error { return errFull }
			if err := stop(); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "2 held events") {
				t.Errorf("got %v, want %v and that 2 are lost", err, errFull)
			}
		})
	})
	t.Run("a closed record ends Run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			log := new(record)
			p := New(log, knobs)
			hold(t, p)
			log.fail = func() error { return fmt.Errorf("journal: append: %w", journal.ErrClosed) }
			if err := p.Run(t.Context()); !errors.Is(err, journal.ErrClosed) {
				t.Errorf("got %v, want %v", err, journal.ErrClosed)
			}
		})
	})
}

func TestACallerNeedNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(record)
		log.delay = func() time.Duration { return time.Second }
		p, stop := begin(t, log, knobs)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := p.Append(t.Context(), []event.Event{ev(1, "metrics:cpu", 0)}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		// Memory comes after cpu, which is taken: neither may stay taken when the caller has gone.
		_, err := p.Append(ctx, []event.Event{ev(2, "metrics:memory", 0), ev(3, "metrics:cpu", time.Second), ev(4, "metrics:a", 0)})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		<-done
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got, want := log.list(), []string{"metrics:cpu 1"}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		checkStats(t, p, log)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(record)
		o := knobs
		o.Slots, o.Bytes = 4, 3*256
		p, stop := begin(t, log, o)
		held := 0
		for n := range 100 {
			e := ev(n, "metrics:m"+strconv.Itoa(n/2), time.Duration(n%2)*ms)
			r, err := p.Append(t.Context(), []event.Event{e})
			if err != nil {
				t.Fatal(err)
			}
			if r[0].ID.IsZero() {
				held++
			}
		}
		p.mu.Lock()
		if len(p.slots) > 4 || held != 2 || p.bytes > o.Bytes {
			t.Errorf("%d slots, %d held, %d bytes; want 4 at most, 2 and %d at most", len(p.slots), held, p.bytes, o.Bytes)
		}
		p.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		for n := range 4 { // those of before are forgotten
			e := ev(n, "metrics:k"+strconv.Itoa(n/2), time.Duration(n%2)*ms)
			r, err := p.Append(t.Context(), []event.Event{e})
			if err != nil {
				t.Fatal(err)
			}
			if r[0].ID.IsZero() != (n%2 == 1) {
				t.Errorf("a minute later, sample %d: held is %t", n, r[0].ID.IsZero())
			}
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		checkStats(t, p, log)
	})
}

func TestFlapped(t *testing.T) {
	long := []byte(`{"pad":"` + strings.Repeat("x", event.MaxData-10) + `"}`)
	for _, row := range []struct{ data, want string }{
		{`{}`, `{"flapped":7}`},
		{`{"serverId":"a"}`, `{"serverId":"a","flapped":7}`},
		{string(long), string(long)},
	} {
		if got := string(withFlapped([]byte(row.data), 7)); got != row.want {
			t.Errorf("%.40s: got %.60s, want %.60s", row.data, got, row.want)
		}
	}
}

package hub

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestTrimmedIsTold(t *testing.T) {
	log := newMemLog()
	for i := range 30 {
		put(t, log, ev("a", "metrics:cpu", i), ev("a", "logs:app", i), ev("a", "x:y", i)) // 3i+1, 3i+2, 3i+3
	}
	h := start(t, log, Options{PageEvents: 4})
	log.Trim(event.Sample, 40)
	log.Trim(event.Line, 20)

	t.Run("once, before what is left", func(t *testing.T) {
		r := subscribe(t, h, event.Filter{}, place(10))
		gap, ok := errors.AsType[*GapError](r.next(1))
		if !ok || gap.From != place(10) || gap.To != place(40) || fmt.Sprint(gap.Classes) != "[sample line]" {
			t.Fatalf("got %v, want a gap from %s to %s", gap, place(10), place(40))
		}
		if r.Place() != place(10) {
			t.Errorf("place after the gap: got %s, want %s", r.Place(), place(10))
		}
		r.until(place(90))
		r.want(log.All(event.Filter{}, 10))
	})
	t.Run("not to whom it takes nothing", func(t *testing.T) {
		for _, types := range []string{"x:*", "server:*,deployment:*"} {
			r := subscribe(t, h, filter(t, "", types), place(10))
			r.until(place(90))
			r.want(log.All(filter(t, "", types), 10))
		}
		r := subscribe(t, h, filter(t, "", "logs:*"), place(20))
		r.until(place(90))
		r.want(log.All(filter(t, "", "logs:*"), 20))
	})
	t.Run("again when it goes on", func(t *testing.T) {
		r := subscribe(t, h, filter(t, "", "logs:*,x:*"), place(25))
		if err := r.next(1); err != nil {
			t.Fatal(err)
		}
		log.Trim(event.Line, 60)
		var gaps []*GapError
		for !r.CaughtUp() {
			err := r.next(1 << 20)
			if gap, ok := errors.AsType[*GapError](err); ok {
				gaps = append(gaps, gap)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if len(gaps) != 1 || gaps[0].To != place(60) {
			t.Errorf("got gaps %v, want one up to %s", gaps, place(60))
		}
	})
}

// Retention may also take what the loop had not handed out yet; the hole in the places shows it.
func TestTrimmedBeforeTheHubSawIt(t *testing.T) {
	inner := newMemLog()
	log := &heldTail{memLog: inner, let: make(chan struct{})}
	put(t, log, ev("a", "server:online", 0))
	h := start(t, log, Options{})
	r := subscribe(t, h, event.Filter{}, place(1))
	if b, err := r.TryNext(1); b != nil || err != nil {
		t.Fatalf("got %q, %v; want nothing", b, err)
	}
	for i := range 10 {
		put(t, log, ev("a", "logs:app", i), ev("a", "server:idle", i))
	}
	inner.Trim(event.Line, 10)
	close(log.let)
	err := r.next(1)
	for err == nil {
		err = r.next(1)
	}
	if gap, ok := errors.AsType[*GapError](err); !ok || gap.From != place(1) || gap.To != place(10) {
		t.Fatalf("got %v, want a gap up to %s", err, place(10))
	}
	r.until(place(21))
	r.want(inner.All(event.Filter{}, 1))
}

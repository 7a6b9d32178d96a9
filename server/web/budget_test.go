package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A body that finds no room waits for others to end, as long as it may and no longer; small ones never wait.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1000)
		first, second, small := b.lease(t.Context()), b.lease(t.Context()), b.lease(t.Context())
		if err := first.grow(smallBody + 800); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := second.grow(smallBody + 201); !errors.Is(err, errCrowded) || time.Since(began) != maxQueue {
			t.Errorf("got %v after %v, want to be told after %v", err, time.Since(began), maxQueue)
		}
		if err := small.grow(smallBody); err != nil || time.Since(began) != maxQueue {
			t.Errorf("a small one: got %v", err)
		}
		ended := make(chan struct{})
		time.AfterFunc(maxQueue/2, func() { // of the bubble's time
			first.end()
			close(ended)
		})
		began = time.Now()
		if err := second.grow(201); err != nil || time.Since(began) != maxQueue/2 {
			t.Errorf("got %v after %v, want room after %v", err, time.Since(began), maxQueue/2)
		}
		<-ended
		second.shrink(1)
		if b.left != 800 {
			t.Errorf("left %d, want 800", b.left)
		}

		gone, cancel := context.WithCancel(t.Context())
		third := b.lease(gone)
		cancel()
		if err := third.grow(smallBody + 900); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that is gone: got %v", err)
		}
		hasty := b.lease(t.Context())
		hasty.wait = 0
		began = time.Now()
		if err := hasty.grow(smallBody + 900); !errors.Is(err, errCrowded) || time.Since(began) != 0 {
			t.Errorf("who does not wait: got %v after %v", err, time.Since(began))
		}
		for _, l := range []*lease{first, second, small, third, hasty} {
			l.end()
			l.end()
		}
		if b.left != 1000 {
			t.Errorf("left %d, want all of it", b.left)
		}
	})
}

// What is read takes no more room than has come of it, twice over, and ends one byte above the limit.
func TestReadAll(t *testing.T) {
	b := newBudget(1 << 20)
	l := b.lease(t.Context())
	got, err := readAll(strings.NewReader(strings.Repeat("x", 300_000)), 200_000, l)
	if err != nil || len(got) != 200_001 || cap(got) != 200_001 || l.held != 200_001-smallBody {
		t.Errorf("got %d bytes of %d, held %d, %v", len(got), cap(got), l.held, err)
	}
	l.end()
	l = b.lease(t.Context())
	if got, err := readAll(strings.NewReader("short"), 200_000, l); string(got) != "short" || err != nil || l.held != 0 {
		t.Errorf("got %q, held %d, %v", got, l.held, err)
	}
	l = newBudget(1000).lease(t.Context())
	l.wait = 0
	if _, err := readAll(strings.NewReader(strings.Repeat("x", 300_000)), 200_000, l); !errors.Is(err, errCrowded) {
		t.Errorf("got %v, want no room", err)
	}
}

package redis_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal/redis"
)

// watch is a WatchNotes under way: the names it told of last.
type watching struct{ told chan []string }

func watch(t testing.TB, l *redis.Log) *watching {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{told: make(chan []string, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.WatchNotes(ctx, "", func(notes map[string][]byte) error {
			w.told <- slices.Sorted(maps.Keys(notes))
			return nil
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watching) until(t testing.TB, want ...string) {
	t.Helper()
	for got := range w.told {
		if slices.Equal(got, want) {
			return
		}
	}
}

// never fails the test if any call since the last until told of the name.
func (w *watching) never(t testing.TB, name string) {
	t.Helper()
	for {
		select {
		case got := <-w.told:
			if slices.Contains(got, name) {
				t.Errorf("%s came back: %v", name, got)
			}
		default:
			return
		}
	}
}

// noteNames returns what one sees who comes anew.
func noteNames(t testing.TB, url string) (names []string) {
	t.Helper()
	l := open(t, redis.Options{URL: url})
	defer l.Close()
	enough := errors.New("enough")
	err := l.WatchNotes(t.Context(), "", func(notes map[string][]byte) error {
		names = slices.Sorted(maps.Keys(notes))
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return names
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

// What one instance keeps another takes, once whoever comes at the same moment, and only while it lasts.
func TestTicketsAreSharedAndTakenOnce(t *testing.T) {
	server := redistest.Start(t)
	a, b := NewVault(client(t, server), prefix, nil), NewVault(client(t, server), prefix, nil)
	ctx := t.Context()
	if err := a.Put(ctx, "key", "ada", []byte("sealed\x00\xff"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Look(ctx, "key"); err != nil || string(got) != "sealed\x00\xff" {
		t.Fatalf("got %q, %v", got, err)
	}
	var got atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		v := []*Vault{a, b}[i%2]
		wg.Go(func() {
			value, err := v.Take(ctx, "key")
			if err != nil {
				t.Error(err)
			}
			if value != nil {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got it, want one", got.Load())
	}
	if value, err := b.Look(ctx, "key"); value != nil || err != nil {
		t.Errorf("got %q, %v, want nothing", value, err)
	}
	if left := server.Do("KEYS", "*"); left != "" {
		t.Errorf("left over: %s", left)
	}
	if err := a.Put(ctx, "short", "ada", []byte("x"), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	until(t, "a ticket to be over", func() bool {
		value, err := b.Look(ctx, "short")
		if err != nil {
			t.Fatal(err)
		}
		return value == nil
	})
	if value, err := b.Take(ctx, "short"); value != nil || err != nil {
		t.Errorf("got %q, %v", value, err)
	}
}

func TestVaultIsBounded(t *testing.T) {
	server := redistest.Start(t)
	v := NewVault(client(t, server), prefix, nil)
	put := func(owner string, i int, lasts time.Duration) error {
		return v.Put(t.Context(), fmt.Sprint(owner, i), owner, []byte("x"), lasts)
	}
	for i := range maxOwned {
		if err := put("ada", i, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("ada", maxOwned, time.Minute); !errors.Is(err, auth.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := put("bob", 0, time.Minute); err != nil {
		t.Errorf("one takes the room of all: %v", err)
	}
	if _, err := v.Take(t.Context(), "ada3"); err != nil {
		t.Fatal(err)
	}
	if err := put("ada", maxOwned, time.Minute); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	for o := range maxTickets/maxOwned + 1 {
		for i := range maxOwned {
			if err := put(fmt.Sprint("u", o, "-"), i, time.Minute); err != nil {
				if !errors.Is(err, auth.ErrFull) || o < maxTickets/maxOwned-2 {
					t.Fatalf("of owner %d: %v", o, err)
				}
				return
			}
		}
	}
	t.Error("there is no bound")
}

func TestVaultWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	v := NewVault(client(t, server), prefix, nil)
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := v.Take(ctx, "key")
	if !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := v.Put(ctx, "key", "ada", nil, time.Minute); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A ticket that nobody could wait for is there still when Redis, which stood still, goes on.
func TestVaultGivesUp(t *testing.T) {
	server := redistest.Start(t)
	v := NewVault(client(t, server), prefix, nil)
	if err := v.Put(t.Context(), "key", "ada", []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if value, err := v.Take(t.Context(), "other"); value != nil || err != nil { // and so Redis's clock is known
		t.Fatalf("got %q, %v", value, err)
	}
	server.Pause()
	if _, err := v.Take(t.Context(), "key"); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("of a Redis that stands still: got %v", err)
	}
	server.Resume()
	if value, err := v.Take(t.Context(), "key"); string(value) != "x" || err != nil {
		t.Errorf("got %q, %v, want the ticket", value, err)
	}
	if value, err := v.Take(t.Context(), "key"); value != nil || err != nil {
		t.Errorf("got %q, %v a second time", value, err)
	}
}

// A Redis that is there and takes nothing is no fault of who asks for a ticket; when it takes something again so do we, also when it has forgotten our scripts.
func TestVaultRefused(t *testing.T) {
	server := redistest.Start(t)
	v := NewVault(client(t, server), prefix, nil)
	if err := v.Put(t.Context(), "one", "ada", []byte("1"), time.Minute); err != nil {
		t.Fatal(err)
	}
	server.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	if err := v.Put(t.Context(), "two", "ada", []byte("2"), time.Minute); !errors.Is(err, journal.ErrUnavailable) || errors.Is(err, auth.ErrFull) {
		t.Errorf("Put: got %v, want an ErrUnavailable", err)
	}
	server.Do("CONFIG", "SET", "min-replicas-to-write", "0")
	server.Do("SCRIPT", "FLUSH")
	if err := v.Put(t.Context(), "two", "ada", []byte("2"), time.Minute); err != nil {
		t.Error(err)
	}
	server.Do("SCRIPT", "FLUSH")
	if value, err := v.Take(t.Context(), "one"); err != nil || string(value) != "1" {
		t.Errorf("Take: got %q, %v", value, err)
	}
}

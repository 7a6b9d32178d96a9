package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
)

var (
	//go:embed put.lua
	putSource string
	//go:embed take.lua
	takeSource string

	putScript  = goredis.NewScript(putSource)
	takeScript = goredis.NewScript(takeSource)
)

// Bounds of tickets that wait, those of auth's own vault: in all, and of one owner.
const (
	maxTickets = 4096
	maxOwned   = 64
)

// Vault is an auth.Vault in Redis.
type Vault struct {
	redis  goredis.UniversalClient
	prefix string
	remote journal.Remote
	clock  clock
}

var _ auth.Vault = (*Vault)(nil)

// NewVault returns a vault under keys that begin with the prefix. The client stays the caller's.
func NewVault(client goredis.UniversalClient, prefix string, remote journal.Remote) *Vault {
	return &Vault{redis: client, prefix: prefix, remote: remote}
}

// keys are the ticket, and the set of all that wait.
func (v *Vault) keys(key string) []string {
	return []string{v.prefix + "ticket:" + key, v.prefix + "tickets"}
}

// owned is the set of those of one owner that wait.
func (v *Vault) owned(owner string) string { return v.prefix + "tickets:" + owner }

// Put implements auth.Vault.
func (v *Vault) Put(ctx context.Context, key, owner string, value []byte, lasts time.Duration) error {
	keys := append(v.keys(key), v.owned(owner))
	err := v.ask(ctx, func(ctx context.Context) error {
		n, err := putScript.Run(ctx, v.redis, keys, value, max(1, lasts.Milliseconds()), maxTickets, maxOwned).Int()
		if err == nil && n == 0 {
			err = auth.ErrFull
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cluster: put a ticket: %w", err)
	}
	return nil
}

// Look implements auth.Vault.
func (v *Vault) Look(ctx context.Context, key string) (value []byte, err error) {
	err = v.ask(ctx, func(ctx context.Context) error {
		value, err = v.redis.HGet(ctx, v.keys(key)[0], "value").Bytes()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cluster: look at a ticket: %w", err)
	}
	return value, nil
}

// Take implements auth.Vault. What it gives up on stays, unless the answer was lost on its way.
func (v *Vault) Take(ctx context.Context, key string) (value []byte, err error) {
	err = v.ask(ctx, func(ctx context.Context) error {
		n, got, err := v.clock.run(ctx, v.redis, takeScript, v.keys(key), func(until int64) []any { return []any{until} })
		if err == nil && n == 1 && len(got) == 1 {
			text, _ := got[0].(string)
			value = []byte(text)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cluster: take a ticket: %w", err)
	}
	return value, nil
}

// ask does one thing, for a second at most. Nothing there is no error.
func (v *Vault) ask(ctx context.Context, do func(context.Context) error) error {
	if err := awayNow(v.remote); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := do(ctx)
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	if err != nil && !errors.Is(err, auth.ErrFull) { // whether it does not answer or refuses
		return fmt.Errorf("%w: %v", journal.ErrUnavailable, err)
	}
	return err
}

package main

import (
	"context"
	"errors"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// many is what this instance has to do with the others that share its record; where there is a file of its own, nothing.
type many struct {
	members *cluster.Members
	leases  *cluster.Leases // nil: it counts its own
	vault   *cluster.Vault  // nil: it keeps its own
	peers   *cluster.Peers  // nil: there are none
	close   func() error    // when nothing of it runs any more
}

// joinOthers returns it; site is asked only while it runs.
func (c *serveCmd) joinOthers(log record, address string, site func() *web.Server) (*many, error) {
	m := &many{close: func() error { return nil }}
	o := cluster.Options{
		Version: version, Address: address,
		Report: func(ctx context.Context) cluster.Report { return site().Report(ctx) },
		LetGo:  func(n int) { site().LetGo(n, event.ClosingBalance) },
	}
	if c.Record.Redis != "" {
		client, err := redis.Dial(c.Record.Redis, c.Record.RedisTimeout)
		if err != nil {
			return nil, err
		}
		o.Redis, o.Prefix = client, redis.Prefix(c.Record.RedisName)
		o.Remote, _ = log.(journal.Remote)
		m.leases, m.vault = cluster.NewLeases(client, o.Prefix, o.Remote), cluster.NewVault(client, o.Prefix, o.Remote)
		m.close = client.Close
	}
	if m.members = cluster.NewMembers(o); o.Redis != nil {
		m.peers = cluster.NewPeers(o.Redis, o.Prefix, o.Remote, m.members, m.leases)
	}
	return m, nil
}

// limitLeases and authVault are what counts streams and keeps tickets, as others want it: a nil interface where there is nothing.
func (m *many) limitLeases() limit.Leases {
	if m.leases == nil {
		return nil
	}
	return m.leases
}

func (m *many) authVault() auth.Vault {
	if m.vault == nil {
		return nil
	}
	return m.vault
}

// runLeases gives leases back until ctx ends.
func (m *many) runLeases(ctx context.Context) error {
	if m.leases == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return m.leases.Run(ctx)
}

// maxDrain is longer than any balancer takes to learn something.
const maxDrain = 10 * time.Minute

func checkDrain(d time.Duration) error {
	if d < 0 || d > maxDrain {
		return errors.New("--drain: from 0 to 10m")
	}
	return nil
}

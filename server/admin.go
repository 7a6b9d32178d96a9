package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/mcp-cloud/telltale/server/admin"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/server/web"
)

// listenAdmin opens the admin address, or returns nil when there is to be none.
func listenAdmin(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the admin address %s is taken by another program: choose another with --admin, such as 127.0.0.1:0 for any free port: %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := admin.CheckListen(ln.Addr().String()); err != nil { // "localhost" is whatever the system says it is
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// serveAdmin returns what serves the admin address, with the metrics of these parts.
func serveAdmin(ln net.Listener, log record, others *many, h *hub.Hub, pacer *pace.Pacer, site *web.Server, secrets *redact.Redactor, logger *slog.Logger) func(context.Context) error {
	sources := admin.Sources{
		Version: version, Streams: site.Streams, Web: site.Stats, Hub: h.Stats, Pace: pacer.Stats, Journal: log.Stats,
	}
	if remote, ok := log.(journal.Remote); ok {
		sources.Away = func() journal.Away { away, _ := remote.Away(); return away }
		sources.Cluster = others.members.Stats
	}
	if secrets != nil {
		sources.Redacted = secrets.Counts
	}
	a := admin.New(sources, logger)
	return func(ctx context.Context) error { return a.Serve(ctx, ln) }
}

// Package admin is what those who run a server look at: its metrics for Prometheus, its profiles, and a dashboard and alert
// rules that go with them. It is served on an address of its own, a loopback one, and never where the events are.
//
// The packages that do the work count with plain numbers and know nothing of this one; metrics.go gives what they count its
// names. Every name is in the dashboard or the alert rules or both, and a test holds the three together.
package admin

import (
	"context"
	_ "embed" // the dashboard and the rules
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// Dashboard is a Grafana dashboard, and Alerts are rules for Prometheus, over the metrics of this package.
var (
	//go:embed dashboard.json
	Dashboard []byte
	//go:embed alerts.yml
	Alerts []byte
)

// Sources are whom the metrics are asked of. Each function may be called at any time and from any goroutine; nil: there is
// no such part.
type Sources struct {
	Version string
	Streams func() stream.Stats
	Web     func() web.Stats
	Hub     func() hub.Stats
	Pace    func() pace.Stats
	Journal func() journal.Stats
	// Away says since when the record can't be reached; nil where it lies in a file of this instance's own. Cluster is who shares it.
	Away    func() journal.Away
	Cluster func() cluster.Stats
	// Redacted is how many secrets of each kind were taken out of what was published and logged.
	Redacted func() map[string]int64
}

// Server is the http.Handler of the admin address.
type Server struct {
	mux    *http.ServeMux
	cross  *http.CrossOriginProtection
	logger *slog.Logger
}

// New returns the server.
func New(s Sources, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	a := &Server{mux: http.NewServeMux(), cross: http.NewCrossOriginProtection(), logger: logger}
	reg := prometheus.NewRegistry()
	reg.MustRegister(newCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn)}))
	a.mux.HandleFunc("GET /dashboard.json", file("application/json", Dashboard))
	a.mux.HandleFunc("GET /alerts.yml", file("application/yaml", Alerts))
	a.mux.HandleFunc("POST /gc", collect)
	a.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	a.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	a.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	a.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	a.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	a.mux.HandleFunc("GET /{$}", file("text/plain; charset=utf-8", []byte(index)))
	return a
}

const index = `Telltale, for those who run it.

/metrics          for Prometheus
/alerts.yml       alert rules for Prometheus
/dashboard.json   a dashboard for Grafana
/debug/pprof/     profiles
POST /gc          collect garbage, give memory back, and say what is left
`

// ServeHTTP refuses what a page of another site could have its reader's browser send: by a name of its own that it has pointed
// here, or by a form.
func (a *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !loopback(r.Host) {
		http.Error(w, "This address answers to this machine's own names only.", http.StatusMisdirectedRequest)
		return
	}
	if err := a.cross.Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	a.mux.ServeHTTP(w, r)
}

// loopback reports whether a Host header is an address or a name of this machine.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

func file(media string, b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = w.Write(b)
	}
}

// Heap is the answer to POST /gc, in bytes but for the counts.
type Heap struct {
	Alloc      uint64 `json:"heapAlloc"`   // of objects
	Objects    uint64 `json:"heapObjects"` // how many
	InUse      uint64 `json:"heapInuse"`   // spans with at least one object
	Stacks     uint64 `json:"stackInuse"`
	Sys        uint64 `json:"sys"`      // had from the system
	Released   uint64 `json:"released"` // of that, given back
	Goroutines int    `json:"goroutines"`
}

// collect collects garbage, twice, since what a finalizer or a pool lets go of is garbage only the second time.
func collect(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Heap{
		Alloc: m.HeapAlloc, Objects: m.HeapObjects, InUse: m.HeapInuse, Stacks: m.StackInuse, Sys: m.Sys, Released: m.HeapReleased,
		Goroutines: runtime.NumGoroutine(),
	})
}

// CheckListen returns an error unless an address to listen on is a loopback one: profiles show what is in memory.
func CheckListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf(`%q is not an address to listen on: want "127.0.0.1:9090", or port 0 for any that is free`, address)
	}
	if !loopback(host) {
		return fmt.Errorf("will not listen on %q: whoever reaches the admin address can read this process's memory. Listen on 127.0.0.1 or [::1]", address)
	}
	return nil
}

// drain is how long Serve waits at the end for answers under way. Profiles may take longer, and are cut off.
const drain = time.Second

// Serve answers on ln until ctx ends or ln fails. It closes ln, and returns when no request is under way any more. The end by
// ctx is no error.
func (a *Server) Serve(ctx context.Context, ln net.Listener) error {
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	srv := &http.Server{
		Handler: a, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		left, stop := context.WithTimeout(requests, drain)
		defer stop()
		if srv.Shutdown(left) != nil {
			cut() // profiles end with their requests
			final, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer stop()
			_ = srv.Shutdown(final)
		}
		err = <-failed
	}
	_ = srv.Close()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: serve: %w", err)
	}
	return nil
}

// Package web is Telltale over HTTP: the streams, publishing, reading back, the app, and who may use which of it. routes.go lists every URL.
//
// # Who may what
//
// guarded makes a visit of each request: from which address it comes and what token it brings, taken out of the request so that nothing
// after it can write it anywhere. routes.go says what each URL needs, and may and forReaders see to it: they put the grant into the visit
// before the handler runs. Every filter is narrowed by the grant (filterOf), so what may not be seen is in no list, picture, page of
// the record or stream; veil.go sees to the places, which would tell how much there is besides. Streams end with their grant.
//
// # The end
//
// Close is the beginning of it: /readyz says no, and every stream gets a "retry:", a stream:closing, and its end. Serve does
// that when its context ends, waits a while for the answers and streams under way, and returns when none is left. Where there is a
// Config.Drain it drains first: see drain.go.
package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/server/stream"
)

const (
	mediaStream = "text/event-stream"
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
	mediaForm   = "application/x-www-form-urlencoded" // what curl -d says of anything
)

const (
	// DefaultHeartbeat is below the 30 s after which common proxies cut what is silent.
	DefaultHeartbeat = 15 * time.Second
	// readTimeout bounds how long a request takes to arrive, its body included.
	readTimeout = 30 * time.Second
	// answerTimeout bounds an answer that ends: the app over a very slow line is the longest.
	answerTimeout = 5 * time.Minute
	// drain is how long Serve waits at the end for answers under way.
	drain = 10 * time.Second
)

// Config is all that the handlers depend on. Log, Hub and Files have to be given.
type Config struct {
	Log   journal.Log
	Hub   *hub.Hub
	Files fs.FS // what the browser is served as it is: public.Files
	// Publisher takes what is published; nil: Log.
	Publisher Publisher

	// Guard says who may see and do what. nil: everybody may everything, so only this machine is to reach the server.
	Guard  *auth.Guard
	Access Access

	Name      string        // what pages call the fleet; "": nothing
	Version   string        // of this program
	Heartbeat time.Duration // of streams; 0: DefaultHeartbeat
	Logger    *slog.Logger  // nil: nowhere
	// Private is told what names users, addresses and servers: who signed in, whose stream ended, which request failed and why. nil: Logger.
	Private *slog.Logger
	// Streams adjusts the streams; its Heartbeat, Version and Logger are those above.
	Streams stream.Options

	// History answers what samples came to. nil: there is none of any.
	History History

	// Members knows the instances that share the record. nil: there is this one.
	Members *cluster.Members
	// Peers reach the streams of those instances. nil: there are none.
	Peers *cluster.Peers
	// Drain is how long Serve, when its context ends, says that it is not ready before it lets streams go, and then over how long it does that.
	Drain time.Duration

	// Observe, when set, is called after each answer that is worth a line in a log: see Server.observed. It must not wait.
	Observe func(method, path string, status int, took time.Duration)
}

// Access adjusts who gets in, how, and how much of it. The zero value suits a server on loopback.
type Access struct {
	NoURLTokens    bool           // "?auth=" is refused
	TrustedProxies []netip.Prefix // whose word on a request's origin counts
	Origins        []string       // pages of these may use the API as ours do; see CheckOrigin
	// Hosts are the names that a Host header may have, without port, in small letters; none: any. It counts only where tokens are asked for.
	Hosts     []string
	PublicURL string // where readers find this server, such as "https://telltale.example", for links; "": as they asked

	Streams limit.Limits // open at once; zero fields: no bound
	Leases  limit.Leases // count streams of users over several instances; nil: this one's
	// Requests of one user, or where nobody is asked of one address, streams opened included; zero: no bound. Publishing has as much again, of
	// which a request takes one for each 256 KiB of its body, unfolded, and one if it is refused.
	Requests   limit.Rate
	Publishing limit.Rate // events recorded for one token, or where nobody is asked for one for one address; zero: no bound
	// NewServers bounds the servers that the hub's picture does not have for one user, or where nobody is asked for one address; zero: no
	// bound. Until the picture is ready all servers are new, and counted apart. Each instance counts for itself.
	NewServers limit.Rate
	MaxBody    int // bytes of a publishing request as they arrive; 0: DefaultMaxBody
	MaxEvent   int // bytes of one event; 0: as the catalogue allows

	TLS *tls.Config // nil: plain HTTP
}

// Server is the http.Handler. It may be served by any number of listeners.
type Server struct {
	log          journal.Log
	publisher    Publisher
	hub          *hub.Hub
	name         string
	version      string
	heartbeat    time.Duration
	logger       *slog.Logger
	private      *slog.Logger // not published
	observe      func(method, path string, status int, took time.Duration)
	crossOrigin  *http.CrossOriginProtection
	streams      *stream.Server
	app          *webApp
	handler      http.Handler
	refused      struct{ streams, publishing refusals }
	bodies       *budget // of publishing requests
	pages, drawn *room   // of answers from the record and of the picture, and of the app's pages
	turns        chan struct{}
	guard        *auth.Guard
	access       Access
	proxies      proxies
	registry     *limit.Registry
	polls        polls
	asking       *limit.Rates // requests but for publishing
	bringing     *limit.Rates // bodies published, see mayBring, and mistakes
	rates        *limit.Rates // events published
	names        *limit.Names // new servers
	grown        atomic.Int64 // publishing requests that mayGrow refused
	early        *limit.Names // the same until the picture is ready and tells which are new
	audit        *audit
	maxBody      int
	maxEvent     int
	publicHTTPS  string     // the host of an https Access.PublicURL: whoever asks for it did so over https
	checking     sync.Mutex // held while open streams are checked again
	router       *mux.Router
	listed       []route // every route

	past     History
	members  *cluster.Members
	peers    *cluster.Peers // nil: there is this instance alone
	remote   journal.Remote // the record, where it is in another process; nil: it is not
	drainFor time.Duration
	draining atomic.Bool

	closing context.Context // ends when Close is called
	close   context.CancelFunc
	running sync.WaitGroup // handlers
}

// New returns the server. It fails where Config.Files can't be read.
func New(c Config) (*Server, error) {
	s := &Server{
		log: c.Log, publisher: c.Publisher, hub: c.Hub, name: c.Name, version: c.Version, heartbeat: c.Heartbeat, logger: c.Logger, observe: c.Observe,
		crossOrigin: http.NewCrossOriginProtection(), pages: newRoom(maxPages), drawn: newRoom(maxDrawn), turns: make(chan struct{}, maxTurns),
	}
	if s.publisher == nil {
		s.publisher = c.Log
	}
	s.remote, _ = c.Log.(journal.Remote)
	s.drainFor, s.past, s.peers = c.Drain, c.History, c.Peers
	if s.members = c.Members; s.members == nil {
		s.members = cluster.NewMembers(cluster.Options{Version: c.Version})
	}
	if s.heartbeat <= 0 {
		s.heartbeat = DefaultHeartbeat
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.private = cmp.Or(c.Private, s.logger)
	if s.guard = c.Guard; s.guard == nil {
		var err error
		if s.guard, err = auth.New(auth.Config{}); err != nil {
			return nil, err
		}
	}
	s.access, s.proxies = c.Access, c.Access.TrustedProxies
	s.names, s.early = limit.NewNames(c.Access.NewServers), limit.NewNames(c.Access.NewServers)
	if u, err := url.Parse(c.Access.PublicURL); err == nil && u.Scheme == "https" {
		s.publicHTTPS = hostName(u.Host)
	}
	s.maxBody = cmp.Or(c.Access.MaxBody, DefaultMaxBody)
	s.bodies = newBudget(max(maxUnderWay, (1+unfolds)*s.maxBody+maxWindow)) // the largest body has to find room
	s.maxEvent = cmp.Or(c.Access.MaxEvent, maxEvent)
	s.registry = limit.New(c.Access.Streams, c.Access.Leases, s.private)
	s.asking, s.bringing = limit.NewRates(c.Access.Requests, 0), limit.NewRates(c.Access.Requests, 0)
	s.rates = limit.NewRates(c.Access.Publishing, 0)
	s.audit = newAudit(s.private)
	for _, origin := range append(slices.Clone(c.Access.Origins), originOf(c.Access.PublicURL)...) {
		if err := s.crossOrigin.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
	}
	s.closing, s.close = context.WithCancel(context.Background())
	c.Streams.Heartbeat, c.Streams.Version, c.Streams.Logger = s.heartbeat, c.Version, s.private
	c.Streams.Record = s.remote
	s.streams = stream.New(c.Hub, c.Streams)
	app, err := newApp(c.Files, c.Version, c.Hub, s.heartbeat, s.meOf)
	if err != nil {
		return nil, err
	}
	s.app = app
	s.handler = s.routes()
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Done()
	s.handler.ServeHTTP(w, r)
}

// Close ends the streams, each with its reason, and makes /readyz say no. It does not wait for them, and other requests
// are still answered.
func (s *Server) Close() {
	s.close()
	s.streams.Close()
}

// Serve answers on ln until ctx ends or ln fails, and then ends as the package comment says. It closes ln. The end by ctx
// is no error.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	// Without TLS too, as proxies speak it to those behind them.
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	serve := srv.Serve
	if s.access.TLS != nil {
		srv.Protocols.SetUnencryptedHTTP2(false)
		srv.Protocols.SetHTTP2(true)
		srv.TLSConfig = s.access.TLS
		serve = func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") }
	}
	var streaming sync.WaitGroup
	serving, end := context.WithCancel(context.WithoutCancel(ctx)) // until it has drained
	defer end()
	streaming.Go(func() { _ = s.streams.Run(serving) })
	checking, stop := context.WithCancel(serving)
	defer stop()
	streaming.Go(func() { s.keepChecking(checking) })
	streaming.Go(func() { _ = s.registry.Run(checking) })
	if s.peers != nil {
		streaming.Go(func() { _ = s.peers.Run(checking, local{s}) })
	}
	failed := make(chan error, 1)
	go func() { failed <- serve(ln) }()
	var err error
	select {
	case err = <-failed:
		s.Close()
	case <-ctx.Done():
		s.drain(s.closing)
		s.Close()
		end()
		left, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if srv.Shutdown(left) != nil {
			s.logger.Warn("requests were cut off", "after", drain)
		}
		err = <-failed
	}
	_ = srv.Close() // what did not drain; a write to it fails, so its handler ends
	s.running.Wait()
	stop()
	streaming.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("web: serve: %w", err)
	}
	return nil
}

// originOf returns the origin of an address, as a list of one, or none.
func originOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}

// whenReady returns an error unless streams can be served.
func (s *Server) whenReady() error {
	if s.closing.Err() != nil {
		return ending()
	}
	select {
	case <-s.hub.Ready():
		return nil
	default:
	}
	return starting()
}

func starting() *problem {
	p := fail(http.StatusServiceUnavailable, "The server is starting, and reads its record: try again.")
	p.retryAfter, p.elsewhere = 1, true
	return p
}

func ending() *problem {
	p := fail(http.StatusServiceUnavailable, "The server is shutting down: try again.")
	p.retryAfter, p.elsewhere = 2, true
	return p
}

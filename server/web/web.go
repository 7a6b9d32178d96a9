// Package web is Telltale over HTTP: the streams, publishing, reading back, and the app. routes.go lists every URL.
//
// # The end
//
// Close is the beginning of it: /readyz says no, and every stream gets a "retry:", a stream:closing, and its end. Serve does
// that when its context ends, waits a while for the answers and streams under way, and returns when none is left.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
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

	Version   string        // of this program
	Heartbeat time.Duration // of streams; 0: DefaultHeartbeat
	Logger    *slog.Logger  // nil: nowhere
	// Streams adjusts the streams; its Heartbeat, Version and Logger are those above.
	Streams stream.Options

	// Observe, when set, is called after each answer that is worth a line in a log: see Server.observed. It must not wait.
	Observe func(method, path string, status int, took time.Duration)
}

// Server is the http.Handler. It may be served by any number of listeners.
type Server struct {
	log         journal.Log
	publisher   Publisher
	hub         *hub.Hub
	version     string
	heartbeat   time.Duration
	logger      *slog.Logger
	observe     func(method, path string, status int, took time.Duration)
	crossOrigin *http.CrossOriginProtection
	streams     *stream.Server
	app         *webApp
	handler     http.Handler
	refused     struct{ streams, publishing refusals }

	closing context.Context // ends when Close is called
	close   context.CancelFunc
	running sync.WaitGroup // handlers
}

// New returns the server. It fails where Config.Files can't be read.
func New(c Config) (*Server, error) {
	s := &Server{
		log: c.Log, publisher: c.Publisher, hub: c.Hub, version: c.Version, heartbeat: c.Heartbeat, logger: c.Logger, observe: c.Observe,
		crossOrigin: http.NewCrossOriginProtection(),
	}
	if s.publisher == nil {
		s.publisher = c.Log
	}
	if s.heartbeat <= 0 {
		s.heartbeat = DefaultHeartbeat
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.closing, s.close = context.WithCancel(context.Background())
	c.Streams.Heartbeat, c.Streams.Version, c.Streams.Logger = s.heartbeat, c.Version, s.logger
	s.streams = stream.New(c.Hub, c.Streams)
	app, err := newApp(c.Files, c.Version, c.Hub, s.heartbeat)
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
	var streaming sync.WaitGroup
	streaming.Go(func() { _ = s.streams.Run(ctx) })
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-failed:
		s.Close()
	case <-ctx.Done():
		s.Close()
		left, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if srv.Shutdown(left) != nil {
			s.logger.Warn("requests were cut off", "after", drain)
		}
		err = <-failed
	}
	_ = srv.Close() // what did not drain; a write to it fails, so its handler ends
	s.running.Wait()
	streaming.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("web: serve: %w", err)
	}
	return nil
}

// whenReady returns an error unless streams can be served.
func (s *Server) whenReady() error {
	if s.closing.Err() != nil {
		p := fail(http.StatusServiceUnavailable, "The server is shutting down: try again.")
		p.retryAfter = 2
		return p
	}
	select {
	case <-s.hub.Ready():
		return nil
	default:
	}
	p := fail(http.StatusServiceUnavailable, "The server is starting, and reads its record: try again.")
	p.retryAfter = 1
	return p
}

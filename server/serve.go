package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/public"
	"github.com/mcp-cloud/telltale/server/admin"
	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/history"
	"github.com/mcp-cloud/telltale/server/host"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// serveCmd is the server.
type serveCmd struct {
	Listen    string        `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on; one that a network can reach needs tokens, see --jwt-secret-file and its like. Port 0 takes any that is free. Default: ${default}."`
	Data      string        `default:"${data}" placeholder:"DIR" help:"Folder of the record. Default: ${default}."`
	Name      string        `placeholder:"NAME" help:"What the pages call this fleet, for those who look at several. At most 40 characters. Default: nothing."`
	ServerID  string        `name:"server-id" placeholder:"ID" help:"This machine's id among the servers. Default: its host name."`
	NoHost    bool          `name:"no-host" help:"Do not publish this machine's own state, numbers and log."`
	Heartbeat time.Duration `default:"15s" help:"Time between heartbeats of a stream. Default: ${default}."`
	Detach    bool          `default:"true" negatable:"" help:"On Linux, keep of an idle HTTP/1.1 stream its socket and no goroutine. Default: ${default}."`
	Gzip      bool          `default:"true" negatable:"" help:"Compress streams for those who accept gzip, once for all of them. Default: ${default}."`
	MaxAge    age           `name:"max-age" default:"4h" help:"How long a stream lasts before it is asked to come back, give or take a quarter. 0: for ever. Default: ${default}."`
	Drain     time.Duration `default:"0" help:"How long, when it is told to end, the server says at /readyz that it is not ready while all goes on, so that a balancer sends new streams elsewhere; then it lets its streams go, spread over as much time again. Default: ${default}."`
	Admin     string        `placeholder:"ADDRESS" help:"Private address for those who run the server, a loopback one: Prometheus metrics, profiles, a dashboard and alert rules; printed as a second line when it is on. Default: none."`
	LogLevel  slog.Level    `default:"info" placeholder:"LEVEL" help:"What is logged on standard error: debug, info, warn or error. Default: ${default}."`

	Access accessFlags  `embed:""`
	Net    networkFlags `embed:""`
	Secret redactFlags  `embed:""`
	Record recordFlags  `embed:""`

	Throttle        time.Duration `default:"${throttle}" group:"How often things are recorded" help:"Least time between two recorded samples of one metric of one server, by their own timestamps. What comes sooner is held, and the newest of it recorded when that time is over. Events published with an id of their own are never held. 0: record all. Default: ${default}."`
	Debounce        time.Duration `default:"${debounce}" group:"How often things are recorded" help:"How long a server whose state flaps has to be calm: the first changes within that time are recorded at once, then only the last of them when it is calm, with how many were held. 0: record all. Default: ${default}."`
	DebounceChanges int           `default:"${changes}" group:"How often things are recorded" help:"How many changes of a server's state within --debounce are not flapping. Default: ${default}."`
	DebounceMax     time.Duration `default:"${longest}" group:"How often things are recorded" help:"How long the state of a server that goes on flapping is held at most, but never less than --debounce. Default: ${default}."`

	BatchWindow time.Duration `default:"0" group:"How often things are sent" help:"How long lines and samples wait at most for others that go to the same readers, once some have just gone out. Saves work where few read much; where many do, what is ready goes out together anyway. State never waits. 0: send all at once. Default: ${default}."`

	StateAge    age  `default:"30d" group:"What is kept in the record" help:"How long state is kept (servers, deployments, unknown types); the latest of each type per server stays, of unknown types the newest 100. 0: for ever. Default: ${default}."`
	StateBytes  size `default:"64MiB" group:"What is kept in the record" help:"How much of it. 0: all. Default: ${default}."`
	SampleAge   age  `default:"6h" group:"What is kept in the record" help:"How long metrics are kept. Default: ${default}."`
	SampleBytes size `default:"32MiB" group:"What is kept in the record" help:"How much of them. Default: ${default}."`
	LineAge     age  `default:"3d" group:"What is kept in the record" help:"How long log lines are kept. Default: ${default}."`
	LineBytes   size `default:"64MiB" group:"What is kept in the record" help:"How much of them. Default: ${default}."`
	HistoryAge  age  `default:"${historyage}" group:"What is kept in the record" help:"How long the history of metrics is kept, minute by minute; its seconds are kept for an hour. Default: ${default}."`
	DedupAge    age  `default:"1d" group:"What is kept in the record" help:"How long a publisher's own id of an event is remembered. Default: ${default}."`
}

// maxName keeps a name within the header of the page.
const maxName = 40

func (c *serveCmd) retention() journal.Retention {
	limit := func(a age, s size) journal.Limit { return journal.Limit{Age: time.Duration(a), Bytes: int64(s)} }
	return journal.Retention{
		State: limit(c.StateAge, c.StateBytes), Sample: limit(c.SampleAge, c.SampleBytes), Line: limit(c.LineAge, c.LineBytes),
		DedupWindow: time.Duration(c.DedupAge),
	}
}

func (c *serveCmd) streams() stream.Options {
	o := stream.Options{Portable: !c.Detach, Plain: !c.Gzip, MaxAge: time.Duration(c.MaxAge)}
	if o.MaxAge == 0 {
		o.MaxAge = -1 // none, where the zero value is the default
	}
	return o
}

func (c *serveCmd) pace(logger *slog.Logger) pace.Options {
	return pace.Options{Throttle: c.Throttle, Debounce: c.Debounce, Changes: c.DebounceChanges, Longest: c.DebounceMax, Logger: logger}
}

// Validate is called by kong.
func (c *serveCmd) Validate() error {
	if c.Heartbeat < 10*time.Millisecond {
		return errors.New("--heartbeat: at least 10ms")
	}
	if c.MaxAge > 0 && time.Duration(c.MaxAge) < 10*time.Millisecond {
		return errors.New("--max-age: at least 10ms, or 0")
	}
	if c.Throttle < 0 || c.Throttle > time.Minute {
		return errors.New("--throttle: from 0 to 1m")
	}
	if c.Debounce < 0 || c.Debounce > time.Minute {
		return errors.New("--debounce: from 0 to 1m")
	}
	if c.DebounceChanges < 1 || c.DebounceChanges > 1000 {
		return errors.New("--debounce-changes: from 1 to 1000")
	}
	if c.DebounceMax <= 0 || c.DebounceMax > 10*time.Minute {
		return errors.New("--debounce-max: more than 0, at most 10m")
	}
	if c.BatchWindow < 0 || c.BatchWindow > time.Second {
		return errors.New("--batch-window: from 0 to 1s")
	}
	if a := time.Duration(c.HistoryAge); a < history.MinAge || a > history.MaxAge {
		return errors.New("--history-age: from 1h to 90d")
	}
	if c.DedupAge <= 0 {
		return errors.New("--dedup-age: more than 0")
	}
	if utf8.RuneCountInString(c.Name) > maxName {
		return errors.New("--name: at most 40 characters")
	}
	if err := checkDrain(c.Drain); err != nil {
		return err
	}
	if c.Admin != "" {
		if err := admin.CheckListen(c.Admin); err != nil {
			return fmt.Errorf("--admin: %w", err)
		}
	}
	return c.checkListen(c.Listen)
}

// checkListen refuses an address that a network can reach where nobody is asked for a token, and says what to do.
func (c *serveCmd) checkListen(address string) error {
	err := web.CheckListen(address, c.Access.asks())
	if errors.Is(err, web.ErrOpen) {
		return tokensNeeded(address)
	}
	return err
}

// Run serves until the program's context ends. Then it ends in this order, each step when the one before is done: HTTP (not
// ready; streams told, after --drain; answers under way finished), this machine (which says that it is offline), what it has to do with other instances (its leases are given back, and
// they are told), the pacer (which records what it holds), the history (which is made of that too), the hub, the keys and revocations, the admin address, the record.
func (c *serveCmd) Run(p *program) (err error) {
	secrets, err := c.Secret.redactor()
	if err != nil {
		return err
	}
	plain := redactedLog(secrets, slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	raw := slog.New(plain) // for those whose news must not be published: see host.Config.Logger
	logger := raw

	ln, err := listen(c.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := c.checkListen(ln.Addr().String()); err != nil { // "localhost" is whatever the system says it is
		return err
	}
	access, err := c.Net.access(c.Access.asks(), raw)
	if err != nil {
		return err
	}
	c.Net.clear(ln.Addr().String(), raw)
	private, err := listenAdmin(c.Admin)
	if err != nil {
		return err
	}
	if private != nil {
		defer private.Close()
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("folder of the record: %w (choose another with --data)", err)
	}
	log, err := c.openRecord(p.ctx, raw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	var site *web.Server
	here, outside := placed(ln.Addr().String())
	others, err := c.joinOthers(log, outside, func() *web.Server { return site })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, others.close()) }()
	access.Leases = others.limitLeases()
	guard, err := auth.New(c.Access.config(log, others.authVault(), raw))
	if err != nil {
		return err
	}
	h := hub.New(log, hub.Options{Window: c.BatchWindow, PictureBytes: int(c.Net.PictureBytes)})
	past := history.New(log, history.Options{Age: time.Duration(c.HistoryAge), Logger: raw})
	pacer := pace.New(log, c.pace(raw))
	publisher := redactedRecord(secrets, pacer) // all that is recorded passes it
	config := web.Config{Log: log, Publisher: publisher, Hub: h, Files: public.Files, Name: c.Name, Version: version, Heartbeat: c.Heartbeat, Streams: c.streams(),
		Guard: guard, Access: access, Members: others.members, Peers: others.peers, History: past, Drain: c.Drain, Private: raw}
	var machine *host.Source
	if !c.NoHost {
		machine = host.New(host.Config{Server: c.serverID(), Version: version, Disk: c.Data, Logger: raw})
		logger = slog.New(machine.Handler(plain))
		config.Observe = machine.Request
	}
	config.Logger = logger
	site, err = web.New(config)
	if err != nil {
		return err
	}

	ended := make(chan error, 9) // what a part ended with of itself
	var parts []*part
	if private != nil {
		parts = append(parts, start(p.ctx, ended, "admin", serveAdmin(private, log, others, h, pacer, site, secrets, raw)))
	}
	parts = append(parts, start(p.ctx, ended, "access", guard.Run), start(p.ctx, ended, "hub", h.Run), start(p.ctx, ended, "history", past.Run), start(p.ctx, ended, "pace", pacer.Run),
		start(p.ctx, ended, "leases", others.runLeases), start(p.ctx, ended, "members", others.members.Run))
	online := make(chan string, 1)
	if machine != nil {
		parts = append(parts, start(p.ctx, ended, "host", func(ctx context.Context) error { return machine.Run(ctx, publisher, online) }))
	}
	parts = append(parts, start(p.ctx, ended, "web", func(ctx context.Context) error { return site.Serve(ctx, ln) }))

	select {
	case <-h.Ready():
		select { // until then nobody can be let in who has a token
		case <-guard.Ready():
		case <-p.ctx.Done():
		}
		scheme := "http://"
		if access.TLS != nil {
			scheme = "https://"
		}
		url := scheme + here
		online <- cmp.Or(access.PublicURL, scheme+outside)
		logger.Info("online", "url", url, "data", filepath.Clean(c.Data), "version", version)
		said := url
		if private != nil {
			said += "\nadmin http://" + private.Addr().String()
		}
		if _, werr := fmt.Fprintln(p.stdout, said); werr != nil {
			err = fmt.Errorf("standard output: %w", werr)
			break
		}
		select {
		case err = <-ended:
		case <-p.ctx.Done():
		}
	case err = <-ended:
	case <-p.ctx.Done():
	}
	logger.Info("stopping")
	for i := len(parts) - 1; i >= 0; i-- {
		err = errors.Join(err, parts[i].stop())
	}
	return err
}

// serverID returns this machine's id.
func (c *serveCmd) serverID() string {
	if c.ServerID != "" {
		return host.ServerID(c.ServerID)
	}
	name, _ := os.Hostname() // without a name it still has an id
	return host.ServerID(name)
}

// placed says at which address this machine itself finds the server that listens there, and at which others do, who are told by this machine's name
// where it listens on every address there is.
func placed(listening string) (here, others string) {
	at, err := netip.ParseAddrPort(listening)
	if err != nil || !at.Addr().IsUnspecified() {
		return listening, listening
	}
	port := strconv.Itoa(int(at.Port()))
	here = net.JoinHostPort("127.0.0.1", port)
	if name, err := os.Hostname(); err == nil && name != "" {
		return here, net.JoinHostPort(name, port)
	}
	return here, listening
}

// listen opens the listener, and says what to do where the address is taken.
func listen(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("port %s is taken by another program, perhaps another telltale: stop it, or choose another address with --listen, such as 127.0.0.1:0 for any free port: %w", port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// part is one long-running piece of the server, with a context of its own so that the pieces end in order.
type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

// start runs f. The end of ctx is not passed on; ctx is there for its values. When f ends before it is told to, that is sent to
// ended, which must have room for every part.
func start(ctx context.Context, ended chan<- error, name string, f func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &part{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		err := f(ctx)
		if ctx.Err() != nil {
			if !errors.Is(err, context.Canceled) {
				p.err = err
			}
			return
		}
		if err == nil {
			err = errors.New("ended of itself")
		}
		ended <- fmt.Errorf("%s: %w", name, err)
	}()
	return p
}

// stop tells the part to end and waits until it has. It returns what went wrong on the way.
func (p *part) stop() error {
	p.cancel()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

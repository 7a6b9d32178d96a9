package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// Leeway is how far the clock of whoever signs tokens may be ahead of this machine's.
const Leeway = 30 * time.Second

// MaxToken is the longest token that is looked at, in bytes: what fits in a header of common proxies.
const MaxToken = 8 << 10

// Config says whose tokens are taken. With no secret, key or URL at all nobody is asked.
type Config struct {
	Secret        []byte // verifies HS256; at least MinSecret bytes
	SecretFile    string // the same in a file, without white space at its ends; read again when it changes
	PublicKeyFile string // PEM, one or more public keys or certificates; read again when it changes
	JWKSURL       string // a JSON Web Key Set: https, or http of this machine; fetched now and then

	Issuer   string // what "iss" must be; empty: anything
	Audience string // what "aud" must name; empty: anything

	// Notes keeps the revocations, and tells of those of other instances. nil: they last as long as the Guard.
	Notes journal.Notes
	// Vault keeps the tickets. nil: in memory.
	Vault Vault
	// Logger is told when keys change or can't be read. nil: nobody is.
	Logger *slog.Logger
	// Transport fetches the JWKSURL. nil: one like http.DefaultTransport, without connections that stay open.
	Transport http.RoundTripper
}

// ErrConfig is wrapped by the errors of New: a mistake of whoever runs the program.
var ErrConfig = errors.New("who may do what")

// Guard checks tokens. See the package's comment for how it may be used.
type Guard struct {
	c       Config
	open    bool
	sources []source
	ready   chan struct{} // closed when Run has read all there is to read once
	keys    atomic.Pointer[[]key]
	revoked revocations
	fetch   *fetcher // nil without a JWKSURL
	vault   Vault

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	held    [][]key // of each source
}

// New returns a Guard, or an error that says what is wrong with the configuration and what to do. It reads the files, and fetches nothing:
// that is for Run.
func New(c Config) (*Guard, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Guard{c: c, ready: make(chan struct{}), changed: make(chan struct{}), vault: c.Vault}
	if g.vault == nil {
		g.vault = newMemory()
	}
	g.revoked.init(c.Notes != nil)
	if err := g.readKeys(); err != nil {
		return nil, err
	}
	g.open = len(g.held) == 0
	if g.open && (c.Issuer != "" || c.Audience != "") {
		return nil, fmt.Errorf("%w: --jwt-issuer and --jwt-audience say which tokens are taken, and no key is given to verify them with: add --jwt-secret-file, --jwt-public-key or --jwks-url", ErrConfig)
	}
	return g, nil
}

// Open reports that nobody is asked for a token: nothing is configured, and everybody may do everything.
func (g *Guard) Open() bool { return g.open }

// Ready is closed when Run has read the revocations, and has fetched keys or failed to: from then on Check can tell.
func (g *Guard) Ready() <-chan struct{} { return g.ready }

// Changed returns a channel that is closed at the next change of the revocations or the keys: time to ask Still of all
// grants that are in use, after asking for the next channel.
func (g *Guard) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

func (g *Guard) tellChanged() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.changed)
	g.changed = make(chan struct{})
}

// Still returns nil, or the Refusal by which a grant that was given before has ended: it has expired, was revoked, or its key is no longer
// taken.
func (g *Guard) Still(grant *Grant) error {
	if g.open {
		return nil
	}
	if err := grant.expired(time.Now()); err != nil {
		return err
	}
	if err := g.revoked.refuse(grant); err != nil {
		return err
	}
	for _, k := range *g.keys.Load() {
		if k.mark == grant.key {
			return nil
		}
	}
	return refuse(KeyGone, "The key that this token was signed with is no longer in use. Sign in again, or ask for a new token.")
}

// Run keeps keys and revocations as they are elsewhere: it reads files that change, fetches key sets and watches the Notes, until ctx
// ends, and returns ctx's error when all of that has stopped. What can't be read is logged and tried again while what was read before stays in
// force. It may be called once.
func (g *Guard) Run(ctx context.Context) error {
	var running, first sync.WaitGroup
	start := func(f func(ctx context.Context, once func())) {
		first.Add(1)
		running.Go(func() {
			once := sync.OnceFunc(first.Done)
			defer once()
			f(ctx, once)
		})
	}
	if g.c.Notes != nil && !g.open {
		start(g.watchRevocations)
	}
	for i, s := range g.sources {
		start(func(ctx context.Context, once func()) { s.follow(ctx, func(keys []key) { g.hold(i, keys) }, once) })
	}
	start(g.pruneRevocations)
	running.Go(func() {
		first.Wait()
		if ctx.Err() == nil {
			close(g.ready)
		}
	})
	running.Wait()
	return ctx.Err()
}

package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

// TicketFor is what a ticket is for. One that is for something else is no ticket.
type TicketFor string

const (
	Stream TicketFor = "stream" // one stream, in place of a token in its URL
	SignIn TicketFor = "signIn" // one sign-in, as a link
)

// lasts is how long a ticket may wait to be used.
func (f TicketFor) lasts() time.Duration {
	if f == SignIn {
		return 10 * time.Minute
	}
	return 30 * time.Second
}

// Vault keeps tickets until they are used, all instances the same ones. It sees neither tickets nor tokens: keys are hashes, values are
// sealed with what only the ticket's holder has. Its methods may be called at once from any number of goroutines.
type Vault interface {
	// Put keeps a value under a key that is new, for so long. Owner is whose it is, so that nobody takes the room of all; where
	// there is no room it returns ErrFull.
	Put(ctx context.Context, key, owner string, value []byte, lasts time.Duration) error
	// Look returns what is kept under a key; nil when there is nothing. The value is nobody's to change.
	Look(ctx context.Context, key string) ([]byte, error)
	// Take takes out what is kept under a key: of all Takes of all instances one gets it. It returns nil when there is nothing.
	Take(ctx context.Context, key string) ([]byte, error)
}

// ErrFull means that a Vault has no room, in all or for that owner.
var ErrFull = errors.New("too many tickets wait to be used")

// NewTicket returns a code that stands for a token once, for a moment: 30 seconds for a stream, ten minutes for a sign-in, and no longer than
// the token itself. Grant is what Check made of the token.
func (g *Guard) NewTicket(ctx context.Context, kind TicketFor, token string, grant *Grant) (code string, expires time.Time, err error) {
	now := time.Now()
	if err := g.Still(grant); err != nil {
		return "", time.Time{}, err
	}
	expires = now.Add(kind.lasts())
	if !grant.Expires.IsZero() && grant.Expires.Before(expires) {
		expires = grant.Expires
	}
	code = rand.Text()
	name, sealer := kind.open(code)
	value := sealer.Seal(nil, make([]byte, sealer.NonceSize()), []byte(token), nil) // a key seals once
	if err := g.vault.Put(ctx, name, grant.User, value, expires.Sub(now)); err != nil {
		return "", time.Time{}, fmt.Errorf("ticket: %w", err)
	}
	return code, expires, nil
}

// Redeem returns the token that a code stands for, and what it grants now: it is checked as any token is. A code is good once, and of two
// who come with it at the same moment one gets in.
func (g *Guard) Redeem(ctx context.Context, kind TicketFor, code string) (token string, grant *Grant, err error) {
	return g.use(ctx, g.vault.Take, kind, code)
}

// Peek returns whose token a code stands for, and leaves the code as good as it is. It is for a page that asks before it uses up a link:
// programs that look at links for people must not.
func (g *Guard) Peek(ctx context.Context, kind TicketFor, code string) (user string, err error) {
	_, grant, err := g.use(ctx, g.vault.Look, kind, code)
	if err != nil {
		return "", err
	}
	return grant.User, nil
}

func (g *Guard) use(ctx context.Context, fetch func(context.Context, string) ([]byte, error), kind TicketFor, code string) (string, *Grant, error) {
	bad := refuse(Ticket, "That ticket is not good, or no longer: each is good once, and for a short time. Ask for a new one.")
	if len(code) > 100 {
		return "", nil, bad
	}
	name, sealer := kind.open(code)
	value, err := fetch(ctx, name)
	if err != nil {
		return "", nil, fmt.Errorf("ticket: %w", err)
	}
	token, err := sealer.Open(nil, make([]byte, sealer.NonceSize()), value, nil)
	if err != nil {
		return "", nil, bad
	}
	grant, err := g.Check(string(token))
	if err != nil {
		return "", nil, err
	}
	return string(token), grant, nil
}

// open returns the key under which what a code stands for is kept, and what seals it.
func (f TicketFor) open(code string) (name string, sealer cipher.AEAD) {
	id := sha256.Sum256([]byte("telltale ticket name\n" + string(f) + "\n" + code))
	seal := sha256.Sum256([]byte("telltale ticket seal\n" + string(f) + "\n" + code))
	block, err := aes.NewCipher(seal[:])
	if err == nil {
		sealer, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err) // of a key of 32 bytes it can't be
	}
	return hex.EncodeToString(id[:]), sealer
}

// Bounds of tickets in memory: at some 8 KiB each at most 32 MiB, of which one owner may have half a megabyte.
const (
	maxTickets = 4096
	maxOwned   = 64
)

// memory is the Vault of a single instance.
type memory struct {
	mu    sync.Mutex // guards what follows
	kept  map[string]kept
	owned map[string]int
	swept time.Time // when those that are over were last taken out
}

type kept struct {
	owner string
	value []byte
	until time.Time
}

func newMemory() *memory { return &memory{kept: make(map[string]kept), owned: make(map[string]int)} }

func (m *memory) full(owner string) bool {
	return len(m.kept) >= maxTickets || m.owned[owner] >= maxOwned
}

func (m *memory) Put(_ context.Context, key, owner string, value []byte, lasts time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.full(owner) || now.Sub(m.swept) > Stream.lasts() {
		m.swept = now
		for key, k := range m.kept {
			if !now.Before(k.until) {
				m.drop(key, k)
			}
		}
	}
	if m.full(owner) {
		return ErrFull
	}
	m.kept[key] = kept{owner, value, now.Add(lasts)}
	m.owned[owner]++
	return nil
}

func (m *memory) Look(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.kept[key]
	if !ok || !time.Now().Before(k.until) {
		return nil, nil
	}
	return k.value, nil
}

func (m *memory) Take(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.kept[key]
	if !ok {
		return nil, nil
	}
	m.drop(key, k)
	if !time.Now().Before(k.until) {
		return nil, nil
	}
	return k.value, nil
}

func (m *memory) drop(key string, k kept) {
	delete(m.kept, key)
	if m.owned[k.owner]--; m.owned[k.owner] == 0 {
		delete(m.owned, k.owner)
	}
}

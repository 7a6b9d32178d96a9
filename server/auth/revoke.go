package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of revocations.
const (
	maxRevocations = 10_000
	maxReason      = 200 // bytes
	pruneEvery     = time.Hour
	watchAgain     = 5 * time.Second
	notePrefix     = "revoked/"
)

// ErrTooMany means that no more revocations are kept.
var ErrTooMany = errors.New("there are too many revocations: lift some that are no longer needed, or replace the key that signs tokens")

// Revocation turns somebody or something away. Exactly one of its first three fields is set.
type Revocation struct {
	// User ends all tokens of a user that were issued at At or before, and those that don't say when. What he is given later is good;
	// and so is what was given before by a signer whose clock is ahead, for as much as it is: at most Leeway.
	User string `json:"user,omitempty"`
	// TokenID ends one token, by Grant.TokenID.
	TokenID string `json:"token,omitempty"`
	// KeyID ends all tokens that a key signed, by Grant.KeyID, now and to come.
	KeyID string `json:"key,omitempty"`

	Reason string    `json:"reason,omitempty"` // told to those who are turned away; at most 200 bytes
	By     string    `json:"by,omitempty"`     // who did it
	At     time.Time `json:"at"`               // zero: now
	// Until is when the revocation is no longer needed: a revoked token's own end. Zero: it is kept until it is lifted.
	Until time.Time `json:"until,omitzero"`
}

// name returns the name of the revocation's note, or an error when it can't be.
func (r *Revocation) name() (string, error) {
	kind, what := "", ""
	for _, f := range []struct{ kind, what string }{{"user", r.User}, {"token", r.TokenID}, {"key", r.KeyID}} {
		if f.what == "" {
			continue
		}
		if kind != "" {
			return "", errors.New("revoke a user, a token or a key, one at a time")
		}
		kind, what = f.kind, f.what
	}
	if kind == "" {
		return "", errors.New("revoke a user, a token or a key: none is named")
	}
	if err := checkName(what, max(maxUser, maxID)); err != nil {
		return "", fmt.Errorf("revoke that %s: %w", kind, err)
	}
	for _, text := range []string{r.Reason, r.By} {
		if err := checkName(text, maxReason); err != nil {
			return "", fmt.Errorf("revoke: the reason: %w", err)
		}
	}
	sum := sha256.Sum256([]byte(what))
	return kind + "/" + hex.EncodeToString(sum[:16]), nil
}

func (r *Revocation) over(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// revocations are those in force.
type revocations struct {
	known atomic.Bool                           // what others revoked has been read
	now   atomic.Pointer[map[string]Revocation] // by the names of their notes; never changed

	mu      sync.Mutex            // guards what follows, and changes of now
	noted   bool                  // there are notes, which will tell of own ones too
	watched map[string]Revocation // as the notes told; never changed
	own     map[string]own        // made here, and not told by the notes yet
}

// own is a revocation that was made here. When the notes tell of others after settled and not of this one, it has been lifted.
type own struct {
	Revocation
	settled time.Time
}

// settling is how long the notes may take to tell what was put there.
const settling = 10 * time.Second

func (r *revocations) init(noted bool) {
	r.now.Store(&map[string]Revocation{})
	r.own = make(map[string]own)
	r.noted = noted
	r.known.Store(!noted)
}

// publish shows Check what is in force. r.mu is held.
func (r *revocations) publish() {
	all := make(map[string]Revocation, len(r.watched)+len(r.own))
	maps.Copy(all, r.watched)
	for name, own := range r.own {
		all[name] = own.Revocation
	}
	r.now.Store(&all)
}

// refuse returns the Refusal of a grant that was revoked, or nil.
func (r *revocations) refuse(g *Grant) error {
	all := *r.now.Load()
	if len(all) == 0 {
		return nil
	}
	for _, of := range []Revocation{{User: g.User}, {TokenID: g.TokenID}, {KeyID: g.KeyID}} {
		name, err := of.name()
		if err != nil {
			continue
		}
		found, ok := all[name]
		if !ok || found.User != "" && g.IssuedAt.After(found.At) {
			continue
		}
		text := "Access with this token has been revoked"
		if found.Reason != "" {
			text += ": " + found.Reason
		}
		return refuse(Revoked, text+". Sign in again, or ask for a new token.")
	}
	return nil
}

// Revoke turns somebody or something away from now on, for all instances and beyond a restart where there are Notes: when it returns without an
// error it is durable, and Check and Still of this Guard refuse. A user who is revoked again is revoked as of the later moment.
func (g *Guard) Revoke(ctx context.Context, r Revocation) error {
	name, err := r.name()
	if err != nil {
		return err
	}
	if r.At.IsZero() {
		r.At = time.Now()
	}
	r.At = r.At.UTC()
	all := *g.revoked.now.Load()
	if before, ok := all[name]; ok && before.At.After(r.At) {
		r.At = before.At
	} else if !ok && len(all) >= maxRevocations {
		return ErrTooMany
	}
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	if g.c.Notes != nil {
		if err := g.c.Notes.PutNote(ctx, notePrefix+name, value); err != nil {
			return fmt.Errorf("revoke: %w", err)
		}
	}
	g.revoked.mu.Lock()
	g.revoked.own[name] = own{r, time.Now().Add(settling)}
	g.revoked.publish()
	g.revoked.mu.Unlock()
	g.tellChanged()
	return nil
}

// Lift takes a revocation back; of r only the field that says who or what is looked at. One that is not there is no error.
func (g *Guard) Lift(ctx context.Context, r Revocation) error {
	name, err := r.name()
	if err != nil {
		return err
	}
	return g.lift(ctx, name)
}

func (g *Guard) lift(ctx context.Context, name string) error {
	if g.c.Notes != nil {
		if err := g.c.Notes.PutNote(ctx, notePrefix+name, nil); err != nil {
			return fmt.Errorf("lift a revocation: %w", err)
		}
	}
	g.revoked.mu.Lock()
	delete(g.revoked.own, name)
	watched := maps.Clone(g.revoked.watched)
	delete(watched, name)
	g.revoked.watched = watched
	g.revoked.publish()
	g.revoked.mu.Unlock()
	g.tellChanged()
	return nil
}

// Revocations returns those in force, in no order.
func (g *Guard) Revocations() []Revocation {
	now := time.Now()
	var out []Revocation
	for _, r := range *g.revoked.now.Load() {
		if !r.over(now) {
			out = append(out, r)
		}
	}
	return out
}

// watchRevocations keeps them as the Notes have them, until ctx ends.
func (g *Guard) watchRevocations(ctx context.Context, once func()) {
	for {
		err := g.c.Notes.WatchNotes(ctx, notePrefix, func(notes map[string][]byte) error {
			g.told(notes)
			once()
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		g.c.Logger.Error("revocations of others can't be read; those read before stay in force", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchAgain):
		}
	}
}

// told takes what the notes say.
func (g *Guard) told(notes map[string][]byte) {
	watched := make(map[string]Revocation, len(notes))
	for name, value := range notes {
		var r Revocation
		err := json.Unmarshal(value, &r)
		if err == nil {
			var is string
			if is, err = r.name(); err == nil && is != name {
				err = errors.New("it is kept under another name")
			}
		}
		if err != nil {
			g.c.Logger.Error("a revocation can't be read and is not in force", "note", notePrefix+name, "err", err)
			continue
		}
		watched[name] = r
	}
	g.revoked.mu.Lock()
	g.revoked.watched = watched
	g.revoked.settle()
	g.revoked.publish()
	g.revoked.known.Store(true)
	g.revoked.mu.Unlock()
	g.tellChanged()
}

// settle forgets own revocations that the notes tell of, or have not told of for so long that they were lifted elsewhere. r.mu is held.
func (r *revocations) settle() {
	now := time.Now()
	maps.DeleteFunc(r.own, func(name string, o own) bool {
		told, ok := r.watched[name]
		return r.noted && (ok && !told.At.Before(o.At) || now.After(o.settled))
	})
}

// pruneRevocations lifts those that are no longer needed, now and then until ctx ends.
func (g *Guard) pruneRevocations(ctx context.Context, once func()) {
	once()
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.revoked.mu.Lock()
		g.revoked.settle()
		g.revoked.publish()
		g.revoked.mu.Unlock()
		now := time.Now()
		for name, r := range *g.revoked.now.Load() {
			if !r.over(now) {
				continue
			}
			if err := g.lift(ctx, name); err != nil && ctx.Err() == nil {
				g.c.Logger.Error("a revocation that is over can't be forgotten", "err", err)
				break
			}
		}
	}
}

package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
)

// noted is journal.Notes in memory, shared by the Guards of a test, who are told late.
type noted struct {
	mu      sync.Mutex
	values  map[string][]byte
	changed chan struct{}
	late    time.Duration
	fails   error
}

func newNoted(late time.Duration) *noted {
	return &noted{values: make(map[string][]byte), changed: make(chan struct{}), late: late}
}

func (n *noted) PutNote(_ context.Context, name string, value []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil {
		return n.fails
	}
	if value == nil {
		delete(n.values, name)
	} else {
		n.values[name] = value
	}
	close(n.changed)
	n.changed = make(chan struct{})
	return nil
}

func (n *noted) WatchNotes(ctx context.Context, prefix string, fn func(map[string][]byte) error) error {
	for {
		time.Sleep(time.Millisecond) // so that what a test does at one moment is one change
		n.mu.Lock()
		changed, fails := n.changed, n.fails
		now := make(map[string][]byte)
		for name, value := range n.values {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				now[rest] = value
			}
		}
		n.mu.Unlock()
		if fails != nil {
			return fails
		}
		select {
		case <-time.After(n.late):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := fn(now); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // in the middle of a second, as moments are
		g := newGuard(t, nil)
		token := func(user, id string) string {
			return hs256(fmt.Sprintf(`{"sub":%q,"jti":%q,"servers":"*","iat":NOW,"exp":IN}`, user, id))
		}
		a1, a2, b1 := token("alice", "a1"), token("alice", "a2"), token("bob", "b1")
		undated := hs256(`{"sub":"alice","jti":"a3","servers":"*","exp":IN}`)
		grants := map[string]*Grant{}
		for _, text := range []string{a1, a2, b1, undated} {
			grants[text] = must(g.Check(text))
		}
		check := func(what string, bad ...string) {
			t.Helper()
			for text, grant := range grants {
				want := strings.Contains(strings.Join(bad, " "), text)
				_, err := g.Check(text)
				still := g.Still(grant)
				if want {
					refused(t, what, err, Revoked, text)
					refused(t, what+", as it goes on", still, Revoked, text)
				} else if err != nil || still != nil {
					t.Errorf("%s: a token of %s is refused: %v, %v", what, grant.User, err, still)
				}
			}
		}
		revoke := func(r Revocation) {
			t.Helper()
			changed := g.Changed()
			if err := g.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			select {
			case <-changed:
			default:
				t.Error("nobody was told of the change")
			}
		}
		check("at first")
		revoke(Revocation{TokenID: "a1", Reason: "it leaked"})
		check("a token", a1)
		if _, err := g.Check(a1); !strings.Contains(err.Error(), "it leaked") {
			t.Errorf("says %q, want the reason", err)
		}
		revoke(Revocation{User: "alice"})
		check("a user", a1, a2, undated)
		time.Sleep(time.Second)
		later := token("alice", "a4")
		grants[later] = must(g.Check(later))
		check("a token of later", a1, a2, undated)
		revoke(Revocation{User: "alice", At: time.Now().Add(-time.Hour)}) // it is not undone by an earlier one
		check("an earlier moment", a1, a2, undated)
		if err := g.Lift(t.Context(), Revocation{User: "alice"}); err != nil {
			t.Fatal(err)
		}
		check("lifted", a1)
		if err := g.Lift(t.Context(), Revocation{User: "nobody"}); err != nil {
			t.Errorf("lift what is not there: %v", err)
		}
		revoke(Revocation{KeyID: grants[b1].KeyID})
		check("a key", a1, a2, b1, undated, later)
		if got := g.Revocations(); len(got) != 2 {
			t.Errorf("in force are %+v, want two", got)
		}
		next := newGuard(t, func(c *Config) { c.Secret = []byte(secret + "2") })
		if err := next.Revoke(t.Context(), Revocation{KeyID: grants[b1].KeyID}); err != nil {
			t.Fatal(err)
		}
		if _, err := next.Check(must(must(SecretSigner([]byte(secret+"2"), "")).Sign(Claims{User: "a", Expires: time.Now().Add(time.Hour)}))); err != nil {
			t.Errorf("the secret after the one that was revoked: %v", err)
		}
	})
}

func TestRevocationsThatCantBe(t *testing.T) {
	g := newGuard(t, nil)
	for _, r := range []Revocation{
		{}, {Reason: "all"}, {User: "a", TokenID: "b"}, {User: "a\nb"}, {User: strings.Repeat("a", maxUser+1)},
		{User: "a", Reason: "a\x1b[31m"}, {User: "a", Reason: strings.Repeat("a", maxReason+1)}, {User: "a", By: "\x00"},
	} {
		if err := g.Revoke(t.Context(), r); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	if got := g.Revocations(); len(got) != 0 {
		t.Errorf("in force are %+v", got)
	}
	all := make(map[string]Revocation)
	for i := range maxRevocations {
		r := Revocation{TokenID: fmt.Sprint(i)}
		name, _ := r.name()
		all[name] = r
	}
	g.revoked.now.Store(&all)
	if err := g.Revoke(t.Context(), Revocation{TokenID: "7"}); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	g.revoked.now.Store(&all)
	if err := g.Revoke(t.Context(), Revocation{TokenID: "one more"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
}

// Revocations outlive the process, in the journal's own file.
func TestRevocationsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	token := hs256(alice)
	for _, step := range []string{"first", "again"} {
		log, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		g := newGuard(t, func(c *Config) { c.Notes = log })
		refused(t, "before it is known", second(g.Check(token)), Unavailable, "")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		<-g.Ready()
		if step == "first" {
			must(g.Check(token))
			if err := g.Revoke(t.Context(), Revocation{User: "alice", By: "root", Reason: "left"}); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, step, second(g.Check(token)), Revoked, token)
		if got := g.Revocations(); len(got) != 1 || got[0].User != "alice" || got[0].By != "root" || got[0].Reason != "left" {
			t.Errorf("in force are %+v", got)
		}
		cancel()
		<-ended
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Two instances: what one revokes ends what the other granted, and neither forgets it while the notes lag behind.
func TestRevocationsReachOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := newNoted(3 * time.Second)
		use := func(c *Config) { c.Notes = notes }
		one, two := newGuard(t, use), newGuard(t, use)
		running(t, one)
		running(t, two)
		<-one.Ready()
		<-two.Ready()
		token := hs256(alice)
		grant := must(two.Check(token))

		changed := two.Changed()
		if err := one.Revoke(t.Context(), Revocation{TokenID: "t1"}); err != nil {
			t.Fatal(err)
		}
		for range 100 { // from now on, whatever the notes tell meanwhile
			refused(t, "where it was revoked", second(one.Check(token)), Revoked, token)
			time.Sleep(100 * time.Millisecond)
		}
		<-changed
		refused(t, "elsewhere", two.Still(grant), Revoked, "")

		changed = one.Changed()
		if err := two.Lift(t.Context(), Revocation{TokenID: "t1"}); err != nil {
			t.Fatal(err)
		}
		<-changed
		synctest.Wait()
		if _, err := one.Check(token); err != nil {
			t.Errorf("lifted elsewhere: %v", err)
		}

		// Made here and lifted there before the notes ever told of it.
		if err := one.Revoke(t.Context(), Revocation{TokenID: "t1"}); err != nil {
			t.Fatal(err)
		}
		for name := range maps.Clone(notes.values) {
			if err := notes.PutNote(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * pruneEvery)
		fresh := hs256(alice)
		if _, err := one.Check(fresh); err != nil {
			t.Errorf("lifted elsewhere at once: %v", err)
		}
	})
}

// While the notes can't be reached what was known stays in force, and a revocation that is not kept is an error.
func TestNotesThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := newNoted(0)
		g := newGuard(t, func(c *Config) { c.Notes = notes })
		down := errors.New("down")
		set := func(err error) {
			notes.mu.Lock()
			notes.fails = err
			close(notes.changed)
			notes.changed = make(chan struct{})
			notes.mu.Unlock()
		}
		set(down)
		running(t, g)
		time.Sleep(time.Minute)
		select {
		case <-g.Ready():
			t.Error("ready, and nobody knows who was revoked")
		default:
		}
		refused(t, "not known yet", second(g.Check(hs256(alice))), Unavailable, "")
		set(nil)
		<-g.Ready()
		if err := g.Revoke(t.Context(), Revocation{TokenID: "t1"}); err != nil {
			t.Fatal(err)
		}
		set(down)
		time.Sleep(time.Minute)
		token := hs256(alice)
		refused(t, "known before", second(g.Check(token)), Revoked, token)
		if err := g.Revoke(t.Context(), Revocation{User: "bob"}); !errors.Is(err, down) {
			t.Errorf("got %v, want what the notes say", err)
		}
		set(nil)
		time.Sleep(time.Minute)
		refused(t, "back again", second(g.Check(token)), Revoked, token)
	})
}

// A revoked token needs no revocation once it has ended of itself.
func TestRevocationsArePruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := newNoted(0)
		g := newGuard(t, func(c *Config) { c.Notes = notes })
		running(t, g)
		<-g.Ready()
		for _, r := range []Revocation{{TokenID: "soon", Until: time.Now().Add(30 * time.Minute)}, {TokenID: "later", Until: time.Now().Add(3 * time.Hour)}, {User: "for good"}} {
			if err := g.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(31 * time.Minute)
		if got := g.Revocations(); len(got) != 2 {
			t.Errorf("in force are %+v, want two", got)
		}
		time.Sleep(pruneEvery)
		synctest.Wait()
		notes.mu.Lock()
		kept := len(notes.values)
		notes.mu.Unlock()
		if kept != 2 {
			t.Errorf("%d are kept, want two", kept)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := g.Revocations(); len(got) != 1 || got[0].User != "for good" {
			t.Errorf("in force are %+v, want the user", got)
		}
	})
}

// Where nothing keeps notes, revocations last as long as the Guard.
func TestRevocationsWithoutNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, nil)
		running(t, g)
		<-g.Ready()
		for _, r := range []Revocation{{User: "alice"}, {TokenID: "soon", Until: time.Now().Add(time.Minute)}} {
			if err := g.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3*pruneEvery + time.Second)
		synctest.Wait()
		if all := *g.revoked.now.Load(); len(all) != 1 {
			t.Errorf("%d are kept, want the user's", len(all))
		}
		if got := g.Revocations(); len(got) != 1 || got[0].User != "alice" {
			t.Errorf("in force are %+v, want alice", got)
		}
	})
}

// A note that can't be read is nobody else's loss.
func TestNotesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := newNoted(0)
		r := Revocation{TokenID: "t1"}
		name, _ := r.name()
		notes.values = map[string][]byte{
			notePrefix + name:        []byte(`{"token":"t1","at":"2000-01-01T00:00:00Z","new":1}`),
			notePrefix + "token/x":   []byte(`{`),
			notePrefix + "user/y":    []byte(`{"token":"t2"}`),
			notePrefix + "user/z":    []byte(`{}`),
			"something else " + name: []byte(`{"token":"t3"}`),
		}
		g := newGuard(t, func(c *Config) { c.Notes = notes })
		running(t, g)
		<-g.Ready()
		token := hs256(alice)
		refused(t, "by the note that can be read", second(g.Check(token)), Revoked, token)
		if got := g.Revocations(); len(got) != 1 {
			t.Errorf("in force are %+v, want one", got)
		}
	})
}

var _ journal.Notes = (*noted)(nil)

package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, nil)
		token := hs256(alice)
		grant := must(g.Check(token))
		ticket := func(kind TicketFor) (string, time.Time) {
			t.Helper()
			code, expires, err := g.NewTicket(t.Context(), kind, token, grant)
			if err != nil {
				t.Fatal(err)
			}
			return code, expires
		}
		redeem := func(kind TicketFor, code string) error {
			t.Helper()
			got, again, err := g.Redeem(t.Context(), kind, code)
			if (err == nil) != (got == token) || (err == nil) != (again != nil && again.User == "alice") {
				t.Errorf("got %q, %+v, %v", got, again, err)
			}
			return err
		}
		for kind, lasts := range map[TicketFor]time.Duration{Stream: 30 * time.Second, SignIn: 10 * time.Minute} {
			code, expires := ticket(kind)
			if time.Until(expires) != lasts || len(code) < 26 {
				t.Errorf("%s: %q until %v", kind, code, expires)
			}
			for range 2 {
				if user, err := g.Peek(t.Context(), kind, code); user != "alice" || err != nil {
					t.Errorf("%s: Peek: got %q, %v, want alice", kind, user, err)
				}
			}
			if err := redeem(kind, code); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			_, err := g.Peek(t.Context(), kind, code)
			refused(t, "Peek after that", err, Ticket, token)
			refused(t, "a second time", redeem(kind, code), Ticket, token)

			code, _ = ticket(kind)
			time.Sleep(lasts - time.Nanosecond)
			if err := redeem(kind, code); err != nil {
				t.Errorf("%s, at the last moment: %v", kind, err)
			}
			code, _ = ticket(kind)
			time.Sleep(lasts)
			_, err = g.Peek(t.Context(), kind, code)
			refused(t, "Peek, too late", err, Ticket, token)
			refused(t, "too late", redeem(kind, code), Ticket, token)
		}
		code, _ := ticket(Stream)
		for _, other := range []string{"", "x", strings.ToLower(code), code + "A", code[1:], strings.Repeat("A", 1<<20)} {
			refused(t, "another code", redeem(Stream, other), Ticket, token)
		}
		refused(t, "for something else", redeem(SignIn, code), Ticket, token)
		if err := redeem(Stream, code); err != nil {
			t.Errorf("after wrong ones: %v", err)
		}

		// What has become of the token counts.
		code, _ = ticket(Stream)
		if err := g.Revoke(t.Context(), Revocation{User: "alice"}); err != nil {
			t.Fatal(err)
		}
		refused(t, "revoked meanwhile", redeem(Stream, code), Revoked, token)
		_, _, err := g.NewTicket(t.Context(), Stream, token, grant)
		refused(t, "a ticket for who was revoked", err, Revoked, token)
	})
}

func TestTicketsEndWithTheirToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, nil)
		token := hs256(`{"sub":"a","servers":"*","exp":IN}`)
		grant := must(g.Check(token))
		time.Sleep(time.Hour - time.Minute)
		code, expires, err := g.NewTicket(t.Context(), SignIn, token, grant)
		if err != nil || !expires.Equal(grant.Expires) {
			t.Errorf("until %v, %v, want the token's end %v", expires, err, grant.Expires)
		}
		time.Sleep(time.Minute)
		if _, _, err := g.Redeem(t.Context(), SignIn, code); err == nil {
			t.Error("a ticket outlives its token")
		}
	})
}

// Of all who come with one ticket at once, one gets in.
func TestTicketsAreGoodOnce(t *testing.T) {
	g := newGuard(t, nil)
	token := hs256(alice)
	code, _, err := g.NewTicket(t.Context(), Stream, token, must(g.Check(token)))
	if err != nil {
		t.Fatal(err)
	}
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, _, err := g.Redeem(t.Context(), Stream, code); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in, want one", in.Load())
	}
}

// One who asks for tickets and never uses them takes the room of nobody else, and gets his own back.
func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, nil)
		ask := func(user string) error {
			token := hs256(`{"sub":"` + user + `","servers":"*","exp":IN}`)
			_, _, err := g.NewTicket(t.Context(), Stream, token, must(g.Check(token)))
			return err
		}
		for range maxOwned {
			if err := ask("greedy"); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask("greedy"); !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		if err := ask("modest"); err != nil {
			t.Errorf("another: %v", err)
		}
		time.Sleep(30 * time.Second)
		if err := ask("greedy"); err != nil {
			t.Errorf("when the first are over: %v", err)
		}
		time.Sleep(31 * time.Second)
		if err := ask("modest"); err != nil {
			t.Fatal(err)
		}
		if m := g.vault.(*memory); len(m.kept) != 1 || len(m.owned) != 1 {
			t.Errorf("%d tickets of %d owners are kept, want one: the others are over", len(m.kept), len(m.owned))
		}
		for i := range 2 * maxTickets {
			_ = g.vault.Put(t.Context(), fmt.Sprint(i), fmt.Sprint(i/maxOwned), nil, time.Hour)
		}
		if m := g.vault.(*memory); len(m.kept) > maxTickets {
			t.Errorf("%d are kept, want at most %d", len(m.kept), maxTickets)
		}
	})
}

// spy is a Vault that remembers what it saw.
type spy struct {
	Vault
	saw strings.Builder
}

func (s *spy) Put(ctx context.Context, key, owner string, value []byte, lasts time.Duration) error {
	s.saw.WriteString(key + "\n" + string(value) + "\n")
	return s.Vault.Put(ctx, key, owner, value, lasts)
}

// Where tickets are kept nobody can use them.
func TestVaultsSeeNoTokens(t *testing.T) {
	s := &spy{Vault: newMemory()}
	g := newGuard(t, func(c *Config) { c.Vault = s })
	token := hs256(alice)
	code, _, err := g.NewTicket(t.Context(), SignIn, token, must(g.Check(token)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range append(strings.Split(token, "."), code) {
		if strings.Contains(s.saw.String(), part) {
			t.Errorf("the vault sees %q", part)
		}
	}
	if got, _, err := g.Redeem(t.Context(), SignIn, code); err != nil || got != token {
		t.Errorf("got %q, %v", got, err)
	}
}

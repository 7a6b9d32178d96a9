package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/shared/event"
)

// target is who or what a revocation is of: a user, a token by its id, or a key by its id.
type target struct{ User, Token, Key string }

// check returns which of the three it is, or a problem unless it is exactly one and could be. Usage is what to write instead.
func (t target) check(usage string) (what string, err error) {
	n := 0
	for _, f := range []struct{ kind, value string }{{"user", t.User}, {"token", t.Token}, {"key", t.Key}} {
		if f.value == "" {
			continue
		}
		what = f.kind
		n++
		if err := checkPlain(f.kind, f.value); err != nil {
			return "", err
		}
	}
	if n != 1 {
		return "", fail(http.StatusBadRequest, "A user, a token or a key, one at a time: %s.", usage)
	}
	return what, nil
}

func checkPlain(name, text string) error {
	if err := event.CheckText(text); err != nil || len(text) > 200 {
		return wrongField(name, "%s: want at most 200 bytes of plain text.", name)
	}
	return nil
}

// revocable returns a problem where nobody is asked for a token.
func (s *Server) revocable() error {
	if s.guard.Open() {
		return fail(http.StatusConflict, "Nobody is asked for a token here, so there is none to revoke.").code("open")
	}
	return nil
}

// unrecorded is the problem of a revocation, or of taking one back, that could not be made durable.
func unrecorded(what string, err error) error {
	p := fail(http.StatusServiceUnavailable, "%s could not be recorded, and is not in force: try again.", what)
	p.retryAfter = 2
	return errors.Join(p, err)
}

// revoke turns a user, a token or a key away from now on, and ends their streams.
func (s *Server) revoke() handler {
	type ask struct {
		target
		Reason string // told to those who are turned away
	}
	type answer struct {
		Revoked string `json:"revoked"` // "user", "token" or "key"
		Ended   int    `json:"ended"`   // streams of this instance
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.revocable(); err != nil {
			return err
		}
		var want ask
		if err := readAsk(w, r, &want); err != nil {
			return err
		}
		what, err := want.check(`{"user":"alice","reason":"left"}, {"token":"its jti"} or {"key":"its kid"}`)
		if err != nil {
			return err
		}
		if err := checkPlain("reason", want.Reason); err != nil {
			return err
		}
		g := grantOf(r)
		s.checking.Lock() // so that all that end of it are counted here
		defer s.checking.Unlock()
		err = s.guard.Revoke(r.Context(), auth.Revocation{
			User: want.User, TokenID: want.Token, KeyID: want.Key, Reason: want.Reason, By: g.User,
		})
		if errors.Is(err, auth.ErrTooMany) {
			return fail(http.StatusConflict, "%v.", auth.ErrTooMany).code("full")
		}
		if err != nil {
			return unrecorded("The revocation", err)
		}
		ended := s.recheck()
		s.audit.did(r, "revoked", g, "what", what, "of", want.User+want.Token+want.Key, "reason", want.Reason, "ended", ended)
		return writeJSON(w, http.StatusOK, answer{what, ended})
	}
}

// revocations lists what is revoked, newest first.
func (s *Server) revocations() handler {
	type answer struct {
		Revocations []auth.Revocation `json:"revocations"`
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		list := s.guard.Revocations()
		slices.SortFunc(list, func(a, b auth.Revocation) int {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.User+a.TokenID+a.KeyID, b.User+b.TokenID+b.KeyID))
		})
		if list == nil {
			list = []auth.Revocation{}
		}
		w.Header().Set("Cache-Control", "no-store")
		return writeJSON(w, http.StatusOK, answer{list})
	}
}

// lift takes a revocation back: tokens that it turned away are good again.
func (s *Server) lift() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.revocable(); err != nil {
			return err
		}
		q, err := query(r)
		if err != nil {
			return err
		}
		want := target{q.Get("user"), q.Get("token"), q.Get("key")}
		what, err := want.check("?user=alice, ?token=its-jti or ?key=its-kid")
		if err != nil {
			return err
		}
		of := auth.Revocation{User: want.User, TokenID: want.Token, KeyID: want.Key}
		if !slices.ContainsFunc(s.guard.Revocations(), func(r auth.Revocation) bool {
			return r.User == of.User && r.TokenID == of.TokenID && r.KeyID == of.KeyID
		}) {
			return fail(http.StatusNotFound, "That %s is not revoked.", what)
		}
		if err := s.guard.Lift(r.Context(), of); err != nil {
			return unrecorded("That it is good again", err)
		}
		s.audit.did(r, "lifted a revocation", grantOf(r), "what", what, "of", want.User+want.Token+want.Key)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

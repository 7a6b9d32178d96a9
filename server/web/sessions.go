package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/shared/event"
)

// maxSessions bounds a list, and what each instance says for one.
const maxSessions = 1000

// session is one open stream in a list.
type session struct {
	ID      string    `json:"id"`
	User    string    `json:"user,omitempty"` // missing where nobody is asked who he is
	Address string    `json:"address,omitempty"`
	Agent   string    `json:"agent,omitempty"` // what the program calls itself
	Since   time.Time `json:"since"`
	// Filter is what it asked for, as far as who asks for the list may see it: "servers=web-*&types=metrics:*"; missing: everything.
	Filter   string `json:"filter,omitempty"`
	Detached bool   `json:"detached"` // costs no goroutine
	// Instance has it, by its id in GET /api/cluster; missing where there is one alone.
	Instance string `json:"instance,omitempty"`
}

// right is what a stream's right to read rests on; limit.Owner.Right.
type right struct {
	grant   *auth.Grant
	session string // see sessionOf; "": it came by no session
	opened  time.Time
}

// closingOf is what a stream is told whose right to read has ended.
func closingOf(err error) event.Closing {
	c := event.Closing{Reason: event.ClosingRevoked}
	if no, ok := errors.AsType[*auth.Refusal](err); ok {
		if c.Message = no.Text; no.Code == auth.Expired {
			c.Reason = event.ClosingExpired
		}
	}
	return c
}

// whose returns the user whose streams the request is about: the own one, or with "user" another's, for which it takes admin.
// All is true for "*", everybody's.
func whose(r *http.Request) (user string, all bool, err error) {
	q, err := query(r)
	if err != nil {
		return "", false, err
	}
	g := grantOf(r)
	named := q.Get("user")
	if named == "" || named == g.User {
		return g.User, false, nil
	}
	if err := g.Need(auth.Admin); err != nil {
		return "", false, err
	}
	return named, named == "*", nil
}

// listSessions answers with the open streams of who asks, at whichever instance, the oldest first. Where not all instances could be asked it says so.
func (s *Server) listSessions() handler {
	type answer struct {
		Sessions []session `json:"sessions"`
		Max      int       `json:"max,omitempty"` // how many a user may have; missing: no bound
		// Partial: there may be others, and Message says why. Unlisted is how many of the user's count beside those listed, as far as is known.
		Partial  bool   `json:"partial,omitempty"`
		Unlisted int    `json:"unlisted,omitempty"`
		Message  string `json:"message,omitempty"`
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		user, all, err := whose(r)
		if err != nil {
			return err
		}
		list, others := s.everySession(r.Context(), user, all)
		see := grantOf(r).See
		out := answer{Sessions: make([]session, len(list)), Max: s.registry.Limits().User, Partial: others.message != "", Unlisted: others.unlisted, Message: others.message}
		for i, l := range list {
			out.Sessions[i] = session{l.ID, l.User, addrText(l.Addr), l.Agent, l.Since.UTC().Truncate(time.Millisecond), visible(l.Filter, see), l.Detached, l.Instance}
		}
		return writeJSON(w, http.StatusOK, out)
	}
}

// endOneSession ends one open stream of who asks, or with "user" and admin of another, at whichever instance it is. Where an instance that may have it
// can't be reached the answer is 202: the stream ends when it can.
func (s *Server) endOneSession() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		user, all, err := whose(r)
		if err != nil {
			return err
		}
		id := mux.Vars(r)["session"]
		ended, later, err := s.endAnywhere(r.Context(), user, all, id)
		if err != nil {
			return err
		}
		if !ended && !later {
			return fail(http.StatusNotFound, "There is no such stream of yours: it has ended, or the list is old.")
		}
		if user != grantOf(r).User {
			s.audit.did(r, "ended a stream", grantOf(r), "of", user, "stream", id)
		}
		if later {
			w.WriteHeader(http.StatusAccepted)
			return nil
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// recheck ends all open streams whose right to read has been taken away, and returns how many. s.checking is held.
func (s *Server) recheck() int {
	return s.endRights(func(to *right) (event.Closing, bool) {
		err := s.guard.Still(to.grant)
		if err == nil {
			return event.Closing{}, false
		}
		return closingOf(err), true
	})
}

// endRights ends all streams, and answers to those who poll, for whose right the test returns true, with what it returns. It returns how
// many streams.
func (s *Server) endRights(test func(*right) (event.Closing, bool)) int {
	s.polls.endWhere(test)
	return s.registry.EndWhere(func(o limit.Owner) (event.Closing, bool) {
		to, ok := o.Right.(*right)
		if !ok {
			return event.Closing{}, false
		}
		return test(to)
	})
}

// visible returns of what a stream shows as much as may be seen by who asks: one user's tokens may differ. Text is filterText's.
func visible(text string, see event.Filter) string {
	if see.IsZero() || text == "" {
		return text
	}
	servers, types, _ := strings.Cut(text, "&types=")
	if only, ok := strings.CutPrefix(servers, "types="); ok {
		servers, types = "", only
	}
	f, err := event.ParseFilter(strings.TrimPrefix(servers, "servers="), types)
	if err != nil { // it was cut
		return filterText(see)
	}
	if f, err = f.And(see); err != nil {
		return filterText(see)
	}
	return filterText(f)
}

// keepChecking calls recheck whenever revocations or keys change, until ctx ends.
func (s *Server) keepChecking(ctx context.Context) {
	for {
		changed := s.guard.Changed() // before Still is asked, so that no change is missed
		s.checking.Lock()
		s.recheck()
		s.checking.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

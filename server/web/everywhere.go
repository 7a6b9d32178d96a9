package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/limit"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Streams are listed and ended at whichever instance has them: here at once, at the others through cluster.Peers. Where there is one instance
// nobody is asked.

// local is this instance for the others.
type local struct{ s *Server }

var _ cluster.Local = local{}

// Sessions implements cluster.Local.
func (l local) Sessions(user string, all bool, most int) []limit.Session {
	return l.s.sessions(user, all, min(most, maxSessions))
}

// EndSession implements cluster.Local.
func (l local) EndSession(user string, all bool, id string) bool {
	return l.s.endSession(user, all, id)
}

// SignedOut implements cluster.Local.
func (l local) SignedOut(session string, until time.Time) { l.s.signedOut(session, until) }

// sessions returns at most so many open streams of this instance, the oldest first.
func (s *Server) sessions(user string, all bool, most int) []limit.Session {
	if all {
		return s.registry.All(most)
	}
	list := s.registry.List(user)
	return list[:min(len(list), most)]
}

// unheard says what a list of streams lacks.
type unheard struct {
	message  string // "": nothing
	unlisted int
}

// everySession returns the open streams of all instances that can be asked, the oldest first, and what is not among them.
func (s *Server) everySession(ctx context.Context, user string, all bool) ([]cluster.Session, unheard) {
	here := s.sessions(user, all, maxSessions)
	list := make([]cluster.Session, len(here))
	for i, l := range here {
		list[i].Session = l
	}
	if s.peers == nil {
		return list, unheard{}
	}
	own := make([]string, len(here))
	for i, l := range here {
		own[i] = l.ID
	}
	others, err := s.peers.Sessions(ctx, user, all, maxSessions, own)
	var un unheard
	switch {
	case err != nil:
		un.message = "The other instances can't be asked at present: these are the streams of this one alone."
	case len(others.Silent) == 1:
		un.message = fmt.Sprintf("The instance %s does not answer: what it has is not listed.", others.Silent[0])
	case len(others.Silent) > 1:
		un.message = fmt.Sprintf("The instances %s do not answer: what they have is not listed.", strings.Join(others.Silent, ", "))
	case others.Unlisted > 0:
		un.message = "An instance has gone without a word."
	}
	if un.unlisted = others.Unlisted; un.unlisted > 0 {
		un.message += fmt.Sprintf(" %d more count, and are free within 15 seconds if nobody renews them.", un.unlisted)
	}
	if known, _ := s.members.List(); len(known) > 1 || len(others.Sessions) > 0 {
		for i := range list {
			list[i].Instance = s.members.ID()
		}
	}
	list = append(list, others.Sessions...)
	slices.SortFunc(list, func(a, b cluster.Session) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list[:min(len(list), maxSessions)], un
}

// endSession ends a stream of this instance.
func (s *Server) endSession(user string, all bool, id string) bool {
	closing := event.Closing{Reason: event.ClosingEnded}
	if all {
		return s.registry.EndAny(id, closing)
	}
	return s.registry.End(user, id, closing)
}

// endAnywhere ends a stream of whichever instance. Later is true where it ends when an instance can be reached again.
func (s *Server) endAnywhere(ctx context.Context, user string, all bool, id string) (ended, later bool, err error) {
	if ended = s.endSession(user, all, id); ended || s.peers == nil {
		return ended, false, nil
	}
	if !limit.IsID(id) { // nobody is asked for what can't be
		return false, false, nil
	}
	ended, later, err = s.peers.End(ctx, user, all, id)
	if err != nil {
		p := fail(http.StatusServiceUnavailable, "There is no such stream at this instance, and the others can't be asked at present: try again.")
		p.retryAfter = 2
		return false, false, errors.Join(p, err)
	}
	return ended, later, nil
}

// sessionOf names the session of a browser: its token, and well enough which browser, to tell it from others that have the same. All instances name it alike.
func sessionOf(r *http.Request) string {
	v := visitOf(r)
	sum := sha256.Sum256([]byte(v.grant.User + "\n" + v.grant.TokenID + "\n" + addrText(v.addr) + "\n" + r.UserAgent()))
	return hex.EncodeToString(sum[:16])
}

// signedOut ends what a session had open until then, and returns how many streams of this instance.
func (s *Server) signedOut(session string, until time.Time) int {
	return s.endRights(func(to *right) (event.Closing, bool) {
		return event.Closing{Reason: event.ClosingEnded, Message: "You signed out."}, to.session == session && !to.opened.After(until)
	})
}

// endSessionOf ends the streams that the session of this browser has opened, at all instances.
func (s *Server) endSessionOf(r *http.Request) {
	session := sessionOf(r)
	s.signedOut(session, time.Now())
	if s.peers != nil {
		s.peers.SignOut(r.Context(), session)
	}
}

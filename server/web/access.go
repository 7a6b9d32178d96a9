package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Who is asking is told in one of these ways. Where a request has several of them the first of this list counts and the others are not
// looked at, good or bad: what was put into one request by hand is meant more than what a browser adds to each of them.
const (
	byHeader = "header" // Authorization: Bearer TOKEN
	byTicket = "ticket" // ?ticket=CODE, on streams: good once, see POST /api/tickets
	byURL    = "url"    // ?auth=TOKEN, unless Access.NoURLTokens; for an EventSource, which can send no header
	byCookie = "cookie" // what signing in has left in the browser
)

// visit is one request: whence it came, and whose it is.
type visit struct {
	addr   netip.Addr // the reader's; not valid where it can't be known
	secure bool       // it came over TLS, here or at a proxy in front of us

	by     string // what of it counts; "": it brought nothing
	secret string // a token, or with byTicket a code
	taken  bool   // its URL had something secret, which r.URL has no longer

	token string      // the token of the grant, also where it came by ticket
	grant *auth.Grant // nil until admit
}

type visitKey struct{}

// visitOf returns the visit of a request that has come through guarded.
func visitOf(r *http.Request) *visit { return r.Context().Value(visitKey{}).(*visit) }

// grantOf returns what the request may see and do. It has come through may.
func grantOf(r *http.Request) *auth.Grant { return visitOf(r).grant }

// veiled reports whether the request may not see everything. Then it must not learn either at which places other events are.
func veiled(r *http.Request) bool { return !grantOf(r).See.IsZero() }

// arrive makes the visit of a request, and returns the request without all that is secret about it: from here on nobody can write it
// into a log, an address or an error. The zone cookie and those of others stay.
func (s *Server) arrive(r *http.Request) *http.Request {
	v := &visit{addr: s.proxies.client(r), secure: s.proxies.secure(r) || s.publicHTTPS != "" && hostName(r.Host) == s.publicHTTPS}
	query, auth, ticket := takeSecrets(fixQuery(r.URL.RawQuery))
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(kind, "Bearer"): // of another kind it is a proxy's
		v.by, v.secret = byHeader, strings.TrimSpace(token)
	case ticket != "":
		v.by, v.secret = byTicket, ticket
	case auth != "":
		v.by, v.secret = byURL, auth
	default:
		if c, err := r.Cookie(cookieName(v.secure)); err == nil && c.Value != "" {
			v.by, v.secret = byCookie, c.Value
		}
	}
	r.Header.Del("Authorization")
	dropCookies(r)
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if v.taken = auth != "" || ticket != ""; v.taken {
		r.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query}
		r.RequestURI = r.URL.RequestURI()
	}
	return r
}

// takeSecrets returns a query without its "auth" and "ticket", and the first of each.
func takeSecrets(raw string) (rest, auth, ticket string) {
	if raw == "" {
		return "", "", ""
	}
	var b strings.Builder
	for part := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(key)
		if err != nil || name != "auth" && name != "ticket" {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(part)
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		if name == "auth" && auth == "" {
			auth = value
		}
		if name == "ticket" && ticket == "" {
			ticket = value
		}
	}
	return b.String(), auth, ticket
}

// admit finds out what the visit may see and do, or returns the refusal. A ticket is used up by it, and is good for a stream only.
func (s *Server) admit(r *http.Request, stream bool) error {
	v := visitOf(r)
	if v.grant != nil {
		return nil
	}
	if s.guard.Open() {
		v.grant = auth.Everybody()
		return nil
	}
	var err error
	switch {
	case v.by == byURL && s.access.NoURLTokens:
		return fail(http.StatusUnauthorized, `Tokens in addresses are not taken here, as addresses are kept by browsers and proxies. `+
			`Send it as "Authorization: Bearer …", sign in at /signin, or ask POST /api/tickets for a ticket that is good once.`).code("urlToken").challenged("invalid_token")
	case v.by == byTicket && !stream:
		return fail(http.StatusUnauthorized, "A ticket is good for one stream, and for nothing else.").code(string(auth.Ticket)).challenged("invalid_token")
	case v.by == byTicket:
		v.token, v.grant, err = s.guard.Redeem(r.Context(), auth.Stream, v.secret)
	default:
		v.token = v.secret
		v.grant, err = s.guard.Check(v.secret)
	}
	if err != nil {
		s.audit.refused(r, err)
	}
	return err
}

// may lets those through whose grant is for the scope; zero is anybody who is known.
func (s *Server) may(scope auth.Scope, next http.Handler) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		stream := asksStream(r)
		if stream { // before a ticket is used up: who is sent elsewhere brings it there
			if err := s.elsewhere(r); err != nil {
				return err
			}
		}
		if err := s.admit(r, stream); err != nil {
			if refusal := new(auth.Refusal); stream && errors.As(err, &refusal) && refusal.Code == auth.Unavailable {
				s.later(w, refusal.Text, 3*time.Second)
				return nil
			}
			if stream && errors.Is(err, journal.ErrUnavailable) { // the ticket is as good as it was
				s.later(w, "The record can't be reached at present, and with it the tickets. Come back in a moment.", 3*time.Second)
				return nil
			}
			return err
		}
		if err := grantOf(r).Need(scope); err != nil {
			s.audit.refused(r, err)
			return err
		}
		if scope != auth.Publish { // which has a rate of its own
			if over := s.mayAsk(r); over != nil && stream {
				s.later(w, over.Detail, time.Duration(over.retryAfter)*time.Second)
				return nil
			} else if over != nil {
				return over
			}
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// later ends a stream before it begins, for now: whatever else it got would stop an EventSource for good.
func (s *Server) later(w http.ResponseWriter, why string, retry time.Duration) {
	h := w.Header()
	h.Set("Content-Type", mediaStream)
	h.Set("Cache-Control", "no-store")
	ms := retry.Milliseconds()
	b := must(event.StreamClosing.AppendFrame(fmt.Appendf(nil, "retry: %d\n\n", ms), event.ID{}, event.Closing{
		Reason: event.ClosingNotReady, Message: why, RetryMs: ms,
	}))
	_, _ = w.Write(b)
}

// asksStream reports whether the answer is to be a stream.
func asksStream(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/events") && strings.HasPrefix(r.URL.Path, "/api/") &&
		negotiate(r.Header.Values("Accept"), mediaStream, mediaJSON, mediaNDJSON) == mediaStream
}

// refusal is the answer to who may not. It says what is the matter and what to do; never anything of the token.
func refusal(e *auth.Refusal) *problem {
	switch e.Code {
	case auth.NoScope:
		return fail(http.StatusForbidden, "%s", e.Text).code(string(e.Code)).challenged("insufficient_scope")
	case auth.Unavailable:
		p := fail(http.StatusServiceUnavailable, "%s", e.Text).code(string(e.Code))
		p.retryAfter = 2
		return p
	case auth.Missing:
		return fail(http.StatusUnauthorized, "%s", e.Text).code(string(e.Code)).challenged("")
	}
	return fail(http.StatusUnauthorized, "%s", e.Text).code(string(e.Code)).challenged("invalid_token")
}

// code sets the problem's reason for programs.
func (p *problem) code(code string) *problem {
	p.Code = code
	return p
}

// challenged says as RFC 6750 does that a token is wanted, or what was wrong with the one that came.
func (p *problem) challenged(err string) *problem {
	challenge := `Bearer realm="telltale"`
	if err != "" {
		challenge += `, error="` + err + `"`
	}
	return p.with("WWW-Authenticate", challenge)
}

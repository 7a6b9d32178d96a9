package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
)

// me says for whom an answer is: GET /api/me, and the script element "me" of every page.
type me struct {
	// Open: nobody is asked who he is, and whoever reaches this server may do everything. Message then says so, and there is no user.
	Open    bool   `json:"open"`
	Fleet   string `json:"fleet,omitempty"` // what the server's owner calls it
	Message string `json:"message,omitempty"`

	User    string    `json:"user,omitempty"`
	Scopes  []string  `json:"scopes"`            // of "subscribe", "publish", "admin"
	Servers string    `json:"servers"`           // what he may see, as a filter says it: "*", "web-*,db"; "/" is nothing
	Types   string    `json:"types"`             // the same of types of events
	Expires time.Time `json:"expires,omitzero"`  // when this ends, and each stream with it; missing: never
	Token   string    `json:"token,omitempty"`   // the token's id, by which it can be revoked
	By      string    `json:"by,omitempty"`      // how it came: "header", "url" or "cookie"
	SignOut string    `json:"signOut,omitempty"` // where to POST to in order to sign out; missing where there is no session to end
	Shared  bool      `json:"shared,omitempty"`  // the record is one that several instances can share: see GET /api/cluster
}

const openMessage = "This server is open to everybody on this machine."

func (s *Server) meOf(v *visit) me {
	g := v.grant
	m := me{Fleet: s.name, Shared: s.members.Shared(), Scopes: []string{}, Servers: orAll(g.See.Servers()), Types: orAll(g.See.Types())}
	for _, scope := range []auth.Scope{auth.Subscribe, auth.Publish, auth.Admin} {
		if g.May(scope) {
			m.Scopes = append(m.Scopes, scope.String())
		}
	}
	if s.guard.Open() {
		m.Open, m.Message = true, openMessage
		return m
	}
	m.User, m.Expires, m.Token, m.By = g.User, g.Expires, g.TokenID, v.by
	if v.by == byCookie {
		m.SignOut = "/signout"
	}
	return m
}

func orAll(list string) string {
	if list == "" {
		return "*"
	}
	return list
}

// whoami answers with me.
func (s *Server) whoami() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return writeJSON(w, http.StatusOK, s.meOf(visitOf(r)))
	}
}

// ticket answers with a code that stands for the token of the request, once: for a stream, within 30 seconds, or with
// {"for":"signIn"} for a link by which another browser is signed in as the same user, within ten minutes.
func (s *Server) ticket() handler {
	type ask struct {
		For auth.TicketFor `json:"for"`
	}
	type answer struct {
		Ticket  string         `json:"ticket"`
		For     auth.TicketFor `json:"for"`
		Expires time.Time      `json:"expires"`
		URL     string         `json:"url"` // of a sign-in: the link; of a stream: where to put the address of one after "/api/"
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		v, want := visitOf(r), ask{For: auth.Stream}
		if err := readAsk(w, r, &want); err != nil {
			return err
		}
		if want.For != auth.Stream && want.For != auth.SignIn {
			p := fail(http.StatusBadRequest, `A ticket for %.40q: want "stream" or "signIn".`, string(want.For))
			p.Field = "for"
			return p
		}
		if want.For == auth.SignIn && tooLong(v, v.token) {
			return errTooLong
		}
		code, expires, err := s.guard.NewTicket(r.Context(), want.For, v.token, v.grant)
		if errors.Is(err, auth.ErrFull) {
			return tooManyTickets()
		}
		if err != nil {
			return err
		}
		out := answer{Ticket: code, For: want.For, Expires: expires.UTC(), URL: "/api/events?ticket=" + url.QueryEscape(code)}
		if want.For == auth.SignIn {
			out.URL = s.base(r) + "/signin?code=" + url.QueryEscape(code)
			s.audit.did(r, "made a sign-in link", v.grant)
		}
		return writeJSON(w, http.StatusCreated, out)
	}
}

func tooManyTickets() error {
	p := fail(http.StatusTooManyRequests, "Too many tickets wait to be used: use some of them, or wait until they are over.").code("tickets")
	p.retryAfter = 30
	return p
}

// maxAsk bounds the body of a request that is not for publishing.
const maxAsk = 16 << 10

// readAsk reads a small JSON body; none at all leaves what is in to.
func readAsk(w http.ResponseWriter, r *http.Request, to any) error {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
	if err != nil {
		return bodyFailed(r, "", err)
	}
	if len(b) == 0 {
		return nil
	}
	if media, ok := mediaOfBody(r); !ok || media != mediaJSON {
		return fail(http.StatusUnsupportedMediaType, "Content-Type is %.60q: send application/json, or no body.", r.Header.Get("Content-Type")).
			with("Accept", mediaJSON)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fail(http.StatusBadRequest, "The body is not the JSON that is wanted: %v.", err)
	}
	return nil
}

// base is the address of this server as its readers have it.
func (s *Server) base(r *http.Request) string {
	if s.access.PublicURL != "" {
		return s.access.PublicURL
	}
	scheme := "http://"
	if visitOf(r).secure {
		scheme = "https://"
	}
	return scheme + r.Host
}

package web

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcp-cloud/telltale/server/auth"
)

// signInPage is plain HTML that works without script.
//
//go:embed signin.html
var signInText string

var signInPage = template.Must(template.New("signin").Parse(signInText))

// signInPolicy is that of the page: styles, the icon and two small scripts from here, a form to here, and nothing else.
const signInPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// signInView is what the page shows.
type signInView struct {
	Next    string // where to go on, a path here
	Code    string // of a one-time link: the page then asks whether to use it
	As      string // for whom the link is, where that can be known
	User    string // signed in already
	Out     bool   // has just signed out
	Problem string // what is the matter
	Hint    string // what to do

	Style, Own, Boot, Forget, Icon string // addresses of files
}

// signIn shows the page: with a field for a token, or for "?code=" with the question whether to use that link, as programs that look at
// links for people must not use them up. Where nobody is asked who he is there is nothing to sign in to.
func (s *Server) signIn() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		view := signInView{Next: localPath(q.Get("next")), Code: q.Get("code"), Out: q.Has("out")}
		if s.guard.Open() {
			http.Redirect(w, r, view.Next, http.StatusSeeOther)
			return nil
		}
		if visitOf(r).taken { // the page is not to stand under an address with a token
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
			return nil
		}
		if v := visitOf(r); v.by != "" && !view.Out {
			if err := s.admit(r, false); err == nil {
				view.User = v.grant.User
			}
		}
		view.Problem, view.Hint = sentence(auth.Code(q.Get("why")))
		if view.Code != "" {
			if view.As, err = s.guard.Peek(r.Context(), auth.SignIn, view.Code); err != nil {
				no, ok := errors.AsType[*auth.Refusal](err)
				if !ok {
					return err
				}
				view.Code = ""
				view.Problem, view.Hint = sentence(no.Code)
			}
		}
		return s.showSignIn(w, http.StatusOK, view)
	}
}

func (s *Server) showSignIn(w http.ResponseWriter, status int, view signInView) error {
	at := func(name string) string { return s.app.files.Resolve(filesAt + name) }
	view.Style, view.Own, view.Boot, view.Forget, view.Icon = at("telltale.css"), at("signin.css"), at("boot.js"), at("forget.js"), at("icon.svg")
	var b bytes.Buffer
	if err := signInPage.Execute(&b, view); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", signInPolicy)
	h.Set("Referrer-Policy", "same-origin") // with less, browsers send no Origin along with forms
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// sentence says in words of our own why somebody has to sign in. What stands in an address can be anybody's, so no text is taken from there.
func sentence(code auth.Code) (problem, hint string) {
	switch code {
	case auth.Expired:
		return "Your session has expired.", "Sign in again to go on where you were."
	case auth.Revoked, auth.KeyGone:
		return "Your access was withdrawn.", "Ask who runs this server for a new token."
	case auth.NoScope:
		return "That token is not for reading.", "Sign in with one whose scope has \"subscribe\"."
	case auth.Ticket:
		return "That link has been used, or is too old.", "Ask for a new one, or sign in with a token."
	case "urlToken":
		return "Tokens in addresses are not taken here.", "Paste the token below instead."
	case "tooLong":
		return "That token is too long for a browser to keep.", "Ask for one that names its servers by patterns, such as \"web-*\"."
	case auth.Missing, "":
		return "", ""
	}
	return "That token is not good here.", "Ask who runs this server for another."
}

// takeSignIn signs a browser in with a token, or with the code of a one-time link, and sends it on.
func (s *Server) takeSignIn() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := readForm(w, r)
		if err != nil {
			return err
		}
		next := localPath(form.Get("next"))
		if s.guard.Open() {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return nil
		}
		var grant *auth.Grant
		token, code := strings.TrimSpace(form.Get("token")), form.Get("code")
		if kind, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(kind, "Bearer") {
			token = strings.TrimSpace(rest)
		}
		if code != "" {
			token, grant, err = s.guard.Redeem(r.Context(), auth.SignIn, code)
		} else {
			grant, err = s.guard.Check(token)
		}
		if err == nil {
			err = grant.Need(auth.Subscribe)
		}
		var no *auth.Refusal
		switch {
		case errors.As(err, &no):
			visitOf(r).by = "form"
			s.audit.refused(r, err)
			view := signInView{Next: next, Problem: no.Text}
			if no.Code == auth.Missing {
				view.Problem, view.Hint = "No token was given.", "Paste one below."
			}
			status := http.StatusUnauthorized
			if no.Code == auth.NoScope {
				status = http.StatusForbidden
			}
			return s.showSignIn(w, status, view)
		case err != nil:
			return err
		}
		if err := s.begin(w, r, token, grant); err != nil {
			view := signInView{Next: next}
			view.Problem, view.Hint = sentence("tooLong")
			return s.showSignIn(w, http.StatusRequestEntityTooLarge, view)
		}
		greet(w, r, grant)
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
}

// signOut ends the session of a browser, has it forget what it kept, and ends the streams that it has open.
func (s *Server) signOut() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := visitOf(r)
		endSession(w, v)
		w.Header().Set("Clear-Site-Data", `"storage"`)
		if v.by == byCookie && !s.guard.Open() {
			if err := s.admit(r, false); err == nil {
				s.endSessionOf(r)
				s.audit.did(r, "signed out", v.grant)
			}
		}
		http.Redirect(w, r, "/signin?out", http.StatusSeeOther)
		return nil
	}
}

// readers lets those through who may read, and sends others to sign in. Who comes with a token in the address is signed in and sent to the same
// address without it, so that neither history nor Referer nor anybody's log keeps it.
func (s *Server) readers(next http.Handler) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		v := visitOf(r)
		err := s.admit(r, false)
		if err == nil {
			if err = v.grant.Need(auth.Subscribe); err != nil {
				s.audit.refused(r, err)
			} else if over := s.mayAsk(r); over != nil {
				return over
			}
		}
		here := r.URL.RequestURI()
		if err == nil && !v.taken {
			if v.by == byCookie {
				greet(w, r, v.grant)
			}
			next.ServeHTTP(w, r)
			return nil
		}
		if err == nil { // the page looks the same in an open server, where the address may have a token too
			if v.by == byURL && !s.guard.Open() {
				if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
					w.Header().Set("Cache-Control", "no-store")
					return s.confirm(w, r, here)
				}
				err = s.begin(w, r, v.token, v.grant)
			}
			if err == nil {
				w.Header().Set("Cache-Control", "no-store")
				http.Redirect(w, r, here, http.StatusSeeOther)
				return nil
			}
		}
		why := ""
		if no, ok := errors.AsType[*auth.Refusal](err); ok && no.Code != auth.Unavailable {
			why = string(no.Code)
		} else if p, ok := errors.AsType[*problem](err); ok && p.Code != "" {
			why = p.Code
		} else {
			return err
		}
		q := url.Values{}
		if here != "/" {
			q.Set("next", here)
		}
		if why != string(auth.Missing) {
			q.Set("why", why)
		}
		to := "/signin"
		if len(q) > 0 {
			to += "?" + q.Encode()
		}
		// A session that is no good stays until another takes its place: it is what tells the next page why to sign in.
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	})
}

// confirm asks whether to sign in with the token of an address: a link on a page of another site may have been put there to have its
// reader work as somebody else, without his noticing.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, next string) error {
	v := visitOf(r)
	code, _, err := s.guard.NewTicket(r.Context(), auth.SignIn, v.token, v.grant)
	if errors.Is(err, auth.ErrFull) {
		return tooManyTickets()
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/signin?"+url.Values{"code": {code}, "next": {next}}.Encode(), http.StatusSeeOther)
	return nil
}

// readForm reads a small form of ours.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if media, ok := mediaOfBody(r); !ok || media != mediaForm {
		return nil, fail(http.StatusUnsupportedMediaType, "Content-Type is %.60q: this takes the form of /signin.", r.Header.Get("Content-Type")).
			with("Accept", mediaForm)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAsk)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, fail(http.StatusBadRequest, "The form can't be read.")
	}
	return r.PostForm, nil
}

func mediaOfBody(r *http.Request) (string, bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media, err == nil
}

// localPath returns an address within this server, to go on at: "/" for everything that is none. What a browser could take for another
// site, as "//evil.example" or "/\evil.example", or with a line break in it, is none.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return "/"
	}
	to := u.EscapedPath()
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || to == "/signin" || to == "/signout" {
		return "/"
	}
	if u.RawQuery != "" {
		to += "?" + u.RawQuery
	}
	return to
}

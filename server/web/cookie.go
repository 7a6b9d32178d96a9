package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
)

// cookieName is what the session's cookie is called. With the prefix a browser takes it over https only, from this very host, for all
// of its paths: nobody beside us can plant one.
func cookieName(secure bool) string {
	if secure {
		return "__Host-telltale"
	}
	return "telltale"
}

// readerCookie holds a hash of who used this browser last, so that the next one does not find what was kept for him.
const readerCookie = "telltale-reader"

// maxCookie is how long name and value of a cookie may be together: browsers drop what is longer, without a word (RFC 6265bis, section 5.6).
const maxCookie = 4096

// errTooLong refuses a token that is good, and longer than a browser keeps.
var errTooLong = fail(http.StatusRequestEntityTooLarge, "That token is too long for a browser's session: at most %d bytes with its name. "+
	`Ask for one that names its servers by patterns, such as "web-*".`, maxCookie).code("tooLong")

func tooLong(v *visit, token string) bool { return len(cookieName(v.secure))+len(token) > maxCookie }

// setSession gives the browser the token as its session, for as long as it is good. Scripts can't read it, and pages of other sites can't
// make the browser send it with anything but a plain link to here.
func setSession(w http.ResponseWriter, v *visit, token string, grant *auth.Grant) {
	c := &http.Cookie{
		Name: cookieName(v.secure), Value: token, Path: "/", Secure: v.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if !grant.Expires.IsZero() {
		c.Expires, c.MaxAge = grant.Expires, max(int(time.Until(grant.Expires).Seconds()), 1)
	}
	http.SetCookie(w, c)
}

// endSession takes it away.
func endSession(w http.ResponseWriter, v *visit) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(v.secure), Path: "/", Secure: v.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
}

// begin signs the visit's browser in, or returns errTooLong.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, token string, grant *auth.Grant) error {
	if tooLong(visitOf(r), token) {
		return errTooLong
	}
	setSession(w, visitOf(r), token, grant)
	s.audit.did(r, "signed in", grant)
	return nil
}

// greet has a browser forget what it kept for another user: pages, pictures, settings. It does nothing for the same user as before. It is not for
// an address with a token: browsers write down what was cleared, and for which address.
func greet(w http.ResponseWriter, r *http.Request, grant *auth.Grant) {
	sum := sha256.Sum256([]byte("telltale reader\n" + grant.User))
	mark := base64.RawURLEncoding.EncodeToString(sum[:12])
	if c, err := r.Cookie(readerCookie); err == nil && c.Value == mark {
		return
	}
	w.Header().Set("Clear-Site-Data", `"storage"`)
	http.SetCookie(w, &http.Cookie{
		Name: readerCookie, Value: mark, Path: "/", Secure: visitOf(r).secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600,
	})
}

// dropCookies takes the session's cookies out of a request.
func dropCookies(r *http.Request) {
	if !strings.Contains(r.Header.Get("Cookie"), "telltale") {
		return
	}
	kept := r.Cookies()
	r.Header.Del("Cookie")
	for _, c := range kept {
		if c.Name != cookieName(true) && c.Name != cookieName(false) {
			r.AddCookie(c)
		}
	}
}

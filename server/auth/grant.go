package auth

import (
	"fmt"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Scope is what somebody may do: a set of the three there are. None is part of another.
type Scope uint8

const (
	Subscribe Scope = 1 << iota // read: streams, lists, the record, the page
	Publish                     // record events of what the grant may see
	Admin                       // end the access of others

	everything = Subscribe | Publish | Admin
)

var scopeNames = [...]string{"subscribe", "publish", "admin"}

// String returns the names as a token has them: "subscribe publish".
func (s Scope) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// ParseScope returns the scope of that name.
func ParseScope(name string) (Scope, error) {
	for i, known := range scopeNames {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf(`scope %.40q: want "subscribe", "publish" or "admin"`, name)
}

// Grant is what somebody was allowed when his token was checked. Nothing changes it after that.
type Grant struct {
	User    string // who; empty only where nobody is asked, see [Everybody]
	TokenID string // the token's "jti", or where it has none a hash of it: it names this token and tells nothing of it
	KeyID   string // the key that signed it, by its "kid" or its thumbprint (RFC 7638); "secret-…" for a secret
	See     event.Filter
	Scopes  Scope

	IssuedAt time.Time // zero: the token does not say
	Expires  time.Time // zero: never, which no token's grant is

	key mark // of the key that signed it
}

// May reports whether the grant is for all of the scopes.
func (g *Grant) May(s Scope) bool { return g.Scopes&s == s }

// Everybody returns the grant of a Guard that asks nobody: all is seen and all may be done.
func Everybody() *Grant { return &Grant{Scopes: everything} }

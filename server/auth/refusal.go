package auth

import "time"

// Refusal is the error of everything here that says no to somebody. Its Text is for whoever asks: a sentence or two that say what is the matter
// and what to do, never any of the token, and never which keys there are.
type Refusal struct {
	Code Code
	Text string
}

func (r *Refusal) Error() string { return r.Text }

// Code is a refusal's reason for programs.
type Code string

const (
	Missing     Code = "missing"     // no token
	Malformed   Code = "malformed"   // what was given is no token
	Algorithm   Code = "algorithm"   // signed in a way that is not taken here
	Signature   Code = "signature"   // not signed with any of the keys
	Unavailable Code = "unavailable" // it can't be told yet; asking again later may help
	Expired     Code = "expired"
	NotYet      Code = "notYet"
	NoExpiry    Code = "noExpiry"
	Issuer      Code = "issuer"
	Audience    Code = "audience"
	BadClaims   Code = "claims"  // well signed, and says something that can't be
	Revoked     Code = "revoked" // its user, token or key
	KeyGone     Code = "key"     // its key is no longer taken: of Still only
	Ticket      Code = "ticket"  // a ticket or link that is not good, or no longer
	NoScope     Code = "scope"   // the token is good, and not for this: see [Grant.Need]
)

func refuse(code Code, text string) *Refusal { return &Refusal{code, text} }

// Need returns nil when the grant is for the scope, and the Refusal when it is not.
func (g *Grant) Need(s Scope) error {
	if g.May(s) {
		return nil
	}
	missing := s &^ g.Scopes
	return refuse(NoScope, "This token is not for that: its scope has no \""+missing.String()+"\".")
}

// expired is the refusal of a grant that has ended of itself.
func (g *Grant) expired(now time.Time) error {
	if g.Expires.IsZero() || now.Before(g.Expires) {
		return nil
	}
	return refuse(Expired, "The token has expired. Sign in again, or ask for a new one.")
}

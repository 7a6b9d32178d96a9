package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// fetchWait is how long Check waits for keys that are being fetched because of its token.
const fetchWait = 2 * time.Second

// Check verifies a token and returns what it grants, or a *Refusal. Where nobody is asked for a token it grants all to everybody,
// whatever the token.
func (g *Guard) Check(token string) (*Grant, error) {
	switch {
	case g.open:
		return Everybody(), nil
	case token == "":
		return nil, refuse(Missing, "This needs a token. Sign in, or send one as \"Authorization: Bearer …\".")
	case len(token) > MaxToken:
		return nil, refuse(Malformed, "That is too long for a token: at most 8 KiB are looked at.")
	case !g.revoked.known.Load():
		return nil, refuse(Unavailable, "Tokens can't be checked yet, as who was turned away is not known yet. Try again in a moment.")
	}
	if strings.ContainsFunc(token, foreign) {
		return nil, malformed()
	}
	head, err := readHeader(token)
	if err != nil {
		return nil, malformed()
	}
	claims, k, err := g.verify(token, head)
	if err != nil {
		return nil, err
	}
	grant, err := claims.grant(g.c.Issuer, g.c.Audience, time.Now())
	if err != nil {
		return nil, err
	}
	grant.KeyID, grant.key = k.id, k.mark
	if grant.TokenID == "" {
		grant.TokenID = fingerprint(token)
	}
	if err := g.revoked.refuse(grant); err != nil {
		return nil, err
	}
	return grant, nil
}

// foreign reports what is in no token. It is looked for because the base64 package passes over ends of lines, and a token that is written
// in two ways is two tokens to whoever compares them.
func foreign(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.')
}

func malformed() error {
	return refuse(Malformed, "That is no token: want three parts of letters, digits, \"-\" and \"_\" with dots between them.")
}

// fingerprint names a token that has no name. What is signed is hashed and not the signature, as of an ES256 signature anybody can make a
// second one.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// header is what is looked at of a token's first part.
type header struct{ alg, kid string }

// readHeader reads it more strictly than the jwt package: no member twice, and no extension that would have to be understood.
func readHeader(token string) (h header, err error) {
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return h, err
	}
	m, err := members(text)
	if err != nil {
		return h, err
	}
	if _, ok := m["crit"]; ok {
		return h, errors.New("an extension that is not known")
	}
	var alg, kid *string
	if err := json.Unmarshal(m["alg"], &alg); err != nil || alg == nil {
		return h, errors.New("no algorithm")
	}
	if v, ok := m["kid"]; ok {
		if err := json.Unmarshal(v, &kid); err != nil || kid == nil {
			return h, errors.New("a kid that is no string")
		}
		h.kid = *kid
	}
	h.alg = *alg
	return h, nil
}

// verify returns the claims of a token and the key that signed it.
func (g *Guard) verify(token string, h header) (*tokenClaims, key, error) {
	keys := *g.keys.Load()
	if !g.takes(keys, h.alg) {
		return nil, key{}, refuse(Algorithm, "The token is signed in a way that is not taken here.")
	}
	for again := false; ; again = true {
		choice, named := candidates(keys, h)
		for _, k := range choice {
			claims, err := k.check(token)
			switch {
			case err == nil:
				return claims, k, nil
			case errors.Is(err, jwt.ErrTokenMalformed):
				return nil, key{}, malformed()
			}
		}
		if named || again || !g.fetch.refresh(fetchWait) {
			break
		}
		keys = *g.keys.Load()
	}
	if g.fetch != nil && !g.fetch.fetched.Load() && h.alg != "HS256" {
		return nil, key{}, refuse(Unavailable, "Tokens can't be checked yet, as the keys of the sign-in service could not be fetched. Try again in a moment.")
	}
	return nil, key{}, refuse(Signature, "The token is not signed by anybody who may sign tokens for this service.")
}

// check verifies the signature of a token, and that it was made in the key's own way.
func (k *key) check(token string) (*tokenClaims, error) {
	claims := new(tokenClaims)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{k.alg}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return k.verify, nil })
	if err == nil && claims.members == nil { // "null" is read by nobody
		err = jwt.ErrTokenMalformed
	}
	return claims, err
}

// takes reports whether the algorithm is that of a key, or could be that of one that is fetched.
func (g *Guard) takes(keys []key, alg string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.alg == alg }) || g.fetch != nil && slices.Contains([]string{"RS256", "ES256", "EdDSA"}, alg)
}

// candidates returns the keys that may have signed a token: those it names, else those that have no name, of its algorithm.
// A token that names none may be of any. Named reports that they are those it names.
func candidates(keys []key, h header) (choice []key, named bool) {
	var nameless []key
	for _, k := range keys {
		switch {
		case k.alg != h.alg:
		case h.kid != "" && k.kid == h.kid:
			choice = append(choice, k)
		case h.kid == "" || k.kid == "":
			nameless = append(nameless, k)
		}
	}
	if len(choice) > 0 {
		return choice, true
	}
	return nameless, false
}

package auth

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Claims are what a token is to say.
type Claims struct {
	User     string   // whose it is
	Servers  string   // what he may see, as event.ParseFilter reads it; "": nothing, "*": every server
	Types    string   // "": every type
	Scopes   Scope    // what he may do
	ID       string   // "": one is made up
	Issuer   string   // "": none
	Audience []string // nil: none

	IssuedAt  time.Time // zero: now
	NotBefore time.Time // zero: at once
	Expires   time.Time
}

// Signer makes tokens. Its methods may be called at once from any number of goroutines.
type Signer struct {
	method jwt.SigningMethod
	key    any
	kid    string
}

// SecretSigner returns one that signs with a secret (HS256). Kid is written into tokens; "": none is.
func SecretSigner(secret []byte, kid string) (*Signer, error) {
	if _, err := secretKey(secret); err != nil {
		return nil, err
	}
	return &Signer{jwt.SigningMethodHS256, bytes.Clone(secret), kid}, nil
}

// PrivateKeySigner returns one that signs with the private key of a PEM file: RS256, ES256 or EdDSA, as the key is.
func PrivateKeySigner(text []byte, kid string) (*Signer, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New(`no private key in it: want a PEM file that begins "-----BEGIN PRIVATE KEY-----", as openssl genpkey -algorithm ed25519 makes it`)
		}
		text = rest
		var private any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			private, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("that private key is encrypted: decrypt it with openssl pkey -in FILE, where nobody else can read it")
		default: // as "EC PARAMETERS", which openssl writes before the key
			continue
		}
		if err != nil {
			return nil, errors.New("a private key that can't be read")
		}
		signer, ok := private.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("a private key of type %T: want RSA, P-256 or Ed25519", private)
		}
		k, err := publicKey(signer.Public())
		if err != nil {
			return nil, err
		}
		return &Signer{jwt.GetSigningMethod(k.alg), private, kid}, nil
	}
}

// Sign returns a token, or an error that says which of the claims can't be.
func (s *Signer) Sign(c Claims) (string, error) {
	now := time.Now()
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	if c.ID == "" {
		c.ID = strings.ToLower(rand.Text()[:20])
	}
	switch {
	case c.User == "":
		return "", errors.New("a token needs a user")
	case checkName(c.User, maxUser) != nil:
		return "", fmt.Errorf("user %.60q: %w", c.User, checkName(c.User, maxUser))
	case checkName(c.ID, maxID) != nil:
		return "", fmt.Errorf("token id %.60q: %w", c.ID, checkName(c.ID, maxID))
	case checkName(s.kid, maxID) != nil:
		return "", fmt.Errorf("kid %.60q: %w", s.kid, checkName(s.kid, maxID))
	case !c.Expires.After(now):
		return "", errors.New("a token has to end, and not before it is made")
	}
	f, err := event.ParseFilter(c.Servers, c.Types)
	if err != nil {
		return "", err
	}
	claims := jwt.MapClaims{"sub": c.User, "jti": c.ID, "iat": c.IssuedAt.Unix(), "exp": c.Expires.Unix(), "scope": c.Scopes.String()}
	if strings.TrimSpace(c.Servers) != "" {
		claims["servers"] = orStar(f.Servers())
	}
	if f.Types() != "" {
		claims["types"] = f.Types()
	}
	if !c.NotBefore.IsZero() {
		claims["nbf"] = c.NotBefore.Unix()
	}
	if c.Issuer != "" {
		claims["iss"] = c.Issuer
	}
	switch len(c.Audience) {
	case 0:
	case 1:
		claims["aud"] = c.Audience[0]
	default:
		claims["aud"] = c.Audience
	}
	t := jwt.NewWithClaims(s.method, claims)
	if s.kid != "" {
		t.Header["kid"] = s.kid
	}
	token, err := t.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("the token would have %d bytes, and at most %d are looked at: name fewer servers or types", len(token), MaxToken)
	}
	return token, nil
}

func orStar(list string) string {
	if list == "" {
		return "*"
	}
	return list
}

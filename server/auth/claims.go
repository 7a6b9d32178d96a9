package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Bounds of what a token names, in bytes.
const (
	maxUser = 200
	maxID   = 200
)

// tokenClaims are the members of a token's middle part as they stand, to be looked at once the signature is verified. They are looked up
// by their exact names, where a Go struct would take "SUB" for "sub".
type tokenClaims struct {
	jwt.RegisteredClaims // unused: it makes this jwt.Claims
	members              map[string]json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *tokenClaims) UnmarshalJSON(text []byte) (err error) {
	c.members, err = members(text)
	return err
}

// members returns the members of a JSON object. One that has a member twice is refused: two readers could take it for two different
// things.
func members(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	out := make(map[string]json.RawMessage)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, errors.New("no JSON")
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("no JSON object")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errors.New("no JSON")
		}
		if _, twice := out[name]; twice {
			return nil, errors.New("a member is there twice")
		}
		out[name] = value
	}
	if _, err := dec.Token(); err != nil { // the end of the object
		return nil, errors.New("no JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON object")
	}
	return out, nil
}

// grant returns what well-signed claims give, or the Refusal.
func (c *tokenClaims) grant(issuer, audience string, now time.Time) (*Grant, error) {
	bad := func(name string, err error) error {
		return refuse(BadClaims, fmt.Sprintf("The token's %q can't be used: %s.", name, cut(err.Error(), 300)))
	}
	g := &Grant{Scopes: Subscribe}
	var notBefore time.Time
	for _, at := range []struct {
		name string
		t    *time.Time
	}{{"exp", &g.Expires}, {"nbf", &notBefore}, {"iat", &g.IssuedAt}} {
		if v, ok := c.members[at.name]; ok {
			var err error
			if *at.t, err = date(v); err != nil {
				return nil, bad(at.name, err)
			}
		}
	}
	if g.Expires.IsZero() {
		return nil, refuse(NoExpiry, `The token does not say when it ends. Ask for one with "exp".`)
	}
	if err := g.expired(now); err != nil {
		return nil, err
	}
	if ahead := now.Add(Leeway); notBefore.After(ahead) || g.IssuedAt.After(ahead) {
		return nil, refuse(NotYet, "The token is not good yet. If it should be, a clock is wrong.")
	}
	if issuer != "" {
		if got, err := c.text("iss"); err != nil || got != issuer {
			return nil, refuse(Issuer, "The token is from somebody else's sign-in service.")
		}
	}
	if audience != "" {
		if got, _, err := c.list("aud", ""); err != nil || !slices.Contains(got, audience) {
			return nil, refuse(Audience, "The token is for another service.")
		}
	}
	var err error
	if g.User, err = c.name("sub", maxUser); err != nil {
		return nil, bad("sub", err)
	}
	if g.User == "" {
		return nil, refuse(BadClaims, `The token does not say whose it is. Ask for one with "sub".`)
	}
	if g.TokenID, err = c.name("jti", maxID); err != nil {
		return nil, bad("jti", err)
	}
	servers, _, err := c.patterns("servers")
	if err != nil {
		return nil, bad("servers", err)
	}
	types, hasTypes, err := c.patterns("types")
	if err != nil {
		return nil, bad("types", err)
	}
	if servers == "" || hasTypes && types == "" { // where a filter's empty list is everything
		g.See = event.None()
	} else if g.See, err = event.ParseFilter(servers, types); err != nil {
		name := "servers"
		if _, err := event.ParseFilter(servers, ""); err == nil {
			name = "types"
		}
		return nil, bad(name, err)
	}
	words, has, err := c.list("scope", " ")
	if err != nil {
		return nil, bad("scope", err)
	}
	if has {
		g.Scopes = 0
		for _, word := range words {
			s, _ := ParseScope(word) // others' words mean nothing here
			g.Scopes |= s
		}
	}
	return g, nil
}

// text returns a member that is a string; "" when it is not there.
func (c *tokenClaims) text(name string) (string, error) {
	v, ok := c.members[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(v, &s); err != nil || s == nil {
		return "", errors.New("it is no string")
	}
	return *s, nil
}

// name returns a member that names somebody or something.
func (c *tokenClaims) name(name string, most int) (string, error) {
	s, err := c.text(name)
	if err != nil {
		return "", err
	}
	return s, checkName(s, most)
}

// checkName returns an error for what can't stand on one line of a log.
func checkName(s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("it has %d bytes, and at most %d are allowed", len(s), most)
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return errors.New("it is not valid Unicode")
	}
	if err := event.CheckText(s); err != nil {
		return fmt.Errorf("it %w", err)
	}
	return nil
}

// list returns a member that is a list of strings, or one string that separator, where it is not "", divides into several. Has reports that it is
// there at all.
func (c *tokenClaims) list(name, separator string) (list []string, has bool, err error) {
	v, ok := c.members[name]
	if !ok {
		return nil, false, nil
	}
	var items []*string
	if err := json.Unmarshal(v, &items); err == nil && items != nil {
		for _, s := range items {
			if s == nil {
				return nil, true, errors.New("it holds something that is no string")
			}
			list = append(list, *s)
		}
		return list, true, nil
	}
	s, err := c.text(name)
	switch {
	case err != nil:
		return nil, true, errors.New("it is neither a string nor a list of strings")
	case separator == " ":
		return strings.Fields(s), true, nil
	case separator != "" && strings.TrimSpace(s) == "":
		return nil, true, nil
	case separator != "":
		return strings.Split(s, separator), true, nil
	}
	return []string{s}, true, nil
}

// patterns returns one list of a filter as event.ParseFilter reads it; "" is no pattern at all, which to a filter would be
// everything.
func (c *tokenClaims) patterns(name string) (text string, has bool, err error) {
	list, has, err := c.list(name, ",")
	if err != nil || !has {
		return "", has, err
	}
	for _, p := range list {
		if strings.TrimSpace(p) == "" {
			return "", true, errors.New("one of its patterns is empty")
		}
	}
	return strings.Join(list, ","), true, nil
}

// date reads a NumericDate of RFC 7519: seconds since 1970, from which parts are dropped.
func date(v json.RawMessage) (time.Time, error) {
	var n *float64
	if err := json.Unmarshal(v, &n); err != nil || n == nil {
		return time.Time{}, errors.New("it is no number of seconds")
	}
	const end = 253402300800 // the year 10000
	if *n < 0 || *n >= end {
		return time.Time{}, errors.New("it is no time from 1970 to 9999")
	}
	return time.Unix(int64(math.Floor(*n)), 0).UTC(), nil
}

// cut returns the beginning of s, of at most n bytes and whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestCheck(t *testing.T) {
	g := newGuard(t, func(c *Config) { c.Issuer, c.Audience = "sign-in", "telltale" })
	const claims = `{"sub":"alice","servers":["web-*","db"],"types":"server:*, logs","scope":"subscribe publish openid","jti":"t1","iat":NOW,"nbf":NOW,"exp":IN,"iss":"sign-in","aud":["x","telltale"]}`
	before := time.Now().Truncate(time.Second)
	grant, err := g.Check(hs256(claims))
	if err != nil {
		t.Fatal(err)
	}
	if grant.User != "alice" || grant.TokenID != "t1" || !strings.HasPrefix(grant.KeyID, "secret-") || grant.Scopes != Subscribe|Publish || grant.See.Key() != "db,web-*|logs:*,server:*" {
		t.Errorf("got %+v", grant)
	}
	if got := grant.Expires.Sub(grant.IssuedAt); got != time.Hour || grant.IssuedAt.Before(before) {
		t.Errorf("issued at %v for %v, want now for an hour", grant.IssuedAt, got)
	}
	if err := g.Still(grant); err != nil {
		t.Errorf("Still: %v", err)
	}
	if g.Open() {
		t.Error("a Guard with a secret is open")
	}
}

// What is refused, and as what. Claims are changed by leaving "" out, so that each row says only what it is about.
func TestRefusals(t *testing.T) {
	pemFile := publicPEM(rsaKey(), ecKey(), edKey())
	all := newGuard(t, func(c *Config) { c.PublicKeyFile = write(t, "keys.pem", pemFile) })
	strict := newGuard(t, func(c *Config) { c.Issuer, c.Audience = "sign-in", "telltale" })
	onlyPublic := newGuard(t, func(c *Config) { c.Secret, c.PublicKeyFile = nil, write(t, "rsa.pem", publicPEM(rsaKey())) })

	good := hs256(alice)
	for name, k := range map[string]struct {
		m   jwt.SigningMethod
		key any
	}{"RS256": {jwt.SigningMethodRS256, rsaKey()}, "ES256": {jwt.SigningMethodES256, ecKey()}, "EdDSA": {jwt.SigningMethodEdDSA, edKey()}, "HS256": {jwt.SigningMethodHS256, []byte(secret)}} {
		token := forge(k.m, k.key, fmt.Sprintf(`{"alg":%q,"kid":"whatever"}`, name), times(alice))
		grant, err := all.Check(token)
		if err != nil || grant.User != "alice" {
			t.Fatalf("%s: got %v, %v, want a grant", name, grant, err)
		}
		refused(t, name+", changed claims", second(all.Check(change(token, 1, "alice", "admin"))), Signature, token)
		refused(t, name+", changed header", second(all.Check(change(token, 0, "whatever", "whatsoever"))), Signature, token)
		refused(t, name+", without signature", second(all.Check(token[:strings.LastIndex(token, ".")+1])), Signature, token)
	}

	b64 := base64.RawURLEncoding.EncodeToString
	hmacWith := func(key []byte) string {
		return forge(jwt.SigningMethodHS256, key, `{"alg":"HS256"}`, times(alice))
	}
	header := func(h string) string { return forge(jwt.SigningMethodHS256, []byte(secret), h, times(alice)) }
	unsigned := func(alg string) string {
		return b64([]byte(`{"alg":"`+alg+`"}`)) + "." + b64([]byte(times(alice))) + "."
	}
	parts := strings.Split(good, ".")

	for _, row := range []struct {
		name  string
		guard *Guard
		token string
		want  Code
	}{
		{"nothing", all, "", Missing},
		{"garbage", all, "garbage", Malformed},
		{"garbage in three parts", all, "a.b.c", Malformed},
		{"dots", all, "..", Malformed},
		{"control characters", all, "\x00\r\n.\x1b[31m.x", Malformed},
		{"four parts", all, good + ".x", Malformed},
		{"two parts", all, parts[0] + "." + parts[1], Malformed},
		{"with a space", all, good + " ", Malformed},
		{"with an end of line", all, good + "\n", Malformed},
		{"with ends of lines within", all, good[:len(good)-9] + "\r\n" + good[len(good)-9:], Malformed},
		{"padded", all, parts[0] + "==." + parts[1] + "." + parts[2], Malformed},
		{"ordinary base64", all, parts[0] + "." + parts[1] + "+/." + parts[2], Malformed},
		{"loose bits at the end of the signature", all, good[:len(good)-1] + loosen(good[len(good)-1]), Malformed},
		{"too long, and well signed", all, hs256(`{"sub":"a","servers":"*","exp":IN,"x":"` + strings.Repeat("x", MaxToken) + `"}`), Malformed},
		{"the header is a list", all, header(`["HS256"]`), Malformed},
		{"the header is no JSON", all, header(`HS256`), Malformed},
		{"no alg", all, header(`{"typ":"JWT"}`), Malformed},
		{"alg is a number", all, header(`{"alg":256}`), Malformed},
		{"two algs", all, header(`{"alg":"none","alg":"HS256"}`), Malformed},
		{"kid is a list", all, header(`{"alg":"HS256","kid":["a"]}`), Malformed},
		{"an extension that must be understood", all, header(`{"alg":"HS256","crit":["b64"],"b64":false}`), Malformed},
		{"claims are a string", all, hs256(`"alice"`), Malformed},
		{"claims are null", all, hs256(`null`), Malformed},
		{"claims twice", all, hs256(alice + alice), Malformed},
		{"two subs", all, hs256(`{"sub":"alice","servers":"*","exp":IN,"sub":"admin"}`), Malformed},
		{"two subs, one written otherwise", all, hs256(`{"sub":"alice","servers":"*","exp":IN,"s\u0075b":"admin"}`), Malformed},
		{"not UTF-8", all, hs256("{\"sub\":\"alice\xff\",\"servers\":\"*\",\"exp\":IN}"), Malformed},

		{"alg none", all, unsigned("none"), Algorithm},
		{"alg None", all, unsigned("None"), Algorithm},
		{"no alg at all", all, unsigned(""), Algorithm},
		{"alg none with a signature", all, forge(jwt.SigningMethodHS256, []byte(secret), `{"alg":"none"}`, times(alice)), Algorithm},
		{"alg hs256", all, header(`{"alg":"hs256"}`), Algorithm},
		{"HS512 with the secret", all, forge(jwt.SigningMethodHS512, []byte(secret), `{"alg":"HS512"}`, times(alice)), Algorithm},
		{"PS256 with the key", all, forge(jwt.SigningMethodPS256, rsaKey(), `{"alg":"PS256"}`, times(alice)), Algorithm},
		{"RS512 with the key", all, forge(jwt.SigningMethodRS512, rsaKey(), `{"alg":"RS512"}`, times(alice)), Algorithm},
		{"HS256 where there is no secret", onlyPublic, good, Algorithm},
		{"HS256 with the public key", onlyPublic, hmacWith(publicPEM(rsaKey())), Algorithm},
		{"HS256 with the public key, where there is a secret", all, hmacWith(publicPEM(rsaKey())), Signature},
		{"HS256 with the whole file", all, hmacWith(pemFile), Signature},
		{"HS256 without a key", all, hmacWith(nil), Signature},

		{"another secret", all, hmacWith([]byte(secret + "x")), Signature},
		{"another RSA key", all, forge(jwt.SigningMethodRS256, otherRSA(), `{"alg":"RS256"}`, times(alice)), Signature},
		{"its own key in the header", all, forge(jwt.SigningMethodRS256, otherRSA(), `{"alg":"RS256","jwk":{"kty":"RSA","e":"AQAB","n":"`+b64(otherRSA().N.Bytes())+`"}}`, times(alice)), Signature},
		{"signed as RS256, says ES256", all, forge(jwt.SigningMethodRS256, rsaKey(), `{"alg":"ES256"}`, times(alice)), Signature},
		{"the signature of another token", all, parts[0] + "." + parts[1] + "." + strings.Split(hs256(strings.Replace(alice, "t1", "t2", 1)), ".")[2], Signature},
		{"unsigned and expired", all, parts[0] + "." + b64([]byte(`{"sub":"alice","exp":1}`)) + "." + parts[2], Signature}, // nothing is told of it

		{"no exp", all, hs256(`{"sub":"alice","servers":"*"}`), NoExpiry},
		{"expired", all, hs256(`{"sub":"alice","servers":"*","exp":NOW}`), Expired},
		{"expired long ago", all, hs256(`{"sub":"alice","servers":"*","exp":1}`), Expired},
		{"exp 0", all, hs256(`{"sub":"alice","servers":"*","exp":0}`), Expired},
		{"exp is text", all, hs256(`{"sub":"alice","servers":"*","exp":"IN"}`), BadClaims},
		{"exp is null", all, hs256(`{"sub":"alice","servers":"*","exp":null}`), BadClaims},
		{"exp is below zero", all, hs256(`{"sub":"alice","servers":"*","exp":-1}`), BadClaims},
		{"exp is beyond all", all, hs256(`{"sub":"alice","servers":"*","exp":1e300}`), BadClaims},
		{"exp is no number of ours", all, hs256(`{"sub":"alice","servers":"*","exp":1e999}`), BadClaims},
		{"Exp", all, hs256(`{"sub":"alice","servers":"*","Exp":IN}`), NoExpiry},
		{"not yet", all, hs256(`{"sub":"alice","servers":"*","exp":99999999999,"nbf":IN}`), NotYet},
		{"issued in an hour", all, hs256(`{"sub":"alice","servers":"*","exp":99999999999,"iat":IN}`), NotYet},
		{"nbf is text", all, hs256(`{"sub":"alice","servers":"*","exp":IN,"nbf":"NOW"}`), BadClaims},

		{"no issuer", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"aud":"telltale"}`), Issuer},
		{"another issuer", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"aud":"telltale","iss":"sign-in2"}`), Issuer},
		{"an issuer of another kind", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"aud":"telltale","iss":["sign-in"]}`), Issuer},
		{"no audience", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"iss":"sign-in"}`), Audience},
		{"another audience", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"iss":"sign-in","aud":"telltale "}`), Audience},
		{"other audiences", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"iss":"sign-in","aud":["a","b"]}`), Audience},
		{"an audience of another kind", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"iss":"sign-in","aud":{"telltale":1}}`), Audience},
		{"audiences that are no text", strict, hs256(`{"sub":"alice","servers":"*","exp":IN,"iss":"sign-in","aud":[null,"telltale"]}`), Audience},

		{"no user", all, hs256(`{"servers":"*","exp":IN}`), BadClaims},
		{"an empty user", all, hs256(`{"sub":"","servers":"*","exp":IN}`), BadClaims},
		{"a user who is null", all, hs256(`{"sub":null,"servers":"*","exp":IN}`), BadClaims},
		{"a user who is a number", all, hs256(`{"sub":1,"servers":"*","exp":IN}`), BadClaims},
		{"SUB", all, hs256(`{"SUB":"alice","servers":"*","exp":IN}`), BadClaims},
		{"a user with a line break", all, hs256(`{"sub":"alice\nadmin","servers":"*","exp":IN}`), BadClaims},
		{"a user with NUL", all, hs256(`{"sub":"alice\u0000","servers":"*","exp":IN}`), BadClaims},
		{"a user with half a character", all, hs256(`{"sub":"alice\ud800","servers":"*","exp":IN}`), BadClaims},
		{"a long user", all, hs256(`{"sub":"` + strings.Repeat("a", maxUser+1) + `","servers":"*","exp":IN}`), BadClaims},
		{"jti with a line break", all, hs256(`{"sub":"a","jti":"a\nb","servers":"*","exp":IN}`), BadClaims},
		{"jti is a number", all, hs256(`{"sub":"a","jti":1,"servers":"*","exp":IN}`), BadClaims},
		{"servers is null", all, hs256(`{"sub":"a","servers":null,"exp":IN}`), BadClaims},
		{"servers is true", all, hs256(`{"sub":"a","servers":true,"exp":IN}`), BadClaims},
		{"servers with a number", all, hs256(`{"sub":"a","servers":["a",1],"exp":IN}`), BadClaims},
		{"servers with an empty one", all, hs256(`{"sub":"a","servers":["a",""],"exp":IN}`), BadClaims},
		{"servers of one empty one", all, hs256(`{"sub":"a","servers":[" "],"exp":IN}`), BadClaims},
		{"servers with a comma", all, hs256(`{"sub":"a","servers":",","exp":IN}`), BadClaims},
		{"a pattern that is none", all, hs256(`{"sub":"a","servers":"a*b","exp":IN}`), BadClaims},
		{"too many servers", all, hs256(`{"sub":"a","servers":"a` + strings.Repeat(",a", event.MaxPatterns) + `","exp":IN}`), BadClaims},
		{"types is null", all, hs256(`{"sub":"a","servers":"*","types":null,"exp":IN}`), BadClaims},
		{"types that are none", all, hs256(`{"sub":"a","servers":"*","types":"a:b:c","exp":IN}`), BadClaims},
		{"types that are none, of no server", all, hs256(`{"sub":"a","servers":"","types":1,"exp":IN}`), BadClaims},
		{"scope is a number", all, hs256(`{"sub":"a","servers":"*","scope":7,"exp":IN}`), BadClaims},
		{"scope is null", all, hs256(`{"sub":"a","servers":"*","scope":null,"exp":IN}`), BadClaims},
	} {
		t.Run(row.name, func(t *testing.T) {
			grant, err := row.guard.Check(row.token)
			if grant != nil {
				t.Errorf("got a grant: %+v", grant)
			}
			refused(t, row.name, err, row.want, row.token)
		})
	}
}

func second(_ *Grant, err error) error { return err }

// change changes some text in one part of a token.
func change(token string, part int, from, to string) string {
	parts := strings.Split(token, ".")
	text := must(base64.RawURLEncoding.DecodeString(parts[part]))
	parts[part] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), from, to, 1)))
	return strings.Join(parts, ".")
}

// loosen returns another last character of base64 that a careless reader takes for the same bytes: a signature of 32 bytes leaves two
// bits over.
func loosen(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)^1])
}

// A token can't be both what it is and a little later.
func TestLimitsOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, nil)
		now := time.Now().Unix()
		for _, row := range []struct {
			claims string
			want   Code // "": good
		}{
			{fmt.Sprintf(`"exp":%d`, now+1), ""},
			{fmt.Sprintf(`"exp":%d.9`, now), Expired}, // parts of seconds count for nothing
			{fmt.Sprintf(`"exp":%d`, now), Expired},
			{fmt.Sprintf(`"exp":%d,"nbf":%d`, now+100, now+30), ""},
			{fmt.Sprintf(`"exp":%d,"nbf":%d`, now+100, now+31), NotYet},
			{fmt.Sprintf(`"exp":%d,"iat":%d`, now+100, now+30), ""},
			{fmt.Sprintf(`"exp":%d,"iat":%d`, now+100, now+31), NotYet},
			{`"exp":253402300799`, ""},
			{`"exp":253402300800`, BadClaims},
		} {
			token := hs256(`{"sub":"a","servers":"*",` + row.claims + `}`)
			_, err := g.Check(token)
			if row.want == "" && err != nil {
				t.Errorf("%s: got %v, want a grant", row.claims, err)
			} else if row.want != "" {
				refused(t, row.claims, err, row.want, token)
			}
		}

		grant, err := g.Check(hs256(`{"sub":"a","servers":"*","exp":IN}`))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		if err := g.Still(grant); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		refused(t, "at its end", g.Still(grant), Expired, "")
	})
}

func TestWhatIsGranted(t *testing.T) {
	g := newGuard(t, nil)
	for _, row := range []struct{ claims, see, scopes string }{
		{`"servers":"*"`, "|", "subscribe"},
		{`"servers":["*"]`, "|", "subscribe"},
		{`"servers":"web-*,db"`, "db,web-*|", "subscribe"},
		{`"servers":["web-*","db"]`, "db,web-*|", "subscribe"},
		{`"servers":["web-*,db"]`, "db,web-*|", "subscribe"},
		{`"x":1`, "/|/", "subscribe"},
		{`"servers":""`, "/|/", "subscribe"},
		{`"servers":" "`, "/|/", "subscribe"},
		{`"servers":[]`, "/|/", "subscribe"},
		{`"Servers":"*"`, "/|/", "subscribe"},
		{`"servers":"/","types":"/"`, "/|/", "subscribe"},
		{`"servers":"*","types":"server:*,logs"`, "|logs:*,server:*", "subscribe"},
		{`"servers":"*","types":["server:*"]`, "|server:*", "subscribe"},
		{`"servers":"*","types":""`, "/|/", "subscribe"},
		{`"servers":"*","types":[]`, "/|/", "subscribe"},
		{`"servers":"*","types":"*"`, "|", "subscribe"},
		{`"servers":"*","scope":"publish"`, "|", "publish"},
		{`"servers":"*","scope":"subscribe  publish admin"`, "|", "subscribe publish admin"},
		{`"servers":"*","scope":["admin","subscribe"]`, "|", "subscribe admin"},
		{`"servers":"*","scope":"openid email"`, "|", ""},
		{`"servers":"*","scope":""`, "|", ""},
		{`"servers":"*","scope":[]`, "|", ""},
		{`"servers":"*","scope":"Publish"`, "|", ""},
	} {
		grant, err := g.Check(hs256(`{"sub":"a","exp":IN,` + row.claims + `}`))
		if err != nil {
			t.Errorf("%s: %v", row.claims, err)
			continue
		}
		if grant.See.Key() != row.see || grant.Scopes.String() != row.scopes {
			t.Errorf("%s: sees %q and may %q, want %q and %q", row.claims, grant.See.Key(), grant.Scopes, row.see, row.scopes)
		}
		for _, s := range []Scope{Subscribe, Publish, Admin} {
			may := strings.Contains(row.scopes, s.String())
			if grant.May(s) != may {
				t.Errorf("%s: May(%s) = %t", row.claims, s, !may)
			}
			if may && grant.Need(s) != nil {
				t.Errorf("%s: Need(%s): %v", row.claims, s, grant.Need(s))
			} else if !may {
				refused(t, row.claims, grant.Need(s), NoScope, "")
			}
		}
	}
}

// A token without a name of its own has one all the same, that others can't give a second token.
func TestTokensWithoutID(t *testing.T) {
	g := newGuard(t, func(c *Config) { c.PublicKeyFile = write(t, "ec.pem", publicPEM(ecKey())) })
	claims := times(`{"sub":"a","servers":"*","exp":IN}`)
	one := must(g.Check(forge(jwt.SigningMethodES256, ecKey(), `{"alg":"ES256"}`, claims)))
	same := must(g.Check(forge(jwt.SigningMethodES256, ecKey(), `{"alg":"ES256"}`, claims))) // with another signature
	other := must(g.Check(hs256(claims)))
	if !strings.HasPrefix(one.TokenID, "sha256:") || one.TokenID != same.TokenID || one.TokenID == other.TokenID {
		t.Errorf("got %q, %q and %q, want the same twice and another", one.TokenID, same.TokenID, other.TokenID)
	}
}

func TestNobodyIsAsked(t *testing.T) {
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	running(t, g)
	<-g.Ready()
	for _, token := range []string{"", "garbage", hs256(alice)} {
		grant, err := g.Check(token)
		if err != nil || !g.Open() || !grant.See.IsZero() || !grant.May(Subscribe|Publish|Admin) || !grant.Expires.IsZero() {
			t.Errorf("%q: got %+v, %v, want all", token, grant, err)
		}
		if err := g.Still(grant); err != nil {
			t.Errorf("%q: Still: %v", token, err)
		}
	}
}

// FuzzCheck: whatever comes as a token, there is a Refusal and no panic, and a grant only for what is well signed.
func FuzzCheck(f *testing.F) {
	good := hs256(`{"sub":"alice","servers":"*","exp":4102444800}`) // the same in every process that fuzzes
	f.Add(good)
	f.Add("")
	f.Add("a.b.c")
	f.Add(forge(jwt.SigningMethodHS256, []byte("no"), `{"alg":"none"}`, times(alice)))
	f.Add(forge(jwt.SigningMethodRS256, rsaKey(), `{"alg":"RS256","kid":"x"}`, times(alice)))
	keys := publicPEM(ecKey(), edKey())
	g := newGuard(f, func(c *Config) { c.PublicKeyFile = write(f, "keys.pem", keys) })
	f.Fuzz(func(t *testing.T, token string) {
		grant, err := g.Check(token)
		switch {
		case token == good:
		case grant != nil || err == nil:
			t.Errorf("got %+v, %v for a token that nobody signed", grant, err)
		default:
			if r, ok := err.(*Refusal); !ok || r.Text == "" {
				t.Errorf("got %v, want a Refusal", err)
			}
		}
	})
}

// FuzzClaims: whatever is well signed, a grant says what its claims say and nothing more.
func FuzzClaims(f *testing.F) {
	f.Add(times(alice))
	f.Add(times(`{"sub":"a","servers":["a","b*"],"types":[],"scope":["admin"],"exp":IN,"nbf":0,"iat":1.5,"aud":["x"]}`))
	f.Add(`{"sub":"a","sub":"b","exp":1e12}`)
	f.Add(`{"exp":[[[[[[]]]]]]}`)
	g := newGuard(f, nil)
	f.Fuzz(func(t *testing.T, claims string) {
		token := forge(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256"}`, claims)
		grant, err := g.Check(token)
		if err != nil {
			if r, ok := err.(*Refusal); !ok || r.Text == "" || len(r.Text) > 600 || event.CheckText(r.Text) != nil {
				t.Errorf("got %q, want a short Refusal of one line", err)
			}
			return
		}
		var said map[string]any
		if err := json.Unmarshal([]byte(claims), &said); err != nil {
			t.Fatalf("a grant for what is no JSON: %v", err)
		}
		if grant.User == "" || grant.User != said["sub"] || checkName(grant.User, maxUser) != nil || checkName(grant.TokenID, maxID) != nil {
			t.Errorf("got %+v", grant)
		}
		if _, ok := said["exp"].(float64); !ok || !grant.Expires.After(time.Now()) {
			t.Errorf("got %+v, which does not end", grant)
		}
		if servers, has := said["servers"]; (!has || servers == "") && !grant.See.IsNone() {
			t.Errorf("got %+v, which sees something", grant)
		}
		if _, has := said["scope"]; !has && grant.Scopes != Subscribe {
			t.Errorf("got %+v, which may do something", grant)
		}
	})
}

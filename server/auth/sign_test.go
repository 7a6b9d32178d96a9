package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// What is signed is taken, with each kind of key.
func TestSign(t *testing.T) {
	c := Claims{User: "alice", Servers: "web-*, db", Types: "logs", Scopes: Subscribe | Admin, Issuer: "i", Audience: []string{"telltale"}, Expires: time.Now().Add(time.Hour)}
	for name, signer := range map[string]struct {
		*Signer
		config Config
	}{
		"secret": {must(SecretSigner([]byte(secret), "")), Config{Secret: []byte(secret)}},
		"RSA":    {must(PrivateKeySigner(privatePEM(rsaKey()), "named")), Config{PublicKeyFile: write(t, "k.pem", publicPEM(rsaKey()))}},
		"P-256":  {must(PrivateKeySigner(privatePEM(ecKey()), "")), Config{PublicKeyFile: write(t, "k.pem", publicPEM(ecKey()))}},
		"PKCS 1": {must(PrivateKeySigner(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())}), "")), Config{PublicKeyFile: write(t, "k.pem", publicPEM(rsaKey()))}},
		"SEC 1": {must(PrivateKeySigner(append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"),
			pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(ecKey()))})...), "")), Config{PublicKeyFile: write(t, "k.pem", publicPEM(ecKey()))}},
		"Ed25519": {must(PrivateKeySigner(privatePEM(edKey()), "")), Config{PublicKeyFile: write(t, "k.pem", publicPEM(edKey()))}},
	} {
		t.Run(name, func(t *testing.T) {
			signer.config.Issuer, signer.config.Audience = "i", "telltale"
			g, err := New(signer.config)
			if err != nil {
				t.Fatal(err)
			}
			token, err := signer.Sign(c)
			if err != nil {
				t.Fatal(err)
			}
			grant, err := g.Check(token)
			if err != nil {
				t.Fatal(err)
			}
			if grant.User != "alice" || grant.See.Key() != "db,web-*|logs:*" || grant.Scopes != c.Scopes || !grant.Expires.Equal(c.Expires.Truncate(time.Second)) || grant.IssuedAt.IsZero() {
				t.Errorf("got %+v", grant)
			}
			again, err := g.Check(must(signer.Sign(c)))
			if err != nil || again.TokenID == grant.TokenID || len(grant.TokenID) < 16 || strings.HasPrefix(grant.TokenID, "sha256:") {
				t.Errorf("two tokens are named %q and %q, %v", grant.TokenID, again.TokenID, err)
			}
			if grant.KeyID == "" {
				t.Error("nobody knows its key")
			}
		})
	}
}

func TestSignWhatIsLeftOut(t *testing.T) {
	g := newGuard(t, nil)
	s := must(SecretSigner([]byte(secret), "k"))
	for _, row := range []struct{ servers, types, want string }{
		{"", "", "/|/"}, {"*", "", "|"}, {"*", "*", "|"}, {" ", "logs", "/|/"}, {"a,*", "server", "|server:*"},
	} {
		token, err := s.Sign(Claims{User: "a", Servers: row.servers, Types: row.types, Scopes: Subscribe, Expires: time.Now().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if grant := must(g.Check(token)); grant.See.Key() != row.want {
			t.Errorf("%q, %q: sees %q, want %q", row.servers, row.types, grant.See.Key(), row.want)
		}
		var header map[string]string
		text, _, _ := strings.Cut(token, ".")
		if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(text)), &header); err != nil || header["kid"] != "k" || header["alg"] != "HS256" {
			t.Errorf("the header is %v, %v", header, err)
		}
	}
	token, err := s.Sign(Claims{User: "a", Servers: "*", NotBefore: time.Now().Add(time.Hour), Audience: []string{"a", "b"}, Expires: time.Now().Add(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "not before an hour is over", second(g.Check(token)), NotYet, token)
}

func TestSignWhatCantBe(t *testing.T) {
	s := must(SecretSigner([]byte(secret), ""))
	end := time.Now().Add(time.Hour)
	var many []string
	for range event.MaxPatterns {
		many = append(many, strings.Repeat("a", 90)+string(rune('a'+len(many)%26))+strings.Repeat("b", len(many)))
	}
	for name, c := range map[string]Claims{
		"no user":           {Servers: "*", Expires: end},
		"a user of two":     {User: "a\nb", Servers: "*", Expires: end},
		"an id of two":      {User: "a", ID: "a\nb", Servers: "*", Expires: end},
		"no end":            {User: "a", Servers: "*"},
		"an end in past":    {User: "a", Servers: "*", Expires: time.Now().Add(-time.Second)},
		"no such pattern":   {User: "a", Servers: "a/b", Expires: end},
		"no such type":      {User: "a", Servers: "*", Types: "a:b:c", Expires: end},
		"more than is read": {User: "a", Servers: strings.Join(many, ","), Expires: end},
	} {
		if token, err := s.Sign(c); err == nil {
			t.Errorf("%s: got %q", name, token)
		}
	}
	if _, err := must(SecretSigner([]byte(secret), "a\nb")).Sign(Claims{User: "a", Servers: "*", Expires: end}); err == nil {
		t.Error("a kid of two lines is signed")
	}
	if _, err := SecretSigner([]byte("short"), ""); err == nil {
		t.Error("a short secret signs")
	}
	for name, text := range map[string][]byte{
		"nothing":       nil,
		"a public key":  publicPEM(edKey()),
		"a small key":   privatePEM(smallRSA()),
		"P-384":         privatePEM(bigEC()),
		"broken":        pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
		"encrypted":     pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}),
		"an EC of none": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY"}),
	} {
		if _, err := PrivateKeySigner(text, ""); err == nil {
			t.Errorf("%s signs", name)
		}
	}
}

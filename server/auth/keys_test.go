package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A configuration that can't be is refused with what is wrong, and where.
func TestConfig(t *testing.T) {
	rsaPublic := publicPEM(rsaKey())
	for _, row := range []struct {
		name   string
		config Config
		says   []string
	}{
		{"short secret", Config{Secret: []byte(strings.Repeat("x", MinSecret-1))}, []string{"--jwt-secret", "31 bytes", "at least 32"}},
		{"short secret in a file", Config{SecretFile: write(t, "s", []byte(strings.Repeat(" ", 40)+"x\n"))}, []string{"--jwt-secret-file", "1 bytes"}},
		{"a key as secret", Config{SecretFile: write(t, "s", rsaPublic)}, []string{"--jwt-secret-file", "--jwt-public-key"}},
		{"no file", Config{PublicKeyFile: filepath.Join(t.TempDir(), "none.pem")}, []string{"--jwt-public-key", "none.pem"}},
		{"a file of nothing", Config{PublicKeyFile: write(t, "k.pem", nil)}, []string{"--jwt-public-key", "k.pem", "no public key"}},
		{"a folder", Config{PublicKeyFile: t.TempDir()}, []string{"--jwt-public-key"}},
		{"a large file", Config{SecretFile: write(t, "s", make([]byte, maxKeyFile+1))}, []string{"larger"}},
		{"a private key", Config{PublicKeyFile: write(t, "k.pem", privatePEM(rsaKey()))}, []string{"private key", "-pubout"}},
		{"a small RSA key", Config{PublicKeyFile: write(t, "k.pem", publicPEM(smallRSA()))}, []string{"1024 bits", "2048"}},
		{"P-384", Config{PublicKeyFile: write(t, "k.pem", publicPEM(bigEC()))}, []string{"P-384", "P-256"}},
		{"a second key that is small", Config{PublicKeyFile: write(t, "k.pem", publicPEM(ecKey(), smallRSA()))}, []string{"1024 bits"}},
		{"a broken key", Config{PublicKeyFile: write(t, "k.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}))}, []string{"can't be read"}},
		{"something else", Config{PublicKeyFile: write(t, "k.pem", pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS"}))}, []string{"DH PARAMETERS"}},
		{"an issuer and no key", Config{Issuer: "sign-in"}, []string{"--jwt-issuer", "no key", "--jwks-url"}},
		{"an audience and no key", Config{Audience: "telltale"}, []string{"--jwt-audience", "no key"}},
		{"http elsewhere", Config{JWKSURL: "http://sign-in.example/keys"}, []string{"--jwks-url", "https"}},
		{"http to a name like ours", Config{JWKSURL: "http://localhost.example/keys"}, []string{"--jwks-url", "https"}},
		{"a password in the URL", Config{JWKSURL: "https://u:geheim@sign-in.example/keys"}, []string{"--jwks-url", "password"}},
		{"no address", Config{JWKSURL: "keys.json"}, []string{"--jwks-url"}},
		{"a file as address", Config{JWKSURL: "file:///etc/keys.json"}, []string{"--jwks-url"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := New(row.config)
			if g != nil || !errors.Is(err, ErrConfig) {
				t.Fatalf("got %v, %v, want ErrConfig", g, err)
			}
			for _, want := range row.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("says %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("%q tells the password", err)
			}
		})
	}
	for _, address := range []string{"https://sign-in.example/keys", "http://127.0.0.1:1/keys", "http://localhost/keys", "http://[::1]:80/keys"} {
		if g, err := New(Config{JWKSURL: address}); err != nil || g.Open() {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

// A certificate holds a public key too, and so does the older form of an RSA key.
func TestFormsOfPublicKeys(t *testing.T) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sign-in"}, NotAfter: time.Now().Add(time.Hour)}
	cert := must(x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey()))
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: cert},
		"PKCS 1":      {Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(rsaKey().Public().(*rsa.PublicKey))},
	} {
		g := newGuard(t, func(c *Config) { c.PublicKeyFile = write(t, "k.pem", pem.EncodeToMemory(block)) })
		if _, err := g.Check(forge(jwt.SigningMethodRS256, rsaKey(), `{"alg":"RS256"}`, times(alice))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7638 has an example.
func TestThumbprint(t *testing.T) {
	keys, err := parseSet([]byte(`{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}]}`))
	if err != nil || len(keys) != 1 || keys[0].id != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("got %v, %v, want the thumbprint of the example", ids(keys), err)
	}
}

// Keys of a file are read again; those that were there before end their grants, and what can't be read changes nothing.
func TestKeysAreReadAgain(t *testing.T) {
	public := write(t, "k.pem", publicPEM(rsaKey()))
	secretFile := write(t, "s", []byte(secret+"\n"))
	replace := func(t *testing.T, path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Config{PublicKeyFile: public, SecretFile: secretFile})
		if err != nil {
			t.Fatal(err)
		}
		running(t, g)
		<-g.Ready()
		byRSA := must(g.Check(forge(jwt.SigningMethodRS256, rsaKey(), `{"alg":"RS256"}`, times(alice))))
		bySecret := must(g.Check(hs256(alice)))
		edToken := forge(jwt.SigningMethodEdDSA, edKey(), `{"alg":"EdDSA"}`, times(alice))
		refused(t, "a key that is not there yet", second(g.Check(edToken)), Algorithm, edToken)

		// Another beside it.
		changed := g.Changed()
		replace(t, public, publicPEM(edKey(), rsaKey()))
		<-changed
		byEd := must(g.Check(edToken))
		for _, grant := range []*Grant{byRSA, bySecret, byEd} {
			if err := g.Still(grant); err != nil {
				t.Errorf("%s: %v", grant.KeyID, err)
			}
		}

		// Nonsense: nothing changes.
		changed = g.Changed()
		replace(t, public, []byte("-----BEGIN"))
		if err := os.Remove(secretFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * reread)
		synctest.Wait()
		select {
		case <-changed:
			t.Error("files that can't be read changed the keys")
		default:
		}

		// The older one goes, and the secret is another.
		replace(t, public, publicPEM(edKey()))
		<-changed
		changed = g.Changed()
		refused(t, "by the key that is gone", g.Still(byRSA), KeyGone, "")
		if err := g.Still(bySecret); err != nil {
			t.Errorf("by the secret that is not there at present: %v", err)
		}
		replace(t, secretFile, []byte(secret+"2"))
		<-changed
		refused(t, "by the secret before", g.Still(bySecret), KeyGone, "")
		if err := g.Still(byEd); err != nil {
			t.Errorf("by the key that stays: %v", err)
		}
		token := hs256(alice)
		refused(t, "a new one by the secret before", second(g.Check(token)), Signature, token)
	})
}

package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a secret of some forty bytes, for tests only"

// Keys of each kind, made once.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	smallRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	bigEC    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// publicPEM returns the public halves of keys as a PEM file.
func publicPEM(keys ...crypto.Signer) []byte {
	var out []byte
	for _, k := range keys {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(k.Public()))})...)
	}
	return out
}

func privatePEM(k crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(k))})
}

// write writes a file of the test's own.
func write(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newGuard returns a Guard that takes tokens of the secret.
func newGuard(t testing.TB, change func(*Config)) *Guard {
	t.Helper()
	c := Config{Secret: []byte(secret)}
	if change != nil {
		change(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// running runs a Guard until the test ends.
func running(t *testing.T, g *Guard) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v, want %v", err, context.Canceled)
		}
	})
}

// forge returns a token of any parts at all, well signed.
func forge(method jwt.SigningMethod, key any, header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(must(method.Sign(text, key)))
}

// hs256 returns a token of those claims, signed with the secret. "IN" in them stands for an hour from now, "NOW" for now.
func hs256(claims string) string {
	return forge(jwt.SigningMethodHS256, []byte(secret), `{"alg":"HS256","typ":"JWT"}`, times(claims))
}

func times(claims string) string {
	now := time.Now()
	return strings.NewReplacer("IN", fmt.Sprint(now.Add(time.Hour).Unix()), "NOW", fmt.Sprint(now.Unix())).Replace(claims)
}

// alice is the claims of a good token.
const alice = `{"sub":"alice","servers":"web-*","types":"server:*,logs:*","scope":"subscribe publish","jti":"t1","iat":NOW,"exp":IN}`

// refused fails the test unless err is the Refusal of that code, with a text that tells nothing of the token.
func refused(t testing.TB, what string, err error, code Code, token string) {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Code != code {
		t.Errorf("%s: got %v (%#v), want the refusal %q", what, err, err, code)
		return
	}
	if r.Text == "" || !strings.HasSuffix(r.Text, ".") {
		t.Errorf("%s: says %q, want a sentence", what, r.Text)
	}
	for part := range strings.SplitSeq(token, ".") {
		for i := 0; i+12 <= len(part); i += 12 {
			if strings.Contains(r.Text, part[i:i+12]) {
				t.Errorf("%s: %q tells some of the token", what, r.Text)
			}
		}
	}
}

package auth

import (
	"fmt"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// What each request pays.
func BenchmarkCheck(b *testing.B) {
	for _, revoked := range []int{0, 10_000} {
		for _, by := range []struct {
			name   string
			method jwt.SigningMethod
			key    any
		}{
			{"HS256", jwt.SigningMethodHS256, []byte(secret)},
			{"RS256", jwt.SigningMethodRS256, rsaKey()},
			{"ES256", jwt.SigningMethodES256, ecKey()},
			{"EdDSA", jwt.SigningMethodEdDSA, edKey()},
		} {
			b.Run(fmt.Sprintf("%s/revoked=%d", by.name, revoked), func(b *testing.B) {
				g := newGuard(b, func(c *Config) { c.PublicKeyFile = write(b, "k.pem", publicPEM(rsaKey(), ecKey(), edKey())) })
				all := make(map[string]Revocation)
				for i := range revoked {
					r := Revocation{TokenID: fmt.Sprint("other ", i)}
					name, _ := r.name()
					all[name] = r
				}
				g.revoked.now.Store(&all)
				token := forge(by.method, by.key, fmt.Sprintf(`{"alg":%q}`, by.name), times(alice))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := g.Check(token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

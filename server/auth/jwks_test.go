package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// jwkOf returns a key as sets have it, with more members or others in place.
func jwkOf(k crypto.Signer, kid string, more map[string]any) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	var m map[string]any
	switch p := k.Public().(type) {
	case *rsa.PublicKey:
		m = map[string]any{"kty": "RSA", "n": b64(p.N.Bytes()), "e": b64(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		point := must(p.Bytes())
		size := (len(point) - 1) / 2
		m = map[string]any{"kty": "EC", "crv": p.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case ed25519.PublicKey:
		m = map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(p)}
	}
	if kid != "" {
		m["kid"] = kid
	}
	for name, value := range more {
		m[name] = value
	}
	return m
}

func setOf(keys ...any) []byte {
	return must(json.Marshal(map[string]any{"keys": append([]any{}, keys...)}))
}

func TestParseSet(t *testing.T) {
	for _, row := range []struct {
		name string
		key  any
		want string // algorithm; "": passed over
	}{
		{"RSA", jwkOf(rsaKey(), "k", nil), "RS256"},
		{"P-256", jwkOf(ecKey(), "k", nil), "ES256"},
		{"Ed25519", jwkOf(edKey(), "k", nil), "EdDSA"},
		{"all it may say", jwkOf(rsaKey(), "k", map[string]any{"use": "sig", "alg": "RS256", "key_ops": []string{"verify"}, "x5t": "x", "new": []int{1}}), "RS256"},
		{"for encryption", jwkOf(rsaKey(), "k", map[string]any{"use": "enc"}), ""},
		{"to sign with", jwkOf(rsaKey(), "k", map[string]any{"key_ops": []string{"sign"}}), ""},
		{"for RS512", jwkOf(rsaKey(), "k", map[string]any{"alg": "RS512"}), ""},
		{"for HS256", jwkOf(rsaKey(), "k", map[string]any{"alg": "HS256"}), ""},
		{"with its private half", jwkOf(rsaKey(), "k", map[string]any{"d": "AQAB"}), ""},
		{"a secret", map[string]any{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(secret)), "alg": "HS256"}, ""},
		{"small RSA", jwkOf(smallRSA(), "k", nil), ""},
		{"RSA with an even exponent", jwkOf(rsaKey(), "k", map[string]any{"e": "Ag"}), ""},
		{"RSA with exponent 1", jwkOf(rsaKey(), "k", map[string]any{"e": "AQ"}), ""},
		{"RSA without an exponent", jwkOf(rsaKey(), "k", map[string]any{"e": ""}), ""},
		{"RSA with a large exponent", jwkOf(rsaKey(), "k", map[string]any{"e": "AQABAAAB"}), ""},
		{"RSA that is even", jwkOf(rsaKey(), "k", map[string]any{"n": base64.RawURLEncoding.EncodeToString(append(bytes.Repeat([]byte{255}, 255), 0))}), ""},
		{"P-384", jwkOf(bigEC(), "k", nil), ""},
		{"a point that is not on the curve", jwkOf(ecKey(), "k", map[string]any{"x": strings.Repeat("A", 42) + "E"}), ""},
		{"a short coordinate", jwkOf(ecKey(), "k", map[string]any{"x": "AQAB"}), ""},
		{"a short Ed25519", jwkOf(edKey(), "k", map[string]any{"x": "AQAB"}), ""},
		{"padded", jwkOf(edKey(), "k", map[string]any{"x": jwkOf(edKey(), "", nil)["x"].(string) + "="}), ""},
		{"kid is a number", jwkOf(edKey(), "", map[string]any{"kid": 7}), ""},
		{"kid with a line break", jwkOf(edKey(), "a\nb", nil), ""},
		{"kid too long", jwkOf(edKey(), strings.Repeat("k", maxID+1), nil), ""},
		{"a number", 7, ""},
		{"null", nil, ""},
	} {
		// It spoils nothing for its neighbour.
		keys, err := parseSet(setOf(row.key, jwkOf(edKey(), "last", nil)))
		want := []string{"EdDSA"}
		if row.want != "" {
			want = []string{row.want, "EdDSA"}
		}
		var got []string
		for _, k := range keys {
			got = append(got, k.alg)
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, %v, want %v", row.name, got, err, want)
		}
	}
	twice := strings.Replace(string(setOf(jwkOf(edKey(), "k", nil))), `"kty"`, `"kty":"RSA","kty"`, 1)
	if keys, err := parseSet([]byte(twice)); err != nil || len(keys) != 0 {
		t.Errorf("a member twice: got %v, %v, want it passed over", keys, err)
	}
	var many []any
	for i := range maxKeys + 1 {
		many = append(many, jwkOf(edKey(), fmt.Sprint(i), nil))
	}
	for _, text := range []string{"", "{}", "[]", "null", `{"keys":null}`, `{"keys":{}}`, "<html>", string(setOf(many...))} {
		if keys, err := parseSet([]byte(text)); err == nil {
			t.Errorf("%.20q: got %v, want an error", text, keys)
		}
	}
}

// FuzzParseSet: whatever a key set holds, keys that come of it can verify in their own way, and nothing panics.
func FuzzParseSet(f *testing.F) {
	f.Add(setOf(jwkOf(rsaKey(), "a", nil), jwkOf(ecKey(), "b", nil), jwkOf(edKey(), "", nil)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[1,null,{"kty":[]},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	tokens := map[string]string{
		"RS256": forge(jwt.SigningMethodRS256, otherRSA(), `{"alg":"RS256"}`, times(alice)),
		"ES256": forge(jwt.SigningMethodES256, ecKey(), `{"alg":"ES256"}`, times(alice)),
		"EdDSA": forge(jwt.SigningMethodEdDSA, edKey(), `{"alg":"EdDSA"}`, times(alice)),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseSet(text)
		if err != nil && keys != nil || len(keys) > maxKeys {
			t.Fatalf("got %d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			token, ok := tokens[k.alg]
			if !ok || k.id == "" || checkName(k.kid, maxID) != nil {
				t.Fatalf("got %+v", k)
			}
			if _, err := k.check(token); k.alg == "RS256" && err == nil {
				t.Fatal("a key that it does not hold verifies")
			}
		}
	})
}

// service is a sign-in service: it answers what it is told to.
type service struct {
	mu     sync.Mutex
	answer func() (*http.Response, error)
	asked  atomic.Int64
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.answer()
	if answer != nil {
		answer.Request = r
	}
	return answer, err
}

func (s *service) says(status int, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func() (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: http.Header{"Location": {"https://elsewhere.example/keys"}}, Body: io.NopCloser(bytes.NewReader(text))}, nil
	}
}

func (s *service) fails() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func() (*http.Response, error) { return nil, errors.New("connection refused") }
}

func byService(t *testing.T, s *service) *Guard {
	t.Helper()
	g, err := New(Config{JWKSURL: "https://sign-in.example/keys", Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func of(key crypto.Signer, kid string) string {
	method := map[bool]jwt.SigningMethod{true: jwt.SigningMethodRS256, false: jwt.SigningMethodEdDSA}
	_, isRSA := key.(*rsa.PrivateKey)
	m := method[isRSA]
	header := map[string]string{"alg": m.Alg()}
	if kid != "" {
		header["kid"] = kid
	}
	return forge(m, key, string(must(json.Marshal(header))), times(alice))
}

func TestKeySetsRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.says(200, setOf(jwkOf(rsaKey(), "one", nil)))
		g := byService(t, s)
		refused(t, "before anything was fetched", second(g.Check(of(rsaKey(), "one"))), Unavailable, "")
		running(t, g)
		<-g.Ready()
		one := must(g.Check(of(rsaKey(), "one")))
		if one.KeyID != "one" {
			t.Errorf("the key is %q, want its kid", one.KeyID)
		}
		must(g.Check(of(rsaKey(), ""))) // it may be any
		for name, token := range map[string]string{
			"another key of that name": of(otherRSA(), "one"),
			"HS256":                    hs256(alice),
		} {
			if _, err := g.Check(token); err == nil {
				t.Errorf("%s is taken", name)
			}
		}

		// A key that is new is fetched at once, and waited for.
		time.Sleep(fetchGap)
		s.says(200, setOf(jwkOf(rsaKey(), "one", nil), jwkOf(edKey(), "two", nil)))
		before := s.asked.Load()
		two := must(g.Check(of(edKey(), "two")))
		if got := s.asked.Load() - before; got != 1 {
			t.Errorf("fetched %d times for a key that is new, want once", got)
		}
		if err := g.Still(one); err != nil {
			t.Errorf("by the key before: %v", err)
		}

		// But names that somebody makes up do not bring about a fetch each.
		before = s.asked.Load()
		for i := range 1000 {
			token := of(edKey(), fmt.Sprint("made up ", i))
			refused(t, "a made-up key", second(g.Check(token)), Signature, "")
		}
		if got := s.asked.Load() - before; got != 0 {
			t.Errorf("fetched %d times for made-up keys just after a fetch, want none", got)
		}

		// One that goes ends its grants, at the next fetch.
		s.says(200, setOf(jwkOf(edKey(), "two", nil)))
		changed := g.Changed()
		began := time.Now()
		<-changed
		if waited := time.Since(began); waited > fetchEvery {
			t.Errorf("it took %v to notice, want at most %v", waited, fetchEvery)
		}
		refused(t, "by the key that is gone", g.Still(one), KeyGone, "")
		if err := g.Still(two); err != nil {
			t.Errorf("by the key that stays: %v", err)
		}
		refused(t, "a new token by the key that is gone", second(g.Check(of(rsaKey(), "one"))), Signature, "")

		// Nothing changes and nobody is told.
		changed = g.Changed()
		time.Sleep(10 * fetchEvery)
		synctest.Wait()
		select {
		case <-changed:
			t.Error("the same keys again are told as a change")
		default:
		}
	})
}

func TestKeySetsThatCantBeFetched(t *testing.T) {
	large := append(setOf(jwkOf(otherRSA(), "one", nil)), bytes.Repeat([]byte(" "), maxSet)...)
	for name, breaks := range map[string]func(*service){
		"refused":     (*service).fails,
		"unavailable": func(s *service) { s.says(503, nil) },
		"not found":   func(s *service) { s.says(404, setOf(jwkOf(otherRSA(), "one", nil))) },
		"a redirect":  func(s *service) { s.says(302, setOf(jwkOf(otherRSA(), "one", nil))) },
		"a page":      func(s *service) { s.says(200, []byte("<!doctype html>")) },
		"too large":   func(s *service) { s.says(200, large) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{}
				breaks(s)
				g := byService(t, s)
				running(t, g)
				<-g.Ready() // it serves all the same
				refused(t, "never fetched", second(g.Check(of(rsaKey(), "one"))), Unavailable, "")
				refused(t, "what could never be good", second(g.Check(hs256(alice))), Algorithm, "")

				changed := g.Changed()
				s.says(200, setOf(jwkOf(rsaKey(), "one", nil)))
				began := time.Now()
				<-changed
				if waited := time.Since(began); waited > fetchAgain {
					t.Errorf("it tried again after %v, want %v", waited, fetchAgain)
				}
				one := must(g.Check(of(rsaKey(), "one")))

				breaks(s)
				changed = g.Changed()
				time.Sleep(time.Minute)
				asked := s.asked.Load()
				refused(t, "a key that is not known", second(g.Check(of(edKey(), "two"))), Signature, "")
				time.Sleep(time.Hour - time.Minute - time.Second) // till just before the token ends
				synctest.Wait()
				if err := g.Still(one); err != nil {
					t.Errorf("by the last good keys: %v", err)
				}
				must(g.Check(of(rsaKey(), "one")))
				if s.asked.Load() == asked {
					t.Error("it is not tried again")
				}
				select {
				case <-changed:
					t.Error("what can't be fetched is told as a change")
				default:
				}
			})
		})
	}
}

// A service that answers nothing holds up nobody for long, neither those who ask nor the end.
func TestKeySetsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.says(200, setOf(jwkOf(rsaKey(), "one", nil)))
		c := Config{JWKSURL: "https://sign-in.example/keys", Transport: hanging{s}}
		g, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		running(t, g)
		<-g.Ready()
		must(g.Check(of(rsaKey(), "one")))
		time.Sleep(fetchGap)
		s.fails() // hangs, that is
		began := time.Now()
		refused(t, "a key that is not known", second(g.Check(of(edKey(), "two"))), Signature, "")
		if waited := time.Since(began); waited != fetchWait {
			t.Errorf("waited %v, want %v", waited, fetchWait)
		}
	})
}

// hanging hangs where the service fails, until the request is given up.
type hanging struct{ s *service }

func (h hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.s.RoundTrip(r)
	if err != nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return answer, nil
}

// Over a real connection: redirects are not followed, also not to where there are keys, and the log says where to look.
func TestKeySetOverHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) { w.Write(setOf(jwkOf(edKey(), "one", nil))) })
	mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	var said strings.Builder
	logger := slog.New(slog.NewTextHandler(&said, nil))
	for path, good := range map[string]bool{"/keys": true, "/moved": false} {
		g, err := New(Config{JWKSURL: server.URL + path, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		<-g.Ready()
		if _, err := g.Check(of(edKey(), "one")); (err == nil) != good {
			t.Errorf("%s: got %v, want good %t", path, err, good)
		}
		cancel()
		<-ended
	}
	if !strings.Contains(said.String(), "/moved redirects to somewhere else") {
		t.Errorf("the log says %q, want that it redirects", said.String())
	}
}

package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// How key sets are fetched.
const (
	fetchEvery   = 10 * time.Minute // unless a token asks sooner
	fetchAgain   = 15 * time.Second // after a failure
	fetchGap     = 30 * time.Second // least time between the last fetch and one that a token with an unknown key brings about
	fetchTimeout = 10 * time.Second // for all of an answer
	maxSet       = 256 << 10        // bytes of an answer
)

// parseSet reads a JSON Web Key Set (RFC 7517). Keys that are for something else, or of a kind that is not taken, are passed over, as the RFC
// wants it; so are those that say of themselves what can't be, and private ones, which were never to be seen there.
func parseSet(text []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New(`no key set: want a JSON object with "keys"`)
	}
	var keys []key
	for _, raw := range set.Keys {
		k, err := parseJWK(raw)
		if err != nil {
			continue
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("more than %d keys that could sign tokens", maxKeys)
		}
		if !slices.ContainsFunc(keys, func(o key) bool { return o.mark == k.mark && o.kid == k.kid }) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

type jwk struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	Crv    string   `json:"crv"`
	N      segment  `json:"n"`
	E      segment  `json:"e"`
	X      segment  `json:"x"`
	Y      segment  `json:"y"`
	D      any      `json:"d"`
}

// segment is base64 as JWKs have it.
type segment []byte

func (s *segment) UnmarshalJSON(v []byte) error {
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return err
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	*s = b
	return err
}

func parseJWK(raw []byte) (key, error) {
	if _, err := members(raw); err != nil {
		return key{}, err
	}
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil {
		return key{}, err
	}
	switch {
	case j.Use != "" && j.Use != "sig", j.KeyOps != nil && !slices.Contains(j.KeyOps, "verify"):
		return key{}, errors.New("for something else")
	case j.D != nil:
		return key{}, errors.New("a private key")
	case checkName(j.Kid, maxID) != nil:
		return key{}, errors.New("a name that can't be")
	}
	public, err := j.public()
	if err != nil {
		return key{}, err
	}
	k, err := publicKey(public)
	if err != nil {
		return key{}, err
	}
	if j.Alg != "" && j.Alg != k.alg {
		return key{}, errors.New("for another algorithm")
	}
	if k.kid = j.Kid; k.kid != "" {
		k.id = k.kid
	}
	return k, nil
}

func (j *jwk) public() (any, error) {
	switch {
	case j.Kty == "RSA":
		if len(j.E) == 0 || len(j.E) > 4 || len(j.N) > maxRSA/8+1 {
			return nil, errors.New("an RSA key that can't be")
		}
		e := new(big.Int).SetBytes(j.E)
		n := new(big.Int).SetBytes(j.N)
		if e.Int64() > 1<<31-1 || n.Bit(0) == 0 {
			return nil, errors.New("an RSA key that can't be")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case j.Kty == "EC" && j.Crv == "P-256":
		if len(j.X) != 32 || len(j.Y) != 32 {
			return nil, errors.New("coordinates of another length")
		}
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, j.X, j.Y))
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		return ed25519.PublicKey(j.X), nil
	}
	return nil, errors.New("a kind of key that is not taken")
}

// fetcher is the source of a key set that is fetched.
type fetcher struct {
	url     string
	client  http.Client
	logger  *slog.Logger
	fetched atomic.Bool   // once at least
	wake    chan struct{} // holds one token when somebody waits for a fetch

	mu      sync.Mutex    // guards what follows
	running bool          // follow is
	last    time.Time     // of the last fetch
	waiting chan struct{} // closed when the fetch that somebody asked for is over; nil: nobody has
}

func newFetcher(address string, transport http.RoundTripper, logger *slog.Logger) (*fetcher, error) {
	if err := checkURL(address); err != nil {
		return nil, err
	}
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // once in ten minutes
		t.MaxResponseHeaderBytes = 64 << 10
		t.ResponseHeaderTimeout = fetchTimeout
		transport = t
	}
	return &fetcher{
		url:    address,
		logger: logger,
		wake:   make(chan struct{}, 1),
		client: http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			// Whoever can make that server redirect should not choose the keys.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// checkURL returns an error unless nobody on the way can change what is fetched from there.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("that is no URL")
	}
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%s: want the whole address of a key set, such as https://sign-in.example/.well-known/jwks.json, without a name or password in it", u.Redacted())
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return fmt.Errorf("%s: want https, as anybody on the way could put keys of his own in its place; http is for this machine only", u.Redacted())
	}
	return nil
}

// get fetches the keys.
func (f *fetcher) get(ctx context.Context) ([]key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 3 {
		return nil, fmt.Errorf("%s redirects to somewhere else, which is not followed: configure the address where the keys are", f.url)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %q", f.url, answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.url, err)
	}
	if len(text) > maxSet {
		return nil, fmt.Errorf("%s answers with more than %d bytes", f.url, maxSet)
	}
	keys, err := parseSet(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.url, err)
	}
	return keys, nil
}

// follow implements source. What can't be fetched leaves the keys as they are.
func (f *fetcher) follow(ctx context.Context, hold func([]key), once func()) {
	f.mu.Lock()
	f.running = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running = false
		f.mu.Unlock()
		f.done()
	}()
	var held []key
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-f.wake:
		}
		keys, err := f.get(ctx)
		next := fetchEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			next = fetchAgain
			what := "the keys of the sign-in service can't be fetched; those fetched before stay in force"
			if len(held) == 0 {
				what = "the keys of the sign-in service can't be fetched; until they are nobody can sign in"
			}
			f.logger.Error(what, "err", err, "keys", ids(held))
		default:
			if len(keys) == 0 {
				f.logger.Error("the sign-in service has no keys that could sign tokens", "url", f.url)
			}
			first := !f.fetched.Swap(true)
			if same := slices.EqualFunc(keys, held, func(a, b key) bool { return a.mark == b.mark && a.kid == b.kid }); !same || first {
				f.logger.Info("keys of the sign-in service", "url", f.url, "keys", ids(keys))
				held = keys
				hold(keys)
			}
		}
		f.done()
		once()
		timer.Reset(next)
	}
}

// done lets those go on who wait for a fetch.
func (f *fetcher) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = time.Now()
	if f.waiting != nil {
		close(f.waiting)
		f.waiting = nil
	}
}

// refresh has the keys fetched for a token whose key is not known, and waits until they are, though not longer than that. It
// reports whether there is any point in looking again: where there is nothing to fetch, or it was done a moment ago, there is none, since
// anybody can make up names of keys. A nil fetcher is one with nothing to fetch.
func (f *fetcher) refresh(wait time.Duration) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	if f.waiting == nil {
		if !f.running || time.Since(f.last) < fetchGap {
			f.mu.Unlock()
			return false
		}
		f.waiting = make(chan struct{})
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	waiting := f.waiting
	f.mu.Unlock()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-waiting:
	case <-timeout.C:
	}
	return true
}

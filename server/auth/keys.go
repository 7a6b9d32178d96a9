package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Bounds of keys.
const (
	MinSecret  = 32   // bytes, as HS256 wants it (RFC 7518, 3.2)
	minRSA     = 2048 // bits (RFC 7518, 3.3)
	maxRSA     = 8192 // bits: what is larger only costs time
	maxKeys    = 32   // of one source
	maxKeyFile = 256 << 10
	reread     = 5 * time.Second // time between looks at a file
)

// mark is a hash of a key, by which it is known again.
type mark [sha256.Size]byte

// key is one key that verifies tokens, in the one way that is its own.
type key struct {
	id     string // what people call it
	kid    string // its name in a key set; "": it has none, and tokens may call it what they like
	alg    string
	verify any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	mark   mark
}

// secretKey returns the key of a secret.
func secretKey(secret []byte) (key, error) {
	if len(secret) < MinSecret {
		return key{}, fmt.Errorf("the secret has %d bytes and needs at least %d: anybody who can guess it can make tokens. Make one with telltale token --new-secret FILE, or with openssl rand -base64 48", len(secret), MinSecret)
	}
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return key{}, errors.New("that is a PEM file and no secret: give a public key as --jwt-public-key")
	}
	m := sha256.Sum256(append([]byte("telltale secret\n"), secret...))
	// Its id differs from that of the next secret, so that one that is revoked can be replaced. Four bytes tell less of a secret than any token
	// that it signed.
	return key{id: "secret-" + hex.EncodeToString(m[:4]), alg: "HS256", verify: bytes.Clone(secret), mark: m}, nil
}

// publicKey returns the key of a public key of crypto, whose algorithm is that of its type.
func publicKey(public any) (key, error) {
	k := key{verify: public}
	var parts any // as RFC 7638 wants them: the required members in the order of their names
	b64 := base64.RawURLEncoding.EncodeToString
	switch p := public.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA {
			return key{}, fmt.Errorf("an RSA key of %d bits: want %d to %d", n, minRSA, maxRSA)
		}
		if p.E < 3 || p.E%2 == 0 {
			return key{}, errors.New("an RSA key whose exponent can't be")
		}
		k.alg = "RS256"
		e := []byte{byte(p.E >> 24), byte(p.E >> 16), byte(p.E >> 8), byte(p.E)}
		parts = struct {
			E   string `json:"e"`
			Kty string `json:"kty"`
			N   string `json:"n"`
		}{b64(bytes.TrimLeft(e, "\x00")), "RSA", b64(p.N.Bytes())}
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return key{}, fmt.Errorf("an elliptic key of the curve %s: want P-256, for ES256", p.Params().Name)
		}
		point, err := p.Bytes()
		if err != nil {
			return key{}, errors.New("an elliptic key that is not on its curve")
		}
		k.alg = "ES256"
		parts = struct {
			Crv string `json:"crv"`
			Kty string `json:"kty"`
			X   string `json:"x"`
			Y   string `json:"y"`
		}{"P-256", "EC", b64(point[1:33]), b64(point[33:])}
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return key{}, fmt.Errorf("an Ed25519 key of %d bytes: want %d", len(p), ed25519.PublicKeySize)
		}
		k.alg = "EdDSA"
		parts = struct {
			Crv string `json:"crv"`
			Kty string `json:"kty"`
			X   string `json:"x"`
		}{"Ed25519", "OKP", b64(p)}
	default:
		return key{}, fmt.Errorf("a key of type %T: want RSA, P-256 or Ed25519", public)
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return key{}, err
	}
	sum := sha256.Sum256(text)
	k.id = b64(sum[:])
	k.mark = sum
	return k, nil
}

// parsePublicKeys reads a PEM file of public keys and certificates.
func parsePublicKeys(text []byte) ([]key, error) {
	var keys []key
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		public, err := parsePublic(block)
		if err != nil {
			return nil, err
		}
		k, err := publicKey(public)
		if err != nil {
			return nil, err
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New(`no public key in it: want a PEM file that begins "-----BEGIN PUBLIC KEY-----"`)
	}
	return keys, nil
}

func parsePublic(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("a public key that can't be read")
		}
		return public, nil
	case "RSA PUBLIC KEY":
		public, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("an RSA public key that can't be read")
		}
		return public, nil
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate that can't be read")
		}
		return c.PublicKey, nil
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("that is a private key, which should stay where tokens are made: give the public one, as openssl pkey -pubout prints it")
	}
	return nil, fmt.Errorf("a PEM block %.40q: want a public key", block.Type)
}

// source is where keys come from that may change.
type source interface {
	// follow calls hold with the keys whenever they are others, until ctx ends, and once after it has looked for them for the
	// first time.
	follow(ctx context.Context, hold func([]key), once func())
}

// keyFile is a source.
type keyFile struct {
	path  string
	flag  string // by which it was given
	parse func([]byte) ([]key, error)
	g     *Guard
	last  []byte // what it held
}

// read returns the keys of the file.
func (f *keyFile) read() ([]key, []byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(text) > maxKeyFile {
		return nil, nil, fmt.Errorf("%s is larger than any key", f.path)
	}
	keys, err := f.parse(text)
	if err != nil {
		return nil, text, fmt.Errorf("%s: %w", f.path, err)
	}
	return keys, text, nil
}

func (f *keyFile) follow(ctx context.Context, hold func([]key), once func()) {
	once() // New has read it
	tick := time.NewTicker(reread)
	defer tick.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		keys, text, err := f.read()
		switch {
		case err != nil:
			if said := err.Error(); said != failing {
				failing = said
				f.g.c.Logger.Error("keys can't be read; those read before stay in force", "flag", f.flag, "err", err)
			}
		case !bytes.Equal(text, f.last):
			failing, f.last = "", text
			hold(keys)
			f.g.c.Logger.Info("keys read again", "flag", f.flag, "keys", ids(keys))
		default:
			failing = ""
		}
	}
}

func ids(keys []key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.id
	}
	return out
}

// readKeys makes the sources and reads those that are files.
func (g *Guard) readKeys() error {
	c := g.c
	if len(c.Secret) > 0 {
		k, err := secretKey(c.Secret)
		if err != nil {
			return fmt.Errorf("%w: --jwt-secret: %w", ErrConfig, err)
		}
		g.held = append(g.held, []key{k})
		g.sources = append(g.sources, fixed{})
	}
	for _, f := range []*keyFile{
		{path: c.SecretFile, flag: "--jwt-secret-file", parse: parseSecret},
		{path: c.PublicKeyFile, flag: "--jwt-public-key", parse: parsePublicKeys},
	} {
		if f.path == "" {
			continue
		}
		keys, text, err := f.read()
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrConfig, f.flag, err)
		}
		f.g, f.last = g, text
		g.held = append(g.held, keys)
		g.sources = append(g.sources, f)
	}
	if c.JWKSURL != "" {
		f, err := newFetcher(c.JWKSURL, c.Transport, c.Logger)
		if err != nil {
			return fmt.Errorf("%w: --jwks-url: %w", ErrConfig, err)
		}
		g.fetch = f
		g.held = append(g.held, nil)
		g.sources = append(g.sources, f)
	}
	g.publish()
	return nil
}

// TrimSecret returns the secret in a file: all of it but white space at its ends, such as the end of a line.
func TrimSecret(text []byte) []byte { return bytes.TrimSpace(text) }

func parseSecret(text []byte) ([]key, error) {
	k, err := secretKey(TrimSecret(text))
	if err != nil {
		return nil, err
	}
	return []key{k}, nil
}

// fixed is the source of a secret given as it is: it does not change.
type fixed struct{}

func (fixed) follow(_ context.Context, _ func([]key), once func()) { once() }

// hold takes the i-th source's keys in place of those it had.
func (g *Guard) hold(i int, keys []key) {
	g.mu.Lock()
	g.held[i] = keys
	g.publish()
	g.mu.Unlock()
	g.tellChanged()
}

// publish shows Check the keys. g.mu is held, or nobody else knows g.
func (g *Guard) publish() {
	all := slices.Concat(g.held...)
	g.keys.Store(&all)
}

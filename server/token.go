package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/shared/event"
)

// tokenCmd makes tokens, and the secret they are signed with.
type tokenCmd struct {
	Sub     string `placeholder:"USER" help:"Whose token it is: a name for lists, logs and revocation."`
	Servers string `placeholder:"PATTERNS" help:"The servers he may see, comma-separated: names, or beginnings such as 'web-*'; '*' for all."`
	Types   string `placeholder:"PATTERNS" help:"The types of events he may see, such as 'server:*,logs:*'. Default: all."`
	Scope   string `default:"subscribe" placeholder:"SCOPES" help:"What he may do, comma-separated: subscribe (read), publish, admin (end the access of others). Default: ${default}."`
	TTL     age    `name:"ttl" default:"1h" help:"How long it is good: 30m, 12h, 90d. Default: ${default}."`
	ID      string `name:"id" placeholder:"ID" help:"The token's own name, by which it can be revoked. Default: one is made up."`

	JWTSecret     string `name:"jwt-secret" placeholder:"SECRET" group:"Who signs it" help:"Sign with this secret, or with one of the two that follow; better in the environment, as others on this machine can see what is on a command line."`
	JWTSecretFile string `name:"jwt-secret-file" placeholder:"FILE" group:"Who signs it" help:"Sign with the secret in this file, the one that telltale serve is given."`
	JWTPrivateKey string `name:"jwt-private-key" placeholder:"FILE" group:"Who signs it" help:"Sign with the private key in this PEM file: RSA, P-256 or Ed25519. telltale serve is given its public half."`
	Kid           string `placeholder:"NAME" group:"Who signs it" help:"The key's name in a key set (JWKS). Default: none."`
	JWTIssuer     string `name:"jwt-issuer" aliases:"issuer" placeholder:"TEXT" group:"Who signs it" help:"What \"iss\" says; also --issuer. Default: nothing."`
	JWTAudience   string `name:"jwt-audience" aliases:"audience" placeholder:"TEXT" group:"Who signs it" help:"What \"aud\" says; also --audience. Default: nothing."`

	NewSecret string `name:"new-secret" placeholder:"FILE" help:"Make no token but a secret, in a new file that only you can read; \"-\" prints it."`
}

// Help is what --help says beyond the flags.
func (tokenCmd) Help() string {
	return `Make a secret once, start the server with it, and make tokens for whoever may see something:

  telltale token --new-secret telltale.secret
  telltale serve --listen 0.0.0.0:8080 --jwt-secret-file telltale.secret
  telltale token --jwt-secret-file telltale.secret --sub alice --servers 'web-*' --ttl 12h

With a key pair the server can't make tokens itself:

  openssl genpkey -algorithm ed25519 -out private.pem
  openssl pkey -in private.pem -pubout -out public.pem

The token is all that is printed on standard output. Keep it as you would a password.`
}

// Run makes one token, or a secret.
func (c *tokenCmd) Run(p *program) error {
	if c.NewSecret != "" {
		return c.newSecret(p)
	}
	signer, err := c.signer()
	if err != nil {
		return err
	}
	claims := auth.Claims{User: c.Sub, Servers: c.Servers, Types: c.Types, ID: c.ID, Issuer: c.JWTIssuer}
	if c.JWTAudience != "" {
		claims.Audience = []string{c.JWTAudience}
	}
	switch {
	case c.Sub == "":
		return errors.New("--sub says whose token it is, such as --sub alice")
	case strings.TrimSpace(c.Servers) == "":
		return errors.New("--servers says what he may see, such as --servers 'web-*,db'; '*' is every server")
	case c.TTL < age(time.Second):
		return errors.New("--ttl: a token has to end; at least 1s")
	}
	if _, err := event.ParseFilter(c.Servers, ""); err != nil {
		return fmt.Errorf("--servers: %w", err)
	}
	if _, err := event.ParseFilter("", c.Types); err != nil {
		return fmt.Errorf("--types: %w", err)
	}
	for word := range strings.FieldsFuncSeq(c.Scope, func(r rune) bool { return r == ',' || r == ' ' }) {
		s, err := auth.ParseScope(word)
		if err != nil {
			return fmt.Errorf("--scope: %w", err)
		}
		claims.Scopes |= s
	}
	if claims.Scopes == 0 {
		return errors.New(`--scope: want "subscribe", "publish" or "admin", or several`)
	}
	claims.Expires = time.Now().Add(time.Duration(c.TTL))
	token, err := signer.Sign(claims)
	if err != nil {
		return err
	}
	if isTerminal(p.stdout) {
		fmt.Fprintf(p.stderr, "A token of %s until %s. Sign in with it on the page, or send it as \"Authorization: Bearer …\":\n",
			c.Sub, claims.Expires.Format("2006-01-02 15:04:05 MST"))
	}
	if _, err := fmt.Fprintln(p.stdout, token); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// signer returns what the one flag that says so signs with.
func (c *tokenCmd) signer() (*auth.Signer, error) {
	given := 0
	for _, flag := range []string{c.JWTSecret, c.JWTSecretFile, c.JWTPrivateKey} {
		if flag != "" {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("one of --jwt-secret-file, --jwt-private-key and --jwt-secret says what to sign with; telltale token --new-secret FILE makes a secret")
	}
	flag, path := "--jwt-secret-file", c.JWTSecretFile
	if c.JWTPrivateKey != "" {
		flag, path = "--jwt-private-key", c.JWTPrivateKey
	}
	text, secret := []byte(c.JWTSecret), "--jwt-secret"
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		secret = flag + ": " + path
	}
	if c.JWTPrivateKey != "" {
		s, err := auth.PrivateKeySigner(text, c.Kid)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", flag, path, err)
		}
		return s, nil
	}
	if path != "" {
		text = auth.TrimSecret(text)
	}
	s, err := auth.SecretSigner(text, c.Kid)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", secret, err)
	}
	return s, nil
}

// newSecret makes a secret.
func (c *tokenCmd) newSecret(p *program) (err error) {
	var random [48]byte
	rand.Read(random[:]) // never fails
	text := base64.StdEncoding.EncodeToString(random[:]) + "\n"
	if c.NewSecret == "-" {
		_, err := io.WriteString(p.stdout, text)
		return err
	}
	f, err := os.OpenFile(c.NewSecret, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("--new-secret: %s is there already, and tokens may be signed with it: choose another name, or remove it", c.NewSecret)
	}
	if err != nil {
		return fmt.Errorf("--new-secret: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.WriteString(f, text); err != nil {
		return fmt.Errorf("--new-secret: %w", err)
	}
	fmt.Fprintf(p.stderr, "A secret is in %s. Start the server with --jwt-secret-file %[1]s, and make tokens with telltale token --jwt-secret-file %[1]s --sub NAME --servers PATTERNS.\n", c.NewSecret)
	return nil
}

// isTerminal reports whether a person sees what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

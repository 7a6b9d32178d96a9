package main

import (
	"fmt"
	"log/slog"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/journal"
)

// accessFlags say whose tokens are taken. With none of them nobody is asked, and only this machine is served.
type accessFlags struct {
	JWTSecret     string `name:"jwt-secret" placeholder:"SECRET" group:"Who may see what" help:"Take tokens signed with this secret (HS256), of 32 bytes at least. Others on this machine can see what is on a command line: better give it in the environment, or as a file. Default: none."`
	JWTSecretFile string `name:"jwt-secret-file" placeholder:"FILE" group:"Who may see what" help:"The same secret in a file, as telltale token --new-secret makes it. Read again when it changes. Default: none."`
	JWTPublicKey  string `name:"jwt-public-key" placeholder:"FILE" group:"Who may see what" help:"Take tokens signed with the private half of a key in this PEM file: RSA of 2048 bits at least (RS256), P-256 (ES256) or Ed25519 (EdDSA). Several keys may stand in it, and it is read again when it changes. Default: none."`
	JWKSURL       string `name:"jwks-url" placeholder:"URL" group:"Who may see what" help:"Take tokens of the sign-in service whose key set (JWKS) is there. Fetched every ten minutes, and when a token names a key that is new. Default: none."`
	JWTIssuer     string `name:"jwt-issuer" placeholder:"TEXT" group:"Who may see what" help:"Take only tokens whose \"iss\" is this. Default: any."`
	JWTAudience   string `name:"jwt-audience" placeholder:"TEXT" group:"Who may see what" help:"Take only tokens whose \"aud\" names this. Default: any."`
}

// asks reports whether anybody is asked for a token at all.
func (a *accessFlags) asks() bool {
	return a.JWTSecret != "" || a.JWTSecretFile != "" || a.JWTPublicKey != "" || a.JWKSURL != ""
}

// config returns what a Guard is made of.
func (a *accessFlags) config(notes journal.Notes, vault auth.Vault, logger *slog.Logger) auth.Config {
	return auth.Config{
		Secret: []byte(a.JWTSecret), SecretFile: a.JWTSecretFile, PublicKeyFile: a.JWTPublicKey, JWKSURL: a.JWKSURL,
		Issuer: a.JWTIssuer, Audience: a.JWTAudience,
		Notes: notes, Vault: vault, Logger: logger,
	}
}

// tokensNeeded is the error of a server that a network could reach and that asks nobody who he is. Address is what was to be listened on.
func tokensNeeded(address string) error {
	return fmt.Errorf(`%[1]s can be reached from a network, so whoever asks has to show a token, and it is not said whose tokens are good. These two commands mend it:

  telltale token --new-secret telltale.secret
  telltale serve --listen %[1]s --jwt-secret-file telltale.secret

The first makes a secret, the second takes tokens that are signed with it. To make one for yourself:

  telltale token --jwt-secret-file telltale.secret --sub you --servers '*' --scope subscribe,publish,admin

Where there is a sign-in service already, give --jwks-url in place of the secret; telltale serve --help has the rest. For this machine
alone, --listen 127.0.0.1:8080 asks nobody`, address)
}

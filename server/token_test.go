package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/auth"
)

// The way the help shows: a secret, a server that is given it, a token that it takes.
func TestTokenOfASecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telltale.secret")
	out, said, err := finish(t, "", "token", "--new-secret", path)
	if err != nil || out != "" || !strings.Contains(said, "--jwt-secret-file "+path) {
		t.Fatalf("got %q, %q, %v, want nothing and what to do next", out, said, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Errorf("got %v, %v, want a file of one line for its owner alone", info, err)
	}
	before, _ := os.ReadFile(path)
	if _, _, err := finish(t, "", "token", "--new-secret", path); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: got %v, want a refusal", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a secret that is in use was overwritten")
	}

	out, said, err = finish(t, "", "token", "--jwt-secret-file", path, "--sub", "alice", "--servers", "web-*", "--types", "server:*,logs:*",
		"--scope", "subscribe,publish", "--ttl", "2h", "--issuer", "me", "--audience", "telltale", "--id", "t7")
	if err != nil || said != "" || strings.Count(out, "\n") != 1 || strings.Count(out, ".") != 2 {
		t.Fatalf("got %q, %q, %v, want a token alone", out, said, err)
	}
	access := accessFlags{JWTSecretFile: path, JWTIssuer: "me", JWTAudience: "telltale"}
	guard, err := auth.New(access.config(nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	grant, err := guard.Check(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	left := time.Until(grant.Expires)
	if grant.User != "alice" || grant.TokenID != "t7" || grant.See.Key() != "web-*|logs:*,server:*" || grant.Scopes != auth.Subscribe|auth.Publish || left > 2*time.Hour || left < 119*time.Minute {
		t.Errorf("it grants %+v", grant)
	}
}

func TestTokenOfAKeyPair(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	privateFile, publicFile := filepath.Join(dir, "private.pem"), filepath.Join(dir, "public.pem")
	for path, block := range map[string]*pem.Block{privateFile: {Type: "PRIVATE KEY", Bytes: pkcs8}, publicFile: {Type: "PUBLIC KEY", Bytes: pkix}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := finish(t, "", "token", "--jwt-private-key", privateFile, "--kid", "k1", "--sub", "alice", "--servers", "*")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := auth.New((&accessFlags{JWTPublicKey: publicFile}).config(nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if grant, err := guard.Check(strings.TrimSpace(out)); err != nil || grant.Scopes != auth.Subscribe || !grant.See.IsZero() {
		t.Errorf("got %+v, %v", grant, err)
	}
}

// A secret in the environment is for both, and shows on no command line.
func TestTokenFromTheEnvironment(t *testing.T) {
	const secret = "a secret of some forty bytes, for tests only"
	p := begin(t, env(map[string]string{"TELLTALE_JWT_SECRET": secret, "TELLTALE_JWT_ISSUER": "me"}), "token", "--sub", "alice", "--servers", "*")
	token := p.line()
	p.end()
	guard, err := auth.New((&accessFlags{JWTSecret: secret, JWTIssuer: "me"}).config(nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guard.Check(token); err != nil {
		t.Error(err)
	}
	if out, _, err := finish(t, "", "token", "--new-secret", "-"); err != nil || len(out) != 65 {
		t.Errorf("--new-secret -: got %q, %v, want 64 letters", out, err)
	}
}

func TestTokenRefuses(t *testing.T) {
	secret := "--jwt-secret=a secret of some forty bytes, for tests only"
	for _, row := range []struct {
		args string // fields
		says string
	}{
		{"SECRET --servers *", "--sub"},
		{"SECRET --sub alice", "--servers"},
		{"SECRET --sub alice --servers a/b", "--servers"},
		{"SECRET --sub alice --servers * --types a:b:c", "--types"},
		{"SECRET --sub alice --servers * --scope everything", "--scope"},
		{"SECRET --sub alice --servers * --scope ,", "--scope"},
		{"SECRET --sub alice --servers * --ttl 0", "--ttl"},
		{"SECRET --sub alice --servers * --ttl soon", "--ttl"},
		{"SECRET --sub alice --servers * --jwt-private-key x.pem", "one of"},
		{"--sub alice --servers *", "--new-secret"},
		{"--jwt-secret short --sub alice --servers *", "at least 32"},
		{"--jwt-secret-file /nowhere/secret --sub alice --servers *", "--jwt-secret-file"},
		{"--jwt-private-key /nowhere/key.pem --sub alice --servers *", "--jwt-private-key"},
		{"--new-secret /nowhere/secret", "--new-secret"},
	} {
		args := []string{"token"}
		for _, a := range strings.Fields(row.args) {
			args = append(args, strings.Replace(a, "SECRET", secret, 1))
		}
		out, _, err := finish(t, "", args...)
		if err == nil || out != "" || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %q, %v, want an error about %s", row.args, out, err, row.says)
		}
	}
}

// The two commands that the message shows do what it says, word for word.
func TestTokensNeeded(t *testing.T) {
	const address = "0.0.0.0:8080"
	dir := t.TempDir()
	var commands [][]string
	for line := range strings.Lines(tokensNeeded(address).Error()) {
		if rest, ok := strings.CutPrefix(line, "  telltale "); ok {
			rest = strings.ReplaceAll(rest, "telltale.secret", filepath.Join(dir, "telltale.secret"))
			commands = append(commands, strings.Fields(strings.ReplaceAll(rest, "'", "")))
		}
	}
	if len(commands) != 3 || commands[1][0] != "serve" || commands[1][2] != address {
		t.Fatalf("it shows %q, want a secret, a server at %s and a token", commands, address)
	}
	if _, _, err := finish(t, "", commands[0]...); err != nil {
		t.Error(err)
	}
	out, _, err := finish(t, "", commands[2]...)
	if err != nil {
		t.Fatal(err)
	}
	serve := commands[1]
	guard, err := auth.New((&accessFlags{JWTSecretFile: serve[len(serve)-1]}).config(nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if grant, err := guard.Check(strings.TrimSpace(out)); err != nil || !grant.May(auth.Subscribe|auth.Publish|auth.Admin) {
		t.Errorf("got %+v, %v", grant, err)
	}
	if host, _, err := net.SplitHostPort(serve[2]); err != nil || net.ParseIP(host).IsLoopback() {
		t.Errorf("%q is no address of a network", serve[2])
	}
}

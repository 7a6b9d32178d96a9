package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/limit"
)

// tokenFor returns what `telltale token` makes.
func tokenFor(t *testing.T, secretFile string, args ...string) string {
	t.Helper()
	out, _, err := finish(t, "", append([]string{"token", "--jwt-secret-file", secretFile}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// The two commands of the message, and what follows from them: the server asks for tokens, publish and tail send theirs, and what a
// token may not see or do it does not. A token that was in an address is in no log, no metric and not in the record's file.
func TestServeWithTokens(t *testing.T) {
	dir := t.TempDir()
	secretFile, data := filepath.Join(dir, "telltale.secret"), filepath.Join(dir, "data")
	if _, _, err := finish(t, "", "token", "--new-secret", secretFile); err != nil {
		t.Fatal(err)
	}
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--jwt-secret-file", secretFile, "--admin", "127.0.0.1:0", "--log-level", "debug", "--server-id", "here")
	site := serve.line()
	admin := strings.TrimPrefix(serve.line(), "admin ")
	all := tokenFor(t, secretFile, "--sub", "alice", "--servers", "*", "--scope", "subscribe,publish,admin")
	some := tokenFor(t, secretFile, "--sub", "bob", "--servers", "web-*")

	if _, _, err := finish(t, "", "publish", "--url", site, "--server", "web-1", "server:online"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token: got %v", err)
	}
	for _, server := range []string{"db", "web-1"} {
		if _, _, err := finish(t, "", "publish", "--url", site, "--token", all, "--server", server, "server:online"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := finish(t, "", "publish", "--url", site, "--token", some, "--server", "web-1", "server:online"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("with a token to read: got %v", err)
	}
	tail := begin(t, env(map[string]string{"TELLTALE_TOKEN": some}), "tail", "--url", site)
	if got := tail.line(); !strings.HasSuffix(got, "web-1 server:online") {
		t.Errorf("tail: got %q, want what may be seen", got)
	}
	tail.end()
	if _, _, err := finish(t, "", "tail", "--url", site); err == nil {
		t.Error("tail without a token: it goes on")
	}

	// Addresses with tokens, good and bad, on all kinds of URLs.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	bad := all[:len(all)-10] + "AAAAAAAAAA"
	for _, tok := range []string{all, bad} {
		for _, path := range []string{"/", "/servers/web-1", "/nowhere", "/api/servers", "/api/me", "/api/events/types", "/api/nowhere", "/signin"} {
			res, err := client.Get(site + path + "?auth=" + tok)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	res, err := client.Get(admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var metrics strings.Builder
	if err := res.Write(&metrics); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(metrics.String(), `telltale_access_refused_total{code="signature"}`) || !strings.Contains(metrics.String(), `telltale_access_refused_total{code="missing"}`) {
		t.Error("the metrics do not count refusals")
	}
	client.CloseIdleConnections()
	serve.end()
	places := map[string]string{"the log": serve.stderr.String(), "the metrics": metrics.String()}
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(data, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		places["the file "+e.Name()] = string(b)
	}
	for where, text := range places {
		for _, tok := range []string{all, bad, some} {
			for _, part := range strings.Split(tok, ".")[1:] {
				if strings.Contains(text, part) {
					t.Errorf("a token is in %s", where)
				}
			}
		}
	}
	if log := places["the log"]; !strings.Contains(log, "msg=audit") || !strings.Contains(log, `action="signed in" user=alice`) {
		t.Errorf("no audit in the log: %s", log)
	}
	for where, text := range places {
		if where != "the log" && strings.Contains(text, "signed in") {
			t.Errorf("who signed in is published: it is in %s", where)
		}
	}
}

// A network address needs tokens; then it is served, with a warning where they go over it in the clear.
func TestServeOnANetwork(t *testing.T) {
	_, _, err := finish(t, "", "serve", "--listen", "0.0.0.0:0", "--data", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "telltale token --new-secret") || !strings.Contains(err.Error(), "--jwt-secret-file") {
		t.Errorf("got %v, want the two commands that mend it", err)
	}
	secretFile := filepath.Join(t.TempDir(), "secret")
	if _, _, err := finish(t, "", "token", "--new-secret", secretFile); err != nil {
		t.Fatal(err)
	}
	serve := begin(t, noEnv, "serve", "--listen", "0.0.0.0:0", "--data", t.TempDir(), "--no-host", "--jwt-secret-file", secretFile)
	url := serve.line() // one that can be opened as it stands
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("got %q", url)
	}
	if a, err := http.Get(url + "/healthz"); err != nil || a.StatusCode != 200 {
		t.Errorf("got %v, %v", a, err)
	} else {
		a.Body.Close()
	}
	serve.end()
	if got := serve.stderr.String(); strings.Count(got, "in the clear") != 1 {
		t.Errorf("got %s, want one warning", got)
	}
	serve = begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--no-host", "--jwt-secret-file", secretFile)
	serve.line()
	serve.end()
	if got := serve.stderr.String(); strings.Contains(got, "in the clear") {
		t.Errorf("got %s, want no warning on loopback", got)
	}
}

func TestNetworkKnobs(t *testing.T) {
	for _, row := range []struct{ flag, value, says string }{
		{"--tls-cert", "cert.pem", "go together"},
		{"--public-url", "telltale.example", "--public-url"},
		{"--public-url", "https://telltale.example/below", "--public-url"},
		{"--cors-origin", "*", "never"},
		{"--cors-origin", "https://dash.example/", "--cors-origin"},
		{"--trusted-proxy", "proxy", "--trusted-proxy"},
		{"--streams", "-1", "--streams"},
		{"--streams-per-user", "-1", "--streams-per-user"},
		{"--publish-burst", "0", "--publish-burst"},
		{"--request-rate", "-1", "--request-rate"},
		{"--new-servers-per-user", "-1", "--new-servers-per-user"},
		{"--picture-bytes", "1KiB", "--picture-bytes"},
		{"--max-body", "1GiB", "--max-body"},
		{"--max-event", "1MiB", "--max-event"},
	} {
		t.Run(row.flag+"="+row.value, func(t *testing.T) {
			_, _, err := finish(t, "", "serve", row.flag+"="+row.value, "--listen", "127.0.0.1:0", "--data", t.TempDir())
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want an error with %s", err, row.says)
			}
		})
	}
	n := networkFlags{PublishBurst: 1}
	for _, tokens := range []bool{false, true} { // bounds by default are for those who come with tokens
		a, err := n.access(tokens, nil)
		if err != nil || (a.Streams.User == defaultUserStreams) != tokens || (a.Publishing.PerSecond == defaultPublishRate) != tokens ||
			(a.Requests == limit.Rate{PerSecond: 50, Burst: 500}) != tokens || !tokens && a.Requests != (limit.Rate{}) {
			t.Errorf("tokens %v: got %+v, %v", tokens, a, err)
		}
		for _, n := range []*int{nil, new(0), new(7)} {
			want := limit.Rate{PerSecond: newServersRate, Burst: defaultNewServers}
			if n != nil {
				want.Burst = *n
			}
			if want.Burst == 0 || n == nil && !tokens {
				want = limit.Rate{}
			}
			flags := networkFlags{PublishBurst: 1, NewServers: n}
			if a, err := flags.access(tokens, nil); err != nil || a.NewServers != want {
				t.Errorf("tokens %v, new servers %v: got %+v, %v", tokens, deref(n), a.NewServers, err)
			}
		}
	}
}

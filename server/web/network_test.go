package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/web"
)

// Only a trusted proxy is believed, and of what it says only the end.
func TestProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, row := range []struct {
		name    string
		trusted []netip.Prefix
		header  []string
		address string
		secure  bool
	}{
		{"nobody is believed", nil, []string{"X-Forwarded-For", "9.9.9.9", "X-Forwarded-Proto", "https"}, "127.0.0.1", false},
		{"one proxy", trusted, []string{"X-Forwarded-For", "9.9.9.9", "X-Forwarded-Proto", "https"}, "9.9.9.9", true},
		{"what the client made up", trusted, []string{"X-Forwarded-For", "1.1.1.1, 9.9.9.9"}, "9.9.9.9", false},
		{"two proxies", trusted, []string{"X-Forwarded-For", "1.1.1.1, 9.9.9.9, 10.1.2.3"}, "9.9.9.9", false},
		{"all of them proxies", trusted, []string{"X-Forwarded-For", "10.1.2.3"}, "10.1.2.3", false},
		{"no address", trusted, []string{"X-Forwarded-For", "9.9.9.9, unknown"}, "127.0.0.1", false},
		{"IPv6 and port", trusted, []string{"X-Forwarded-For", "[2001:db8::1]:4711"}, "2001:db8::1", false},
		{"Forwarded", trusted, []string{"Forwarded", `for=1.1.1.1, for="[2001:db8::1]:80";proto=https`}, "2001:db8::1", true},
		{"https made up before it", trusted, []string{"X-Forwarded-For", "9.9.9.9", "X-Forwarded-Proto", "https, http"}, "9.9.9.9", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := openGuarded(t, func(c *web.Config) { c.Access.TrustedProxies = row.trusted })
			a := g.once(t, "POST", "/signin", url.Values{"token": {token("bob", nil)}}.Encode(), append([]string{"Content-Type", form}, row.header...)...)
			if log := g.logged.String(); !strings.Contains(log, "address="+row.address+" ") {
				t.Errorf("got %s, want address %s", log, row.address)
			}
			cookies := fmt.Sprint(a.header["Set-Cookie"])
			if got := strings.Contains(cookies, "__Host-telltale=") && strings.Contains(cookies, "; Secure"); got != row.secure {
				t.Errorf("secure: got %v, want %v: %s", got, row.secure, cookies)
			}
		})
	}
}

// Pages of configured origins may use the API, with their reader's session; nobody else may, and never "*".
func TestCORS(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.Origins = []string{"https://dash.example", "https://other.example"} })
	bob := "Bearer " + token("bob", nil)
	for origin, want := range map[string]string{"https://dash.example": "https://dash.example", "https://evil.example": "", "null": "", "http://localhost:1": "", "https://dash.example.evil.example": ""} {
		for _, header := range [][]string{{"Authorization", bob}, nil} { // refusals can be read too
			a := g.do(t, "GET", "/api/servers", "", append([]string{"Origin", origin}, header...)...)
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want || (a.header.Get("Access-Control-Allow-Credentials") == "true") != (want != "") {
				t.Errorf("%s: got leave for %q %q, want %q", origin, got, a.header.Get("Access-Control-Allow-Credentials"), want)
			}
			if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
				t.Error("caches are not told")
			}
		}
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a := g.do(t, "OPTIONS", "/api/sessions/x", "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,last-event-id,content-type")
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want || want != "" && !strings.Contains(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), "authorization") {
				t.Errorf("%s asks for %s: got %d %v", origin, method, a.status, a.header)
			}
		}
		a := g.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/json", "Origin", origin, "Sec-Fetch-Site", "cross-site", "Authorization", bob)
		if ok := a.status == 202; ok != (want != "") {
			t.Errorf("%s publishes: got %d %s", origin, a.status, a.body)
		}
		if a := g.do(t, "GET", "/signin", "", "Origin", origin); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may read a page", origin)
		}
	}
}

// Where tokens are asked for the Host is any, unless names were given.
func TestHostsOfTokens(t *testing.T) {
	anyHost := openGuarded(t, nil)
	named := openGuarded(t, func(c *web.Config) { c.Access.Hosts = []string{"telltale.example"} })
	for _, row := range []struct {
		g    *guarded
		host string
		want int
	}{
		{anyHost, "evil.example", 200}, {anyHost, "192.168.1.4:8080", 200}, {named, "telltale.example", 200}, {named, "TELLTALE.example.:8443", 200},
		{named, "evil.example", 421}, {named, "telltale.example.evil", 421}, {named, "localhost:80", 200},
	} {
		if a := row.g.do(t, "GET", "/robots.txt", "", "Host", row.host); a.status != row.want {
			t.Errorf("%s: got %d, want %d", row.host, a.status, row.want)
		}
	}
}

// Who runs a server with a public https address has sessions that are for https only, whatever the proxy in front says or is believed.
func TestPublicURL(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.PublicURL = "https://telltale.example" })
	in := url.Values{"token": {token("bob", nil)}}.Encode()
	for host, secure := range map[string]bool{"telltale.example": true, "localhost": false} {
		a := g.once(t, "POST", "/signin", in, "Content-Type", form, "Host", host)
		if got := strings.Contains(fmt.Sprint(a.header["Set-Cookie"]), "__Host-telltale="); got != secure || a.status != 303 {
			t.Errorf("%s: got %d %v", host, a.status, a.header["Set-Cookie"])
		}
	}
	a := g.do(t, "POST", "/api/tickets", `{"for":"signIn"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token("alice", nil))
	if !strings.HasPrefix(field(t, a.body, "url"), "https://telltale.example/signin?code=") {
		t.Errorf("got %s, want a link as readers have it", a.body)
	}
	// A page of ours writes through a proxy that puts another Host.
	if a := g.once(t, "POST", "/signin", in, "Content-Type", form, "Host", "localhost", "Origin", "https://telltale.example"); a.status != 303 {
		t.Errorf("from the public address: got %d %s", a.status, a.body)
	}
}

// newPair writes a certificate for 127.0.0.1 and its key, and returns their files.
func newPair(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"telltale.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// Over TLS streams work in HTTP/1.1 and HTTP/2, sessions are for https only, and a renewed certificate is in use without a restart; one
// that is no good is not.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := newPair(t, dir, "first")
	said := new(logged)
	cert, err := web.LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g := openGuarded(t, func(c *web.Config) { c.Access.TLS = cert.Config() })
	g.url = strings.Replace(g.url, "http:", "https:", 1)
	plain := g.client.Transport
	defer plain.(*http.Transport).CloseIdleConnections()
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetHTTP2(http2)
		defer transport.CloseIdleConnections()
		g.client.Transport = transport
		a := g.once(t, "POST", "/signin", url.Values{"token": {token("bob", nil)}}.Encode(), "Content-Type", form, "Host", "telltale.example")
		cookies := fmt.Sprint(a.header["Set-Cookie"])
		if a.status != 303 || !strings.Contains(cookies, "__Host-telltale=") || !strings.Contains(cookies, "Secure") || a.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("HTTP/2 %v: got %d %v", http2, a.status, a.header)
		}
		f := g.follow(t, "/api/events", "Cookie", "__Host-telltale="+token("bob", nil))
		f.until("stream:heartbeat")
		if a := g.do(t, "POST", "/api/servers/a/events", `{"type":"server:online"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token("alice", nil)); a.status != 202 {
			t.Fatal(a.body)
		}
		f.until("server:online")
		if a := g.do(t, "GET", "/api/me", "", "Cookie", "telltale="+token("bob", nil)); a.status != 401 {
			t.Errorf("a session from http is good over https: %d", a.status)
		}
	}
	name := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(g.url, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	newPair(t, dir, "second")
	for start := time.Now(); name() != "second"; {
		if time.Since(start) > patience {
			t.Fatal("the new certificate is not in use")
		}
	}
	if err := os.WriteFile(keyFile, []byte("half a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); !strings.Contains(said.String(), "no good"); {
		if time.Since(start) > patience {
			t.Fatal("nobody is told that the new certificate is no good")
		}
		if got := name(); got != "second" {
			t.Fatalf("got %s, want the one before", got)
		}
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(g.url, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

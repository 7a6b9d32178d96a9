package web_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/web"
)

// behindNginx starts nginx before a site, and returns its URL. The location is all that a user writes.
func behindNginx(t *testing.T, target, location string) string {
	t.Helper()
	return "http://" + startNginx(t, t.TempDir(), func(addr string) string {
		return "access_log off;\nserver { listen " + addr + "; location / {\n" + strings.ReplaceAll(location, "TARGET", target) + "\n} }"
	})
}

// startNginx starts nginx with what is in its http block, and returns the address that this says it listens at. All its files are in dir.
func startNginx(t *testing.T, dir string, http func(addr string) string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Fatal("nginx is not here: `make test` installs it, or apt-get install nginx-light")
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	var paths strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s;\n", name, filepath.Join(dir, name))
	}
	config := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;\nevents {}\nhttp {\n%[2]s%[3]s\n}\n", dir, &paths, http(addr))
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for began := time.Now(); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Since(began) > patience {
			said, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not answer: %v; it says %s", err, said)
		}
	}
}

// Behind nginx as it comes, which speaks HTTP/1.0 to us, and behind one that was told to speak HTTP/1.1, events arrive one by one,
// compressed or not, and a stream that is cut resumes.
func TestBehindNginx(t *testing.T) {
	for _, row := range []struct{ name, location string }{
		{"as it comes", "proxy_pass TARGET;"},
		{"told to speak 1.1", "proxy_pass TARGET;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_set_header Host $host;\nproxy_read_timeout 1h;"},
	} {
		for _, coding := range []string{"", "gzip"} {
			t.Run(row.name+" "+coding, func(t *testing.T) {
				s := open(t, nil)
				direct := s.url
				front := behindNginx(t, s.url, row.location)
				last, missedID := "", ""
				for range 2 {
					s.url = front
					header := []string{"Accept-Encoding", coding}
					if last != "" {
						header = append(header, "Last-Event-ID", last)
					}
					f := s.follow(t, "/api/events", header...)
					if got := f.head.Get("Content-Encoding"); got != coding {
						t.Fatalf("Content-Encoding: got %q, want %q", got, coding)
					}
					if coding != "" {
						zr, err := gzip.NewReader(f.body)
						if err != nil {
							t.Fatal(err)
						}
						f.body = zr
					}
					got := f.until("stream:heartbeat")
					if last != "" && got[len(got)-1].id != missedID { // the hub was not there yet: it comes live
						got = append(got, f.until("logs:app")...)
					}
					if last != "" {
						var missed []string
						for _, fr := range got {
							if strings.HasPrefix(fr.event, "logs:") {
								missed = append(missed, fr.id)
							}
						}
						if !slices.Equal(missed, []string{missedID}) || field(t, got[0].data, "mode") != "resumed" {
							t.Errorf("got %v, want to resume with %s", got, missedID)
						}
					}
					s.url = direct
					for i := range 5 { // each arrives before the next is published
						last = s.publish(t, "/api/servers/a/events", fmt.Sprintf(`{"type":"logs:app","data":{"level":"info","message":"m%d"}}`, i))[0]
						if got := f.until("logs:app"); got[len(got)-1].id != last {
							t.Fatalf("got %v, want %s", got, last)
						}
					}
					f.body.Close()
					missedID = s.publish(t, "/api/servers/a/events", `{"type":"logs:app","data":{"level":"info","message":"missed"}}`)[0]
				}
			})
		}
	}
}

// The configuration that the README shows does what it says: sessions are for https, no token is in its log, events come through, and while
// Telltale is started anew an EventSource is told to come back.
func TestNginxOfTheReadme(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) {
		c.Access.PublicURL, c.Access.TrustedProxies = "https://telltale.example", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```nginx\n")
	block, _, _ := strings.Cut(after, "```")
	dir := t.TempDir()
	certFile, keyFile := newPair(t, dir, "front")
	addr := startNginx(t, dir, func(addr string) string {
		for from, to := range map[string]string{
			"listen 443 ": "listen " + addr + " ", "/etc/ssl/telltale.pem": certFile, "/etc/ssl/telltale.key": keyFile,
			"/var/log/nginx/telltale.log": filepath.Join(dir, "access.log"), "http://127.0.0.1:8080": g.url,
		} {
			if strings.Count(block, from) != 1 {
				t.Fatalf("the README's configuration has %q %d times, want once", from, strings.Count(block, from))
			}
			block = strings.Replace(block, from, to, 1)
		}
		return block
	})
	front := *g.site
	front.url = "https://telltale.example"
	front.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	defer front.client.CloseIdleConnections()

	alice := token("alice", map[string]any{"scope": "subscribe publish"})
	if a := front.do(t, "POST", "/signin", url.Values{"token": {alice}}.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Origin", front.url); a.status != 303 ||
		!strings.Contains(strings.Join(a.header["Set-Cookie"], "\n"), "Secure") {
		t.Errorf("signing in: got %d %s, %v; want a session for https only", a.status, a.body, a.header["Set-Cookie"])
	}
	f := front.follow(t, "/api/events?auth="+alice)
	f.until("stream:heartbeat")
	if a := front.do(t, "POST", "/api/servers/a/events", `{"type":"backup:finished","data":{}}`, "Authorization", "Bearer "+alice, "Content-Type", "application/json"); a.status != 202 {
		t.Errorf("publishing: got %d %s", a.status, a.body)
	}
	f.until("backup:finished")
	g.stop()
	if a := front.do(t, "GET", "/api/events", "", "Accept", "text/event-stream"); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(a.body, "retry: ") {
		t.Errorf("a stream with nobody there: got %d %v %q", a.status, a.header, a.body)
	}
	if a := front.do(t, "GET", "/", ""); a.status != 503 {
		t.Errorf("a page with nobody there: got %d", a.status)
	}
	said, err := os.ReadFile(filepath.Join(dir, "access.log"))
	if err != nil || !strings.Contains(string(said), "GET /api/events") || strings.Contains(string(said), alice[:20]) {
		t.Errorf("its log says %s, %v; want the request without the token", said, err)
	}
}

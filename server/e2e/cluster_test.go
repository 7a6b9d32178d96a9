package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/fault"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

// Three instances that share a record: real processes, a real redis-server, and where a test says so a real nginx or Caddy in front, with
// the reference configurations as they are in server/cluster/proxy.

// many is such a cluster.
type many struct {
	t     *testing.T
	redis *redistest.Server
	proxy *fault.Proxy // between the instances and Redis; nil: none
	nodes []*server
	admin []string // their admin addresses, as URLs
	token string   // sent with every request; "": nobody is asked
	key   string   // file of the secret

	transports []*http.Transport // of clients
}

// clusterOptions say what is not as usual.
type clusterOptions struct {
	args   []string       // of every instance
	redis  []string       // of redis-server
	faults *fault.Options // have a proxy between instances and Redis that may do these; nil: none
	seed   uint64
	tokens bool // everybody is asked for one
}

func cluster(t *testing.T, o clusterOptions) *many {
	t.Helper()
	c := &many{t: t, redis: redistest.Start(t, o.redis...)}
	at := c.redis.Addr()
	if o.faults != nil {
		c.proxy = proxied(t, &server{url: "http://" + at}, o.seed, *o.faults)
		at = strings.TrimPrefix(c.proxy.URL(), "http://")
	}
	args := append([]string{"--redis", "redis://" + at, "--no-host", "--trusted-proxy", "127.0.0.1"}, o.args...)
	if o.tokens {
		c.key = filepath.Join(t.TempDir(), "secret")
		if out, err := exec.Command(binary, "token", "--new-secret", c.key).CombinedOutput(); err != nil {
			t.Fatalf("a secret: %v: %s", err, out)
		}
		args = append(args, "--jwt-secret-file", c.key)
		c.token = c.tokenFor("admin", "subscribe,publish,admin")
	}
	for range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		admin := ln.Addr().String()
		ln.Close()
		c.admin = append(c.admin, "http://"+admin)
		c.nodes = append(c.nodes, serve(t, append(args, "--admin", admin)...))
	}
	return c
}

// tokenFor makes a token by which everything may be seen.
func (c *many) tokenFor(user, scope string) string {
	c.t.Helper()
	out, err := exec.Command(binary, "token", "--jwt-secret-file", c.key, "--sub", user, "--servers", "*", "--scope", scope, "--ttl", "2h").Output()
	if err != nil {
		c.t.Fatalf("a token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// held returns how many open streams an instance itself has, of those that its list says of all.
func (c *many) held(n *server, query string) (held int) {
	c.t.Helper()
	var all struct {
		Instances []struct {
			ID   string
			Self bool
		}
	}
	var got struct{ Sessions []struct{ Instance string } }
	for path, to := range map[string]any{"/api/cluster": &all, "/api/sessions" + query: &got} {
		if _, _, body := c.ask("GET", n.url+path, c.token, ""); json.Unmarshal([]byte(body), to) != nil {
			c.t.Fatalf("%s: %s", path, body)
		}
	}
	for _, s := range got.Sessions {
		if s.Instance == "" || s.Instance == all.Instances[0].ID { // that of who answers is first
			held++
		}
	}
	return held
}

// addresses are the instances' host:port.
func (c *many) addresses() (all []string) {
	for _, n := range c.nodes {
		all = append(all, strings.TrimPrefix(n.url, "http://"))
	}
	return all
}

// spread is a transport that sends each request to another of some addresses, by chance, with a token.
type spread struct {
	http.RoundTripper
	to    atomic.Pointer[[]string]
	token string
}

func (s *spread) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	to := *s.to.Load()
	r.URL.Host = to[rand.IntN(len(to))]
	r.Host = r.URL.Host
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	return s.RoundTripper.RoundTrip(r)
}

// client is one that talks to these addresses in turn, until the test is over.
func (c *many) client(token string, to ...string) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, ReadBufferSize: 4 << 10, WriteBufferSize: 1 << 10, DisableCompression: true}
	c.t.Cleanup(transport.CloseIdleConnections)
	c.transports = append(c.transports, transport)
	s := &spread{RoundTripper: transport, token: token}
	s.to.Store(&to)
	return &http.Client{Transport: s}
}

// ask sends a request and returns the status and the body.
func (c *many) ask(method, url, token, body string) (status int, header http.Header, answer string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(within(c.t), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// listed is one of GET /api/cluster.
type listed struct {
	ID, Address, State string
	Self               bool
	GoneSince          time.Time
	Streams            int
}

// list asks an instance who there is.
func (c *many) list(node int) []listed {
	c.t.Helper()
	status, _, body := c.ask("GET", c.nodes[node].url+"/api/cluster", c.token, "")
	var got struct{ Instances []listed }
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		c.t.Fatalf("who there is: %d %v: %s", status, err, body)
	}
	return got.Instances
}

// load is what an instance holds.
type load struct{ goroutines, files int }

var profileTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

func (c *many) load(node int) (l load, profile string) {
	c.t.Helper()
	_, _, profile = c.ask("GET", c.admin[node]+"/debug/pprof/goroutine?debug=1", "", "")
	if m := profileTotal.FindStringSubmatch(profile); m != nil {
		l.goroutines, _ = strconv.Atoi(m[1])
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.nodes[node].cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	l.files = len(files)
	return l, profile
}

// nginxProgram returns where nginx is: Debian has it where only root's shell looks.
func nginxProgram(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("no nginx here; .scripts/need nginx installs it")
		}
	}
	return program
}

// behindNginx puts nginx before the instances, with the reference configuration, and returns its URL.
func (c *many) behindNginx() string {
	c.t.Helper()
	program := nginxProgram(c.t)
	dir := c.t.TempDir()
	at := freeAddress(c.t)
	site := c.reference("nginx.conf", "listen 80;", "listen "+at+";")
	var paths strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s;\n", name, filepath.Join(dir, name))
	}
	write(c.t, filepath.Join(dir, "site.conf"), site)
	write(c.t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf("daemon off; worker_processes 2; worker_rlimit_nofile 16384; pid %[1]s/pid; error_log %[1]s/error.log;\n"+
		"events { worker_connections 8000; }\nhttp {\naccess_log off;\n%[2]sinclude %[1]s/site.conf;\n}\n", dir, &paths))
	background(c.t, at, func() string { b, _ := os.ReadFile(filepath.Join(dir, "error.log")); return string(b) },
		exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log")))
	return "http://" + at
}

func (c *many) behindCaddy() string {
	c.t.Helper()
	program, err := exec.LookPath("caddy")
	if err != nil {
		c.t.Skip("no caddy here; .scripts/need caddy installs it")
	}
	dir := c.t.TempDir()
	at := freeAddress(c.t)
	write(c.t, filepath.Join(dir, "Caddyfile"), "{\n\tadmin off\n\tauto_https off\n}\n"+c.reference("Caddyfile", "telltale.example {", "http://"+at+" {"))
	cmd := exec.Command(program, "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	said := new(output)
	cmd.Stdout, cmd.Stderr = said, said
	background(c.t, at, said.String, cmd)
	return "http://" + at
}

// reference returns a reference configuration with the instances' addresses, and one more replacement.
func (c *many) reference(name, from, to string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join("../cluster/proxy", name))
	if err != nil {
		c.t.Fatal(err)
	}
	text := string(b)
	replace := func(from, to string) {
		if !strings.Contains(text, from) {
			c.t.Fatalf("%s has no %q", name, from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	replace(from, to)
	for i, address := range c.addresses() {
		replace(fmt.Sprintf("10.0.0.%d:8080", i+1), address)
	}
	return text
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// background runs a balancer until the test is over, and returns when it listens.
func background(t *testing.T, address string, said func() string, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", cmd.Path, said())
		}
	})
	eventually(t, cmd.Path+" to listen", func() (bool, string) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false, err.Error() + ": " + said()
		}
		conn.Close()
		return true, ""
	})
}

// opened is one stream of a plain reader that does not come back.
type opened struct {
	ended  atomic.Bool
	words  bytes.Buffer // only after ended
	status int
	cancel context.CancelFunc
}

// open opens a stream and reads it to its end in the background. It returns when the head is there.
func (c *many) open(url, token string) *opened {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", url+"/api/events", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	o := &opened{cancel: cancel}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	o.status = res.StatusCode
	var reading sync.WaitGroup
	reading.Go(func() {
		defer o.ended.Store(true)
		defer res.Body.Close()
		if _, err := io.Copy(&o.words, res.Body); err != nil && !errors.Is(err, context.Canceled) {
			return // it was cut off
		}
	})
	c.t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	return o
}

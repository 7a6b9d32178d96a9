package web_test

import (
	"compress/gzip"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// behindNginx starts nginx before a site, and returns its URL. The location is all that a user writes.
func behindNginx(t *testing.T, target, location string) string {
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
	dir := t.TempDir()
	var paths strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s;\n", name, filepath.Join(dir, name))
	}
	config := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;\nevents {}\nhttp {\naccess_log off;\n%[2]s"+
		"server { listen %[3]s; location / {\n%[4]s\n} }\n}\n", dir, &paths, addr, strings.ReplaceAll(location, "TARGET", target))
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
			return "http://" + addr
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

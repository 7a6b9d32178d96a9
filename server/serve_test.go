package main

import (
	"net"
	"os"
	"strings"
	"testing"
)

// What is printed can be opened on this machine, and what others are told is where they find it.
func TestPlaced(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ listening, here, others string }{
		{"127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"[::1]:8080", "[::1]:8080", "[::1]:8080"},
		{"10.0.0.7:80", "10.0.0.7:80", "10.0.0.7:80"},
		{"[::]:8080", "127.0.0.1:8080", name + ":8080"},
		{"0.0.0.0:8443", "127.0.0.1:8443", name + ":8443"},
	} {
		if here, others := placed(row.listening); here != row.here || others != row.others {
			t.Errorf("%s: got %s and %s, want %s and %s", row.listening, here, others, row.here, row.others)
		}
	}
}

// Who reads of this machine is given the address that readers have, and who starts it the one that it listens at.
func TestPublicAddressIsPublished(t *testing.T) {
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--server-id", "me", "--public-url", "https://telltale.example/")
	url := serve.line()
	tail := begin(t, noEnv, "tail", "--url", url, "--types", "server:online")
	if line := tail.line(); !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.Contains(line, " url=https://telltale.example ") {
		t.Errorf("printed %s, and published %s", url, line)
	}
	tail.end()
	serve.end()
}

func TestPortTaken(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		taken, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Skipf("%s can't be listened on here: %v", host, err)
		}
		defer taken.Close()
		_, port, _ := net.SplitHostPort(taken.Addr().String())
		if _, err := listen(taken.Addr().String()); err == nil || !strings.HasPrefix(err.Error(), "port "+port+" is taken") {
			t.Errorf("%s: got %v, want the port %s named", taken.Addr(), err, port)
		}
	}
}

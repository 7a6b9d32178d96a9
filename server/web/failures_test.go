package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// noRecord is a record that can't be reached, whose errors say where it is.
type noRecord struct{ journal.Log }

func (noRecord) Read(context.Context, journal.Query) (journal.Page, error) {
	return journal.Page{}, fmt.Errorf("journal: read: %w: dial 10.0.0.9:6379", journal.ErrUnavailable)
}

func (noRecord) Append(context.Context, []event.Event) ([]journal.Receipt, error) {
	return nil, fmt.Errorf("journal: append: %w: dial 10.0.0.9:6379", journal.ErrUnavailable)
}

// Our own log is published as this machine's: who may see that may not therefore know which servers there are, or where the record is.
func TestFailuresAreNotPublished(t *testing.T) {
	private := new(logged)
	g := openGuarded(t, func(c *web.Config) {
		c.Log = noRecord{c.Log}
		c.Publisher = noRecord{}
		c.Private = slog.New(slog.NewTextHandler(private, nil))
	})
	all := "Bearer " + token("alice", nil)
	if a := g.do(t, "POST", "/api/servers/payroll-db/events", `{"type":"server:online"}`, "Content-Type", "application/json", "Authorization", all); a.status != 503 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := g.do(t, "GET", "/api/servers/payroll-db/events", "", "Accept", "application/json", "Authorization", all); a.status != 503 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	for _, told := range []string{"payroll-db", "10.0.0.9"} {
		if text := g.logged.String(); strings.Contains(text, told) {
			t.Errorf("the log that is published says %q: %s", told, text)
		}
		if text := private.String(); strings.Count(text, told) < 2 {
			t.Errorf("the private log does not say %q of both: %s", told, text)
		}
	}
}

// unsettled is a record that can't say whether it took the events of who has gone.
type unsettled struct{ asked chan struct{} }

func (u unsettled) Append(ctx context.Context, _ []event.Event) ([]journal.Receipt, error) {
	close(u.asked)
	<-ctx.Done()
	return nil, fmt.Errorf("journal: append: %w", journal.ErrUnsettled)
}

// Who has closed his own side and still reads is not told that nothing was done where nobody knows.
func TestUnsettledOfWhoHasHalfGone(t *testing.T) {
	u := unsettled{make(chan struct{})}
	s := open(t, func(c *web.Config) { c.Publisher = u })
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"type":"server:online"}`
	fmt.Fprintf(conn, "POST /api/servers/a/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-u.asked
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(got), " 503 ") || strings.Contains(string(got), "nothing was done") || !strings.Contains(string(got), "Retry-After") {
		t.Errorf("got %s, %v", got, err)
	}
}

// An IPv6 network has more addresses than a log has room.
func TestRefusalsOfANetworkAreBounded(t *testing.T) {
	g := openGuarded(t, func(c *web.Config) { c.Access.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	knock := func(address string) {
		g.do(t, "GET", "/api/me", "", "Authorization", "Bearer bad", "X-Forwarded-For", address)
	}
	for i := range 60 {
		knock(fmt.Sprintf("2001:db8::%x", i+1))
	}
	if n := strings.Count(g.logged.String(), "msg=audit"); n < 1 || n > 10 {
		t.Errorf("%d lines of 60 refusals, want a few", n)
	}
	knock("2001:db8:1::1")
	if !strings.Contains(g.logged.String(), "2001:db8:1::1") {
		t.Error("nothing of another network's")
	}
}

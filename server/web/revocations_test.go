package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/auth"
)

// A revocation made by mistake is found in the list and taken back, and what it turned away is good again.
func TestRevocationIsTakenBack(t *testing.T) {
	g := openGuarded(t, nil)
	admin, his := "Bearer "+token("alice", nil), "Bearer "+token("mallory", jwt.MapClaims{"scope": "subscribe"})
	list := func() (out []auth.Revocation) {
		t.Helper()
		a := g.do(t, "GET", "/api/admin/revoke", "", "Authorization", admin)
		var got struct{ Revocations []auth.Revocation }
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || got.Revocations == nil || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("got %d %v %s", a.status, a.header, a.body)
		}
		return got.Revocations
	}
	if got := list(); len(got) != 0 {
		t.Errorf("got %v before there is any", got)
	}
	revoke := func(body string) {
		t.Helper()
		if a := g.do(t, "POST", "/api/admin/revoke", body, "Content-Type", "application/json", "Authorization", admin); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	revoke(`{"token":"some-id"}`)
	revoke(`{"user":"mallory","reason":"mixed up"}`)
	got := list()
	if len(got) != 2 || got[0].User != "mallory" || got[0].Reason != "mixed up" || got[0].By != "alice" || got[0].At.IsZero() || got[1].TokenID != "some-id" {
		t.Fatalf("got %+v", got)
	}
	status := func() int { return g.do(t, "GET", "/api/servers", "", "Authorization", his).status }
	if s := status(); s != 401 {
		t.Fatalf("revoked, and got %d", s)
	}
	for query, want := range map[string]string{
		"":                                  "400 one at a time",
		"?user=mallory&token=a":             "400 one at a time",
		"?user=a%00b":                       "400 plain text",
		"?key=mallory":                      "404 That key is not revoked",
		"?user=bob":                         "404 That user is not revoked",
		"?user=" + strings.Repeat("x", 201): "400 200 bytes",
	} {
		a := g.do(t, "DELETE", "/api/admin/revoke"+query, "", "Authorization", admin)
		if got := fmt.Sprint(a.status, " ", a.body); !strings.HasPrefix(got, want[:3]) || !strings.Contains(got, want[4:]) {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	if a := g.do(t, "DELETE", "/api/admin/revoke?user=mallory", "", "Authorization", his); a.status != 401 {
		t.Errorf("he took it back himself: %d", a.status)
	}
	if a := g.do(t, "DELETE", "/api/admin/revoke?user=mallory", "", "Authorization", admin); a.status != 204 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if s := status(); s != 200 {
		t.Errorf("taken back, and got %d", s)
	}
	if got := list(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if audit := g.logged.String(); !strings.Contains(audit, `action="lifted a revocation" user=alice`) {
		t.Errorf("no word of it in the log: %s", audit)
	}
}

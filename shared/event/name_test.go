package event

import (
	"strings"
	"testing"
)

func TestCheckType(t *testing.T) {
	l64, l65 := strings.Repeat("x", 64), strings.Repeat("x", 65)
	for _, s := range []string{"server:online", "a:b", "A1:9z", "my-app.v2:user_signed.up", l64 + ":" + l64} {
		if err := CheckType(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", ":", "server", "server:", ":online", "a:b:c", "a b:c", "-a:b", "a:.b", "a:b\n", "a:é", "*:*", "a,b:c", "a/b:c", l65 + ":a", "a:" + l65} {
		if err := CheckType(s); err == nil {
			t.Errorf("%q is taken for a type", s)
		}
	}
}

func TestCheckServer(t *testing.T) {
	for _, s := range []string{"web-1", "a", "10.0.0.1:8080", "Web 1 (Köln)", "…", "a..b", ".hidden", "a|b", strings.Repeat("x", 200)} {
		if err := CheckServer(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", ".", "..", "a/b", "a,b", "a*", " a", "a ", "\u00a0a", "a\nb", "a\x00", "a\x7f", "a\u2028b", "a\u0085b", "a\xff", strings.Repeat("x", 201)} {
		if err := CheckServer(s); err == nil {
			t.Errorf("%q is taken for a server's id", s)
		}
	}
}

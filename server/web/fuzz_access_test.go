package web

import (
	"net/url"
	"strings"
	"testing"
)

// Whatever the query, no token or ticket is left in it, and what else was in it is.
func FuzzTakeSecrets(f *testing.F) {
	for _, seed := range []string{"", "auth=x", "types=a:b?auth=x", "a=1&auth=x&b=2", "%61uth=x", "auth=x&auth=y&ticket=z", "auth", "auth=%zz", "?auth=x", "&&auth=x&", "auth%3Dx=1", "AUTH=x", "auth=a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		fixed := fixQuery(raw)
		rest, auth, ticket := takeSecrets(fixed)
		got, err := url.ParseQuery(rest)
		before, errBefore := url.ParseQuery(fixed)
		if got.Has("auth") || got.Has("ticket") {
			t.Fatalf("%q: left in %q", raw, rest)
		}
		if errBefore != nil {
			return
		}
		if err != nil {
			t.Fatalf("%q: %q can't be read any more: %v", raw, rest, err)
		}
		if first := before.Get("auth"); first != "" && auth != first || !before.Has("auth") && auth != "" || !before.Has("ticket") && ticket != "" {
			t.Fatalf("%q: took auth %q and ticket %q", raw, auth, ticket)
		}
		before.Del("auth")
		before.Del("ticket")
		if before.Encode() != got.Encode() {
			t.Fatalf("%q: %q became %q", raw, before.Encode(), got.Encode())
		}
	})
}

// Whatever "next" says, one goes on within this server.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"", "/", "//evil.example", "/\\evil.example", "/a?b=//c", "https://evil.example", "/\t//evil.example", "/%2F/evil", "/..//evil.example", "/a#//b"} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "telltale.example", Path: "/signin"}
	f.Fuzz(func(t *testing.T, next string) {
		to := localPath(next)
		u, err := base.Parse(to)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
			t.Fatalf("%q leads to %q, %v %v", next, to, u, err)
		}
	})
}

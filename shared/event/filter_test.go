package event

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseFilter(t *testing.T) {
	for _, tt := range []struct{ servers, types, want string }{
		{"", "", "|"},
		{"*", "*", "|"},
		{"*", "*:*", "|"},
		{" ", " ", "|"},
		{"web-1", "", "web-1|"},
		{"db, web-2 ,web-1,db", "", "db,web-1,web-2|"},
		{"web-*,web-1,web-1*,db", "", "db,web-*|"},
		{"web-1,*", "", "|"},
		{"a:*,a,a:b", "", "a,a:*|"}, // ids may hold colons: "a:*" does not cover "a"
		{"a*,a:b,a", "", "a*|"},
		{"..*,.*", "", ".*|"},
		{"", "metrics:cpu,server:*", "|metrics:cpu,server:*"},
		{"", "server", "|server:*"},
		{"", "serv*", "|serv*:*"},
		{"", "server:*,server:online,metrics:c*,metrics:cpu", "|metrics:c*,server:*"},
		{"", "*:error,server:error,logs:err*", "|*:error,logs:err*"},
		{"", "*:*,server:online", "|"},
		{"", "server:online,*", "|"},
		{"", "s*:o*,server:online,server:idle", "|s*:o*,server:idle"},
		{"/", " / ", "/|/"},
		{"b,a", "c:d,a:b", "a,b|a:b,c:d"},
	} {
		f, err := ParseFilter(tt.servers, tt.types)
		if err != nil || f.Key() != tt.want {
			t.Errorf("%q, %q: got %q, %v, want %q", tt.servers, tt.types, f.Key(), err, tt.want)
		}
	}
	many := strings.Repeat("a,", MaxPatterns) + "a"
	for _, tt := range []struct{ servers, types string }{
		{"a/b", ""}, {"/", ""}, {"", "/"}, {"/", "*"}, {"/,/", "/"}, {"a*b", ""}, {"**", ""}, {",", ""}, {"a,", ""}, {"a,,b", ""}, {"..", ""}, {"a\x00", ""}, {many, ""}, {strings.Repeat("a", 201), ""},
		{"", "a:"}, {"", ":a"}, {"", ":"}, {"", "a:b:c"}, {"", "a*b:c"}, {"", "a:*b"}, {"", "**"}, {"", "a b"}, {"", "a:b,"}, {"", "é:*"}, {"", strings.ReplaceAll(many, "a", "a:b")},
	} {
		if f, err := ParseFilter(tt.servers, tt.types); !errors.Is(err, ErrFilter) {
			t.Errorf("%q, %q: got %q, %v, want %v", tt.servers, tt.types, f.Key(), err, ErrFilter)
		}
	}
}

func TestFilterMatch(t *testing.T) {
	for _, tt := range []struct {
		servers, types, server, typ string
		want                        bool
	}{
		{"", "", "web-1", "server:online", true},
		{"web-1", "", "web-1", "x:y", true},
		{"web-1", "", "web-10", "x:y", false},
		{"web-*", "", "web-10", "x:y", true},
		{"web-*", "", "web", "x:y", false},
		{"db,web-*", "", "db", "x:y", true},
		{"", "server", "a", "server:online", true},
		{"", "server", "a", "servers:online", false},
		{"", "server:o*", "a", "server:online", true},
		{"", "server:o*", "a", "server:busy", false},
		{"", "*:error", "a", "logs:error", true},
		{"", "*:error", "a", "logs:errors", false},
		{"", "server:*,metrics:cpu", "a", "metrics:cpu", true},
		{"", "server:*,metrics:cpu", "a", "metrics:memory", false},
		{"web-1", "server", "web-1", "metrics:cpu", false},
		{"web-1", "server", "web-2", "server:online", false},
		{"", "server", "a", "server", false}, // no type at all
	} {
		f, err := ParseFilter(tt.servers, tt.types)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(tt.server, tt.typ); got != tt.want {
			t.Errorf("%q.Match(%q, %q) = %t, want %t", f.Key(), tt.server, tt.typ, got, tt.want)
		}
		if n := testing.AllocsPerRun(10, func() { f.Match(tt.server, tt.typ) }); n != 0 {
			t.Errorf("%q.Match: %v allocations", f.Key(), n)
		}
	}
}

func TestFilterForServer(t *testing.T) {
	f, err := ParseFilter("web-*", "server")
	if err != nil {
		t.Fatal(err)
	}
	one := f.ForServer("db")
	if !one.Match("db", "server:online") || one.Match("db2", "server:online") || one.Match("web-1", "server:online") {
		t.Errorf("%q passes other servers than the one it was given", one.Key())
	}
	if one.Match("db", "metrics:cpu") {
		t.Error("ForServer loses the types")
	}
}

func TestFilterExact(t *testing.T) {
	for servers, want := range map[string][]string{"": nil, "b,a": {"a", "b"}, "a,b*": nil} {
		f, err := ParseFilter(servers, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Exact(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", servers, got, want)
		}
		if got := f.IsZero(); got != (servers == "") {
			t.Errorf("%q: IsZero %t", servers, got)
		}
	}
}

// matchesNaively matches the patterns as they were written, one by one.
func matchesNaively(servers, types, server, typ string) bool {
	if strings.TrimSpace(servers) == "/" { // in both lists, or it is no filter
		return false
	}
	part := func(p, s string) bool {
		if name, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(s, name)
		}
		return p == s
	}
	list := func(list string, match func(p string) bool) bool {
		if strings.TrimSpace(list) == "" {
			return true
		}
		return slices.ContainsFunc(strings.Split(list, ","), func(p string) bool { return match(strings.TrimSpace(p)) })
	}
	category, action, ok := strings.Cut(typ, ":")
	return list(servers, func(p string) bool { return part(p, server) }) && list(types, func(p string) bool {
		c, a, both := strings.Cut(p, ":")
		if !both {
			a = "*"
		}
		return p == "*" && ok || ok && part(c, category) && part(a, action)
	})
}

// FuzzParseFilter: a filter's own text gives the same filter, and it passes what the patterns pass that it was made of.
func FuzzParseFilter(f *testing.F) {
	f.Add("web-*,db", "server:*,metrics:cpu", "web-1", "server:online")
	f.Add("a:*,a,a:b,a*", "s*:o*,server:online,*:error", "a", "logs:error")
	f.Add("..*, .*,a|b", "server,ser*,*", ".x", "server:x")
	f.Add("/", "/", "/", "/:")
	f.Fuzz(func(t *testing.T, servers, types, server, typ string) {
		filter, err := ParseFilter(servers, types)
		if err != nil {
			if !errors.Is(err, ErrFilter) || !filter.IsZero() {
				t.Errorf("%q, %q: %v, %q", servers, types, err, filter.Key())
			}
			return
		}
		again, err := ParseFilter(filter.Servers(), filter.Types())
		if err != nil || again.Key() != filter.Key() {
			t.Errorf("%q: read again %q, %v", filter.Key(), again.Key(), err)
		}
		i := strings.LastIndex(filter.Key(), "|")
		if filter.Key()[:i] != filter.Servers() || filter.Key()[i+1:] != filter.Types() {
			t.Errorf("%q does not say where the servers end", filter.Key())
		}
		if filter.Types() == "" && CheckType(typ) != nil {
			return // no filter by type is asked about what is no type
		}
		if got, want := filter.Match(server, typ), matchesNaively(servers, types, server, typ); got != want {
			t.Errorf("%q, %q as %q: Match(%q, %q) = %t, want %t", servers, types, filter.Key(), server, typ, got, want)
		}
		for _, exact := range filter.Exact() {
			if !filter.MatchServer(exact) && !filter.IsNone() {
				t.Errorf("%q does not pass its own %q", filter.Key(), exact)
			}
		}
	})
}

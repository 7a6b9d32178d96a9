package event

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func mustFilter(t testing.TB, servers, types string) Filter {
	t.Helper()
	f, err := ParseFilter(servers, types)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAnd(t *testing.T) {
	for _, row := range [][3][2]string{ // servers and types of two filters, and of what passes both
		{{"", ""}, {"", ""}, {"", ""}},
		{{"", ""}, {"web-*", "logs"}, {"web-*", "logs:*"}},
		{{"web-*", ""}, {"", "logs"}, {"web-*", "logs:*"}},
		{{"web-*", ""}, {"web-1", ""}, {"web-1", ""}},
		{{"web-*,db", ""}, {"web-1*,web-2,cache", ""}, {"web-1*,web-2", ""}},
		{{"a*,b*", ""}, {"ab*,ac,b", ""}, {"ab*,ac,b", ""}},
		{{"a", ""}, {"b", ""}, {"/", "/"}},
		{{"a*", ""}, {"b*", ""}, {"/", "/"}},
		{{"a", "server"}, {"a", "logs"}, {"/", "/"}},
		{{"a", "server"}, {"b", "server"}, {"/", "/"}},
		{{"", "server:*"}, {"", "*:error"}, {"", "server:error"}},
		{{"", "s*:*,logs:*"}, {"", "*:error,server:o*"}, {"", "logs:error,s*:error,server:o*"}},
		{{"", "s*:e*,logs:app"}, {"", "server:*,logs:a*"}, {"", "logs:app,server:e*"}},
		{{"", "a*:x,b:*"}, {"", "ab:*,*:x"}, {"", "a*:x,b:x"}},
		{{"/", "/"}, {"", ""}, {"/", "/"}},
		{{"/", "/"}, {"web-*", "logs"}, {"/", "/"}},
		{{"/", "/"}, {"/", "/"}, {"/", "/"}},
	} {
		f, g := mustFilter(t, row[0][0], row[0][1]), mustFilter(t, row[1][0], row[1][1])
		for range 2 {
			got, err := f.And(g)
			if err != nil || got.Servers() != row[2][0] || got.Types() != row[2][1] {
				t.Errorf("%s and %s: got %q, %v, want %q", f.Key(), g.Key(), got.Key(), err, row[2])
			}
			f, g = g, f
		}
	}
}

func TestNone(t *testing.T) {
	none := None()
	if !none.IsNone() || none.IsZero() || none.Key() == (Filter{}).Key() || (Filter{}).IsNone() || mustFilter(t, "a", "b").IsNone() {
		t.Errorf("None is taken for another filter, or another one for None: %q", none.Key())
	}
	again := mustFilter(t, none.Servers(), none.Types())
	if !again.IsNone() || again.Key() != none.Key() {
		t.Errorf("read again: %q, want %q", again.Key(), none.Key())
	}
	for _, name := range []string{"", "/", "*", "a", "a/b"} {
		for _, typ := range []string{"", ":", "/", "/:", "server:online"} {
			if none.Match(name, typ) || none.MatchServer(name) || none.MatchType(typ) {
				t.Errorf("%q of %q passes", typ, name)
			}
		}
	}
	if got := none.Exact(); len(got) != 1 || CheckServer(got[0]) == nil {
		t.Errorf("Exact: %q, want one name that no server has", got)
	}
	if !none.ForServer("web-1").IsNone() {
		t.Error("ForServer makes it pass something")
	}
}

func TestAndIsBounded(t *testing.T) {
	var a, b []string
	for i := range MaxPatterns {
		a = append(a, fmt.Sprintf("a%02d*:*", i))
		b = append(b, fmt.Sprintf("*:b%02d*", i))
	}
	f, g := mustFilter(t, "", strings.Join(a, ",")), mustFilter(t, "", strings.Join(b, ","))
	for range 2 {
		if got, err := f.And(g); !errors.Is(err, ErrFilter) || !got.IsNone() {
			t.Errorf("got %.60q, %v, want an error and nothing that passes", got.Key(), err)
		}
		f, g = g, f
	}
	// As many meet here, and most are covered by others.
	g = mustFilter(t, "", strings.Join(b[1:], ",")+",a*:*")
	if got, err := f.And(g); err != nil || got.Key() != f.Key() {
		t.Errorf("got %.60q, %v, want %.60q", got.Key(), err, f.Key())
	}
}

// randomFilter is of a small alphabet, so that patterns often meet.
func randomFilter(t *testing.T, r *rand.Rand) Filter {
	part := func() string {
		s := strings.Repeat("a", r.IntN(2)) + strings.Repeat("b", r.IntN(2)) + strings.Repeat("a", r.IntN(2))
		if s == "" || r.IntN(2) == 0 {
			s += "*"
		}
		return s
	}
	if r.IntN(20) == 0 {
		return None()
	}
	var servers, types []string
	for range r.IntN(5) {
		servers = append(servers, part())
	}
	for range r.IntN(5) {
		types = append(types, part()+":"+part())
	}
	return mustFilter(t, strings.Join(servers, ","), strings.Join(types, ","))
}

func TestAndIsWhatPassesBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var names []string
	for i := range 1 << 4 {
		for n := range 5 {
			names = append(names, strings.Map(func(c rune) rune { return 'a' + c - '0' }, fmt.Sprintf("%04b", i))[:n])
		}
	}
	and := func(f, g Filter) Filter {
		t.Helper()
		both, err := f.And(g)
		if err != nil {
			t.Fatal(err)
		}
		return both
	}
	for range 2000 {
		f, g, h := randomFilter(t, r), randomFilter(t, r), randomFilter(t, r)
		both := and(f, g)
		if again := mustFilter(t, both.Servers(), both.Types()); again.Key() != both.Key() {
			t.Fatalf("%s and %s: %s is not canonical: %s", f.Key(), g.Key(), both.Key(), again.Key())
		}
		if both.Key() != and(g, f).Key() {
			t.Fatalf("%s and %s: %s, and the other way round %s", f.Key(), g.Key(), both.Key(), and(g, f).Key())
		}
		if and(f, f).Key() != f.Key() || and(both, f).Key() != both.Key() {
			t.Fatalf("%s and %s: once more is not the same", f.Key(), g.Key())
		}
		if left, right := and(both, h), and(f, and(g, h)); left.Key() != right.Key() {
			t.Fatalf("%s and %s and %s: %s or %s", f.Key(), g.Key(), h.Key(), left.Key(), right.Key())
		}
		for range 100 {
			server, typ := names[r.IntN(len(names))], names[r.IntN(len(names))]+":"+names[r.IntN(len(names))]
			if got, want := both.Match(server, typ), f.Match(server, typ) && g.Match(server, typ); got != want {
				t.Fatalf("%s and %s is %s: Match(%q, %q) = %t", f.Key(), g.Key(), both.Key(), server, typ, got)
			}
		}
	}
}

// FuzzAnd: what passes both passes, and nothing else, whatever the patterns.
func FuzzAnd(f *testing.F) {
	f.Add("web-*,db", "server:*,metrics:cpu", "web-1*", "*:error", "web-1", "server:error")
	f.Add("a:*,a,a:b,a*", "s*:o*,server:online,*:error", "", "", "a", "logs:error")
	f.Add("/", "/", "..*", "*", ".x", "server:x")
	f.Fuzz(func(t *testing.T, s1, t1, s2, t2, server, typ string) {
		f, err := ParseFilter(s1, t1)
		if err != nil {
			return
		}
		g, err := ParseFilter(s2, t2)
		if err != nil || CheckType(typ) != nil {
			return
		}
		both, err := f.And(g)
		if err != nil {
			if !errors.Is(err, ErrFilter) || !both.IsNone() {
				t.Errorf("%q and %q: %q, %v", f.Key(), g.Key(), both.Key(), err)
			}
			return
		}
		if got, want := both.Match(server, typ), f.Match(server, typ) && g.Match(server, typ); got != want {
			t.Errorf("%q and %q is %q: Match(%q, %q) = %t", f.Key(), g.Key(), both.Key(), server, typ, got)
		}
		if again, err := ParseFilter(both.Servers(), both.Types()); err != nil || again.Key() != both.Key() {
			t.Errorf("%q read again: %q, %v", both.Key(), again.Key(), err)
		}
		if other, err := g.And(f); err != nil || other.Key() != both.Key() {
			t.Errorf("%q and %q: %q, and the other way round %q, %v", f.Key(), g.Key(), both.Key(), other.Key(), err)
		}
	})
}

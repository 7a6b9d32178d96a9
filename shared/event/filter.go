package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Filter says which events a reader wants: patterns for the server and patterns for the type. An event passes when one
// pattern of each list matches it; an empty list matches everything, so the zero Filter passes every event.
//
// A server pattern is a server's id, or the beginning of one followed by "*". A type pattern is "category:action" where
// either part may end in "*"; a lone "*" is every type and a lone "category" means "category:*".
//
// Filters made by ParseFilter are canonical: sorted, without repeats, and without patterns that another one covers. Two
// that pass the same events for the same patterns have the same Key, so readers who ask alike can share work.
// Filters are values; nothing changes them after they are made.
type Filter struct {
	servers []string
	types   []string
}

// MaxPatterns bounds each list of a filter, as strangers write them. Patterns are as long as names may be.
const MaxPatterns = 100

// ErrFilter is wrapped by all errors of ParseFilter; their text names the pattern and says what is allowed.
var ErrFilter = errors.New("bad filter")

// ParseFilter reads two comma-separated lists of patterns, such as "web-*,db" and "server:*,metrics:cpu". White space
// around a pattern is ignored, empty lists and "*" mean everything, and "/" for both lists nothing: see None.
func ParseFilter(servers, types string) (Filter, error) {
	if strings.TrimSpace(servers) == nothing && strings.TrimSpace(types) == nothing {
		return None(), nil
	}
	s, err := patterns("servers", servers, checkServerPattern, partCovers)
	if err != nil {
		return Filter{}, err
	}
	t, err := patterns("types", types, checkTypePattern, typeCovers)
	if err != nil {
		return Filter{}, err
	}
	return Filter{servers: s, types: t}, nil
}

// ForServer returns a filter of one exact server, whose id CheckServer accepts, with the types of f.
func (f Filter) ForServer(id string) Filter {
	if f.IsNone() {
		return f
	}
	return Filter{servers: []string{id}, types: f.types}
}

// patterns reads one list: check says what a pattern is in canonical form, and covers whether every text that p matches
// is matched by q too.
func patterns(list, s string, check func(string) (string, error), covers func(q, p string) bool) ([]string, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		p = strings.TrimSpace(p)
		p, err := check(p)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %q: %w", ErrFilter, list, p, err)
		}
		if len(out) == MaxPatterns {
			return nil, fmt.Errorf("%w: %s: more than %d patterns", ErrFilter, list, MaxPatterns)
		}
		out = append(out, p)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	all := slices.Clone(out)
	out = slices.DeleteFunc(out, func(p string) bool {
		return slices.ContainsFunc(all, func(q string) bool { return q != p && covers(q, p) })
	})
	if len(out) == 1 && (out[0] == "*" || out[0] == "*:*") {
		return nil, nil
	}
	return out, nil
}

func typeCovers(q, p string) bool {
	qc, qa, _ := strings.Cut(q, ":")
	pc, pa, _ := strings.Cut(p, ":")
	return partCovers(qc, pc) && partCovers(qa, pa)
}

func partCovers(q, p string) bool {
	qp, star := strings.CutSuffix(q, "*")
	if !star {
		return q == p
	}
	return strings.HasPrefix(strings.TrimSuffix(p, "*"), qp)
}

func checkServerPattern(p string) (string, error) {
	name, star := strings.CutSuffix(p, "*")
	if star && (name == "" || name == "." || name == "..") { // no ids, but the beginnings of some
		return p, nil
	}
	return p, CheckServer(name)
}

func checkTypePattern(p string) (string, error) {
	if p == "*" {
		return "*:*", nil
	}
	c, a, ok := strings.Cut(p, ":")
	if !ok {
		c, a = p, "*"
	}
	for _, part := range []string{c, a} {
		name, star := strings.CutSuffix(part, "*")
		if !(star && name == "") && !isName(name) {
			return p, errors.New(`want "category:action", "*" only at the end of a part`)
		}
	}
	return c + ":" + a, nil
}

// Match reports whether an event of that server and type passes. It does not allocate.
func (f Filter) Match(server, typ string) bool {
	return f.MatchServer(server) && f.MatchType(typ)
}

// MatchServer reports whether some event of that server could pass.
func (f Filter) MatchServer(server string) bool {
	if len(f.servers) == 0 {
		return true
	}
	for _, p := range f.servers {
		if matchPart(p, server) {
			return true
		}
	}
	return false
}

// MatchType reports whether an event of that type could pass.
func (f Filter) MatchType(typ string) bool {
	if len(f.types) == 0 {
		return true
	}
	c, a, ok := strings.Cut(typ, ":")
	if !ok {
		return false
	}
	for _, p := range f.types {
		pc, pa, _ := strings.Cut(p, ":")
		if matchPart(pc, c) && matchPart(pa, a) {
			return true
		}
	}
	return false
}

func matchPart(p, s string) bool {
	if n := len(p); n > 0 && p[n-1] == '*' {
		return strings.HasPrefix(s, p[:n-1])
	}
	return p == s && p != nothing
}

// Exact returns the servers the filter names when all its server patterns are exact ids, and nil otherwise. It lets a
// hub find the readers of an event by its server. The slice belongs to the filter: do not change it.
func (f Filter) Exact() []string {
	for _, p := range f.servers {
		if strings.HasSuffix(p, "*") {
			return nil
		}
	}
	return f.servers
}

// Servers and Types return the canonical lists as ParseFilter reads them; "" is everything.
func (f Filter) Servers() string { return strings.Join(f.servers, ",") }

// Types returns the canonical list of type patterns; "" is everything.
func (f Filter) Types() string { return strings.Join(f.types, ",") }

// Key is the canonical text of the whole filter.
func (f Filter) Key() string { return f.Servers() + "|" + f.Types() }

// IsZero reports whether every event passes.
func (f Filter) IsZero() bool { return len(f.servers) == 0 && len(f.types) == 0 }

package event

import (
	"fmt"
	"slices"
	"strings"
)

// nothing is the only pattern of both lists of the filter that no event passes. It can't be the name of anything.
const nothing = "/"

// None returns the filter that no event passes. Its Servers and Types are "/", which ParseFilter reads as None again; it
// names one exact server that can't be, so code that looks events up by the servers of Exact finds none.
func None() Filter { return Filter{servers: []string{nothing}, types: []string{nothing}} }

// IsNone reports whether no event can pass.
func (f Filter) IsNone() bool { return len(f.servers) == 1 && f.servers[0] == nothing }

// And returns the filter of what passes both: canonical like those of ParseFilter, so it has the same Key whichever way
// round and in whatever order filters are put together, and None when nothing can pass both. It returns None and an error that
// wraps ErrFilter when it would take more than MaxPatterns patterns to say what passes.
func (f Filter) And(g Filter) (Filter, error) {
	if f.IsNone() || g.IsNone() {
		return None(), nil
	}
	servers, err := meet("servers", f.servers, g.servers, meetPart, partCovers)
	if err != nil {
		return None(), err
	}
	if isNothing(servers) {
		return None(), nil
	}
	types, err := meet("types", f.types, g.types, meetType, typeCovers)
	if err != nil {
		return None(), err
	}
	if isNothing(types) {
		return None(), nil
	}
	return Filter{servers: servers, types: types}, nil
}

func isNothing(list []string) bool { return len(list) == 1 && list[0] == nothing }

// meet returns the patterns of what passes both lists, or the pattern of nothing. Of two patterns meet says which one matches what
// both match.
func meet(list string, a, b []string, meet func(p, q string) (string, bool), covers func(q, p string) bool) ([]string, error) {
	switch {
	case len(a) == 0:
		return b, nil
	case len(b) == 0 || slices.Equal(a, b):
		return a, nil
	}
	var all []string
	for _, p := range a {
		for _, q := range b {
			if m, ok := meet(p, q); ok {
				all = append(all, m)
			}
		}
	}
	// The widest first: then what one covers comes after it, and what is left only grows. Two lists of a hundred types can meet
	// in ten thousand.
	slices.SortFunc(all, func(p, q string) int {
		if d := narrowness(p) - narrowness(q); d != 0 {
			return d
		}
		return strings.Compare(p, q)
	})
	all = slices.Compact(all)
	var out []string
	for _, p := range all {
		if slices.ContainsFunc(out, func(q string) bool { return covers(q, p) }) {
			continue
		}
		if len(out) == MaxPatterns {
			return nil, fmt.Errorf("%w: %s: more than %d patterns are left of %d and %d that must both match", ErrFilter, list, MaxPatterns, len(a), len(b))
		}
		out = append(out, p)
	}
	if out == nil {
		return []string{nothing}, nil
	}
	slices.Sort(out)
	return out, nil
}

// narrowness is less for a pattern than for all others that it covers: their parts are longer, or as long and without a star.
func narrowness(p string) int { return 2*len(p) - 3*strings.Count(p, "*") }

// meetPart returns the pattern that matches what both match: of two that overlap one covers the other.
func meetPart(p, q string) (string, bool) {
	switch {
	case partCovers(q, p):
		return p, true
	case partCovers(p, q):
		return q, true
	}
	return "", false
}

func meetType(p, q string) (string, bool) {
	pc, pa, _ := strings.Cut(p, ":")
	qc, qa, _ := strings.Cut(q, ":")
	c, ok := meetPart(pc, qc)
	if !ok {
		return "", false
	}
	a, ok := meetPart(pa, qa)
	return c + ":" + a, ok
}

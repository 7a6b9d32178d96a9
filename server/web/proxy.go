package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the addresses of those in front of us whose word counts: what anybody else says of where a request came from is what he
// likes to be taken for.
type proxies []netip.Prefix

func (p proxies) trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// peer returns the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// client returns the address of whom the request is from. Each proxy adds the address that it was asked from at the end of
// X-Forwarded-For or Forwarded, so the list is read from its end: the first address that is no trusted proxy's is the client's, and
// what stands before it is hearsay. Where an entry can't be read, the last one that could is as far as we know.
func (p proxies) client(r *http.Request) netip.Addr {
	addr := peer(r)
	if len(p) == 0 || !p.trust(addr) {
		return addr
	}
	hops := list(r.Header.Values("X-Forwarded-For"))
	if len(hops) == 0 {
		for _, element := range list(r.Header.Values("Forwarded")) {
			hops = append(hops, forwarded(element, "for"))
		}
	}
	for _, hop := range slices.Backward(hops) {
		next, ok := parseHop(hop)
		if !ok {
			return addr
		}
		if addr = next; !p.trust(addr) {
			return addr
		}
	}
	return addr
}

// secure reports whether the client's connection is encrypted, as far as we can know: to us, or to the proxy that we trust.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if len(p) == 0 || !p.trust(peer(r)) {
		return false
	}
	protos := list(r.Header.Values("X-Forwarded-Proto"))
	if len(protos) == 0 {
		if elements := list(r.Header.Values("Forwarded")); len(elements) > 0 {
			protos = []string{forwarded(elements[len(elements)-1], "proto")}
		}
	}
	return len(protos) > 0 && strings.EqualFold(protos[len(protos)-1], "https")
}

// list splits headers that are comma-separated lists.
func list(values []string) (out []string) {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// forwarded returns a parameter of one element of a Forwarded header (RFC 7239).
func forwarded(element, name string) string {
	for pair := range strings.SplitSeq(element, ";") {
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// parseHop reads one address of such a list: with or without port, and of IPv6 with or without brackets.
func parseHop(hop string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(hop); err == nil {
		hop = host
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

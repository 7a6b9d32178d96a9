package redact

import "bytes"

// longSchemes have credentials of several parts.
var longSchemes = []string{"digest", "aws4-hmac-sha256", "hawk", "signature", "oauth", "scram-sha-256"}

// header returns the credentials in the value of an Authorization header that begins at b[from].
func (r *Redactor) header(b []byte, from int) (int, int, kind) {
	n := from
	for n < len(b) && n-from < 32 && (alnum[b[n]] || b[n] == '-') {
		n++
	}
	name := b[from:n]
	if n < len(b) && b[n] == ' ' {
		for _, s := range longSchemes {
			if equalFold(name, s) {
				if rest := endOfLine(b, n+1, 0); bytes.IndexByte(b[n:min(rest, n+maxLook)], '=') > 0 && r.markAt(b[n+1:]) == 0 {
					return n + 1, rest, authorization
				}
				return 0, 0, none
			}
		}
		k := none
		switch {
		case equalFold(name, "bearer"):
			k = bearer
		case equalFold(name, "basic"):
			k = basic
		case equalFold(name, "token"), equalFold(name, "apikey"), equalFold(name, "negotiate"), equalFold(name, "ntlm"), equalFold(name, "key"):
			k = authorization
		}
		if k != none {
			for n < len(b) && b[n] == ' ' {
				n++
			}
			m := tokenSet.run(b[n:], len(b))
			if val := b[n : n+m]; m > 0 && !isWordOfState(val[:min(m, maxLook)]) && !isPlaceholder(val[:min(m, maxLook)]) {
				return n, n + m, k
			}
			return 0, 0, none
		}
		// A scheme of its own, and what can only be its credentials.
		if m := tokenSet.run(b[n+1:], len(b)); len(name) > 0 && isLetter(name[0]) && looksLong(b[n+1:n+1+min(m, maxLook)]) {
			return n + 1, n + 1 + m, authorization
		}
	}
	m := tokenSet.run(b[from:], len(b))
	if look := b[from : from+min(m, maxLook)]; looksSecret(look) {
		return from, from + m, authorization
	}
	return 0, 0, none
}

func looksCookie(b []byte) bool {
	n := 0
	for n < len(b) && n < 128 && b[n] > ' ' && b[n] != ';' && b[n] != '=' && b[n] < 0x80 {
		n++
	}
	return n > 0 && n+1 < len(b) && b[n] == '=' && b[n+1] > ' '
}

// isPlainCookie reports that cookies, and what is said of them, are settings such as lang=de.
func isPlainCookie(b []byte) bool {
	if len(b) > 512 {
		return false
	}
	for pair := range bytes.SplitSeq(b, []byte{';'}) {
		name, val, _ := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		switch {
		case equalFold(name, "path"), equalFold(name, "domain"), equalFold(name, "max-age"), equalFold(name, "expires"), equalFold(name, "samesite"):
			continue
		case equalFold(name, "theme"), equalFold(name, "lang"), equalFold(name, "locale"), equalFold(name, "tz"), equalFold(name, "timezone"), equalFold(name, "consent"), equalFold(name, "mode"):
			if len(val) > 24 || looksLong(val) {
				return false
			}
		case len(val) > 0:
			return false
		}
	}
	return true
}

package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Sets of bytes.
type set [256]bool

func setOf(chars string) *set {
	var s set
	for _, c := range []byte(chars) {
		s[c] = true
	}
	return &s
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

var (
	isWord    = setOf(lower + upper + digits + "_")
	alnum     = setOf(lower + upper + digits)
	capitals  = setOf(upper + digits)
	hexDigits = setOf(digits + "abcdefABCDEF")
	urlSafe   = setOf(lower + upper + digits + "_-")
	base64Set = setOf(lower + upper + digits + "+/=")
	tokenSet  = setOf(lower + upper + digits + "._~+/=-")
	pathSet   = setOf(lower + upper + digits + "_-/")
)

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }

// run returns how many bytes at the beginning of b are in the set, at most max of them.
func (s *set) run(b []byte, max int) int {
	n := 0
	for n < len(b) && n < max && s[b[n]] {
		n++
	}
	return n
}

// jwtAt returns the end of the JSON web token, signed or encrypted, that begins with the "eyJ" at b[i], or 0.
func jwtAt(b []byte, i int) int {
	if !bytes.HasPrefix(b[i:], []byte("eyJ")) {
		return 0
	}
	// In the middle of what could be base64 there may be many of these letters: no look at it goes to its end.
	limit := len(b)
	if i > 0 && urlSafe[b[i-1]] {
		limit = 256
	}
	n := i + urlSafe.run(b[i:], limit)
	if n-i < 10 || n == len(b) || b[n] != '.' {
		return 0
	}
	want := 5 // encrypted; the second part may be empty
	if bytes.HasPrefix(b[n+1:], []byte("ey")) {
		want = 3 // signed; without an algorithm the third is empty
	}
	for part := 1; part < want; part++ {
		if n == len(b) || b[n] != '.' {
			return 0
		}
		m := urlSafe.run(b[n+1:], len(b))
		if m == 0 && part != want-1 && part != 1 || m == 0 && want == 5 && part != 1 {
			return 0
		}
		n += 1 + m
	}
	return n
}

// nearbyAWS returns the secret that stands within a few words after an AWS access key id that ended at b[i].
func nearbyAWS(b []byte, i int) (from, to int) {
	limit := min(len(b), i+120)
	for i < limit {
		if b[i] == '/' || b[i] == '=' { // id/secret, key=secret
			i++
		}
		n := base64Set.run(b[i:], 64)
		if n == 40 && isMixed(b[i:i+n]) {
			return i, i + n
		}
		i += n + 1
	}
	return 0, 0
}

// basicAt returns the end of the base64 of "user:password" that begins at b[i], or 0.
func basicAt(b []byte, i int) int {
	n := base64Set.run(b[i:], 1024)
	if n < 6 {
		return 0
	}
	var plain [768]byte
	m, err := base64.RawStdEncoding.Decode(plain[:], bytes.TrimRight(b[i:i+n], "="))
	if err != nil || bytes.IndexByte(plain[:m], ':') < 0 || !utf8.Valid(plain[:m]) {
		return 0
	}
	for _, c := range plain[:m] {
		if c < ' ' || c == 0x7f {
			return 0
		}
	}
	return i + n
}

const pemBegin, pemEnd, pemDashes = "-----BEGIN ", "-----END ", "-----"

// pemAt returns the end of the private key that begins at b[i], or 0; a key that is cut off ends where it no longer looks like one.
// Ended is false when the rest of b is known to hold no end of a key.
func pemAt(b []byte, i int, ended *bool) int {
	head := b[i+len(pemBegin):]
	head = head[:min(len(head), 60)]
	n := bytes.Index(head, []byte(pemDashes))
	if n < 0 || !bytes.Contains(head[:n], []byte("PRIVATE KEY")) {
		return 0
	}
	from := i + len(pemBegin) + n + len(pemDashes)
	if *ended {
		if m := bytes.Index(b[from:], []byte(pemEnd)); m >= 0 {
			to := from + m + len(pemEnd)
			tail := b[to:min(len(b), to+60)]
			if n := bytes.Index(tail, []byte(pemDashes)); n >= 0 {
				return to + n + len(pemDashes)
			}
			return to
		}
		*ended = false
	}
	for from < len(b) && (base64Set[b[from]] || strings.IndexByte("\r\n\t \\:,-", b[from]) >= 0) && !bytes.HasPrefix(b[from:], []byte(pemBegin)) {
		from++
	}
	return from
}

// encodedKeyAt returns the end of the private key, or of the words that begin one, whose base64 begins at b[i], or 0. Kubernetes and CI
// systems keep them so. What is cut off is one too.
func encodedKeyAt(b []byte, i int) int {
	const begin = "LS0tLS1CRUdJTi" // -----BEGIN
	if !bytes.HasPrefix(b[i:], []byte(begin)) {
		return 0
	}
	var plain [48]byte
	n := base64Set.run(b[i:], len(b))
	m, _ := base64.RawStdEncoding.Decode(plain[:], b[i:i+min(n, 64)/4*4])
	if !bytes.Contains(plain[:m], []byte("PRIVATE KEY")) {
		return 0
	}
	return i + n
}

const puttyBegin = "Private-Lines: "

// puttyKeyAt returns the lines of a PuTTY key that follow the words at b[i].
func puttyKeyAt(b []byte, i int) (from, to int, k kind) {
	from = i + len(puttyBegin)
	n := digitSet.run(b[from:], 4)
	if from += n; n == 0 || from == len(b) || b[from] != '\r' && b[from] != '\n' {
		return 0, 0, none
	}
	for from < len(b) && (b[from] == '\r' || b[from] == '\n') {
		from++
	}
	to = from
	for to < len(b) && (base64Set[b[to]] || b[to] == '\r' || b[to] == '\n') {
		to++
	}
	if last := bytes.LastIndexByte(b[from:to], '\n'); last >= 0 && to < len(b) && b[to] == '-' { // Private-MAC
		to = from + last
	}
	return from, to, privateKey
}

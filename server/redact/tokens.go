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

// issued tokens begin with letters that say whose they are. That is what makes them safe to find.
type prefix struct {
	text     string
	kind     kind
	of       *set
	min, max int  // bytes after text; max 0: no bound
	mixed    bool // and it must have capitals, small letters and digits, as the beginning says little
}

var prefixes = []prefix{
	{text: "AKIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ASIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ABIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ACCA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ghp_", kind: github, of: alnum, min: 36},
	{text: "gho_", kind: github, of: alnum, min: 36},
	{text: "ghu_", kind: github, of: alnum, min: 36},
	{text: "ghs_", kind: github, of: alnum, min: 36},
	{text: "ghr_", kind: github, of: alnum, min: 36},
	{text: "github_pat_", kind: github, of: isWord, min: 36},
	{text: "glpat-", kind: gitlab, of: urlSafe, min: 20},
	{text: "gldt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "glrt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "xoxb-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxp-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxa-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxr-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxs-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxo-", kind: slack, of: urlSafe, min: 20, mixed: true},
	{text: "xoxe-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxe.", kind: slack, of: tokenSet, min: 20},
	{text: "xapp-", kind: slack, of: urlSafe, min: 20, mixed: true},
	{text: "hooks.slack.com/", kind: slackHook, of: pathSet, min: 30},
	{text: "discord.com/api/webhooks/", kind: discordHook, of: pathSet, min: 40},
	{text: "discordapp.com/api/webhooks/", kind: discordHook, of: pathSet, min: 40},
	{text: "sk_live_", kind: stripe, of: alnum, min: 16},
	{text: "rk_live_", kind: stripe, of: alnum, min: 16},
	{text: "sk_test_", kind: stripe, of: alnum, min: 16},
	{text: "rk_test_", kind: stripe, of: alnum, min: 16},
	{text: "whsec_", kind: stripeHook, of: base64Set, min: 24},
	{text: "AIza", kind: google, of: urlSafe, min: 35, max: 35},
	{text: "ya29.", kind: googleToken, of: urlSafe, min: 20},
	{text: "GOCSPX-", kind: googleToken, of: urlSafe, min: 20},
	{text: "npm_", kind: npm, of: alnum, min: 36, max: 36},
	{text: "pypi-AgE", kind: pypi, of: urlSafe, min: 40},
	{text: "SG.", kind: sendgrid, of: tokenSet, min: 60, max: 70, mixed: true},
	{text: "sk-ant-", kind: anthropic, of: urlSafe, min: 20, mixed: true},
	{text: "sk-", kind: openAI, of: urlSafe, min: 32, mixed: true},
	{text: "hf_", kind: huggingFace, of: alnum, min: 34, max: 40, mixed: false},
	{text: "dop_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "doo_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "dor_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "shpat_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shpca_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shppa_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shpss_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "hvs.", kind: vault, of: urlSafe, min: 24, mixed: true},
	{text: "hvb.", kind: vault, of: urlSafe, min: 24, mixed: true},
	{text: "AGE-SECRET-KEY-1", kind: age, of: capitals, min: 58, max: 58},
}

// byFirst are the prefixes by their first byte.
var byFirst = func() (t [256][]prefix) {
	for _, p := range prefixes {
		t[p.text[0]] = append(t[p.text[0]], p)
	}
	return t
}()

// tokenAt returns the issued token that begins with the word at b[i]; end is 0 where there is none.
func tokenAt(b []byte, i int) (end int, k kind) {
	rest := b[i:]
	for j := range byFirst[b[i]] {
		p := &byFirst[b[i]][j]
		if len(rest) < len(p.text)+p.min || rest[1] != p.text[1] || string(rest[:len(p.text)]) != p.text {
			continue
		}
		rest := rest[len(p.text):]
		limit := len(rest)
		if p.max > 0 {
			limit = p.max + 1
		}
		n := p.of.run(rest, limit)
		if n < p.min || p.max > 0 && n > p.max || p.mixed && !isMixed(rest[:n]) {
			continue
		}
		return i + len(p.text) + n, p.kind
	}
	return 0, none
}

// isMixed looks at as much of a token as there need be, so that it is cheap where it says no.
func isMixed(b []byte) bool {
	var up, low, digit bool
	for _, c := range b[:min(len(b), 256)] {
		up, low, digit = up || isUpper(c), low || isLower(c), digit || isDigit(c)
	}
	return up && low && digit
}

// jwtAt returns the end of the JSON web token, signed or encrypted, that begins with the "eyJ" at b[i], or 0.
func jwtAt(b []byte, i int) int {
	if !bytes.HasPrefix(b[i:], []byte("eyJ")) || i > 0 && urlSafe[b[i-1]] {
		return 0
	}
	n := i + urlSafe.run(b[i:], len(b))
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

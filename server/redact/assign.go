package redact

import (
	"bytes"
	"strings"
)

const (
	maxKey  = 48 // bytes of a key that are looked at before a sign
	maxLook = 64 // bytes of a value that decide what it is
)

// keySet is what keys in texts are made of. A space is in it, as in "API key: …".
var keySet = setOf(lower + upper + digits + "_-. $")

// assigned returns the secret value that follows the ':' or '=' at b[i], where a key before it says that it is one.
func (r *Redactor) assigned(b []byte, i int) (from, to int, k kind) {
	sign := b[i]
	if i == 0 || i+1 >= len(b) {
		return 0, 0, none
	}
	// a == b, a != b, a <= b compare; a := b and a => b assign.
	switch p := b[i-1]; {
	case sign == '=' && (p == '=' || p == '!' || p == '<' || p == '>' || p == '~'), p == ':':
		return 0, 0, none
	}
	end := i
	for n := 0; end > 0 && n < 4 && (b[end-1] == ' ' || b[end-1] == '"' || b[end-1] == '\'' || b[end-1] == '\\' || b[end-1] == '`' || b[end-1] == ']'); n++ {
		end--
	}
	begin := end
	for begin > 0 && end-begin < maxKey && keySet[b[begin-1]] {
		begin--
	}
	if end-begin < 2 {
		return 0, 0, none
	}
	name := b[begin:end]
	var v verdict
	inURL := false
	if begin > 0 && (b[begin-1] == '?' || b[begin-1] == '&') && sign == '=' && end == i {
		inURL = true
		v = r.keys.judgeQuery(name)
	} else {
		v = r.keys.judge(name)
	}
	if v.how == harmless || !r.on(v.kind) {
		return 0, 0, none
	}

	from = i + 1
	if sign == ':' && b[from] == '=' || sign == '=' && b[from] == '>' {
		sign = '='
		from++
	} else if b[from] == '=' { // a comparison
		return 0, 0, none
	}
	spaced := false
	for n := 0; from < len(b) && n < 4 && (b[from] == ' ' || b[from] == '\t'); n++ {
		from++
		spaced = true
	}
	if from == len(b) || inURL && spaced {
		return 0, 0, none
	}
	slashes := 0
	for from+slashes < len(b) && b[from+slashes] == '\\' && slashes < 8 {
		slashes++
	}
	if q := from + slashes; q < len(b) && (b[q] == '"' || b[q] == '\'' || b[q] == '`') {
		return r.quoted(b, q+1, b[q], slashes, v)
	}
	if r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	if end, k := tokenAt(b, from); end > 0 && r.on(k) { // more exactly what it is
		return from, end, k
	}
	switch v.kind {
	case authorization:
		return r.header(b, from)
	case cookie:
		if line := endOfLine(b, from, '"'); looksCookie(b[from:line]) {
			return from, line, cookie
		}
		return 0, 0, none
	}
	look := from + valueEnd(b[from:min(len(b), from+maxLook)], inURL)
	val := b[from:look]
	if isPlaceholder(val) || isCall(val) || isWordOfState(val) || isAddress(val) {
		return 0, 0, none
	}
	if isNumber(val) && v.how != strong {
		return 0, 0, none
	}
	// "DB_PASSWORD=" and "?token=" are the words of programs, "password: " may be those of people.
	if v.how == timid && !looksLong(val) {
		return 0, 0, none
	}
	if sign == ':' && v.how != timid && !looksSecret(val) && !(v.how == strong && endsLine(b, look)) {
		return 0, 0, none
	}
	to = look
	if look-from == maxLook { // it goes on
		to = from + valueEnd(b[from:], inURL)
	}
	return from, to, v.kind
}

// quoted returns the value that begins behind the quote before b[from], which so many backslashes stood before.
func (r *Redactor) quoted(b []byte, from int, quote byte, slashes int, v verdict) (int, int, kind) {
	if r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	end := quoteEnd(b, from, min(len(b), from+maxLook), quote, slashes)
	val := b[from:end]
	whole := end < from+maxLook
	switch {
	case whole && (isPlaceholder(val) || isBool(val)):
		return 0, 0, none
	case v.how == timid && !looksLong(val):
		return 0, 0, none
	case v.how == normal && isNumber(val):
		return 0, 0, none
	}
	if !whole {
		end = quoteEnd(b, from, len(b), quote, slashes)
	}
	if v.kind == authorization { // leave the name of the scheme
		if f, t, k := r.header(b[:end], from); k != none {
			return f, t, k
		}
		if r.endsInMark(b[from:end]) {
			return 0, 0, none
		}
	}
	return from, end, v.kind
}

// quoteEnd returns where a quoted text ends that begins at b[from]: at a quote with as many backslashes before it as the first
// had, or at limit.
func quoteEnd(b []byte, from, limit int, quote byte, slashes int) int {
	run := 0
	for i := from; i < limit; i++ {
		switch b[i] {
		case '\\':
			run++
			continue
		case quote:
			if run <= slashes {
				return i - run
			}
		case '\n':
			return i
		}
		run = 0
	}
	return limit
}

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
	}
	m := tokenSet.run(b[from:], len(b))
	if look := b[from : from+min(m, maxLook)]; looksSecret(look) {
		return from, from + m, authorization
	}
	return 0, 0, none
}

// flagAt returns the value of a flag of a command line, as in "--password hunter2"; b[i] is its first dash.
func (r *Redactor) flagAt(b []byte, i int) (from, to int, k kind) {
	if i > 0 && b[i-1] != ' ' && b[i-1] != '"' && b[i-1] != '\'' || len(b) < i+6 || b[i+1] != '-' && !isLetter(b[i+1]) {
		return 0, 0, none
	}
	n := i + 1
	for n < len(b) && n-i < maxKey && keySet[b[n]] && b[n] != ' ' {
		n++
	}
	if n == len(b) || b[n] != ' ' {
		return 0, 0, none
	}
	v := r.keys.judge(b[i:n])
	from = n + 1
	if v.how < normal || from >= len(b) || b[from] == '-' || r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	if b[from] == '"' || b[from] == '\'' {
		return r.quoted(b, from+1, b[from], 0, v)
	}
	look := from + valueEnd(b[from:min(len(b), from+maxLook)], false)
	val := b[from:look]
	if isPlaceholder(val) || isWordOfState(val) || isNumber(val) && v.how != strong || v.how == normal && !looksSecret(val) {
		return 0, 0, none
	}
	if b[i+1] != '-' && !looksSecret(val) { // a dash is punctuation too
		return 0, 0, none
	}
	if look-from == maxLook {
		look = from + valueEnd(b[from:], false)
	}
	return from, look, v.kind
}

// valueEnd returns the length of the value without quotes that b begins with.
func valueEnd(b []byte, inURL bool) int {
	n := 0
loop:
	for ; n < len(b); n++ {
		switch c := b[n]; {
		case c <= ' ', c == '"', c == '\'', c == '`', c == '&', c == '<', c == '>', c == '\\':
			break loop
		case inURL && c == '#':
			break loop
		case c == ',' || c == ';':
			if n+1 == len(b) || b[n+1] <= ' ' || b[n+1] == '"' || startsPair(b[n+1:]) {
				break loop
			}
		}
	}
	for n > 0 && strings.IndexByte(")]},;:.", b[n-1]) >= 0 {
		n--
	}
	return n
}

// startsPair reports that b begins with a key and a sign.
func startsPair(b []byte) bool {
	n := keySet.run(b, maxKey)
	return n > 0 && n < len(b) && (b[n] == '=' || b[n] == ':')
}

func endOfLine(b []byte, from int, quote byte) int {
	n := from
	for n < len(b) && b[n] != '\n' && b[n] != '\r' && (quote == 0 || b[n] != '"' && b[n] != '\'') {
		n++
	}
	for n > from && b[n-1] == ' ' {
		n--
	}
	return n
}

// endsLine reports that nothing more is said on the line of b[i].
func endsLine(b []byte, i int) bool {
	for n := 0; i < len(b) && n < 3 && (b[i] == ' ' || b[i] == '.' || b[i] == ','); n++ {
		i++
	}
	return i == len(b) || b[i] == '\n' || b[i] == '\r' || b[i] == '"' || b[i] == '\\' || b[i] == '}'
}

func looksCookie(b []byte) bool {
	n := 0
	for n < len(b) && n < 128 && b[n] > ' ' && b[n] != ';' && b[n] != '=' && b[n] < 0x80 {
		n++
	}
	return n > 0 && n+1 < len(b) && b[n] == '=' && b[n+1] > ' '
}

// looksSecret reports that a text is no word of a language: letters with digits or signs, or capitals in the middle of it.
func looksSecret(b []byte) bool {
	if len(b) < 6 {
		return false
	}
	var up, low, digit, sign bool
	for i, c := range b {
		switch {
		case isDigit(c):
			digit = true
		case isLower(c):
			low = true
		case isUpper(c):
			up = up || i > 0
		case strings.IndexByte("!#$%^*+/=@~", c) >= 0:
			sign = true
		case c <= ' ':
			return false
		}
	}
	return digit && (up || low || sign) || sign && (up || low) || up && low && len(b) >= 12 || len(b) >= 32
}

// looksLong is looksSecret for keys that name many other things.
func looksLong(b []byte) bool {
	var letter, digit bool
	for _, c := range b {
		if c <= ' ' || c == '(' || c == '<' || c == '{' {
			return false
		}
		letter, digit = letter || isLetter(c), digit || isDigit(c)
	}
	return len(b) >= 16 && letter && digit
}

// isPlaceholder reports that a value only stands for one: nothing, stars, ${NAME}, <name>, {{name}}, %s.
func isPlaceholder(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	switch b[0] {
	case '%':
		return len(b) == 2
	case '$', '<', '{':
		return b[0] != '$' || len(b) > 1 && (b[1] == '{' || b[1] == '(' || isUpper(b[1]) && !looksSecret(b[1:]))
	case '[':
		b = bytes.TrimSuffix(b[1:], []byte{']'})
		return len(b) == 0 || equalFold(b, "redacted") || equalFold(b, "filtered") || equalFold(b, "hidden") || equalFold(b, "masked")
	}
	for _, c := range b {
		if strings.IndexByte("*.x-_", c) < 0 && c < 0x80 {
			return equalFold(b, "redacted") || equalFold(b, "(redacted)") || equalFold(b, "hidden") || equalFold(b, "masked")
		}
		if c >= 0x80 && string(b) != strings.Repeat("•", len(b)/3) && string(b) != strings.Repeat("…", len(b)/3) {
			return false
		}
	}
	return true
}

// isCall reports that a value is a piece of a program: os.Getenv(…
func isCall(b []byte) bool {
	n := 0
	for n < len(b) && (isLetter(b[n]) || b[n] == '.' || b[n] == '_') {
		n++
	}
	return n > 1 && n < len(b) && b[n] == '('
}

// isAddress reports that a value says where a secret or its page is.
func isAddress(b []byte) bool {
	return bytes.HasPrefix(b, []byte("http://")) || bytes.HasPrefix(b, []byte("https://")) || bytes.HasPrefix(b, []byte("/run/secrets/"))
}

func isBool(b []byte) bool {
	return equalFold(b, "true") || equalFold(b, "false") || equalFold(b, "null") || equalFold(b, "nil") || equalFold(b, "none")
}

func isNumber(b []byte) bool {
	digit := false
	for i, c := range b {
		if isDigit(c) {
			digit = true
		} else if c != '.' && c != ',' && (c != '-' && c != '+' || i > 0) {
			return false
		}
	}
	return digit
}

// statesOf are what is said of secrets in logs without saying them.
var statesOf = func() map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(`true false null nil none undefined unknown empty set unset yes no on off ok okay
		expired invalid incorrect missing required wrong valid changed updated accepted rejected denied refused failed success successful
		optional disabled enabled present absent not must is was has should too the a an for and or in of to from with by
		error string bearer basic digest created deleted revoked rotated refreshed found mismatch malformed verified unverified
		granted allowed forbidden unauthorized authenticated anonymous default generated provided specified given used unused default-src
		[object object] oauth oauth2 jwt ldap saml pending active inactive loaded reloaded saved cached`) {
		m[w] = true
	}
	return m
}()

func isWordOfState(b []byte) bool {
	var low [16]byte
	if len(b) > len(low) {
		return false
	}
	for i, c := range b {
		if isUpper(c) {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	return statesOf[string(low[:len(b)])]
}

package redact

import (
	"bytes"
	"strings"
)

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

// looksTimid is looksLong for what a timid key says, where it may be told from other things in another way. Sure is true where
// a sign, not a colon of prose, says that this is the value.
func looksTimid(v verdict, b []byte, sure bool) bool {
	switch {
	case looksLong(b):
		return true
	case v.kind == password:
		return sure && len(b) >= 8 && looksSecret(b)
	case v.kind == token: // "auth"
		return basicAt(b, 0) == len(b) && len(b) >= 8
	}
	return false
}

// isSentence reports that a text is none of a kind that has no spaces.
func isSentence(v verdict, b []byte) bool {
	switch v.kind {
	case token, apiKey, accessKey, jwt, sessionID:
	default:
		return false
	}
	if bytes.IndexByte(b, ' ') < 0 {
		return false
	}
	for word := range bytes.FieldsSeq(b) {
		if looksLong(word) || len(word) >= 12 && isMixed(word) {
			return false
		}
	}
	return true
}

// isExpression reports that a value is a piece of a program: process.env.TOKEN, req.headers.authorization.
func isExpression(b []byte) bool {
	dots, start := 0, true
	for _, c := range b {
		switch {
		case c == '.' && !start:
			dots++
			start = true
		case isLetter(c) || c == '_':
			start = false
		default:
			return false
		}
	}
	if dots == 1 {
		root, _, _ := bytes.Cut(b, []byte{'.'})
		switch string(root) {
		case "req", "request", "config", "cfg", "self", "this", "env", "params", "settings", "opts", "options", "secrets", "var", "local", "data", "args", "props", "state":
			return !start
		}
	}
	return dots >= 2 && !start
}

// isPlaceholder reports that a value only stands for one: nothing, stars, ${NAME}, <name>, {{name}}, %s.
func isPlaceholder(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	switch b[0] {
	case '%':
		return len(b) == 2
	case '?', '(':
		return len(b) == 1
	case ':': // :name, as a statement of SQL has it
		return len(b) > 1 && isLetter(b[1]) && smallWord.run(b[1:], len(b)) == len(b)-1
	case '$', '<', '{':
		return b[0] != '$' || len(b) > 1 && (b[1] == '{' || b[1] == '(' || isUpper(b[1]) && !looksSecret(b[1:]) || isNumber(b[1:]) && len(b) < 5)
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

var smallWord = setOf(lower + "_")

package redact

import "bytes"

const maxUserinfo = 200 // bytes that are searched for the end of a URL's user and password

// userinfoAt returns the password of a URL whose authority begins at b[i], or a user that is a secret alone.
func userinfoAt(b []byte, i int) (from, to int, k kind) {
	limit := min(len(b), i+maxUserinfo)
	at, colon, path := -1, -1, -1
scan:
	for n := i; n < limit; n++ {
		switch c := b[n]; {
		case c <= ' ', c == '"', c == '\'', c == '`', c == '<', c == '>', c == '\\':
			break scan
		case c == ':' && colon < 0:
			colon = n
		case c == '@':
			at = n
		case c == '/' || c == '?' || c == '#':
			if at >= 0 {
				break scan
			}
			// host:port/path, or a password that holds what it should not
			if colon < 0 || path < 0 && isPort(b[colon+1:n]) {
				break scan
			}
			if path < 0 {
				path = n
			}
		}
	}
	switch {
	case at < 0:
		return 0, 0, none
	case colon >= 0 && colon < at:
		from, to, k = colon+1, at, password
		if path >= 0 && path < at && bytes.IndexByte(b[i:colon], '.') >= 0 { // a host, and an @ in what follows
			return 0, 0, none
		}
	case looksLong(b[i:at]) && len(b[i:at]) >= 20:
		from, to, k = i, at, token
	}
	if isPlaceholder(b[from:to]) || bytes.HasPrefix(b[from:to], []byte(markFrom)) {
		return 0, 0, none
	}
	return from, to, k
}

// isPort reports that b is nothing, or digits.
func isPort(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) <= 5
}

// driverAt returns the password in the address of a database without a scheme, as in user:password@tcp(db:3306); b[i] is its '@'.
func driverAt(b []byte, i int) (from, to int, k kind) {
	if from, to := oracleAt(b, i); to > 0 {
		return from, to, password
	}
	if !bytes.HasPrefix(b[i+1:], []byte("tcp(")) && !bytes.HasPrefix(b[i+1:], []byte("unix(")) {
		return 0, 0, none
	}
	from, colon := i, -1
	for from > 0 && i-from < maxUserinfo && b[from-1] > ' ' && b[from-1] != '"' && b[from-1] != '\'' && b[from-1] != '=' && b[from-1] != ']' {
		from--
		if b[from] == ':' {
			colon = from
		}
	}
	if colon < 0 || colon+1 >= i || isPlaceholder(b[colon+1:i]) {
		return 0, 0, none
	}
	return colon + 1, i, password
}

// oracleAt returns the password of jdbc:oracle:thin:user/password@…; b[i] is its '@'.
func oracleAt(b []byte, i int) (from, to int) {
	before := b[max(0, i-100):i]
	slash := bytes.LastIndexByte(before, '/')
	if slash < 0 || slash+1 == len(before) {
		return 0, 0
	}
	user := runBack(isWord, before, slash, maxKey)
	if !bytes.HasSuffix(before[:user], []byte("jdbc:oracle:thin:")) && !bytes.HasSuffix(before[:user], []byte("jdbc:oracle:oci:")) || isPlaceholder(before[slash+1:]) || before[slash+1] == '[' {
		return 0, 0
	}
	return i - len(before) + slash + 1, i
}

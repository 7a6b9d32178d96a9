package redact

import (
	"bytes"
	"slices"
	"strings"
)

// flagAt returns the value of a flag of a command line, as in "--password hunter2"; b[i] is its first dash.
func (r *Redactor) flagAt(b []byte, i int) (from, to int, k kind) {
	if i > 0 && b[i-1] != ' ' && b[i-1] != '"' && b[i-1] != '\'' || len(b) < i+6 || b[i+1] != '-' && !isLetter(b[i+1]) {
		return 0, 0, none
	}
	if b[i+1] != '-' && (b[i+2] == ' ' || strings.IndexByte("uUp", b[i+1]) >= 0) {
		if from, to, k := r.shortFlagAt(b, i); to > 0 {
			return from, to, k
		}
	}
	n := i + 1
	for n < len(b) && n-i < maxKey && keySet[b[n]] && b[n] != ' ' {
		n++
	}
	if n == len(b) || b[n] != ' ' {
		return 0, 0, none
	}
	if from, to, k := r.pairFlagAt(b, i, n); to > from {
		return from, to, k
	}
	v := r.keys.judge(b[i:n])
	from = n + 1
	if bytes.HasPrefix(b[from:], []byte("pass:")) && bytes.HasPrefix(b[i:], []byte("-pass")) { // openssl's
		from, to := r.argument(b, from+len("pass:"), false)
		return from, to, password
	}
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

// maxFlag bounds how far a value on a command line is followed, and how far back its command is looked for.
const maxFlag = 256

// A short flag means something with its command only.
var shortFlags = []struct {
	flags    string   // letters
	commands []string // one of them stands before, on the same line
	pair     bool     // the value is user:password
	glued    bool     // the value follows the letter at once
}{
	{"uU", []string{"curl "}, true, false},
	{"a", []string{"http ", "https ", "xh "}, true, false},
	{"a", []string{"redis-cli "}, false, false},
	{"p", []string{"sshpass ", " login "}, false, false},
	{"p", []string{"mysql", "mariadb"}, false, true},
	{"kK", []string{"openssl enc "}, false, false},
}

// pairFlags have user:password for their value.
var pairFlags = []string{"--user", "--proxy-user", "--auth", "--basic-auth", "--credentials", "--creds"}

// shortFlagAt returns the secret value of a flag of one letter; b[i] is its dash.
func (r *Redactor) shortFlagAt(b []byte, i int) (from, to int, k kind) {
	if i < 4 || b[i-1] != ' ' && b[i-1] != '"' && b[i-1] != '\'' || i+3 >= len(b) {
		return 0, 0, none
	}
	var before []byte
	for _, f := range shortFlags {
		n := i + 2
		if f.glued && b[n] <= ' ' || strings.IndexByte(f.flags, b[i+1]) < 0 {
			continue
		}
		if before == nil {
			before = b[max(0, i-maxFlag):i]
			before = before[bytes.LastIndexByte(before, '\n')+1:]
		}
		if !slices.ContainsFunc(f.commands, func(c string) bool { return bytes.Contains(before, []byte(c)) }) {
			continue
		}
		if b[n] == ' ' || b[n] == '=' {
			n++
		} else if !f.glued && !f.pair {
			continue
		}
		if from, to := r.argument(b, n, f.pair); to > from {
			return from, to, password
		}
	}
	return 0, 0, none
}

// pairFlagAt returns the password of --user name:password; b[i:n] is the flag.
func (r *Redactor) pairFlagAt(b []byte, i, n int) (from, to int, k kind) {
	for _, f := range pairFlags {
		if string(b[i:n]) == f {
			from, to = r.argument(b, n+1, true)
			return from, to, password
		}
	}
	return 0, 0, none
}

// argument returns what is secret in the argument that begins at b[n]; of a pair, what follows its first colon. Numbers with a colon are
// the ids of a user and a group.
func (r *Redactor) argument(b []byte, n int, pair bool) (from, to int) {
	if n >= len(b) || b[n] == '-' {
		return 0, 0
	}
	from = n
	if limit := min(len(b), n+maxFlag); b[n] == '"' || b[n] == '\'' {
		from++
		to = quoteEnd(b, from, limit, b[n], 0)
	} else {
		to = from + valueEnd(b[from:limit], false)
	}
	if pair {
		colon := bytes.IndexByte(b[from:to], ':')
		if colon < 1 || isNumber(b[from:to][:colon]) || bytes.HasPrefix(b[from+colon:to], []byte("://")) {
			return 0, 0
		}
		from += colon + 1
	}
	if val := b[from:to]; isPlaceholder(val) || isNumber(val) && !pair || isWordOfState(val) || r.markAt(b[from:]) > 0 {
		return 0, 0
	}
	return from, to
}

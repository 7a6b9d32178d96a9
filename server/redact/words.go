package redact

import "bytes"

// wordStarts are the first two letters of the words that wordAt knows, beside issued tokens.
var wordStarts = []string{"ey", "ec", "be", "bE", "Be", "BE", "ba", "bA", "Ba", "BA", "LS", "pa", "pA", "Pa", "PA", "Pr", "id", "iD", "Id", "ID", "_a", "_p"}

// seconds has a bit for each second byte that one of these words or a token of this first byte goes on with: nearly all words end here.
var seconds = func() (t [256][4]uint64) {
	add := func(word string) { t[word[0]][word[1]>>6] |= 1 << (word[1] & 63) }
	for _, w := range wordStarts {
		add(w)
	}
	for _, p := range prefixes {
		add(p.text)
	}
	return t
}()

// mayBegin reports that the two bytes at b[i] begin a word that is looked for.
func mayBegin(b []byte, i int) bool {
	return i+1 < len(b) && seconds[b[i]][b[i+1]>>6]>>(b[i+1]&63)&1 != 0
}

// afterEscape reports that a word begins at b[i] although a letter or digit stands before it, as that is the end of an escape: \n, %20
// or \u0022.
func afterEscape(b []byte, i int) bool {
	switch {
	case i >= 2 && b[i-2] == '\\' && (b[i-1] == 'n' || b[i-1] == 'r' || b[i-1] == 't'):
		return true
	case i >= 3 && b[i-3] == '%':
		return hexDigits[b[i-2]] && hexDigits[b[i-1]]
	case i >= 6 && b[i-6] == '\\' && b[i-5] == 'u':
		return b[i-4] == '0' && b[i-3] == '0' && hexDigits[b[i-2]] && hexDigits[b[i-1]]
	}
	return false
}

// wordAt returns the secret that begins at b[i] or follows the word there.
func (r *Redactor) wordAt(b []byte, i int) (from, to int, k kind) {
	if from, end, k := tokenAt(b, i); end > 0 {
		return from, end, k
	}
	switch b[i] {
	case 'e':
		if to := jwtAt(b, i); to > 0 {
			return i, to, jwt
		}
		return echoedAt(b, i)
	case 'L':
		return i, encodedKeyAt(b, i), privateKey
	case 'p', 'P':
		if b[i] == 'P' && bytes.HasPrefix(b[i:], []byte(puttyBegin)) {
			return puttyKeyAt(b, i)
		}
		return r.passwordAt(b, i)
	case 'i', 'I':
		return r.identifiedAt(b, i)
	case '_':
		return npmrcAt(b, i)
	case 'b', 'B':
		if n := scheme(b, i, "bearer"); n > 0 {
			m := tokenSet.run(b[n:], len(b))
			if look := b[n : n+min(m, 64)]; m >= 12 && looksSecret(look) {
				return n, n + m, bearer
			}
		} else if n := scheme(b, i, "basic"); n > 0 {
			return n, basicAt(b, n), basic
		}
	}
	return 0, 0, none
}

// scheme returns where the credentials begin that follow this name of a scheme at b[i], or 0.
func scheme(b []byte, i int, name string) int {
	if len(b) < i+len(name)+2 || b[i+1]|0x20 != name[1] || !equalFold(b[i:i+len(name)], name) {
		return 0
	}
	n := i + len(name)
	from := n
	for n < len(b) && n-from < 4 && b[n] == ' ' {
		n++
	}
	if bytes.HasPrefix(b[n:], []byte("%20")) {
		n += 3
	}
	if n == from {
		return 0
	}
	return n
}

// equalFold compares with a name in small ASCII letters.
func equalFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if isUpper(c) {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// passwordAt returns what stands behind the word "password" at b[i] where no sign is between them: in SQL, and in a .netrc.
func (r *Redactor) passwordAt(b []byte, i int) (from, to int, k kind) {
	const word = "password "
	if len(b) < i+len(word)+3 || b[i+1]|0x20 != 'a' || !equalFold(b[i:i+len(word)], word) {
		return 0, 0, none
	}
	from = i + len(word)
	if b[from] == '\'' {
		return r.sqlText(b, from)
	}
	before := bytes.TrimRight(b[max(0, i-120):i], " \n\t") // machine HOST login USER
	user := bytes.LastIndexAny(before, " \n\t")
	if user < 0 || !alnum[before[len(before)-1]] || !bytes.HasSuffix(bytes.TrimRight(before[:user], " \n\t"), []byte("login")) || !bytes.Contains(before, []byte("machine ")) || r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	if n := valueEnd(b[from:min(len(b), from+maxFlag)], false); !isPlaceholder(b[from:from+n]) && !isWordOfState(b[from:from+n]) {
		return from, from + n, password
	}
	return 0, 0, none
}

// identifiedAt returns the password of SQL's IDENTIFIED BY '…' and IDENTIFIED WITH plugin BY '…'.
func (r *Redactor) identifiedAt(b []byte, i int) (from, to int, k kind) {
	const word, with, by = "identified ", "with ", "by "
	if len(b) < i+len(word)+6 || b[i+1]|0x20 != 'd' || !equalFold(b[i:i+len(word)], word) {
		return 0, 0, none
	}
	from = i + len(word)
	if len(b) > from+len(with) && equalFold(b[from:from+len(with)], with) {
		from += len(with)
		from += isWord.run(b[from:], maxKey)
		from += min(1, len(b)-from)
	}
	if len(b) < from+len(by)+3 || !equalFold(b[from:from+len(by)], by) {
		return 0, 0, none
	}
	return r.sqlText(b, from+len(by))
}

// sqlText returns the text between the quotes that begin at b[i], where it may be a password.
func (r *Redactor) sqlText(b []byte, i int) (from, to int, k kind) {
	if q := b[i]; q != '\'' && q != '"' {
		return 0, 0, none
	}
	from, limit := i+1, min(len(b), i+1+maxFlag)
	to = quoteEnd(b, from, limit, b[i], 0)
	val := b[from:to]
	if to == limit || isPlaceholder(val) || isWordOfState(val) || bytes.IndexByte(val, ' ') >= 0 || r.markAt(val) > 0 {
		return 0, 0, none
	}
	return from, to, password
}

// npmrcAt returns what follows the "_authToken" of an npm configuration, where a space is between them.
func npmrcAt(b []byte, i int) (from, to int, k kind) {
	for _, word := range [...]string{"_authToken ", "_password ", "_auth "} {
		if bytes.HasPrefix(b[i:], []byte(word)) {
			from = i + len(word)
			if n := tokenSet.run(b[from:], len(b)); looksSecret(b[from : from+min(n, maxLook)]) {
				return from, from + n, token
			}
		}
	}
	return 0, 0, none
}

// echoedAt returns what a shell writes into a program that reads a secret from its input: echo "…" | docker login --password-stdin.
func echoedAt(b []byte, i int) (from, to int, k kind) {
	const word = "echo "
	if !bytes.HasPrefix(b[i:], []byte(word)) {
		return 0, 0, none
	}
	from = i + len(word)
	if bytes.HasPrefix(b[from:], []byte("-n ")) {
		from += 3
	}
	if from < len(b) && (b[from] == '"' || b[from] == '\'') {
		from++
		to = quoteEnd(b, from, min(len(b), from+maxFlag), b[from-1], 0)
	} else {
		to = from + valueEnd(b[from:min(len(b), from+maxFlag)], false)
	}
	rest := b[to:min(len(b), to+80)]
	pipe := bytes.IndexByte(rest, '|')
	if to == from || pipe < 0 || pipe > 3 || isPlaceholder(b[from:to]) || bytes.HasPrefix(b[from:], []byte(markFrom)) ||
		!bytes.Contains(rest, []byte("-stdin")) && !bytes.Contains(rest, []byte("--with-token")) {
		return 0, 0, none
	}
	return from, to, password
}

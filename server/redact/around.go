package redact

import "bytes"

// elsewhere judges the value of a name that says nothing by what stands around it: "name: DB_PASSWORD, value: …", the type in
// "api_key: &str = …", and SQL's SET PASSWORD FOR 'bob' = '…'. The name begins at b[begin], its sign is b[i].
func (r *Redactor) elsewhere(b []byte, i, begin int, name []byte) verdict {
	for len(name) > 0 && (name[0] == ' ' || name[0] == '-') {
		name = name[1:]
		begin++
	}
	if equalFold(name, "value") || equalFold(name, "val") {
		return r.paired(b, begin)
	}
	if b[i] != '=' || i+2 >= len(b) || b[i+1] != ' ' || b[i+2] != '"' && b[i+2] != '\'' {
		return verdict{}
	}
	before := b[max(0, begin-100):begin]
	if bytes.Contains(before, []byte("PASSWORD FOR ")) || bytes.Contains(before, []byte("password for ")) {
		return verdict{password, strong}
	}
	before = bytes.TrimRight(before, " &*")
	if n := len(before) - 1; n > 0 && before[n] == ':' {
		return r.keys.judge(before[runBack(keySet, before, n, maxKey):n])
	}
	return verdict{}
}

// paired judges the name in "name: DB_PASSWORD" that stands right before b[begin].
func (r *Redactor) paired(b []byte, begin int) verdict {
	const between = " \t\r\n\"'\\,;{"
	before := bytes.TrimRight(b[max(0, begin-160):begin], between)
	word := runBack(nameSet, before, len(before), maxKey)
	named := bytes.TrimRight(before[:word], " \"'\\")
	if word == len(before) || len(named) < 4 || named[len(named)-1] != ':' && named[len(named)-1] != '=' {
		return verdict{}
	}
	named = bytes.TrimRight(named[:len(named)-1], " \"'\\")
	if !isNaming(named[runBack(isWord, named, len(named), maxKey):]) {
		return verdict{}
	}
	if v := r.keys.judge(before[word:]); v.how >= normal {
		return v
	}
	return verdict{}
}

// nameSet is what names of variables and headers are made of.
var nameSet = setOf(lower + upper + digits + "_-.")

// isResource reports that the key at b[begin] is a part of a name such as arn:aws:secretsmanager:eu-west-1:123:secret:app.
func isResource(b []byte, begin int) bool {
	before := b[runBack(resourceSet, b, begin, 120):begin]
	return bytes.HasPrefix(before, []byte("arn:")) || bytes.HasPrefix(before, []byte("urn:"))
}

var resourceSet = setOf(lower + upper + digits + "_-./:")

// wrapped returns the length of what stands between a sign and the quote of a value: Rust's Some("…"), SQL's N'…' and PHP's string(7) "…".
func wrapped(b []byte) int {
	n := 0
	switch {
	case len(b) < 3:
		return 0
	case b[0] == 'S' && bytes.HasPrefix(b, []byte("Some(")):
		n = 5
	case b[0] == 'N':
		n = 1
	case b[0] == 's' && bytes.HasPrefix(b, []byte("string(")):
		n = 7 + digitSet.run(b[7:], 6)
		if !bytes.HasPrefix(b[n:], []byte(") ")) {
			return 0
		}
		n += 2
	}
	if n > 0 && n < len(b) && (b[n] == '"' || b[n] == '\'') {
		return n
	}
	return 0
}

// seedWords returns the length of the twelve and more small words that b begins with, as in the phrase that stands for a wallet.
func seedWords(b []byte) int {
	n, words := 0, 0
	for words < 24 {
		m := smallSet.run(b[n:], 9)
		if m < 3 || m > 8 {
			break
		}
		n += m
		words++
		if n == len(b) || b[n] != ' ' {
			break
		}
		n++
	}
	if words < 12 {
		return 0
	}
	for b[n-1] == ' ' {
		n--
	}
	return n
}

var smallSet = setOf(lower)

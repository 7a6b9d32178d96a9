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
	end = beforeQuoteForm(b, end)
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
	if begin > 0 && (b[begin-1] == '?' || b[begin-1] == '&') && sign == '=' && end == i && bytes.IndexByte(name, ' ') < 0 {
		inURL = true
		v = r.keys.judgeQuery(name)
	} else {
		v = r.keys.judge(name)
	}
	if v.how == harmless && len(name) < maxKey {
		v = r.elsewhere(b, i, begin, name)
	}
	if v.how == harmless || !r.on(v.kind) || sign == ':' && begin > 0 && b[begin-1] == ':' && isResource(b, begin) {
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
	from += wrapped(b[from:])
	if form := quoteForm(b[from:]); form != "" {
		return r.formed(b, from+len(form), form, v)
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
	if at, end, k := tokenAt(b, from); end > 0 && r.on(k) { // more exactly what it is
		return at, end, k
	}
	switch v.kind {
	case authorization:
		return r.header(b, from)
	case cookie:
		if line := endOfLine(b, from, '"'); looksCookie(b[from:line]) && !isPlainCookie(b[from:line]) {
			return from, line, cookie
		}
		return 0, 0, none
	}
	if v.how == strong {
		if n := seedWords(b[from:]); n > 0 {
			return from, from + n, v.kind
		}
	}
	look := from + valueEnd(b[from:min(len(b), from+maxLook)], inURL)
	val := b[from:look]
	if isPlaceholder(val) || isCall(val) || isWordOfState(val) || isAddress(val) || spaced && isExpression(val) {
		return 0, 0, none
	}
	if isNumber(val) && v.how != strong {
		return 0, 0, none
	}
	// "PASSWORD= TOKEN=…": nothing, and then the next. Its name has to stay for what follows it to be found.
	if spaced && r.namesSecret(val) {
		return 0, 0, none
	}
	// "DB_PASSWORD=" and "?token=" are the words of programs, "password: " may be those of people.
	if v.how == timid && !looksTimid(v, val, sign == '=') {
		return 0, 0, none
	}
	if sign == ':' && v.how != timid && !looksSecret(val) && !(v.how == strong && (endsLine(b, look) || isNumber(val) && len(val) >= 4)) {
		return 0, 0, none
	}
	to = look
	if look-from == maxLook { // it goes on
		to = from + valueEnd(b[from:], inURL)
	}
	return from, to, v.kind
}

// namesSecret reports that a value, which is no longer than maxLook, holds the name of a secret and a sign.
func (r *Redactor) namesSecret(val []byte) bool {
	for i, c := range val {
		if (c == '=' || c == ':') && i > 1 {
			end := i
			for end > 0 && (val[end-1] == ']' || val[end-1] == '"' || val[end-1] == '\'') {
				end--
			}
			if name := val[runBack(nameSet, val, end, maxKey):end]; len(name) > 1 && r.keys.judge(name).how >= normal {
				return true
			}
		}
	}
	return false
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
	case whole && r.sparesQuoted(v, val), v.how == timid && !looksTimid(v, val, true):
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

// sparesQuoted reports that a text in quotes, or in an element, is no secret although its name says so.
func (r *Redactor) sparesQuoted(v verdict, val []byte) bool {
	look := val[:min(len(val), maxLook)]
	return isPlaceholder(val) || isBool(val) || v.how == timid && !looksTimid(v, look, true) || v.how == normal && isNumber(look) || isSentence(v, look)
}

package redact

import "bytes"

// quoteForms are how quotes are written in HTML, in JSON and in URLs.
var quoteForms = []string{"&quot;", "&#34;", "&#39;", "&#x27;", "&apos;", `\u0022`, `\u0027`, "%22", "%27"}

// quoteForm returns the form that b begins with.
func quoteForm(b []byte) string {
	if len(b) > 3 && (b[0] == '&' || b[0] == '%' || b[0] == '\\' && b[1] == 'u') {
		for _, f := range quoteForms {
			if bytes.HasPrefix(b, []byte(f)) {
				return f
			}
		}
	}
	return ""
}

// beforeQuoteForm returns where the form begins that ends before b[end], or end.
func beforeQuoteForm(b []byte, end int) int {
	if end > 3 && (b[end-1] == ';' || b[end-1] == '2' || b[end-1] == '7') {
		for _, f := range quoteForms {
			if bytes.HasSuffix(b[:end], []byte(f)) {
				return end - len(f)
			}
		}
	}
	return end
}

// formed returns the value that begins at b[from], behind a quote of this form.
func (r *Redactor) formed(b []byte, from int, form string, v verdict) (int, int, kind) {
	n := bytes.Index(b[from:min(len(b), from+1024)], []byte(form))
	if n < 1 || r.markAt(b[from:]) > 0 || r.sparesQuoted(v, b[from:from+n]) {
		return 0, 0, none
	}
	return from, from + n, v.kind
}

// percentAt returns the secret value behind an escaped sign: token%3D…, or the password of an escaped URL; b[i] is its '%'.
func (r *Redactor) percentAt(b []byte, i int) (from, to int, k kind) {
	if i+4 >= len(b) || b[i+1] != '3' || i == 0 {
		return 0, 0, none
	}
	switch b[i+2] {
	case 'A', 'a', 'D', 'd':
	default:
		return 0, 0, none
	}
	from = i + 3
	if rest := b[from:]; len(rest) > 6 && equalFold(rest[:6], "%2f%2f") {
		from += 6
		return userinfoEscaped(b, from)
	}
	end := beforeQuoteForm(b, i)
	begin := runBack(keySet, b, end, maxKey)
	name := b[begin:end]
	if begin > 0 && b[begin-1] == '%' && len(name) > 2 { // %26token
		name = name[2:]
	}
	if len(name) < 2 {
		return 0, 0, none
	}
	v := r.keys.judgeQuery(name)
	if v.how == harmless || !r.on(v.kind) {
		return 0, 0, none
	}
	for n := 0; n < 4 && from < len(b); n++ {
		if b[from] == '+' {
			from++
		} else if bytes.HasPrefix(b[from:], []byte("%20")) {
			from += 3
		}
	}
	if form := quoteForm(b[from:]); form != "" {
		return r.formed(b, from+len(form), form, v)
	}
	to = from
	for to < len(b) && b[to] > ' ' && !percentEnds(b[to:]) {
		to++
	}
	for to > from && (b[to-1] == '.' || b[to-1] == ',' || b[to-1] == ';') {
		to--
	}
	val := b[from:min(to, from+maxLook)]
	if v.kind == authorization || isPlaceholder(val) || isWordOfState(val) || isNumber(val) && v.how != strong || v.how == timid && !looksLong(val) || r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	return from, to, v.kind
}

// percentEnds reports that a value in an escaped query ends where b begins.
func percentEnds(b []byte) bool {
	switch b[0] {
	case '&', '"', '\'', '`', '<', '>', '\\', ')', ']', '}':
		return true
	case '%':
		return len(b) > 2 && b[1] == '2' && (b[2] == '6' || b[2] == '3' || b[2] == '0' || b[2] == '2' || b[2] == '7')
	}
	return false
}

// userinfoEscaped is userinfoAt for a URL whose signs are escaped.
func userinfoEscaped(b []byte, i int) (from, to int, k kind) {
	rest := b[i:min(len(b), i+maxUserinfo)]
	for n := 0; n+2 < len(rest); n++ {
		c := rest[n]
		if c <= ' ' || c == '"' || c == '\'' || c == '&' || c == '/' || c == '[' {
			break
		}
		if c != '%' {
			continue
		}
		switch e := rest[n+1 : n+3]; {
		case equalFold(e, "3a") && from == 0:
			from = i + n + 3
		case equalFold(e, "2f"), equalFold(e, "3f"), equalFold(e, "26"):
			return 0, 0, none
		case e[0] == '4' && e[1] == '0':
			if from == 0 || from == i+n {
				return 0, 0, none
			}
			return from, i + n, password
		}
	}
	return 0, 0, none
}

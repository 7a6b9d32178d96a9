package redact

import "bytes"

// elementAt returns the text of an XML element whose name says that it is secret; b[i] is the '>' of its begin.
func (r *Redactor) elementAt(b []byte, i int) (from, to int, k kind) {
	if i < 3 || b[i-1] == '=' || b[i-1] == '-' || b[i-1] == '/' || i+3 >= len(b) || b[i+1] <= ' ' || b[i+1] == '<' {
		return 0, 0, none
	}
	window := b[max(0, i-128):i]
	begin := bytes.LastIndexByte(window, '<')
	if begin < 0 {
		return 0, 0, none
	}
	name := window[begin+1:]
	if n := bytes.IndexByte(name, ' '); n >= 0 {
		name = name[:n]
	}
	if n := bytes.IndexByte(name, ':'); n >= 0 { // a namespace
		name = name[n+1:]
	}
	if len(name) == 0 || len(name) > maxKey || !isLetter(name[0]) {
		return 0, 0, none
	}
	v := r.keys.judge(name)
	if v.how == harmless || !r.on(v.kind) {
		return 0, 0, none
	}
	from = i + 1
	n := bytes.IndexByte(b[from:min(len(b), from+maxElement)], '<')
	if n < 1 || from+n+1 >= len(b) || b[from+n+1] != '/' || r.markAt(b[from:]) > 0 {
		return 0, 0, none
	}
	to = from + n
	if look := b[from:min(to, from+maxLook)]; r.sparesQuoted(v, b[from:to]) || isWordOfState(look) || v.how == normal && !looksSecret(look) {
		return 0, 0, none
	}
	return from, to, v.kind
}

const maxElement = 8 << 10 // bytes of an element's text

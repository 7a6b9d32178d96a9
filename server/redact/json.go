package redact

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// scratch is what one call needs beside its answer.
type scratch struct {
	cuts  []cut
	stack []frame
	text  []byte  // a string without its escapes
	at    []int32 // where in the JSON each byte of text comes from, and where it ends
	late  []span
}

// span is a value of which only a later member said that it is a secret.
type span struct {
	from, to int
	v        verdict
}

// frame is an object or array that has begun and not ended.
type frame struct {
	object bool
	inside verdict // of all that is in it: it stands under a key that names a secret
	named  verdict // a member said the name, as in {"name":"DB_PASSWORD","value":…}, or an element, as in ["--password",…]

	from, to int // its member "value", where none has said its name so far; from is 0 where there is none, and to while it is read
}

// object appends to s.cuts what is secret in a JSON value, in order. Ok is false where data is no JSON, as far as was looked;
// the cuts mean nothing then.
func (r *Redactor) object(s *scratch, data []byte) (ok bool) {
	s.stack, s.late = s.stack[:0], s.late[:0]
	if !r.scan(s, data, 0) {
		return false
	}
	if len(s.late) > 0 {
		r.scanLate(s, data)
	}
	return true
}

// scanLate looks once more at the values whose names came after them, as at all that stands under a name. Of such values that are in one another
// only the outermost is looked at, so that it takes no longer than the first time.
func (r *Redactor) scanLate(s *scratch, data []byte) {
	late := slices.Clone(s.late)
	slices.SortFunc(late, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	outermost := late[:1]
	for _, l := range late[1:] {
		if l.from >= outermost[len(outermost)-1].to {
			outermost = append(outermost, l)
		}
	}
	n := 0
	s.cuts = slices.DeleteFunc(s.cuts, func(c cut) bool { // both are in order
		for n < len(outermost) && outermost[n].to <= c.from {
			n++
		}
		return n < len(outermost) && outermost[n].from <= c.from
	})
	for _, l := range outermost {
		s.stack = append(s.stack[:0], frame{inside: l.v})
		r.scan(s, data[:l.to], l.from) // it is JSON: it has been read before
	}
	slices.SortFunc(s.cuts, func(a, b cut) int { return a.from - b.from })
}

// scan does what object says for data[i:], which stands in what is on the stack, but for values whose name comes after them: these it appends to s.late.
func (r *Redactor) scan(s *scratch, data []byte, i int) (ok bool) {
	base := len(s.stack)
	var v verdict    // of the member that is being read
	var name []byte  // its key as it is written, without quotes
	wantKey := false // an object's next string is a key
	for i < len(data) {
		switch c := data[i]; c {
		case ' ', '\n', '\t', '\r', ':':
			i++
		case '{', '[':
			inside := r.valueVerdict(s, v, name, nil)
			s.hold(name, i, 0)
			if inside.how == timid {
				inside = verdict{}
			}
			s.stack = append(s.stack, frame{object: c == '{', inside: inside})
			wantKey, v, name = c == '{', verdict{}, nil
			i++
		case '}', ']':
			if len(s.stack) == base {
				return false
			}
			s.stack = s.stack[:len(s.stack)-1]
			wantKey, v, name = false, verdict{}, nil
			i++
			s.held(i)
		case ',':
			wantKey = len(s.stack) > 0 && s.stack[len(s.stack)-1].object
			v, name = verdict{}, nil
			i++
		case '"':
			end, plain := stringEnd(data, i)
			if end < 0 {
				return false
			}
			if wantKey {
				wantKey = false
				name = data[i+1 : end-1]
				v = r.keyVerdict(s, name, plain)
				if len(s.stack) == 1 && (string(name) == "serverId" || string(name) == "timestamp") { // the hub's own words
					i = skipMember(data, end)
					continue
				}
				r.stringAt(s, data, i, end, plain, verdict{})
				i = end
				continue
			}
			r.stringAt(s, data, i, end, plain, r.valueVerdict(s, v, name, data[i+1:end-1]))
			s.hold(name, i, end)
			i = end
		default:
			end := i
			for end < len(data) && data[end] != ',' && data[end] != '}' && data[end] != ']' && data[end] > ' ' {
				end++
			}
			if end == i || data[end-1] == '"' {
				return false
			}
			r.numberAt(s, data, i, end, r.valueVerdict(s, v, name, nil), name)
			s.hold(name, i, end)
			i = end
		}
	}
	return len(s.stack) == base
}

// hold notes where a value is whose name may come after it; to is 0 where it is an object or a list that begins.
func (s *scratch) hold(name []byte, from, to int) {
	if len(s.stack) == 0 || !isValue(name) {
		return
	}
	if f := &s.stack[len(s.stack)-1]; f.object && f.named.how < normal {
		f.from, f.to = from, to
	}
}

// held notes where an object or a list ended.
func (s *scratch) held(to int) {
	if len(s.stack) == 0 {
		return
	}
	if f := &s.stack[len(s.stack)-1]; f.from > 0 && f.to == 0 {
		f.to = to
	}
}

func isValue(name []byte) bool { return equalFold(name, "value") || equalFold(name, "val") }

// skipMember returns the index behind the plain string that a key which ended at data[i] has for its value, or i.
func skipMember(data []byte, i int) int {
	if i+1 < len(data) && data[i] == ':' && data[i+1] == '"' {
		if end, plain := stringEnd(data, i+1); plain {
			return end
		}
	}
	return i
}

// keyVerdict judges a key as it is written.
func (r *Redactor) keyVerdict(s *scratch, name []byte, plain bool) verdict {
	if !plain {
		s.unescape(name)
		name = s.text
	}
	return r.keys.judge(name)
}

// valueVerdict adds to what its own key says of a value what is known of all that it stands in. Val is its text, nil for none.
func (r *Redactor) valueVerdict(s *scratch, v verdict, name, val []byte) verdict {
	if len(s.stack) == 0 {
		return v
	}
	f := &s.stack[len(s.stack)-1]
	if f.inside.how > v.how {
		v = f.inside
	}
	switch {
	case !f.object:
		if f.named.how >= normal && f.named.how > v.how {
			v = f.named
		}
		f.named = verdict{}
		if len(val) > 2 && len(val) < maxKey && val[0] == '-' && bytes.IndexByte(val, '=') < 0 {
			f.named = r.keys.judge(val)
		}
	case f.named.how >= normal && isValue(name):
		if f.named.how > v.how {
			v = f.named
		}
	case len(val) > 2 && len(val) < maxKey && isNaming(name):
		f.named = r.keys.judge(val)
		if f.named.how >= normal && f.to > 0 {
			s.late = append(s.late, span{f.from, f.to, f.named})
			f.from, f.to = 0, 0
		}
	}
	return v
}

func isNaming(name []byte) bool {
	switch string(name) {
	case "name", "key", "Name", "Key", "variable", "header", "field", "env":
		return true
	}
	return false
}

// stringAt looks for secrets in the JSON string data[i:end].
func (r *Redactor) stringAt(s *scratch, data []byte, i, end int, plain bool, v verdict) {
	first := len(s.cuts)
	body := data[i+1 : end-1]
	if len(body) == 0 {
		return
	}
	text := body
	if !plain {
		s.unescape(body)
		text = s.text
	}
	r.text(s, text)
	if v.how != harmless && r.on(v.kind) && !r.spares(v, text) {
		if found := s.cuts[first:]; len(found) == 1 && found[0].to-found[0].from == len(text) {
			v.kind = found[0].kind // more exactly what it was
		}
		if r.wants(v.kind, text) {
			s.cuts = append(s.cuts[:first], cut{from: 0, to: len(text), kind: v.kind})
		}
	}
	for n := first; n < len(s.cuts); n++ {
		c := &s.cuts[n]
		if !plain {
			c.from, c.to = int(s.at[c.from]), int(s.at[c.to])
		}
		c.from, c.to = c.from+i+1, c.to+i+1
	}
}

// spares reports that a text under a key that names a secret is none.
func (r *Redactor) spares(v verdict, text []byte) bool {
	if n := r.markAt(text); n == len(text) {
		return true
	}
	if v.how == timid && !looksTimid(v, text, true) || isPlaceholder(text) {
		return true
	}
	switch v.kind {
	case authorization, bearer, basic, cookie: // "Bearer [redacted: bearer token]" has been done
		return bytes.HasSuffix(text, []byte{markTo}) && r.endsInMark(text)
	}
	return isBool(text)
}

// endsInMark reports that nothing but the name of a scheme stands before a mark.
func (r *Redactor) endsInMark(text []byte) bool {
	n := bytes.IndexByte(text, ' ')
	return n > 0 && n < 32 && r.markAt(text[n+1:]) == len(text)-n-1
}

// numberAt looks at a number, true, false or null.
func (r *Redactor) numberAt(s *scratch, data []byte, i, end int, v verdict, name []byte) {
	val := data[i:end]
	if !isDigit(val[0]) && val[0] != '-' {
		return
	}
	k := none
	switch {
	case v.how == strong:
		k = v.kind
	case len(val) >= 13 && len(val) <= 19 && isCardKey(name) && isCard(val):
		k = cardNumber
	}
	if k != none && r.wants(k, val) {
		s.cuts = append(s.cuts, cut{from: i, to: end, kind: k, quote: true})
	}
}

// stringEnd returns the index behind the JSON string that begins at data[i], or -1, and whether it has no escapes.
func stringEnd(data []byte, i int) (end int, plain bool) {
	n := bytes.IndexByte(data[i+1:], '"')
	if n < 0 {
		return -1, false
	}
	if bytes.IndexByte(data[i+1:i+1+n], '\\') < 0 {
		return i + n + 2, true
	}
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1, false
		}
	}
	return -1, false
}

// unescape puts the text of a JSON string, given without its quotes, into s.text, and where its bytes come from into s.at.
// What is no escape stays as it is.
func (s *scratch) unescape(body []byte) {
	s.text, s.at = s.text[:0], s.at[:0]
	s.text = slices.Grow(s.text, len(body)+utf8.UTFMax)
	s.at = slices.Grow(s.at, len(body)+utf8.UTFMax)
	for i := 0; i < len(body); {
		from := i
		c := body[i]
		if c != '\\' || i+1 == len(body) {
			s.text, s.at = append(s.text, c), append(s.at, int32(from))
			i++
			continue
		}
		c = body[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, ok := hex4(body[i:])
			if !ok {
				break
			}
			i += 4
			if utf16.IsSurrogate(r) {
				first := r
				r = utf8.RuneError
				if i+1 < len(body) && body[i] == '\\' && body[i+1] == 'u' {
					if second, ok := hex4(body[i+2:]); ok {
						if r = utf16.DecodeRune(first, second); r != utf8.RuneError {
							i += 6
						}
					}
				}
			}
			before := len(s.text)
			s.text = utf8.AppendRune(s.text, r)
			for range len(s.text) - before {
				s.at = append(s.at, int32(from))
			}
			continue
		}
		s.text, s.at = append(s.text, c), append(s.at, int32(from))
	}
	s.at = append(s.at, int32(len(body)))
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

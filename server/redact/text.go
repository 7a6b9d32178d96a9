package redact

import "bytes"

// What a byte may begin, or end: most begin nothing, which is what makes it cheap to look.
const (
	isNothing = iota
	startsWord
	startsDigits
	isColon
	isEquals
	isDash
	isBracket
	isAt
	isPercent
	isTagEnd
	isTilde
)

var class = func() (t [256]byte) {
	for c := range t {
		if seconds[c] != [4]uint64{} {
			t[c] = startsWord
		}
		if isDigit(byte(c)) {
			t[c] = startsDigits
		}
	}
	t[':'], t['='], t['-'], t['['], t['@'] = isColon, isEquals, isDash, isBracket, isAt
	t['%'], t['>'], t['~'] = isPercent, isTagEnd, isTilde
	return t
}()

// cut is a stretch to be replaced by the mark of its kind.
type cut struct {
	from, to int
	kind     kind
	quote    bool // it is no text: the mark needs quotes
}

// text appends to s.cuts what is secret in b, in order. Its time is linear in len(b), whatever b holds: what looks ahead and
// finds nothing looks no further than a bound.
func (r *Redactor) text(s *scratch, b []byte) {
	first := len(s.cuts)
	done := 0 // all before it has been dealt with
	ended := true
	for i := 0; i < len(b); i++ {
		var from, to int
		var k kind
		switch class[b[i]] {
		case isNothing:
			continue
		case startsWord:
			if !mayBegin(b, i) || i > 0 && alnum[b[i-1]] && !afterEscape(b, i) {
				continue
			}
			from, to, k = r.wordAt(b, i)
		case startsDigits:
			if i > 0 && isDigit(b[i-1]) {
				continue
			}
			if from, to, k = i, cardAt(b, i), cardNumber; to == 0 && mayBegin(b, i) {
				from, to, k = tokenAt(b, i)
			}
		case isColon:
			if bytes.HasPrefix(b[i+1:], []byte("//")) {
				from, to, k = userinfoAt(b, i+3)
			} else if from, to, k = telegramAt(b, i); to == 0 {
				from, to, k = r.assigned(b, i)
			}
		case isEquals:
			from, to, k = r.assigned(b, i)
		case isDash:
			if i > 0 && b[i-1] == '-' {
				continue
			}
			if bytes.HasPrefix(b[i:], []byte(pemBegin)) {
				from, to, k = i, pemAt(b, i, &ended), privateKey
			} else if from, to, k = mailchimpAt(b, i); to == 0 {
				from, to, k = r.flagAt(b, i)
			}
		case isBracket:
			if n := r.markAt(b[i:]); n > 0 {
				i += n - 1
				done = i + 1
			}
			continue
		case isAt:
			from, to, k = driverAt(b, i)
		case isPercent:
			from, to, k = r.percentAt(b, i)
		case isTagEnd:
			from, to, k = r.elementAt(b, i)
		case isTilde:
			from, to, k = azureAt(b, i)
		}
		if to <= from || from < done || !r.wants(k, b[from:to]) {
			continue
		}
		s.cuts = append(s.cuts, cut{from: from, to: to, kind: k})
		i, done = max(i, to-1), to
		if k == awsID && r.on(awsSecret) {
			if from, to := nearbyAWS(b, to); to > 0 && r.wants(awsSecret, b[from:to]) {
				s.cuts = append(s.cuts, cut{from: from, to: to, kind: awsSecret})
				i, done = to-1, to
			}
		}
	}
	if len(r.own) > 0 {
		r.ownRules(s, b, first)
	}
}

// on reports that a kind is looked for.
func (r *Redactor) on(k kind) bool { return k != none && !r.off[k] }

// wants reports that what was found is not excepted.
func (r *Redactor) wants(k kind, found []byte) bool {
	if !r.on(k) {
		return false
	}
	for _, re := range r.except {
		if re.Match(found) {
			return false
		}
	}
	return true
}

// markAt returns the length of the mark that b begins with, or 0.
func (r *Redactor) markAt(b []byte) int {
	if !bytes.HasPrefix(b, []byte(markFrom)) {
		return 0
	}
	b = b[len(markFrom):]
	n := bytes.IndexByte(b[:min(len(b), maxName+1)], markTo)
	if n < 0 || !r.known[string(b[:n])] {
		return 0
	}
	return len(markFrom) + n + 1
}

// ownRules adds what the rules of the configuration find, and puts all cuts of b in order and apart.
func (r *Redactor) ownRules(s *scratch, b []byte, first int) {
	found := false
	for i := range r.own {
		rule := &r.own[i]
		if !rule.re.Match(b) { // it costs no memory to say no
			continue
		}
		for _, m := range rule.re.FindAllSubmatchIndex(b, -1) {
			from, to := m[0], m[1]
			if len(m) >= 4 && m[2] >= 0 { // the first group is the secret, what is around it says so
				from, to = m[2], m[3]
			}
			if to <= from || !r.wants(rule.kind, b[from:to]) || r.insideMark(b, from, to) {
				continue
			}
			s.cuts = append(s.cuts, cut{from: from, to: to, kind: rule.kind})
			found = true
		}
	}
	if found {
		s.cuts = append(s.cuts[:first], apart(s.cuts[first:])...)
	}
}

// insideMark reports that a stretch touches a mark, so that an own rule can't redact what redaction wrote.
func (r *Redactor) insideMark(b []byte, from, to int) bool {
	for at := max(0, from-len(markFrom)-maxName-1); at < to; at++ {
		n := bytes.IndexByte(b[at:to], '[')
		if n < 0 {
			return false
		}
		at += n
		if m := r.markAt(b[at:]); m > 0 && at+m > from {
			return true
		}
	}
	return false
}

package model

import (
	"math"
	"strconv"
)

// An answer about the past is read by hand: it is some thousands of numbers, and a reader waits.

// number reads a JSON number; what is beyond a float32 is NaN: there is no place for it on any scale. The four digits that an
// answer's numbers have are read by hand.
func number(b []byte) (v float64, ok bool) {
	digits, point, n := b, -1, 0
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9' && i < 16:
			n = 10*n + int(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			v, err := strconv.ParseFloat(string(b), 32)
			if math.IsInf(v, 0) {
				return nan, true
			}
			return v, err == nil
		}
	}
	if v = float64(n); point >= 0 {
		v /= tens[len(digits)-1-point]
	}
	if len(digits) < len(b) {
		v = -v
	}
	return v, len(digits) > 0
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// readHistory reads an answer in one pass: it is some thousands of numbers, and a reader waits. What it does not know it passes over.
func readHistory(body []byte) (h History, ok bool) {
	r := reader{b: body, ok: true}
	h.Fields = make(map[string]Spread)
	r.object(func(key string) {
		switch key {
		case "from":
			h.From = int64(r.number())
		case "step":
			h.Step = int64(r.number())
		case "complete":
			h.Complete = int64(r.number())
		case "count":
			h.Count = r.numbers()
		case "unreadable":
			r.array(func() {
				var ends [2]int64
				n := 0
				r.array(func() {
					if v := int64(r.number()); n < len(ends) {
						ends[n] = v
					}
					n++
				})
				if len(h.Unreadable) < maxBuckets && ends[0] < ends[1] {
					h.Unreadable = append(h.Unreadable, ends)
				}
			})
		case "fields":
			r.object(func(name string) {
				var f Spread
				r.object(func(key string) {
					switch key {
					case "min":
						f.Min = r.numbers()
					case "mean":
						f.Mean = r.numbers()
					case "max":
						f.Max = r.numbers()
					default:
						r.skip()
					}
				})
				if len(f.Min) == len(f.Mean) && len(f.Max) == len(f.Mean) {
					h.Fields[name] = f
				}
			})
		default:
			r.skip()
		}
	})
	return h, r.ok && h.Step > 0
}

// reader reads JSON from its beginning on. Once something is not as it is to be ok is false, and nothing more is read.
type reader struct {
	b  []byte
	ok bool
}

// next returns the next byte that is no white space, without taking it; 0 at the end.
func (r *reader) next() byte {
	for len(r.b) > 0 && r.b[0] <= ' ' {
		r.b = r.b[1:]
	}
	if len(r.b) == 0 || !r.ok {
		return 0
	}
	return r.b[0]
}

// take takes the byte, which is to be there.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		r.ok = false
		return false
	}
	r.b = r.b[1:]
	return true
}

// text takes a string as it is written, escapes and all: no name we know has any.
func (r *reader) text() string {
	if !r.take('"') {
		return ""
	}
	for i := 0; i < len(r.b); i++ {
		switch r.b[i] {
		case '\\':
			i++
		case '"':
			s := string(r.b[:i])
			r.b = r.b[i+1:]
			return s
		}
	}
	r.ok = false
	return ""
}

// object calls value for each of its names; that is to take what the name stands for.
func (r *reader) object(value func(name string)) {
	if !r.take('{') {
		return
	}
	for first := true; r.next() != '}'; first = false {
		if !first && !r.take(',') {
			return
		}
		name := r.text()
		if !r.take(':') {
			return
		}
		value(name)
		if !r.ok {
			return
		}
	}
	r.take('}')
}

// word takes what is no string, object or array: a number, true, false or null.
func (r *reader) word() []byte {
	r.next()
	i := 0
	for i < len(r.b) && r.b[i] > ' ' && r.b[i] != ',' && r.b[i] != ']' && r.b[i] != '}' {
		i++
	}
	w := r.b[:i]
	r.b = r.b[i:]
	return w
}

// number takes a number; null is NaN.
func (r *reader) number() float64 {
	w := r.word()
	if len(w) == 4 && w[0] == 'n' {
		return nan
	}
	v, ok := number(w)
	r.ok = r.ok && ok
	return v
}

// array calls entry for each of its entries; that is to take it.
func (r *reader) array(entry func()) {
	if !r.take('[') {
		return
	}
	for first := true; r.next() != ']'; first = false {
		if !first && !r.take(',') {
			return
		}
		entry()
		if !r.ok {
			return
		}
	}
	r.take(']')
}

// numbers takes an array of numbers, maxBuckets of them at most.
func (r *reader) numbers() (list []float32) {
	r.array(func() {
		if v := r.number(); len(list) < maxBuckets {
			list = append(list, float32(v))
		}
	})
	return list
}

// skip takes whatever comes, of which nothing is known.
func (r *reader) skip() {
	for depth := 0; r.ok; {
		switch c := r.next(); c {
		case 0:
			r.ok = false
		case '"':
			r.text()
		case '{', '[', ',', ':':
			r.b = r.b[1:]
			if c == '{' || c == '[' {
				depth++
			}
			continue
		case '}', ']':
			r.b = r.b[1:]
			depth--
		default:
			if len(r.word()) == 0 {
				r.ok = false
			}
		}
		if depth <= 0 {
			return
		}
	}
}

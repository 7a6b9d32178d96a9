package event

import (
	"fmt"
	"math"
	"strconv"
)

// Number is a number that may be missing, as any measured one may: what is missing is shown as missing, never as 0. The
// zero Number is missing. Give its fields the json option omitzero.
type Number struct {
	v  float64
	ok bool
}

// Num returns v as a Number. A NaN or an infinity, which JSON can't say, is missing.
func Num[N ~int | ~int32 | ~int64 | ~uint32 | ~uint64 | ~float64](v N) Number {
	f := float64(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Number{}
	}
	return Number{f, true}
}

// Get returns the number and whether there is one.
func (n Number) Get() (v float64, ok bool) { return n.v, n.ok }

// Or returns the number, or v when it is missing.
func (n Number) Or(v float64) float64 {
	if n.ok {
		return n.v
	}
	return v
}

// IsZero reports that the number is missing, not that it is 0: it makes omitzero leave it out.
func (n Number) IsZero() bool { return !n.ok }

// String returns the number in the shortest decimal form, or "" when it is missing.
func (n Number) String() string {
	if !n.ok {
		return ""
	}
	return string(appendNumber(nil, n.v))
}

// MarshalJSON writes the number, or null when it is missing.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.ok {
		return []byte("null"), nil
	}
	return appendNumber(nil, n.v), nil
}

// UnmarshalJSON reads a number; null leaves n as it is, as for any Go number.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	f, ok := parseNumber(b)
	if !ok {
		return fmt.Errorf("event: %.40q is not a number", b)
	}
	*n = Number{f, true}
	return nil
}

// appendNumber appends v as JavaScript would write it, within the exponents where people read digits.
func appendNumber(b []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// parseNumber reads a JSON number. Like encoding/json it has none for what float64 can't hold, such as 1e999.
func parseNumber(b []byte) (float64, bool) {
	if f, ok := parseShort(b); ok {
		return f, true
	}
	if len(b) == 0 || b[0] != '-' && !isDigit(b[0]) {
		return 0, false
	}
	for _, c := range b { // strconv reads more than JSON has: hexadecimals, infinities, underscores
		if !isDigit(c) && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil
}

// powers are the powers of ten that float64 holds exactly and parseShort needs.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseShort reads the numbers that measurements have: no exponent, and 16 bytes at most. With a point that is 15 digits,
// which float64 holds exactly, as it does the power of ten, so one division gives the nearest float64, as strconv would.
func parseShort(b []byte) (float64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 16 || !isDigit(b[0]) {
		return 0, false
	}
	var digits int64
	point := -1
	for i, c := range b {
		switch {
		case isDigit(c):
			digits = digits*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	f := float64(digits)
	switch {
	case point == len(b)-1:
		return 0, false
	case point >= 0:
		f /= powers[len(b)-1-point]
	}
	if negative {
		f = -f
	}
	return f, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

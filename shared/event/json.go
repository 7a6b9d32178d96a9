package event

import (
	"bytes"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns the text of a JSON string, or "" when val is something else.
func unquote(val []byte) string {
	if !isString(val) {
		return ""
	}
	val = val[1 : len(val)-1]
	if bytes.IndexByte(val, '\\') < 0 {
		return string(val)
	}
	text, ok := unescape(val)
	if !ok {
		return ""
	}
	return string(text)
}

// unescape returns what stands between the quotes of a JSON string with its escapes resolved, in new memory. Half a
// surrogate pair becomes U+FFFD, as in encoding/json. It is by hand because log lines are full of quotes.
func unescape(s []byte) ([]byte, bool) {
	out := make([]byte, 0, len(s))
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(out, s...), true
		}
		out = append(out, s[:i]...)
		if s = s[i+1:]; len(s) == 0 {
			return nil, false
		}
		c := s[0]
		s = s[1:]
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(s)
			if !ok {
				return nil, false
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				first := r
				r = utf8.RuneError
				if len(s) > 1 && s[0] == '\\' && s[1] == 'u' {
					if second, ok := hex4(s[2:]); ok {
						if r = utf16.DecodeRune(first, second); r != utf8.RuneError {
							s = s[6:]
						}
					}
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, false
		}
	}
}

// hex4 reads the four digits of a \u escape.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
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

const timeLayout = "2006-01-02T15:04:05.000Z"

// Millis returns t as events carry times: in UTC, cut to milliseconds. Give the times of payloads through it, since
// encoding/json writes all that a time.Time has.
func Millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// appendTime appends t as every event carries it: RFC 3339, milliseconds, UTC.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, timeLayout)
}

// parseTime reads a JSON string that holds an RFC 3339 time, cut to milliseconds. The form that appendTime writes is read
// by hand, since every event that reaches a browser has one.
func parseTime(val []byte) (time.Time, bool) {
	if t, ok := parseMillis(val); ok {
		return t, true
	}
	if !isString(val) {
		return time.Time{}, false
	}
	var t time.Time
	if t.UnmarshalText([]byte(unquote(val))) != nil {
		return time.Time{}, false
	}
	return Millis(t), true
}

func parseMillis(val []byte) (time.Time, bool) {
	if len(val) != len(timeLayout)+2 || val[0] != '"' || val[5] != '-' || val[8] != '-' || val[11] != 'T' ||
		val[14] != ':' || val[17] != ':' || val[20] != '.' || val[24] != 'Z' || val[25] != '"' {
		return time.Time{}, false
	}
	for i, c := range val[1:24] {
		if !isDigit(c) && i != 4 && i != 7 && i != 10 && i != 13 && i != 16 && i != 19 {
			return time.Time{}, false
		}
	}
	two := func(i int) int64 { return int64(val[i]-'0')*10 + int64(val[i+1]-'0') }
	year, month, day := two(1)*100+two(3), two(6), two(9)
	hour, minute, second := two(12), two(15), two(18)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	ms := int64(val[21]-'0')*100 + two(22)
	return time.UnixMilli(((days(year, month, day)*24+hour)*60+minute)*60_000 + second*1000 + ms).UTC(), true
}

func daysIn(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// days counts from 1970-01-01, in the calendar that RFC 3339 uses for all years. Years begin in March here, so that the
// leap day is the last of its year. time.Date does the same, but it is the larger part of reading an event in Wasm.
func days(year, month, day int64) int64 {
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	year += 400 // year 0 begins in the one before it
	return year*365 + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1 - 719468 - 146097
}

func isString(val []byte) bool { return len(val) >= 2 && val[0] == '"' }

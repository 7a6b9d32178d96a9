package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of names, in bytes.
const (
	MaxServerLen = 200
	maxPartLen   = 64 // of each half of a type
	MaxKeyLen    = 200
	MaxSourceLen = 200
)

// CheckType returns an error unless s is a "category:action": two names joined by one colon, each of at most 64 ASCII
// letters, digits, '-', '_' or '.', beginning with a letter or digit.
func CheckType(s string) error {
	c, a, ok := strings.Cut(s, ":")
	if !ok || !isName(c) || !isName(a) {
		return errors.New(`want "category:action", each part at most 64 letters, digits, "-", "_" or "."`)
	}
	return nil
}

func isName(s string) bool {
	if s == "" || len(s) > maxPartLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

// CheckServer returns an error unless s can name a server: 1 to 200 bytes of UTF-8 with no control character, no white
// space at either end, and none of '/', ',' and '*', which mean something in URLs and filters; nor may it be "." or "..".
func CheckServer(s string) error {
	switch {
	case s == "":
		return errors.New("a server needs an id")
	case len(s) > MaxServerLen:
		return fmt.Errorf("a server's id is at most %d bytes", MaxServerLen)
	case s == "." || s == "..":
		return errors.New(`a server's id can't be "." or ".."`)
	case strings.ContainsAny(s, "/,*"):
		return errors.New(`a server's id can't hold "/", "," or "*"`)
	case strings.TrimSpace(s) != s:
		return errors.New("a server's id can't begin or end with white space")
	}
	return CheckText(s)
}

// CheckText returns an error when s is not UTF-8 or holds a control character. It is what names from strangers must
// pass before they go on a line of the stream.
func CheckText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not valid UTF-8")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		return errors.New("holds a control character")
	}
	return nil
}

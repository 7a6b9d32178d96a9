//go:build !js

package browser

import (
	"bytes"
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Pattern is a regular expression, or words, in any case of letters. It is a model.Finder. Here it speaks Go's dialect, of which all
// that is common means the same in a browser's.
type Pattern struct{ re *regexp.Regexp }

// NewWords returns the pattern of just these words.
func NewWords(words string) *Pattern {
	return &Pattern{regexp.MustCompile("(?i)" + regexp.QuoteMeta(strings.ToValidUTF8(words, "\ufffd")))}
}

// NewPattern returns the pattern, or what is wrong with it.
func NewPattern(source string) (*Pattern, error) {
	re, err := regexp.Compile("(?i)" + source)
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return nil, errors.New(e.Code.String())
	}
	return &Pattern{re}, err
}

// Find calls hit with the number of each of the n texts, which are joined by NUL characters, in which the pattern is found.
func (p *Pattern) Find(joined []byte, n int, hit func(i int)) {
	for i := range n {
		text, rest, _ := bytes.Cut(joined, []byte{0})
		if joined = rest; p.re.Match(text) {
			hit(i)
		}
	}
}

// Mark returns s with the character 1 before and 2 after each place in which the pattern is found.
func (p *Pattern) Mark(s string) string { return p.re.ReplaceAllString(s, "\x01${0}\x02") }

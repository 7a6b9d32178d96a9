package browser

import (
	"errors"
	"strings"
	"syscall/js"
)

// Pattern is a regular expression in the browser's own dialect, or words, in any case of letters. It is a model.Finder. The
// browser's engine is compiled for the pattern: it is ten times as fast as a loop in Wasm, and nothing has to be downloaded.
type Pattern struct {
	one, all js.Value // without and with the flag that finds every place
	test     js.Value // RegExp.prototype.test
	number   js.Value // Number
	split    js.Value // String.prototype.split
	replace  js.Value // String.prototype.replace
	decoder  js.Value
	buf      js.Value // what texts are copied into; it grows
	size     int
	bits     []byte
}

// NewWords returns the pattern of just these words.
func NewWords(words string) *Pattern {
	var b strings.Builder
	for _, r := range words {
		if strings.ContainsRune(`\^$.*+?()[]{}|/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	p, _ := NewPattern(b.String())
	return p
}

// NewPattern returns the pattern, or what is wrong with it.
func NewPattern(source string) (p *Pattern, err error) {
	compile := func(flags string) (v js.Value, err error) {
		defer func() {
			if e, ok := recover().(js.Error); ok { // a SyntaxError
				err = patternError(e.Value.Get("message").String())
			}
		}()
		return js.Global().Get("RegExp").New(source, flags), nil
	}
	flags := "iu"
	one, err := compile(flags)
	if err != nil { // with "u", escapes that mean nothing are errors
		flags = "i"
		if one, err = compile(flags); err != nil {
			return nil, err
		}
	}
	all, err := compile(flags + "g")
	if err != nil {
		return nil, err
	}
	text := js.Global().Get("String").Get("prototype")
	return &Pattern{one: one, all: all, test: one.Get("test"), number: js.Global().Get("Number"), split: text.Get("split"), replace: text.Get("replace"), decoder: js.Global().Get("TextDecoder").New()}, nil
}

// patternError says what is wrong without the pattern itself, which the reader sees: "Invalid regular expression: /(/iu: Unterminated group".
func patternError(s string) error {
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	return errors.New(s)
}

// Find calls hit with the number of each of the n texts, which are joined by NUL characters, in which the pattern is found.
// Whatever the number of texts, it crosses to JavaScript a few times: test is mapped over all of them there.
func (p *Pattern) Find(joined []byte, n int, hit func(i int)) {
	if p.size < len(joined) {
		p.size = max(2*len(joined), 64<<10)
		p.buf = js.Global().Get("Uint8Array").New(p.size)
	}
	var texts js.Value
	if len(joined) == 0 {
		texts = js.ValueOf([]any{""})
	} else {
		js.CopyBytesToJS(p.buf, joined)
		text := p.decoder.Call("decode", p.buf.Call("subarray", 0, len(joined)))
		texts = p.split.Call("call", text, "\x00")
	}
	found := js.Global().Get("Uint8Array").New(texts.Call("map", p.test, p.one).Call("map", p.number))
	if cap(p.bits) < n {
		p.bits = make([]byte, n)
	}
	p.bits = p.bits[:n]
	for i, bit := range p.bits[:js.CopyBytesToGo(p.bits, found)] {
		if bit != 0 {
			hit(i)
		}
	}
}

// Mark returns s with the character 1 before and 2 after each place in which the pattern is found.
func (p *Pattern) Mark(s string) string {
	return p.replace.Call("call", s, p.all, "\x01$&\x02").String()
}

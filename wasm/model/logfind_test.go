package model

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// What a Finder finds is what Go's regexp finds, in any case of letters.
func TestFinder(t *testing.T) {
	texts := []string{"", "a", "abc", "ABC", "aBba", "x A.B\\(*y", "die Größe 12", "שלום עולם", "ab😀", "日本語のログ", "line 1\nline 2\n", "a_b c-d", "\xff\xfe", "kK\u212a", "foo", "word", " word ",
		"oauth2.(*Exchanger).do\n\tinternal/oauth/exchange.go:118", strings.Repeat("ab ", 5000) + "end", "é\xcc\x81"}
	for _, source := range []string{`b+`, `^a|c$`, `größe`, `.😀`, `x*`, `none`, `a\-b`, `$`, `^$`, `(?m)^line \d$`, `\bword\b`, `\Boo`, `[^a]`, `[א-ת]+ ע`, `日.語`, `\d{2,3}`, `(a+)+$`,
		`(ab ?)*end$`, `.*.*.*=`, `k`, `\xff`, `\pL{3}`, `(?s)a.*c`, `\Aa`, `c\z`, `a||b`, `[[:^ascii:]]`, `exchange\.go:\d+`} {
		f, err := NewFinder(source, true)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		re := regexp.MustCompile("(?i)" + source)
		for range 2 { // made, and then looked up
			for _, text := range texts {
				if got, want := f.Find([]byte(text)), re.MatchString(text); got != want {
					t.Errorf("%s in %.20q: got %v, want %v", source, text, got, want)
				}
			}
		}
		if f.Lost() {
			t.Errorf("%s was given up", source)
		}
	}
	if f := words(`a.b\(*`); f.Mark(`x A.B\(*y`) != "x \x01A.B\\(*\x02y" || f.Find([]byte(`axb\(*`)) {
		t.Errorf("words: got %q", f.Mark(`x A.B\(*y`))
	}
	for source, want := range map[string]string{"(a": "missing closing )", "a**": "invalid nested repetition operator", `(?=a)`: "invalid or unsupported Perl syntax"} {
		if _, err := NewFinder(source, true); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want what is wrong, and no more", source, err)
		}
	}
	if _, err := NewFinder(strings.Repeat("word ", 500), false); !errors.Is(err, ErrFinder) {
		t.Errorf("very many words: got %v", err)
	}
}

func FuzzFinder(f *testing.F) {
	f.Add(`(a|b)*c\b$`, "abc abd")
	f.Add(`\Bé+[^x]`, "ÉÉé\xffx")
	f.Fuzz(func(t *testing.T, source, text string) {
		re, err := regexp.Compile("(?i)" + source)
		find, err2 := NewFinder(source, true)
		if err2 != nil || err != nil {
			if (err == nil) != (err2 == nil) && !errors.Is(err2, ErrFinder) {
				t.Errorf("%q: %v and %v", source, err, err2)
			}
			return
		}
		for range 2 {
			if got, want := find.Find([]byte(text)), re.MatchString(text); got != want && !find.Lost() {
				t.Errorf("%q in %q: got %v, want %v", source, text, got, want)
			}
		}
	})
}

// The expressions that hang other engines cost what all others do; one for which the machine never gets done is given up after
// a bounded piece of work, and says so.
func TestFinderNeverHangs(t *testing.T) {
	line := []byte(strings.Repeat("a", 64<<10) + "!")
	for _, source := range []string{`(a+)+$`, `(a|a)*b`, `(a*)*b`, `.*.*.*.*=`, `(.+)+\d`, `(\w+\s?)+:`} {
		f := finding(source, true)
		for range 10 {
			if f.Find(line) {
				t.Errorf("%s is found", source)
			}
		}
		if f.spent > 10_000 || f.Lost() {
			t.Errorf("%s: %d instructions were followed", source, f.spent)
		}
	}
	random := make([]byte, 256<<10) // of as, and bs: where the last hundred as were is too much to have a state for each
	x := uint32(1)
	for i := range random {
		x = x*1664525 + 1013904223
		random[i] = 'a' + byte(x>>31)
	}
	f := finding(`a[ab]{100}c`, true)
	for range 20 {
		if f.Find(random) {
			t.Error("found")
		}
		if len(f.states) > findStates || len(f.known) > findStates {
			t.Fatalf("%d states", len(f.states))
		}
	}
	if !f.Lost() || f.spent > findSpend+findSize {
		t.Errorf("%d instructions were followed, and it was not given up", f.spent)
	}
	if got := f.Mark("a c"); got != "a c" {
		t.Errorf("given up, it marks %q", got)
	}
}

// Words are looked for in as much text as there is, of whatever script: that so many different characters are met is no fault of theirs.
func TestFinderReadsOn(t *testing.T) {
	f := words("not there")
	line := make([]rune, 40)
	x := uint32(1)
	for range 200_000 {
		for i := range line {
			x = x*1664525 + 1013904223
			line[i] = 0x4e00 + rune(x>>8%8000)
		}
		if f.Find([]byte(string(line))) {
			t.Fatal("found")
		}
	}
	if f.Lost() || !f.Find([]byte("日本語 NOT THERE")) {
		t.Errorf("given up after %d instructions", f.spent)
	}
}

// A search allocates for its machine, and for nothing else.
func TestFinderAllocatesNothing(t *testing.T) {
	f := words("Größe 7")
	text := []byte("die größe 71 ist נכון 日本語")
	f.Find(text)
	if n := testing.AllocsPerRun(100, func() { f.Find(text) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

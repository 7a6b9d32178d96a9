package model

import (
	"encoding/binary"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Marks that a Finder puts around what it has found. No held text has these characters.
const (
	MarkBegin = '\x01'
	MarkEnd   = '\x02'
)

// Finder finds a regular expression, or words, in any case of letters. It is a state machine that is made as texts call for
// it: a byte of text costs one look into a table, whatever the expression, and what is made is bounded. So no expression
// can hang the page, as one can in the browser's own engine; one for which the machine would become too large is given up.
// A Finder has one user at a time.
type Finder struct {
	prog *syntax.Prog
	re   *regexp.Regexp

	states []findState
	known  map[string]int32
	next   []int32 // findWidth for each state: the row of the state after it; zero: not made yet; findHit: found
	spent  int

	// What an expression takes for the same, of characters that are not ASCII, is one sort of them.
	sorts map[string]int
	runes [1024]struct {
		r    rune
		sort int
	}

	// What is used while a state is made.
	key                  []byte
	in                   []uint64 // which instructions were followed, as bits
	stack, closed, after []uint32
}

// findState is where an expression may have come to: instructions, of those that ask what comes next none has been followed yet.
type findState struct {
	was  rune // what was read last, or another character of the same sort; -1: nothing
	at   []uint32
	ends int8 // whether it is found where the text ends: 1 it is, -1 not; zero: not known yet
}

const (
	findSorts  = 32 // that have a column; characters of others are looked at each time
	findWidth  = utf8.RuneSelf + findSorts
	findHit    = 1
	findFirst  = 2 * findWidth // the row of the state at the beginning of a text
	findStates = 512           // at most; then they are made anew
	findSpend  = 4_000_000     // instructions that are followed to make states, beyond findEach: a part of a second
	findEach   = 4             // for each byte of text, which is no more than to read it: who watches a log for days spends them too
	findSize   = 2_000         // instructions of an expression at most
)

// ErrFinder is returned for an expression that is too large.
var ErrFinder = errors.New("expression too large")

// NewFinder returns what finds the words, or with expression the regular expression, as Go's regexp has them; or what is
// wrong with it.
func NewFinder(find string, expression bool) (*Finder, error) {
	if !expression {
		find = regexp.QuoteMeta(strings.ToValidUTF8(find, "\ufffd"))
	}
	find = "(?i)" + find
	re, err := regexp.Compile(find)
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return nil, errors.New(e.Code.String())
	}
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(find, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > findSize {
		return nil, ErrFinder
	}
	f := &Finder{prog: prog, re: re, sorts: make(map[string]int), in: make([]uint64, len(prog.Inst)/64+1)}
	f.anew()
	return f, nil
}

// Lost reports whether the Finder was given up: it has found nothing since, which says nothing.
func (f *Finder) Lost() bool { return f.spent > findSpend }

// Mark returns s with the character 1 before and 2 after each place in which something is found.
func (f *Finder) Mark(s string) string {
	if f.Lost() || !f.Find([]byte(s)) {
		return s
	}
	return f.re.ReplaceAllString(s, "\x01${0}\x02")
}

// Find reports whether something is found in the text. It allocates nothing but for the machine.
func (f *Finder) Find(text []byte) bool {
	if f.Lost() {
		return false
	}
	f.spent = max(f.spent-findEach*len(text), 0)
	next, row := f.next, findFirst
	for i := 0; i < len(text); {
		c := text[i]
		column, r, size := int(c), rune(c), 1
		if c < utf8.RuneSelf {
			if n := int(next[row+column]); n > findHit {
				row = n
				i++
				continue
			}
		} else {
			r, size = utf8.DecodeRune(text[i:])
			column = utf8.RuneSelf + f.sortOf(r)
		}
		n := 0
		if column < findWidth {
			n = int(next[row+column])
		}
		if n == 0 {
			n = int(f.step(int32(row), r, column))
			if next = f.next; f.Lost() {
				return false
			}
		}
		if n == findHit {
			return true
		}
		row = n
		i += size
	}
	s := &f.states[row/findWidth]
	if s.ends == 0 {
		s.ends = -1
		if f.close(s, -1) {
			s.ends = 1
		}
	}
	return s.ends > 0
}

// anew forgets all states but the first.
func (f *Finder) anew() {
	f.states = append(f.states[:0], findState{}, findState{})
	f.known = make(map[string]int32)
	clear(f.next)
	f.next = f.next[:0]
	f.after = append(f.after[:0], uint32(f.prog.Start))
	f.state(-1)
}

// sortOf returns which sort of characters r is of.
func (f *Finder) sortOf(r rune) int {
	c := &f.runes[uint32(r)%uint32(len(f.runes))]
	if c.r == r {
		return c.sort
	}
	f.key = f.key[:0]
	for pc := range f.prog.Inst {
		if in := &f.prog.Inst[pc]; takes(in, r) {
			f.key = binary.LittleEndian.AppendUint16(f.key, uint16(pc))
		}
	}
	f.spent += len(f.prog.Inst)
	sort, ok := f.sorts[string(f.key)]
	if !ok {
		sort = len(f.sorts)
		if sort < findSorts {
			f.sorts[string(f.key)] = sort
		}
	}
	c.r, c.sort = r, sort
	return sort
}

// takes reports whether the instruction reads r.
func takes(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return in.MatchRune(r)
	}
	return false
}

// step returns the row of the state after the rune r, making it if need be.
func (f *Finder) step(from int32, r rune, column int) int32 {
	if len(f.states) >= findStates {
		s := f.states[from/findWidth]
		f.anew()
		f.after = append(f.after[:0], s.at...)
		from = f.state(s.was)
	}
	to := int32(findHit)
	if !f.close(&f.states[from/findWidth], r) {
		f.after = append(f.after[:0], uint32(f.prog.Start)) // it may begin anywhere
		for _, pc := range f.closed {
			if in := &f.prog.Inst[pc]; takes(in, r) {
				f.after = append(f.after, in.Out)
			}
		}
		was := ' ' // a character that the places between characters take for r
		switch {
		case r == '\n':
			was = '\n'
		case syntax.IsWordChar(r):
			was = 'a'
		}
		to = f.state(was)
	}
	if column < findWidth {
		f.next[int(from)+column] = to
	}
	return to
}

// state returns the row of the state of the instructions in f.after.
func (f *Finder) state(was rune) int32 {
	slices.Sort(f.after)
	at := slices.Compact(f.after)
	f.key = binary.LittleEndian.AppendUint32(f.key[:0], uint32(was))
	for _, pc := range at {
		f.key = binary.LittleEndian.AppendUint16(f.key, uint16(pc))
	}
	if n, ok := f.known[string(f.key)]; ok {
		return n
	}
	n := int32(len(f.states) * findWidth)
	f.states = append(f.states, findState{was: was, at: slices.Clone(at)})
	f.known[string(f.key)] = n
	f.next = slices.Grow(f.next, len(f.states)*findWidth-len(f.next))[:len(f.states)*findWidth]
	return n
}

// close follows what can be followed from a state before the rune r, -1 for the end, without reading it; to f.closed. It
// reports whether that is the end of the expression.
func (f *Finder) close(s *findState, r rune) bool {
	clear(f.in)
	f.closed = f.closed[:0]
	empty := syntax.EmptyOpContext(s.was, r)
	f.stack = append(f.stack[:0], s.at...)
	for len(f.stack) > 0 {
		pc := f.stack[len(f.stack)-1]
		f.stack = f.stack[:len(f.stack)-1]
		if f.in[pc/64]&(1<<(pc%64)) != 0 {
			continue
		}
		f.in[pc/64] |= 1 << (pc % 64)
		f.spent++
		switch in := &f.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			f.stack = append(f.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			f.stack = append(f.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^empty == 0 {
				f.stack = append(f.stack, in.Out)
			}
		case syntax.InstMatch:
			return true
		case syntax.InstFail:
		default:
			f.closed = append(f.closed, pc)
		}
	}
	return false
}

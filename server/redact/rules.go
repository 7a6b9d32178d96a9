package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Rules are what a configuration adds to what is found anyway, and what it takes away. Patterns are regular expressions as
// package regexp has them, which take time linear in what they search.
type Rules struct {
	Patterns   []Pattern // texts that are secrets
	Keys       []string  // names of secrets, whatever their case and separators; also as the end of longer ones
	ExceptKeys []string  // names that are none, although they look so; the whole key has to be equal
	Except     []string  // patterns of texts that are not replaced; they have to match a whole secret
	Off        []string  // kinds that are not looked for, by the name that stands in their marks
}

// Pattern is a regular expression with the name that stands in the mark. Where it has a group, the first group is the
// secret, and what it matches around that stays.
type Pattern struct {
	Name    string `json:"name"`
	Pattern string `json:"pattern"`
}

// RuleError says which rule is wrong and why.
type RuleError struct {
	Line   int    // in the file; 0 where there is none
	Rule   string // such as "pattern \"order id\""
	Reason string
}

func (e *RuleError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s: %s", e.Line, e.Rule, e.Reason)
	}
	return e.Rule + ": " + e.Reason
}

// Bounds of a configuration: each pattern is tried on every text.
const (
	maxPatterns = 64
	maxPattern  = 1000 // bytes
	maxKeys     = 1000
	maxFile     = 1 << 20
)

// Load reads rules from a file: a JSON object as [Rules], or one rule a line. The rules have been tried when it returns, so that an
// error has the line of the one that is wrong.
//
//	# comments and empty lines are passed over
//	pattern employee id: \bEMP-[0-9]{6}\b
//	key pin code
//	except key session_id
//	except ^EXAMPLE
//	off card number
//
// In JSON these are {"patterns":[{"name":"employee id","pattern":"…"}],"keys":["pin code"],"exceptKeys":["session_id"],
// "except":["^EXAMPLE"],"off":["card number"]}.
func Load(path string) (Rules, error) {
	f, err := os.Open(path)
	if err != nil {
		return Rules{}, fmt.Errorf("redact: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Rules{}, fmt.Errorf("redact: %w", err)
	}
	if len(text) > maxFile {
		return Rules{}, fmt.Errorf("redact: %s: more than %d bytes of rules", path, maxFile)
	}
	rules, err := Parse(text)
	if err != nil {
		return Rules{}, fmt.Errorf("redact: %s: %w", path, err)
	}
	return rules, nil
}

// Parse is Load for what a file holds. Its errors are a *RuleError.
func Parse(text []byte) (Rules, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return parseJSON(text)
	}
	var all Rules
	line := 0
	for text := range strings.Lines(string(text)) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' {
			continue
		}
		rule, err := parseLine(text)
		if err == nil {
			_, err = New(rule)
		}
		if err != nil {
			return Rules{}, atLine(err, line, text)
		}
		all.add(rule)
	}
	return all, whole(all)
}

// whole checks what only holds for all rules together.
func whole(all Rules) error {
	_, err := New(all)
	return err
}

func (r *Rules) add(o Rules) {
	r.Patterns = append(r.Patterns, o.Patterns...)
	r.Keys = append(r.Keys, o.Keys...)
	r.ExceptKeys = append(r.ExceptKeys, o.ExceptKeys...)
	r.Except = append(r.Except, o.Except...)
	r.Off = append(r.Off, o.Off...)
}

func atLine(err error, line int, rule string) error {
	var re *RuleError
	if !errors.As(err, &re) {
		return &RuleError{Line: line, Rule: fmt.Sprintf("%.80q", rule), Reason: err.Error()}
	}
	return &RuleError{Line: line, Rule: re.Rule, Reason: re.Reason}
}

func parseLine(text string) (Rules, error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if rest == "" {
		word = ""
	}
	switch word {
	case "pattern":
		name, re, ok := strings.Cut(rest, ":")
		if !ok {
			return Rules{}, errors.New("want a name, a colon and a regular expression")
		}
		return Rules{Patterns: []Pattern{{strings.TrimSpace(name), strings.TrimSpace(re)}}}, nil
	case "key":
		return Rules{Keys: []string{rest}}, nil
	case "except":
		if name, ok := strings.CutPrefix(rest, "key "); ok {
			return Rules{ExceptKeys: []string{strings.TrimSpace(name)}}, nil
		}
		return Rules{Except: []string{rest}}, nil
	case "off":
		return Rules{Off: []string{rest}}, nil
	}
	return Rules{}, errors.New(`want "pattern NAME: EXPRESSION", "key NAME", "except EXPRESSION", "except key NAME" or "off KIND"`)
}

// parseJSON reads the rules one by one, so that each error has its line.
func parseJSON(text []byte) (Rules, error) {
	var all Rules
	dec := json.NewDecoder(bytes.NewReader(text))
	line := func() int { return 1 + bytes.Count(text[:min(int(dec.InputOffset()), len(text))], []byte{'\n'}) }
	bad := func(rule string, err error) (Rules, error) {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the JSON ends too early")
		}
		at := line()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte{'\n'})
		}
		return Rules{}, atLine(err, at, rule)
	}
	if _, err := dec.Token(); err != nil { // the brace that Parse has seen
		return bad("rules", err)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return bad("rules", err)
		}
		member, _ := t.(string)
		if !slices.Contains([]string{"patterns", "keys", "exceptKeys", "except", "off"}, member) {
			return bad(member, errors.New("not a member of the rules, which are patterns, keys, exceptKeys, except and off"))
		}
		if t, err := dec.Token(); err != nil || t != json.Delim('[') {
			return bad(member, errors.New("want an array"))
		}
		for dec.More() {
			rule, err := parseMember(dec, member)
			if err == nil {
				_, err = New(rule)
			}
			if err != nil {
				return bad(member, err)
			}
			all.add(rule)
		}
		if _, err := dec.Token(); err != nil {
			return bad(member, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return bad("rules", err)
	}
	if len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
		return bad("rules", errors.New("something follows their end"))
	}
	return all, whole(all)
}

func parseMember(dec *json.Decoder, member string) (Rules, error) {
	if member == "patterns" {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return Rules{}, err
		}
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		var p Pattern
		if err := strict.Decode(&p); err != nil {
			return Rules{}, fmt.Errorf(`want {"name":"…","pattern":"…"}: %w`, err)
		}
		return Rules{Patterns: []Pattern{p}}, nil
	}
	var text string
	if err := dec.Decode(&text); err != nil {
		return Rules{}, err
	}
	switch list := []string{text}; member {
	case "keys":
		return Rules{Keys: list}, nil
	case "exceptKeys":
		return Rules{ExceptKeys: list}, nil
	case "except":
		return Rules{Except: list}, nil
	default:
		return Rules{Off: list}, nil
	}
}

// configure takes the rules into a Redactor that has only its names.
func (r *Redactor) configure(rules Rules) error {
	if len(rules.Patterns) > maxPatterns {
		return &RuleError{Rule: "patterns", Reason: fmt.Sprintf("more than %d", maxPatterns)}
	}
	if len(rules.Keys)+len(rules.ExceptKeys)+len(rules.Except) > maxKeys {
		return &RuleError{Rule: "rules", Reason: fmt.Sprintf("more than %d", maxKeys)}
	}
	for _, p := range rules.Patterns {
		rule := fmt.Sprintf("pattern %.60q", p.Name)
		if err := checkName(p.Name); err != nil {
			return &RuleError{Rule: rule, Reason: err.Error()}
		}
		re, err := compile(p.Pattern)
		if err != nil {
			return &RuleError{Rule: rule, Reason: err.Error()}
		}
		k := slices.Index(r.names, p.Name)
		if k < 0 {
			k = len(r.names)
			r.names = append(r.names, p.Name)
		}
		r.own = append(r.own, ownRule{kind(k), re})
	}
	var own []phrase
	for _, name := range rules.Keys {
		f := fold([]byte(name))
		if f.n < 2 {
			return &RuleError{Rule: fmt.Sprintf("key %.60q", name), Reason: "want at least two letters or digits of ASCII"}
		}
		own = append(own, phrase{string(f.b[:f.n]), false, verdict{secret, strong}})
	}
	except := make(map[string]bool)
	for _, name := range rules.ExceptKeys {
		f := fold([]byte(name))
		if f.n < 2 {
			return &RuleError{Rule: fmt.Sprintf("except key %.60q", name), Reason: "want at least two letters or digits of ASCII"}
		}
		except[string(f.b[:f.n])] = true
	}
	r.keys = newKeyTable(own, except)
	for _, text := range rules.Except {
		re, err := compile(text)
		if err == nil {
			re, err = regexp.Compile(`^(?:` + text + `)$`)
		}
		if err != nil {
			return &RuleError{Rule: fmt.Sprintf("except %.60q", text), Reason: err.Error()}
		}
		r.except = append(r.except, re)
	}
	r.off = make([]bool, len(r.names))
	for _, name := range rules.Off {
		k := slices.Index(r.names, name)
		if k <= 0 {
			return &RuleError{Rule: fmt.Sprintf("off %.60q", name), Reason: "not a kind of secret; the kinds are " + strings.Join(r.names[1:], ", ")}
		}
		r.off[k] = true
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.TrimSpace(name) != name {
		return fmt.Errorf("the name needs from 1 to %d letters, digits and single signs", maxName)
	}
	for _, c := range []byte(name) {
		if !isWord[c] && c != ' ' && c != '-' && c != '.' && c != '/' {
			return errors.New("a name is made of letters and digits of ASCII, spaces and - _ . /")
		}
	}
	return nil
}

func compile(text string) (*regexp.Regexp, error) {
	if text == "" || len(text) > maxPattern {
		return nil, fmt.Errorf("the expression needs from 1 to %d bytes", maxPattern)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, errors.New("the expression matches the empty text, so everything")
	}
	return re, nil
}

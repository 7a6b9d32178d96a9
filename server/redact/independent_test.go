package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Two files written by somebody who had not read the rules, so that rules and examples do not share their blind spots.
// What is random in them is made up anew for each seed: a rule that looks at one value only would fail at the next.
const independentSeeds = 8

// An example is one line of a file, filled in.
type example struct {
	line     int
	text     string
	secrets  []string // what has to be gone; none in a look-alike
	hopeless bool     // nobody can tell that it is one
}

// positions are where a text may stand in what is published and logged. Each returns what became of the text.
var positions = []struct {
	name string
	put  func(r *redact.Redactor, text string) (string, error)
}{
	{"text", func(r *redact.Redactor, text string) (string, error) { return r.Text(text), nil }},
	{"message", inData(func(text string) any {
		return map[string]any{"server": "web-1", "level": "info", "message": text}
	})},
	{"context", inData(func(text string) any {
		return map[string]any{"context": map[string]any{"request": map[string]any{"line": text, "n": 1}}}
	})},
	{"array", inData(func(text string) any { return map[string]any{"lines": []any{"before", []string{text}, "after"}} })},
	{"log", func(r *redact.Redactor, text string) (string, error) { // Telltale's own
		var b bytes.Buffer
		slog.New(r.Handler(slog.NewJSONHandler(&b, nil))).Info(text, "detail", text)
		var line struct{ Msg, Detail string }
		if err := json.Unmarshal(b.Bytes(), &line); err != nil {
			return "", err
		}
		if line.Msg == line.Detail {
			return line.Msg, nil
		}
		return line.Msg + "\n" + line.Detail, nil
	}},
	{"object", func(r *redact.Redactor, text string) (string, error) { // a line that is JSON itself, as a part of the event
		if !json.Valid([]byte(text)) {
			return r.Text(text), nil
		}
		out := r.Event(event.Event{Data: json.RawMessage(`{"context":` + text + `}`)}).Data
		if !json.Valid(out) {
			return "", fmt.Errorf("no JSON any more: %s", out)
		}
		return strings.TrimSuffix(strings.TrimPrefix(string(out), `{"context":`), "}"), nil
	}},
}

// inData returns a position inside an event's Data. What comes back is the whole Data decoded where the text
// is no longer in its place, so that a secret cannot hide by moving.
func inData(wrap func(string) any) func(*redact.Redactor, string) (string, error) {
	return func(r *redact.Redactor, text string) (string, error) {
		data := encode(wrap(text))
		out := r.Event(event.Event{Data: data}).Data
		if bytes.Equal(out, data) {
			return text, nil
		}
		var decoded any
		if err := json.Unmarshal(out, &decoded); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		var all []string
		leaves(decoded, &all)
		return strings.Join(all, "\n"), nil
	}
}

// encode leaves <, > and & as they are, as most programs do.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

func leaves(v any, all *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, v := range v {
			*all = append(*all, key)
			leaves(v, all)
		}
	case []any:
		for _, v := range v {
			leaves(v, all)
		}
	default:
		*all = append(*all, fmt.Sprint(v))
	}
}

func TestIndependentSecrets(t *testing.T) {
	r := open(t, redact.Rules{})
	missed, rows := map[int]bool{}, map[int]bool{}
	for seed := range uint64(independentSeeds) {
		for _, ex := range examples(t, "testdata/independent_secrets.txt", seed) {
			if ex.hopeless {
				if got := r.Text(ex.text); got != ex.text {
					t.Errorf("line %d is found after all: say so in doc.go: %s", ex.line, got)
				}
				continue
			}
			rows[ex.line] = true
			if len(ex.secrets) == 0 {
				t.Errorf("line %d marks no secret", ex.line)
			}
			for _, at := range positions {
				got, err := at.put(r, ex.text)
				if err != nil {
					t.Errorf("line %d as %s: %v", ex.line, at.name, err)
				}
				for _, secret := range ex.secrets {
					if rest := remains(secret, ex.text, got); rest != "" && !missed[ex.line] {
						missed[ex.line] = true
						t.Errorf("line %d as %s: %q is still there\n\tof %s\n\tgot %s", ex.line, at.name, rest, ex.text, got)
					}
				}
			}
		}
	}
	if len(rows) < 200 {
		t.Errorf("%d examples, want at least 200", len(rows))
	}
	t.Logf("%d of %d found", len(rows)-len(missed), len(rows))
}

func TestIndependentLookalikes(t *testing.T) {
	r := open(t, redact.Rules{})
	touched, rows := map[int]bool{}, map[int]bool{}
	for seed := range uint64(independentSeeds) {
		for _, ex := range examples(t, "testdata/independent_lookalikes.txt", seed) {
			rows[ex.line] = true
			for _, at := range positions {
				got, err := at.put(r, ex.text)
				if err != nil {
					t.Errorf("line %d as %s: %v", ex.line, at.name, err)
				}
				if got != ex.text && !touched[ex.line] {
					touched[ex.line] = true
					t.Errorf("line %d as %s was touched\n\t    %s\n\tgot %s", ex.line, at.name, ex.text, got)
				}
			}
		}
	}
	if len(rows) < 200 {
		t.Errorf("%d examples, want at least 200", len(rows))
	}
	t.Logf("%d of %d touched", len(touched), len(rows))
}

// What stands around a secret stays, or a log would be safe and of no use. Cookies, headers of many parts, webhooks and keys
// between lines that say so go as a whole.
func TestIndependentSurroundings(t *testing.T) {
	r := open(t, redact.Rules{})
	var kept, all int
	for _, ex := range examples(t, "testdata/independent_secrets.txt", 1) {
		if ex.hopeless {
			continue
		}
		around := ex.text
		for _, secret := range ex.secrets { // with what it is glued to, such as the letters of its issuer
			around = regexp.MustCompile(`[\w.-]*`+regexp.QuoteMeta(secret)+`[\w.-]*`).ReplaceAllString(around, " ")
		}
		got := r.Text(ex.text)
		if regexp.MustCompile(`\[redacted: (cookie|authorization|private key|Slack webhook|Discord webhook)\]`).MatchString(got) {
			continue
		}
		for _, word := range regexp.MustCompile(`\w{3,}`).FindAllString(around, -1) {
			all++
			if strings.Contains(got, word) {
				kept++
			} else if testing.Verbose() {
				t.Logf("line %d: %q went too: %s", ex.line, word, got)
			}
		}
	}
	t.Logf("%d of %d words around secrets kept", kept, all)
	if kept*100 < all*99 {
		t.Errorf("%d of %d words around secrets kept, want at least 99 of 100", kept, all)
	}
}

// remains returns what is left of a secret in got: all of it, or, of a long one, eight bytes in a row that the text
// has nowhere else.
func remains(secret, text, got string) string {
	if strings.Contains(got, secret) {
		if strings.Count(got, secret) <= strings.Count(strings.Replace(text, secret, "", 1), secret) {
			return "" // a short one, such as 123, that other words hold too
		}
		return secret
	}
	const piece = 8
	if len(secret) < 2*piece {
		return ""
	}
	around := strings.ReplaceAll(text, secret, "")
	for i := range len(secret) - piece + 1 {
		if p := secret[i : i+piece]; strings.Contains(got, p) && !strings.Contains(around, p) {
			return p
		}
	}
	return ""
}

// examples reads a file and fills in what is to be made up.
func examples(t testing.TB, path string, seed uint64) []example {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for i, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "## ") || line == "#" {
			continue
		}
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		line = strings.NewReplacer("¦", "", "⏎", "\n").Replace(line)
		for {
			made := hole.ReplaceAllStringFunc(line, func(h string) string {
				return makeUp(random, strings.Trim(h, "‹›"))
			})
			if made == line {
				break
			}
			line = made
		}
		ex := example{line: i + 1}
		line, ex.hopeless = strings.CutPrefix(line, "? ")
		for part := range strings.SplitSeq(line, "«") {
			if secret, rest, ok := strings.Cut(part, "»"); ok {
				ex.secrets = append(ex.secrets, secret)
				ex.text += secret + rest
			} else {
				ex.text += part
			}
		}
		all = append(all, ex)
	}
	return all
}

var hole = regexp.MustCompile(`‹[^‹›]*›`) // the innermost, as they may be nested

// alphabets of what ‹name:length› makes up.
var alphabets = map[string]string{
	"hex": "0123456789abcdef", "HEX": "0123456789ABCDEF", "dig": "0123456789", "b32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	"low": "abcdefghijklmnopqrstuvwxyz0123456789", "up": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	"alpha": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	"b62":   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	"b64":   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"b64u":  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
}

// makeUp returns what a hole such as "hex:40" is filled with.
func makeUp(random *rand.Rand, hole string) string {
	kind, rest, _ := strings.Cut(hole, ":")
	draw := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		// Real tokens begin and end with letters and digits; a text whose end is cut by the next sign proves nothing.
		if plain := alphabets["b62"]; n > 0 && (strings.HasSuffix(alphabet, "-_") || strings.HasSuffix(alphabet, "+/")) {
			b[0], b[n-1] = plain[random.IntN(62)], plain[random.IntN(62)]
		}
		return string(b)
	}
	lines := func(sep string) string {
		n, _ := strconv.Atoi(rest)
		all := make([]string, n)
		for i := range all {
			all[i] = draw(alphabets["b64"], 64)
		}
		return strings.Join(all, sep)
	}
	switch kind {
	case "uuid":
		h := draw(alphabets["hex"], 32)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
	case "ulid":
		return "01" + draw("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)
	case "jwt":
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"`+draw(alphabets["dig"], 8)+`","exp":1793000000}`) +
			"." + draw(alphabets["b64u"], 43)
	case "basic":
		return base64.StdEncoding.EncodeToString([]byte(rest))
	case "pem":
		return lines("\n")
	case "pemesc":
		return lines(`\n`)
	case "pemesc2":
		return lines(`\\n`)
	case "hexcolon":
		n, _ := strconv.Atoi(rest)
		all := make([]string, n)
		for i := range all {
			all[i] = draw(alphabets["hex"], 2)
		}
		return strings.Join(all, ":")
	case "card", "notcard": // card:4:16:- begins with 4, has 16 digits and - between fours
		begin, rest, ok := strings.Cut(rest, ":")
		if !ok { // notcard:16
			begin, rest = "4", begin
		}
		length, sep, _ := strings.Cut(rest, ":")
		n, _ := strconv.Atoi(length)
		digits := begin + draw(alphabets["dig"], n-1-len(begin))
		check := luhn(digits)
		if kind == "notcard" {
			check = (check + 1 + random.IntN(9)) % 10
		}
		digits += strconv.Itoa(check)
		if sep == "" {
			return digits
		}
		var fours []string
		for ; len(digits) > 0; digits = digits[min(4, len(digits)):] {
			fours = append(fours, digits[:min(4, len(digits))])
		}
		return strings.Join(fours, sep)
	}
	alphabet, ok := alphabets[kind]
	n, err := strconv.Atoi(rest)
	if !ok || err != nil {
		panic("no such hole: " + hole)
	}
	return draw(alphabet, n)
}

// luhn returns the digit that makes a card number of these digits valid.
func luhn(digits string) int {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

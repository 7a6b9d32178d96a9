package redact_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
)

const ruleLines = `# ours
pattern employee id: \bEMP-[0-9]{6}\b
pattern door code: door code ([0-9]{4})

key pin code
except key session_id
except EXAMPLE.*
off card number
`

const ruleJSON = `{"patterns":[{"name":"employee id","pattern":"\\bEMP-[0-9]{6}\\b"},{"name":"door code","pattern":"door code ([0-9]{4})"}],
"keys":["pin code"],"exceptKeys":["session_id"],"except":["EXAMPLE.*"],"off":["card number"]}`

func TestOwnRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(ruleLines), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := redact.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	same, err := redact.Parse([]byte(ruleJSON))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(rules, same) {
		t.Errorf("lines give %+v, JSON %+v", rules, same)
	}
	r := open(t, rules)
	for _, row := range []struct{ in, want string }{
		{`{"a":"EMP-123456 and EMP-654321"}`, `{"a":"[redacted: employee id] and [redacted: employee id]"}`},
		{`{"a":"TEMP-123456"}`, `{"a":"TEMP-123456"}`},
		{`{"a":"the door code 1234 works"}`, `{"a":"the door code [redacted: door code] works"}`},
		{`{"a":"password=EMP-123456, EMP-123456"}`, `{"a":"password=[redacted: password], [redacted: employee id]"}`},
		{`{"userPinCode":1234,"pin_code":"x9"}`, `{"userPinCode":"[redacted: secret]","pin_code":"[redacted: secret]"}`},
		{`{"a":"pin code: k17x88"}`, `{"a":"pin code: [redacted: secret]"}`},
		{`{"sessionId":"abc","session":"0123456789abcdef0"}`, `{"sessionId":"abc","session":"[redacted: session id]"}`},
		{`{"password":"EXAMPLE-1"}`, `{"password":"EXAMPLE-1"}`},
		{`{"password":"notEXAMPLE-1"}`, `{"password":"[redacted: password]"}`},
		{`{"a":"4111111111111111"}`, `{"a":"4111111111111111"}`},
	} {
		if got := string(redactData(r, []byte(row.in))); got != row.want {
			t.Errorf("%s: got %s, want %s", row.in, got, row.want)
		}
	}
	if got := r.Counts(); got["employee id"] != 3 || got["secret"] != 3 || got["password"] != 2 || got["card number"] != 0 {
		t.Errorf("counts: got %v", got)
	}
}

// A rule that is wrong is named by its line, and by what is wrong with it.
func TestBadRules(t *testing.T) {
	for _, row := range []struct {
		name, rules string
		line        int
		says        string
	}{
		{"expression", "# x\n\npattern a: [", 3, "missing closing ]"},
		{"JSON expression", "{\"patterns\":[\n{\"name\":\"a\",\"pattern\":\"x\"},\n{\"name\":\"b\",\"pattern\":\"(\"}]}", 3, "missing closing )"},
		{"matches everything", "pattern a: x*", 1, "empty text"},
		{"no name", "pattern : x", 1, "name"},
		{"a name that breaks JSON", `pattern a"b: x`, 1, "name"},
		{"no expression", "pattern a", 1, "colon"},
		{"unknown word", "key pin\nhide x", 2, "except"},
		{"no key", "key", 1, "want"},
		{"a key of nothing", "key --", 1, "letters"},
		{"unknown kind", "off everything", 1, "GitHub token"},
		{"except", "except *", 1, "repetition"},
		{"an except that is everything", "except .*", 1, "empty text"},
		{"JSON ends early", "{\"keys\":[\n\"ab\"", 2, "too early"},
		{"JSON member", "{\n\"hide\":[]}", 2, "not a member"},
		{"JSON type", "{\"keys\":[\"ab\",\n7]}", 2, "number"},
		{"JSON field", `{"patterns":[{"name":"a","regex":"x"}]}`, 1, "unknown field"},
		{"JSON goes on", `{"keys":[]} x`, 1, "follows"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := redact.Parse([]byte(row.rules))
			var bad *redact.RuleError
			if !errors.As(err, &bad) || bad.Line != row.line || !strings.Contains(bad.Error(), row.says) {
				t.Errorf("got %v, want an error of line %d that says %q", err, row.line, row.says)
			}
		})
	}
	if _, err := redact.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(ruleLines))
	f.Add([]byte(ruleJSON))
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, err := redact.Parse(text)
		if err != nil {
			var bad *redact.RuleError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a RuleError", err)
			}
			return
		}
		if _, err := redact.New(rules); err != nil {
			t.Fatalf("Parse took what New refuses: %v", err)
		}
	})
}

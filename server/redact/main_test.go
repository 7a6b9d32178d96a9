package redact_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/shared/event"
)

// timeZero is when all events of these tests happen.
var timeZero = time.UnixMilli(0).UTC()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, rules redact.Rules) *redact.Redactor {
	t.Helper()
	r, err := redact.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A sample is a line of testdata: a text, or a JSON object, with or without a secret in it.
type sample struct {
	kind   string
	text   string
	secret string // what has to go; "" where nothing has to
	want   string // the text with its mark
}

// samples reads a file of testdata.
func samples(t testing.TB, name string) []sample {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for line := range strings.Lines(string(file)) {
		line = strings.NewReplacer("¦", "", "␊", "\n").Replace(strings.TrimSuffix(line, "\n"))
		if line == "" || line[0] == '#' {
			continue
		}
		s := sample{text: line, want: line}
		if kind, rest, ok := strings.Cut(line, "\t"); ok {
			before, rest, _ := strings.Cut(rest, "«")
			secret, after, ok := strings.Cut(rest, "»")
			if !ok {
				t.Fatalf("%s: %q has no secret", name, line)
			}
			mark := "[redacted: " + kind + "]"
			if strings.HasPrefix(before, "{") && strings.HasSuffix(before, ":") { // a number
				mark = `"` + mark + `"`
			}
			s = sample{kind: kind, text: before + secret + after, secret: secret, want: before + mark + after}
		}
		all = append(all, s)
	}
	return all
}

func (s sample) isJSON() bool { return strings.HasPrefix(s.text, "{") && json.Valid([]byte(s.text)) }

// quote returns text as a JSON string.
func quote(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		panic("a string always marshals")
	}
	return strings.TrimSpace(b.String())
}

// escaped returns text as a JSON string of nothing but \u escapes.
func escaped(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r < 0x10000 {
			b.WriteString(`\u` + string("0123456789abcdef"[r>>12]) + string("0123456789ABCDEF"[r>>8&15]) + string("0123456789abcdef"[r>>4&15]) + string("0123456789ABCDEF"[r&15]))
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// places put a sample where it may stand in the data of an event. %s is a JSON value.
var places = []struct{ name, format string }{
	{"value", `{"timestamp":"2026-01-02T03:04:05.000Z","serverId":"web-1","note":%s}`},
	{"message", `{"serverId":"web-1","level":"info","message":%s,"n":1.50}`},
	{"context", `{"message":"hello","context":{"deep":{"er":[{"x":%s}],"y":null}}}`},
	{"array", `{"list":["a",%s,-1e3,true,"é ü"]}`},
	{"with spaces", "{ \"a\" :\t%s ,\n\"b\":[ ] }"},
}

// data returns the data of an event with a JSON value in a place.
func data(format, value string) []byte { return []byte(strings.Replace(format, "%s", value, 1)) }

// decoded returns all that a JSON value says, without its escapes.
func decoded(t testing.TB, b []byte) string {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not JSON any more: %v: %s", err, b)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func redactData(r *redact.Redactor, b []byte) []byte {
	return r.Event(event.Event{Type: "logs:app", Server: "web-1", Time: time.UnixMilli(0), Data: b}).Data
}

package redact_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
)

// Whatever stands in an event: it stays JSON if it was, what came out does not change again, and the input is not touched.
func FuzzEvent(f *testing.F) {
	for _, file := range []string{"secrets.txt", "lookalikes.txt"} {
		for i, s := range samples(f, file) {
			if s.isJSON() {
				f.Add([]byte(s.text))
			} else if format := places[i%len(places)].format; i%2 == 0 {
				f.Add(data(format, quote(s.text)))
			} else {
				f.Add(data(format, escaped(s.text)))
			}
		}
	}
	f.Add([]byte(`{"a":"` + "\xff" + `\ud800\udc"}`))
	f.Add([]byte(`[[[[]],{"":{}}],"",0]`))
	r := open(f, redact.Rules{Patterns: []redact.Pattern{{Name: "employee", Pattern: `\bEMP-[0-9]+`}}, Keys: []string{"pin"}})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out := redactData(r, in)
		if !bytes.Equal(in, before) {
			t.Fatalf("%q was changed to %q", before, in)
		}
		if json.Valid(in) && !json.Valid(out) {
			t.Fatalf("%s became %s, which is not JSON", in, out)
		}
		if again := redactData(r, out); !bytes.Equal(again, out) {
			t.Fatalf("%q\n became %q\n and again %q", in, out, again)
		}
		text := r.Text(string(in))
		if again := r.Text(text); again != text {
			t.Fatalf("%q\n became %q\n and again %q", in, text, again)
		}
	})
}

// Between whatever words a secret of the corpus stands, it does not survive.
func FuzzSecretsAmongText(f *testing.F) {
	var secrets []sample
	for _, s := range samples(f, "secrets.txt") {
		if !s.isJSON() {
			secrets = append(secrets, s)
		}
	}
	for i := range secrets {
		f.Add(uint(i), "a line before", "and after", i%2 == 0)
	}
	r := open(f, redact.Rules{})
	f.Fuzz(func(t *testing.T, n uint, before, after string, escape bool) {
		s := secrets[n%uint(len(secrets))]
		before, after = strings.ToValidUTF8(before, "?"), strings.ToValidUTF8(after, "?")
		if strings.Contains(before, s.secret) || strings.Contains(after, s.secret) {
			t.Skip()
		}
		// A line of its own is what no word before or after reaches into, but for what goes on over lines.
		if strings.ContainsAny(before, "\"'`\\-[\n") || strings.ContainsAny(after, "\"'`-\n") {
			t.Skip()
		}
		text := before + "\n" + s.text + "\n" + after
		value := quote(text)
		if escape {
			value = escaped(text)
		}
		out := decoded(t, redactData(r, []byte(`{"message":`+value+`}`)))
		if strings.Contains(out, strings.Trim(quote(s.secret), `"`)) {
			t.Fatalf("%q survived in %s", s.secret, out)
		}
	})
}

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
	for _, file := range []string{"independent_secrets.txt", "independent_lookalikes.txt"} {
		for i, ex := range examples(f, "testdata/"+file, 1) {
			f.Add(data(places[i%len(places)].format, quote(ex.text)))
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

// glues stand between a secret and the words around it.
var glues = []string{"\n", " ", "\t", "\r\n", ", ", "; ", " | ", " - ", " > ", "\n\n"}

// Between whatever words a secret of the corpus stands, it does not survive.
func FuzzSecretsAmongText(f *testing.F) {
	var secrets []example
	for _, s := range samples(f, "secrets.txt") {
		if !s.isJSON() {
			secrets = append(secrets, example{text: s.text, secrets: []string{s.secret}})
		}
	}
	for _, ex := range examples(f, "testdata/independent_secrets.txt", 1) {
		if !ex.hopeless {
			secrets = append(secrets, ex)
		}
	}
	for i := range secrets {
		f.Add(uint(i), "a line before", "and after", uint8(i), i%2 == 0)
	}
	for i, before := range []string{`password="`, "token='", "key: `", `C:\`, "-", "--", "[", "[redacted: ", `{"a":"`, "curl -u ", "-----BEGIN ", "http://", "a=b&", "%22", "<b>"} {
		f.Add(uint(i*7), before, `"`, uint8(0), true)
		f.Add(uint(i*11), "", before, uint8(1), false)
	}
	r := open(f, redact.Rules{})
	f.Fuzz(func(t *testing.T, n uint, before, after string, glue uint8, escape bool) {
		ex := secrets[n%uint(len(secrets))]
		before, after = strings.ToValidUTF8(before, "?"), strings.ToValidUTF8(after, "?")
		between := glues[int(glue)%len(glues)]
		if !strings.Contains(between, "\n") && strings.ContainsAny(before, "\"'`") {
			between = "\n" // on one line, a quote that is open ends at the next, and nobody knows which that is
		}
		text := before + between + ex.text + between + after
		value := quote(text)
		if escape {
			value = escaped(text)
		}
		out := decoded(t, redactData(r, []byte(`{"message":`+value+`}`)))
		for _, secret := range ex.secrets {
			written := strings.Trim(quote(secret), `"`)
			if len(secret) < 6 || strings.Contains(before, secret) || strings.Contains(after, secret) || strings.Contains(strings.Replace(ex.text, secret, "", 1), secret) {
				continue // it may be there once more, as a word
			}
			if strings.Contains(out, written) {
				t.Fatalf("%q survived in %s", secret, out)
			}
		}
	})
}

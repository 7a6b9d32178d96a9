package redact_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
)

// Every secret of the file is gone from wherever it stands, its mark says what it was, and all around it is as it was.
func TestSecrets(t *testing.T) {
	all := samples(t, "secrets.txt")
	if len(all) < 200 {
		t.Fatalf("got %d secrets, want 200", len(all))
	}
	r := open(t, redact.Rules{})
	for _, s := range all {
		t.Run(s.text, func(t *testing.T) {
			if s.isJSON() {
				check := func(where, in, want string) {
					if got := string(redactData(r, []byte(in))); got != want {
						t.Errorf("%s: got %s, want %s", where, got, want)
					}
				}
				check("data", s.text, s.want)
				for _, p := range places {
					check(p.name, string(data(p.format, s.text)), string(data(p.format, s.want)))
				}
				return
			}
			if got := r.Text(s.text); got != s.want {
				t.Errorf("text: got %q, want %q", got, s.want)
			}
			for _, p := range places {
				got := string(redactData(r, data(p.format, quote(s.text))))
				if want := string(data(p.format, quote(s.want))); got != want {
					t.Errorf("%s: got %s, want %s", p.name, got, want)
				}
				got = string(redactData(r, data(p.format, escaped(s.text))))
				if text := decoded(t, []byte(got)); strings.Contains(text, strings.Trim(quote(s.secret), `"`)) || !strings.Contains(text, strings.Trim(quote(s.want), `"`)) {
					t.Errorf("%s, escaped: got %s, want %s", p.name, text, s.want)
				}
			}
		})
	}
}

// Nothing that only looks like a secret is touched: the very bytes of an event come back.
func TestLookalikes(t *testing.T) {
	all := samples(t, "lookalikes.txt")
	if len(all) < 200 {
		t.Fatalf("got %d look-alikes, want 200", len(all))
	}
	r := open(t, redact.Rules{})
	same := func(t *testing.T, where string, in []byte) {
		before := bytes.Clone(in)
		got := redactData(r, in)
		if !bytes.Equal(got, before) {
			t.Errorf("%s: got %s, want %s", where, got, before)
		} else if &got[0] != &in[0] {
			t.Errorf("%s: was copied", where)
		}
	}
	for _, s := range all {
		t.Run(s.text, func(t *testing.T) {
			if s.isJSON() {
				same(t, "data", []byte(s.text))
				for _, p := range places {
					same(t, p.name, data(p.format, s.text))
				}
			}
			if got := r.Text(s.text); got != s.text {
				t.Errorf("text: got %q, want %q", got, s.text)
			}
			for _, p := range places {
				same(t, p.name, data(p.format, quote(s.text)))
				same(t, p.name+", escaped", data(p.format, escaped(s.text)))
			}
		})
	}
	if got := r.Counts(); len(got) > 0 {
		t.Errorf("counted %v", got)
	}
}

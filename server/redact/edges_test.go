package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
)

// Where several secrets meet, or one stands at an edge.
func TestText(t *testing.T) {
	r := open(t, redact.Rules{})
	const aws, awsSecret = "AKIA" + "QWERTYUIOPASDFGH", "wJ1rXUtnFEMI/K7MDENG+" + "bPxRfiCYEXAMPLEKE7x"
	for _, row := range []struct{ in, want string }{
		{"", ""},
		{"created " + aws + " with " + awsSecret + " for ci", "created [redacted: AWS access key id] with [redacted: AWS secret key] for ci"},
		{"password=a1 token=b2x9zz&api_key=c3", "password=[redacted: password] token=[redacted: token]&api_key=[redacted: API key]"},
		{"password=a1,token=b;secret=c", "password=[redacted: password],token=[redacted: token];secret=[redacted: secret]"},
		{"password=[redacted: password]", "password=[redacted: password]"},
		{"password=[redacted: hunter2] x", "password=[redacted: hunter2] x"}, // it says itself that it is none
		{`{"password":"a\"b","x":1}`, `{"password":"[redacted: password]","x":1}`},
		{`{\"password\":\"a\\\"b\",\"x\":1}`, `{\"password\":\"[redacted: password]\",\"x\":1}`},
		{"postgres://a:b@c,d postgres://e:f@g", "postgres://a:[redacted: password]@c,d postgres://e:[redacted: password]@g"},
		{"=", "="}, {":", ":"}, {"password:", "password:"}, {"password: ", "password: "}, {"password:=", "password:="}, {"--token ", "--token "}, {"password=\\", "password=\\"}, {"-----BEGIN ", "-----BEGIN "}, {"://", "://"}, {"a://:@", "a://:@"},
		{"4111 1111 1111 1111 5500 0000 0000 0004", "[redacted: card number] [redacted: card number]"},
	} {
		if got := r.Text(row.in); got != row.want {
			t.Errorf("%q: got %q, want %q", row.in, got, row.want)
		}
	}
}

// A list or an object under the name of a secret is one, however the name is said. In a text that holds JSON that is not found.
func TestUnderAName(t *testing.T) {
	r := open(t, redact.Rules{})
	for _, row := range []struct{ in, want string }{
		{`{"env":[{"name":"DB_PASSWORD","value":["hunter2hunter2",7]}]}`, `{"env":[{"name":"DB_PASSWORD","value":["[redacted: password]","[redacted: password]"]}]}`},
		{`{"name":"DB_PASSWORD","value":{"plain":["hunter2hunter2"]},"n":1}`, `{"name":"DB_PASSWORD","value":{"plain":["[redacted: password]"]},"n":1}`},
		{`{"name":"REGION","value":{"plain":["eu-central"]}}`, `{"name":"REGION","value":{"plain":["eu-central"]}}`},

		// The name may come after the value.
		{`{"value":"hunter2","name":"DB_PASSWORD"}`, `{"value":"[redacted: password]","name":"DB_PASSWORD"}`},
		{`{"n":1,"val" : "a\u0062\"c" , "x":["y"],"key":"apiKey","z":"b"}`, `{"n":1,"val" : "[redacted: API key]" , "x":["y"],"key":"apiKey","z":"b"}`},
		{`{"value":123456,"name":"password"}`, `{"value":"[redacted: password]","name":"password"}`},
		{`{"value":true,"name":"DB_PASSWORD"}`, `{"value":true,"name":"DB_PASSWORD"}`},
		{`{"value":"","name":"DB_PASSWORD"}`, `{"value":"","name":"DB_PASSWORD"}`},
		{`{"value":["hunter2",{"plain":"b","n":[7]}],"name":"DB_PASSWORD","x":["b"]}`, `{"value":["[redacted: password]",{"plain":"[redacted: password]","n":["[redacted: password]"]}],"name":"DB_PASSWORD","x":["b"]}`},
		{`{"value":{"value":{"value":"a","name":"DB_PASSWORD"},"name":"b"},"name":"c"}`, `{"value":{"value":{"value":"[redacted: password]","name":"DB_PASSWORD"},"name":"b"},"name":"c"}`},
		{`{"value":{"value":"a","name":"API_KEY"},"name":"DB_PASSWORD"}`, `{"value":{"value":"[redacted: password]","name":"[redacted: password]"},"name":"DB_PASSWORD"}`},
		{`[{"value":"a","name":"DB_PASSWORD"},{"value":"b","name":"REGION"},{"value":"c","name":"API_KEY"}]`, `[{"value":"[redacted: password]","name":"DB_PASSWORD"},{"value":"b","name":"REGION"},{"value":"[redacted: API key]","name":"API_KEY"}]`},
		{`{"value":"mail bob:https://u:pw1234@x","name":"DB_PASSWORD","url":"https://u:pw1234@x"}`, `{"value":"[redacted: password]","name":"DB_PASSWORD","url":"https://u:[redacted: password]@x"}`},
		{`{"value":"dark","name":"theme","key":"token_count"}`, `{"value":"dark","name":"theme","key":"token_count"}`},
		{`{"value":"a","x":{"name":"DB_PASSWORD"}}`, `{"value":"a","x":{"name":"DB_PASSWORD"}}`},
		{`{"x":{"value":"a"},"name":"DB_PASSWORD"}`, `{"x":{"value":"a"},"name":"DB_PASSWORD"}`},
	} {
		got := redactData(r, []byte(row.in))
		if string(got) != row.want {
			t.Errorf("%s: got %s, want %s", row.in, got, row.want)
		}
		if again := string(redactData(r, got)); again != string(got) {
			t.Errorf("%s: got %s, and again %s", row.in, got, again)
		}
	}
}

// Values within values whose names come after them are not looked at once for each of them.
func TestNamesAfterDeepValues(t *testing.T) {
	r := open(t, redact.Rules{})
	const deep = 9000
	in := strings.Repeat(`{"value":`, deep) + `"hunter2"` + strings.Repeat(`,"name":"DB_PASSWORD"}`, deep)
	got := string(redactData(r, []byte(in)))
	if strings.Contains(got, "hunter2") || !json.Valid([]byte(got)) {
		t.Errorf("got %.200s", got)
	}
	if n := strings.Count(got, "[redacted: password]"); n != deep { // the secret, and within it all names but the outermost's own
		t.Errorf("%d marks, want %d", n, deep)
	}
}

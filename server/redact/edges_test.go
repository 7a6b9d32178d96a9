package redact_test

import (
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
	} {
		if got := string(redactData(r, []byte(row.in))); got != row.want {
			t.Errorf("%s: got %s, want %s", row.in, got, row.want)
		}
	}
}

package redact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/shared/event"
)

var benchEvents = []struct{ name, data string }{
	{"sample", `{"timestamp":"2026-11-22T17:00:00.000Z","serverId":"web-1","source":"host","usage":37.25,"cores":8,"processes":214,"load":[0.42,0.48,1.63],"steal":0.12,"iowait":1.5,"type":"cpu","value":37.25}`},
	{"line", `{"timestamp":"2026-11-22T17:00:00.000Z","serverId":"web-1","level":"info","message":"GET /api/items/17 answered 200 in 12.5ms","context":{"requestId":"550e8400-e29b-41d4-a716-446655440000","user":"bob"}}`},
	{"escaped", `{"timestamp":"2026-11-22T17:00:00.000Z","serverId":"web-1","level":"info","message":"said \"hello\" to\n\"bob\" and left","context":{"requestId":"550e8400-e29b-41d4-a716-446655440000","user":"bob"}}`},
	{"secret", `{"timestamp":"2026-11-22T17:00:00.000Z","serverId":"web-1","level":"info","message":"login with password=hunter2 failed","context":{"requestId":"550e8400-e29b-41d4-a716-446655440000","user":"bob"}}`},
}

func BenchmarkEvent(b *testing.B) {
	r, err := redact.New(redact.Rules{})
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range benchEvents {
		b.Run(fmt.Sprintf("%s/%d", row.name, len(row.data)), func(b *testing.B) {
			ev := event.Event{Type: "logs:app", Server: "web-1", Data: []byte(row.data)}
			b.SetBytes(int64(len(row.data)))
			b.ReportAllocs()
			for b.Loop() {
				r.Event(ev)
			}
		})
	}
}

// An event without secrets costs no memory.
func TestNoAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	r := open(t, redact.Rules{Patterns: []redact.Pattern{{Name: "employee", Pattern: `EMP-[0-9]{6}`}}})
	for _, row := range benchEvents[:3] {
		ev := event.Event{Type: "logs:app", Server: "web-1", Key: "k-17", Data: []byte(row.data)}
		if got := testing.AllocsPerRun(200, func() { r.Event(ev) }); got >= 1 {
			t.Errorf("%s: %v allocations, want none", row.name, got)
		}
	}
	if got := testing.AllocsPerRun(200, func() { r.Text("GET /api/items/17 answered 200") }); got >= 1 {
		t.Errorf("text: %v allocations, want none", got)
	}
}

// What a stranger makes up to be slow: each repeats what a rule looks ahead from.
var costly = []string{
	"password=", "password:\"", "token: ", "a://b:c", "://", "eyJ", "eyJ.", "-eyJ", "-AIza", "glpat-", "-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----",
	"4111 ", "4111-", "1", "Bearer ", "basic ", "AKIAQWERTYUIOPASDFGH ", "a:b@tcp(", ":", "=", "[redacted: ", "\\\"", "{\\\"token\\\":\\\"", "cookie: a=", "--token ", "x=&token=", "Authorization: Digest a=",
	"%3D", "token%3D", "%3A%2F%2Fa%3A", "password%3A%22", "password=&quot;", "<token>", "<a ", ">", "password '", "identified by '", "curl -u ", "-u ", "-pa ", "echo a | ", "echo ", "LS0tLS1CRUdJTi", "Private-Lines: 1\n", "name: token value: ", "value=", "a.atlasv1.", "0123456789abcdef-us1", "12345678:AA", "aQ~", "jdbc:oracle:thin:a/b@", "x = '", "arn::secret:", "mnemonic: abc ", "machine login password ", "_authToken ", "SK0", "\\u0022token\\u0022:",
}

func BenchmarkCostly(b *testing.B) {
	r, err := redact.New(redact.Rules{})
	if err != nil {
		b.Fatal(err)
	}
	for _, text := range costly {
		b.Run(strings.ReplaceAll(text, "/", "|"), func(b *testing.B) {
			long := strings.Repeat(text, event.MaxData/len(text))
			b.SetBytes(int64(len(long)))
			for b.Loop() {
				r.Text(long)
			}
		})
	}
}

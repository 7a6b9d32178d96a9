package redact_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/shared/event"
)

// memory keeps what it is given.
type memory struct{ got []event.Event }

var errMemory = errors.New("the memory's own error")

func (m *memory) Append(_ context.Context, events []event.Event) ([]journal.Receipt, error) {
	m.got = events
	return make([]journal.Receipt, len(events)), errMemory
}

func made(t *testing.T, d event.Draft) event.Event {
	t.Helper()
	e, err := d.Event("web-1", event.Millis(timeZero))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What is recorded has lost its secrets wherever strangers can write: in the payload, its id and source, and the id that
// makes publishing idempotent, which still tells events apart. What the publisher holds is as it was.
func TestPublisher(t *testing.T) {
	r := open(t, redact.Rules{})
	m := new(memory)
	one, two := "ghp_"+strings.Repeat("a1", 18), "ghp_"+strings.Repeat("b2", 18)
	in := []event.Event{
		made(t, event.Draft{Type: "x:y", Data: []byte(`{"a":1}`)}),
		made(t, event.Draft{Type: "x:y", ID: one, Source: "from " + two, Data: []byte(`{"password":"hunter2"}`)}),
		made(t, event.Draft{Type: "x:y", ID: two}),
		made(t, event.Draft{Type: "x:y", ID: one}),
	}
	before := make([]string, len(in))
	for i, e := range in {
		before[i] = e.Key + string(e.Data)
	}
	receipts, err := r.Before(m).Append(t.Context(), in)
	if len(receipts) != len(in) || !errors.Is(err, errMemory) {
		t.Errorf("got %d receipts, %v, want what the next says", len(receipts), err)
	}
	for i, e := range in {
		if e.Key+string(e.Data) != before[i] {
			t.Errorf("the publisher's event %d became %s %s", i, e.Key, e.Data)
		}
	}
	if len(m.got) != len(in) || &m.got[0].Data[0] != &in[0].Data[0] {
		t.Error("an event without secrets was copied")
	}
	for _, e := range m.got {
		if all := e.Key + string(e.Data); strings.Contains(all, "ghp_") || strings.Contains(all, "hunter2") {
			t.Errorf("recorded %s %s", e.Key, e.Data)
		}
	}
	want := `{"id":"[redacted: GitHub token]","timestamp":"1970-01-01T00:00:00.000Z","serverId":"web-1","source":"from [redacted: GitHub token]","password":"[redacted: password]"}`
	if got := string(m.got[1].Data); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	keys := []string{m.got[1].Key, m.got[2].Key, m.got[3].Key}
	if keys[0] == keys[1] || keys[0] != keys[2] || len(keys[0]) > event.MaxKeyLen || event.CheckText(keys[0]) != nil {
		t.Errorf("got keys %q, want the first as the third and not as the second", keys)
	}

	clean := in[:1]
	if _, err := r.Before(m).Append(t.Context(), clean); !errors.Is(err, errMemory) || &m.got[0] != &clean[0] {
		t.Error("a call without secrets was copied")
	}
}

// What everything refers to stays: the server's id, its place in the data, and the time.
func TestIdentityStays(t *testing.T) {
	r := open(t, redact.Rules{})
	server := "ghp_" + strings.Repeat("a1", 18)
	e, err := (&event.Draft{Type: "x:y", Data: []byte(`{"nested":{"serverId":"` + server + `"}}`)}).Event(server, timeZero)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Event(e)
	if got.Server != server || !bytes.Contains(got.Data, []byte(`"serverId":"`+server+`","nested":{"serverId":"[redacted: GitHub token]"}`)) {
		t.Errorf("got %s %s", got.Server, got.Data)
	}
}

// The log of this process loses its secrets too: in messages, attributes, groups, errors and values of any type.
func TestHandler(t *testing.T) {
	r := open(t, redact.Rules{})
	var out strings.Builder
	plain := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(r.Handler(plain)).With("apiKey", "k-17", "part", "web").WithGroup("req")
	log.Info("GET /?auth=abc123", "error", errors.New("dial postgres://a:hunter2@db"), "n", 7, "token", 512, "password", 1234,
		slog.Group("head", "cookie", "sid=1", "accept", "*/*"), slog.Group("credentials", "user", "bob"), "any", struct{ Text string }{"Bearer x7y8z9a1b2c3d4"}, "raw", []byte("pw=1"))
	want := `level=INFO msg="GET /?auth=[redacted: token]" apiKey="[redacted: API key]" part=web req.error="dial postgres://a:[redacted: password]@db" req.n=7 req.token=512 req.password="[redacted: password]" ` +
		`req.head.cookie="[redacted: cookie]" req.head.accept=*/* req.credentials.user="[redacted: credentials]" req.any="{Text:Bearer [redacted: bearer token]}" req.raw="pw=1"` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	out.Reset()
	slog.New(r.Handler(plain)).Info("plain", "n", 1, "error", errMemory)
	if got, want := out.String(), `level=INFO msg=plain n=1 error="the memory's own error"`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

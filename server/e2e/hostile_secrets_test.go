package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// textsOf reads the texts of a file of package redact's testdata, and what of each is secret.
func textsOf(t *testing.T, name string) (texts, secrets []string) {
	t.Helper()
	file, err := os.ReadFile("../redact/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		line = strings.NewReplacer("¦", "", "␊", "\n").Replace(strings.TrimSuffix(line, "\n"))
		if line == "" || line[0] == '#' {
			continue
		}
		if _, rest, ok := strings.Cut(line, "\t"); ok {
			line = rest
		}
		if _, rest, ok := strings.Cut(line, "«"); ok {
			secret, _, _ := strings.Cut(rest, "»")
			secrets = append(secrets, secret)
		}
		texts = append(texts, strings.NewReplacer("«", "", "»", "").Replace(line))
	}
	return texts, secrets
}

// messages makes a body of log lines.
func messages(t *testing.T, texts []string) string {
	t.Helper()
	var lines []string
	for _, text := range texts {
		b, err := json.Marshal(map[string]any{"type": "logs:app", "data": map[string]any{"level": "info", "message": text, "context": map[string]any{"again": []string{text}}}})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return "[" + strings.Join(lines, ",") + "]"
}

// Two hundred secrets that are published are in no file of the server, nothing it says of itself, no stream and no page; and of two
// hundred look-alikes each comes back as it was sent.
func TestSecretsAreGone(t *testing.T) {
	s := serve(t, "--log-level", "debug")
	texts, secrets := textsOf(t, "secrets.txt")
	alike, _ := textsOf(t, "lookalikes.txt")
	all := strings.Join(alike, "\n")
	stream := s.follow("/api/servers/leaky/events", "")
	s.publish("leaky", messages(t, texts))
	s.publish("leaky", `{"type":"test:last","data":{"last":true}}`)
	live := stream.want("the end", func(e event) bool { return e.Event == "test:last" })
	if len(live) < len(texts) {
		t.Errorf("%d events came, want all %d", len(live), len(texts))
	}
	s.publish("alike", messages(t, alike))
	sameList(t, "look-alikes", field(s.record("alike", "logs:app"), "message"), alike)

	shown := func(what string, v any) (name, text string) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return what, string(b)
	}
	seen := make(map[string]string)
	name, text := shown("the stream", live)
	seen[name] = text
	name, text = shown("the record", s.record("leaky", "*"))
	seen[name] = text
	seen["the page"] = s.get("/servers/leaky", "text/html")
	s.stop()
	seen["its log"] = s.stderr.String()
	files, err := filepath.Glob(filepath.Join(s.args[1], "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("its files: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen[filepath.Base(file)] = string(b)
	}
	for _, secret := range secrets {
		if len(secret) < 10 || strings.Contains(all, secret) { // shorter ones are words that stand anywhere
			continue
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range seen {
			if strings.Contains(text, secret) || strings.Contains(text, strings.Trim(string(quoted), `"`)) {
				t.Errorf("%q is in %s", secret, where)
			}
		}
	}
}

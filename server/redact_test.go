package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
)

// A secret that is published, or that this process itself would log, is in no file that it leaves and in nothing that it says; with --redact
// off all of it is, and the log says so.
func TestServeRedacts(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte("pattern employee id: EMP-[0-9]{6}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := "ghp_" + strings.Repeat("a1", 18)
	for _, row := range []struct {
		flag       string
		gone, kept []string
	}{
		{"on", []string{token, "hunter2"}, []string{"EMP-123456", "[redacted: GitHub token]", "[redacted: password]"}},
		{rules, []string{token, "hunter2", "EMP-123456"}, []string{"[redacted: employee id]"}},
		{"off", nil, []string{token, "hunter2", "EMP-123456"}},
	} {
		t.Run(filepath.Base(row.flag), func(t *testing.T) {
			data := t.TempDir()
			serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", data, "--server-id", "me", "--redact", row.flag, "--log-level", "debug")
			url := serve.line()
			lines := `{"type":"logs:app","id":"` + token + `","data":{"message":"pushed with ` + token + `","db":{"password":"hunter2"}}}` + "\n" +
				`{"type":"x:y","data":{"who":"EMP-123456"}}` + "\n"
			if _, _, err := finish(t, lines, "publish", "--url", url, "--server", "web-1"); err != nil {
				t.Fatal(err)
			}
			// An address that is not there is a line of the process's own log, and so of its record.
			_, _, err := finish(t, "", "publish", "--url", url+"/"+token, "--server", "web-1", "x:y")
			if err == nil {
				t.Fatal("published to an address that is not there")
			}
			serve.end()
			said := serve.stderr.String()
			if got := strings.Contains(said, "redaction is off"); got != (row.flag == "off") {
				t.Errorf("the log says %q", said)
			}

			log, err := bolt.Open(data, bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			page, err := log.Read(t.Context(), journal.Query{})
			if err != nil {
				t.Fatal(err)
			}
			recorded := ""
			for _, e := range page.Events {
				recorded += e.Key + " " + string(e.Data) + "\n"
			}
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(data, "*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("files of the record: %v, %v", files, err)
			}
			bytes := said
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				bytes += string(b)
			}
			for _, gone := range row.gone {
				if strings.Contains(bytes, gone) || strings.Contains(recorded, gone) {
					t.Errorf("%s is in the record or the log: %s%s", gone, recorded, said)
				}
			}
			for _, kept := range row.kept {
				if !strings.Contains(recorded, kept) {
					t.Errorf("%s is not in the record: %s", kept, recorded)
				}
			}
			if !strings.Contains(recorded, `"path":"`) {
				t.Errorf("the request for what is not there is not in the record: %s", recorded)
			}
		})
	}
}

func TestRedactRefusesBadRules(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte("key pin\npattern a: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := finish(t, "", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--redact", rules)
	if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "missing closing ]") {
		t.Errorf("got %v, want the line and what is wrong with it", err)
	}
}

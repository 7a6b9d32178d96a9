package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
)

// What serve holds when it is told to end is in the record when it has ended, and the record was closed after that.
func TestServeRecordsWhatItHolds(t *testing.T) {
	data := t.TempDir()
	serve := begin(t, env(map[string]string{"TELLTALE_THROTTLE": "1m"}), "serve", "--listen", "127.0.0.1:0", "--data", data, "--no-host", "--debounce", "1m")
	url := serve.line()
	lines := `{"type":"metrics:cpu","data":{"n":1}}
{"type":"metrics:cpu","data":{"n":2}}
{"type":"metrics:cpu","data":{"n":3}}
{"type":"server:online","data":{"n":4}}
{"type":"server:offline","data":{"n":5}}
{"type":"server:online","data":{"n":6}}
{"type":"server:offline","data":{"n":7}}
{"type":"server:online","data":{"n":8}}
`
	out, _, err := finish(t, lines, "publish", "--url", url, "--server", "web-1")
	if err != nil {
		t.Fatal(err)
	}
	var held []bool
	for line := range strings.Lines(out) {
		held = append(held, line == "held\n")
	}
	if len(held) != 8 || held[0] || !held[1] || !held[2] || held[3] || held[4] || held[5] || !held[6] || !held[7] {
		t.Errorf("publish printed %q, want eight lines, the second, third and last two held", out)
	}
	serve.end()

	log, err := bolt.Open(data, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	page, err := log.Read(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, e := range page.Events {
		_, n, _ := strings.Cut(string(e.Data), `"n":`)
		got[n] = true
	}
	if len(page.Events) != 6 || !got[`3,"type":"cpu"}`] || !got[`8,"flapped":2}`] {
		t.Errorf("recorded %v, want 1, 3 to 6, and 8 with how often it flapped", got)
	}
}

// The README names every knob of serve, and no flag that there is not.
func TestKnobsInReadme(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	knobs, _, err := finish(t, "", "serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range regexp.MustCompile(`(?m)^ +--(?:\[no-\])?([a-z0-9-]+)`).FindAllStringSubmatch(knobs, -1) {
		if !regexp.MustCompile(`--(no-)?` + flag[1] + `([^a-z0-9-]|$)`).MatchString(readme) {
			t.Errorf("the README says nothing of --%s", flag[1])
		}
	}
	all, _, err := finish(t, "", "--help")
	if err != nil {
		t.Fatal(err)
	}
	all = strings.ReplaceAll(all, "--[no-]", "--no-")
	for _, flag := range regexp.MustCompile(`--[a-z][a-z0-9-]*`).FindAllString(readme, -1) {
		if !regexp.MustCompile(flag + `([^a-z0-9-]|$)`).MatchString(all) {
			t.Errorf("the README has %s, which is no flag", flag)
		}
	}
}

func TestKnobs(t *testing.T) {
	for _, row := range []struct{ flag, value, says string }{
		{"--throttle", "-1s", "--throttle"},
		{"--throttle", "2m", "--throttle"},
		{"--throttle", "often", "throttle"},
		{"--debounce", "2m", "--debounce"},
		{"--debounce-changes", "0", "--debounce-changes"},
		{"--batch-window", "2s", "--batch-window"},
		{"--debounce-max", "1h", "--debounce-max"},
		{"--history-age", "30m", "--history-age"},
		{"--history-age", "91d", "--history-age"},
		{"--name", strings.Repeat("ö", 41), "--name"},
	} {
		t.Run(row.flag+"="+row.value, func(t *testing.T) {
			_, _, err := finish(t, "", "serve", row.flag+"="+row.value, "--listen", "127.0.0.1:0", "--data", t.TempDir())
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want an error about %s", err, row.says)
			}
		})
	}
}

// A knob that is wrong in the environment is not looked for on the command line.
func TestKnobsOfTheEnvironment(t *testing.T) {
	for _, row := range []struct{ name, value, flag, says string }{
		{"TELLTALE_HEARTBEAT", "often", "", "variable TELLTALE_HEARTBEAT"},
		{"TELLTALE_HEARTBEAT", "1ms", "", "variable TELLTALE_HEARTBEAT"},
		{"TELLTALE_STATE_BYTES", "lots", "", "variable TELLTALE_STATE_BYTES"},
		{"TELLTALE_GZIP", "maybe", "", "variable TELLTALE_GZIP"},
		{"TELLTALE_THROTTLE", "1s", "--throttle=2h", "telltale --help"},
	} {
		args := []string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}
		if row.flag != "" {
			args = append(args, row.flag)
		}
		err := run(t.Context(), args, env(map[string]string{row.name: row.value}), strings.NewReader(""), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s=%s: got %v, want %q in it", row.name, row.value, err, row.says)
		}
	}
}

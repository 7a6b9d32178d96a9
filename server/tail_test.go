package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// `telltale tail -v` ends with its account.
func TestTailTellsItsAccount(t *testing.T) {
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--no-host")
	url := serve.line()
	if _, _, err := finish(t, `{"serverId":"a","type":"server:online"}`+"\n"+`{"serverId":"b","type":"server:idle"}`, "publish", "--url", url); err != nil {
		t.Fatal(err)
	}
	tail := begin(t, noEnv, "tail", "--url", url, "-v")
	tail.line()
	tail.line()
	tail.end()
	want := regexp.MustCompile(`(?m)^telltale: continuous since \d\d:\d\d:\d\d; received 2, 2 replayed$`)
	if notes := tail.stderr.String(); !want.MatchString(notes) {
		t.Errorf("standard error says %q, want %s", notes, want)
	}
	serve.end()
}

// What a place that the record does not know leads to is said without being asked for.
func TestTailOfAPlaceThatIsNotThere(t *testing.T) {
	serve := begin(t, noEnv, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--no-host")
	url := serve.line()
	if _, _, err := finish(t, `{"serverId":"a","type":"server:online"}`, "publish", "--url", url); err != nil {
		t.Fatal(err)
	}
	tail := begin(t, noEnv, "tail", "--url", url, "--since", "7f3a1c09.658512")
	tail.line()
	tail.end()
	if notes, want := tail.stderr.String(), "the place to go on from is not in this record, or not any more (epoch): what follows is the present picture"; !strings.Contains(notes, want) {
		t.Errorf("standard error says %q, want %q", notes, want)
	}
	serve.end()
}

// What is not of today has its date: the newest state of a server may be weeks old.
func TestTailDates(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	for _, row := range []struct {
		now  time.Time
		want string
	}{
		{at.Add(time.Hour), "12:00:00.000 a x:y\n"},
		{at.Add(13 * time.Hour), "2026-03-01 12:00:00.000 a x:y\n"},
		{at.AddDate(1, 0, 0), "2026-03-01 12:00:00.000 a x:y\n"},
		{at.Add(-13 * time.Hour), "2026-03-01 12:00:00.000 a x:y\n"},
	} {
		if got := string(appendLine(nil, event.Event{Server: "a", Type: "x:y", Time: at, Data: []byte("{}")}, row.now)); got != row.want {
			t.Errorf("at %v: got %q, want %q", row.now, got, row.want)
		}
	}
}

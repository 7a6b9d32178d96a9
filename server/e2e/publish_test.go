package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// Whatever is wrong with a body, its sender is told which field, nothing of it is recorded, and it is never our fault.
func TestMalformedBodies(t *testing.T) {
	s := serve(t, "--no-host")
	const own = "/api/servers/web-1/events"
	for _, row := range []struct {
		name, path, body string
		names            string // what the answer must name
	}{
		{"no type", own, `{"data":{}}`, "type"},
		{"type without a colon", own, `{"type":"backup","data":{}}`, "type"},
		{"type of the hub", own, `{"type":"stream:sync","data":{}}`, "type"},
		{"type is a number", own, `{"type":7,"data":{}}`, "type"},
		{"data is a list", own, `{"type":"backup:finished","data":[1]}`, "data"},
		{"data is a text", own, `{"type":"backup:finished","data":"done"}`, "data"},
		{"timestamp is no time", own, `{"type":"backup:finished","timestamp":"yesterday","data":{}}`, "timestamp"},
		{"id is an object", own, `{"type":"backup:finished","id":{},"data":{}}`, "id"},
		{"usage is a text", own, `{"type":"metrics:cpu","data":{"usage":"lots"}}`, "usage"},
		{"another server's", own, `{"type":"backup:finished","serverId":"web-2","data":{}}`, "serverId"},
		{"no server", "/api/events", `{"type":"backup:finished","data":{}}`, "serverId"},
		{"second of an array", own, `[{"type":"backup:finished","data":{}},{"type":"backup","data":{}}]`, "type"},
		{"second line of NDJSON", own, "{\"type\":\"backup:finished\",\"data\":{}}\n{\"type\":\"backup:finished\",\"data\":3}\n", "data"},
		{"cut off", own, `{"type":"backup:finished","data":{`, "JSON"},
		{"not JSON at all", own, `backup=finished`, "JSON"},
		{"empty", own, ``, "empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, answer := s.post(row.path, row.body)
			if status < 400 || status > 499 || !strings.Contains(answer, row.names) {
				t.Errorf("got %d %s, want a 4xx that names %q", status, answer, row.names)
			}
			var problem struct{ Title, Detail string }
			if err := json.Unmarshal([]byte(answer), &problem); err != nil || problem.Title == "" {
				t.Errorf("the answer is not problem JSON with a title: %v: %s", err, answer)
			}
		})
	}
	if got := s.record("web-1", "*"); len(got) != 0 {
		t.Errorf("recorded %v, want nothing: a body is taken whole or not at all", got)
	}
}

// An event of a type nobody has heard of travels like any other, and arrives as it was sent.
func TestUnknownTypePassesUntouched(t *testing.T) {
	s := serve(t, "--no-host")
	const payload = `{"id":"b-17","target":"s3://backups/db","bytes":9007199254740993,"ratio":1e-7,"parts":[{"n":1},{"n":null}],"note":"naïve <b>&amp; \u2028 ok"}`

	tail := exec.Command(binary, "tail", "--url", s.url, "--server", "web-1", "--json")
	stderr := new(output)
	tail.Stderr = stderr
	stdout, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	tailed := make(chan string, 100)
	go func() {
		defer close(tailed)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			tailed <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		tail.Process.Kill()
		for range tailed {
		}
		tail.Wait()
	})

	st := s.follow("/api/servers/web-1/events", "")
	if status, answer := s.post("/api/servers/web-1/events", `{"type":"backup:finished","data":`+payload+`}`); status != http.StatusAccepted {
		t.Fatalf("got %d, want 202: %s", status, answer)
	}

	seen := st.want("backup:finished", func(e event) bool { return e.Event == "backup:finished" })
	holds(t, "the stream", seen[len(seen)-1].Data, payload)

	for {
		select {
		case line, ok := <-tailed:
			if !ok {
				t.Fatalf("telltale tail ended before the event came\n%s", stderr)
			}
			if !strings.Contains(line, "backup:finished") {
				continue
			}
			if !strings.Contains(line, "9007199254740993") {
				t.Errorf("telltale tail: a large number was changed: %s", line)
			}
			return
		case <-within(t).Done():
			t.Fatalf("telltale tail did not show the event\n%s", stderr)
		}
	}
}

// holds fails the test unless data has every field of payload, unchanged.
func holds(t *testing.T, where string, data map[string]any, payload string) {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte(payload), &want); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if !reflect.DeepEqual(data[name], value) {
			t.Errorf("%s: %s is %v, want %v", where, name, data[name], value)
		}
	}
}

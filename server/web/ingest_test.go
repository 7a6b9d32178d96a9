package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

func zipped(t *testing.T, coding, body string) string {
	t.Helper()
	var b bytes.Buffer
	switch coding {
	case "gzip":
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(body))
		_ = w.Close()
	case "zstd":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(body))
		_ = w.Close()
	}
	return b.String()
}

func TestPublish(t *testing.T) {
	s := open(t, nil)
	const one, two = `{"type":"backup:finished","data":{"size":12}}`, `{"type":"logs:app","data":{"level":"info","message":"hello"}}`
	for _, row := range []struct {
		name, path, media, coding, body string
		want                            int
	}{
		{"object", "/api/servers/web-1/events", "application/json", "", one, 1},
		{"object over lines", "/api/servers/web-1/events", "application/json; charset=utf-8", "", "{\n \"type\": \"a:b\"\n}\n", 1},
		{"array", "/api/servers/web-1/events", "application/json", "", "[" + one + "," + two + "]", 2},
		{"empty array", "/api/servers/web-1/events", "application/json", "", " [ ] ", 0},
		{"lines", "/api/servers/web-1/events", "application/x-ndjson", "", one + "\n" + two + "\r\n\n" + one, 3},
		{"lines called json", "/api/servers/web-1/events", "application/json", "", one + "\n" + two, 2},
		{"byte order mark", "/api/servers/web-1/events", "application/json", "", "\uFEFF" + one, 1},
		{"gzip", "/api/servers/web-1/events", "application/json", "gzip", "[" + one + "," + two + "]", 2},
		{"zstd", "/api/servers/web-1/events", "application/x-ndjson", "zstd", one + "\n" + two, 2},
		{"identity", "/api/servers/web-1/events", "application/json", "identity", one, 1},
		{"for many", "/api/events", "application/json", "", `[{"serverId":"a","type":"x:y"},{"serverId":"b","type":"x:y"}]`, 2},
		{"nulls are absent", "/api/servers/web-1/events", "application/json", "", `{"type":"x:y","id":null,"data":null,"timestamp":null,"source":null}`, 1},
		{"server id again", "/api/servers/web-1/events", "application/json", "", `{"serverId":"web-1","type":"x:y"}`, 1},
		{"escaped server", "/api/servers/a%20b%3F/events", "application/json", "", one, 1},
		{"curl -d", "/api/servers/web-1/events", "application/x-www-form-urlencoded", "", one, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := s.head(t)
			body := row.body
			if row.coding == "gzip" || row.coding == "zstd" {
				body = zipped(t, row.coding, body)
			}
			a := s.do(t, "POST", row.path, body, "Content-Type", row.media, "Content-Encoding", row.coding)
			if a.status != 202 || field(t, a.body, "accepted") != fmt.Sprint(row.want) {
				t.Fatalf("got %d %s, want 202 with %d accepted", a.status, a.body, row.want)
			}
			if got := int(s.head(t).Seq - before.Seq); got != row.want {
				t.Errorf("recorded %d events, want %d", got, row.want)
			}
		})
	}
}

// Whatever a client sends, it is told what is wrong, it is never our fault, and nothing is recorded.
func TestPublishMistakes(t *testing.T) {
	s := open(t, nil)
	good := `{"type":"x:y"}`
	for _, row := range []struct {
		name, path, media, coding, body string
		status                          int
		field, says                     string
	}{
		{"no body", "", "application/json", "", "", 400, "", "empty"},
		{"white space", "", "application/json", "", " \n", 400, "", "empty"},
		{"a real form", "", "application/x-www-form-urlencoded", "", "type=x", 400, "events[0]", "byte 2"},
		{"plain text", "", "text/plain", "", good, 415, "", "application/json"},
		{"no type of content", "", "", "", good, 415, "", "application/json"},
		{"unknown coding", "", "application/json", "br", good, 415, "", "gzip, zstd"},
		{"two codings", "", "application/json", "gzip, zstd", good, 415, "", "gzip, zstd"},
		{"not gzip", "", "application/json", "gzip", good, 400, "", "gzip"},
		{"not zstd", "", "application/json", "zstd", good, 400, "", "zstd"},
		{"cut gzip", "", "application/json", "gzip", zipped(t, "gzip", good)[:20], 400, "", "cut off"},
		{"not JSON", "", "application/json", "", "hello", 400, "events[0]", "byte 1"},
		{"cut off", "", "application/json", "", `{"type":"x:y"`, 400, "events[0]", "too early"},
		{"second of array cut off", "", "application/json", "", `[{"type":"x:y"},{"type"`, 400, "events[1]", "too early"},
		{"array not closed", "", "application/json", "", `[{"type":"x:y"}`, 400, "events[1]", "too early"},
		{"after the array", "", "application/json", "", `[{"type":"x:y"}] {}`, 400, "", "follows"},
		{"third line", "", "application/x-ndjson", "", good + "\n" + good + "\nnope", 400, "events[2]", "line 3"},
		{"not UTF-8", "", "application/json", "", "{\"type\":\"x:\xff\"}", 400, "", "UTF-8"},
		{"a number", "", "application/json", "", "12", 400, "event", "got a number"},
		{"array in lines", "", "application/x-ndjson", "", good + "\n[]", 400, "events[1]", "got an array"},
		{"string in array", "", "application/json", "", `["x:y"]`, 400, "events[0]", "got a string"},
		{"no type", "", "application/json", "", `{}`, 400, "type", "category:action"},
		{"no colon", "", "application/json", "", `{"type":"x"}`, 400, "type", "category:action"},
		{"type a number", "", "application/json", "", `[{"type":7}]`, 400, "events[0].type", "want a string, got a number"},
		{"type with a line break", "", "application/json", "", `{"type":"x:y\n"}`, 400, "type", "category:action"},
		{"capital field", "", "application/json", "", `{"Type":"x:y"}`, 400, "Type", "not a field"},
		{"payload outside", "", "application/json", "", `{"type":"x:y","size":12}`, 400, "size", `belongs in "data"`},
		{"twice", "", "application/json", "", `{"type":"x:y","type":"x:z"}`, 400, "type", "twice"},
		{"stream's own", "", "application/json", "", `{"type":"stream:sync"}`, 400, "type", "hub's own"},
		{"id a number", "", "application/json", "", `{"type":"x:y","id":7}`, 400, "id", "want a string"},
		{"id with a control", "", "application/json", "", `{"type":"x:y","id":"a\u0000"}`, 400, "id", "control"},
		{"time a number", "", "application/json", "", `{"type":"x:y","timestamp":17}`, 400, "timestamp", "RFC 3339"},
		{"time a word", "", "application/json", "", `{"type":"x:y","timestamp":"now"}`, 400, "timestamp", "RFC 3339"},
		{"data an array", "", "application/json", "", `{"type":"x:y","data":[]}`, 400, "data", "object"},
		{"data a string", "", "application/json", "", `[{"type":"x:y"},{"type":"x:y","data":"{}"}]`, 400, "events[1].data", "object"},
		{"usage a word", "", "application/json", "", `[` + good + `,` + good + `,` + good + `,{"type":"metrics:cpu","data":{"usage":"much"}}]`, 400, "events[3].data.usage", "number"},
		{"data too long", "", "application/json", "", `{"type":"x:y","data":{"a":"` + strings.Repeat("x", event.MaxData) + `"}}`, 400, "data", "longer"},
		{"another server", "", "application/json", "", `{"type":"x:y","serverId":"db"}`, 400, "serverId", "URL"},
		{"no server", "/api/events", "application/json", "", good, 400, "serverId", "server"},
		{"bad server", "/api/events", "application/json", "", `{"type":"x:y","serverId":"a/b"}`, 400, "serverId", "/"},
		{"bad server in path", "/api/servers/a*/events", "application/json", "", good, 400, "id", "*"},
		{"too deep", "", "application/json", "", `{"type":"x:y","data":{"a":` + strings.Repeat("[", 20_000), 400, "events[0]", "depth"},
		{"too many", "", "application/json", "", "[" + strings.TrimSuffix(strings.Repeat(good+",", 10_001), ",") + "]", 413, "", "10000"},
		{"too large", "", "application/json", "", strings.Repeat(" ", 4<<20) + good, 413, "", "4194304"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := s.head(t)
			path := row.path
			if path == "" {
				path = "/api/servers/web-1/events"
			}
			a := s.do(t, "POST", path, row.body, "Content-Type", row.media, "Content-Encoding", row.coding)
			if a.status != row.status || a.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("got %d %q %s, want a problem %d", a.status, a.header.Get("Content-Type"), a.body, row.status)
			}
			if got := field(t, a.body, "field"); got != row.field {
				t.Errorf("field: got %q, want %q", got, row.field)
			}
			if got := field(t, a.body, "detail"); !strings.Contains(got, row.says) {
				t.Errorf("detail: got %q, want it to say %q", got, row.says)
			}
			if after := s.head(t); after != before {
				t.Errorf("recorded up to %v, want nothing after %v", after, before)
			}
		})
	}
}

// All mistakes of a body are told at once, as far as anybody reads.
func TestPublishTellsAllMistakes(t *testing.T) {
	s := open(t, nil)
	a := s.do(t, "POST", "/api/servers/a/events", "["+strings.TrimSuffix(strings.Repeat(`{"type":"x"},`, 30), ",")+"]", "Content-Type", "application/json")
	if n := strings.Count(a.body, `"index"`); a.status != 400 || n != 10 {
		t.Errorf("got %d with %d mistakes, want 400 with 10: %s", a.status, n, a.body)
	}
}

// A few kilobytes that unfold to a thousand times as much are refused for what they are, in little time and memory.
func TestBombs(t *testing.T) {
	s := open(t, nil)
	huge := strings.Repeat(" ", 17<<20) // more than the server unfolds
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			bomb := zipped(t, coding, huge)
			if len(bomb) > len(huge)/900 {
				t.Fatalf("the bomb is %d bytes", len(bomb))
			}
			a := s.do(t, "POST", "/api/servers/a/events", bomb, "Content-Type", "application/json", "Content-Encoding", coding)
			if a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, "unfolds") {
				t.Errorf("got %d %s, want 413", a.status, a.body)
			}
		})
	}
}

// Only the outer id makes publishing idempotent; what data holds is the payload's own affair.
func TestIdempotency(t *testing.T) {
	s := open(t, nil)
	seen := make(map[string]bool)
	for i := range 20 {
		for _, id := range s.publish(t, "/api/servers/a/events", fmt.Sprintf(`{"type":"deployment:building","data":{"id":"dep-1","progress":%d}}`, i*5)) {
			seen[id] = true
		}
	}
	if len(seen) != 20 {
		t.Errorf("twenty events that share data.id got %d places, want 20", len(seen))
	}
	first := s.do(t, "POST", "/api/servers/a/events", `{"id":"k","type":"x:y","data":{"n":1}}`, "Content-Type", "application/json")
	again := s.do(t, "POST", "/api/servers/a/events", `[{"id":"k","type":"x:y","data":{"n":2}},{"id":"k2","type":"x:y"},{"id":"k2","type":"x:y"}]`, "Content-Type", "application/json")
	place := strings.Split(first.body, `"`)[7]
	if !strings.Contains(again.body, `{"id":"`+place+`","repeated":true}`) || strings.Count(again.body, `"repeated":true`) != 2 {
		t.Errorf("first %s, again %s: want the first place again, and two repeated", first.body, again.body)
	}
}

// brokenLog is a record that fails to append.
type brokenLog struct{ journal.Log }

func (brokenLog) Append(context.Context, []event.Event) ([]journal.Receipt, error) {
	return nil, errors.New("disk full at /secret/path")
}

func TestRecordFails(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Log = brokenLog{c.Log} })
	a := s.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/json")
	if a.status != 503 || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "secret") {
		t.Errorf("got %d, Retry-After %q, %s; want 503 with Retry-After and nothing of ours", a.status, a.header.Get("Retry-After"), a.body)
	}
	if !strings.Contains(s.logged.String(), "disk full") {
		t.Errorf("the log does not say why: %s", s.logged)
	}
}

type fullLog struct{ journal.Log }

func (fullLog) Append(context.Context, []event.Event) ([]journal.Receipt, error) {
	return nil, fmt.Errorf("journal: %w", &os.PathError{Op: "write", Path: "/secret/path", Err: syscall.ENOSPC})
}

func TestDiskFull(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Log = fullLog{c.Log} })
	a := s.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/json")
	if a.status != 503 || codeOf(a) != "full" || !strings.Contains(a.body, "disk") || strings.Contains(a.body, "secret") {
		t.Errorf("got %d %s, want it to say that the disk is full", a.status, a.body)
	}
}

// A form is what a page of another site can send without asking, so any sign of a browser shuts it out.
func TestFormFromBrowser(t *testing.T) {
	s := open(t, nil)
	for _, header := range [][2]string{{"Origin", s.url}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Mode", "navigate"}, {"Referer", s.url + "/"}} {
		a := s.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/x-www-form-urlencoded", header[0], header[1])
		if a.status != 415 {
			t.Errorf("%s: got %d %s, want 415", header[0], a.status, a.body)
		}
	}
}

func TestCrossSitePublishing(t *testing.T) {
	s := open(t, nil)
	for _, row := range []struct {
		name, header, value string
		want                int
	}{
		{"same origin", "Sec-Fetch-Site", "same-origin", 202},
		{"typed by hand", "Sec-Fetch-Site", "none", 202},
		{"another site", "Sec-Fetch-Site", "cross-site", 403},
		{"another port", "Sec-Fetch-Site", "same-site", 403},
		{"own origin of an old browser", "Origin", s.url, 202},
		{"another origin of an old browser", "Origin", "http://evil.example", 403},
		{"a sandboxed page", "Origin", "null", 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/servers/a/events", `{"type":"x:y"}`, "Content-Type", "application/json", row.header, row.value)
			if a.status != row.want {
				t.Errorf("got %d %s, want %d", a.status, a.body, row.want)
			}
		})
	}
}

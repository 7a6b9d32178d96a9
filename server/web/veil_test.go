package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
)

// A server that may not be seen can't be told from one that was never there: not by status, headers or body, and no record is read
// to find out.
func TestHiddenIsAsAbsent(t *testing.T) {
	reads := new(countedLog)
	g := openGuarded(t, func(c *web.Config) { reads.Log = c.Log; c.Log = reads })
	all, some := token("alice", nil), token("bob", jwt.MapClaims{"servers": "db", "scope": "subscribe publish"})
	for _, body := range []string{`{"type":"server:online"}`, `{"type":"logs:app","data":{"message":"x"}}`} {
		if a := g.do(t, "POST", "/api/servers/hidden-1/events", body, "Content-Type", "application/json", "Authorization", "Bearer "+all); a.status != 202 {
			t.Fatal(a.body)
		}
	}
	newest := g.head(t).String()
	volatile := regexp.MustCompile(`"made":"[^"]*"|left:[0-9.]+%|[0-9]{4}-[0-9-]+T[0-9:.]+Z|[0-9]{2}:[0-9]{2}(:[0-9]{2})?|[0-9]+\.[0-9]+|"timestamp":"[^"]*"`)
	about := func(path, name, accept string, header ...string) string {
		a := g.once(t, "GET", strings.ReplaceAll(path, "NAME", name), "", append([]string{"Accept", accept, "Authorization", "Bearer " + some}, header...)...)
		a.header.Del("Date")
		text := fmt.Sprint(a.status, " ", a.header, " ", a.body)
		text = volatile.ReplaceAllString(strings.ReplaceAll(text, name, "NAME"), "T")
		text = regexp.MustCompile(`Content-Length:\[[0-9]+\]`).ReplaceAllString(text, "L")
		if strings.HasPrefix(path, "/servers/") { // go-app writes attributes in any order
			words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n<>", r) })
			slices.Sort(words)
			text = strings.Join(words, " ")
		}
		return text
	}
	for _, path := range []string{
		"/api/servers/NAME/events", "/api/servers/NAME/events?after=" + newest, "/api/servers/NAME/events?from=2020-01-01T00:00:00Z&every=5s", "/api/servers/NAME/events?limit=1",
		"/api/events?servers=NAME", "/api/servers?servers=NAME", "/servers/NAME", "/api/events?servers=NAME&before=" + newest,
	} {
		for _, accept := range []string{"application/json", "application/x-ndjson"} {
			before := reads.n()
			hidden, absent := about(path, "hidden-1", accept), about(path, "absent-1", accept)
			if hidden != absent {
				t.Errorf("%s:\n%s\nwhere it is hidden, and where it is not there\n%s", path, hidden, absent)
			}
			if n := reads.n() - before; n != 0 {
				t.Errorf("%s: %d reads of the record for nothing", path, n)
			}
			if strings.Contains(hidden, newest) && !strings.Contains(path, newest) {
				t.Errorf("%s names a place of what may not be seen: %s", path, hidden)
			}
		}
	}
	for _, name := range []string{"hidden-1", "absent-1"} {
		a := g.do(t, "POST", "/api/servers/"+name+"/events", `{"type":"x:y"}`, "Content-Type", "application/json", "Authorization", "Bearer "+some)
		if a.status != 403 || codeOf(a) != "forbidden" {
			t.Errorf("publishing for %s: got %d %s", name, a.status, a.body)
		}
	}
}

// countedLog counts what is read.
type countedLog struct {
	journal.Log
	mu    sync.Mutex
	reads int
}

func (c *countedLog) Read(ctx context.Context, q journal.Query) (journal.Page, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	return c.Log.Read(ctx, q)
}

func (c *countedLog) At(ctx context.Context, t time.Time) (event.ID, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	return c.Log.At(ctx, t)
}

func (c *countedLog) n() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads
}

func (c *countedLog) PutNote(ctx context.Context, name string, value []byte) error {
	return c.Log.(journal.Notes).PutNote(ctx, name, value)
}

func (c *countedLog) WatchNotes(ctx context.Context, prefix string, fn func(map[string][]byte) error) error {
	return c.Log.(journal.Notes).WatchNotes(ctx, prefix, fn)
}

// Who may see some events is told no place but theirs, in whatever he reads, and still gets all of them page by page.
func TestPlacesOfOthersAreNotTold(t *testing.T) {
	g := openGuarded(t, nil)
	all, some := "Bearer "+token("alice", nil), "Bearer "+token("bob", jwt.MapClaims{"servers": "mine"})
	publish := func(server string) string {
		a := g.do(t, "POST", "/api/servers/"+server+"/events", `{"type":"metrics:cpu","data":{"usage":1}}`, "Content-Type", "application/json", "Authorization", all)
		var out struct{ Events []struct{ ID string } }
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 202 {
			t.Fatal(a.status, a.body)
		}
		return out.Events[0].ID
	}
	hidden, mine := map[string]bool{}, []string{}
	for i := range 40 {
		if i%4 == 1 {
			mine = append(mine, publish("mine"))
		} else {
			hidden[publish("theirs")] = true
		}
	}
	epoch, _, _ := strings.Cut(mine[0], ".")
	place := regexp.MustCompile(`\b` + epoch + `\.[0-9]+\b`) // what else looks like one is a number
	check := func(what string, texts ...string) {
		t.Helper()
		for _, id := range place.FindAllString(strings.Join(texts, "\n"), -1) {
			if hidden[id] || !slices.Contains(mine, id) {
				t.Errorf("%s tells of the place %s, which is not of what may be seen: %s", what, id, texts)
			}
		}
	}
	for _, accept := range []string{"application/json", "application/x-ndjson"} {
		for _, query := range []string{"?limit=3", "?limit=3&every=1s", "?limit=4&from=2020-01-01T00:00:00Z", "?limit=100"} {
			var got []string
			next := "/api/events" + query
			for pages := 0; next != ""; pages++ {
				if pages > 20 {
					t.Fatalf("%s: the pages do not end", query)
				}
				a := g.do(t, "GET", next, "", "Accept", accept, "Authorization", some)
				if a.status != 200 {
					t.Fatalf("%s: %d %s", next, a.status, a.body)
				}
				a.header.Del("Date")
				check(next, a.body, fmt.Sprint(a.header))
				for _, m := range regexp.MustCompile(`"id":"([0-9a-f]{5,8}\.[0-9]+)","event"`).FindAllStringSubmatch(a.body, -1) {
					got = append(got, m[1])
				}
				more, after := a.header.Get("Telltale-More") == "true", a.header.Get("Telltale-Next")
				if accept == "application/json" {
					more, after = field(t, a.body, "more") == "true", field(t, a.body, "next")
				}
				if next = ""; more {
					next = "/api/events" + query + "&after=" + after
				}
			}
			want := mine
			if strings.Contains(query, "every") { // one sample of each second is enough
				want = got
				if len(got) == 0 {
					t.Errorf("%s: got nothing", query)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: got %v, want %v", accept, query, got, want)
			}
		}
	}
	servers := g.do(t, "GET", "/api/servers", "", "Authorization", some)
	check("the list of servers", servers.body)
	if field(t, servers.body, "place") != mine[len(mine)-1] {
		t.Errorf("got %s, want the place of the newest that may be seen, %s", servers.body, mine[len(mine)-1])
	}
	page := g.do(t, "GET", "/servers/mine", "", "Authorization", some)
	check("the page", page.body)
	if !strings.Contains(page.body, mine[len(mine)-1]) {
		t.Error("the page has no picture")
	}
	// Where the record ends can't be found by trying either: places that are others', and places that are not there.
	newest, err := event.ParseID(mine[len(mine)-1])
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]bool{}
	for d := range uint64(6) {
		id := event.ID{Epoch: newest.Epoch, Seq: newest.Seq + 1 + d}.String()
		a := g.do(t, "GET", "/api/events?after="+id, "", "Accept", "application/json", "Authorization", some)
		answers[fmt.Sprint(a.status, strings.ReplaceAll(a.body, id, "ID"))] = true
	}
	if len(answers) != 1 {
		t.Errorf("places beyond the last that may be seen: got %d different answers, want one: %v", len(answers), answers)
	}
	if a := g.do(t, "GET", "/api/events?after="+mine[3], "", "Accept", "application/json", "Authorization", some); a.status != 200 || !strings.Contains(a.body, mine[4]) {
		t.Errorf("from a place of mine: got %d %s", a.status, a.body)
	}
	f := g.follow(t, "/api/events", "Authorization", some, "Last-Event-ID", mine[2])
	frames := f.until("stream:heartbeat")
	check("the stream", fmt.Sprint(frames))
	if len(frames) != 2+len(mine)-3 {
		t.Errorf("resumed: got %v, want sync, the seven missed and a heartbeat", frames)
	}
}

// Events that a token may not publish are refused whole, each named, and nothing is recorded.
func TestPublishOnlyWhatMay(t *testing.T) {
	g := openGuarded(t, nil)
	some := "Bearer " + token("ci", jwt.MapClaims{"servers": "ci-*", "types": "deployment:*", "scope": "publish"})
	a := g.do(t, "POST", "/api/events", `[{"serverId":"ci-1","type":"deployment:started"},{"serverId":"web-1","type":"deployment:started"},{"serverId":"ci-2","type":"logs:app","data":{"message":"x"}}]`,
		"Content-Type", "application/json", "Authorization", some)
	var p struct {
		Code   string
		Errors []struct {
			Index          int
			Field, Message string
		}
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 403 || p.Code != "forbidden" || len(p.Errors) != 2 {
		t.Fatalf("got %d %s, want 403 naming two events", a.status, a.body)
	}
	for i, want := range []string{"1 events[1] deployment:started of web-1", "2 events[2] logs:app of ci-2"} {
		e := p.Errors[i]
		index, rest, _ := strings.Cut(want, " ")
		field, what, _ := strings.Cut(rest, " ")
		if fmt.Sprint(e.Index) != index || e.Field != field || !strings.Contains(e.Message, what) {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
	if head := g.head(t); !head.IsZero() {
		t.Errorf("recorded up to %s, want nothing", head)
	}
	if a := g.do(t, "POST", "/api/events", `{"serverId":"ci-1","type":"deployment:started"}`, "Content-Type", "application/json", "Authorization", some); a.status != 202 {
		t.Errorf("what may be published: got %d %s", a.status, a.body)
	}
}

package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const stamp = `"timestamp":"2026-09-14T12:04:31.207Z"`

func TestDraftEvent(t *testing.T) {
	earlier := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600))
	for _, tt := range []struct {
		name  string
		draft Draft
		url   string // the server in the URL
		want  string
	}{
		{"nothing but a type", Draft{Type: "backup:finished"}, "web-1", `{` + stamp + `,"serverId":"web-1"}`},
		{"null is no payload", Draft{Type: "a:b", Data: json.RawMessage(" null\n")}, "web-1", `{` + stamp + `,"serverId":"web-1"}`},
		{"server of the draft", Draft{Type: "a:b", ServerID: "db"}, "", `{` + stamp + `,"serverId":"db"}`},
		{"server said twice", Draft{Type: "a:b", ServerID: "db"}, "db", `{` + stamp + `,"serverId":"db"}`},
		{"order and spaces", Draft{Type: "a:b", Data: json.RawMessage(" {\n \"z\": 1 ,\"a\" : [ 1, {\"b c\" :2} ] } ")}, "web-1", `{` + stamp + `,"serverId":"web-1","z":1,"a":[1,{"b c":2}]}`},
		{"key as id", Draft{ID: "k-1", Type: "a:b", Source: "ci"}, "web-1", `{"id":"k-1",` + stamp + `,"serverId":"web-1","source":"ci"}`},
		{"payload's id and source count", Draft{ID: "k-1", Type: "a:b", Source: "ci", Data: json.RawMessage(`{"a":1,"source":{"x":1},"id":7}`)}, "web-1",
			`{"id":7,` + stamp + `,"serverId":"web-1","source":{"x":1},"a":1}`},
		{"serverId is the hub's word", Draft{Type: "a:b", Data: json.RawMessage(`{"serverId":"evil","s\u0065rverId":"evil","a":1}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","a":1}`},
		{"for readers that fold case too", Draft{Type: "a:b", Data: json.RawMessage(`{"ServerID":"evil","a":1}`)}, "web-1",
			`{` + stamp + `,"serverId":"web-1","ServerID":"evil","a":1,"serverId":"web-1"}`},
		{"time of the draft", Draft{Type: "a:b", Timestamp: earlier}, "web-1", `{"timestamp":"2026-01-02T02:04:05.678Z","serverId":"web-1"}`},
		{"time of the payload", Draft{Type: "a:b", Timestamp: earlier, Data: json.RawMessage(`{"timestamp":"2026-09-14T14:04:31.2079+02:00"}`)}, "web-1", `{` + stamp + `,"serverId":"web-1"}`},
		{"text is left alone", Draft{Type: "a:b", Data: json.RawMessage(`{"<k>":"<a&b>\u2028\ud800 é\/"}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","<k>":"<a&b>\u2028\ud800 é\/"}`},
		{"server that needs quoting", Draft{Type: "a:b"}, `a"b\c`, `{` + stamp + `,"serverId":"a\"b\\c"}`},
		{"repeats pass", Draft{Type: "a:b", Data: json.RawMessage(`{"a":1,"a":2}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","a":1,"a":2}`},
		{"the guide's metric", Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"type":"cpu","value":42}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","type":"cpu","value":42}`},
		{"the least metric", Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"value":42}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","value":42,"type":"cpu"}`},
		{"headline of cpu", Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"usage":4.2e1}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","usage":4.2e1,"type":"cpu","value":42}`},
		{"headline of memory", Draft{Type: "metrics:memory", Data: json.RawMessage(`{"used":1,"available":2}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","used":1,"available":2,"type":"memory","value":33.33}`},
		{"headline of network", Draft{Type: "metrics:network", Data: json.RawMessage(`{"bytesIn":7,"bytesOut":8}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","bytesIn":7,"bytesOut":8,"type":"network","value":7}`},
		{"headline of requests", Draft{Type: "metrics:requests", Data: json.RawMessage(`{"count":0}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","count":0,"type":"requests","value":0}`},
		{"headline of storage", Draft{Type: "metrics:storage", Data: json.RawMessage(`{"used":3,"available":1}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","used":3,"available":1,"type":"storage","value":75}`},
		{"no headline to be had", Draft{Type: "metrics:storage", Data: json.RawMessage(`{"used":3}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","used":3,"type":"storage"}`},
		{"no headline of nothing", Draft{Type: "metrics:memory", Data: json.RawMessage(`{"used":0,"available":0}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","used":0,"available":0,"type":"memory"}`},
		{"unknown metric", Draft{Type: "metrics:gpu", Data: json.RawMessage(`{"usage":3}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","usage":3,"type":"gpu"}`},
		{"other categories get none", Draft{Type: "logs:app", Data: json.RawMessage(`{"message":"x"}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","message":"x"}`},
		{"null is missing", Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"usage":null,"value":1,"type":"cpu"}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","usage":null,"value":1,"type":"cpu"}`},
		{"absurd values pass", Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"usage":-1e999,"value":1,"type":"cpu"}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","usage":-1e999,"value":1,"type":"cpu"}`},
		{"an id of any type", Draft{Type: "deployment:building", Data: json.RawMessage(`{"id":{"n":1},"progress":5}`)}, "web-1", `{"id":{"n":1},` + stamp + `,"serverId":"web-1","progress":5}`},
		{"unknown fields of a known type", Draft{Type: "server:online", Data: json.RawMessage(`{"zone":7}`)}, "web-1", `{` + stamp + `,"serverId":"web-1","zone":7}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := tt.draft.Event(tt.url, testTime)
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Data) != tt.want {
				t.Errorf("got  %s\nwant %s", e.Data, tt.want)
			}
			if e.Type != tt.draft.Type || e.Key != tt.draft.ID || !e.ID.IsZero() {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestDraftErrors(t *testing.T) {
	data := func(s string) Draft { return Draft{Type: "a:b", Data: json.RawMessage(s)} }
	known := func(typ, s string) Draft { return Draft{Type: typ, Data: json.RawMessage(s)} }
	big := `{"a":"` + strings.Repeat("x", MaxData) + `"}`
	for _, tt := range []struct {
		name  string
		draft Draft
		url   string
		want  string // the beginning of the error
	}{
		{"no type", Draft{}, "web-1", `type: want "category:action"`},
		{"bad type", Draft{Type: "a:b\nid: 7"}, "web-1", `type: want "category:action"`},
		{"the hub's own", Draft{Type: "stream:sync"}, "web-1", `type: "stream:…" events are the hub's own`},
		{"no server", Draft{Type: "a:b"}, "", "serverId: a server needs an id"},
		{"bad server", Draft{Type: "a:b", ServerID: "a*"}, "", "serverId: a server's id can't hold"},
		{"two servers", Draft{Type: "a:b", ServerID: "db"}, "web-1", `serverId: "db" differs`},
		{"long key", Draft{Type: "a:b", ID: strings.Repeat("x", MaxKeyLen+1)}, "web-1", "id: longer than"},
		{"bad key", Draft{Type: "a:b", ID: "a\nb"}, "web-1", "id: holds a control character"},
		{"long source", Draft{Type: "a:b", Source: strings.Repeat("x", MaxSourceLen+1)}, "web-1", "source: longer than"},
		{"bad source", Draft{Type: "a:b", Source: "\xff"}, "web-1", "source: not valid UTF-8"},
		{"not JSON", data("hello"), "web-1", "data: want a JSON object"},
		{"an array", data("[]"), "web-1", "data: want a JSON object"},
		{"cut off", data(`{"a":1`), "web-1", "data: want a JSON object"},
		{"two objects", data(`{}{}`), "web-1", "data: want a JSON object"},
		{"not UTF-8", data("{\"a\":\"\xff\"}"), "web-1", "data: not valid UTF-8"},
		{"too large", data(big), "web-1", "data: longer than"},
		{"too large with what is added", data(big[:6] + big[12:]), "web-1", "data: longer than"},
		{"too deep", data(strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)), "web-1", "data: want a JSON object"},
		{"bad timestamp", data(`{"timestamp":"yesterday"}`), "web-1", "data.timestamp: want RFC 3339"},
		{"numeric timestamp", data(`{"timestamp":1757851471207}`), "web-1", "data.timestamp: want RFC 3339"},
		{"year 0", data(`{"timestamp":"0000-12-31T23:59:59Z"}`), "web-1", "timestamp: want a year"},
		{"year 10000", Draft{Type: "a:b", Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "web-1", "timestamp: want a year"},
		{"a string for a number", known("metrics:cpu", `{"usage":"42"}`), "web-1", "data.usage: want a number"},
		{"an object for a number", known("metrics:cpu", `{"value":{}}`), "web-1", "data.value: want a number"},
		{"a number for a string", known("logs:app", `{"level":1}`), "web-1", "data.level: want a string"},
		{"half a request", known("logs:request", `{"statusCode":200.5}`), "web-1", "data.statusCode: want a whole number"},
		{"a string for a bool", known("server:error", `{"critical":"true"}`), "web-1", "data.critical: want true or false"},
		{"a number for a time", known("server:starting", `{"startTime":5}`), "web-1", "data.startTime: want RFC 3339"},
		{"a string for a list", known("deployment:failed", `{"logs":"x"}`), "web-1", "data.logs: want an array of strings"},
		{"a list of numbers", known("deployment:failed", `{"logs":[1]}`), "web-1", "data.logs: want an array of strings"},
		{"an escaped name", known("metrics:cpu", `{"us\u0061ge":"42"}`), "web-1", "data.usage: want a number"},
		{"the second of two", known("metrics:cpu", `{"usage":1,"usage":[]}`), "web-1", "data.usage: want a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := tt.draft.Event(tt.url, testTime)
			if _, ok := errors.AsType[*FieldError](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
			if e.Data != nil || e.Type != "" {
				t.Errorf("an event comes with the error: %+v", e)
			}
		})
	}
}

// The Event owns its Data.
func TestDraftMayBeReused(t *testing.T) {
	data := []byte(`{"id":"x","a":"b","source":"y"}`)
	d := Draft{Type: "a:b", Data: data}
	e, err := d.Event("web-1", testTime)
	if err != nil {
		t.Fatal(err)
	}
	want := string(e.Data)
	for i := range data {
		data[i] = '#'
	}
	if string(e.Data) != want {
		t.Errorf("got %s, want %s", e.Data, want)
	}
}

// membersOf returns the members of an object as encoding/json sees them, in order: key, a tab, compact value.
func membersOf(t *testing.T, object []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		t.Fatalf("%s: %v, %v", object, tok, err)
	}
	var list []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		var val json.RawMessage
		if err := dec.Decode(&val); err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		var b bytes.Buffer
		if err := json.Compact(&b, val); err != nil {
			t.Fatal(err)
		}
		list = append(list, key.(string)+"\t"+b.String())
	}
	return list
}

// FuzzDraft: whatever a stranger publishes, the event's data is valid JSON on one line, the server is the hub's word to any
// reader, the stream's frame carries exactly it, and the payload's own members come through unchanged and in order.
func FuzzDraft(f *testing.F) {
	for i := range rows {
		f.Add(rows[i].name, "web-1", "", "", []byte(sample(rows[i].name)))
	}
	f.Add("metrics:cpu", "a\"b\\<c>", "key", "ci", []byte(`{"s\u0065rverId":"x","ServerId":"y","\u017ferverid":"z","serverId":1,"serverId":2}`))
	f.Add("metrics:gpu", "a", "k", "", []byte("{\"id\":null,\"id\":{\"a\":[1,\"}\"]}, \"value\" : 1e999,\r\n\"timestamp\":\"2024-02-29T00:00:00+14:00\"}"))
	f.Add("a:b", "a", "", "", []byte("{\"\\ud800\":\"\u2028\u0085\", \"\":\"\", \"<&>\":[ ] }"))
	f.Add("metrics:memory", "a", "", "", []byte(`{"used":1e308,"available":1e308}`))
	f.Fuzz(func(t *testing.T, typ, server, key, source string, data []byte) {
		d := Draft{ID: key, Type: typ, Source: source, Data: data}
		e, err := d.Event(server, testTime)
		if err != nil {
			if _, ok := errors.AsType[*FieldError](err); !ok {
				t.Errorf("%v is no FieldError", err)
			}
			return
		}
		if !json.Valid(e.Data) || !utf8.Valid(e.Data) || bytes.ContainsAny(e.Data, "\r\n") || len(e.Data) > MaxData {
			t.Fatalf("data %q", e.Data)
		}

		var exact map[string]any // as JSON.parse
		var folded struct {      // as a Go client
			ServerID string `json:"serverId"`
		}
		if err := json.Unmarshal(e.Data, &exact); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
			t.Fatal(err)
		}
		if err := json.Unmarshal(e.Data, &folded); err != nil && !strings.Contains(err.Error(), "cannot unmarshal") {
			t.Fatal(err)
		}
		if exact["serverId"] != server || folded.ServerID != server || e.Server != server {
			t.Errorf("server %q, %q, %q, want %q: %s", exact["serverId"], folded.ServerID, e.Server, server, e.Data)
		}

		var payload []string
		if p := bytes.TrimSpace(data); len(p) > 0 && string(p) != "null" {
			payload = membersOf(t, p)
		}
		special := func(m string) bool {
			k, _, _ := strings.Cut(m, "\t")
			return k == "id" || k == "timestamp" || k == "serverId" || k == "source"
		}
		got := slices.DeleteFunc(membersOf(t, e.Data), special)
		want := slices.DeleteFunc(slices.Clone(payload), special)
		if ClassOf(typ) == Sample && len(got) > len(want) {
			for _, added := range got[len(want):] {
				if k, _, _ := strings.Cut(added, "\t"); k != "type" && k != "value" {
					t.Errorf("added %q", added)
				}
			}
			got = got[:len(want)]
		}
		if !slices.Equal(got, want) {
			t.Errorf("members\n got %q\nwant %q", got, want)
		}
		for _, name := range []string{"id", "source"} {
			i := len(payload) - 1
			for i >= 0 && !strings.HasPrefix(payload[i], name+"\t") {
				i--
			}
			if i >= 0 && !slices.Contains(membersOf(t, e.Data), payload[i]) {
				t.Errorf("the payload's %q is lost: %s", payload[i], e.Data)
			}
		}

		e.ID = ID{0x7f, 12}
		back, err := parseWire(t, AppendFrame(nil, e))
		if err != nil {
			t.Fatal(err)
		}
		if back.ID != e.ID || back.Type != e.Type || back.Server != e.Server || !back.Time.Equal(e.Time) || string(back.Data) != string(AppendJSON(nil, e)) {
			t.Errorf("read back %+v, want %+v", back, e)
		}
	})
}

package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/sse"
)

var testTime = time.Date(2026, 9, 14, 12, 4, 31, 207e6, time.UTC)

func TestAppendJSON(t *testing.T) {
	for _, tt := range []struct{ name, id, data, want string }{
		{"the place", "7f.12", `{"timestamp":"t","a":1}`, `{"id":"7f.12","timestamp":"t","a":1}`},
		{"its own id stays", "7f.12", `{"id":"d-812","timestamp":"t"}`, `{"id":"d-812","timestamp":"t"}`},
		{"its own id stays, a number", "7f.12", `{"id":8,"a":1}`, `{"id":8,"a":1}`},
		{"no place yet", "", `{"a":1}`, `{"a":1}`},
		{"nothing else", "7f.12", `{}`, `{"id":"7f.12"}`},
		{"idle is not id", "7f.12", `{"idle":1}`, `{"id":"7f.12","idle":1}`},
		{"no data at all", "7f.12", ``, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var id ID
			if err := id.UnmarshalText([]byte(tt.id)); err != nil {
				t.Fatal(err)
			}
			if got := string(AppendJSON([]byte("x"), Event{ID: id, Data: []byte(tt.data)})); got != "x"+tt.want {
				t.Errorf("got %s, want x%s", got, tt.want)
			}
		})
	}
}

// parseWire decodes one frame from the bytes of a stream.
func parseWire(t testing.TB, wire []byte) (Event, error) {
	t.Helper()
	var e Event
	err := errors.New("no frame")
	var d sse.Decoder
	if pushErr := d.Push(wire, func(f sse.Frame) bool {
		e, err = Parse(f)
		e.Data = bytes.Clone(e.Data)
		return false
	}); pushErr != nil {
		t.Fatal(pushErr)
	}
	return e, err
}

func TestAppendFrameAndParse(t *testing.T) {
	d, err := MetricsCPU.Draft("web-1", CPU{Usage: Num(42.1)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Event("", testTime)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = ID{0x7f3a1c09, 1204}
	wire := AppendFrame(nil, e)
	want := "id: 7f3a1c09.1204\nevent: metrics:cpu\ndata: " +
		`{"id":"7f3a1c09.1204","timestamp":"2026-09-14T12:04:31.207Z","serverId":"web-1","usage":42.1,"type":"cpu","value":42.1}` + "\n\n"
	if string(wire) != want {
		t.Errorf("got %q\nwant %q", wire, want)
	}
	got, err := parseWire(t, wire)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != e.ID || got.Type != e.Type || got.Server != e.Server || !got.Time.Equal(e.Time) || got.Class() != Sample {
		t.Errorf("got %+v, want %+v", got, e)
	}
	cpu, err := MetricsCPU.Decode(got.Data)
	if want := (CPU{Type: "cpu", Value: Num(42.1), Usage: Num(42.1)}); err != nil || cpu != want {
		t.Errorf("got %+v, %v, want %+v", cpu, err, want)
	}

	e.ID = ID{}
	if wire := string(AppendFrame(nil, e)); strings.Contains(wire, "id: ") {
		t.Errorf("a frame without a place would reset the reader's: %q", wire)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, id, data string
		want           Event
		err            error
	}{
		{"whole", "7f.12", `{"id":"x","timestamp":"2026-09-14T12:04:31.207Z","serverId":"web-1"}`, Event{ID: ID{0x7f, 12}, Server: "web-1", Time: testTime}, nil},
		{"not as AppendFrame has it", "7f.12", `{"id":"x","timestamp":"2026-09-14T12:04:31.207Z","location":"x","serverId":"web-1"}`, Event{ID: ID{0x7f, 12}, Server: "web-1", Time: testTime}, nil},
		{"an id with escapes", "7f.12", `{"id":"\"","timestamp":"2026-09-14T12:04:31.207Z","serverId":"web-1"}`, Event{ID: ID{0x7f, 12}, Server: "web-1", Time: testTime}, nil},
		{"another zone", "7f.12", `{"timestamp":"2026-09-14T14:04:31.2079+02:00","serverId":"web-1"}`, Event{ID: ID{0x7f, 12}, Server: "web-1", Time: testTime}, nil},
		{"escapes", "7f.12", `{"serverI\u0064":"web\u002d1"}`, Event{ID: ID{0x7f, 12}, Server: "web-1"}, nil},
		{"control without place", "", `{"mode":"fresh"}`, Event{}, nil},
		{"empty object", "7f.12", ` { } `, Event{ID: ID{0x7f, 12}}, nil},
		{"strange types", "7f.12", `{"timestamp":12,"serverId":[]}`, Event{ID: ID{0x7f, 12}}, nil},
		{"foreign id", "12", `{}`, Event{}, ErrID},
		{"not JSON", "7f.12", `hello`, Event{}, ErrData},
		{"an array", "7f.12", `[]`, Event{}, ErrData},
		{"cut off", "7f.12", `{"a":1,`, Event{}, ErrData},
		{"cut off in the id", "7f.12", `{"id":"` + strings.Repeat("x", 100), Event{}, ErrData},
		{"cut off in the server", "7f.12", `{"id":"x","timestamp":"2026-09-14T12:04:31.207Z","serverId":"web`, Event{}, ErrData},
		{"empty", "7f.12", ``, Event{}, ErrData},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(sse.Frame{ID: []byte(tt.id), Event: []byte("a:b"), Data: []byte(tt.data)})
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if got.Type != "a:b" || string(got.Data) != tt.data {
				t.Errorf("got type %q, data %s", got.Type, got.Data)
			}
			if err == nil && (got.ID != tt.want.ID || got.Server != tt.want.Server || !got.Time.Equal(tt.want.Time)) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	f := sse.Frame{ID: []byte("7f3a1c09.1204"), Event: []byte("metrics:cpu"), Data: sample("metrics:cpu")}
	if n := testing.AllocsPerRun(100, func() {
		e, err := Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := MetricsCPU.Decode(e.Data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a metric whose names are known, want none", n)
	}
}

// FuzzParse: no frame makes Parse or a decoder panic or keep the frame's memory, and what they read of valid JSON is what
// encoding/json reads.
func FuzzParse(f *testing.F) {
	for i := range rows {
		f.Add("7f3a1c09.1204", rows[i].name, []byte(sample(rows[i].name)))
	}
	f.Add("", "a:b", []byte(`{"timestamp":"2026-02-29T00:00:00.000Z","serverId":"\ud83d\ude00\ud800"}`))
	f.Add("1.1", "metrics:cpu", []byte(`{"usage":-Inf,"value":0x1p4,"cores":1_0,"type":"\u00"}`))
	f.Add("1.1", "metrics:cpu", []byte("{\"usage\":1\"type\" : {[}]\\"))
	f.Fuzz(func(t *testing.T, id, typ string, data []byte) {
		frame := sse.Frame{ID: []byte(id), Event: []byte(typ), Data: data}
		e, err := Parse(frame)
		if r := find(typ); r != nil {
			before, _ := r.decodePayload(data)
			mine := bytes.Clone(data)
			after, _ := r.decodePayload(mine)
			for i := range mine {
				mine[i] = '#'
			}
			if !deepEqual(before, after) {
				t.Errorf("the payload changes with the frame's memory: %+v, %+v", before, after)
			}
			if _, err := json.Marshal(after); err != nil && json.Valid(data) {
				t.Errorf("what was decoded can't be written: %v", err)
			}
		}
		if err != nil || !json.Valid(data) || !utf8.Valid(data) {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatalf("Parse takes what is no object: %s", data)
		}
		if strings.Count(string(data), `serverId"`) != 1 || strings.Count(string(data), `timestamp"`) != 1 || bytes.IndexByte(data, '\\') >= 0 {
			return // Parse relies on one of each, as AppendFrame writes them
		}
		var server string
		if json.Unmarshal(all["serverId"], &server) == nil && all["serverId"] != nil && e.Server != server {
			t.Errorf("%s: server %q, want %q", data, e.Server, server)
		}
		var when time.Time
		if json.Unmarshal(all["timestamp"], &when) == nil && all["timestamp"] != nil && !e.Time.Equal(when.Truncate(time.Millisecond)) {
			t.Errorf("%s: time %v, want %v", data, e.Time, when)
		}
	})
}

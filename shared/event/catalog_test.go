package event

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// payloadType is the T of a row's Kind[T].
func (r *row) payloadType() reflect.Type { return reflect.TypeOf(r.decode).Out(0) }

// decodePayload is Kind[T].Decode for tests that go through all kinds.
func (r *row) decodePayload(data []byte) (payload any, err error) {
	out := reflect.ValueOf(r.decode).Call([]reflect.Value{reflect.ValueOf(data)})
	err, _ = out[1].Interface().(error)
	return out[0].Interface(), err
}

// ownFields returns data without the common fields that the payload does not have itself.
func ownFields(t *testing.T, r *row, data []byte) []byte {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	for _, f := range commonFields {
		if !slices.ContainsFunc(r.fields, func(own Field) bool { return own.Name == f.Name }) {
			delete(all, f.Name)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sortKeys sorts the keys of a JSON value, so that two that say the same are the same.
func sortKeys(t *testing.T, data []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkSample holds one stored example to its payload: nothing unknown, read alike by our decoder and by encoding/json, and
// written again the same.
func checkSample(t *testing.T, r *row, data []byte) {
	t.Helper()
	own := ownFields(t, r, data)
	strict := reflect.New(r.payloadType())
	dec := json.NewDecoder(bytes.NewReader(own))
	dec.DisallowUnknownFields()
	if err := dec.Decode(strict.Interface()); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	ours, err := r.decodePayload(data)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	if !reflect.DeepEqual(ours, strict.Elem().Interface()) {
		t.Errorf("%s:\n  Decode gives %+v\nencoding/json %+v", r.name, ours, strict.Elem())
	}
	again, err := json.Marshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sortKeys(t, again), sortKeys(t, own); got != want {
		t.Errorf("%s: written again\n got %s\nwant %s", r.name, got, want)
	}
}

func TestSamples(t *testing.T) {
	for i := range rows {
		r := &rows[i]
		t.Run(r.name, func(t *testing.T) {
			data := sample(r.name)
			if data == nil {
				t.Fatal("no sample")
			}
			checkSample(t, r, data)
			var members map[string]json.RawMessage
			if err := json.Unmarshal(data, &members); err != nil {
				t.Fatal(err)
			}
			want := r.fields
			if r.class != Control {
				want = slices.Concat(commonFields, want)
			}
			for _, f := range want {
				if f.Name == "flapped" && r.name != "server:error" { // one lamp that flapped is enough
					continue
				}
				if _, ok := members[f.Name]; !ok {
					t.Errorf("the sample does not show %q", f.Name)
				}
			}
			if r.class == Control {
				return
			}
			if err := check(r.name, data); err != nil {
				t.Errorf("the sample can't be published: %v", err)
			}
		})
	}
	files, err := samples.ReadDir("samples")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(rows) {
		t.Errorf("%d samples for %d types", len(files), len(rows))
	}
}

// TestV1 reads the samples as they were when the vocabulary was first published. THE FILES IN testdata/v1 ARE NEVER EDITED:
// browsers, scripts and records out there hold such events. If this fails, it is the catalogue that is wrong. New fields and
// types get samples of their own in samples/.
func TestV1(t *testing.T) {
	files, err := filepath.Glob("testdata/v1/*.json")
	if err != nil || len(files) != 27 {
		t.Fatalf("%d files, %v, want 27", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Replace(strings.TrimSuffix(filepath.Base(file), ".json"), "_", ":", 1)
		r := find(name)
		if r == nil {
			t.Errorf("%s is no longer in the catalogue", name)
			continue
		}
		checkSample(t, r, data)
	}
}

func TestCatalogue(t *testing.T) {
	types := Catalogue()
	if len(types) != 27 {
		t.Errorf("%d types, want 27", len(types))
	}
	for _, typ := range types {
		t.Run(typ.Name, func(t *testing.T) {
			if got, ok := Lookup(typ.Name); !ok || got.Description != typ.Description {
				t.Errorf("Lookup gives %+v, %t", got, ok)
			}
			if err := CheckType(typ.Name); err != nil {
				t.Error(err)
			}
			if typ.Name != typ.Category+":"+typ.Action {
				t.Errorf("category %q, action %q", typ.Category, typ.Action)
			}
			// A client that does not know the type goes by its category, and must treat it alike.
			if got := ClassOf(typ.Name); got != typ.Class {
				t.Errorf("class %v, ClassOf says %v", typ.Class, got)
			}
			texts := []string{typ.Description, typ.SlowLink, typ.Newcomer}
			for _, f := range typ.Fields {
				texts = append(texts, f.Meaning)
				if (f.Type == numberField || strings.HasSuffix(f.Name, "Ms")) && f.Unit == "" && f.Name != "max" {
					t.Errorf("%s: a number without unit", f.Name)
				}
			}
			for _, s := range texts {
				if !strings.HasSuffix(s, ".") || strings.ToUpper(s[:1]) != s[:1] {
					t.Errorf("%q is not a sentence", s)
				}
			}
		})
	}
	if typ, ok := Lookup("backup:finished"); ok {
		t.Errorf("Lookup of an unknown type gives %+v", typ)
	}
}

func TestCatalogueIsInOrder(t *testing.T) {
	var categories []string
	for _, typ := range Catalogue() {
		if n := len(categories); n == 0 || categories[n-1] != typ.Category {
			categories = append(categories, typ.Category)
		}
	}
	if want := []string{"server", "deployment", "metrics", "logs", "stream"}; !slices.Equal(categories, want) {
		t.Errorf("got %q, want %q", categories, want)
	}
}

func TestCatalogueAsJSON(t *testing.T) {
	b, err := json.Marshal(Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var types []struct {
		Name, Class string
		Fields      []Field
		Sample      struct{ Value float64 }
	}
	if err := json.Unmarshal(b, &types); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(types, func(typ struct {
		Name, Class string
		Fields      []Field
		Sample      struct{ Value float64 }
	}) bool {
		return typ.Name == "metrics:cpu"
	})
	if i < 0 {
		t.Fatal("no metrics:cpu")
	}
	usage := Field{Name: "usage", Type: "number", Unit: "percent", Meaning: "Time not idle, of all cores together: 100 is every core busy.", Optional: true}
	if cpu := types[i]; cpu.Class != "sample" || cpu.Sample.Value != 42.1 || !slices.Contains(cpu.Fields, usage) {
		t.Errorf("metrics:cpu is %+v", cpu)
	}
}

func TestCommonFields(t *testing.T) {
	var got []string
	for _, f := range CommonFields() {
		got = append(got, f.Name+" "+f.Type)
	}
	want := []string{"id string", "timestamp time", "serverId string", "source string", "flapped integer"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKind(t *testing.T) {
	d, err := MetricsCPU.Draft("web-1", CPU{Usage: Num(42.1), Cores: Num(8)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Data), `{"usage":42.1,"cores":8}`; got != want || d.Type != "metrics:cpu" || d.ServerID != "web-1" {
		t.Errorf("Draft: got %+v, data %s, want %s", d, got, want)
	}
	if _, err := LogsApp.Draft("web-1", AppLine{Context: json.RawMessage("{")}); err == nil {
		t.Error("Draft takes a context that is not JSON")
	}
	if got := MetricsCPU.Class(); got != Sample {
		t.Errorf("Class: got %v, want %v", got, Sample)
	}
	frame, err := StreamClosing.AppendFrame(nil, ID{}, Closing{Reason: "shutdown", RetryMs: 1000})
	if want := "event: stream:closing\ndata: {\"reason\":\"shutdown\",\"retryMs\":1000}\n\n"; err != nil || string(frame) != want {
		t.Errorf("AppendFrame: got %q, %v, want %q", frame, err, want)
	}
	frame, err = StreamGap.AppendFrame(nil, ID{0x7f, 12}, Gap{Reason: "trimmed", Classes: []Class{Sample, Line}})
	if want := "id: 7f.12\nevent: stream:gap\ndata: {\"reason\":\"trimmed\",\"classes\":[\"sample\",\"line\"]}\n\n"; err != nil || string(frame) != want {
		t.Errorf("AppendFrame: got %q, %v, want %q", frame, err, want)
	}
}

// A published payload comes out of the stream as it went in.
func TestKindRoundTrip(t *testing.T) {
	for i := range rows {
		r := &rows[i]
		if r.class == Control {
			continue
		}
		payload, err := r.decodePayload(sample(r.name))
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		e, err := (&Draft{Type: r.name, Data: data}).Event("web-1", testTime)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		if again, err := r.decodePayload(e.Data); err != nil || !reflect.DeepEqual(again, payload) {
			t.Errorf("%s: got %+v, %v, want %+v", r.name, again, err, payload)
		}
	}
}

func TestClass(t *testing.T) {
	for typ, want := range map[string]Class{
		"server:online": State, "metrics:gpu": Sample, "logs:audit": Line, "stream:later": Control,
		"backup:finished": State, "metrics": Sample, "": State,
	} {
		if got := ClassOf(typ); got != want {
			t.Errorf("ClassOf(%q) = %v, want %v", typ, got, want)
		}
	}
	for _, c := range append(Classes[:], Control) {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Class
		if err := json.Unmarshal(b, &back); err != nil || back != c {
			t.Errorf("%s: got %v, %v, want %v", b, back, err, c)
		}
	}
	var c Class
	if err := json.Unmarshal([]byte(`"other"`), &c); err == nil {
		t.Error("an unknown class is read")
	}
	if got := Class(9).String(); got != "unknown" {
		t.Errorf("got %q, want unknown", got)
	}
}
